"""Sums of outer products: the parts in which they differ are added."""

from __future__ import annotations

import pytest

import gradwright as gw

HESSIANS = [
    ("logdet(X.T @ X)", {"X": "n m"}, "X",
     "roll₂→₃(2 (I − X (Xᵀ X)⁻¹ Xᵀ) ⊗ (Xᵀ X)⁻¹) + roll₂→₄(−2 X (Xᵀ X)⁻¹ ⊗ (Xᵀ X)⁻¹ Xᵀ)"),
    ("logdet(U @ U.T + diag(d))", {"U": "n m", "d": "n"}, "U",
     "roll₂→₃(2 P ⊗ (I − Uᵀ P U)) + roll₂→₄(−2 P U ⊗ Uᵀ P), where P = (U Uᵀ + diag(d))⁻¹"),
    # Terms that are one product of two sums: the restricted likelihood, and a factor model.
    ("logdet(V) + logdet(X.T @ inv(V) @ X)", {"V": "n n spd", "X": "n k"}, "V",
     "roll₂→₃(−½ P ⊗ P) + roll₂→₄(−½ P ⊗ P), where P = V⁻¹ − V⁻¹ X (Xᵀ V⁻¹ X)⁻¹ Xᵀ V⁻¹"),
    ("logdet(V) + logdet(X.T @ inv(V) @ X)", {"V": "n n", "X": "n k"}, "V",
     "roll₂→₄(−(V⁻ᵀ − V⁻ᵀ X (Xᵀ V⁻¹ X)⁻ᵀ Xᵀ V⁻ᵀ) ⊗ (V⁻¹ − V⁻¹ X (Xᵀ V⁻¹ X)⁻¹ Xᵀ V⁻¹))"),
    # Scalars go with the part in which terms differ, and stand in front of what shares them.
    ("norm(A - U @ V.T)**2 + a * norm(U)**2", {"A": "n m", "U": "n k", "V": "m k", "a": ""}, "U",
     "roll₂→₃(2 I ⊗ (a I + Vᵀ V))"),
    ("det(X.T @ A @ X)", {"X": "n m", "A": "n n"}, "X",
     "det(Xᵀ A X) (M ⊗ M + roll₂→₃(Sᵀ ⊗ P) − roll₁→₄(P Xᵀ A ⊗ P Xᵀ A) − roll₂→₄(A X P ⊗ Pᵀ Xᵀ Aᵀ) + roll₄→₂(S ⊗ P))"
     ", where P = (Xᵀ A X)⁻¹, S = A − A X P Xᵀ A, M = Aᵀ X Pᵀ + A X P"),
    # What could be joined in two ways is left as it is.
    ("logdet(K) + trace(inv(K) @ A)", {"K": "n n", "A": "n n"}, "K",
     "roll₁→₄(K⁻¹ ⊗ K⁻¹ A K⁻¹) + roll₁→₄(K⁻¹ A K⁻¹ ⊗ K⁻¹) + roll₁→₄(−K⁻¹ ⊗ K⁻¹)"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "declarations", "name", "written"), HESSIANS)
def test_parts_are_added(text: str, declarations: dict[str, str], name: str, written: str) -> None:
    D = gw.derive(gw.parse(text, **declarations), wrt=name)
    assert str(D.hessian) == written
    assert D.verify().right


def test_parts_on_a_diagonal_are_added_there() -> None:
    D = gw.derive(gw.parse("diag(x) @ B + diag(y) @ B @ diag(z)", x="n", y="n", z="n", B="n n diagonal"), wrt="B")
    assert D.verify().right
