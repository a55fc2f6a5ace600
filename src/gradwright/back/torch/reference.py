"""What the tests of an emitted module hold it to: numbers that neither the module nor its optimiser has touched.

The value of the expression as it was written comes from the reference evaluator, node by node; its derivatives, as
formulas, from the same. A module that is wrong in its value and consistent in its derivatives passes every
comparison with itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gradwright.core.arithmetic import Array, is_finite
from gradwright.core.evaluate import evaluate_all
from gradwright.core.nodes import Node, Symbol, field_of
from gradwright.core.points import choose_sizes, dimension_names, sample
from gradwright.core.walks import applications, free_leaves
from gradwright.diff.derivatives import vjps
from gradwright.diff.gauge import has_free_factors
from gradwright.diff.steps.trial import Named, generic_trial
from gradwright.errors import GradwrightError
from gradwright.frozen import frozen
from gradwright.simplify.pipeline import simplify_all

# A value is given with this many decimals, if it still is a point of its set then.
DECIMALS = 2
# Entries of larger arrays are too many to be read.
MOST_ENTRIES = 400
# How many generic points have to have values before all are thought to.
DRAWS = 8


@frozen
class Reference:
    """Numbers at a generic point.

    Attributes:
        inputs: a value for every input, in order.
        values: those of the outputs.
        cotangents: one for every output.
        gradients: one for every input.
        sizes: those of the dimensions.
        rare: whether the outputs have no value at some generic points, so that tests stay near this one.
    """

    inputs: tuple[Array, ...]
    values: tuple[Array, ...]
    cotangents: tuple[Array, ...]
    gradients: tuple[Array, ...]
    sizes: Mapping[str, int]
    rare: bool


def reference(inputs: Sequence[Symbol], nodes: Sequence[Node]) -> Reference | None:
    """The numbers of some outputs; None where they are a matter of choice, as signs of eigenvectors, or too many.

    Args:
        inputs: the variables, in order.
        nodes: the outputs as they were written.
    """
    simple = simplify_all(tuple(nodes))
    if has_free_factors(*simple):
        return None
    moving = tuple(s for s in inputs if s in {leaf for node in simple for leaf in free_leaves(node)})
    cotangents = tuple(Symbol(f"__cotangent{k}", n.shape, field_of(n)) for k, n in enumerate(nodes))
    try:
        with np.errstate(all="ignore"):
            numbers = _numbers(inputs, moving, nodes, cotangents, vjps(simple, moving, cotangents))
    except GradwrightError:  # a function without a value, or a derivative, at any point that is tried
        return None
    entries = (*numbers.inputs, *numbers.values, *numbers.gradients)
    few = all(np.size(x) <= MOST_ENTRIES for x in entries)
    return numbers if few and all(map(is_finite, entries)) else None


def _numbers(
    inputs: Sequence[Symbol],
    moving: tuple[Symbol, ...],
    nodes: Sequence[Node],
    cotangents: Sequence[Symbol],
    slopes: Mapping[Node, Node],
) -> Reference:
    point, sizes = _point(inputs, moving, nodes)
    values = evaluate_all(nodes, point, sizes)
    given = dict(zip(cotangents, _cotangents(cotangents, sizes), strict=True))
    found = dict(zip(moving, evaluate_all([slopes[s] for s in moving], {**point, **given}, sizes), strict=True))
    gradients = tuple(found.get(s, np.zeros_like(point[s])) for s in inputs)
    rare = _is_rare(inputs, nodes, sizes)
    return Reference(tuple(point[s] for s in inputs), values, tuple(given.values()), gradients, sizes, rare)


def _is_rare(inputs: Sequence[Symbol], nodes: Sequence[Node], sizes: Mapping[str, int]) -> bool:
    """Whether some of a few generic points give no value; it is not asked of functions that a search has to solve."""
    if any(n.primitive.witnesses for n in applications(*nodes)):
        return False
    generator = np.random.default_rng(9)
    points: list[dict[Node, Array]] = [{s: sample(s, sizes, generator) for s in inputs} for _ in range(DRAWS)]
    return not all(_has_values(nodes, point, sizes) for point in points)


def _has_values(nodes: Sequence[Node], point: dict[Node, Array], sizes: Mapping[str, int]) -> bool:
    try:
        return all(map(is_finite, evaluate_all(nodes, point, sizes)))
    except GradwrightError:
        return False


def _point(
    inputs: Sequence[Symbol], moving: tuple[Symbol, ...], nodes: Sequence[Node]
) -> tuple[dict[Node, Array], dict[str, int]]:
    """A value of every input at which the outputs have values and derivatives, with few decimals where that is so."""
    named = tuple(Named(Symbol(f"__output{k}", n.shape, field_of(n)), n) for k, n in enumerate(nodes))
    trial = generic_trial(nodes[0], moving, named)
    more = choose_sizes(dimension_names(inputs))
    sizes = {**{name: size for name, size in more.items() if name not in trial.sizes}, **trial.sizes}
    generator = np.random.default_rng(7)
    point: dict[Node, Array] = {s: trial.values.get(s, sample(s, sizes, generator)) for s in inputs}
    rounded: dict[Node, Array] = {s: _rounded(point[s], s) for s in inputs}
    try:
        alike = zip(evaluate_all(nodes, rounded, sizes), evaluate_all(nodes, point, sizes), strict=True)
        near = all(is_finite(a) and np.allclose(a, b, rtol=0.5, atol=0.5) for a, b in alike)
    except GradwrightError:
        near = False
    return (rounded if near else point), sizes


def _rounded(value: Array, symbol: Symbol) -> Array:
    """A value with few decimals; orthonormal columns have none."""
    return value if {"stiefel", "unitary"} & symbol.facts else np.round(value, DECIMALS)


def _cotangents(symbols: Sequence[Symbol], sizes: Mapping[str, int]) -> list[Array]:
    generator = np.random.default_rng(8)
    return [np.round(sample(s, sizes, generator), DECIMALS) for s in symbols]


def array_lines(array: Array, before: str, after: str, width: int) -> list[str]:
    """An array as nested lists: on one line if it fits, else its parts each on lines of their own, further in."""
    text, indent = _text(array), before[: len(before) - len(before.lstrip())]
    if array.ndim == 0 or len(before + text + after) <= width:
        return [before + text + after]
    inner = [line for part in array for line in array_lines(part, f"{indent}    ", ",", width)]
    return [f"{before}[", *inner, f"{indent}]{after}"]


def _text(array: Array) -> str:
    if array.ndim:
        return f"[{', '.join(map(_text, array))}]"
    value = array.item()
    if isinstance(value, complex):
        sign = "-" if value.imag < 0 else "+"
        return f"{_number(value.real)} {sign} {_number(abs(value.imag))}j"
    return _number(value)


def _number(value: float) -> str:
    """Ten digits; -0.0 is 0."""
    return repr(float(f"{value:.10g}") + 0.0)
