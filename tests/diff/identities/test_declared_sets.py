"""Solutions lie where their unknowns are declared to lie, and what is passed to `define` is checked."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import gradwright as gw
from gradwright.errors import GradwrightError


@pytest.mark.slow
def test_of_several_solutions_the_positive_definite_one_is_found() -> None:
    proximal = gw.define("proximal", "X - t * inv(X) = A", unknown="X: n n spd", given="A: n n symmetric, t: positive")
    found = proximal(gw.parse("A", A="n n symmetric"), gw.parse("t", t="positive"))
    A = -6 * np.diag([1.0, 2.0, 3.0]) + 0.3
    w, V = np.linalg.eigh(A)
    wanted = (V * (w + np.sqrt(w**2 + 4)) / 2) @ V.T
    assert np.allclose(found.evaluate(A=A, t=1.0), wanted)
    emitted = gw.derive(found).function("torch")(torch.tensor(A), torch.tensor(1.0, dtype=torch.float64))
    assert np.allclose(emitted.numpy(), wanted)


def test_of_several_solutions_the_positive_one_is_found() -> None:
    root = gw.define("root", "x - 1 / x = a", unknown="x: n positive", given="a: n")
    found = root(gw.vector("a", "n"))
    a = np.array([1.0, -4.0, -6.0])
    assert np.allclose(found.evaluate(a=a), (a + np.sqrt(a**2 + 4)) / 2)
    assert np.allclose(gw.derive(found).function("torch")(torch.tensor(a)), (a + np.sqrt(a**2 + 4)) / 2)


def test_a_forward_function_is_held_to_the_declared_set() -> None:
    def indefinite(A: np.ndarray) -> np.ndarray:
        w, V = np.linalg.eigh(A)
        return (V * np.sqrt(w) * (-1.0) ** np.arange(len(w))) @ V.T

    with pytest.raises(GradwrightError, match="'Y' is not positive definite, as it is declared"):
        gw.define("f", "Y @ Y = A", unknown="Y: n n spd", given="A: n n spd", forward=indefinite)


def test_a_guess_at_which_the_identity_has_no_value_is_passed_over() -> None:
    joined = gw.define("joined", "X + inv(X) = A", unknown="X: n n spd", given="A: n n spd")
    A = np.diag([3.0, 4.0, 5.0])
    X = joined(gw.parse("A", A="n n spd")).evaluate(A=A)
    assert np.allclose(X + np.linalg.inv(X), A)


def test_a_forward_function_is_held_to_a_declared_space() -> None:
    with pytest.raises(GradwrightError, match=r"'U' is not upper, as it is declared, .* entries below its diagonal"):
        gw.define("f", "L @ U = A", unknown="L: n n unit_lower, U: n n upper", given="A: n n",
                  forward=lambda A: (np.eye(len(A)), A))  # fmt: skip
    with pytest.raises(GradwrightError, match="'x' is not real, as it is declared, at a generic point: it is complex"):
        gw.define("f", "x**2 = -a", unknown="x: ", given="a: positive", forward=lambda a: 1j * np.sqrt(a))


def test_newton_s_method_does_not_leave_a_declared_space() -> None:
    part = gw.define("part", "W - W.T = 2 * K", unknown="W: n n skew", given="K: n n skew")
    K = np.array([[0.0, 1.0, 2.0], [-1.0, 0.0, 3.0], [-2.0, -3.0, 0.0]])
    assert np.allclose(part(gw.parse("K", K="n n skew")).evaluate(K=K), K)


@pytest.mark.slow
def test_an_unknown_is_complex_exactly_where_it_is_declared_so() -> None:
    root = gw.define("root", "z**2 = a", unknown="z: complex", given="a: ")
    found = root(gw.scalar("a"))
    assert np.isclose(found.evaluate(a=-4.0) ** 2, -4)
    derived = gw.derive(found)
    assert derived.verify().right and str(derived.steps[-1].statement).startswith("Re(dz) = ")
    weight = gw.define("weight", "x * norm(z)**2 = 1", unknown="x: ", given="z: n complex")
    derived = gw.derive(weight(gw.vector("z", "n", field="complex")))
    assert derived.expression.evaluate(z=np.array([1j, 2.0])).dtype == float
    assert derived.verify().right and "Re" not in str(derived.gradient)
    with pytest.raises(GradwrightError, match="start= gives complex numbers for 'x', which is declared real"):
        gw.define("f", "x**2 = a", unknown="x: ", given="a: positive", start=lambda a: 1j * a)


@pytest.mark.slow
def test_hermitian_and_unitary_matrices_are_complex() -> None:
    series = gw.define(
        "series", "X - A @ X @ A.H = Q", unknown="X: n n hermitian", given="A: n n complex, Q: n n hermitian"
    )
    derived = gw.derive(series(gw.parse("A", A="n n complex"), gw.parse("Q", Q="n n hermitian")), wrt="A")
    assert str(derived.vjp) == "stein(Aᴴ, G + Gᴴ) A series(A, Q)"
    assert derived.verify().right
    part = gw.define("part", "U.H @ A = A.H @ U", unknown="U: n n unitary", given="A: n n complex",
                     forward=lambda A: (lambda U, S, V: U @ V)(*np.linalg.svd(A)))  # fmt: skip
    assert gw.derive(part(gw.parse("A", A="n n complex"))).verify().right


def test_a_first_guess_lies_in_the_space_of_its_unknown() -> None:
    declared: dict[str, str] = {"unknown": "Y: n n lower", "given": "A: n n spd"}
    told = "start= gives for 'Y', which is declared lower, a matrix that has entries above its diagonal, by"
    with pytest.raises(GradwrightError, match=told):
        gw.define("f", "Y @ A @ Y.T = A @ A", **declared, start=lambda A: A)
    function = gw.define("f", "Y @ A @ Y.T = A @ A", **declared, start=np.tril)
    value = np.array([[4.0, 1.0, 0.5], [1.0, 5.0, -1.0], [0.5, -1.0, 6.0]])
    solution = function(gw.matrix("A", "n", "n", facts="spd")).evaluate(A=value)
    assert np.array_equal(solution, np.tril(solution))
    assert np.allclose(solution @ value @ solution.T, value @ value)


@pytest.mark.sampled
@pytest.mark.parametrize("fact", ["symmetric", "skew", "lower", "upper", "unit_lower", "unit_upper", "diagonal"])
def test_of_an_argument_only_what_was_declared_is_read(fact: str) -> None:
    folded = gw.define("folded", "Y = S.T @ S @ S", unknown="Y: n n", given=f"S: n n {fact}")
    derived = gw.derive(folded(gw.matrix("X", "n", "n")))
    X = np.random.default_rng(2).normal(size=(3, 3))
    S = {"symmetric": (X + X.T) / 2, "skew": (X - X.T) / 2, "lower": np.tril(X), "upper": np.triu(X),
         "unit_lower": np.tril(X, -1) + np.eye(3), "unit_upper": np.triu(X, 1) + np.eye(3),
         "diagonal": np.diag(np.diag(X))}[fact]  # fmt: skip
    assert np.allclose(derived.expression.evaluate(X=X), S.T @ S @ S)
    assert derived.verify().right


def test_a_complex_symmetric_argument_is_taken_as_it_is() -> None:
    inverse = gw.define("inverse", "Y @ A = eye(n)", unknown="Y: n n complex", given="A: n n symmetric complex")
    Z = np.random.default_rng(1).normal(size=(2, 3, 3)) @ np.eye(3)
    A = Z[0] + Z[0].T + 1j * (Z[1] + Z[1].T)
    assert np.allclose(inverse(gw.parse("A", A="n n symmetric complex")).evaluate(A=A), np.linalg.inv(A))


def test_orthonormal_columns_are_asked_for() -> None:
    part = gw.define("part", "Y = Q.T @ A", unknown="Y: m k", given="Q: n m stiefel, A: n k")
    with pytest.raises(GradwrightError, match=r"part takes Q: n m stiefel, and nothing says that its argument"):
        part(gw.matrix("X", "n", "m"), gw.matrix("A", "n", "k"))
    assert gw.derive(part(gw.qr(gw.matrix("X", "n", "m")).Q, gw.matrix("A", "n", "k")), wrt="X").verify().right


CUBE = {"identity": "Y @ Y @ Y = A", "unknown": "Y: n n spd", "given": "A: n n spd"}
ILL_TYPED = {
    "a name that is a number": ({"name": 3}, "3 cannot be the name of a function"),
    "the name of a variable": ({"name": "Y"}, "'Y' is the name of the function and of a variable"),
    "no givens": ({"given": None}, "given=None: declarations are a text"),
    "a list of unknowns": ({"unknown": ["Y: n n"]}, "declarations are a text"),
    "no identity": ({"identity": None}, "an identity is an equation such as"),
    "an array to start from": ({"start": np.eye(3)}, "start= takes a function .* this is ndarray"),
    "a start of nowhere": ({"start": "here.there"}, "start='here.there': a name starts with numpy, scipy or torch"),
    "a start of another shape": ({"start": lambda A: A[0]}, "array of shape .3,. for 'Y', which is n × n"),
    "a start that fails": ({"start": lambda A: A / A.nothing}, "the starting point start= fails"),
    "a forward of two inputs": ({"forward": lambda A, B: A}, "fails when called with A .*missing 1 required"),
    "a forward of another shape": ({"forward": lambda A: A[0]}, "forward= gives an array of shape .3,. for 'Y'"),
    "nothing to start from": ({"start": lambda A: None}, "returns something that is no array of numbers"),
}


@pytest.mark.parametrize("name", ILL_TYPED)
def test_what_is_ill_typed_is_said(name: str) -> None:
    changed, words = ILL_TYPED[name]
    with pytest.raises(GradwrightError, match=words):
        gw.define(**{"name": "cube", **CUBE, **changed})


@pytest.mark.slow
def test_a_start_by_its_dotted_name() -> None:
    cube = gw.define("cube", **CUBE, start="numpy.copy")
    derived = gw.derive(cube(gw.parse("A", A="n n spd")))
    assert np.allclose(derived.expression.evaluate(A=np.diag([1.0, 8.0, 27.0])), np.diag([1.0, 2.0, 3.0]))
    assert derived.verify().right
    assert "✓" in str(derived)


def test_a_real_number_that_a_complex_one_determines_has_no_jacobian() -> None:
    polar = gw.define("modulus", ["z = r * u", "abs(u) = 1"], unknown="r: positive, u: complex",
                      given="z: complex")  # fmt: skip
    derived = gw.derive(polar(gw.scalar("z", field="complex")).r)
    assert derived.verify().right
    with pytest.raises(GradwrightError, match="both dz and its conjugate"):
        _ = derived.jacobian


def test_a_complex_argument_for_a_real_input_is_refused() -> None:
    damped = gw.define("damped", "S @ x + x = b", unknown="x: n complex", given="S: n n, b: n complex")
    b = gw.vector("b", "n", field="complex")
    with pytest.raises(GradwrightError, match="damped takes a real 'S', and this one is complex"):
        damped(gw.matrix("S", "n", "n", field="complex"), b)
    assert "*" not in str(gw.derive(damped(gw.matrix("S", "n", "n"), b), wrt="b").jvp)
