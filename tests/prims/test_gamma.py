"""The gamma function in likelihoods: Dirichlet's and that of counts."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import digamma, polygamma

import gradwright as gw

DIRICHLET = "lgamma(sum(a)) - sum(lgamma(a)) + (a - ones(n)) @ log(p)"


@pytest.mark.slow
def test_the_likelihood_of_dirichlet_has_digamma_functions() -> None:
    D = gw.derive(gw.parse(DIRICHLET, a="n positive", p="n positive"), wrt="a")
    assert str(D.gradient) == "log(p) − ψ(a) + ψ(sum(a)) 1"
    assert str(D.hessian) == "polygamma(1, sum(a)) 1 1ᵀ − diag(polygamma(1, a))"
    a, p = np.array([0.5, 2.0, 3.5]), np.array([0.2, 0.3, 0.5])
    hessian = polygamma(1, a.sum()) - np.diag(polygamma(1, a))
    for found, tolerance in ((D.gradient.evaluate(a=a, p=p), 1e-13), (D.gradient.compile("jax")(a=a, p=p), 1e-4)):
        assert np.allclose(found, np.log(p) - digamma(a) + digamma(a.sum()), rtol=tolerance, atol=0)
    # PyTorch's trigamma has nine digits; JAX computes in single precision.
    for library, tolerance in (("numpy", 1e-13), ("torch", 1e-8), ("jax", 1e-4)):
        assert np.allclose(np.asarray(D.hessian.compile(library)(a=a)), hessian, rtol=tolerance, atol=0)
    assert D.hessian.compile("numpy")(a=a.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize(("text", "read"), [("polygamma(0, x)", "ψ(x)"), ("polygamma(2, x)", "polygamma(2, x)")])
def test_the_order_is_written_first(text: str, read: str) -> None:
    expression = gw.parse(text, x="n")
    assert str(expression) == read
    assert gw.parse(expression.ascii(), x="n") == expression
