"""Terms of the right gradient left out, or with the wrong sign or number; another argument's gradient."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import combinations

from gradwright.back.render import brief, told
from gradwright.check.diagnosis.mutants.mutant import Mutant, placed
from gradwright.check.truth import Truth, bound_nodes
from gradwright.core.build import identity, transpose
from gradwright.core.canonical import rough_key
from gradwright.core.contraction import is_zero
from gradwright.core.nodes import Add, Node, Symbol, is_apply
from gradwright.core.sums import add, negate, scaled, subtract, terms_of
from gradwright.core.walks import depends_on, postorder, substitute
from gradwright.errors import GradwrightError
from gradwright.prims.inv import inv
from gradwright.prims.power import variable_power
from gradwright.prims.solve import solve
from gradwright.simplify.expansion import expand
from gradwright.simplify.pipeline import simplify

MOST_TERMS = 5
LONGEST = 40  # of a sum that is shown
TRANSPOSED = str.maketrans("", "", "ᵀᴴ")


def terms(truth: Truth, name: str) -> Iterator[Mutant]:
    """Every sum in the gradient with one term less, or one term changed."""
    root = truth.gradients[name]
    holding = depends_on((root,), (truth.cotangent,))
    bound = bound_nodes(root)
    exponents = {n for p in postorder(root) if is_apply(p, variable_power) for n in postorder(p.arguments[1])}
    inverted = {n.arguments[0] for n in postorder(root) if is_apply(n, inv, solve)}
    yield from _of_whole(expand(root, lambda node: True), truth.cotangent)
    for node in postorder(root):
        if isinstance(node, Add) and node not in bound:
            cost = 0.0 if node in holding else 0.15
            inside = "" if node in holding else _inside_of(node)
            for changed, label, words, more in _changed(node, inside):
                if node in inverted and changed == identity(node.shape[0]):
                    continue  # then the inverse is missing, and no term in it
                label = "wrong_power" if node in exponents else label
                yield Mutant(placed(root, node, changed), label, words, cost + more)


def _of_whole(root: Node, cotangent: Symbol) -> Iterator[Mutant]:
    """Some of the terms alone; or one term as often as there are terms, as if they were equal."""
    parts = terms_of(root)
    if not 2 <= len(parts) <= MOST_TERMS:
        return
    for count in range(1, len(parts) - 1):
        for kept in combinations(parts, count):
            words = f"{told(add(kept))} is all that is there of the gradient"
            yield Mutant(add(kept), "missing_term", words, 1.12, partial=True)
    if len({rough_key(part) for part in parts}) > 1:
        return
    label = "missing_transpose" if _in_one_order(parts) else "swapped_factors"
    if _agree_where_symmetric(parts, cotangent):
        label = "not_symmetrised"
    for part in parts:
        words = f"{len(parts)} times the term {told(part)} stands where {told(add(parts))} is due"
        yield Mutant(scaled(len(parts), part), label, words, 0.98, partial=True)


def _in_one_order(parts: Sequence[Node]) -> bool:
    """Whether the factors stand in the same order in all of the terms, so that they differ by transposes alone.

    In products that no matrix notation has, factors have no order.
    """
    texts = [brief(part) for part in parts]
    alike = len({text.replace("⁻ᵀ", "⁻¹").translate(TRANSPOSED) for text in texts}) == 1
    return alike or any("einsum" in text for text in texts)


def _agree_where_symmetric(parts: Sequence[Node], cotangent: Symbol) -> bool:
    """Whether the terms are one and the same for a symmetric cotangent: together they take its symmetric part."""
    if not cotangent.is_square or not cotangent.real:
        return False
    symmetric = Symbol(cotangent.name, cotangent.shape, cotangent.facts | {"symmetric"})
    first, *rest = (simplify(substitute(part, {cotangent: symmetric})) for part in parts)
    return all(is_zero(simplify(subtract(first, other))) for other in rest)


def _inside_of(node: Add) -> str:
    """Which sum it is that has a term, where it is not the gradient itself."""
    text = brief(node)
    return f" of {text}" if len(text) <= LONGEST else ""


def _changed(node: Add, inside: str) -> Iterator[tuple[Node, str, str, float]]:
    for place, term in enumerate(node.terms):
        others = [t for p, t in enumerate(node.terms) if p != place]
        text = f"{told(term)}{inside}"
        yield add(others), "missing_term", f"the term {text} is missing", 1.0
        yield add([*others, negate(term)]), "wrong_sign", f"the term {text} has the wrong sign", 1.05
        for factor in map(Fraction, ("1/2", "2")):
            words = f"the term {text} is multiplied by {factor}"
            yield add([*others, scaled(factor, term)]), "wrong_factor", words, 1.15


def other_arguments(truth: Truth, name: str) -> Iterator[Mutant]:
    """The gradients of the other variables, as they are and transposed."""
    wanted = truth.gradients[name]
    for other in truth.signature.names:
        if other == name:
            continue
        try:
            found = truth.gradients_of((other,))[other]
        except GradwrightError:
            continue
        words = f"this is the gradient of {other}, returned for {name}"
        if found.shape == wanted.shape:
            yield Mutant(found, "wrong_argument_gradient_swapped", words, 1.15)
        if found.rank == 2 and found.shape[::-1] == wanted.shape:
            yield Mutant(transpose(found), "wrong_argument_gradient_swapped", f"{words}, transposed", 1.45)
