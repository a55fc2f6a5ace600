"""The logarithm of the gamma function and its derivatives, as likelihoods of counts and covariances have them."""

from __future__ import annotations

from gradwright.core.nodes import Apply, Node, Parameter
from gradwright.core.primitive import ErrorSample, Notation, Primitive, Sample
from gradwright.core.registry import Call, Function, register, register_primitive
from gradwright.errors import UnsupportedError

SOURCE = "Abramowitz & Stegun, Handbook of Mathematical Functions (1964), 6.1, 6.3 and 6.4"

gammaln = Primitive(
    name="gammaln",
    signature="x: ... -> y: ...",
    summary="log |Γ(x)| of every entry",
    differential=("digamma(x) * dx",),
    real_only=True,
    numpy="scipy.special.gammaln",
    torch="torch.special.gammaln",
    jax="jax.scipy.special.gammaln",
    notation=Notation(text="log Γ({x})", latex=r"\log \Gamma\left({x}\right)"),
    samples=(Sample("x: n positive"),),
    source=SOURCE,
)

digamma = Primitive(
    name="digamma",
    signature="x: ... -> y: ...",
    summary="the derivative of log Γ, ψ(x), of every entry",
    differential=("polygamma(1, x) * dx",),
    real_only=True,
    numpy="scipy.special.digamma",
    torch="torch.special.digamma",
    jax="jax.scipy.special.digamma",
    notation=Notation(text="digamma({x})", latex=r"\psi\left({x}\right)"),
    samples=(Sample("x: n positive"),),
    source=SOURCE,
)


def _polygamma_facts(index: int, parameters: tuple[Parameter, ...], facts: object) -> set[str]:
    """`ψ⁽ᵏ⁾(x) = k! Σ (x + i)⁻ᵏ⁻¹` for odd k."""
    (order,) = parameters
    assert isinstance(order, int)
    return {"positive"} if order % 2 else set()


def _polygamma_differential(order: int) -> tuple[str]:
    return (f"polygamma({order + 1}, x) * dx",)


polygamma = Primitive(
    name="polygamma",
    signature="x: ... -> y: ...",
    summary="the k-th derivative of ψ, of every entry",
    differential=_polygamma_differential,
    real_only=True,
    fact_rule=_polygamma_facts,
    numpy="scipy.special.polygamma({1}, {0}).astype(numpy.result_type({0}, numpy.float32))",
    torch="torch.special.polygamma({1}, {0})",
    jax="jax.scipy.special.polygamma({1}, {0})",
    samples=(Sample("x: n positive", (1,)), Sample("x: n positive", (2,))),
    error_samples=(ErrorSample("polygamma(x, x)", "x: n positive", "constant whole number"),),
    source=SOURCE,
)


def _build_polygamma(call: Call) -> Node:
    call.expect(2, 2, usage="polygamma(k, x)")
    order = call.integer("k", 0, None)
    if order is None or order < 0:
        raise UnsupportedError("polygamma(k, x) takes a constant whole number k that is not negative")
    argument = call.node(1)
    return Apply(polygamma, (order,), (argument,)) if order else Apply(digamma, (), (argument,))


register_primitive(gammaln)
register_primitive(digamma)
register(Function("polygamma", _build_polygamma, "polygamma(k, x)", polygamma.summary, (polygamma,)))
