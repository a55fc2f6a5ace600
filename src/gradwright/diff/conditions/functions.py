"""The conditions of one function that occurs, in the words of its record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from gradwright.core.build import ones
from gradwright.core.contraction import zero
from gradwright.core.inference import facts_of, is_nonnegative
from gradwright.core.nodes import Apply, Contract, Node, is_apply
from gradwright.core.primitive import Primitive
from gradwright.core.sums import add
from gradwright.core.walks import applications
from gradwright.diff.conditions.implications import OFF_THE_CUT, is_granted, is_not_zero
from gradwright.diff.conditions.subjects import core_of, size_of, subject_of
from gradwright.diff.differential import from_template
from gradwright.diff.identities.engine import solved
from gradwright.prims.piecewise import equal
from gradwright.prims.power import base_and_exponent, power
from gradwright.prims.reductions import maximum_entry, minimum_entry
from gradwright.simplify.broadcasts import without_repetition
from gradwright.simplify.pipeline import simplify


def conditions_of_application(node: Apply, written: Callable[[Node], str]) -> list[str]:
    """The conditions of a function's record that are not granted, of its arguments; else what its identity inverts."""
    primitive = node.primitive
    own = map(without_repetition, node.arguments) if primitive.elementwise else node.arguments
    arguments = {d.name: a for d, a in zip(primitive.inputs, own, strict=True)}
    kept: list[str] = []
    for condition in primitive.conditions:
        name = next((name for name in arguments if f"{{{name}}}" in condition), None)
        if name is None:
            kept.append(_stated(condition, primitive, arguments, written))
            continue
        condition, subject = _with_sum(condition, name, arguments[name])
        sentence = condition.replace(f"{{{name}}}", "{}")
        about = {**arguments, name: core_of(sentence, subject)}
        if _holds(sentence, about[name], node):
            continue
        size = size_of(about[name])
        if sentence in ("{} > 0", "{} ≠ 0") and size is not None:
            about_size = subject_of(sentence, size, size.rank, written)
            kept += [] if _holds("{} ≠ 0", size, node) else [f"{about_size} ≠ 0"]
            continue
        stated = _stated(_of_nonnegative(condition, about[name]), primitive, about, written)
        kept.append(stated if about[name].real else _of_complex(stated))
    if primitive is power:
        kept += _of_power(node, written)
    if primitive.identity and not primitive.conditions:
        kept += [f"{written(p)} is invertible" for p in _pivots(node) if not is_granted("{} is invertible", p)]
    return kept


def _holds(sentence: str, subject: Node, function: Node) -> bool:
    """Whether a sentence is known to be true: that a tensor is not zero, of one that a number is taken of, as a whole.

    Of other functions it is said of every entry.
    """
    return is_granted(sentence, subject) or (sentence == "{} ≠ 0" and not function.rank and is_not_zero(subject))


def _with_sum(condition: str, name: str, argument: Node) -> tuple[str, Node]:
    """A condition of 1 and an argument as one of their sum: `1 − ‖x‖² > 0` where log1p needs that of −‖x‖²."""
    sentence = condition.replace(f"1 + {{{name}}}", f"{{{name}}}")
    return sentence, argument if sentence == condition else add([ones(argument.shape), argument])


def _stated(condition: str, primitive: Primitive, arguments: Mapping[str, Node], written: Callable[[Node], str]) -> str:
    """A condition of a function's record, of its arguments."""
    subjects = {d.name: subject_of(condition, arguments[d.name], len(d.shape), written) for d in primitive.inputs}
    return condition.format(**subjects)


def _of_complex(condition: str) -> str:
    subject = condition.removesuffix(" > 0")
    return condition if subject == condition else f"{subject}{OFF_THE_CUT}"


def _of_nonnegative(condition: str, argument: Node) -> str:
    """`x ≠ 0` for `x > 0` where x is not negative: what `x ≥ 0` guards may be so in other entries."""
    return condition.replace("} > 0", "} ≠ 0") if is_nonnegative(argument) else condition


def _pivots(node: Apply) -> tuple[Node, ...]:
    """What a function that is defined by an identity is, or contains, the inverse of."""
    return tuple(in_arguments(node, pivot) for pivot in solved(node.primitive).pivots)


def in_arguments(node: Apply, formula: Node) -> Node:
    """A formula without directions in the names of a function, for an application of it."""
    still = {argument: zero(argument.shape) for argument in node.arguments}
    return simplify(from_template(node, formula, still))


def _of_power(node: Apply, written: Callable[[Node], str]) -> list[str]:
    """Reciprocals of what is not known to be other than zero, and roots of what is not known to be positive."""
    base, exponent = base_and_exponent(node)
    if _is_told_elsewhere(base):
        return []
    base = core_of("{} > 0" if exponent.denominator > 1 else "{} ≠ 0", base)
    if facts_of(base) & ({"positive"} if exponent.denominator > 1 else {"positive", "negative"}):
        return []
    about = partial(subject_of, "", rank=2, written=written)
    size = size_of(base)
    if size is not None and exponent < 1:
        if _holds("{} ≠ 0", size, node):
            return []
        return [f"{about(size)} ≠ 0"] if exponent.denominator > 1 or exponent < 0 else []
    if exponent.denominator > 1 and not base.real:
        return [f"{about(base)}{OFF_THE_CUT}"]
    if exponent.denominator > 1 and not is_nonnegative(base):
        return [f"{about(base)} {'>' if exponent < 1 else '≥'} 0"]
    return [f"{about(base)} ≠ 0"] if exponent < (1 if exponent.denominator > 1 else 0) else []


def _is_told_elsewhere(base: Node) -> bool:
    """Whether a record states what the base needs: a norm's, or that of a factorisation it is made of."""
    if isinstance(base, Apply) and any("≠ 0" in condition for condition in base.primitive.conditions):
        return True
    return _counts_extremes(base) or any(n.primitive.gauge for n in applications(base))


def _counts_extremes(base: Node) -> bool:
    """Whether a node is how often a largest or smallest entry occurs among those that it is taken of: once at least."""
    if not isinstance(base, Contract) or len(base.factors) != 1 or base.coefficient <= 0:
        return False
    mask = base.factors[0].node
    if not is_apply(mask, equal):
        return False
    entries, compared = mask.arguments
    return any(
        n.primitive in (maximum_entry, minimum_entry) and n.arguments == (entries,) for n in applications(compared)
    )
