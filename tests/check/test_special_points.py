"""Gradients that are right at generic points, and not at special sizes, entries and axes, or for changed tensors."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import softplus

import gradwright as gw

PRODUCT = {"A": "n m", "B": "m p"}


def findings(function: Any, text: str | None, variables: dict[str, str]) -> dict[str, tuple[str, str]]:
    """The verdict and the words on every question."""
    report = gw.check(function, text, variables=variables) if text else gw.check(function, variables=variables)
    return {finding.question: (finding.verdict, finding.words) for finding in report.findings}


def test_a_shape_that_tells_a_matrix_from_its_transpose() -> None:
    def backward(G: Tensor, A: Tensor, B: Tensor) -> tuple[Tensor, Tensor]:
        return G @ (B if G.shape[1] == B.shape[0] else B.mT), A.mT @ G

    found = findings((None, backward), "A @ B", PRODUCT)
    assert found["equal sizes"] == ("wrong", "where n = m = p = 5 the gradient is silently wrong")


def test_the_second_of_several_blocks() -> None:
    def backward(G: Tensor, x: Tensor) -> Tensor:
        return torch.cat([2 * G[:8] * x[:8], 2 * G[8:] * x[: len(x) - 8]])

    assert findings((None, backward), "x ** 2", {"x": "n"})["larger sizes"][0] == "wrong"


@pytest.mark.parametrize(
    ("text", "backward", "verdict"),
    [
        ("x * exp(x)", lambda G, x: G * (x * x.exp() + x * x.exp() / x), "note"),
        ("x * exp(x)", lambda G, x: G * torch.where(x == 0, 0, x.exp() * (1 + x)), "wrong"),
        ("x * exp(x)", lambda G, x: G * x.exp() * (1 + x), None),
        ("abs(x)", lambda G, x: G * torch.where(x >= 0, 1.0, -1.0), None),
        ("softplus(x)", lambda G, x: G * x / x * -torch.expm1(-softplus(x)), "note"),
    ],
)
def test_an_entry_that_is_zero(text: str, backward: Any, verdict: str | None) -> None:
    found = findings((None, backward), text, {"x": "n"}).get("entries that are zero")
    assert (found and found[0]) == verdict


def product(of_weights: Any, **rules: Any) -> Any:
    """`A B` with the gradient of B that `of_weights` makes of A, G and B; its backward's, or other, rules."""

    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)
        ctx.set_materialize_grads(False)

    def backward(ctx: Any, G: Tensor) -> tuple[Tensor, Tensor]:
        A, B = ctx.saved_tensors
        return G @ B.mT, of_weights(A, G, B)

    every = {"forward": lambda A, B: A @ B, "setup_context": setup_context, "backward": backward, **rules}
    return type("Product", (torch.autograd.Function,), {name: staticmethod(rule) for name, rule in every.items()})


def _first_of_a_batch(A: Tensor, G: Tensor, B: Tensor) -> Tensor:
    return A.mT @ G if A.dim() == B.dim() else (A.mT @ G)[0]


def _along_one(ctx: Any, dA: Tensor | None, dB: Tensor | None) -> Tensor:
    A, B = ctx.saved_tensors
    return A @ dB if dA is None else dA @ B


def _whatever_the_axes(info: Any, in_dims: Any, A: Tensor, B: Tensor) -> tuple[Tensor, int]:
    return A @ B, 0


def _by_the_axes(info: Any, in_dims: Any, A: Tensor, B: Tensor) -> tuple[Tensor, int]:
    at = zip((A, B), in_dims, strict=True)
    A, B = (t if axis is None else t.movedim(axis, 0) for t, axis in at)
    return A @ B, 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("of_weights", "rules", "question", "words"),
    [
        (_first_of_a_batch, {}, "batches", "where all inputs but B have a leading batch axis, the gradient of B"),
        (lambda A, G, B: A.mT @ G, {"jvp": _along_one}, "jvp", "the derivative along A and B together"),
        (lambda A, G, B: A.mT @ G, {"vmap": _whatever_the_axes}, "vmap",
         "torch.vmap of it, with the points along the last axes"),
        (lambda A, G, B: A.mT @ G, {"vmap": _by_the_axes}, "vmap", ""),
    ],
    ids=["a batch of one input alone", "two directions", "the axes of the points", "nothing"],
)  # fmt: skip
def test_other_ways_to_call_it(of_weights: Any, rules: dict[str, Any], question: str, words: str) -> None:
    verdict, said = findings(product(of_weights, **rules), "A @ B", PRODUCT)[question]
    assert verdict == ("wrong" if words else "held") and said.startswith(words)


class _KeptAsAttribute(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.x = x
        return x**2

    @staticmethod
    def backward(ctx: Any, G: Tensor) -> Tensor:  # type: ignore[override]
        return 2 * G * ctx.x


class _Masked(torch.autograd.Function):
    """`x` where `m` is positive, which has no derivative by `m`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, m: Tensor) -> Tensor:
        ctx.save_for_backward(m)
        return x * (m > 0)

    @staticmethod
    def backward(ctx: Any, G: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        (m,) = ctx.saved_tensors
        return G * (m > 0), None


@pytest.mark.slow
def test_an_input_that_is_changed_before_the_backward() -> None:
    assert findings(_KeptAsAttribute, "x ** 2", {"x": "n"})["inputs that are changed"][0] == "note"


@pytest.mark.slow
def test_a_gradient_that_is_zero_may_be_none() -> None:
    found = findings(_Masked, None, {"x": "n", "m": "n"})
    assert all(verdict != "wrong" for verdict, _ in found.values()), str(found)
    assert gw.check(torch.sign, variables={"x": "n"}).right
    assert gw.check((None, lambda G, x: G * 0), "sign(x)", variables={"x": "n"}).right


def test_the_problem_in_double_precision_is_said() -> None:
    def backward(G: Tensor, Z: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return torch.outer(G, y), Z.mH @ G.abs()

    words = findings((None, backward), "Z @ y", {"Z": "n m complex", "y": "m"})["a first call"][1]
    assert "ComplexDouble" in words


def test_a_backward_that_takes_any_number_of_arguments() -> None:
    def backward(*given: Tensor) -> tuple[Tensor, Tensor]:
        G, A, B = given
        return G @ B.mT, A.mT @ G

    assert gw.check((None, backward), "A @ B", variables=PRODUCT).right
