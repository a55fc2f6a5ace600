"""Powers of every entry: `x ** k`, square roots, squares and reciprocals.

A constant exponent is a parameter of the primitive `power`; a variable one is an argument of
`variable_power`. `(u ** a) ** b` is `u ** (a b)` only if a is a whole number and so is b, or if u is
positive.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from gradwright.core.arithmetic import as_float
from gradwright.core.build import as_number, common_shape, multiply, ones, spread
from gradwright.core.contraction import LONGEST_NUMBER, with_factors
from gradwright.core.facts import Facts
from gradwright.core.inference import is_nonnegative, is_positive
from gradwright.core.nodes import Apply, Contract, Mask, Node, Parameter, is_apply
from gradwright.core.primitive import Modular, Notation, Primitive, Sample
from gradwright.core.registry import Call, Function, register
from gradwright.errors import ConditionError, UnsupportedError
from gradwright.prims.exponential import exp, log

if TYPE_CHECKING:
    from gradwright.core.modular import ModularArithmetic


def raise_entries(x: np.ndarray, exponent: Fraction) -> np.ndarray:
    """`x ** exponent` with the accurate function for roots and reciprocals."""
    if exponent == Fraction(1, 2):
        return np.sqrt(x)
    if exponent.denominator == 1 and exponent < 0:
        return np.reciprocal(np.power(x, as_float(-exponent)))
    return np.power(x, as_float(exponent))


def written(exponent: Fraction) -> str:
    """The power with Python's operators: reciprocals as quotients, halves by the square root."""
    if exponent < 0:
        inverse = written(-exponent)
        return f"1 / {inverse}" if inverse.startswith("{") and "**" not in inverse else f"1 / ({inverse})"
    if exponent == 1:
        return "{0}"
    if exponent == Fraction(1, 2):
        return "{sqrt}({0})"
    if exponent.denominator == 1:
        return f"{{0}} ** {exponent.numerator}"
    return f"{{0}} ** ({exponent.numerator} / {exponent.denominator})"


def _power_facts(index: int, parameters: tuple[Parameter, ...], facts: tuple[Facts, ...]) -> set[str]:
    exponent = parameters[0]
    assert isinstance(exponent, Fraction)
    whole = exponent.denominator == 1
    if "complex" in facts[0] and ("nonnegative" if not whole else "real_valued") not in facts[0]:
        return set()
    even = exponent.denominator == 1 and exponent.numerator % 2 == 0
    found = {"nonnegative"} if even or exponent.denominator > 1 else set[str]()
    found |= {fact for fact in ("positive", "nonnegative", "real_valued") if fact in facts[0]}
    if whole and exponent > 0:
        found |= {"psd", "spd"} & facts[0]  # a product of semidefinite matrices, entry by entry
        found |= {"symmetric" if even else "skew"} if "skew" in facts[0] else set()
    return found


def _power_differential(k: Fraction) -> tuple[str]:
    return (f"({k}) * x ** ({k - 1}) * dx",)


def modulo_prime(field: ModularArithmetic, x: np.ndarray, exponent: Fraction) -> np.ndarray:
    """Roots are taken of squares only, and are squares."""
    return field.power(x, exponent)


power = Primitive(
    name="power",
    signature="x: ... -> y: ...",
    summary="every entry to a constant power",
    differential=_power_differential,
    fact_rule=_power_facts,
    numpy=raise_entries,
    operator=written,
    modular=Modular(modulo_prime),
    samples=(Sample("x: n positive", (Fraction(3, 2),)), Sample("x: n m", (Fraction(3),))),
)

variable_power = Primitive(
    name="variable_power",
    signature="a: ..., b: ... -> y: ...",
    summary="every entry to a power that varies",
    definition=("exp(b * log(a))",),
    differential=("b * variable_power(a, b - 1) * da + log(a) * y * db",),
    conditions=("{a} > 0",),
    real_only=True,
    fact_rule=lambda index, parameters, facts: {"positive"} & facts[0],
    numpy="numpy.power",
    torch="torch.pow",
    jax="jax.numpy.power",
    notation=Notation(name="variable_power", text="{a}^{b}", latex="{a}^{{b}}"),
    samples=(Sample("a: n positive, b: n"),),
)


