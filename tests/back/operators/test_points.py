"""What an operator takes at its making and afterwards: types, shapes, points without a derivative."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import scipy.linalg.lapack

import gradwright as gw
from gradwright.core.arithmetic import Array

PRODUCT = {"A": "n n", "X": "n m", "B": "m m"}


def product(dtype: Any = float) -> tuple[Any, dict[str, Array]]:
    generator = np.random.default_rng(0)
    given = {name: generator.normal(size=shape) for name, shape in {"A": (4, 4), "X": (4, 3), "B": (3, 3)}.items()}
    return gw.derive(gw.parse("A @ X @ B", **PRODUCT), wrt="X").jacobian, {k: v.astype(dtype) for k, v in given.items()}


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.longdouble])
def test_numbers_are_in_double_precision_whatever_the_inputs_are(dtype: Any) -> None:
    jacobian, given = product(dtype)
    operator, reference = (
        jacobian.operator(**given),
        jacobian.operator(**{k: v.astype(float) for k, v in given.items()}),
    )
    side = np.ones(12, dtype)
    assert operator.dtype == float
    for name, found in {
        "product": operator @ side, "adjoint": operator.T @ side, "method": operator.matvec(side),
        "solution": operator.solve(side), "diagonal": operator.diagonal(), "matrix": operator.to_dense(),
    }.items():  # fmt: skip
        assert found.dtype == float, name
    np.testing.assert_allclose(operator.solve(side), reference.solve(np.ones(12)), rtol=1e-12)
    assert operator.slogdet()[1] == pytest.approx(reference.slogdet()[1], rel=1e-13)


def test_integers_and_lists_are_numbers() -> None:
    jacobian, _ = product()
    operator = jacobian.operator(A=[[2, 1], [0, 3]], X=[[0], [0]], B=[[5]])
    np.testing.assert_allclose(operator @ [1, 2], [20.0, 30.0])
    np.testing.assert_allclose(operator.solve([20, 30]), [1.0, 2.0])
    assert jacobian.operator(A=np.eye(2, dtype=bool), X=np.zeros((2, 1)), B=np.ones((1, 1))).diagonal().dtype == float


def test_tensors_that_remember_their_making_are_taken_as_numbers() -> None:
    torch = pytest.importorskip("torch")
    jacobian, given = product()
    operator = jacobian.operator(**{k: torch.tensor(v, requires_grad=True) for k, v in given.items()})
    side = torch.ones(4, 3, dtype=torch.float32, requires_grad=True)
    np.testing.assert_allclose(operator @ side, given["A"] @ np.ones((4, 3)) @ given["B"])
    np.testing.assert_allclose(given["A"] @ operator.solve(side) @ given["B"], np.ones((4, 3)))


def test_the_operator_is_that_of_the_point_where_it_was_made() -> None:
    jacobian, given = product()
    operator = jacobian.operator(**given)
    before = operator @ np.ones(12)
    given["A"][:] = 0
    np.testing.assert_array_equal(operator @ np.ones(12), before)


@pytest.mark.parametrize("value", [[[1, 2], [1]], np.array([object()] * 12), np.array(["1"] * 12), None])
def test_what_is_no_array_of_numbers_is_refused(value: Any) -> None:
    jacobian, given = product()
    operator = jacobian.operator(**given)
    with pytest.raises(gw.GradwrightError, match="not an array"):
        operator @ value
    with pytest.raises(gw.GradwrightError, match="not an array"):
        operator.solve(value)


def test_right_sides_and_tolerances_are_checked() -> None:
    jacobian, given = product()
    operator = jacobian.operator(**given)
    with pytest.raises(gw.GradwrightError, match="not finite"):
        operator.solve(np.full(12, np.nan))
    with pytest.raises(gw.GradwrightError, match="between 0 and 1, and this is 0"):
        operator.solve(np.ones(12), 0)
    with pytest.raises(gw.GradwrightError, match="not finite"):
        jacobian.operator(**given | {"A": np.full((4, 4), np.nan)}).solve(np.ones(12))


@pytest.mark.parametrize(
    ("text", "wrt", "kind", "declared"),
    [
        ("A @ X @ B", "X", "jacobian", PRODUCT),
        ("A @ X + X @ B", "X", "jacobian", PRODUCT),
        ("mean(X) * A @ X", "X", "jacobian", {"A": "n n", "X": "n m"}),
        ("tanh(A @ X)", "X", "jacobian", {"A": "n n", "X": "n m"}),
        ("exp(X)", "X", "jacobian", {"X": "n m"}),
    ],
)
def test_there_may_be_no_columns_at_all(text: str, wrt: str, kind: str, declared: dict[str, str]) -> None:
    _, given = product()
    operator = getattr(gw.derive(gw.parse(text, **declared), wrt=wrt), kind).operator(**{k: given[k] for k in declared})
    nothing = np.ones((12, 0))
    assert (operator @ nothing).shape == (operator.T @ nothing).shape == operator.solve(nothing).shape == (12, 0)


@pytest.mark.parametrize(
    ("text", "declared", "given", "message"),
    [
        ("log(x)", "n", -np.arange(1.0, 4), "no value at these inputs"),
        ("sqrt(x)", "n", np.arange(3.0), "not finite at these inputs"),
        ("exp(x)", "n", np.full(3, 1000.0), "(the numbers are|the value is) too large"),
        ("x / norm(x)", "n", np.zeros(3), "not finite at these inputs"),
        ("inv(S)", "n n symmetric", np.arange(9.0).reshape(3, 3), "differs from its transpose"),
        ("log(p)", "n positive", -np.ones(3), "entries that are not positive"),
        ("eigh(S).eigenvectors", "n n symmetric", np.eye(3), "lost in rounding errors"),
    ],
)
def test_what_has_no_value_has_no_operator(text: str, declared: str, given: Array, message: str) -> None:
    name = next(c for c in "xSp" if c in text.replace("exp", ""))
    jacobian = gw.derive(gw.parse(text, **{name: declared}), wrt=name).jacobian
    for asked in (jacobian.evaluate, jacobian.operator):
        with pytest.raises(gw.GradwrightError, match=message):
            asked(**{name: given})


@pytest.mark.parametrize("text", ["kron(X, A)", "vec(X)", "A @ X"])
def test_a_tensor_of_one_column_keeps_the_shapes_of_tensors(text: str) -> None:
    declared = {"X": "n m", **({"A": "k n"} if "A" in text else {})}
    given = {"X": np.ones((4, 1)), "A": np.arange(20.0).reshape(5, 4)}
    jacobian = gw.derive(gw.parse(text, **declared), wrt="X").jacobian
    operator = jacobian.operator(**{k: given[k] for k in declared})
    direction = np.random.default_rng(1).normal(size=(4, 1))
    matrix = operator.to_dense()
    assert (operator @ direction).shape == operator.row_shape
    assert operator.matmat(direction).shape == (len(matrix), 1)
    assert (operator @ direction[:, 0]).shape == (len(matrix),)
    assert (operator @ np.ones((4, 2))).shape == (len(matrix), 2)
    np.testing.assert_allclose((operator @ direction).reshape(-1), matrix @ direction[:, 0])


@pytest.mark.parametrize(
    "text", ["A @ X.T @ B", "concatenate(X[1:4, :], A @ X[0:2, :])", "vec(C @ X @ A)", "A @ X.T @ C"]
)
def test_the_diagonal_is_had_without_the_matrix(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = (
        {"A": (2, 2), "B": (5, 5), "C": (5, 5), "X": (5, 2)}
        if "concatenate" not in text
        else {"A": (2, 2), "X": (5, 2)}
    )
    given = {k: np.random.default_rng(2).normal(size=v) for k, v in shapes.items() if k in text}
    declared = {k: " ".join(map(str, v.shape)) for k, v in given.items()}
    operator = gw.derive(gw.parse(text, **declared), wrt="X").jacobian.operator(**given)
    expected = np.diag(operator.to_dense())
    monkeypatch.setattr(type(operator), "to_dense", None)
    np.testing.assert_allclose(operator.diagonal(), expected, atol=1e-12)
    np.testing.assert_allclose(operator.trace(), np.sum(expected))


def test_large_transposes_and_rotations_stay_small() -> None:
    n, m = 900, 700
    transpose = gw.derive(gw.parse("X.T", X="n m"), wrt="X").jacobian.operator(X=np.ones((n, m)))
    assert transpose.diagonal().shape == (n * m,)
    rotation = gw.derive(gw.parse("concatenate(x[1:9000], 2 * x[0:1])", x="9000"), wrt="x").jacobian
    operator = rotation.operator(x=np.ones(9000))
    assert operator.structure == "blocks (scaled identity, scaled identity)"
    assert operator.slogdet() == (-1.0, pytest.approx(np.log(2)))
    assert operator.trace() == 0


@pytest.mark.slow
def test_an_operator_known_by_products_alone_has_all_methods() -> None:
    generator = np.random.default_rng(3)
    given = {"A": generator.normal(size=(18, 18)), "B": generator.normal(size=(15, 15))}
    given["X"] = generator.normal(size=(18, 15))
    operator = gw.derive(gw.parse("sylvester(A, B, X)", A="n n", B="m m", X="n m"), wrt="X").jacobian.operator(**given)
    assert operator.structure == "matrix-free"
    matrix, side = operator.to_dense(), generator.normal(size=(270, 2))
    np.testing.assert_allclose(operator.diagonal(), np.diag(matrix), atol=1e-10)
    np.testing.assert_allclose(matrix @ operator.solve(side), side, atol=1e-7)
    np.testing.assert_allclose(operator.slogdet(), np.linalg.slogdet(matrix), rtol=1e-9)
    assert (operator @ side[:, :0]).shape == (270, 0)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(operator)) @ side, operator @ side)


def test_an_operator_can_be_pickled() -> None:
    jacobian, given = product()
    operator = jacobian.operator(**given)
    operator.slogdet()
    for one in (operator, operator.T):
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(one)) @ np.ones(12), one @ np.ones(12))


def test_kronecker_sums_of_singular_matrices_are_solved() -> None:
    """A and C are singular, and so are all products; their sum is not."""
    generator = np.random.default_rng(4)
    A, B, C, E = (generator.normal(size=(n, n)) for n in (6, 5, 6, 5))
    A[0], C[1] = 0, 0
    given = {"A": A, "B": B, "C": C, "E": E, "X": np.ones((6, 5))}
    declared = {"A": "n n", "X": "n m", "B": "m m", "C": "n n", "E": "m m"}
    for field in ("", " complex"):
        if field:
            given = {k: v * np.exp(1j * generator.normal()) for k, v in given.items()}
        expression = gw.parse("A @ X @ B + C @ X @ E", **{k: v + field for k, v in declared.items()})
        operator = gw.derive(expression, wrt="X").jacobian.operator(**given)
        matrix = operator.to_dense()
        side = generator.normal(size=(30, 2))
        assert operator.structure == "Kronecker sum"
        np.testing.assert_allclose(matrix @ operator.solve(side), side, atol=1e-8)
        np.testing.assert_allclose(operator.slogdet(), np.linalg.slogdet(matrix), rtol=1e-8)


def test_a_triangular_equation_that_lapack_scales_is_scaled_back(monkeypatch: pytest.MonkeyPatch) -> None:
    solve = scipy.linalg.lapack.dtrsyl

    def scaled(m: Array, n: Array, side: Array, **turned: str) -> tuple[Array, float, int]:
        solved, scale, info = solve(m, n, side, **turned)
        return solved / 4, scale / 4, info

    generator = np.random.default_rng(5)
    given = {"A": generator.normal(size=(4, 4)), "B": generator.normal(size=(3, 3)), "X": np.ones((4, 3))}
    operator = gw.derive(gw.parse("A @ X + X @ B", **PRODUCT), wrt="X").jacobian.operator(**given)
    side = generator.normal(size=12)
    expected = operator.solve(side)
    monkeypatch.setattr(scipy.linalg.lapack, "dtrsyl", scaled)
    np.testing.assert_allclose(operator.solve(side), expected)


def test_diagonal_systems_are_accurate_however_wide_their_range() -> None:
    x = np.array([-80.0, 0.0, 50.0])
    operator = gw.derive(gw.parse("exp(x)", x="n"), wrt="x").jacobian.operator(x=x)
    np.testing.assert_allclose(operator.solve(np.ones(3)), np.exp(-x), rtol=1e-14)
    assert operator.logdet() == pytest.approx(-30.0)


def test_a_structure_can_be_asked_of_every_operator() -> None:
    _, given = product()
    rectangular = gw.derive(gw.parse("A[0:2, :] @ X", A="4 4", X="4 m"), wrt="X").jacobian
    assert rectangular.operator(A=given["A"], X=given["X"]).structure == "rectangular"
    singular = gw.derive(gw.parse("a * x", a="n", x="n"), wrt="x").jacobian
    assert singular.operator(a=np.arange(3.0), x=np.ones(3)).structure == "diagonal"


def test_a_subclass_of_arrays_is_a_buffer() -> None:
    jacobian, given = product()
    operator = jacobian.operator(**given)
    buffer = np.empty((12, 12)).view(np.matrix)
    assert operator.to_dense(out=buffer) is buffer
    np.testing.assert_allclose(np.asarray(buffer), np.kron(given["A"], given["B"].T))
