"""The inverse of a square matrix, defined by `X⁻¹ X = I`."""

from gradwright.core.primitive import ErrorSample, Notation, Primitive, Sample
from gradwright.core.registry import register_primitive

_KEPT = (
    "symmetric", "skew", "hermitian", "lower", "upper", "unit_lower", "unit_upper", "diagonal", "spd",
    "orthogonal", "unitary",
)  # fmt: skip

inv = Primitive(
    name="inv",
    signature="X: ... n n -> Y: ... n n invertible",
    summary="the inverse of a square matrix",
    identity=("Y @ X = eye(n)",),
    conditions=("{X} is invertible",),
    preserves=_KEPT,
    numpy="numpy.linalg.inv",
    torch="torch.linalg.inv",
    jax="jax.numpy.linalg.inv",
    notation=Notation(text="{X}⁻¹", latex="{X}^{-1}", name="inv"),
    samples=(Sample("X: n n"), Sample("X: n n complex"), Sample("X: n n spd")),
    error_samples=(ErrorSample("inv(A)", "A: n m", "square"), ErrorSample("inv(x)", "x: n", "matrix")),
    source="the definition",
)

register_primitive(inv)
