"""The same Jacobian in several layouts, each proved equal to the tensor."""

from __future__ import annotations

import pytest

import gradwright as gw
from gradwright.errors import DerivationError

CASES = {
    "matrix of a matrix": ("A @ X @ B", {"A": "k n", "X": "n m", "B": "m p"}, "X"),
    "transposed": ("X.T @ A", {"X": "n m", "A": "n k"}, "X"),
    "inverse": ("inv(X)", {"X": "n n"}, "X"),
    "Gram": ("X.T @ X", {"X": "n m"}, "X"),
    "vector of a matrix": ("X @ y", {"X": "n m", "y": "m"}, "X"),
    "vector of a vector": ("A @ tanh(x)", {"A": "m n", "x": "n"}, "x"),
    "matrix of a vector": ("outer(x, A @ x)", {"A": "m n", "x": "n"}, "x"),
    "scalar of a matrix": ("logdet(X)", {"X": "n n"}, "X"),
    "Kronecker": ("kron(A, X)", {"A": "k p", "X": "n m"}, "X"),
}


def stacked(expression: gw.Expression) -> gw.Expression:
    """Column by column, as the layouts stack."""
    return gw.vec(expression) if expression.ndim == 2 else expression


@pytest.mark.parametrize("name", CASES)
def test_every_layout_applied_to_the_stacked_direction_is_the_stacked_differential(name: str) -> None:
    text, declarations, wrt = CASES[name]
    derivation = gw.derive(gw.parse(text, **declarations), wrt=wrt)
    direction = gw.tensor(f"d{wrt}", *declarations[wrt].split())
    moved = stacked(derivation.differential)
    for layout in ("numerator", "vec"):
        assert gw.equal(derivation.layout(layout) @ stacked(direction), moved).status == "proved", layout
    backwards = derivation.layout("denominator")
    applied = backwards.T @ stacked(direction) if backwards.ndim == 2 else backwards @ stacked(direction)
    assert gw.equal(applied, moved).status == "proved"
    assert gw.equal(gw.tensordot(derivation.layout("tensor"), direction), derivation.differential).status == "proved"


@pytest.mark.parametrize("text", ["inv(S)", "S @ A @ S + S @ A.T @ S", "S", "A @ S @ A.T"])
def test_vech_takes_half_directions_to_half_results(text: str) -> None:
    declarations = {"S": "n n symmetric", **({"A": "n n"} if "A" in text else {})}
    derivation = gw.derive(gw.parse(text, **declarations), wrt="S")
    direction = gw.matrix("dS", "n", "n", facts="symmetric")
    half = derivation.layout("vech") @ gw.vech(direction)
    assert gw.equal(half, gw.vech(derivation.differential)).status == "proved"


def test_vech_of_a_scalar_counts_an_entry_off_the_diagonal_twice() -> None:
    derivation = gw.derive(gw.parse("trace(A @ S)", S="n n symmetric", A="n n"), wrt="S")
    direction = gw.matrix("dS", "n", "n", facts="symmetric")
    assert gw.equal(derivation.layout("vech") @ gw.vech(direction), derivation.differential).status == "proved"


@pytest.mark.parametrize(
    ("text", "variable", "written"),
    [
        ("X.T", "n m", "commutation(n, m)"),
        ("X.T @ X", "n m", "(Xᵀ ⊗ I) commutation(n, m) + I ⊗ Xᵀ"),
        ("matrix_power(X, 3)", "n n", "(Xᵀ)² ⊗ I + Xᵀ ⊗ X + I ⊗ X²"),
        ("inv(X)", "n n spd", "−½ (X⁻¹ ⊗ X⁻¹ + (X⁻¹ ⊗ X⁻¹) commutation(n, n))"),
        ("X * X", "n m", "2 diag(vec(X))"),
        ("adjugate(X)", "n n", "det(X) (vec(X⁻¹) vec(X⁻ᵀ)ᵀ − X⁻ᵀ ⊗ X⁻¹)"),
    ],
)
def test_every_term_is_written_as_in_books(text: str, variable: str, written: str) -> None:
    layout = gw.derive(gw.parse(text, X=variable), wrt="X").layout("vec")
    assert str(layout) == written
    assert gw.equal(gw.parse(layout.ascii(), X=variable), layout).status == "proved"


def test_kronecker_products_are_written_as_such() -> None:
    derivation = gw.derive(gw.parse("A @ X @ B", A="k n", X="n m", B="m p"), wrt="X")
    assert str(derivation.layout("vec")) == "Bᵀ ⊗ A"
    assert str(derivation.layout("denominator")) == "B ⊗ Aᵀ"


def test_an_unknown_layout_is_refused_with_those_that_exist() -> None:
    derivation = gw.derive(gw.parse("inv(X)"), wrt="X")
    with pytest.raises(DerivationError, match="tensor, numerator, denominator, vec, vech"):
        derivation.layout("columns")
    with pytest.raises(DerivationError, match="symmetric matrix"):
        gw.derive(gw.parse("A @ x", A="m n", x="n"), wrt="x").layout("vech")
    with pytest.raises(DerivationError, match="declare X so, as in X='n n symmetric'"):
        derivation.layout("vech")


@pytest.mark.parametrize(
    ("text", "declarations", "jacobian"),
    [
        ("a * inv(X)", {"X": "n n", "a": ""}, "−a roll₄→₂(X⁻¹ ⊗ X⁻¹)"),
        ("trace(X) * inv(X)", {"X": "n n"}, "X⁻¹ ⊗ I − tr(X) roll₄→₂(X⁻¹ ⊗ X⁻¹)"),
        ("X / norm(X)", {"X": "n m"}, "roll₂→₃(I ⊗ I) / ‖X‖ − (X ⊗ X) / ‖X‖³"),
        ("X / (3 * a)", {"X": "n m", "a": ""}, "roll₂→₃(I ⊗ I) / (3 a)"),
    ],
)
def test_scalars_stand_before_a_tensor_product_or_under_it(
    text: str, declarations: dict[str, str], jacobian: str
) -> None:
    assert str(gw.derive(gw.parse(text, **declarations), wrt="X").jacobian) == jacobian


def test_the_hessian_of_the_determinant_is_written_with_tensor_products() -> None:
    hessian = gw.derive(gw.parse("det(X)", X="n n"), wrt="X").hessian
    assert str(hessian) == "det(X) (X⁻ᵀ ⊗ X⁻ᵀ − roll₁→₄(X⁻¹ ⊗ X⁻¹))"
