"""Functions with a kink, entry by entry: absolute value, sign, relu, maxima, `where`, comparisons.

At a kink the derivative does not exist. What is returned there is a stated subgradient, PyTorch's:
0 for `abs`, `sign` and `relu`, and half to each side where `maximum` or `minimum` is tied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradwright.core.build import common_shape, ones, spread
from gradwright.core.inference import is_nonnegative, is_positive
from gradwright.core.modular_numbers import each
from gradwright.core.nodes import Apply, Contract, Node, is_apply
from gradwright.core.primitive import ErrorSample, Modular, Notation, Primitive, Sample
from gradwright.core.registry import Call, Function, register, register_primitive
from gradwright.errors import LanguageError

if TYPE_CHECKING:
    from gradwright.core.modular import ModularArithmetic


def _sign_modulo_prime(field: ModularArithmetic, x: np.ndarray) -> np.ndarray:
    """The sign modulo a prime, where the squares are the positive numbers."""
    return each(field.sign, x)


def _of_nonnegative(node: Apply) -> Node:
    """`|u| = relu(u) = u` where no entry can be negative."""
    return node.arguments[0] if is_nonnegative(node.arguments[0]) else node


def _of_equals(node: Apply) -> Node:
    """`max(u, u) = where(c, u, u) = u`."""
    *_, first, second = node.arguments
    return first if first == second else node


def _of_positive(node: Apply) -> Node:
    """`sign(u) = 1` where every entry is positive."""
    return ones(node.shape) if is_positive(node.arguments[0]) else node


sign = Primitive(
    name="sign",
    signature="x: ... -> y: ...",
    summary="-1, 0 or 1 by the sign of every entry",
    differential=("0 * dx",),
    field="real",
    real_only=True,
    parity="odd",
    note="sign is constant between its jumps: its derivative is 0, also at 0",
    numpy="numpy.sign",
    torch="torch.sign",
    jax="jax.numpy.sign",
    of_matrix="signm",
    simpler=_of_positive,
    modular=Modular(_sign_modulo_prime),
    notation=Notation(name="sign"),
    samples=(Sample("x: n"),),
)

absolute = Primitive(
    name="abs",
    signature="x: ... -> y: ...",
    summary="the absolute value of every entry",
    definition=("x * sign(x)",),
    differential=("sign(x) * dx",),
    simpler=_of_nonnegative,
    field="real",
    real_only=True,
    parity="even",
    note="abs has a kink at 0; there the subgradient 0 is taken",
    fact_rule=lambda index, parameters, facts: {"nonnegative"} | ({"positive"} & facts[0]),
    numpy="numpy.abs",
    torch="torch.abs",
    jax="jax.numpy.abs",
    notation=Notation(name="abs", text="|{x}|", latex=r"\left|{x}\right|"),
    samples=(Sample("x: n"),),
)

modulus = Primitive(
    name="abs",
    signature="x: ... -> y: ...",
    summary="the modulus of every complex entry",
    definition=("sqrt(real(conj(x) * x))",),
    differential=("real(conj(x) * dx) / y",),
    conditions=("{x} ≠ 0",),
    field="real",
    parity="even",
    fact_rule=lambda index, parameters, facts: {"nonnegative"},
    numpy="numpy.abs",
    torch="torch.abs",
    jax="jax.numpy.abs",
    notation=Notation(name="abs", text="|{x}|", latex=r"\left|{x}\right|"),
    samples=(Sample("x: n complex"),),
    origin=" of complex numbers",
)

relu = Primitive(
    name="relu",
    signature="x: ... -> y: ...",
    summary="the positive part of every entry",
    definition=("(x + abs(x)) / 2",),
    simpler=_of_nonnegative,
    differential=("greater(x, 0) * dx",),
    real_only=True,
    note="relu has a kink at 0; there the subgradient 0 is taken",
    fact_rule=lambda index, parameters, facts: {"nonnegative"} | ({"positive"} & facts[0]),
    numpy="numpy.maximum({0}, 0)",
    torch="torch.relu",
    jax="jax.nn.relu",
    notation=Notation(name="relu"),
    samples=(Sample("x: n"),),
)


PAIR = "a: ..., b: ... -> y: ..."


Signs = tuple[str, str]
"""How a comparison is written in Unicode and in LaTeX."""


def _comparison(name: str, written: Signs, turned: Signs, operator: str, definition: tuple[str, ...] = ()) -> Primitive:
    """1 where two entries compare so, else 0, in the type that both have together; `turned` compares b with a."""
    sign, latex = written
    return Primitive(
        name=name,
        signature=PAIR,
        summary=f"1 where a {sign} b, else 0",
        real_only=True,
        definition=definition,
        differential=("0 * da",),
        field="real",
        fact_rule=lambda index, parameters, facts: {"nonnegative"},
        numpy=f"({{0}} {operator} {{1}}).astype(numpy.result_type({{0}}, {{1}}, numpy.float32))",
        torch=f"({{0}} {operator} {{1}}).to(torch.result_type({{0}}, {{1}}))",
        jax=f"({{0}} {operator} {{1}}).astype(jax.numpy.result_type({{0}}, {{1}}))",
        comparison=operator,
        beside_numbers=True,
        notation=Notation(
            text=f"[{{a}} {sign} {{b}}]",
            latex=rf"\left[{{a}} {latex} {{b}}\right]",
            from_number=(f"[{{b}} {turned[0]} {{a}}]", rf"\left[{{b}} {turned[1]} {{a}}\right]"),
        ),
        samples=(Sample("a: n, b: n"),),
    )


greater = _comparison("greater", (">", ">"), ("<", "<"), ">", ("(1 + sign(a - b)) / 2",))
greater_equal = _comparison("greater_equal", ("≥", r"\ge"), ("≤", r"\le"), ">=", ("(1 + sign(a - b)) / 2",))
equal = _comparison("equal", ("=", "="), ("=", "="), "==")
COMPARISONS = (greater, greater_equal, equal)


def is_comparison(node: Node) -> bool:
    """Whether a node is the outcome of a comparison, 1 or 0 in every entry."""
    return is_apply(node, *COMPARISONS)


maximum = Primitive(
    name="maximum",
    signature=PAIR,
    summary="the larger of two entries",
    real_only=True,
    definition=("(a + b + abs(a - b)) / 2",),
    differential=("(greater(a, b) + greater_equal(a, b)) / 2 * da + (greater(b, a) + greater_equal(b, a)) / 2 * db",),
    simpler=_of_equals,
    note="maximum has a kink where both sides are equal; there each side gets half",
    fact_rule=lambda index, parameters, facts: {"positive", "nonnegative"} & (facts[0] | facts[1]),
    numpy="numpy.maximum",
    torch="torch.maximum",
    jax="jax.numpy.maximum",
    notation=Notation(name="max"),
    samples=(Sample("a: n, b: n"),),
)
minimum = Primitive(
    name="minimum",
    signature=PAIR,
    summary="the smaller of two entries",
    real_only=True,
    definition=("(a + b - abs(a - b)) / 2",),
    differential=("(greater(b, a) + greater_equal(b, a)) / 2 * da + (greater(a, b) + greater_equal(a, b)) / 2 * db",),
    simpler=_of_equals,
    note="minimum has a kink where both sides are equal; there each side gets half",
    fact_rule=lambda index, parameters, facts: {"positive", "nonnegative"} & facts[0] & facts[1],
    numpy="numpy.minimum",
    torch="torch.minimum",
    jax="jax.numpy.minimum",
    notation=Notation(name="min"),
    samples=(Sample("a: n, b: n"),),
)
where = Primitive(
    name="where",
    signature="c: ..., a: ..., b: ... -> y: ...",
    summary="a where the condition holds, else b",
    definition=("c * a + (1 - c) * b",),
    differential=("c * da + (1 - c) * db",),
    simpler=_of_equals,
    note="where is differentiated on either side of its condition, not across it",
    fact_rule=lambda index, parameters, facts: {"positive", "nonnegative"} & facts[1] & facts[2],
    numpy="numpy.where({0} != 0, {1}, {2})",
    torch="torch.where({0} != 0, {1}, {2})",
    jax="jax.numpy.where({0} != 0, {1}, {2})",
    notation=Notation(name="where"),
    samples=(Sample("c: n, a: n, b: n"),),
    error_samples=(ErrorSample("where(x, x, 0)", "x: n", "comparison"),),
)


def has_kink(primitive: Primitive) -> bool:
    """Whether it has branches: its record states a convention for where they meet, or it is a comparison."""
    return bool(primitive.note) or primitive in COMPARISONS


def absolute_value(x: Node) -> Node:
    """`|x|` of every entry, the modulus of complex ones."""
    return Apply(absolute if x.real else modulus, (), (x,))


def _build_abs(call: Call) -> Node:
    call.expect(1, 1, usage="abs(x)")
    return absolute_value(call.node(0))


def _spreading(primitive: Primitive) -> Function:
    """A function of several arguments, in which scalars are spread."""
    names = ", ".join(declared.name for declared in primitive.inputs)
    usage = f"{primitive.name}({names})"

    def build(call: Call) -> Node:
        call.expect(len(primitive.inputs), len(primitive.inputs), usage=usage)
        return Apply(primitive, (), _spread_alike(call, primitive.name))

    return register(Function(primitive.name, build, usage, primitive.summary, (primitive,)))


def _spread_alike(call: Call, name: str) -> tuple[Node, ...]:
    """The arguments of a call, of which those that are scalars are spread to the shape of the others."""
    shape = call.node(0).shape
    for node in call.nodes()[1:]:
        shape = common_shape(spread(call.node(0), shape), node, name) if shape else node.shape
    return tuple(spread(node, shape) for node in call.nodes())


def _swapped(name: str, other: Primitive, summary: str) -> Function:
    def build(call: Call) -> Node:
        call.expect(2, 2, usage=f"{name}(a, b)")
        left, right = _spread_alike(call, name)
        return Apply(other, (), (right, left))

    return register(Function(name, build, f"{name}(a, b)", summary, (other,)))


def opposite(node: Node) -> Node | None:
    """`[b ≥ a]`, which is 1 where the comparison `[a > b]` is 0; None of what is no such comparison."""
    if not is_apply(node, greater, greater_equal):
        return None
    other = greater_equal if node.primitive is greater else greater
    return Apply(other, (), node.arguments[::-1])


def is_indicator(node: Node) -> bool:
    """Whether the entries are 0 or 1: comparisons, spread or multiplied."""
    if isinstance(node, Apply):
        return node.primitive in COMPARISONS
    carried = set(node.free_labels) if isinstance(node, Contract) else set[int]()
    return (
        isinstance(node, Contract)
        and node.coefficient == 1
        and bool(node.factors)
        and all(is_indicator(f.node) and set(f.labels) <= carried for f in node.factors)
    )


def _build_where(call: Call) -> Node:
    found = _spread_where.build(call)
    if not is_indicator(call.node(0)):
        raise LanguageError("where takes a comparison as its condition, as in where(x > 0, a, b)")
    assert isinstance(found, Node)
    return found


register(Function("abs", _build_abs, "abs(x)", absolute.summary, (absolute, modulus)))
register_primitive(sign)
register_primitive(relu)
for _primitive in (*COMPARISONS, maximum, minimum):
    _spreading(_primitive)
_spread_where = _spreading(where)
register(Function("where", _build_where, _spread_where.usage, where.summary, (where,)))
less = _swapped("less", greater, "1 where a < b, else 0")
less_equal = _swapped("less_equal", greater_equal, "1 where a ≤ b, else 0")
