"""Largest and smallest entries of what forward and backward compute in different ways."""

from __future__ import annotations

import pytest
import torch

import gradwright as gw

SIZES = {"n": 6, "m": 3}
CASES = [
    ("max(inv(X) @ b)", {"X": "n n", "b": "n"}),
    ("max(svdvals(C @ inv(a * eye(n) - A) @ B))", {"C": "n n", "a": "", "A": "n n", "B": "n m"}),
]


@pytest.mark.slow
@pytest.mark.parametrize(("text", "declarations"), CASES)
def test_the_entry_that_is_largest_is_found_again_by_every_derivative(text: str, declarations: dict[str, str]) -> None:
    function = gw.derive(gw.parse(text, **declarations)).function("torch")
    torch.manual_seed(0)
    for _ in range(10):
        inputs = tuple(
            torch.randn([SIZES[name] for name in dims.split()], dtype=torch.float64, requires_grad=True)
            for dims in declarations.values()
        )
        fast = torch.autograd.grad(function(*inputs), inputs)
        exact = torch.autograd.grad(function(*inputs), inputs, create_graph=True)
        torch.testing.assert_close(exact, fast, rtol=1e-6, atol=1e-9)
        directions = tuple(map(torch.randn_like, inputs))
        pushed = torch.func.jvp(function, inputs, directions)[1]
        slope = sum((g * d).sum() for g, d in zip(fast, directions, strict=True))
        torch.testing.assert_close(pushed, slope, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("text", "point"), [("sum(log(1 + erf(x)))", -30.0), ("sum(log(1 - exp(-x)))", 1e-10)])
def test_what_is_differentiated_again_keeps_the_digits_that_backward_keeps(text: str, point: float) -> None:
    function = gw.derive(gw.parse(text, x="n")).function("torch")
    x = torch.tensor([point, 1.0], dtype=torch.float64, requires_grad=True)
    (fast,) = torch.autograd.grad(function(x), x)
    (exact,) = torch.autograd.grad(function(x), x, create_graph=True)
    torch.testing.assert_close(exact, fast, rtol=1e-12, atol=0.0)
    pushed = torch.func.jvp(function, (x.detach(),), (torch.tensor([1.0, 0.0], dtype=torch.float64),))[1]
    torch.testing.assert_close(pushed, fast[0], rtol=1e-12, atol=0.0)
