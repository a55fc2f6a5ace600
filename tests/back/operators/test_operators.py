"""Operators against the dense tensors that they stand for, at small generic points."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
import scipy.sparse.linalg

import gradwright as gw
from gradwright.core.arithmetic import Array

SIZES = {"n": 4, "m": 3, "k": 5, "p": 2, "r": 40}

SQUARE = [
    ("inv(X)", "X", "jacobian", {"X": "n n"}, "dense ⊗ dense"),
    ("A @ X @ B", "X", "jacobian", {"A": "n n", "X": "n m", "B": "m m"}, "dense ⊗ dense"),
    ("A @ X.T @ B", "X", "jacobian", {"A": "m m", "X": "n m", "B": "n n"}, "dense ⊗ dense"),
    ("logdet(X)", "X", "hessian", {"X": "n n"}, "dense ⊗ dense"),
    ("vec(A @ X @ B)", "X", "jacobian", {"A": "n n", "X": "n m", "B": "m m"}, "dense ⊗ dense"),
    ("vec(A @ X) + exp(vec(X))", "X", "jacobian", {"A": "n n", "X": "n m"}, "block diagonal"),
    ("X.T", "X", "jacobian", {"X": "n m"}, "scaled identity ⊗ scaled identity"),
    ("sum((X - U @ V.T) ** 2)", "U", "hessian", {"X": "n m", "U": "n p", "V": "m p"}, "scaled identity ⊗ dense"),
    ("A @ X + X @ B", "X", "jacobian", {"A": "n n", "X": "n m", "B": "m m"}, "Kronecker sum"),
    ("A @ X @ B + 2 * C @ X @ B", "X", "jacobian", {"A": "n n", "C": "n n", "X": "n m", "B": "m m"}, "dense ⊗ dense"),
    ("trace(X.T @ A @ X @ B)", "X", "hessian", {"X": "n m", "A": "n n", "B": "m m"}, "Kronecker sum"),
    ("X @ X", "X", "jacobian", {"X": "n n"}, "Kronecker sum"),
    ("exp(x)", "x", "jacobian", {"x": "n"}, "diagonal"),
    ("sum(X ** 4)", "X", "hessian", {"X": "n m"}, "diagonal"),
    ("3 * x", "x", "jacobian", {"x": "n"}, "scaled identity"),
    ("norm(x) ** 3", "x", "hessian", {"x": "r"}, "low rank plus diagonal"),
    ("logsumexp(x) + a * dot(x, x)", "x", "hessian", {"x": "n", "a": ""}, "low rank plus diagonal"),
    ("sum(softplus(X @ w)) + a * dot(w, w)", "w", "hessian", {"X": "k n", "w": "n", "a": "positive"}, "dense"),
    ("sum(softplus(X @ w)) + dot(w, w)", "w", "hessian", {"X": "k r", "w": "r"}, "low rank plus diagonal"),
    ("tanh(A @ X)", "X", "jacobian", {"A": "n n", "X": "n m"}, "block diagonal"),
    ("sum(logsumexp(X, axis=1)) + sum(X ** 2)", "X", "hessian", {"X": "n m"}, "block diagonal"),
    ("sum(sin(X @ w)) + dot(w, w)", "w", "hessian", {"X": "k n", "w": "n"}, "dense"),
    ("diag(diagonal(X)) + 2 * X", "X", "jacobian", {"X": "n n"}, "block diagonal"),
    ("matrix_exp(X)", "X", "jacobian", {"X": "n n"}, "dense"),
    ("sylvester(A, B, X)", "X", "jacobian", {"A": "n n", "B": "m m", "X": "n m"}, "dense"),
    ("det(X)", "X", "hessian", {"X": "n n"}, "dense"),
    ("a * b", "a", "jacobian", {"a": "", "b": ""}, "scaled identity"),
    ("a ** 3", "a", "hessian", {"a": ""}, "scaled identity"),
    ("mean(X) * ones(n, m) + X", "X", "jacobian", {"X": "n m"}, "low rank plus diagonal"),
    ("diag(w) @ X + X @ diag(v)", "X", "jacobian", {"X": "n m", "w": "n", "v": "m"}, "diagonal"),
    ("A @ X @ B.T + C @ X @ B", "X", "jacobian", {"A": "n n", "X": "n m", "B": "m m", "C": "n n"}, "Kronecker sum"),
    ("einsum('ij,jkb->ikb', A, T) + einsum('ijb,jk->ikb', T, B)", "T", "jacobian",
     {"A": "n n", "B": "m m", "T": "n m p"}, "Kronecker sum ⊗ scaled identity"),
    ("2 * einsum('ij,jkb->ikb', A, T) + einsum('ijb,jk->ikb', T, B)", "T", "jacobian",
     {"A": "n n", "B": "m m", "T": "n m p"}, "Kronecker sum ⊗ scaled identity"),
    ("concatenate(x[1:4], 2 * x[0:1])", "x", "jacobian", {"x": "4"}, "blocks (scaled identity, scaled identity)"),
]  # fmt: skip

OTHERS = [
    ("A @ X @ B", "X", "jacobian", {"A": "k n", "X": "n m", "B": "m p"}),
    ("tanh(W @ x)", "W", "jacobian", {"W": "n m", "x": "m"}),
    ("kron(X, A)", "X", "jacobian", {"X": "n m", "A": "k p"}),
    ("concatenate(exp(x), A @ x)", "x", "jacobian", {"x": "n", "A": "k n"}),
    ("diag(v)", "v", "jacobian", {"v": "n"}),
    ("trace(X)", "X", "jacobian", {"X": "n n"}),
    ("sum(x) * ones(k)", "x", "jacobian", {"x": "n", "y": "k"}),
    ("einsum('ij,jk,kl->il', A, X, X.T)", "X", "jacobian", {"A": "k n", "X": "n m"}),
    ("softmax(x)", "x", "jacobian", {"x": "n"}),
    ("x * sum(X @ w)", "w", "jacobian", {"x": "n", "X": "m k", "w": "k"}),
    ("einsum('ki,kj,kij,i,j->', X, X, T, w, w)", "w", "hessian", {"X": "m n", "T": "m n n", "w": "n"}),
]

TANGENT = [
    ("inv(K)", "K", "jacobian", {"K": "n n spd"}),
    ("logdet(K)", "K", "hessian", {"K": "n n spd"}),
    ("A @ S + S @ A.T", "S", "jacobian", {"A": "n n", "S": "n n symmetric"}),
    ("A @ S @ A.T", "S", "jacobian", {"A": "n n", "S": "n n skew"}),
    ("cholesky(K)", "K", "jacobian", {"K": "n n spd"}),
    ("sqrtm(K)", "K", "jacobian", {"K": "n n spd"}),
    ("L @ L.T", "L", "jacobian", {"L": "n n lower"}),
    ("inv(U)", "U", "jacobian", {"U": "n n upper"}),
    ("trace(matrix_power(D, 3))", "D", "hessian", {"D": "n n diagonal"}),
    ("X @ X", "X", "jacobian", {"X": "n n skew"}),
    ("sum((X @ A - B) ** 2)", "X", "hessian", {"A": "n m", "B": "n m", "X": "n n skew"}),
    ("kron(S, A)", "S", "jacobian", {"S": "n n symmetric", "A": "p p"}),
]


def inputs(declarations: dict[str, str], seed: int = 0) -> dict[str, Array]:
    generator = np.random.default_rng(seed)
    return {name: _value(words.split(), generator) for name, words in declarations.items()}


def _value(words: list[str], generator: np.random.Generator) -> Array:
    raw = np.asarray(generator.normal(size=[int(SIZES.get(word, word)) for word in words if _is_size(word)]))
    fact = next((word for word in words if not _is_size(word)), "")
    made = {
        "spd": lambda: raw @ raw.T + len(raw) * np.eye(len(raw)),
        "symmetric": lambda: raw + raw.T,
        "skew": lambda: raw - raw.T,
        "lower": lambda: np.tril(raw) + 3 * np.eye(len(raw)),
        "upper": lambda: np.triu(raw) + 3 * np.eye(len(raw)),
        "diagonal": lambda: np.diag(np.diag(raw)),
        "positive": lambda: np.abs(raw) + 0.5,
    }
    return made[fact]() if fact else raw


def _is_size(word: str) -> bool:
    return word in SIZES or word.isdigit()


def operator_and_matrix(text: str, wrt: str, kind: str, declared: dict[str, str]) -> tuple[Any, Array]:
    derived = getattr(gw.derive(gw.parse(text, **declared), wrt=wrt), kind)
    given = inputs(declared)
    operator = derived.operator(**given)
    return operator, derived.evaluate(**given).reshape(operator.shape)


@pytest.mark.sampled
@pytest.mark.parametrize(("text", "wrt", "kind", "declared"), [case[:4] for case in SQUARE] + OTHERS + TANGENT)
def test_products_and_entries_are_those_of_the_matrix(text: str, wrt: str, kind: str, declared: dict[str, str]) -> None:
    operator, matrix = operator_and_matrix(text, wrt, kind, declared)
    generator = np.random.default_rng(1)
    right, left = (generator.normal(size=(size, 2)) for size in operator.shape[::-1])
    np.testing.assert_allclose(operator @ right, matrix @ right, atol=1e-10)
    np.testing.assert_allclose(operator @ right[:, 0], matrix @ right[:, 0], atol=1e-10)
    np.testing.assert_allclose(operator.T @ left, matrix.T @ left, atol=1e-10)
    np.testing.assert_allclose(operator.T.to_dense(), matrix.T, atol=1e-10)
    np.testing.assert_allclose(operator.to_dense(), matrix, atol=1e-10)
    buffer = np.full((*operator.row_shape, *operator.column_shape), np.nan)
    assert operator.to_dense(out=buffer) is buffer
    np.testing.assert_allclose(buffer.reshape(matrix.shape), matrix, atol=1e-10)
    if matrix.shape[0] == matrix.shape[1]:
        np.testing.assert_allclose(operator.diagonal(), np.diag(matrix), atol=1e-10)
        np.testing.assert_allclose(operator.trace(), np.trace(matrix), atol=1e-9)


@pytest.mark.sampled
@pytest.mark.parametrize(("text", "wrt", "kind", "declared", "structure"), SQUARE)
def test_systems_and_determinants(text: str, wrt: str, kind: str, declared: dict[str, str], structure: str) -> None:
    operator, matrix = operator_and_matrix(text, wrt, kind, declared)
    assert operator.structure == structure
    right = np.random.default_rng(2).normal(size=(len(matrix), 2))
    np.testing.assert_allclose(matrix @ operator.solve(right), right, atol=1e-8)
    np.testing.assert_allclose(matrix.T @ operator.T.solve(right), right, atol=1e-8)
    assert operator.slogdet() == pytest.approx(np.linalg.slogdet(matrix), abs=1e-9)
    solved = operator.solve(right[:, 0].reshape(operator.row_shape))
    np.testing.assert_allclose(matrix @ solved.reshape(-1), right[:, 0], atol=1e-8)
    assert solved.shape == (operator.column_shape if len(operator.row_shape) != 1 else (len(matrix),))


@pytest.mark.parametrize(("text", "wrt", "kind", "declared"), TANGENT)
def test_systems_in_a_tangent_space(text: str, wrt: str, kind: str, declared: dict[str, str]) -> None:
    operator, matrix = operator_and_matrix(text, wrt, kind, declared)
    given = inputs(declared)[wrt]
    fact = declared[wrt].split()[-1]
    project = {
        "lower": np.tril, "upper": np.triu, "diagonal": lambda x: np.diag(np.diag(x)), "skew": lambda x: (x - x.T) / 2
    }.get(fact, lambda x: (x + x.T) / 2)  # fmt: skip
    units = [project(unit.reshape(given.shape)).reshape(-1) for unit in np.eye(given.size)]
    basis = np.linalg.svd(np.stack(units, axis=1))[0][:, : np.linalg.matrix_rank(np.stack(units))]
    direction = basis @ np.random.default_rng(3).normal(size=basis.shape[1])
    np.testing.assert_allclose(operator.solve(matrix @ direction), direction, atol=1e-8)
    singular = np.linalg.svd(matrix @ basis, compute_uv=False)
    assert operator.slogdet()[1] == pytest.approx(np.sum(np.log(singular)), abs=1e-8)


def test_an_operator_is_one_of_scipys() -> None:
    operator, matrix = operator_and_matrix("A @ X @ B", "X", "jacobian", {"A": "n n", "X": "n m", "B": "m m"})
    assert isinstance(operator, scipy.sparse.linalg.LinearOperator)
    right = np.random.default_rng(4).normal(size=len(matrix))
    solution, _ = scipy.sparse.linalg.gmres(operator, right, rtol=1e-12)
    np.testing.assert_allclose(matrix @ solution, right, atol=1e-8)
    np.testing.assert_allclose((operator + operator) @ right, 2 * matrix @ right, atol=1e-10)


def test_a_tensor_is_taken_in_place_of_its_entries() -> None:
    declared = {"A": "k n", "X": "n m", "B": "m p"}
    operator, _ = operator_and_matrix("A @ X @ B", "X", "jacobian", declared)
    given = inputs(declared)
    direction = np.random.default_rng(5).normal(size=(4, 3))
    np.testing.assert_allclose(operator @ direction, given["A"] @ direction @ given["B"])


def test_complex_variables() -> None:
    declared = {"A": "n n complex", "X": "n m complex", "B": "m m complex"}
    generator = np.random.default_rng(6)
    given = {
        name: generator.normal(size=shape) + 1j * generator.normal(size=shape)
        for name, shape in {"A": (4, 4), "X": (4, 3), "B": (3, 3)}.items()
    }
    jacobian = gw.derive(gw.parse("A @ X @ B", **declared), wrt="X").jacobian
    operator = jacobian.operator(**given)
    matrix = jacobian.evaluate(**given).reshape(operator.shape)
    right = generator.normal(size=12) + 1j * generator.normal(size=12)
    np.testing.assert_allclose(operator @ right, matrix @ right)
    np.testing.assert_allclose(operator.H @ right, matrix.conj().T @ right)
    np.testing.assert_allclose(operator.T @ right, matrix.T @ right)
    np.testing.assert_allclose(matrix @ operator.solve(right), right)
    assert np.exp(1j * np.angle(operator.slogdet()[0])) == pytest.approx(np.linalg.slogdet(matrix)[0])


def test_any_expression_with_an_even_number_of_axes_is_an_operator() -> None:
    given = inputs({"A": "n n", "B": "m m"})
    operator = gw.parse("kron(A, B)", A="n n", B="m m").operator(**given)
    right = np.random.default_rng(7).normal(size=12)
    np.testing.assert_allclose(np.kron(given["A"], given["B"]) @ operator.solve(right), right)
    with pytest.raises(gw.GradwrightError, match="3 axes"):
        gw.parse("T", T="n m k").operator(T=np.ones((2, 3, 4)))


@pytest.mark.parametrize(
    ("text", "wrt", "kind", "declared"),
    [
        ("softmax(x)", "x", "jacobian", {"x": "n"}),
        ("logsumexp(x)", "x", "hessian", {"x": "r"}),
        ("norm(x)", "x", "hessian", {"x": "n"}),
        ("tril(X)", "X", "jacobian", {"X": "n n"}),
        ("diag(diagonal(X))", "X", "jacobian", {"X": "n n"}),
        ("A @ X @ B", "X", "jacobian", {"A": "n p", "X": "p n", "B": "n p"}),
        ("A @ C @ X @ B + A @ E @ X", "X", "jacobian", {"A": "n p", "C": "p n", "X": "n m", "B": "m m", "E": "p n"}),
        ("X @ v", "X", "jacobian", {"X": "n n symmetric", "v": "n"}),
    ],
)
def test_a_singular_operator_is_refused(text: str, wrt: str, kind: str, declared: dict[str, str]) -> None:
    operator, _ = operator_and_matrix(text, wrt, kind, declared)
    with pytest.raises(gw.GradwrightError, match="singular"):
        operator.solve(np.ones(operator.shape[0]))
    with pytest.raises(gw.GradwrightError, match="singular"):
        operator.logdet()


def test_what_is_not_square_or_does_not_fit_is_refused() -> None:
    operator, _ = operator_and_matrix("A @ x", "x", "jacobian", {"A": "k n", "x": "n"})
    with pytest.raises(gw.GradwrightError, match="only a square operator has an inverse; this is 5 × 4"):
        operator.solve(np.ones(5))
    with pytest.raises(gw.GradwrightError, match="vector of length 4"):
        operator @ np.ones(5)
    with pytest.raises(gw.GradwrightError, match="C-contiguous"):
        operator.to_dense(out=np.empty((4, 5)).T)
    with pytest.raises(gw.GradwrightError, match="cannot hold"):
        operator.to_dense(out=np.empty((5, 4), dtype=int))


def test_a_right_side_outside_of_the_tangent_space_is_refused() -> None:
    operator, _ = operator_and_matrix("inv(K)", "K", "jacobian", {"K": "n n spd"})
    with pytest.raises(gw.GradwrightError, match="not the image of a tangent direction"):
        operator.solve(np.arange(16.0).reshape(4, 4))


def test_a_negative_determinant_has_no_logarithm() -> None:
    operator = gw.derive(gw.parse("a * x", a="", x="n"), wrt="x").jacobian.operator(a=-2.0, x=np.ones(3))
    assert operator.slogdet() == (-1.0, pytest.approx(3 * np.log(2)))
    with pytest.raises(gw.GradwrightError, match="not positive"):
        operator.logdet()


def test_a_large_kronecker_system_is_never_formed() -> None:
    generator = np.random.default_rng(8)
    given = {name: generator.normal(size=(200, 200)) for name in "AXB"}
    expression = gw.parse("A @ X @ B", A="n n", X="n n", B="n n")
    operator = gw.derive(expression, wrt="X").jacobian.operator(**given)
    right = generator.normal(size=(200, 200))
    assert operator.shape == (40_000, 40_000)
    np.testing.assert_allclose(given["A"] @ operator.solve(right) @ given["B"], right, atol=1e-8)


def test_a_large_newton_step_is_solved_by_iteration() -> None:
    generator = np.random.default_rng(9)
    given = {"X": generator.normal(size=(900, 600)) / 30, "w": generator.normal(size=600), "a": 0.1}
    derivation = gw.derive(gw.parse("sum(softplus(X @ w)) + a * dot(w, w)", X="m n", w="n", a=""), wrt="w")
    operator, slope = derivation.hessian.operator(**given), derivation.gradient.evaluate(**given)
    assert operator.structure == "matrix-free"
    step = operator.solve(slope)
    np.testing.assert_allclose(operator @ step, slope, atol=1e-7)
    np.testing.assert_allclose(step, np.linalg.solve(operator.to_dense(), slope), atol=1e-7)


def test_a_derivative_in_one_piece_is_applied_through_its_products() -> None:
    generator = np.random.default_rng(10)
    given = {"A": generator.normal(size=(18, 18)), "B": generator.normal(size=(15, 15))}
    given["X"] = generator.normal(size=(18, 15))
    expression = gw.parse("sylvester(A, B, X)", A="n n", B="m m", X="n m")
    operator = gw.derive(expression, wrt="X").jacobian.operator(**given)
    direction = generator.normal(size=(18, 15))
    moved = operator @ direction
    np.testing.assert_allclose(given["A"] @ moved + moved @ given["B"], direction, atol=1e-8)
    back = operator.T @ direction
    np.testing.assert_allclose(given["A"].T @ back + back @ given["B"].T, direction, atol=1e-8)


LARGE = [
    ("inv(X)", "X", {"X": "n n"}, 17),
    ("inv(X)", "X", {"X": "n n complex"}, 17),
    ("A @ X @ B", "X", {"A": "n n complex", "X": "n n complex", "B": "n n"}, 33),
    ("outer(x, y)", "x", {"x": "n", "y": "n"}, 48),
    ("X * Y", "X", {"X": "n n", "Y": "n n"}, 17),
]


@pytest.mark.sampled
@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize(("text", "wrt", "declared", "n"), LARGE)
def test_large_buffers_are_written_by_either_library(
    text: str, wrt: str, declared: dict[str, str], n: int, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = np.random.default_rng(0)
    given = {name: _random(generator, (n,) * len(words.replace("complex", "").split()), "complex" in words)
             for name, words in declared.items()}  # fmt: skip
    for array in given.values():
        array.flags.writeable = False
    derived = gw.derive(gw.parse(text, **declared), wrt=wrt).jacobian
    operator, tensor = derived.operator(**given), derived.evaluate(**given)
    double = np.full(operator.shape, np.nan, dtype=operator.dtype)
    single = double.astype(np.result_type(np.float32 if np.isrealobj(double) else np.complex64))
    if library == "torch":
        pytest.importorskip("torch")
    else:
        monkeypatch.setitem(sys.modules, "torch", None)
    np.testing.assert_allclose(operator.to_dense(out=double), tensor.reshape(operator.shape), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(operator.to_dense(out=single), tensor.reshape(operator.shape), rtol=1e-4, atol=1e-5)


def _random(generator: np.random.Generator, shape: tuple[int, ...], is_complex: bool) -> Array:
    real = generator.normal(size=shape)
    return real + 1j * generator.normal(size=shape) if is_complex else real


def test_a_buffer_may_be_a_tensor() -> None:
    torch = pytest.importorskip("torch")
    operator, matrix = operator_and_matrix("A @ X", "X", "jacobian", {"A": "k n", "X": "n m"})
    buffer = torch.full((*operator.row_shape, *operator.column_shape), torch.nan, dtype=torch.float64)
    assert operator.to_dense(out=buffer) is buffer
    np.testing.assert_allclose(buffer.numpy().reshape(matrix.shape), matrix)
    with pytest.raises(gw.GradwrightError, match="no buffer to write to"):
        operator.to_dense(out=buffer.clone().requires_grad_())
    with pytest.raises(gw.GradwrightError, match="C-contiguous"):
        operator.to_dense(out=torch.empty(matrix.shape[::-1], dtype=torch.float64).T)


def test_what_cannot_be_written_to_is_no_buffer() -> None:
    operator, matrix = operator_and_matrix("A @ x", "x", "jacobian", {"A": "k n", "x": "n"})
    with pytest.raises(gw.GradwrightError, match="not list"):
        operator.to_dense(out=matrix.tolist())
    matrix.flags.writeable = False
    with pytest.raises(gw.GradwrightError, match="may only be read"):
        operator.to_dense(out=matrix)


def test_an_operator_is_that_of_the_point_at_which_it_was_made() -> None:
    A, B, X, C = np.random.default_rng(3).normal(size=(4, 5, 5))
    operator = gw.derive(gw.parse("A @ X @ B", A="n n", X="n n", B="n n"), wrt="X").jacobian.operator(A=A, B=B, X=X)
    wanted = A @ C @ B
    for array in (A, B, X):
        array *= 2
    np.testing.assert_allclose((operator @ C.ravel()).reshape(5, 5), wanted, rtol=1e-12)
    np.testing.assert_allclose(operator.solve(wanted), C, rtol=1e-8)