def raise_to(base: Node, exponent: Fraction) -> Node:
    """`base ** exponent` in normal form: 0 and 1 vanish, powers of powers merge where they may."""
    if exponent == 1:
        return base
    if exponent == 0:
        return ones(base.shape)
    value = _constant_power(base, exponent)
    if value is not None:
        return value
    inner, times = base_and_exponent(base)
    if times != 1:
        if _merge(times, exponent) or is_positive(inner) or _root_of_square(inner, times):
            return raise_to(inner, times * exponent)
    return Apply(power, (exponent,), (base,))


def base_and_exponent(node: Node) -> tuple[Node, Fraction]:
    """`(u, k)` for `u ** k`, and `(u, 1)` for any other u."""
    if is_apply(node, power):
        exponent = node.parameters[0]
        assert isinstance(exponent, Fraction)
        return node.arguments[0], exponent
    return node, Fraction(1)


def inverted(node: Node) -> Node:
    """`1 / u` as one power."""
    base, exponent = base_and_exponent(node)
    return Apply(power, (-exponent,), (base,))


def _merge(inner: Fraction, outer: Fraction) -> bool:
    """Whether `(z ** inner) ** outer = z ** (inner * outer)` for all complex z."""
    return outer.denominator == 1 or -1 < inner <= 1


def _root_of_square(base: Node, inner: Fraction) -> bool:
    """Whether `base ** inner` has a value for entries that are not negative only, as in NumPy `x ** (1/3)` has."""
    return base.real and (inner.denominator > 1 or is_nonnegative(base))


def _constant_power(base: Node, exponent: Fraction) -> Node | None:
    if isinstance(base, Mask) and exponent > 0 and {0, 1}.issuperset(base.weights):
        return base
    if not isinstance(base, Contract) or base.factors:
        return None
    labels = base.free_labels
    if len(set(labels)) != len(labels):
        return None
    if not base.coefficient and exponent < 0:
        raise ConditionError("a negative power of zero does not exist")
    if base.coefficient and abs(exponent) * _bits(base.coefficient) > LONGEST_NUMBER:
        raise UnsupportedError(
            f"a number to the power {exponent} is too large to be written out: make it a variable, or a smaller power"
        )
    value = _rational_power(base.coefficient, exponent)
    return None if value is None else with_factors(base, (), value)


def _rational_power(value: Fraction, exponent: Fraction) -> Fraction | None:
    """An exact power, if it is rational: of 0 and 1, and whole powers of anything."""
    if exponent.denominator == 1:
        return value ** int(exponent)
    return value if value in (0, 1) else None


def _bits(value: Fraction) -> int:
    """The length of a rational number; 0 for 1."""
    return max(abs(value.numerator).bit_length(), value.denominator.bit_length()) - 1


def _as_written(base: Node, exponent: Fraction) -> Node:
    """A power in normal form, but for what holds for real numbers alone: code for complex input has to see it."""
    inner = base.parameters[0] if is_apply(base, power) else Fraction(1)
    assert isinstance(inner, Fraction)
    return raise_to(base, exponent) if _merge(inner, exponent) else Apply(power, (exponent,), (base,))


def _build_power(call: Call) -> Node:
    """A constant or a varying power; a complex one is `exp(b log(a))`.

    PyTorch's forward derivative of a real number to a complex power is wrong.
    """
    call.expect(2, 2)
    base, exponent = call.node(0), call.node(1)
    value = as_number(exponent)
    if value is not None:
        return _as_written(base, value)
    shape = common_shape(base, exponent, "'**'")
    base, exponent = spread(base, shape), spread(exponent, shape)
    if not (base.real and exponent.real):
        return Apply(exp, (), (multiply(exponent, Apply(log, (), (base,))),))
    return Apply(variable_power, (), (base, exponent))


def _fixed(name: str, exponent: Fraction, summary: str) -> Function:
    def build(call: Call) -> Node:
        call.expect(1, 1, usage=f"{name}(x)")
        return _as_written(call.node(0), exponent)

    return register(Function(name, build, f"{name}(x)", summary, (power,)))


register(Function("power", _build_power, "power(x, k)", power.summary, (power,)))
register(Function("variable_power", _build_power, "variable_power(a, b)", variable_power.summary, (variable_power,)))
sqrt = _fixed("sqrt", Fraction(1, 2), "the square root of every entry")
square = _fixed("square", Fraction(2), "the square of every entry")
reciprocal = _fixed("reciprocal", Fraction(-1), "the reciprocal of every entry")
