"""Functions that PyTorch computes in one pass over the memory, for code that is emitted, and what they are found by.

None of these is a function of the language; `gradwright.optimise.kernels` puts them where an expression equals one.
"""

from __future__ import annotations

from gradwright.core.nodes import Parameter
from gradwright.core.primitive import Primitive

softmax_vjp = Primitive(
    name="softmax_vjp",
    signature="y: ... n, g: ... n -> z: ... n",
    summary="the cotangent g of y = softmax(x), pulled back to x",
    real_only=True,
    definition=("y * (g - dot(y, g))",),
    torch="torch._softmax_backward_data({1}, {0}, dim=-1, input_dtype={0}.dtype)",
    torch_differentiates=True,
)

# PyTorch takes the mean and the deviation for constants where it differentiates this once more and then again.
_LAYER_NORM = '''
def layer_norm(x: torch.Tensor, epsilon: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(x - mean) scale along the last axis, the mean, and scale = 1 / sqrt(variance + epsilon)."""
    y, centre, scale = torch.native_layer_norm(x, x.shape[-1:], None, None, epsilon)
    return y, centre[..., 0], scale[..., 0]
'''
_LAYER_NORM_VJP = '''
def layer_norm_vjp(x: torch.Tensor, g: torch.Tensor, centre: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """The cotangent g of y = (x - mean) scale along the last axis, pulled back to x."""
    kernel = torch.ops.aten.native_layer_norm_backward
    return kernel(g, x, x.shape[-1:], centre[..., None], scale[..., None], None, None, (True, False, False))[0]
'''


_CENTRED = "(x - sum(x) / n)"


def _variance(epsilon: Parameter) -> tuple[str]:
    return (f"(sum({_CENTRED}**2) / n + {epsilon})",)


def _layer_norm(epsilon: Parameter) -> tuple[str, ...]:
    (v,) = _variance(epsilon)
    return f"{_CENTRED} * {v}**(-1/2)", "sum(x) / n", f"{v}**(-1/2)"


# By which a normalisation is recognised; no code calls it.
variance = Primitive(
    name="variance",
    signature="x: ... n -> v: ...",
    summary="the variance along the last axis, and a number ε more",
    real_only=True,
    definition=_variance,
)

layer_norm = Primitive(
    name="layer_norm",
    signature="x: ... n -> y: ... n, centre: ..., scale: ...",
    summary="x without its mean along the last axis and with variance 1, the mean, and 1 / sqrt(variance + ε)",
    real_only=True,
    definition=_layer_norm,
    torch=_LAYER_NORM,
)

# With c = x − m and y = c s, dy = s dc − s³ c mean(c dc). The projection on the vectors without a mean,
# dc = dx − mean(dx), and this derivative in c are symmetric; they commute.
layer_norm_vjp = Primitive(
    name="layer_norm_vjp",
    signature="x: ... n, g: ... n, centre: ..., scale: ... -> z: ... n",
    summary="the cotangent g of what layer_norm returns first, pulled back to x",
    real_only=True,
    definition=("(g - sum(g) / n) * scale - (x - centre) * dot(x - centre, g) / n * scale**3",),
    torch=_LAYER_NORM_VJP,
)
