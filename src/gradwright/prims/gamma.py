"""The logarithm of the gamma function, and its derivatives, entry by entry.

`ψ = (log Γ)′` is the digamma function, and `polygamma(k, x)` its k-th derivative.
"""

from __future__ import annotations

import numpy as np

from gradwright.core.facts import Facts
from gradwright.core.nodes import Apply, Node, Parameter
from gradwright.core.primitive import ErrorSample, Notation, Primitive, Sample
from gradwright.core.registry import Call, Function, register, register_primitive
from gradwright.errors import UnsupportedError
from gradwright.prims.precision import in_precision_of

_SOURCE = "Abramowitz & Stegun, Handbook of Mathematical Functions (1964), ch. 6"
_CONDITIONS = ("{x} is not a whole number ≤ 0",)

lgamma = Primitive(
    name="lgamma",
    signature="x: ... -> y: ...",
    summary="the logarithm of the absolute value of the gamma function of every entry",
    conditions=_CONDITIONS,
    differential=("digamma(x) * dx",),
    real_only=True,
    numpy="scipy.special.gammaln",
    torch="torch.lgamma",
    jax="jax.scipy.special.gammaln",
    notation=Notation(name="log Γ", latex=r"\log\Gamma\left({x}\right)"),
    samples=(Sample("x: n positive"),),
    source=_SOURCE,
)

digamma = Primitive(
    name="digamma",
    signature="x: ... -> y: ...",
    summary="the derivative of the logarithm of the gamma function at every entry",
    conditions=_CONDITIONS,
    differential=("polygamma(1, x) * dx",),
    real_only=True,
    numpy="scipy.special.digamma",
    torch="torch.digamma",
    jax="jax.scipy.special.digamma",
    notation=Notation(name="ψ", latex=r"\psi\left({x}\right)"),
    samples=(Sample("x: n positive"),),
    source=_SOURCE,
)


def derivative_of_digamma(x: np.ndarray, order: int) -> np.ndarray:
    """The derivative of an order at every entry."""
    from scipy.special import polygamma

    return in_precision_of(polygamma(order, x), x)


def _facts(index: int, parameters: tuple[Parameter, ...], facts: tuple[Facts, ...]) -> set[str]:
    """Of an odd order it is a sum of even powers, `k! Σ (x + m)^−(k+1)`."""
    (order,) = parameters
    assert isinstance(order, int)
    return {"positive"} if order % 2 else set()


def _next_order(order: int) -> tuple[str]:
    return (f"polygamma({order + 1}, x) * dx",)


polygamma = Primitive(
    name="polygamma",
    signature="x: ... -> y: ...",
    summary="the k-th derivative of the digamma function at every entry, k a constant whole number",
    conditions=_CONDITIONS,
    differential=_next_order,
    real_only=True,
    fact_rule=_facts,
    numpy=derivative_of_digamma,
    torch="torch.special.polygamma({1}, {0})",
    jax="jax.scipy.special.polygamma({1}, {0})",
    notation=Notation(name="polygamma", latex=r"\psi^{({0})}\left({x}\right)"),
    samples=(Sample("x: n positive", (1,)), Sample("x: n m positive", (2,))),
    error_samples=(
        ErrorSample("polygamma(-1, x)", "x: n", "constant whole number first"),
        ErrorSample("polygamma(x, x)", "x: n", "'k' has to be a constant whole number"),
        ErrorSample("lgamma(x)", "x: n complex", "takes real tensors"),
    ),
    source=_SOURCE,
)


def _build(call: Call) -> Node:
    call.expect(2, 2, usage=USAGE)
    order = call.integer("k", 0, None)
    if order is None or order < 0:
        raise UnsupportedError("polygamma takes a constant whole number first, 0 or more")
    x = call.node(1)
    return Apply(polygamma, (order,), (x,)) if order else Apply(digamma, (), (x,))


USAGE = "polygamma(k, x)"
register(Function("polygamma", _build, USAGE, polygamma.summary, (polygamma,)))
register_primitive(lgamma)
register_primitive(digamma)
