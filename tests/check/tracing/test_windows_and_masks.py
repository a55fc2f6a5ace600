"""Convolutions by windows, softmax that passes over entries, and entries that are gathered."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import gradwright as gw
from gradwright.check.tracing import trace_forward


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


def test_entries_that_are_gathered_at_constant_places() -> None:
    places = torch.tensor([[2, 0], [1, 1], [0, 3]])
    gathered = trace_forward(lambda X: X.gather(1, places), {}, {"X": "3 4"})
    assert gathered.node is not None
    X = np.arange(12.0).reshape(3, 4)
    found = gw.Expression(gathered.node, gathered.signature).evaluate(X=X)
    np.testing.assert_array_equal(found, np.take_along_axis(X, places.numpy(), 1))


def test_entries_and_rows_that_are_added_at_constant_places() -> None:
    places, rows = torch.tensor([[2, 0], [1, 1], [2, 3]]), torch.tensor([1, 1, 0])

    def added(X: torch.Tensor, Y: torch.Tensor) -> torch.Tensor:
        return X.scatter_add(1, places, Y).index_add(0, rows, 2 * X, alpha=3)

    found = trace_forward(added, {}, {"X": "3 4", "Y": "3 2"})
    assert found.node is not None
    X, Y = np.arange(12.0).reshape(3, 4), np.arange(6.0).reshape(3, 2)
    value = gw.Expression(found.node, found.signature).evaluate(X=X, Y=Y)
    np.testing.assert_array_equal(value, added(torch.from_numpy(X), torch.from_numpy(Y)).numpy())


def test_a_norm_of_groups_is_traced() -> None:
    def normed(X: torch.Tensor, w: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return F.group_norm(X, 3, w, b, eps=0.1)

    assert gw.check(normed, variables={"X": "b 6 l", "w": "6", "b": "6"}).right


def test_a_cross_entropy_of_classes_is_traced() -> None:
    loss = trace_forward(lambda X: F.cross_entropy(X, torch.tensor([2, 1, 0])), {}, {"X": "3 4"})
    assert loss.node is not None
    same = gw.parse("mean(logsumexp(X, axis=1)) - (X[0, 2] + X[1, 1] + X[2, 0]) / 3", X="3 4")
    X = np.random.default_rng(0).normal(size=(3, 4))
    np.testing.assert_allclose(gw.Expression(loss.node, loss.signature).evaluate(X=X), same.evaluate(X=X))


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("forward", "variables"),
    [
        (lambda x, w: F.conv1d(x[None, None], w[None, None], padding=1)[0, 0], {"x": "n", "w": "3"}),
        (lambda X, W, b: F.conv2d(X, W, b), {"X": "1 c h w", "W": "2 c 2 2", "b": "2"}),
        (lambda X: F.pad(X, (1, 2, 0, 1), value=2.0), {"X": "n m"}),
        (lambda x: (x * x.flip(0)).sum(), {"x": "n"}),
        (lambda x: x.sort(descending=True)[0] * x, {"x": "n"}),
        (lambda X: X.topk(2, dim=1)[0].sum(1), {"X": "n m"}),
        (lambda X: X.kthvalue(2, dim=0, keepdim=True)[0] * X, {"X": "n m"}),
        (lambda X: X.median() + X.median(1)[0].sum(), {"X": "n m"}),
        (lambda x, y: torch.logcumsumexp(x, 0) * torch.atan2(x, y), {"x": "n", "y": "n"}),
        (lambda z: torch.polar(z.abs(), 2 * z.angle()), {"z": "n complex"}),
        (lambda x: x * torch.round(x, decimals=1) + x.ceil() * x.trunc() + torch.fmod(x, 0.7) * (x % 0.3), {"x": "n"}),
        (lambda X: X.prod(1), {"X": "n m"}),
    ],
    ids=[
        "a kernel", "a bias", "a border", "both ways", "in order", "the largest", "the second", "the middle", "angles",
        "polar coordinates", "rounded", "products",
    ],
)  # fmt: skip
def test_a_traced_forward_has_the_gradient_of_pytorch(forward: object, variables: dict[str, str]) -> None:
    report = gw.check(forward, variables=variables)
    assert report.right, str(report)


def test_a_wrong_gradient_of_sorted_entries() -> None:
    def largest_two(x: Tensor) -> Tensor:
        return x.topk(2)[0].sum()

    report = gw.check((largest_two, lambda G, x: G * (x > x.median())), variables={"x": "5"})
    assert report.right, str(report)
    assert not gw.check((largest_two, lambda G, x: G * (x >= x.median())), variables={"x": "5"}).right


@pytest.mark.slow
def test_a_wrong_gradient_of_products_along_an_axis() -> None:
    report = gw.check((lambda X: X.prod(1), lambda G, X: G[:, None] * X.prod() / X), variables={"X": "n m"})
    assert "every row is a multiple of the right one" in str(report)
