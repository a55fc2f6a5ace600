"""Derivations as a user asks for them: one variable or several, several outputs, names, zeros, libraries."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw

GENERATOR = np.random.default_rng(3)
A, X, x, y = (GENERATOR.normal(size=shape) for shape in ((4, 3), (4, 4), (4,), (3,)))


def test_several_variables_give_mappings_and_the_total_differential() -> None:
    D = gw.derive(gw.parse("x @ A @ y", x="n", A="n m", y="m"))
    assert list(D.gradient) == ["x", "A", "y"]
    moves = {"dx": x[::-1].copy(), "dA": A[::-1].copy(), "dy": y[::-1].copy()}
    total = D.jvp.evaluate(x=x, A=A, y=y, **moves)
    parts = sum(np.sum(D.gradient[v].evaluate(x=x, A=A, y=y) * moves[f"d{v}"]) for v in D.gradient)
    assert np.isclose(total, parts) and total.shape == ()
    assert list(D.hessian) == [(row, column) for row in ("x", "A", "y") for column in ("x", "A", "y")]
    mixed, swapped = D.hessian["x", "A"].evaluate(x=x, A=A, y=y), D.hessian["A", "x"].evaluate(x=x, A=A, y=y)
    assert mixed.shape == (4, 4, 3)
    assert np.allclose(mixed, np.moveaxis(swapped, 2, 0))
    assert D["y"].gradient == D.gradient["y"]
    assert gw.derive(D.expression, wrt=["A"]).gradient == {"A": D.gradient["A"]}


def test_a_missing_cotangent_of_several_outputs_is_zero() -> None:
    M = gw.matrix("A", "n", "m")
    D = gw.derive({"Q": gw.qr(M).Q, "R": gw.qr(M).R}, wrt="A")
    G_Q, G_R = A[::-1].copy(), np.triu(X[:3, :3])
    whole = D.vjp.evaluate(A=A, G_Q=G_Q, G_R=G_R)
    assert np.allclose(whole, D.vjp.evaluate(A=A, G_Q=G_Q) + D.vjp.evaluate(A=A, G_R=G_R))
    assert set(D.jvp) == set(D.jacobian) == {"Q", "R"}
    single = gw.derive(gw.qr(M).R, wrt="A").vjp
    assert np.allclose(single.evaluate(A=A, G=G_R), D.vjp.evaluate(A=A, G_R=G_R))
    with pytest.raises(gw.EvaluationError, match="'G' is missing"):
        single.evaluate(A=A)


def test_a_derivative_that_is_zero_prints_0_and_evaluates_to_zeros() -> None:
    D = gw.derive(gw.parse("trace(X)", X="n n"), wrt="X")
    assert str(D.hessian) == str(D.hvp) == "0"
    assert not D.hessian.evaluate(X=X).any() and D.hessian.evaluate(X=X).shape == (4, 4, 4, 4)
    assert not D.hvp.evaluate(X=X, dX=X).any() and D.hvp.evaluate(X=X, dX=X).shape == (4, 4)
    signs = gw.derive(gw.parse("sign(x)", x="n"), wrt="x")
    assert not signs.vjp.evaluate(x=x, G=x).any() and signs.vjp.evaluate(x=x, G=x).shape == (4,)


@pytest.mark.parametrize("text", ["diag(diagonal(X))", "diag(diagonal(X)) @ A", "inv(diag(diagonal(X))) + X"])
def test_the_diagonal_of_a_direction_is_not_the_direction(text: str) -> None:
    assert gw.derive(gw.parse(text, X="n n", A="n m"), wrt="X").verify().right


def test_derivatives_accept_declared_variables_that_no_longer_occur() -> None:
    D = gw.derive(gw.parse("trace(A.T @ X) + 0 * a", A="n m", X="n m", a=""), wrt="X")
    assert np.allclose(D.gradient.evaluate(A=A, X=A, a=1.0), A)
    assert np.allclose(D.jvp.evaluate(A=A, X=A, dX=A), np.sum(A * A))
    with pytest.raises(gw.EvaluationError, match="no input 'b'"):
        D.gradient.evaluate(A=A, b=1.0)


def test_variables_may_have_the_names_of_parameters() -> None:
    expression = gw.parse("s * text * self @ inputs", s="", text="", self="n", inputs="n")
    D = gw.derive(expression, wrt="self")
    assert np.allclose(D.gradient.evaluate(s=2.0, text=3.0, self=x, inputs=x), 6 * x)
    assert np.allclose(D.jvp.evaluate(s=2.0, text=3.0, self=x, inputs=x, dself=x), 6 * x @ x)


def test_sizes_follow_from_products_of_dimensions() -> None:
    expression = gw.parse("kron(X, eye(k)) @ y", X="n m", y="m*k")
    assert expression.evaluate(X=A, y=np.ones(15)).shape == (20,)
    with pytest.raises(gw.EvaluationError, match="size of the dimension 'k'"):
        expression.evaluate(X=A, y=np.ones(16))
    assert gw.parse("unvech(v)", v="n*(n+1)/2").evaluate(v=np.arange(6.0)).shape == (3, 3)


def test_derivatives_are_derived_again() -> None:
    D = gw.derive(gw.parse("trace(X @ X @ X)", X="n n"), wrt="X")
    again = gw.derive(D.gradient, wrt="X")
    assert gw.equal(again.jacobian, D.hessian)
    third = gw.derive(D.hessian, wrt="X").jacobian
    assert third.evaluate(X=X).shape == (4,) * 6
    pulled = gw.derive(gw.parse("inv(X)", X="n n"), wrt="X").vjp
    assert str(gw.derive(pulled, wrt="G").jvp) == "−X⁻ᵀ dG X⁻ᵀ"


def test_precision_follows_the_arrays_and_not_python_numbers() -> None:
    expression = gw.parse("a * x", a="", x="n")
    assert expression.evaluate(a=2.0, x=x.astype(np.float32)).dtype == np.float32
    assert expression.evaluate(a=np.array(2.0), x=x.astype(np.float32)).dtype == np.float64
    assert gw.parse("x @ x", x="n").evaluate(x=[1, 2, 3]) == 14


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"x": x + 1j}, "declared real"),
        ({"x": np.ones(0)}, "axis of length 0"),
        ({"x": X}, "2 dimension"),
        ({}, "missing"),
    ],
)
def test_inputs_outside_the_declaration_are_refused(inputs: dict, message: str) -> None:
    with pytest.raises(gw.EvaluationError, match=message):
        gw.parse("max(x) + x @ x", x="n").evaluate(**inputs)


@pytest.mark.parametrize("value", ["", "n m", "if", 0, -1, 1.5, "1.5", "n^2"])
def test_what_is_no_dimension_is_refused(value: object) -> None:
    with pytest.raises(gw.DeclarationError, match="dimension"):
        gw.matrix("X", value, "n")  # type: ignore[arg-type]


def test_unknown_facts_are_refused() -> None:
    with pytest.raises(gw.DeclarationError, match="'foo' is no fact"):
        gw.matrix("X", "n", "n", facts="foo")


def test_the_result_is_an_array_of_the_library_that_the_inputs_come_from() -> None:
    torch = pytest.importorskip("torch")
    D = gw.derive(gw.parse("logdet(K)", K="n n spd"), wrt="K")
    K = torch.eye(3, dtype=torch.float32) * 2
    assert isinstance(D.gradient.evaluate(K=K), torch.Tensor)
    assert D.gradient.evaluate(K=K).dtype == torch.float32
    assert D.expression.evaluate(K=K.requires_grad_()).shape == ()
    assert isinstance(D.gradient.evaluate(K=K.detach().numpy()), np.ndarray)


def test_a_derivation_with_square_arguments_where_the_record_has_two_sizes_is_told() -> None:
    """The zero differential of what is held had the sizes by the names that the record gives them."""
    for size in ("n", "k"):
        derived = gw.derive(gw.parse("solve(A, B)", A=f"{size} {size}", B=f"{size} {size}"), wrt="A")
        assert "dA Y + A dY = 0 " in str(derived)
        assert derived.verify().right
