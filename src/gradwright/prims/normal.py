"""The logarithm of the normal distribution function, whose tail `1 + erf(x)` loses."""

from __future__ import annotations

from gradwright.core.primitive import Notation, Primitive, Sample
from gradwright.core.registry import register_primitive

log_ndtr = Primitive(
    name="log_ndtr",
    signature="x: ... -> y: ...",
    summary="log Φ(x), the logarithm of the standard normal distribution function",
    definition=("log((1 + erf(x / sqrt(2))) / 2)",),
    differential=("exp(-x ** 2 / 2 - y) / sqrt(2 * pi) * dx",),
    real_only=True,
    numpy="scipy.special.log_ndtr",
    torch="torch.special.log_ndtr",
    jax="jax.scipy.special.log_ndtr",
    notation=Notation(text="log Φ({x})", latex=r"\log \Phi\left({x}\right)"),
    samples=(Sample("x: n"),),
    source="Abramowitz & Stegun, Handbook of Mathematical Functions (1964), 26.2",
)

register_primitive(log_ndtr)
