"""Operators that act entry by entry."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np

from gradwright.check.tracing.arguments import Arguments, Constant, Hidden, Result, Slices
from gradwright.check.tracing.operators.table import operator
from gradwright.check.tracing.sizes import power
from gradwright.check.tracing.values import Untraceable, Value, aligned, full, product
from gradwright.core import build
from gradwright.core.contraction import conjugate, is_zero, scale
from gradwright.core.language import function
from gradwright.core.nodes import Add, Apply, Contract, Mask, Node, Selection, is_apply
from gradwright.core.sums import subtract
from gradwright.core.walks import postorder, symbols
from gradwright.prims.determinant import slogdet
from gradwright.prims.piecewise import equal, has_kink, is_comparison, is_indicator

# The function of the language for an operator of one tensor.
FUNCTIONS = {
    "exp": "exp", "log": "log", "log1p": "log1p", "expm1": "expm1", "sin": "sin", "cos": "cos", "tan": "tan",
    "sinh": "sinh", "cosh": "cosh", "tanh": "tanh", "atan": "arctan", "sigmoid": "sigmoid", "relu": "relu",
    "abs": "abs", "sign": "sign", "floor": "floor", "erf": "erf", "sqrt": "sqrt", "square": "square",
    "reciprocal": "reciprocal",
    "lgamma": "lgamma", "digamma": "digamma", "special_log_ndtr": "log_ndtr", "real": "real", "imag": "imag",
}  # fmt: skip
DIAGONAL = (Fraction(0), Fraction(1), Fraction(0))  # the weights of a mask
COMPARING = {"gt": "greater", "ge": "greater_equal", "lt": "less", "le": "less_equal", "eq": "equal"}
UNTOUCHED = (
    "clone", "detach", "detach_", "detach_copy", "alias", "alias_copy", "contiguous", "lift", "lift_fresh",
    "lift_fresh_copy", "positive", "resolve_conj", "resolve_neg",
)  # fmt: skip


@operator(*UNTOUCHED)
def _untouched(given: Arguments) -> Value:
    return given.tensor("self")


@operator("_to_copy", "prims.convert_element_type", "to", "type_as")
def _converted(given: Arguments) -> Value:
    """Another dtype or device: the same tensor, unless it is rounded to whole numbers or loses its imaginary part."""
    value = given.tensor("self" if "self" in given else "a")
    dtype = given.operation.results[0].dtype
    if not (dtype.is_floating_point or dtype.is_complex) and not is_comparison(value.node):
        raise Untraceable(f"a conversion to {str(dtype).removeprefix('torch.')}, which rounds or compares")
    if not dtype.is_complex and not value.node.real:
        return _like(value, function("real", value.node))
    return value


def _entry_by_entry(name: str) -> Callable[[Arguments], Value]:
    def rule(given: Arguments) -> Value:
        value = given.tensor("self")
        return _like(value, function(name, value.node))

    return rule


for _operator, _function in FUNCTIONS.items():
    operator(_operator)(_entry_by_entry(_function))


@operator("neg")
def _neg(given: Arguments) -> Value:
    value = given.tensor("self")
    return _like(value, scale(-1, value.node))


@operator("_conj", "_conj_physical", "conj", "conj_physical")
def _conj(given: Arguments) -> Value:
    value = given.tensor("self")
    return _like(value, conjugate(value.node))


@operator("sgn")
def _sgn(given: Arguments) -> Value:
    value = given.tensor("self")
    if value.node.real:
        return _like(value, function("sign", value.node))
    return _like(value, build.multiply(value.node, power(function("abs", value.node), Fraction(-1))))


@operator("rsqrt")
def _rsqrt(given: Arguments) -> Value:
    value = given.tensor("self")
    return _like(value, power(value.node, Fraction(-1, 2)))


@operator("exp2")
def _exp2(given: Arguments) -> Value:
    value = given.tensor("self")
    return _like(value, function("exp", build.multiply(_log(2), value.node)))


@operator("log2", "log10")
def _log_of_base(given: Arguments) -> Value:
    value = given.tensor("self")
    base = int(given.operation.name.removeprefix("aten.log"))
    return _like(value, build.multiply(power(_log(base), Fraction(-1)), function("log", value.node)))


def _log(number: int) -> Node:
    return function("log", build.number(number))


@operator("erfc")
def _erfc(given: Arguments) -> Value:
    value = given.tensor("self")
    return _like(value, subtract(build.ones(value.node.shape), function("erf", value.node)))


@operator("polygamma")
def _polygamma(given: Arguments) -> Value:
    value = given.tensor("self")
    return _like(value, function("polygamma", build.number(given.integer("n")), value.node))


@operator("asin", "acos")
def _arc(given: Arguments) -> Value:
    """`asin(x) = arctan(x / √(1 − x²))`, and `acos(x) = π/2 − asin(x)`."""
    value = given.tensor("self")
    ones = build.ones(value.node.shape)
    cosine = power(subtract(ones, build.multiply(value.node, value.node)), Fraction(-1, 2))
    sine = function("arctan", build.multiply(value.node, cosine))
    if given.operation.name == "aten.asin":
        return _like(value, sine)
    quarter = build.spread(scale(Fraction(1, 2), build.constant("pi")), value.node.shape)
    return _like(value, subtract(quarter, sine))


@operator("atanh", "acosh")
def _area(given: Arguments) -> Value:
    """`atanh(x) = (log1p(x) − log1p(−x)) / 2` and `acosh(x) = log(x + √(x² − 1))`."""
    value = given.tensor("self")
    if given.operation.name == "aten.atanh":
        halves = subtract(function("log1p", value.node), function("log1p", scale(-1, value.node)))
        return _like(value, scale(Fraction(1, 2), halves))
    rest = power(subtract(build.multiply(value.node, value.node), build.ones(value.node.shape)), Fraction(1, 2))
    return _like(value, function("log", build.plus(value.node, rest)))


@operator("softplus")
def _softplus(given: Arguments) -> Value:
    """`log(1 + exp(βx)) / β`; beyond its threshold PyTorch returns x, which is the same to rounding."""
    value, beta = given.tensor("self"), given.rational("beta")
    if beta is None:
        raise Untraceable("softplus with a beta that is no constant")
    return _like(value, scale(1 / beta, function("softplus", scale(beta, value.node))))


@operator("log_sigmoid_forward")
def _log_sigmoid(given: Arguments) -> Result:
    value = given.tensor("self")
    node = scale(-1, function("softplus", scale(-1, value.node)))
    return _like(value, node), Untraceable("the buffer of logsigmoid")


@operator("view_as_real")
def _view_as_real(given: Arguments) -> Slices:
    """The real and the imaginary part along a new last axis."""
    value = given.tensor("self")
    parts = tuple(_like(value, function(name, value.node)) for name in ("real", "imag"))
    return Slices(parts, value.rank)


@operator("isnan", "isinf")
def _never(given: Arguments) -> Value:
    """At a generic point no entry is NaN or infinite."""
    value = given.tensor("self")
    return _like(value, build.zeros(value.node.shape))


@operator("add", "sub", "rsub")
def _add(given: Arguments) -> Result:
    kept = given.kept("other") if given.operation.name == "aten.add" else None
    if kept is not None:
        return Hidden(given.tensor("self"), kept)
    left, right = given.tensor("self"), given.tensor("other")
    alpha = given.number("alpha") if "alpha" in given else build.number(1)
    if given.operation.name == "aten.rsub":
        left, right = right, left
    factor = alpha if given.operation.name == "aten.add" else scale(-1, alpha)
    (a, b), frame = aligned([left, right])
    return Value(build.plus(a, build.multiply(factor, b)), frame.unit, frame.flipped)


@operator("mul")
def _mul(given: Arguments) -> Value:
    return multiply(given.tensor("self"), given.tensor("other"))


@operator("div")
def _div(given: Arguments) -> Value:
    left, right = given.tensor("self"), given.tensor("other")
    found = multiply(left, _like(right, power(right.node, Fraction(-1))))
    return _like(found, _rounded(given.text("rounding_mode"), found.node)) if "rounding_mode" in given else found


def multiply(left: Value, right: Value) -> Value:
    """The product of the entries, spread to a common shape."""
    rank = max(left.rank, right.rank)
    labels = [range(rank - value.rank, rank) for value in (left, right)]
    return product([(left, labels[0]), (right, labels[1])], range(rank))


@operator("pow")
def _pow(given: Arguments) -> Value:
    return _of_several("power", [given.tensor("self"), given.tensor("exponent")])


@operator("addcmul", "addcdiv")
def _add_product(given: Arguments) -> Value:
    base, left, right = given.tensor("self"), given.tensor("tensor1"), given.tensor("tensor2")
    if given.operation.name == "aten.addcdiv":
        right = _like(right, power(right.node, Fraction(-1)))
    (a, b), frame = aligned([base, multiply(left, right)])
    return Value(build.plus(a, build.multiply(given.number("value"), b)), frame.unit, frame.flipped)


@operator("lerp")
def _lerp(given: Arguments) -> Value:
    start, end, weight = given.tensor("self"), given.tensor("end"), given.tensor("weight")
    (a, b, w), frame = aligned([start, end, weight])
    return Value(build.plus(a, build.multiply(w, build.minus(b, a))), frame.unit, frame.flipped)


@operator("logaddexp")
def _logaddexp(given: Arguments) -> Value:
    (a, b), frame = aligned([given.tensor("self"), given.tensor("other")])
    return full(function("log", build.plus(function("exp", a), function("exp", b))), frame)


@operator("hypot")
def _hypot(given: Arguments) -> Value:
    (a, b), frame = aligned([given.tensor("self"), given.tensor("other")])
    return full(power(build.plus(build.multiply(a, a), build.multiply(b, b)), Fraction(1, 2)), frame)


@operator("complex")
def _complex(given: Arguments) -> Value:
    (a, b), frame = aligned([given.tensor("real"), given.tensor("imag")])
    return full(build.plus(a, build.multiply(build.constant("i"), b)), frame)


@operator("round")
def _round(given: Arguments) -> Value:
    value = given.tensor("self")
    if "decimals" not in given:
        return _like(value, function("round", value.node))
    digit = Fraction(10) ** given.integer("decimals")
    return _like(value, scale(1 / digit, function("round", scale(digit, value.node))))


@operator("ceil")
def _ceil(given: Arguments) -> Value:
    value = given.tensor("self")
    return _like(value, scale(-1, function("floor", scale(-1, value.node))))


@operator("trunc")
def _trunc(given: Arguments) -> Value:
    value = given.tensor("self")
    return _like(value, _rounded("trunc", value.node))


@operator("remainder", "fmod")
def _remainder(given: Arguments) -> Value:
    """What a division leaves that rounds down, or to zero."""
    (a, b), frame = aligned([given.tensor("self"), given.tensor("other")])
    mode = "floor" if given.operation.name == "aten.remainder" else "trunc"
    quotient = _rounded(mode, build.multiply(a, power(b, Fraction(-1))))
    return full(build.minus(a, build.multiply(b, quotient)), frame)


def _rounded(mode: str, node: Node) -> Node:
    """Rounded down, or to zero."""
    if mode == "floor":
        return function("floor", node)
    return build.multiply(function("sign", node), function("floor", function("abs", node)))


@operator("polar")
def _polar(given: Arguments) -> Value:
    (size, angle), frame = aligned([given.tensor("abs"), given.tensor("angle")])
    turned = function("exp", build.multiply(build.constant("i"), angle))
    return full(build.multiply(size, turned), frame)


@operator("angle")
def _angle(given: Arguments) -> Value:
    """The imaginary part of the logarithm."""
    value = given.tensor("self")
    if value.node.real:
        raise Untraceable("the angle of a real number")
    return _like(value, function("imag", function("log", value.node)))


@operator("atan2")
def _atan2(given: Arguments) -> Value:
    (y, x), frame = aligned([given.tensor("self"), given.tensor("other")])
    return full(function("imag", function("log", build.plus(x, build.multiply(build.constant("i"), y)))), frame)


@operator("maximum", "minimum", "fmax", "fmin")
def _larger(given: Arguments) -> Value:
    name = "maximum" if "max" in given.operation.name else "minimum"
    return _of_several(name, [given.tensor("self"), given.tensor("other")])


@operator("clamp", "clamp_min", "clamp_max", "hardtanh")
def _clamp(given: Arguments) -> Value:
    value = given.tensor("self")
    for name, larger in (("min", "maximum"), ("min_val", "maximum"), ("max", "minimum"), ("max_val", "minimum")):
        if name in given:
            value = _of_several(larger, [value, given.tensor(name)])
    return value


def _compared(name: str) -> Callable[[Arguments], Value]:
    def rule(given: Arguments) -> Value:
        return _of_several(name, [given.tensor("self"), given.tensor("other")])

    return rule


for _operator, _function in COMPARING.items():
    operator(_operator)(_compared(_function))


@operator("ne")
def _ne(given: Arguments) -> Value:
    value = _of_several("equal", [given.tensor("self"), given.tensor("other")])
    return _complement(value)


@operator("logical_not", "bitwise_not")
def _not(given: Arguments) -> Value:
    _require_bool(given)
    return _complement(given.tensor("self"))


@operator("logical_and", "bitwise_and")
def _and(given: Arguments) -> Value:
    _require_bool(given)
    return multiply(given.tensor("self"), given.tensor("other"))


@operator("logical_or", "bitwise_or")
def _or(given: Arguments) -> Value:
    _require_bool(given)
    neither = multiply(_complement(given.tensor("self")), _complement(given.tensor("other")))
    return _complement(neither)


def _require_bool(given: Arguments) -> None:
    """The logic of numbers other than 0 and 1 is not in the language."""
    for name in ("self", "other"):
        if name in given and not _is_logical(given.tensor(name).node):
            raise Untraceable(f"{given.operation.name} of tensors that are no conditions")


def _is_logical(node: Node) -> bool:
    """Whether a tensor is made of conditions alone, and so has the entries 0 and 1."""
    if isinstance(node, Add | Contract):
        return all(map(_is_logical, node.children))
    return is_comparison(node) or isinstance(node, Mask | Selection)


def _complement(value: Value) -> Value:
    node = value.node
    weights = node.weights if isinstance(node, Mask) else DIAGONAL if build.is_identity(node) else None
    if weights is not None:
        below, on, above = (1 - weight for weight in weights)
        return _like(value, Mask(below, on, above, node.shape))
    return _like(value, subtract(build.ones(value.node.shape), value.node))


@operator("where")
def _where(given: Arguments) -> Result:
    condition = given.tensor("condition")
    if given.hides("other"):
        return Hidden(given.tensor("self"), condition)
    if given.hides("self"):
        return Hidden(given.tensor("other"), _complement(condition))
    for name, other in (("self", "other"), ("other", "self")):
        if _is_nan(given, name):
            return _guarded(condition, given.tensor(other))
    return choose(condition, given.tensor("self"), given.tensor("other"))


@operator("masked_fill")
def _masked_fill(given: Arguments) -> Result:
    if given.hides("value"):
        return Hidden(given.tensor("self"), _complement(given.tensor("mask")))
    return choose(given.tensor("mask"), given.tensor("value"), given.tensor("self"))


@operator("threshold")
def _threshold(given: Arguments) -> Value:
    value = given.tensor("self")
    return choose(_of_several("greater", [value, given.tensor("threshold")]), value, given.tensor("value"))


@operator("threshold_backward")
def _threshold_backward(given: Arguments) -> Value:
    passed = _of_several("greater", [given.tensor("self"), given.tensor("threshold")])
    return multiply(given.tensor("grad_output"), passed)


def choose(condition: Value, first: Value, second: Value) -> Value:
    """The first where the condition holds, else the second.

    A condition that no generic point meets, such as a norm equal to 0, guards an exception and chooses nothing.
    """
    if is_zero(condition.node) or _is_guard(condition.node):
        (_, b), frame = aligned([condition, second])
        return full(b, frame)
    if is_zero(second.node):
        return multiply(condition, first)
    if not is_indicator(condition.node):  # triangles and diagonals, which are weights: `where` takes comparisons
        (a, b), frame = aligned([multiply(condition, first), multiply(_complement(condition), second)])
        return Value(build.plus(a, b), frame.unit, frame.flipped)
    return _of_several("where", [condition, first, second])


def _is_guard(condition: Node) -> bool:
    """Whether a condition is an equation between a smooth function of the inputs and a number.

    What is made of a function with branches may equal a number at a generic point.
    """
    branching = [n for n in postorder(condition) if isinstance(n, Apply) and has_kink(n.primitive)]
    if len(branching) != 1 or branching[0].primitive is not equal:
        return False
    left, right = branching[0].arguments
    return bool(symbols(left)) != bool(symbols(right))


def _is_nan(given: Arguments, name: str) -> bool:
    result = given.result(name)
    return isinstance(result, Constant) and all(bool(np.all(np.isnan(array))) for array in result.arrays)


def _guarded(condition: Value, value: Value) -> Value:
    """A value that is NaN under a condition: `logdet` is so where the determinant is negative."""
    signs = [node for node in postorder(condition.node) if is_apply(node, slogdet)]
    if len(signs) == 1 and is_apply(value.node, slogdet):
        return _like(value, function("logdet", signs[0].arguments[0]))
    return value


def _of_several(name: str, values: list[Value]) -> Value:
    nodes, frame = aligned(values)
    if all(not node.rank for node in nodes):
        return Value(function(name, *nodes), frame.unit, frame.flipped)
    if name == "power":
        # A constant exponent stays a number: it is a parameter of the power.
        return Value(function(name, build.spread(nodes[0], frame.node.shape), nodes[1]), frame.unit, frame.flipped)
    spread = [build.spread(node, frame.node.shape) for node in nodes]
    return Value(function(name, *spread), frame.unit, frame.flipped)


def _like(value: Value, node: Node) -> Value:
    return Value(node, value.unit, value.flipped)
