"""Two formulas compared term by term, and factor by factor where two terms differ.

Both are multiplied out into sums of products. Terms that are equal are set aside; what is left is paired, and
for each pair the smallest change that makes the written term the right one is looked for: a number in front, a
transpose, a conjugate, two factors exchanged, one in place of another, one left out or too many, a sum left
out. A change counts only if it gives the right value at generic points.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import combinations, product

from gradwright.back.render import brief, told
from gradwright.check.tracing.edits import Edit, edits_of, omissions_of
from gradwright.check.tracing.measure import Measure, measure_of
from gradwright.check.tracing.substitutions import (
    Substitution,
    inputs_for_outputs,
    other_functions,
    other_powers,
    split_masks,
    turned,
)
from gradwright.core.build import adjoint, matmul, product_of, sum_axes, transpose
from gradwright.core.canonical import as_product
from gradwright.core.contraction import conjugate, scale
from gradwright.core.multisets import without
from gradwright.core.nodes import Add, Apply, Node, labels_of
from gradwright.core.sums import add, scaled, terms_of
from gradwright.core.walks import substitute, transform
from gradwright.frozen import frozen
from gradwright.linear.chains import chain_of
from gradwright.prims.cholesky_solve import cholesky_solve, cholesky_solve_vector
from gradwright.prims.inv import inv
from gradwright.prims.solve import SYSTEMS, with_inverse
from gradwright.prims.solve_triangular import solve_triangular, solve_triangular_vector
from gradwright.simplify.expansion import expand
from gradwright.simplify.pipeline import simplify

MOST_TERMS = 24
MOST_PAIRS = 16
MOST_DIFFERENCES = 4
MOST_KINDS = 2
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


@frozen
class Difference:
    """One way in which a written formula differs from the right one.

    Attributes:
        label: the kind of defect; empty where none of the names fits.
        words: what is different, in a sentence.
        right: the part of the right formula, in mathematical notation; empty where nothing stands.
        written: the part of the written formula.
    """

    label: str
    words: str
    right: str
    written: str

    def __str__(self) -> str:
        return f"{self.words}\n    right:    {self.right or '—'}\n    written:  {self.written or '—'}"


def compare(right: Node, written: Node, others: Mapping[str, Node] | None = None) -> tuple[Difference, ...]:
    """The differences of a written formula from the right one; none if they have the same values.

    Args:
        right: the formula as it should be.
        written: the formula as it is, in the same symbols.
        others: the right gradients of other variables, which may have been written instead.
    """
    if right.shape != written.shape:
        summed = _summed_by_autograd(right, written)
        return (_of_shapes(right, written),) if summed is None else compare(right, summed, others)
    right, written = comparable(right), comparable(written)
    measure = measure_of(right, written)
    if measure is None or measure.close(right, written):
        return ()
    best: tuple[Difference, ...] = ()
    for found in _explanations(right, written, others or {}, measure):
        if _is_clear(found):
            return found
        if found and (not best or _unclear(found) < _unclear(best)):
            best = found
    return best


def _is_clear(found: Sequence[Difference]) -> bool:
    """Whether the differences are few, and of one or two kinds that do not stand for each other."""
    labels = {difference.label for difference in found}
    few = 1 <= len(labels) <= MOST_KINDS and len(found) <= MOST_DIFFERENCES
    return few and "" not in labels and not {"missing_term", "extra_term"} <= labels


def _unclear(found: Sequence[Difference]) -> tuple[int, int, int]:
    labels = {difference.label for difference in found}
    return sum(not difference.label for difference in found), len(labels), len(found)


def _explanations(
    right: Node, written: Node, others: Mapping[str, Node], measure: Measure
) -> Iterator[tuple[Difference, ...]]:
    """Ways to see the difference: as a whole, in a quantity that recurs, and term by term ever more multiplied out."""
    yield _of_the_whole(right, written, measure)
    yield _of_another(right, written, others, measure)
    yield _everywhere(right, written, inputs_for_outputs(right), measure)
    yield _everywhere(right, written, (*other_powers(right, written), *other_functions(right, written)), measure)
    yield _by_terms(list(terms_of(right)), list(terms_of(written)), measure)
    yield _by_terms(_terms(right), _terms(written), measure)
    yield _by_terms(_terms(split_masks(right)), _terms(split_masks(written)), measure)
    yield _not_symmetrised(right, written, measure)
    yield _everywhere(right, written, turned(written), measure)


def _summed_by_autograd(right: Node, written: Node) -> Node | None:
    """A gradient whose last axes are those of the variable: autograd sums over the others without a word."""
    extra = written.rank - right.rank
    if extra <= 0 or written.shape[extra:] != right.shape:
        return None
    return sum_axes(written, range(extra))


def _of_shapes(right: Node, written: Node) -> Difference:
    kept = written.rank > right.rank
    words = "the result keeps axes that have to be summed over" if kept else "the result has the wrong shape"
    return Difference("broadcast_not_reduced" if kept else "", words, brief(right), brief(written))


def comparable(node: Node) -> Node:
    """A formula in which solutions of linear systems are products with inverses, simplified."""
    return simplify(transform(node, _without_system))


def _without_system(node: Node) -> Node:
    if not isinstance(node, Apply):
        return node
    if node.primitive in (*SYSTEMS, solve_triangular, solve_triangular_vector):
        return with_inverse(node)
    if node.primitive in (cholesky_solve, cholesky_solve_vector):
        side, factor = node.arguments
        return matmul(Apply(inv, (), (matmul(factor, adjoint(factor)),)), side)
    return node


def _of_the_whole(right: Node, written: Node, measure: Measure) -> tuple[Difference, ...]:
    """A change of the whole that makes it right: a number, a transpose, a conjugate, a symmetric part."""
    shown = brief(right), brief(written)
    factor = measure.ratio(written, right)
    if factor is not None:
        return _of_numbers(factor, "it", shown)
    if not written.real and measure.close(right, conjugate(written)):
        return (Difference("missing_conj", "it is the conjugate of what it should be", *shown),)
    if not written.is_square:
        return ()
    if measure.close(right, transpose(written)):
        label = "wrong_axis" if _is_spread(right) else _transposition(*shown)
        return (Difference(label, "it is the transpose of what it should be", *shown),)
    if measure.close(right, _symmetric(written)):
        return (Difference("not_symmetrised", "the symmetric part has to be taken", *shown),)
    doubled = add([scale(2, right), scale(-1, product_of([(right, (0, 0))], (0, 0)))])
    if measure.close(written, doubled):
        return (Difference("doubled_off_diagonal", "the entries off the diagonal are twice too large", *shown),)
    return ()


def _is_spread(node: Node) -> bool:
    """Whether a matrix is a vector repeated along an axis."""
    term = as_product(node)
    carried = labels_of(term.factors)
    return any(not carried.issuperset(group) for group in term.output)


def _symmetric(node: Node) -> Node:
    return scaled(Fraction(1, 2), add([node, adjoint(node)]))


def _not_symmetrised(right: Node, written: Node, measure: Measure) -> tuple[Difference, ...]:
    """A symmetric part that is not taken, and the differences of that part."""
    if not right.is_square or not measure.close(right, _symmetric(right)):
        return ()
    if measure.close(written, _symmetric(written)):
        return ()
    others = compare(right, _symmetric(written))
    words = "the symmetric part has to be taken"
    return (Difference("not_symmetrised", words, brief(right), brief(written)), *others)


def _of_another(right: Node, written: Node, others: Mapping[str, Node], measure: Measure) -> tuple[Difference, ...]:
    """The gradient of another variable."""
    for name, other in others.items():
        if measure.close(comparable(other), written):
            words = f"this is the gradient of {name}"
            return (Difference("wrong_argument_gradient_swapped", words, brief(right), brief(written)),)
    return ()


def _everywhere(
    right: Node, written: Node, substitutions: Iterable[Substitution], measure: Measure
) -> tuple[Difference, ...]:
    """One quantity in the place of another, wherever it stands."""
    for label, given, due in substitutions:
        if given.shape != due.shape:
            continue  # no product of a formula that has the one has place for the other
        factor = _ratio_after(written, given, due, right, measure) or _ratio_after(right, due, given, written, measure)
        if factor is not None:
            shown = brief(right), brief(written)
            words = f"{told(given)} stands where {told(due)} is due"
            found = Difference(label or _transposition(brief(due), brief(given)), words, *shown)
            return (found,) if factor == 1 else (found, Difference("wrong_sign", "the sign is wrong", *shown))
    return ()


def _ratio_after(root: Node, old: Node, new: Node, other: Node, measure: Measure) -> Fraction | None:
    """Whether a formula with one quantity in the place of another is another formula, or its negative."""
    changed = substitute(root, {old: new})
    factor = measure.ratio(changed, other) if changed != root else None
    return factor if factor in (1, -1) else None


def _by_terms(due: list[Node], given: list[Node], measure: Measure) -> tuple[Difference, ...]:
    """The terms that differ, paired with what they should be."""
    due, given = _without_equals(due, _unmerged(due, given, measure), measure)
    found: list[Difference] = []
    for wanted, term in list(product(due, given))[:MOST_PAIRS]:
        if wanted in due and term in given:
            differences = _of_terms(wanted, term, measure)
            if differences:
                due.remove(wanted)
                given.remove(term)
                found += differences
    return _distinct([*found, *_unpaired(due, given)])


def _unmerged(due: list[Node], given: list[Node], measure: Measure) -> list[Node]:
    """A written term that is a multiple of a right one taken apart where terms are missing: `2 X y` is `X y + X y`."""
    found: list[Node] = []
    for term in given:
        ratios = [(wanted, measure.ratio(term, wanted)) for wanted in due] if len(due) > len(given) else []
        multiple = next(((w, r) for w, r in ratios if r is not None and r.denominator == 1 and r > 1), None)
        found += [term] if multiple is None else [multiple[0], scale(multiple[1] - 1, multiple[0])]
    return found


def _distinct(found: Sequence[Difference]) -> tuple[Difference, ...]:
    """Differences told once: two mirrored terms have the same one."""
    return tuple({(difference.label, difference.words): difference for difference in reversed(found)}.values())[::-1]


def _terms(node: Node) -> list[Node]:
    return list(terms_of(expand(node, lambda inner: True, MOST_TERMS)))


def _without_equals(due: list[Node], given: list[Node], measure: Measure) -> tuple[list[Node], list[Node]]:
    """The terms that are in one of the two sums alone; two terms may be one on the other side."""
    for count, other in ((1, 1), (2, 1), (1, 2)):
        for some in combinations(tuple(due), count):
            for parts in combinations(tuple(given), other):
                present = all(t in due for t in some) and all(t in given for t in parts)
                if present and measure.close(add(some), add(parts)):
                    due, given = without(due, some), without(given, parts)
    return due, given


def _of_terms(wanted: Node, term: Node, measure: Measure) -> tuple[Difference, ...]:
    """The smallest change that makes one term another."""
    shown = brief(wanted), brief(term)
    factor = measure.ratio(term, wanted)
    if factor is not None:
        return _of_numbers(factor, f"the term {told(term)}", shown)
    for edit in edits_of(term, wanted):
        factor = measure.ratio(edit.result, wanted)
        if factor is not None and (factor in (1, -1) or edit.pair is None):
            return _described(edit, wanted, term, factor)
    for edit in omissions_of(wanted):
        factor = measure.ratio(term, edit.result)
        if factor is not None:
            return _described(edit, wanted, term, factor)
    return ()


def _of_numbers(factor: Fraction, what: str, shown: tuple[str, str]) -> tuple[Difference, ...]:
    """A wrong number in front: its sign, its size, or both."""
    sign = Difference("wrong_sign", f"{what} has the wrong sign", *shown)
    size = Difference("wrong_factor", f"{what} is {abs(factor)} times what it should be", *shown)
    return (*((sign,) if factor < 0 else ()), *((size,) if abs(factor) != 1 else ()))


def _described(edit: Edit, wanted: Node, term: Node, factor: Fraction) -> tuple[Difference, ...]:
    shown = brief(wanted), brief(term)
    beside = _of_numbers(factor, f"the term {told(term)}, apart from that,", shown)
    inside = _inside(*edit.pair) if edit.pair and not edit.label else None
    if inside is not None:
        return (Difference(inside.label, inside.words, *shown), *beside)
    label = edit.label if edit.label or edit.pair or edit.words else _transposition(*shown)
    words = edit.words or _place(wanted, term) or f"{told(term)} stands where {told(wanted)} is due"
    return (Difference(label, words, *shown), *beside)


def _inside(due: Node, given: Node) -> Difference | None:
    """The difference of the arguments, where one function is applied to different ones, or of two sums."""
    if isinstance(due, Add):
        pairs = [(due, given)]
    elif isinstance(due, Apply) and isinstance(given, Apply) and due.primitive is given.primitive:
        pairs = [(a, b) for a, b in zip(due.arguments, given.arguments, strict=True) if a != b]
    else:
        return None
    found = compare(*pairs[0]) if len(pairs) == 1 else ()
    return found[0] if len(found) == 1 and found[0].label else None


def _place(wanted: Node, term: Node) -> str:
    """Which factors of a product of matrices are not what they should be."""
    chains = chain_of(wanted), chain_of(term)
    if any(chain is None for chain in chains):
        return ""
    right, written = (chain.elements for chain in chains if chain is not None)
    if len(right) != len(written) or len(right) > len(ORDINALS):
        return ""
    places = [place for place, pair in enumerate(zip(right, written, strict=True)) if pair[0] != pair[1]]
    return "; ".join(_of_factors(place, len(right), right[place], written[place]) for place in places)


def _of_factors(place: int, count: int, due: Node, given: Node) -> str:
    ordinal = "last" if place == count - 1 > 0 else ORDINALS[place]
    return f"the {ordinal} factor is {told(given)}; it should be {told(due)}"


def _unpaired(due: Sequence[Node], given: Sequence[Node]) -> Iterator[Difference]:
    for wanted, term in zip(due, given, strict=False):
        yield Difference("", f"{told(term)} stands where {told(wanted)} is due", brief(wanted), brief(term))
    for wanted in due[len(given) :]:
        yield Difference("missing_term", f"the term {told(wanted)} is missing", brief(wanted), "")
    for term in given[len(due) :]:
        yield Difference("extra_term", f"the term {told(term)} does not belong", "", brief(term))


def _transposition(right: str, written: str) -> str:
    """Whether the right formula has more transposes than the written one."""
    return "extra_transpose" if right.count("ᵀ") < written.count("ᵀ") else "missing_transpose"
