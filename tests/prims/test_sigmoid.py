"""Derivatives of what PyTorch computes, far out."""

import numpy as np
import torch

import gradwright as gw


def test_the_third_derivative_of_softplus_in_pytorch_is_finite_where_exponentials_overflow() -> None:
    function = gw.derive(gw.parse("sum(x * softplus(x))", x="n"), wrt="x").function("torch")
    x = torch.tensor([-900.0, 0.5, 900.0], dtype=torch.float64, requires_grad=True)
    derivative = function(x)
    for _ in range(3):
        (derivative,) = torch.autograd.grad(derivative.sum(), x, create_graph=True)
    s = 1 / (1 + np.exp(-0.5))
    assert np.allclose(derivative.detach().numpy(), [0, s * (1 - s) * (3 + 0.5 * (1 - 2 * s)), 0])
