"""Factors with other signs than stated, where the definition leaves them free."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import gradwright as gw


class PositiveDiagonal(torch.autograd.Function):
    """The factor R of a QR factorisation, with a positive diagonal."""

    generate_vmap_rule = True

    @staticmethod
    def forward(A: torch.Tensor) -> torch.Tensor:
        return factors(A)[1]

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: torch.Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, G: torch.Tensor) -> Any:
        return pulled_back(G, *ctx.saved_tensors)


def factors(A: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    Q, R = torch.linalg.qr(A)
    signs = torch.sign(R.diagonal(dim1=-2, dim2=-1))
    return Q * signs[..., None, :], signs[..., :, None] * R


def pulled_back(G: torch.Tensor, A: torch.Tensor) -> torch.Tensor:
    Q, R = factors(A)
    M = R @ G.mT
    return Q @ (M.tril() + M.tril(-1).mT) @ torch.linalg.inv(R).mT


def untransposed(G: torch.Tensor, A: torch.Tensor) -> torch.Tensor:
    Q, R = factors(A)
    M = R @ G.mT
    return Q @ (M.tril() + M.tril(-1)) @ torch.linalg.inv(R).mT


def positive(A: torch.Tensor) -> torch.Tensor:
    return factors(A)[1]


TALL, SYMMETRIC = {"A": "n m"}, {"A": "n n symmetric"}


@pytest.mark.parametrize(
    ("function", "text", "variables", "told"),
    [
        (PositiveDiagonal.apply, "qr(A).R", TALL, "signs of the columns of Q and of the rows of R"),
        ((positive, pulled_back), "qr(A).R", TALL, "signs of the columns of Q and of the rows of R"),
        (lambda A: -factors(A)[0], "qr(A).Q", TALL, "signs of the columns of Q and of the rows of R"),
        (lambda A: -torch.linalg.svd(A, full_matrices=False).Vh, "svd(A).Vh", TALL, "each pair of singular vectors"),
        (lambda A: torch.linalg.eigh(A).eigenvectors, "eigh(A).eigenvectors", SYMMETRIC, ""),
    ],
)
def test_signs_that_the_definition_leaves_free_are_no_mistake(
    function: Any, text: str, variables: dict[str, str], told: str
) -> None:
    report = gw.check(function, text, variables=variables)
    assert report.right, str(report)
    assert told in str(report)


@pytest.mark.slow
def test_a_mistake_beside_other_signs_is_named() -> None:
    assert gw.check((positive, untransposed), "qr(A).R", variables=TALL).labels == {"missing_transpose"}


@pytest.mark.parametrize(("function", "text"), [(torch.linalg.svdvals, "svd(A).S"), (torch.linalg.pinv, "pinv(A)")])
def test_a_sign_that_is_not_free_is_wrong(function: Any, text: str) -> None:
    report = gw.check(lambda A: -function(A), text, variables=TALL)
    assert f"it is not {text}" in str(report)
