"""Functions of Hermitian matrices in eigenvectors: values, one decomposition for each matrix, and refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numerics import close, generic_point

import gradwright as gw
from gradwright.core.nodes import Apply
from gradwright.core.walks import postorder
from gradwright.errors import ConditionError
from gradwright.optimise import optimise
from gradwright.prims.eigenvalue_forms import exp_differences, log_differences
from gradwright.prims.eigh import standard_eigh

CASES = [
    ("sqrtm(S)", {"S": "n n spd"}, 1),
    ("sqrtm(S)", {"S": "n n spd complex"}, 1),
    ("logm(S)", {"S": "n n spd complex"}, 1),
    ("matrix_exp(S)", {"S": "n n symmetric"}, 1),
    ("matrix_exp(S)", {"S": "n n hermitian complex"}, 1),
    ("lyapunov(S, Q)", {"S": "n n spd", "Q": "n n"}, 1),
    ("lyapunov(S, Q)", {"S": "n n spd complex", "Q": "n n complex"}, 1),
    ("sylvester(S, R, Q)", {"S": "n n spd", "R": "m m spd", "Q": "n m"}, 2),
    ("sylvester(sqrtm(S), inv(sqrtm(S)), Q)", {"S": "n n spd", "Q": "n n"}, 1),
    ("inv(sqrtm(S)) @ A", {"S": "n n spd", "A": "n m"}, 1),
    ("sqrtm(S.T @ S + eye(n))", {"S": "n n"}, 1),
    ("logm(inv(sqrtm(S)) @ R @ inv(sqrtm(S)))", {"S": "n n spd", "R": "n n spd"}, 2),
    ("sqrtm(S) @ x", {"S": "n n diagonal", "x": "n"}, 0),
    ("logm(diag(conj(S) * S + ones(n)))", {"S": "n complex"}, 1),  # real numbers, held as complex ones
]


@pytest.mark.sampled
@pytest.mark.parametrize(("text", "declared", "count"), CASES)
def test_a_matrix_is_decomposed_once(text: str, declared: dict[str, str], count: int) -> None:
    function = gw.parse(text, **declared)
    slope = gw.derive(function, wrt="S").vjp
    nodes = optimise({"value": function.node, "slope": slope.node}).values()
    applied = [node for node in postorder(*nodes) if isinstance(node, Apply)]
    assert len({node.arguments for node in applied if node.primitive is standard_eigh}) == count
    assert not [n for n in applied if n.primitive.name in ("sqrtm", "logm", "lyapunov", "logm_difference", "inv")]


@pytest.mark.sampled
@pytest.mark.parametrize(("text", "declared", "count"), CASES)
@pytest.mark.parametrize("library", ["numpy", "torch", "jax"])
def test_values(text: str, declared: dict[str, str], count: int, library: str) -> None:
    derived = gw.derive(gw.parse(text, **declared), wrt="S")
    for expression in (derived.vjp, derived.jvp):
        point = {leaf.name: value for leaf, value in generic_point(expression.node, side=1).values.items()}
        if declared["S"] == "n n diagonal":
            point["S"] = np.abs(point["S"])
        found, wanted = np.asarray(expression.compile(library)(**point)), expression.evaluate(**point)
        assert close(found, wanted) if library != "jax" else np.allclose(found, wanted, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("differences", "function", "slope"),
    [(exp_differences, np.exp, np.exp), (log_differences, np.log, np.reciprocal)],
    ids=["exp", "log"],
)
@pytest.mark.parametrize("gap", [0, 1e-15, 1e-9, 1e-4, 1.0, 30.0])
def test_close_eigenvalues(
    differences: Callable[..., Any], function: Callable[..., Any], slope: Callable[..., Any], gap: float
) -> None:
    """Of nearby points the series of g[a, a + h] = g′(a + h/2) + h² g‴/24 + …, of others the quotient itself."""
    a = np.array([1.5])
    b = a + gap
    wanted = slope(a + gap / 2) if gap < 1e-6 else (function(b) - function(a)) / gap
    for x, y in ((a, b), (b, a)):
        assert np.allclose(differences(x, y), wanted, rtol=1e-11 if gap != 1e-4 else 1e-10, atol=0)


@pytest.mark.slow
def test_a_module_keeps_the_eigenvectors() -> None:
    module = gw.derive(gw.parse("logm(S)", S="n n spd"), wrt="S").function("torch")
    S = torch.diag(torch.tensor([1.0, 1.0, 2.0, 3.0], dtype=torch.float64)).requires_grad_()
    with torch.profiler.profile() as profile:
        (slope,) = torch.autograd.grad(module(S).sum(), S)
    counted = {event.key: event.count for event in profile.key_averages()}
    assert counted["aten::linalg_eigh"] == 1
    values = np.log([1.0, 1, 2, 3])
    wanted = [[1 / a if a == b else (x - y) / (a - b) for a, x in zip((1, 1, 2, 3), values, strict=True)]
              for b, y in zip((1, 1, 2, 3), values, strict=True)]  # fmt: skip
    assert np.allclose(slope.numpy(), wanted)


@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize(
    ("text", "eigenvalues", "message"),
    [
        ("sqrtm(S)", (1, -2, 3), "not all at least 0"),
        ("sqrtm(S)", (1, np.inf, 3), "converge|not all at least 0"),
        ("logm(S)", (1, np.inf, 3), "converge|not all positive"),
        ("logm(S)", (1, 0, 3), "not all positive"),
        ("inv(sqrtm(S))", (1, 0, 3), "ingular"),
        ("lyapunov(S, ones(n, n))", (1, -1, 3), "no unique solution"),
        ("lyapunov(S, ones(n, n))", (1, 1e-17, 3), "no unique solution"),  # a rounding error beside the others
        ("lyapunov(S, ones(n, n))", (1, -1 + 1e-14, 3), "no unique solution"),
    ],
)
def test_what_eigenvalues_must_not_be(text: str, eigenvalues: tuple[float, ...], message: str, library: str) -> None:
    function = gw.parse(text, S="n n symmetric").compile(library)
    with pytest.raises(ConditionError, match=message):
        function(S=np.diag(np.array(eigenvalues, dtype=float)))


def test_where_pytorch_traces_nothing_is_looked_at() -> None:
    function = gw.derive(gw.parse("trace(sqrtm(S) @ A)", S="n n spd", A="n n"), wrt="S").gradient.compile("torch")
    S = torch.diag(torch.tensor([4.0, 1.0, 9.0], dtype=torch.float64)).expand(2, 3, 3)
    A = torch.arange(9, dtype=torch.float64).reshape(3, 3)
    found = torch.func.vmap(lambda s: function(S=s, A=A))(S)
    roots = torch.tensor([2.0, 1, 3], dtype=torch.float64)
    assert torch.allclose(found[1], (A + A.T) / 2 / (roots[:, None] + roots))


REPEATED = np.diag([2.0, 2.0, 2.0, 5.0])


@pytest.mark.slow
@pytest.mark.parametrize("text", ["trace(sqrtm(S) @ A)", "trace(lyapunov(S, A) @ A)"])
def test_jax_differentiates_where_eigenvalues_are_equal(text: str) -> None:
    """Eigenvectors have no derivative there, and the function has."""
    import jax

    derived = gw.derive(gw.parse(text, S="n n spd", A="n n"), wrt="S")
    A = np.arange(16.0).reshape(4, 4) / 4
    with jax.enable_x64(True):
        A_there = jax.numpy.asarray(A)
        for function in (derived.expression.compile("jax"), derived.function("jax")):
            found = jax.grad(lambda S, function=function: function(S, A_there))(jax.numpy.asarray(REPEATED))
            assert close(found, derived.gradient.evaluate(S=REPEATED, A=A))
        pushed = derived.hvp.compile("jax")
        found = jax.grad(lambda dS: pushed(S=REPEATED, A=A_there, dS=dS).sum())(jax.numpy.ones((4, 4)))
        assert close(found, derived.hvp.evaluate(S=REPEATED, A=A, dS=np.ones((4, 4))))


@pytest.mark.slow
@pytest.mark.parametrize("text", ["trace(sqrtm(S) @ A)", "trace(lyapunov(S, A) @ A)", "norm(sqrtm(S) @ A)**2"])
def test_jax_differentiates_modules_again_where_eigenvalues_are_equal(text: str) -> None:
    import jax

    derived = gw.derive(gw.parse(text, S="n n spd", A="n n"), wrt="S")
    A, dS = np.arange(16.0).reshape(4, 4) / 4, np.ones((4, 4))
    with jax.enable_x64(True):
        value, S, A_there = derived.function("jax"), jax.numpy.asarray(REPEATED), jax.numpy.asarray(A)
        wanted = derived.hvp.evaluate(S=REPEATED, A=A, dS=dS)
        for slope in (value.gradient, jax.grad(value)):
            assert close(jax.jvp(lambda S, f=slope: f(S, A_there), (S,), (dS,))[1], wanted)
            assert close(jax.jit(jax.grad(lambda S, f=slope: f(S, A_there).sum()))(S), wanted)


@pytest.mark.slow
def test_jax_differentiates_functions_of_eigenvalues_of_any_matrix() -> None:
    """JAX refuses to; and a second derivative goes through what the first one keeps."""
    import jax

    derived = gw.derive(gw.parse("real(sum(sin(eig(A).eigenvalues)))", A="n n"), wrt="A")
    A = np.random.default_rng(0).normal(size=(4, 4))
    with jax.enable_x64(True):
        for function in (derived.expression.compile("jax"), derived.function("jax")):
            assert close(jax.jit(jax.grad(function))(jax.numpy.asarray(A)), derived.gradient.evaluate(A=A))
        found = jax.jacrev(jax.grad(derived.expression.compile("jax")))(jax.numpy.asarray(A))
        assert close(found, derived.hessian.evaluate(A=A))


@pytest.mark.slow
def test_jax_modules_take_functions_of_eigenvalues_as_such() -> None:
    import jax

    text = "trace(A @ eigh(S).eigenvectors @ diag(eigh(S).eigenvalues**(1/3)) @ eigh(S).eigenvectors.T)"
    derived = gw.derive(gw.parse(text, A="n n", S="n n symmetric"), wrt="S")
    A = np.arange(16.0).reshape(4, 4) / 4
    with jax.enable_x64(True):
        value, wanted = derived.function("jax"), derived.gradient.evaluate(S=REPEATED, A=A)
        assert close(jax.grad(value, 1)(jax.numpy.asarray(A), jax.numpy.asarray(REPEATED)), wanted)
        assert close(jax.jvp(lambda S: value(A, S), (REPEATED,), (np.ones((4, 4)),))[1], wanted.sum())


@pytest.mark.parametrize("kind", ["expression", "gradient", "hvp"])
def test_pytorch_does_not_differentiate_eigenvectors(kind: str) -> None:
    expression = getattr(gw.derive(gw.parse("trace(logm(S) @ A)", S="n n spd", A="n n"), wrt="S"), kind)
    S, A, dS = (torch.tensor(REPEATED) + k for k in (0, 1, 1))
    given = {"S": S.requires_grad_(), "A": A, **({"dS": dS} if kind == "hvp" else {})}
    value = expression.compile("torch")(**given)
    with pytest.raises(gw.UnsupportedError, match="cannot differentiate"):
        value.sum().backward()


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_a_matrix_of_low_rank_has_a_root(library: str) -> None:
    """Its eigenvalues are zeros up to some rounding errors, of either sign."""
    function = gw.parse("sqrtm(outer(x, x))", x="n").compile(library)
    for seed in range(30):
        x = np.random.default_rng(seed).normal(size=30)
        assert np.allclose(function(x=x), np.outer(x, x) / np.linalg.norm(x), atol=1e-5)


def test_a_module_is_traced() -> None:
    from torch.fx.experimental.proxy_tensor import make_fx

    module = gw.derive(gw.parse("sqrtm(S)", S="n n spd")).function("torch")
    S = torch.diag(torch.tensor([4.0, 1.0, 9.0], dtype=torch.float64))
    traced = make_fx(torch.func.grad(lambda s: module(s).trace()))(S)
    assert torch.allclose(traced(4 * S), torch.diag(torch.tensor([1 / 8, 1 / 4, 1 / 12], dtype=torch.float64)))


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_the_inverse_of_the_matrix_itself_keeps_its_digits(library: str) -> None:
    """Rows of sizes from 10⁴ to 10⁻⁶: the eigenvalues lose what Cholesky's factor keeps."""
    sizes, K = np.array([1.0, 1e-6, 1e4, 1e-3]), np.eye(4) + 0.3
    S, A = sizes[:, None] * K * sizes, np.diag([0.0, 1, 0, 0])
    wanted = np.linalg.inv(K)[1, 1] / sizes[1] ** 2
    declared = {"S": "n n spd", "A": "n n"}
    beside = gw.parse("trace(inv(S) @ A) + trace(sqrtm(S))", **declared).compile(library)
    assert np.isclose(beside(S=S, A=A), wanted + np.sqrt(S[2, 2]), rtol=1e-11)
    within = gw.parse("trace(sqrtm(inv(S)) @ A)", **declared).compile(library)
    assert np.isclose(within(S=S, A=A), wanted**0.5, rtol=1e-5)
