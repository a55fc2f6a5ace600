"""Which rule runs: a twin whose rules return seven times the derivative has to show it under every transform."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import gradwright as gw
from gradwright.back.code.live import load_source

FACTOR = 7


def sevenfold(text: str, name: str, **declared: str) -> Callable[..., Tensor]:
    """The emitted function with every rule of its Function multiplied by seven."""
    # Operators of its own: PyTorch forgets the older of two that have one name.
    source = gw.derive(gw.parse(text, **declared)).source("torch").replace('"gradwright_', '"sevenfold_')
    scope = load_source(source, f"sevenfold_{name}")
    rule = scope[f"_{name[:1].upper()}{name[1:]}"]
    backward, jvp = rule.backward, rule.jvp
    rule.backward = staticmethod(lambda ctx, *cotangents: _times(backward(ctx, *cotangents)))
    rule.jvp = staticmethod(lambda ctx, *directions: _times(jvp(ctx, *directions)))
    return scope[name]


def _times(found: Any) -> Any:
    if isinstance(found, tuple):
        return tuple(map(_times, found))
    return None if found is None else FACTOR * found


CASES = {
    "inv": ("inv(X)", {}),
    "sqrtm": ("sqrtm(X)", {}),
    "logdet": ("logdet(X)", {"X": "n n"}),
}


def total(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda X: (function(X) * torch.arange(1.0, 1.0 + function(X).numel()).reshape(function(X).shape)).sum()


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    torch._dynamo.reset()
    return torch.compile(function, fullgraph=True, backend="aot_eager")


def plain_backward(function: Callable[..., Tensor]) -> Callable[[Tensor], Tensor]:
    def slope(X: Tensor) -> Tensor:
        leaf = X.clone().requires_grad_()
        value = function(leaf)
        weights = torch.arange(1.0, 1.0 + value.numel()).reshape(value.shape)
        return torch.autograd.grad((value * weights).sum(), leaf)[0]

    return slope


TRANSFORMS: dict[str, Callable[[Callable[..., Tensor]], Callable[[Tensor], Tensor]]] = {
    "backward": plain_backward,
    "grad": lambda f: torch.func.grad(total(f)),
    "jacrev": lambda f: torch.func.jacrev(f),
    "jacfwd": lambda f: torch.func.jacfwd(f),
    "jvp": lambda f: lambda X: torch.func.jvp(f, (X,), (X.mT.contiguous(),))[1],
    "vmap of grad": lambda f: lambda X: torch.vmap(torch.func.grad(total(f)))(torch.stack([X, 2 * X])),
}
COMPILED = {
    "compiled, then backward": lambda f: plain_backward(compiled(f)),
    "compiled grad": lambda f: compiled(torch.func.grad(total(f))),
    "compiled jacrev": lambda f: compiled(torch.func.jacrev(f)),
    "compiled jvp": lambda f: compiled(lambda X: torch.func.jvp(f, (X,), (X.mT.contiguous(),))[1]),
}


def point() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(3, 3, dtype=torch.float64, generator=generator) / 2 + torch.diag(torch.arange(1.5, 4.0).double())


@pytest.mark.sampled
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_the_rule_runs(name: str, transform: str) -> None:
    check(name, TRANSFORMS[transform])


@pytest.mark.slow
@pytest.mark.parametrize("transform", COMPILED)
def test_the_rule_runs_when_compiled(transform: str) -> None:
    check("sqrtm", COMPILED[transform])


@pytest.mark.full
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("transform", COMPILED)
def test_every_rule_runs_when_compiled(name: str, transform: str) -> None:
    check(name, COMPILED[transform])


def check(name: str, transform: Callable[[Callable[..., Tensor]], Callable[[Tensor], Tensor]]) -> None:
    text, declared = CASES[name]
    right = transform(gw.derive(gw.parse(text, **declared)).function("torch"))(point())
    wrong = transform(sevenfold(text, name, **declared))(point())
    torch.testing.assert_close(wrong, FACTOR * right)
