"""Sums of tensors are multiplied out where they have no matrix notation."""

from __future__ import annotations

import pytest

import gradwright as gw

KERNEL = "exp(t[0]) * exp(-exp(t[1]) * D) + exp(t[2]) * eye(n)"


@pytest.mark.slow
def test_the_hessian_in_a_vector_of_parameters_forms_no_tensor() -> None:
    """The gradient in the noise has an exponential before a trace: the Hessian's row is a sum of three matrices."""
    likelihood = gw.parse(f"(logdet({KERNEL}) + y @ inv({KERNEL}) @ y) / 2", t="3", D="n n symmetric", y="n")
    source = gw.derive(likelihood, wrt="t").hessian.compile("torch", hints={"n": 200}).source
    assert "einsum" not in source
    assert "diag_embed" not in source
