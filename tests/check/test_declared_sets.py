"""Gradients in structured variables: the missing or doubled part is named in the words of the set."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import gradwright as gw

TEXT = "real(trace(inv(K) @ A))"


def raw(G: Tensor, K: Tensor, A: Tensor) -> Tensor:
    """The gradient that knows of no set."""
    Y = torch.linalg.inv(K).mH
    return -G * (Y @ A.mH @ Y)


def doubled(sign: int) -> object:
    def backward(G: Tensor, K: Tensor, A: Tensor) -> Tensor:
        slope = raw(G, K, A)
        return slope + sign * slope.mH

    return backward


@pytest.mark.slow
@pytest.mark.parametrize(
    ("declared", "kind"),
    [("n n symmetric", "symmetric"), ("n n hermitian", "Hermitian"), ("n n skew", "skew-symmetric")],
)
def test_a_missing_part_is_named_by_the_set(declared: str, kind: str) -> None:
    of = "n n complex" if kind == "Hermitian" else "n n"
    report = gw.check((None, raw), TEXT, wrt="K", variables={"K": declared, "A": of})
    assert report.labels == {"not_symmetrised"}
    assert f"K is {kind}, and the gradient is not" in str(report)


@pytest.mark.slow
@pytest.mark.parametrize(("declared", "sign"), [("n n symmetric", 1), ("n n hermitian", 1), ("n n skew", -1)])
def test_a_sum_that_is_not_halved_is_a_factor(declared: str, sign: int) -> None:
    of = "n n complex" if "hermitian" in declared else "n n"
    report = gw.check((None, doubled(sign)), TEXT, wrt="K", variables={"K": declared, "A": of})
    assert report.labels == {"wrong_factor"}, str(report)
