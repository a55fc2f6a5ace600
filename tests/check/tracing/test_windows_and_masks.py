"""Convolutions by windows, and softmax that passes over entries."""

import pytest
import torch
from torch import Tensor

import gradwright as gw


def causal(Q: Tensor, K: Tensor, V: Tensor) -> Tensor:
    later = torch.ones(len(Q), len(Q), dtype=torch.bool).triu(1)
    return torch.softmax((Q @ K.mT / 2).masked_fill(later, float("-inf")), dim=-1) @ V


def causal_by_where(Q: Tensor, K: Tensor, V: Tensor) -> Tensor:
    earlier = torch.ones(len(Q), len(Q), dtype=torch.bool).tril()
    return torch.softmax(torch.where(earlier, Q @ K.mT / 2, -torch.inf), dim=-1) @ V


def causal_by_a_sum(Q: Tensor, K: Tensor, V: Tensor) -> Tensor:
    added = torch.full((len(Q), len(Q)), float("-inf"), dtype=Q.dtype).triu(1)
    return torch.softmax(Q @ K.mT / 2 + added, dim=-1) @ V


SCORES = {"Q": "n d", "K": "n d", "V": "n p"}


@pytest.mark.slow
@pytest.mark.parametrize("forward", [causal, causal_by_where, causal_by_a_sum])
def test_scores_that_a_softmax_passes_over(forward: object) -> None:
    report = gw.check(forward, variables=SCORES)
    assert report.right, str(report)
    assert "tril(exp(½ Q Kᵀ)) V" in report.findings[0].words


@pytest.mark.slow
def test_the_weights_of_a_masked_softmax_are_a_quantity() -> None:
    def backward(G: Tensor, Q: Tensor, K: Tensor, V: Tensor) -> Tensor:
        later = torch.ones(len(Q), len(Q), dtype=torch.bool).triu(1)
        P = torch.softmax((Q @ K.mT / 2).masked_fill(later, float("-inf")), dim=-1)
        dP = G @ V.mT
        return (dP - (dP * P).sum(-1, keepdim=True)) @ K / 2

    report = gw.check((causal, backward), wrt="Q", variables=SCORES)
    assert report.labels == {"missing_chain_factor"}, str(report)


def test_an_infinite_number_elsewhere_is_refused() -> None:
    with pytest.raises(gw.GradwrightError, match="an infinite number, where it does not go into a softmax"):
        gw.check(lambda x: torch.where(x > 0, x, -torch.inf).exp(), variables={"x": "n"})


def test_windows_of_a_vector_and_of_a_batch() -> None:
    assert gw.check(lambda x, w: x.unfold(0, 3, 1) @ w, variables={"x": "n", "w": "3"}).right
    report = gw.check(
        lambda x, w: torch.einsum("bclk,ock->bol", x.unfold(2, 2, 1), w), variables={"x": "b c l", "w": "o c 2"}
    )
    assert report.right, str(report)
