"""Kernels of PyTorch, put where an expression equals one, however it is written, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numerics import close, generic_point

import gradwright as gw
from gradwright.core.nodes import Node
from gradwright.core.walks import postorder
from gradwright.optimise import optimise
from gradwright.optimise.kernels import KERNELS, use_kernels
from gradwright.simplify.pipeline import simplify_all

CENTRED = "(X - outer(mean(X, axis=1), ones(n)))"
DEVIATION = f"outer(sqrt(mean({CENTRED}**2, axis=1) + 0.001), ones(n))"
TABLE = {"X": "m n"}


def kernels_in(expression: gw.Expression | Node) -> list[str]:
    """The kernels that the optimised expression calls."""
    given = expression if isinstance(expression, Node) else expression.node
    (node,) = use_kernels(tuple(optimise({"value": given}).values()), KERNELS)
    return [n.primitive.name for n in postorder(node) if getattr(n, "primitive", None) in KERNELS]


def vjp(text: str, wrt: str, declarations: dict[str, str]) -> gw.Expression:
    return gw.derive(gw.parse(text, **declarations), wrt=wrt).vjp


def point_of(expression: gw.Expression) -> dict[str, np.ndarray]:
    values = generic_point(expression.node, symbols=expression.signature.symbols).values
    return {leaf.name: value for leaf, value in values.items()}


NORMALISED = [
    (f"{CENTRED} / {DEVIATION}", "X", TABLE),
    (f"-3 * {CENTRED} / {DEVIATION}", "X", TABLE),
    (f"X + {CENTRED} / {DEVIATION}", "X", TABLE),
    (f"{CENTRED} / {DEVIATION} * outer(ones(m), w)", "X", {**TABLE, "w": "n"}),
    (f"tanh({CENTRED} / {DEVIATION} @ W)", "X", {**TABLE, "W": "n k"}),
    ("(x - mean(x)) / sqrt(mean((x - mean(x))**2) + 1/7) * w", "x", {"x": "n", "w": "n"}),
    ("(x - mean(x)) / sqrt(mean(x**2) - mean(x)**2)", "x", {"x": "n"}),
    ("sum(w * (x - sum(x)/n) * (0.25 + dot(x - sum(x)/n, x)/n)**(-1/2))", "x", {"x": "n", "w": "n"}),
]
WEIGHTED = [
    ("softmax(X, axis=1)", "X", TABLE),
    ("softmax(x)", "x", {"x": "n"}),
    ("-softmax(W @ x) / 3", "x", {"x": "n", "W": "m n"}),
    ("softmax(Q @ K.T / sqrt(k), axis=1) @ V", "Q", {"Q": "m k", "K": "n k", "V": "n k"}),
    ("softmax(Q @ K.T / sqrt(k), axis=1) @ V", "K", {"Q": "m k", "K": "n k", "V": "n k"}),
    ("Q + softmax(Q @ K.T, axis=1) @ K", "Q", {"Q": "m k", "K": "n k"}),
    ("softmax(x) * w", "x", {"x": "n", "w": "n"}),
]
OTHERS = [
    (f"{CENTRED} / outer(norm(X, axis=1), ones(n))", "X", TABLE),
    ("(x - mean(x)) / sqrt(sum((x - mean(x))**2) / (n - 1) + 1/7)", "x", {"x": "n"}),
    ("(x - mean(x)) / sqrt(mean((x - mean(x))**2) + b)", "x", {"x": "n", "b": ""}),
    ("x / sqrt(mean((x - mean(x))**2) + 1/7)", "x", {"x": "n"}),
    ("softmax(x) + w", "w", {"x": "n", "w": "n"}),
]
# Variables beside those of the function, of the same shape.
NEARLY = [
    ("x * (G - dot(softmax(x), G) * ones(n))", {"x": "n", "G": "n"}),
    ("softmax(x) * (g0 - dot(softmax(x), g1) * ones(n))", {"x": "n", "g0": "n", "g1": "n"}),
    (
        "(g - mean(g)) / sqrt(mean((exp(x) - mean(x))**2) + 1/7)"
        " - (exp(x) - mean(x)) * dot(exp(x) - mean(x), g) / n / (mean((exp(x) - mean(x))**2) + 1/7)**(3/2)",
        {"x": "n", "g": "n"},
    ),
]


@pytest.mark.parametrize("case", WEIGHTED)
def test_the_cotangent_of_a_softmax_is_found_in_any_form(case: tuple[str, str, dict[str, str]]) -> None:
    assert kernels_in(vjp(*case)) == ["softmax_vjp"]


@pytest.mark.sampled
@pytest.mark.parametrize("case", NORMALISED)
def test_the_cotangent_of_a_normalisation_is_found_in_any_form(case: tuple[str, str, dict[str, str]]) -> None:
    assert kernels_in(vjp(*case)) == [*["layer_norm"] * 2, "layer_norm_vjp"]  # the mean, the factor


@pytest.mark.parametrize("case", [*NORMALISED[:5], NORMALISED[6]])
def test_a_normalisation_is_found(case: tuple[str, str, dict[str, str]]) -> None:
    text, _, declarations = case
    (node,) = simplify_all((gw.parse(text, **declarations).node,))
    assert kernels_in(node) == ["layer_norm"]


def test_both_kernels_in_a_block_of_a_transformer() -> None:
    """Nor is a tensor of three axes formed for the softmax, which `(V - 1 s) t` would need for every row s of S."""
    block = NORMALISED[0][0].replace("X", "(X + softmax(X @ K, axis=1) @ V)")
    expression = vjp(block, "X", {"X": "m n", "K": "n k", "V": "k n"})
    assert {*kernels_in(expression)} == {"layer_norm", "layer_norm_vjp", "softmax_vjp"}
    assert all(node.rank < 3 for node in postorder(*optimise({"value": expression.node}).values()))


@pytest.mark.parametrize("case", OTHERS)
def test_nothing_else_is_taken_for_a_kernel(case: tuple[str, str, dict[str, str]]) -> None:
    text, _, declarations = case
    assert not kernels_in(vjp(*case))
    assert not kernels_in(simplify_all((gw.parse(text, **declarations).node,))[0])


@pytest.mark.parametrize("case", NEARLY)
def test_no_variable_is_taken_for_another(case: tuple[str, dict[str, str]]) -> None:
    text, declarations = case
    expression = gw.parse(text, **declarations)
    assert not kernels_in(expression)
    point = point_of(expression)
    found = expression.compile("torch")(**{name: torch.as_tensor(value) for name, value in point.items()})
    assert close(found.numpy(), expression.evaluate(**point))


@pytest.mark.sampled
@pytest.mark.parametrize("case", [*NORMALISED, *WEIGHTED, *OTHERS])
def test_values(case: tuple[str, str, dict[str, str]]) -> None:
    expression = vjp(*case)
    point = point_of(expression)
    compiled = expression.compile("torch")
    tensors = {name: torch.as_tensor(value) for name, value in point.items()}
    wanted = expression.evaluate(**point)
    first = compiled(**tensors)
    assert close(first.numpy(), wanted)
    for _ in range(2):  # written over temporaries
        assert torch.equal(compiled(**tensors), first)


@pytest.mark.parametrize("case", [NORMALISED[0], WEIGHTED[0]])
def test_tensors_of_two_types_which_no_kernel_takes(case: tuple[str, str, dict[str, str]]) -> None:
    expression = vjp(*case)
    point = point_of(expression)
    X, G = torch.as_tensor(point["X"]).float(), torch.as_tensor(point["G"])
    for _ in range(3):
        found = expression.compile("torch")(X=X, G=G)
        assert np.allclose(found.numpy(), expression.evaluate(**point), rtol=1e-5, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("before", [False, True])
def test_autocast_chooses_other_types_than_a_kernel_takes(before: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradwright.api.compiled._CACHE", {})
    expression = vjp(*NORMALISED[4])
    point = point_of(expression)
    tensors = {name: torch.as_tensor(value).float() for name, value in point.items()}
    compiled = expression.compile("torch")
    if before:
        compiled(**tensors)
    with torch.autocast("cpu", torch.bfloat16):
        found = [compiled(**tensors) for _ in range(3)]
    assert all(torch.equal(first, found[0]) for first in found)
    assert np.allclose(found[0].float().numpy(), expression.evaluate(**point), rtol=0.1, atol=0.1)


def test_a_recorded_call_does_not_decide_for_those_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradwright.api.compiled._CACHE", {})
    expression = vjp(*WEIGHTED[0])
    compiled = expression.compile("torch")
    X, G = (torch.as_tensor(value) for value in point_of(expression).values())
    for _ in range(2):
        assert compiled(X=X.clone().requires_grad_(), G=G).requires_grad
    with torch.profiler.profile() as profiler:
        compiled(X=X, G=G)
    assert "aten::_softmax_backward_data" in {event.name for event in profiler.events() or ()}


def normalised(X: torch.Tensor) -> torch.Tensor:
    centred = X - X.mean(1, keepdim=True)
    return centred / ((centred**2).mean(1, keepdim=True) + 0.001).sqrt()


@pytest.mark.parametrize(("case", "plain"), [(NORMALISED[0], normalised), (WEIGHTED[0], lambda X: X.softmax(1))])
def test_where_pytorch_differentiates_it_does_so_at_every_order(
    case: tuple[str, str, dict[str, str]], plain: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    """Its own kernel for a normalisation has a wrong third derivative."""
    expression = vjp(*case)
    compiled = expression.compile("torch")
    tensors = {n: torch.as_tensor(v) for n, v in point_of(expression).items()}
    X, G = tensors["X"], tensors["G"]
    for _ in range(3):
        compiled(X=X, G=G)
    found = torch.func.jacrev(torch.func.jacrev(lambda X: compiled(X=X, G=G)))(X)
    wanted = torch.func.jacrev(torch.func.jacrev(lambda X: torch.func.vjp(plain, X)[1](G)[0]))(X)
    assert torch.allclose(found, wanted)
    assert torch.allclose(torch.vmap(lambda X: compiled(X=X, G=G))(torch.stack([X, 2 * X]))[1], compiled(X=2 * X, G=G))


@pytest.mark.parametrize(
    ("kernel", "case"), [("layer_norm_vjp(", NORMALISED[0]), ("_softmax_backward_data(", WEIGHTED[3])]
)
def test_modules_call_a_kernel_where_nothing_differentiates(kernel: str, case: tuple[str, str, dict[str, str]]) -> None:
    text, _, declarations = case
    source = gw.derive(gw.parse(text, **declarations)).source("torch")
    backward = source.partition("if _is_first_order(")[2].partition("def jvp(")[0].splitlines()
    calls = [number for number, line in enumerate(backward) if kernel in line]
    returns = [number for number, line in enumerate(backward) if "return " in line]
    assert len(calls) == 1 and calls[0] <= returns[0]


def test_a_module_normalises_once() -> None:
    text, _, declarations = NORMALISED[3]
    source = gw.derive(gw.parse(text, **declarations)).source("torch")
    assert source.count(" layer_norm(") == 2  # its definition, and one call
    assert "is_complex()" not in source.partition("class _Function")[2].partition("def layer_norm")[0]
