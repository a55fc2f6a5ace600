"""Schur forms: equations between their triangles, and one form for all that a matrix needs one for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numerics import close, generic_point

import gradwright as gw
from gradwright.core.nodes import Apply
from gradwright.core.walks import postorder
from gradwright.errors import ConditionError
from gradwright.optimise import optimise
from gradwright.prims.schur import middle, schur_form, solve_between_triangles

RANDOM = np.random.default_rng(4)


def triangle(n: int, dtype: type) -> np.ndarray:
    A = RANDOM.normal(size=(n, n)) + n**0.5 * np.eye(n)
    if np.issubdtype(dtype, np.complexfloating):
        A = A + 1j * RANDOM.normal(size=(n, n))
    return schur_form(A.astype(dtype))[0]


@pytest.mark.parametrize("left", [0, 1])
@pytest.mark.parametrize("right", [0, 1])
@pytest.mark.parametrize("dtype", [np.float64, np.complex128, np.float32, np.complex64])
@pytest.mark.parametrize(("m", "n"), [(3, 4), (70, 5), (67, 133)])
def test_equations_between_triangles(m: int, n: int, dtype: type, left: int, right: int) -> None:
    S, T = triangle(m, dtype), triangle(n, dtype)
    C = RANDOM.normal(size=(m, n)).astype(dtype)
    X = solve_between_triangles(S, T, C, left, right)
    found = (S.conj().T if left else S) @ X + X @ (T.conj().T if right else T)
    assert X.dtype == dtype
    assert np.abs(found - C).max() < (1e-9 if S.real.dtype == np.float64 else 1e-2)


def test_no_block_of_two_rows_is_cut() -> None:
    T = np.diag([1.0, 2, 3, 4])
    assert middle(T) == 2
    T[2, 1] = -1
    assert middle(T) == 3


CASES = [
    ("sylvester(A, B, C)", {"A": "n n", "B": "m m", "C": "n m"}, 2),
    ("sylvester(A, B, C)", {"A": "n n complex", "B": "m m complex", "C": "n m complex"}, 2),
    ("lyapunov(A, Q)", {"A": "n n", "Q": "n n"}, 1),
    ("lyapunov(A, Q)", {"A": "n n complex", "Q": "n n complex"}, 1),
    ("sqrtm(A)", {"A": "n n"}, 1),
    ("sqrtm(A.T) @ A", {"A": "n n"}, 1),
    ("sqrtm(A.H) @ A", {"A": "n n complex"}, 1),
    ("sylvester(sqrtm(A), A.T, B)", {"A": "n n", "B": "n n"}, 1),
    ("lyapunov(A, B) + sylvester(B, A, B)", {"A": "n n", "B": "n n"}, 2),
]


@pytest.mark.sampled
@pytest.mark.parametrize(("text", "declared", "count"), CASES)
def test_a_matrix_has_one_form(text: str, declared: dict[str, str], count: int) -> None:
    expression = gw.derive(gw.parse(text, **declared), wrt="A").vjp
    nodes = optimise({"value": expression.node, "function": gw.parse(text, **declared).node}).values()
    applied = [node for node in postorder(*nodes) if isinstance(node, Apply)]
    forms = {node.arguments for node in applied if node.primitive.name == "schur"}
    assert len(forms) == count and not {"sqrtm", "sylvester", "lyapunov"} & {n.primitive.name for n in applied}


@pytest.mark.sampled
@pytest.mark.parametrize(("text", "declared", "count"), CASES)
@pytest.mark.parametrize("library", ["numpy", "torch", "jax"])
def test_values(text: str, declared: dict[str, str], count: int, library: str) -> None:
    expression = gw.derive(gw.parse(text, **declared), wrt="A").vjp
    point = point_of(expression)
    found, wanted = np.asarray(expression.compile(library)(**point)), expression.evaluate(**point)
    assert close(found, wanted) if library != "jax" else np.allclose(found, wanted, rtol=1e-4, atol=1e-5)


def point_of(expression: gw.Expression) -> dict[str, np.ndarray]:
    """A generic point at which square matrices have eigenvalues on the right."""
    values = {leaf.name: value for leaf, value in generic_point(expression.node).values.items()}
    return {k: v + 4 * np.eye(len(v)) if v.shape[0] == v.shape[1] else v for k, v in values.items()}


def test_real_matrices_with_a_complex_side_keep_their_algorithm() -> None:
    expression = gw.derive(gw.parse("lyapunov(A, B)", A="n n", B="n n complex"), wrt="B").vjp
    point = point_of(expression)
    assert "schur" not in expression.compile("numpy").source
    assert close(expression.compile("numpy")(**point), expression.evaluate(**point))


def test_a_matrix_of_the_entries_of_a_vector_is_no_adjoint() -> None:
    expression = gw.parse("lyapunov(diag(v), B) + lyapunov(diag(v), B.T)", v="n", B="n n")
    v, B = np.arange(1.0, 4), RANDOM.normal(size=(3, 3))
    assert close(expression.compile("numpy")(v=v, B=B), expression.evaluate(v=v, B=B))


@pytest.mark.sampled
@pytest.mark.parametrize("library", ["numpy", "torch", "jax"])
@pytest.mark.parametrize("real", [("A",), ("B",), ("A", "B"), ("C",), ("A", "B", "C")])
@pytest.mark.parametrize("text", ["sylvester(A, B, C) + sylvester(A.H, B.H, C)", "sylvester(sqrtm(A).H, B.H, C)"])
def test_real_arrays_for_complex_variables(text: str, real: tuple[str, ...], library: str) -> None:
    """The Schur form of a real matrix has blocks of two rows, which equations in complex numbers do not take."""
    expression = gw.parse(text, A="n n complex", B="m m complex", C="n m complex")
    point = point_of(expression)
    turn = np.kron(np.eye(len(point["A"])), [[0, -3], [3, 0]])[: len(point["A"]), : len(point["A"])]
    point["A"] = point["A"] + turn  # pairs of eigenvalues
    point = {name: np.real(value) if name in real else value for name, value in point.items()}
    found, wanted = np.asarray(expression.compile(library)(**point)), expression.evaluate(**point)
    assert close(found, wanted) if library != "jax" else np.allclose(found, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize("text", ["lyapunov(A, Q)", "lyapunov(A, Q) + lyapunov(A.T, Q)"])
def test_an_equation_without_a_unique_solution_is_refused(text: str, library: str) -> None:
    compiled = gw.parse(text, A="n n", Q="n n").compile(library)
    for gap in (0, 1e-14):  # a rounding error, as evaluate has it
        A = np.array([[1, 3, 0], [0, -1 + gap, 1], [0, 0, 3]])
        with pytest.raises(ConditionError, match="no unique solution"):
            compiled(A=A, Q=np.arange(9.0).reshape(3, 3))
    for function in (compiled, gw.parse(text, A="n n", Q="n n").evaluate):
        with pytest.raises(ConditionError, match="not finite"):
            function(A=np.diag([1.0, np.nan, 2]), Q=np.arange(9.0).reshape(3, 3))


def test_a_root_that_does_not_exist_is_refused() -> None:
    gradient = gw.derive(gw.parse("trace(sqrtm(A) @ B)", A="n n", B="n n"), wrt="A").gradient.compile("numpy")
    A = np.diag([1.0, -2, 3])
    with pytest.raises(ConditionError, match="an eigenvalue at which its function is not real"):
        gradient(A=A, B=np.arange(9.0).reshape(3, 3))


@pytest.mark.parametrize("text", ["lyapunov(A, Q)", "sqrtm(A) @ Q"])
def test_a_module_keeps_the_form(text: str) -> None:
    module = gw.derive(gw.parse(text, A="n n", Q="n n")).function("torch")
    A = torch.tensor(4 * np.eye(3) + RANDOM.normal(size=(3, 3)), requires_grad=True)
    with torch.profiler.profile() as profile:
        torch.autograd.grad(module(A, torch.ones(3, 3, dtype=torch.float64)).sum(), A)
    assert sum(event.count for event in profile.key_averages() if event.key.endswith("::schur_kernel")) == 1
