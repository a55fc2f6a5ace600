"""The logistic function, its integral, and the error function, entry by entry."""

from gradwright.core.primitive import Notation, Primitive, Sample
from gradwright.core.registry import register_primitive

sigmoid = Primitive(
    name="sigmoid",
    signature="x: ... -> y: ...",
    summary="1 / (1 + exp(-x))",
    definition=("1 / (1 + exp(-x))",),
    # σ' = σ(x) σ(−x), which keeps its accuracy where σ is close to 1; 1 − σ(x) would not.
    differential=("y * sigmoid(-x) * dx",),
    fact_rule=lambda index, parameters, facts: {"positive"} if "complex" not in facts[0] else set(),
    numpy="scipy.special.expit",
    torch="torch.sigmoid",
    jax="jax.nn.sigmoid",
    notation=Notation(name="σ", latex=r"\sigma\left({x}\right)"),
    samples=(Sample("x: n"),),
)

softplus = Primitive(
    name="softplus",
    signature="x: ... -> y: ...",
    summary="log(1 + exp(x))",
    definition=("log(1 + exp(x))",),
    differential=("sigmoid(x) * dx",),
    real_only=True,
    fact_rule=lambda index, parameters, facts: {"positive"},
    numpy="numpy.logaddexp({0}, 0)",
    # Not torch.nn.functional.softplus, which is the identity above a threshold.
    torch="torch.logaddexp({0}, torch.zeros_like({0}))",
    jax="jax.nn.softplus",
    notation=Notation(name="softplus"),
    samples=(Sample("x: n"),),
)

erf = Primitive(
    name="erf",
    signature="x: ... -> y: ...",
    summary="the error function of every entry",
    differential=("2 / sqrt(pi) * exp(-x ** 2) * dx",),
    numpy="scipy.special.erf",
    torch="torch.special.erf",
    jax="jax.scipy.special.erf",
    notation=Notation(name="erf"),
    samples=(Sample("x: n"),),
    source="Abramowitz & Stegun, Handbook of Mathematical Functions (1964), 7.1.19",
)

for _primitive in (sigmoid, softplus, erf):
    register_primitive(_primitive)
