"""Exponentials and logarithms, entry by entry.

A power series with nonnegative numbers, taken entry by entry, keeps matrices positive semidefinite (Schur 1911), as in
kernels `exp(X Xᵀ)`; and `exp(−‖xᵢ − xⱼ‖²)` is `exp(2 xᵢ · xⱼ)` with its rows and columns scaled (Schoenberg 1938).
"""

from gradwright.core.facts import Facts
from gradwright.core.nodes import Parameter
from gradwright.core.primitive import ErrorSample, Notation, Primitive, Sample
from gradwright.core.registry import register_primitive


def _is_real(facts: Facts) -> bool:
    return "complex" not in facts or "real_valued" in facts


def _exponential_facts(index: int, parameters: tuple[Parameter, ...], facts: tuple[Facts, ...]) -> set[str]:
    """Of a matrix that is semidefinite but for `u 1ᵀ + 1 uᴴ`, it is that of what is, between exponentials of u."""
    found = {"positive"} if _is_real(facts[0]) else set[str]()
    return found | ({"psd"} if "conditionally_psd" in facts[0] else set[str]())


exp = Primitive(
    name="exp",
    signature="x: ... -> y: ...",
    summary="the exponential of every entry",
    differential=("y * dx",),
    preserves=("psd", "spd"),
    fact_rule=_exponential_facts,
    of_matrix="matrix_exp",
    numpy="numpy.exp",
    torch="torch.exp",
    jax="jax.numpy.exp",
    notation=Notation(name="exp"),
    samples=(Sample("x: n"), Sample("x: n m complex")),
)

log = Primitive(
    name="log",
    signature="x: ... -> y: ...",
    summary="the natural logarithm of every entry",
    differential=("dx / x",),
    conditions=("{x} > 0",),
    fact_rule=lambda index, parameters, facts: {"real_valued"} if "positive" in facts[0] else set(),
    of_matrix="logm",
    numpy="numpy.log",
    torch="torch.log",
    jax="jax.numpy.log",
    notation=Notation(name="log"),
    samples=(Sample("x: n positive"),),
)

log1p = Primitive(
    name="log1p",
    signature="x: ... -> y: ...",
    summary="log(1 + x), accurate for small x",
    definition=("log(1 + x)",),
    differential=("dx / (1 + x)",),
    conditions=("1 + {x} > 0",),
    preserves=("positive", "nonnegative"),
    numpy="numpy.log1p",
    torch="torch.log1p",
    jax="jax.numpy.log1p",
    notation=Notation(name="log1p"),
    samples=(Sample("x: n positive"),),
)

expm1 = Primitive(
    name="expm1",
    signature="x: ... -> y: ...",
    summary="exp(x) - 1, accurate for small x",
    definition=("exp(x) - 1",),
    differential=("exp(x) * dx",),
    preserves=("positive", "nonnegative", "psd", "spd"),
    numpy="numpy.expm1",
    torch="torch.expm1",
    jax="jax.numpy.expm1",
    notation=Notation(name="expm1"),
    samples=(Sample("x: n"),),
    error_samples=(ErrorSample("expm1(x, x)", "x: n", "takes 1 argument"),),
)

for _primitive in (exp, log, log1p, expm1):
    register_primitive(_primitive)
