"""Conjugates of numbers, which NumPy may have as Python's own: `1j * x` is one, for x of type float64."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw

RNG = np.random.default_rng(0)


@pytest.mark.slow
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_the_conjugate_of_a_real_number_times_the_imaginary_unit(library: str) -> None:
    f = gw.parse("real(trace(A @ H))**2 + imag(trace(A @ H))**2", A="n n complex", H="n n hermitian")
    A = RNG.normal(size=(3, 3)) + 1j * RNG.normal(size=(3, 3))
    gradient, inputs = gw.derive(f, wrt="H").gradient, {"A": A, "H": A + A.conj().T}
    np.testing.assert_allclose(np.asarray(gradient.compile(library)(**inputs)), gradient.evaluate(**inputs))
