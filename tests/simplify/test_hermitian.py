"""Hermitian matrices are written without conjugates, in gradients as well as in what is typed."""

from __future__ import annotations

import pytest

import gradwright as gw

H = "n n hermitian"


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("text", "declared", "wrt", "printed"),
    [
        ("inv(H)", {"H": H}, "H", "−½ H⁻¹ (G + Gᴴ) H⁻¹"),
        ("H @ A @ H", {"H": H, "A": "n n complex"}, "A", "H G H"),
        ("trace(inv(H) @ A)", {"H": H, "A": H}, "H", "−H⁻¹ A H⁻¹"),
        ("logdet(K)", {"K": "n n spd complex"}, "K", "K⁻¹"),
        ("matrix_exp(H)", {"H": H}, "H", "½ exp[H, H](G + Gᴴ)"),
        ("real(trace(logm(K) @ A))", {"K": "n n spd complex", "A": "n n complex"}, "K", "½ log[K, K](A + Aᴴ)"),
        ("trace(Z.H @ H @ Z)", {"H": H, "Z": "n m complex"}, "Z", "2 H Z"),
    ],
)
def test_a_hermitian_matrix_is_its_own_adjoint(text: str, declared: dict[str, str], wrt: str, printed: str) -> None:
    D = gw.derive(gw.parse(text, **declared), wrt=wrt)
    found = D.gradient if not D.expression.shape else D.vjp
    assert str(found) == printed
    assert D.verify().right


def test_the_conjugate_is_the_transpose() -> None:
    e = gw.parse("conj(H) @ A", H=H, A="n m complex")
    assert gw.equal(e, gw.parse("H.T @ A", H=H, A="n m complex")).status == "proved"
    assert str(gw.derive(e, wrt="A").vjp) == "Hᵀ G"


def test_the_glossary_has_the_adjoint_of_complex_equations() -> None:
    texts = [str(gw.derive(gw.parse("polar(Z).U", Z=declared), wrt="Z")) for declared in ("n n", "n n complex")]
    assert ["X Aᴴ = Q" in text for text in texts] == [False, True]
