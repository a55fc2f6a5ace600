"""Derivatives that PyTorch computes in one pass over the memory, for code that is emitted, and what they are found by.

None of these is a function of the language; `gradwright.optimise.kernels` puts them where an expression equals one.
"""

from __future__ import annotations

from fractions import Fraction

from gradwright.core.nodes import Parameter
from gradwright.core.primitive import Primitive, Sample

softmax_vjp = Primitive(
    name="softmax_vjp",
    signature="y: ... n, g: ... n -> z: ... n",
    summary="the cotangent g of y = softmax(x), pulled back to x",
    real_only=True,
    definition=("y * (g - dot(y, g))",),
    torch="torch._softmax_backward_data({1}, {0}, -1, {0}.dtype)",
    torch_differentiates=True,
    samples=(Sample("y: m n, g: m n"), Sample("y: n, g: n")),
)

# PyTorch takes the mean and the deviation for constants where it differentiates this once more and then again.
_LAYER_NORM = '''
def layer_norm_vjp(x: torch.Tensor, g: torch.Tensor, epsilon: float) -> torch.Tensor:
    """The cotangent g of (x - mean) / sqrt(variance + epsilon) along the last axis, pulled back to x."""
    shape = x.shape[-1:]
    _, mean, deviation = torch.native_layer_norm(x, shape, None, None, epsilon)
    kernel = torch.ops.aten.native_layer_norm_backward
    return kernel(g, x, shape, mean, deviation, None, None, (True, False, False))[0]
'''


_CENTRED = "(x - sum(x) / n)"


def _variance(epsilon: Parameter) -> tuple[str]:
    return (f"(sum({_CENTRED}**2) / n + {epsilon})",)


def _layer_norm_vjp(epsilon: Parameter) -> tuple[str, ...]:
    """With c = x − mean(x), v = mean(c²) + ε and y = c / √v, `dy = dc / √v − c mean(c dc) / v^(3/2)`.

    The projection on the vectors without a mean, `dc = dx − mean(dx)`, and this derivative in c are symmetric; they
    commute.
    """
    (v,) = _variance(epsilon)
    return (f"(g - sum(g) / n) * {v}**(-1/2) - {_CENTRED} * sum({_CENTRED} * g) / n * {v}**(-3/2)",)


# By which a normalisation is recognised; no code calls it.
variance = Primitive(
    name="variance",
    signature="x: ... n -> v: ...",
    summary="the variance along the last axis, and a number ε more",
    real_only=True,
    definition=_variance,
)

layer_norm_vjp = Primitive(
    name="layer_norm_vjp",
    signature="x: ... n, g: ... n -> z: ... n",
    summary="the cotangent g of (x - mean) / sqrt(variance + ε), pulled back to x",
    real_only=True,
    definition=_layer_norm_vjp,
    torch=_LAYER_NORM,
    samples=(Sample("x: m n, g: m n", (Fraction(1, 100),)), Sample("x: n, g: n", (Fraction(1, 100),))),
)
