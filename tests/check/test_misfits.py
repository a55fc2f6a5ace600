"""A backward that raises because shapes do not fit: a mistake that makes them fit is named."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import gradwright as gw

PRODUCT = ("A @ B", {"A": "n m", "B": "m p"})
CASES: dict[str, tuple[Callable[..., Any], str, dict[str, str], str | None, set[str], str]] = {
    "a transpose is missing": (
        lambda G, A, B: A @ G, *PRODUCT, "B", {"missing_transpose"}, "A has to be transposed (A is 5 × 4, G is 5 × 3)",
    ),
    "in both gradients": (
        lambda G, A, B: (G @ B, A @ G), *PRODUCT, None, {"missing_transpose"}, "B has to be transposed",
    ),
    "a transpose too many": (
        lambda G, A, B: G @ B.mT, "A @ B.T", {"A": "n m", "B": "p m"}, "A", {"extra_transpose"},
        "B must not be transposed",
    ),
    "the order": (
        lambda G, A, B: B.mT @ G, *PRODUCT, "A", {"swapped_factors"}, "two factors have to change places",
    ),
    "entries": (
        lambda G, A, B: G * B, *PRODUCT, "A", {"elementwise_instead_of_matrix_product"}, "a matrix product is due",
    ),
    "a solve": (
        lambda G, A, B: torch.linalg.solve(A.mT, G.mT), "solve(A, B)", {"A": "n n", "B": "n m"}, "B",
        {"extra_transpose"}, "G must not be transposed",
    ),
    "an axis": (
        lambda G, A: torch.softmax(A, 1) * (G - (G * torch.softmax(A, 1)).sum(1)), "softmax(A, axis=1)", {"A": "n m"},
        "A", {"wrong_axis"}, "a vector has to go along the rows",
    ),
    "entries of two vectors": (
        lambda G, A, x: G * x, "A @ x", {"A": "n m", "x": "m"}, "A", {"elementwise_instead_of_matrix_product"},
        "the outer product is due, not one of the entries (G is 4, x is 3)",
    ),
    "an inner product of two vectors": (
        lambda G, A, x: G @ x, "A @ x", {"A": "n m", "x": "m"}, "A", {"missing_transpose"},
        "the outer product is due, not their inner product",
    ),
    "nothing small": (
        lambda G, A, B: G @ A @ B, *PRODUCT, "A", set(), "cannot be multiplied",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_does_not_fit(name: str) -> None:
    backward, text, variables, wrt, labels, words = CASES[name]
    report = gw.check((None, backward), text, variables=variables, wrt=wrt)
    assert not report.right and report.labels == labels
    assert words in str(report)


class Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, A: Tensor, B: Tensor) -> Tensor:
        ctx.save_for_backward(A, B)
        return A @ B

    @staticmethod
    def backward(ctx: Any, G: Tensor) -> Any:  # type: ignore[override]
        A, B = ctx.saved_tensors
        return G @ B.mT, A @ G


def test_the_backward_of_a_function() -> None:
    report = gw.check(Product, "A @ B", variables=PRODUCT[1])
    assert report.labels == {"missing_transpose"} and "A has to be transposed" in str(report)


class Unpacked(Product):
    @staticmethod
    def backward(ctx: Any, G: Tensor) -> Any:  # type: ignore[override]
        B, A = ctx.saved_tensors
        return G @ B.mT, A.mT @ G


def test_saved_tensors_that_are_unpacked_in_another_order() -> None:
    report = gw.check(Unpacked, "A @ B", variables=PRODUCT[1])
    assert report.labels == {"stale_saved_value"}
    assert "it needs saved_tensors[1], saved_tensors[0] in their place" in str(report)


class Fails(Product):
    @staticmethod
    def forward(ctx: Any, A: Tensor, B: Tensor) -> Tensor:
        return A.mT @ B


def test_a_forward_that_does_not_fit_is_not_said_to_be_a_gradient() -> None:
    report = gw.check(Fails, "A @ B", variables=PRODUCT[1])
    assert not report.right and not report.labels
    assert "the function raises" in str(report)


def test_strides_that_do_not_fit_are_no_transpose() -> None:
    def backward(G: Tensor, A: Tensor, B: Tensor) -> Tensor:
        unit = torch.eye(len(G), dtype=G.dtype).mT.view(-1).reshape(len(G), len(G))
        return unit @ G @ B.mT

    report = gw.check((None, backward), PRODUCT[0], variables=PRODUCT[1], wrt="A")
    assert not report.right and not report.labels
    assert "view size is not compatible" in str(report)


def test_a_function_of_pytorch_that_takes_contiguous_tensors_alone() -> None:
    def backward(G, A, Q):
        n = len(A)
        one = torch.eye(n, dtype=A.dtype)
        return torch.linalg.solve(torch.kron(A.T, one) + torch.kron(one, A.T), G.reshape(-1)).reshape(n, n)

    report = gw.check((None, backward), "lyapunov(A, Q)", wrt="Q", variables={"A": "n n", "Q": "n n"})
    assert not report.labels and "write .contiguous()" in report.findings[0].words
