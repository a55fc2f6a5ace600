"""Small changes of a product: the ways in which one term of a formula is mistaken for another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import combinations, pairwise

from gradwright.back.render import told
from gradwright.core.build import multiply, number, transpose
from gradwright.core.canonical import as_product
from gradwright.core.contraction import contract, is_simple, unified, with_factors
from gradwright.core.nodes import Add, Apply, Contract, Factor, Mask, Node, Selection, Size, is_apply, labels_of
from gradwright.core.walks import postorder
from gradwright.frozen import frozen
from gradwright.linear.chains import chain_of, product_of_chain
from gradwright.prims.piecewise import COMPARISONS, where
from gradwright.prims.power import power
from gradwright.prims.reductions import norm
from gradwright.simplify.pipeline import simplify

MOST_FACTORS = 10
MASKS = {"1, 1, 0": "tril", "0, 1, 1": "triu", "1, 0, 0": "strict tril", "0, 0, 1": "strict triu", "0, 1, 0": "diag"}


@frozen
class Edit:
    """A changed product.

    Attributes:
        result: the product after the change.
        label: the kind of defect that the change puts right; empty where only the formulas tell.
        words: what is wrong; empty where the place in the product tells it better.
        pair: what should stand, and what stands, where one factor is in place of another.
    """

    result: Node
    label: str
    words: str = ""
    pair: tuple[Node, Node] | None = None


def edits_of(term: Node, wanted: Node) -> Iterator[Edit]:
    """Changes that may make a written term the wanted one, the smallest first."""
    product = as_product(term)
    if len(product.factors) > MOST_FACTORS:
        return
    yield from _transposes(product, 1)
    yield from _conjugates(product)
    yield from _moved_weights(product)
    yield from _transposes(product, 2)
    yield from _turned_parts(term)
    yield from _exchanges(product)
    yield from _replacements(product, as_product(wanted))
    yield from _extras(product)
    yield from _entrywise(term, "are multiplied as matrices, and should be entry by entry")


def omissions_of(wanted: Node) -> Iterator[Edit]:
    """What the wanted term becomes if something of it is left out."""
    product = as_product(wanted)
    if len(product.factors) > MOST_FACTORS:
        return
    for place, factor in enumerate(product.factors):
        label, words = _omission(factor, product)
        yield from (Edit(result, label, words) for result in _without(product, place))
    yield from _entrywise(wanted, "are multiplied entry by entry")
    yield from _off_diagonal(product)
    yield from _unsummed(product)
    yield from _other_axis(product)
    yield from _without_two(product)


def _transposes(product: Contract, count: int) -> Iterator[Edit]:
    """Some square factors transposed."""
    square = [place for place, factor in enumerate(product.factors) if factor.node.is_square]
    for places in combinations(square, count):
        factors = [f._replace(groups=f.groups[::-1]) if k in places else f for k, f in enumerate(product.factors)]
        chosen = [product.factors[place] for place in places]
        if _share_a_sum(chosen, product):
            yield Edit(with_factors(product, factors), "wrong_axis", "a sum is along the wrong axis")
        elif all(isinstance(f.node, Mask) and set(f.groups) <= set(product.output) for f in chosen):
            yield Edit(with_factors(product, factors), "wrong_mask", "the other triangle is due")
        else:
            yield Edit(with_factors(product, factors), "")


def _share_a_sum(chosen: Sequence[Factor], product: Contract) -> bool:
    """Whether some factors have both axes in common, one of them summed over with nothing else on it."""
    elsewhere = {label for f in product.factors if f not in chosen for label in f.labels}
    outer = set(product.free_labels)
    shared = set(chosen[0].labels)
    together = all(set(factor.labels) == shared for factor in chosen)
    return together and any(label not in elsewhere | outer for label in shared)


def _conjugates(product: Contract) -> Iterator[Edit]:
    """One or two complex factors conjugated, and one transposed too."""
    complex_ones = [place for place, factor in enumerate(product.factors) if not factor.node.real]
    for count in (1, 2):
        for places in combinations(complex_ones, count):
            factors = [f._replace(conj=not f.conj) if k in places else f for k, f in enumerate(product.factors)]
            yield Edit(with_factors(product, factors), "missing_conj")
            (place, *others), last = places, factors[places[0]]
            if not others and last.node.is_square:
                factors[place] = last._replace(groups=last.groups[::-1])
                yield Edit(with_factors(product, factors), "")


def _moved_weights(product: Contract) -> Iterator[Edit]:
    """A vector that weighs or is repeated along one axis, moved to another."""
    outer = [group[0] for group in product.output if len(group) == 1]
    for place, factor in enumerate(product.factors):
        for label in outer if factor.node.rank == 1 and factor.labels[0] in outer else ():
            if label != factor.labels[0] and product.dims[label] == factor.node.shape[0]:
                factors = list(product.factors)
                factors[place] = factor._replace(groups=((label,),))
                yield Edit(with_factors(product, factors), "wrong_axis", f"{told(factor.node)} is along the wrong axis")


def _turned_parts(term: Node) -> Iterator[Edit]:
    """Some neighbours in a product of matrices transposed as one."""
    chain = chain_of(term)
    elements = chain.elements if chain is not None else ()
    for start, stop in combinations(range(len(elements) + 1), 2):
        part = elements[start:stop]
        if chain is None or len(part) < 2 or part[-1].rank != 2 or part[0].shape[0] != part[-1].shape[1]:
            continue
        turned = (*elements[:start], *(transpose(element) for element in reversed(part)), *elements[stop:])
        yield Edit(multiply(chain.scalar, product_of_chain(turned, term)), "")


def _exchanges(product: Contract) -> Iterator[Edit]:
    """Two different factors of one shape, each in the place of the other."""
    for a, b in combinations(range(len(product.factors)), 2):
        one, other = product.factors[a], product.factors[b]
        if set(one.labels) == set(other.labels):
            continue
        if one.node != other.node and one.node.shape == other.node.shape and one.node.rank:
            factors = list(product.factors)
            factors[a] = one._replace(node=other.node, conj=other.conj)
            factors[b] = other._replace(node=one.node, conj=one.conj)
            yield Edit(with_factors(product, factors), "swapped_factors")
            if not one.node.is_square:
                continue
            factors[a] = factors[a]._replace(groups=factors[a].groups[::-1])
            factors[b] = factors[b]._replace(groups=factors[b].groups[::-1])
            yield Edit(with_factors(product, factors), "swapped_factors")


def _replacements(product: Contract, wanted: Contract) -> Iterator[Edit]:
    """One factor in the place of a factor of the wanted term."""
    offered = list(dict.fromkeys(factor.node for factor in wanted.factors))
    for place, factor in enumerate(product.factors):
        for node in offered:
            if node == factor.node or node.shape != factor.node.shape or _mixed(node, factor.node):
                continue
            label, words = _replacement(node, factor.node)
            turned = (factor.groups, factor.groups[::-1]) if factor.node.is_square else (factor.groups,)
            for groups in turned:
                factors = list(product.factors)
                factors[place] = Factor(node, groups, factor.conj)
                yield Edit(with_factors(product, factors), label, words, (node, factor.node))


def _mixed(due: Node, given: Node) -> bool:
    """Whether one of two factors is a sum: then it is the terms that differ."""
    return isinstance(due, Add) != isinstance(given, Add)


def _replacement(due: Node, given: Node) -> tuple[str, str]:
    """What it is to have written one factor for another."""
    stands = f"{_named(given)} stands where {_named(due)} is due"
    if _base(due) == _base(given):
        return "wrong_power", stands
    if isinstance(due, Mask) and isinstance(given, Mask) and _support(due) == _support(given):
        return "wrong_factor", stands
    if _selects(due) and _selects(given):
        return "wrong_mask", stands
    if given in set(postorder(due)):
        return "uses_input_instead_of_output", f"{stands}, which is computed from it"
    if due in set(postorder(given)):
        return "stale_saved_value", f"{stands}: it is a later stage"
    return "", stands


def _named(node: Node) -> str:
    """A factor in words; a mask by its weights below, on and above the diagonal."""
    if not isinstance(node, Mask):
        return told(node)
    weights = ", ".join(map(str, node.weights))
    return f"the mask {MASKS.get(weights, f'({weights})')}"


def _support(mask: Mask) -> tuple[bool, ...]:
    return tuple(bool(weight) for weight in mask.weights)


def _base(node: Node) -> Node:
    """What a power is a power of: `x · x` for a norm and all its powers, of which the even ones are written so."""
    base = node.arguments[0] if is_apply(node, power) else node
    if is_apply(base, norm):
        return simplify(Apply(power, (Fraction(2),), (base,)))
    return base


def _selects(node: Node) -> bool:
    """Whether a factor is a mask or a condition."""
    return isinstance(node, Mask) or is_apply(node, *COMPARISONS, where)


def _extras(product: Contract) -> Iterator[Edit]:
    """One factor too many."""
    yield from _one_sample(product)
    for place, factor in enumerate(product.factors):
        label = _extra(factor, product)
        words = f"{_factor(factor)} does not belong"
        yield from (Edit(result, label, words) for result in _without(product, place))


def _one_sample(product: Contract) -> Iterator[Edit]:
    """One entry along an axis picked, from all tensors that have it, where a sum over all is due."""
    picks = [factor for factor in product.factors if isinstance(factor.node, Selection) and factor.node.part is None]
    if not picks or len({factor.node for factor in picks}) > 1:
        return
    kept, *others = (factor.labels[0] for factor in picks)
    factors = [factor for factor in product.factors if factor not in picks]
    names = dict.fromkeys(others, kept)
    words = "one entry along an axis is taken, and all have to be added"
    yield Edit(unified(product, factors, names), "missing_trace_or_sum_over_batch", words)


def _factor(factor: Factor) -> str:
    return _named(factor.node) if isinstance(factor.node, Mask) else f"the factor {told(factor.node)}"


def _extra(factor: Factor, product: Contract) -> str:
    if _selects(factor.node):
        return "wrong_mask"
    if isinstance(_base(factor.node), Size):
        return "wrong_factor"
    return "wrong_power" if _recurs(factor, product) else ""


def _omission(factor: Factor, product: Contract) -> tuple[str, str]:
    """What it is to have left a factor out."""
    words = f"{_factor(factor)} is missing"
    if _selects(factor.node):
        return "missing_mask", words
    if isinstance(_base(factor.node), Size):
        return "wrong_factor", words
    return ("wrong_power" if _recurs(factor, product) else "missing_chain_factor"), words


def _recurs(factor: Factor, product: Contract) -> bool:
    """Whether another factor is a power of the same, on the same axes."""
    same = [f for f in product.factors if _base(f.node) == _base(factor.node) and f.groups == factor.groups]
    return len(same) > 1


def _without(product: Contract, place: int) -> Iterator[Node]:
    """The product without a factor: its axes left to the others, or made one."""
    removed = product.factors[place]
    rest = product.beside(place)
    carried = labels_of(rest).union(*product.output)
    if carried.issuperset(removed.labels):
        yield with_factors(product, rest)
    if removed.node.is_square and is_simple(removed.groups):
        row, column = removed.labels
        yield unified(product, rest, {column: row})


def _unsummed(product: Contract) -> Iterator[Edit]:
    """A label that is summed over made one with another label: an inner sum left out."""
    outer = set(product.free_labels)
    for summed in range(len(product.dims)):
        if summed in outer:
            continue
        for other, dim in enumerate(product.dims):
            if other != summed and dim == product.dims[summed]:
                result = unified(product, product.factors, {summed: other})
                label = "unsummed_axis" if _is_inner(product, summed) else "elementwise_instead_of_matrix_product"
                yield Edit(result, label, "an inner sum is left out")


def _off_diagonal(product: Contract) -> Iterator[Edit]:
    """A diagonal matrix filled up: the factors on the diagonal's label, some for the rows and some for the columns."""
    labels = list(product.free_labels)
    new = len(product.dims)
    for label in dict.fromkeys(label for label in labels if labels.count(label) == 2):
        carrying = [place for place, factor in enumerate(product.factors) if label in factor.labels]
        output = (product.output[0], tuple(new if other == label else other for other in product.output[1]))
        for count in range(len(carrying) + 1):
            for moved in combinations(carrying, count):
                factors = [
                    f.relabelled({label: new}) if place in moved else f for place, f in enumerate(product.factors)
                ]
                dims = {**dict(enumerate(product.dims)), new: product.dims[label]}
                result = contract(product.coefficient, factors, output, dims)
                yield Edit(result, "missing_mask", "only the diagonal counts")


