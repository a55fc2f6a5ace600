"""Quantities that depend on the variable, treated as constants; occurrences that are not differentiated.

The gradient is the sum of what comes in through every occurrence of the variable, so a missing summand
is an occurrence left out, and a detached quantity is every path through it left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from gradwright.back.render import told
from gradwright.check.diagnosis.mutants.mutant import Mutant, pulled_back
from gradwright.check.truth import Truth, bound_nodes
from gradwright.core.contraction import is_zero
from gradwright.core.nodes import Apply, Node, Solve, Symbol, field_of
from gradwright.core.sums import add, negate, subtract
from gradwright.core.walks import depends_on, postorder, rebuild, substitute
from gradwright.diff.derivatives import vjps
from gradwright.errors import GradwrightError
from gradwright.prims.power import power
from gradwright.simplify.pipeline import simplify

MOST = 20


def detached(truth: Truth, name: str) -> Iterator[Mutant]:
    """The gradient with every stage, and every occurrence, of the variable taken for a constant."""
    variable = truth.signature.symbol(name)
    yield from _stages(truth, variable)
    yield from _occurrences(truth, variable)


def _stages(truth: Truth, variable: Symbol) -> Iterator[Mutant]:
    moving = depends_on((truth.node,), (variable,))
    out = {variable, truth.node, *bound_nodes(truth.node)}
    stages = [n for n in postorder(truth.node) if n in moving and n not in out]
    for stage in stages[-MOST:]:
        constant = Symbol("__constant", stage.shape, field_of(stage))
        found = pulled_back(substitute(truth.node, {stage: constant}), variable, truth.cotangent)
        if found is None or is_zero(found):
            continue
        label = "detached_dependency" if _is_quantity(stage) else "missing_term"
        words = f"{told(stage)} depends on {variable.name}, and is treated as a constant"
        yield Mutant(substitute(found, {constant: stage}), label, words, 1.0 if _is_quantity(stage) else 1.05)


def _is_quantity(stage: Node) -> bool:
    """Whether it is a computed quantity, such as a deviation or an inverse, and no factor of a product rule."""
    if isinstance(stage, Apply):
        if stage.primitive is power:
            exponent = stage.parameters[0]
            return isinstance(exponent, Fraction) and (exponent < 0 or exponent.denominator > 1)
        return not stage.primitive.elementwise and stage.rank > 0
    return isinstance(stage, Solve)


def _occurrences(truth: Truth, variable: Symbol) -> Iterator[Mutant]:
    """One mutant for every occurrence: left out, or with the wrong sign."""
    split, marks = _marked(truth.node, variable)
    if not 2 <= len(marks) <= MOST:
        return
    try:
        parts = vjps((simplify(split),), marks, (truth.cotangent,))
    except GradwrightError:
        return
    back: dict[Node, Node] = {mark: variable for mark in marks}
    terms = [simplify(substitute(parts[mark], back)) for mark in marks]
    for place in range(len(terms)):
        if any(is_zero(simplify(subtract(terms[place], t))) for p, t in enumerate(terms) if p != place):
            continue  # two equal terms are a factor 2, and a missing one is a wrong factor
        others = [t for p, t in enumerate(terms) if p != place]
        which = f"occurrence {place + 1} of {variable.name}"
        words = f"the term {told(terms[place])}, from {which}, is missing"
        yield Mutant(simplify(add(others)), "missing_term", words, 0.9)
        flipped = [*others, negate(terms[place])]
        yield Mutant(simplify(add(flipped)), "wrong_sign", f"the term from {which} has the wrong sign", 1.1)
        if len(terms) > 2:
            words = f"only the term {told(terms[place])}, from {which}, is there"
            yield Mutant(terms[place], "missing_term", words, 1.2)


def _marked(root: Node, variable: Symbol) -> tuple[Node, tuple[Symbol, ...]]:
    """The expression with a symbol of its own for every occurrence of the variable."""
    marks: list[Symbol] = []

    def marked(child: Node) -> Node:
        if child != variable:
            return child
        mark = Symbol(f"__{variable.name}_{len(marks)}", variable.shape, variable.facts)
        marks.append(mark)
        return mark

    done: dict[Node, Node] = {}
    for node in postorder(root):
        children = tuple(marked(child) if child == variable else done[child] for child in node.children)
        done[node] = rebuild(node, children)
    return done[root], tuple(marks)
