"""The logistic function, its integral, and the error function, entry by entry."""

from fractions import Fraction

from gradwright.core.build import ones
from gradwright.core.nodes import Apply, Node
from gradwright.core.primitive import Notation, Primitive, Sample
from gradwright.core.registry import Call, Function, register, register_primitive
from gradwright.core.sums import add, scaled
from gradwright.prims.exponential import exp
from gradwright.prims.power import raise_to

sigmoid = Primitive(
    name="sigmoid",
    signature="x: ... -> y: ...",
    summary="1 / (1 + exp(-x))",
    definition=("1 / (1 + exp(-x))",),
    # σ' = σ(x) σ(−x), which keeps its accuracy where σ is close to 1; 1 − σ(x) would not.
    differential=("y * sigmoid(-x) * dx",),
    real_only=True,
    fact_rule=lambda index, parameters, facts: {"positive"},
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
    # Above 40 the identity is the same number. PyTorch's logaddexp has no second derivative where exp(-x) overflows.
    torch="torch.nn.functional.softplus({0}, threshold=40)",
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
    parity="odd",
    preserves=("positive", "nonnegative"),
    real_only=True,
    notation=Notation(name="erf"),
    samples=(Sample("x: n"),),
    source="Abramowitz & Stegun, Handbook of Mathematical Functions (1964), 7.1.19",
)


def _build_sigmoid(call: Call) -> Node:
    """The function of real entries; of complex ones the formula, whose poles no implementation knows."""
    call.expect(1, 1, usage="sigmoid(x)")
    argument = call.node(0)
    if argument.real:
        return Apply(sigmoid, (), (argument,))
    return raise_to(add([ones(argument.shape), Apply(exp, (), (scaled(-1, argument),))]), Fraction(-1))


register(Function("sigmoid", _build_sigmoid, "sigmoid(x)", sigmoid.summary, (sigmoid,)))
register_primitive(softplus)
register_primitive(erf)