def _entrywise(term: Node, words: str) -> Iterator[Edit]:
    """Two neighbours in a product of matrices multiplied entry by entry."""
    chain = chain_of(term)
    elements = chain.elements if chain is not None else ()
    for place, (left, right) in enumerate(pairwise(elements)):
        if left.shape == right.shape and left.rank == 2:
            merged = (*elements[:place], multiply(left, right), *elements[place + 2 :])
            scalar = chain.scalar if chain is not None else number(1)
            result = multiply(scalar, product_of_chain(merged, term))
            said = f"{told(left)} and {told(right)} {words}"
            yield Edit(result, "elementwise_instead_of_matrix_product", said)


def _other_axis(product: Contract) -> Iterator[Edit]:
    """A sum along the other axis: of the factors at the summed label, each with the same outer one."""
    outer = [group[0] for group in product.output if len(group) == 1]
    for summed in set(range(len(product.dims))) - set(outer):
        inside = [factor for factor in product.factors if summed in factor.labels]
        kept = {label for factor in inside for label in factor.labels if label != summed}
        if len(kept) != 1 or any(len(factor.labels) != 2 for factor in inside):
            continue
        (row,) = kept
        for column in outer:
            if column != row and product.dims[column] == product.dims[summed]:
                yield Edit(_along(product, inside, row, summed, column), "wrong_axis", "a sum is along the wrong axis")


def _along(product: Contract, inside: Sequence[Factor], row: int, summed: int, column: int) -> Node:
    """The factors moved from the labels (row, summed) to (new, column), the new label summed over."""
    new = len(product.dims)
    names = {row: new, summed: column}
    moved = [f.relabelled(names) if f in inside else f for f in product.factors]
    dims = {**{label: dim for label, dim in enumerate(product.dims) if label != summed}, new: product.dims[row]}
    return contract(product.coefficient, moved, product.output, dims)


def _without_two(product: Contract) -> Iterator[Edit]:
    """The product without two of its factors, whose axes the others carry."""
    for a, b in combinations(range(len(product.factors)), 2):
        rest = product.beside(a, b)
        carried = labels_of(rest).union(*product.output)
        removed = [product.factors[a], product.factors[b]]
        if all(carried.issuperset(factor.labels) for factor in removed):
            words = f"the factors {' and '.join(told(factor.node) for factor in removed)} are missing"
            yield Edit(with_factors(product, rest), "missing_chain_factor", words)


def _is_inner(product: Contract, label: int) -> bool:
    """Whether only vectors carry a label: then the sum over it is an inner product."""
    return all(factor.node.rank == 1 for factor in product.factors if label in factor.labels)
