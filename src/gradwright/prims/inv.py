"""The inverse of a square matrix, defined by `X⁻¹ X = I`."""

import numpy as np

from gradwright.core.primitive import ErrorSample, KnownRule, Notation, Primitive, Sample
from gradwright.core.registry import register_primitive

_KEPT = (
    "symmetric", "skew", "hermitian", "lower", "upper", "unit_lower", "unit_upper", "diagonal", "spd",
    "orthogonal", "unitary",
)  # fmt: skip


def is_regular(inputs: tuple[np.ndarray, ...], outputs: tuple[np.ndarray, ...]) -> bool:
    """Whether Skeel's condition number `max |X⁻¹| |X| 1` leaves a digit (Higham 2002, Accuracy, 7.2)."""
    X, Y = inputs[0], outputs[0]
    skeel = np.abs(Y) @ np.sum(np.abs(X), axis=-1)[..., None]
    return bool(np.max(skeel, initial=0.0) < 1 / np.finfo(X.dtype).eps)


inv = Primitive(
    name="inv",
    signature="X: ... n n -> Y: ... n n invertible",
    summary="the inverse of a square matrix",
    identity=("Y @ X = eye(n)",),
    conditions=("{X} is invertible",),
    preserves=_KEPT,
    numpy="numpy.linalg.inv",
    regular=is_regular,
    torch="torch.linalg.inv",
    jax="jax.numpy.linalg.inv",
    notation=Notation(text="{X}⁻¹", latex="{X}^{-1}", name="inv"),
    samples=(Sample("X: n n"), Sample("X: n n complex"), Sample("X: n n spd")),
    error_samples=(ErrorSample("inv(A)", "A: n m", "square"), ErrorSample("inv(x)", "x: n", "matrix")),
    known_rules=(
        KnownRule(
            "dY",
            "-Y @ dX @ Y",
            "Giles 2008, An extended collection of matrix derivative results, 2.2.3",
        ),
        KnownRule(
            "vjp_X",
            "-Y.H @ G @ Y.H",
            "Giles 2008, 2.2.3",
        ),
    ),
    source="the definition",
)

register_primitive(inv)
