"""Scalars of one value: one form in all terms and entries, which join then."""

from __future__ import annotations

import pytest

import gradwright as gw

JACOBIANS = [
    ("2 * exp(x @ y) * y + (x @ y) * A @ x", {"x": "n", "y": "n", "A": "n n"}, "x",
     "2 exp(xᵀ y) y yᵀ + A x yᵀ + (xᵀ y) A"),
    ("trace(A @ B) * X + trace(B @ A) * X.T", {"X": "n n", "A": "n n", "B": "n n"}, "X",
     "tr(A B) (roll₂→₃(I ⊗ I) + roll₂→₄(I ⊗ I))"),
    # The adjoint of a complex scalar is another number.
    ("trace(A @ B) * Z + trace(B.H @ A.H) * Z.T", {"Z": "n n complex", "A": "n n complex", "B": "n n complex"}, "Z",
     "tr(A B) roll₂→₃(I ⊗ I) + tr(Aᴴ Bᴴ) roll₂→₄(I ⊗ I)"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "declarations", "name", "written"), JACOBIANS)
def test_scalars_of_one_value_are_written_alike(
    text: str, declarations: dict[str, str], name: str, written: str
) -> None:
    D = gw.derive(gw.parse(text, **declarations), wrt=name)
    assert str(D.jacobian) == written
    assert D.verify().right


def test_both_entries_of_a_symmetric_hessian_are_one_trace() -> None:
    D = gw.derive(gw.parse("logdet(t[0] * S + t[1] * eye(n))", t="2", S="n n spd"), wrt="t")
    assert str(D.hessian) == "[−tr(P S P S), −tr(S P²); −tr(S P²), −tr(P²)], where P = (t[0] S + t[1] I)⁻¹"
