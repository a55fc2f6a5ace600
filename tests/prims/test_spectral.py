"""Functions of eigenvalues whose body has a part without the eigenvalue in it."""

import numpy as np

import gradwright as gw


def test_a_constant_sum_inside_the_function_stays_a_number():
    """`g(λ) = sin(λ) / (1 + exp(0))`: the divisor is a sum that no eigenvalue enters."""
    A = np.random.default_rng(5).normal(size=(4, 4))
    K = A @ A.T + np.eye(4)
    sines = gw.parse("dot(sin(eigh(K).eigenvalues), 1 / (1 + exp(-zeros(n))))", K="n n spd")
    values, vectors = np.linalg.eigh(K)
    expected = (vectors * np.cos(values) / 2) @ vectors.T
    assert np.allclose(gw.derive(sines, wrt="K").gradient.evaluate(K=K), expected, rtol=1e-12, atol=1e-12)
