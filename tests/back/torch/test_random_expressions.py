"""Emitted functions of random expressions, against an independent reading of the same text in PyTorch."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, reject, settings
from strategies import Case, cases
from test_against_torch import close, derivation, drawn, random_like
from torch.autograd import forward_ad
from torch_reference import project

import gradwright as gw


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad=True to a scalar:UserWarning")
@given(cases())
@settings(max_examples=30)
def test_value_and_derivatives_in_both_modes_and_in_batches(case: Case) -> None:
    entry, known = drawn(case)
    try:
        D = derivation(entry)
        function = D.function("torch")
    except (gw.UnknownNameError, gw.DerivationError, gw.EmissionError):
        reject()
    names, value = [symbol.name for symbol in D.expression.signature.symbols], known.value()
    G, dX = random_like(value, 2), project(random_like(known.point, 1), known.facts, known.point)

    def at(X: torch.Tensor) -> torch.Tensor:
        return function(*(X if name == entry.wrt else known.values[name] for name in names))

    close(at(known.point).numpy(), value, 1e-6)
    X = known.point.detach().clone().requires_grad_()
    (slopes,) = torch.autograd.grad(at(X), X, torch.stack([G, 2 * G]), is_grads_batched=True)
    close(project(slopes[1], known.facts, known.point).resolve_conj().numpy(), 2 * known.vjp(G), 1e-6)
    with forward_ad.dual_level():
        moved = forward_ad.unpack_dual(at(forward_ad.make_dual(known.point.detach().clone(), dX))).tangent
        close(moved.resolve_conj().numpy(), known.jvp(dX), 1e-6)
