"""The numbers and scalars in front of a tensor: what a linear function of it has in front, too."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from math import prod

from gradwright.core.build import as_number
from gradwright.core.contraction import ONE, contract, scale, split_coefficient, with_factors
from gradwright.core.nodes import Add, Contract, Node, labels_of
from gradwright.core.sums import add, scaled, terms_of
from gradwright.core.walks import postorder


def scalars_of(argument: Node) -> tuple[Node, Node]:
    """The number and the real scalars in front of a tensor, and the rest; of a sum, what its terms share of them."""
    if isinstance(argument, Add):
        return _shared_scalars(argument)
    if not isinstance(argument, Contract):
        return contract(ONE, (), (), {}), argument
    number, argument = _split(argument)
    if not isinstance(argument, Contract):
        return contract(number, (), (), {}), argument
    reached = set(argument.free_labels)
    reached |= {label for f in argument.factors if not f.node.real for label in f.labels}
    for _ in argument.factors:
        reached |= {label for f in argument.factors if reached.intersection(f.labels) for label in f.labels}
    outside = [f for f in argument.factors if f.node.real and reached.isdisjoint(f.labels)]
    inside = [f for f in argument.factors if f not in outside]
    loose = labels_of(outside)
    dims = dict(enumerate(argument.dims))
    own = contract(number, outside, (), {label: dims[label] for label in loose})
    return own, contract(1, inside, argument.output, {label: dim for label, dim in dims.items() if label not in loose})


def _shared_scalars(node: Add) -> tuple[Node, Node]:
    number, total = shared_number(node)
    split = [scalars_of(term) for term in terms_of(total)]
    scalars = {split_coefficient(scalar)[1] for scalar, _ in split}
    if len(scalars) > 1 or as_number(shared := scalars.pop()) is not None:
        return contract(number, (), (), {}), total
    return scale(number, shared), add(scaled(split_coefficient(scalar)[0], rest) for scalar, rest in split)


def shared_number(node: Node) -> tuple[Fraction, Node]:
    """The rational number in front of a term, or of all terms of a sum, and the rest; of sums within products, too."""
    # From the inside out, so that the sums that stand in one another are each looked at once, and no stack grows.
    for inner in postorder(node, children=_sums_within):
        _shared_number(inner)
    return _shared_number(node)


def _sums_within(node: Node) -> tuple[Node, ...]:
    """The sums in the products that a node is, or is a sum of."""
    factors = [f.node for term in terms_of(node) if isinstance(term, Contract) for f in term.factors]
    return tuple(factor for factor in factors if isinstance(factor, Add))


@lru_cache(maxsize=4096)
def _shared_number(node: Node) -> tuple[Fraction, Node]:
    split = [_split(term) for term in terms_of(node)]
    numbers = [number for number, _ in split]
    if not isinstance(node, Add):
        return split[0]
    if len(set(map(abs, numbers))) > 1:
        return ONE, node
    number = abs(numbers[0]) if max(numbers) > 0 else numbers[0]
    return number, add([scaled(own / number, rest) for own, rest in split])


def _split(term: Node) -> tuple[Fraction, Node]:
    """`P (½ A + ½ B)` as ½ and `P (A + B)`."""
    if not isinstance(term, Contract):
        return ONE, term
    shared = [_shared_number(f.node) if isinstance(f.node, Add) else (ONE, f.node) for f in term.factors]
    factors = [f.with_node(node) for f, (_, node) in zip(term.factors, shared, strict=True)]
    number = prod((own for own, _ in shared), start=term.coefficient)
    return number, with_factors(term, factors, 1)
