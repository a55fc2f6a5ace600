"""Eigenvalues and singular values without their vectors, for code that needs none: less than half the work.

None of these is a function of the language; `gradwright.optimise` puts them where no vector is read.
"""

from __future__ import annotations

import numpy as np

from gradwright.core.primitive import Primitive, Sample
from gradwright.prims.eigh import standard_eigh
from gradwright.prims.precision import require_finite
from gradwright.prims.svd import thin


def singular_values_alone(A: np.ndarray) -> np.ndarray:
    """The singular values, descending."""
    require_finite(A)
    return np.linalg.svd(A, compute_uv=False)


eigenvalues = Primitive(
    name="eigenvalues",
    signature="A: n n hermitian -> eigenvalues: n real",
    summary="the eigenvalues of a Hermitian matrix, ascending",
    argument_facts=("symmetric",),
    field="real",
    numpy="numpy.linalg.eigvalsh",
    torch="torch.linalg.eigvalsh",
    jax="jax.numpy.linalg.eigvalsh",
    samples=(Sample("A: n n symmetric"), Sample("A: n n hermitian complex")),
)
singular_values = Primitive(
    name="singular_values",
    signature="A: n m -> S: min(n,m) real",
    summary="the singular values, descending",
    field="real",
    numpy=singular_values_alone,
    torch="torch.linalg.svdvals",
    jax="jax.numpy.linalg.svd({0}, compute_uv=False)",
    samples=(Sample("A: n m"), Sample("A: m n")),
)

# By the decomposition: which of its results are the values, and what computes them alone.
ALONE = {standard_eigh: (0, eigenvalues), thin: (1, singular_values)}
