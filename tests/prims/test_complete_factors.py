"""Complete QR and full SVD: values, derivatives of what does not depend on the choice, PyTorch."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest
import torch
from numerics import ROUNDING, Point, close
from orders import residuals

import gradwright as gw

GENERATOR = np.random.default_rng(3)
TALL, WIDE = GENERATOR.normal(size=(5, 3)), GENERATOR.normal(size=(3, 5))
B = GENERATOR.normal(size=(5, 5))


def test_the_complete_qr_is_that_of_numpy() -> None:
    for name, wanted in zip("QR", np.linalg.qr(TALL, mode="complete"), strict=True):
        assert close(gw.parse(f"qr(A, mode='complete').{name}", A="n m").evaluate(A=TALL), wanted)


@pytest.mark.parametrize("A", [TALL, WIDE, TALL + 1j * TALL[::-1]], ids=["tall", "wide", "complex"])
def test_the_full_svd_is_one(A: np.ndarray) -> None:
    field = " complex" if np.iscomplexobj(A) else ""
    U, S, Vh = (gw.parse(f"svd(A, full_matrices=True).{x}", A=f"n m{field}").evaluate(A=A) for x in ("U", "S", "Vh"))
    assert close(U @ U.conj().T, np.eye(len(A)))
    assert close(Vh @ Vh.conj().T, np.eye(A.shape[1]))
    assert close(U[:, :3] * S @ Vh[:3], A)


def test_the_default_is_the_thin_one() -> None:
    assert gw.parse("qr(A, mode='reduced').Q", A="n m").node == gw.parse("qr(A).Q", A="n m").node
    assert gw.qr(gw.matrix("A", "n", "m"), mode="complete").Q.shape == gw.parse("eye(n)", x="n").shape
    with pytest.raises(gw.GradwrightError, match="'mode' is one of 'reduced', 'complete'"):
        gw.parse("qr(A, mode='full').Q", A="n m")
    with pytest.raises(gw.GradwrightError, match="'full_matrices' is one of False, True"):
        gw.parse("svd(A, full_matrices=2).U", A="n m")


Q, U, VH = "qr(A, mode='complete').Q", "svd(A, full_matrices=True).U", "svd(A.T, full_matrices=True).Vh"
FREE_OF_THE_CHOICE = {
    "the complement of the columns": f"norm({Q}[:, m:].T @ B @ {Q}[:, m:])**2",
    "all of Q": f"norm({Q} @ diag(concatenate(ones(m), zeros(n - m))) @ ones(n))**2",
    "R": "sum(qr(A, mode='complete').R**3)",
    "left singular vectors": f"trace(B @ {U}[:, m:] @ {U}[:, m:].T @ B)",
    "the null space of a wide matrix": f"trace(B @ {VH}[m:, :].T @ {VH}[m:, :])",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FREE_OF_THE_CHOICE)
def test_derivatives_of_two_orders_of_what_does_not_depend_on_the_choice(name: str) -> None:
    expression = gw.parse(FREE_OF_THE_CHOICE[name], A="n m", B="n n")
    A, other = (expression.signature.symbol(x) for x in "AB")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gw.derive(expression, wrt="A").gradient.evaluate(A=TALL, B=B)
    assert max(residuals([expression.node], (A,), Point({A: TALL, other: B}, {"n": 5, "m": 3}), 2)) < 1e-5


def test_a_cotangent_that_depends_on_the_rotation_is_reported_with_its_size() -> None:
    pulled = gw.derive(gw.parse("qr(A, mode='complete').Q", A="n m"), wrt="A").vjp
    inner = np.linalg.qr(TALL, mode="complete")[0][:, 3:].T @ B[:, 3:]
    size = f"{np.max(np.abs(inner - inner.T)):.1e}"
    for evaluate in (pulled.evaluate, pulled.compile()):
        with pytest.warns(gw.GaugeWarning, match=re.escape(f"up to {size};")):
            evaluate(A=TALL, G=B)


@pytest.mark.slow
@pytest.mark.parametrize("text", ["qr(A, mode='complete').Q", "svd(A, full_matrices=True).U"])
def test_emitted_functions_are_differentiable_twice(text: str) -> None:
    emitted = gw.derive(gw.parse(text, A="n m"), wrt="A").function("torch")
    C = torch.tensor(B)

    def free_of_the_choice(A: torch.Tensor) -> torch.Tensor:
        Q = emitted(A)[:, 3:]
        return ((Q.mT @ C @ Q) ** 2).sum()

    A = torch.tensor(TALL, requires_grad=True)
    assert torch.autograd.gradcheck(free_of_the_choice, A, nondet_tol=ROUNDING)
    assert torch.autograd.gradgradcheck(free_of_the_choice, A, nondet_tol=ROUNDING)


def test_pytorch_itself_refuses_the_complete_qr() -> None:
    """Its derivative is not implemented for a tall matrix (pytorch/pytorch#135097 tests that it raises)."""
    A = torch.tensor(TALL, requires_grad=True)
    with pytest.raises(RuntimeError, match="not differentiable when mode='complete'"):
        torch.linalg.qr(A, mode="complete").Q.sum().backward()
