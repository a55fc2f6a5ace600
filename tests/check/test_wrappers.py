"""Functions called through another one: with a number or a mask beside the inputs, with several outputs."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

import gradwright as gw


class _RMSNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float, power: int) -> Tensor:
        scale = torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps)
        ctx.save_for_backward(x, weight, scale)
        ctx.power = power
        return weight * (x * scale)

    @staticmethod
    def backward(ctx: Any, G: Tensor) -> Any:  # type: ignore[override]
        x, weight, scale = ctx.saved_tensors
        g = G * weight
        along = x * (g * x).sum(-1, keepdim=True) / x.shape[-1]
        return scale * g - scale**ctx.power * along, (G * x * scale).sum(0), None, None


class _Split(torch.autograd.Function):
    @staticmethod
    def forward(X: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
        return X @ w, w * w

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs)
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx: Any, G: Tensor | None, H: Tensor | None) -> Any:  # type: ignore[override]
        X, w = ctx.saved_tensors
        if G is None:
            assert H is not None
            return None, w * H
        return torch.outer(G, w), X.mT @ G


rms_norm = _RMSNorm.apply


@pytest.mark.slow
@pytest.mark.parametrize(
    "wrapper",
    [
        lambda x, w: _RMSNorm.apply(x, w, 1e-6, 2),
        lambda w, x: rms_norm(x.contiguous(), w, 1e-6, 2),
    ],
    ids=["with numbers", "in another order, of a name for apply"],
)
def test_the_backward_behind_a_wrapper_is_diagnosed(wrapper: Callable[..., Tensor]) -> None:
    report = gw.check(wrapper, variables={"x": "n d", "w": "d"})
    assert report.labels == {"wrong_power"}, str(report)
    finding = next(finding for finding in report.findings if finding.labels)
    assert finding.question == "backward of x"
    assert "** 2" in finding.code
    assert finding.written_formula


@pytest.mark.slow
def test_the_class_is_as_it_was_afterwards() -> None:
    before = vars(_RMSNorm)["forward"]
    gw.check(lambda x, w: _RMSNorm.apply(x, w, 1e-6, 2), variables={"x": "n d", "w": "d"})
    assert vars(_RMSNorm)["forward"] is before


def test_one_of_several_outputs_is_diagnosed() -> None:
    variables = {"X": "n m", "w": "m"}
    assert gw.check(lambda X, w: _Split.apply(X, w)[0], "X @ w", variables=variables).right
    report = gw.check(lambda X, w: _Split.apply(X, w)[1], "w * w", wrt="w", variables=variables)
    assert report.labels == {"wrong_factor"}
    assert "w * G" in str(report), str(report)


class _Misfit(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, A: Tensor, B: Tensor, scale: float) -> Tensor:
        ctx.save_for_backward(A, B)
        ctx.scale = scale
        return scale * A @ B

    @staticmethod
    def backward(ctx: Any, G: Tensor) -> Any:  # type: ignore[override]
        A, B = ctx.saved_tensors
        return ctx.scale * G @ B, ctx.scale * A.mT @ G, None


def test_shapes_that_do_not_fit_behind_a_wrapper() -> None:
    report = gw.check(lambda A, B: _Misfit.apply(A, B, 0.5), variables={"A": "n m", "B": "m p"})
    assert report.labels == {"missing_transpose"}, str(report)


class _Once(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, S: Tensor) -> Tensor:
        L = torch.linalg.cholesky(S)
        ctx.save_for_backward(L)
        return 2 * L.diagonal().log().sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, G: Tensor) -> Any:  # type: ignore[override]
        (L,) = ctx.saved_tensors
        return G * torch.cholesky_inverse(L)


@pytest.mark.slow
def test_who_says_that_there_is_no_second_derivative_is_not_blamed() -> None:
    report = gw.check(_Once, "logdet(S)", variables={"S": "n n spd"})
    assert report.right, str(report)
    assert not report.labels
    assert "marked with once_differentiable" in str(report)


class _Unit(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, X: Tensor, power: int) -> Tensor:
        ctx.save_for_backward(X)
        ctx.power = power
        return X / X.norm(dim=1, keepdim=True)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, G: Tensor) -> Any:  # type: ignore[override]
        (X,) = ctx.saved_tensors
        norm = X.norm(dim=1, keepdim=True)
        return G / norm - X * (X * G).sum(dim=1, keepdim=True) / norm**ctx.power, None


@pytest.mark.slow
@pytest.mark.parametrize(("power", "labels"), [(3, set()), (2, {"wrong_power"})])
def test_a_wrapper_that_computes_on_what_goes_in_and_comes_out(power: int, labels: set[str]) -> None:
    def direction(A: Tensor, x: Tensor) -> Tensor:
        return A @ _Unit.apply((A.mT @ x).unsqueeze(0), power).squeeze(0)

    declared = {"A": "n m", "x": "n"}
    report = gw.check(direction, "A @ (A.T @ x) / norm(A.T @ x)", wrt="x", variables=declared)
    assert report.labels == labels and report.right == (not labels)
    if labels:
        (finding,) = (finding for finding in report.findings if finding.verdict == "wrong")
        assert "to the wrong power" in finding.words and "unsqueeze(A.T @ x, 0)" in finding.code
