"""Numbers multiplied into sums whose terms take them at no cost: `(x / a − b y) / c` is `x / (a c) − (b / c) y`.

A sum with a number in front is gone through once more for it. A term that has a number of its own, that is smaller than
the sum and repeated, or a product of smaller matrices, takes another with less work. What it would not be rounded for
otherwise, as the differences `x_i − x_j` of inputs, keeps a number outside, unless that is a power of two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

from gradwright.core.canonical import as_product
from gradwright.core.contraction import is_simple
from gradwright.core.nodes import Add, Contract, Direction, Factor, Node, Symbol
from gradwright.core.walks import postorder
from gradwright.optimise.association import scaled
from gradwright.optimise.common_factors import STRUCTURES
from gradwright.optimise.pairs import renumbered
from gradwright.optimise.paths import Sizes
from gradwright.optimise.rewriting import rewritten
from gradwright.optimise.roots import NO_HINTS, Hints, Roots

SMALLER = 4  # so many times smaller than a sum is what takes a number in place of it


def scale_terms(roots: Roots, hints: Hints = NO_HINTS) -> Roots:
    """Multiples of sums that are used only there as sums of multiples, where that is less work."""
    scaling = _Scaling(Sizes(hints, roots))
    uses = Counter([*roots, *(child for node in postorder(*roots) for child in node.children)])

    def step(node: Node, new: Node) -> Node:
        found = scaling.of(new) if isinstance(new, Contract) else new
        if uses[node] == 1:
            scaling.once.add(found)
        return found

    return rewritten(roots, step)


class _Scaling:
    """Sums multiplied by numbers.

    Attributes:
        once: the nodes that are used in one place.
    """

    def __init__(self, sizes: Sizes) -> None:
        self.once: set[Node] = set()
        self._sizes = sizes

    def of(self, node: Contract) -> Node:
        """A multiple of a sum as a sum of multiples, if every term takes the numbers."""
        scalars, tensors = _parted(node)
        if len(tensors) != 1 or tensors[0].groups != node.output or (abs(node.coefficient) == 1 and not scalars):
            return node
        whole = tensors[0].node
        if not isinstance(whole, Add) or whole not in self.once or tensors[0].conj or len(node.dims) != whole.rank:
            return node
        terms = [self._opened(as_product(term)) for term in whole.terms]
        exact = not scalars and _is_power_of_two(abs(node.coefficient))
        common = len({abs(term.coefficient) for term in terms}) == 1
        if not all(self._takes(term, exact, common) for term in terms) or (scalars and any(map(_is_gram, terms))):
            return node
        return Add(tuple(self._times(term, node.coefficient, scalars) for term in terms))

    def _opened(self, term: Contract) -> Contract:
        """A multiple of a product that is used only there as one product."""
        inner = term.factors[0].node if len(term.factors) == 1 else None
        if not isinstance(inner, Contract) or inner not in self.once or term.factors[0].conj:
            return term
        groups = term.factors[0].groups
        if sorted(groups) != sorted(term.output) or not is_simple(groups):
            return term
        output = tuple(inner.output[groups.index(group)] for group in term.output)
        return Contract(term.coefficient * inner.coefficient, inner.factors, inner.dims, output)

    def _takes(self, term: Contract, exact: bool, common: bool) -> bool:
        """Whether a term can be multiplied by a number with much less work than the sum.

        A number of its own, unless all terms have the same in common, takes another at no cost.
        """
        scalars, tensors = _parted(term)
        if (abs(term.coefficient) != 1 and not common) or scalars or not tensors:
            return True
        if any(isinstance(f.node, STRUCTURES) for f in tensors):
            return False
        least = min(self._sizes.entries(f.node.shape) for f in tensors)
        rounded = exact or len(tensors) > 1 or not isinstance(tensors[0].node, Symbol | Direction)
        return rounded and SMALLER * least <= self._sizes.entries(term.shape)

    def _times(self, term: Contract, coefficient: Fraction, scalars: Sequence[Factor]) -> Node:
        """A multiple of a term; numbers that vary go to the smallest factor of a product of matrices."""
        own, tensors = _parted(term)
        number, scalars = coefficient * term.coefficient, [*scalars, *own]
        entries = {place: self._sizes.entries(f.node.shape) for place, f in enumerate(tensors)}
        smaller = [
            place
            for place, count in entries.items()
            if count < self._sizes.entries(term.shape) and not isinstance(tensors[place].node, STRUCTURES)
        ]
        if scalars and smaller and len(tensors) > 1:
            place = min(smaller, key=lambda place: entries[place])
            tensors[place] = scaled(tensors[place], number, scalars, term.dims)
            number, scalars = Fraction(1), []
        return renumbered(number, [*scalars, *tensors], term.output, term.dims)


def _parted(node: Contract) -> tuple[list[Factor], list[Factor]]:
    """The scalars and the tensors of a product."""
    return [f for f in node.factors if not f.node.rank], [f for f in node.factors if f.node.rank]


def _is_gram(term: Contract) -> bool:
    """Whether a term is a matrix times its own transpose, which libraries compute in half of the time."""
    return len({f.node for f in term.factors if f.node.rank > 1}) < len([f for f in term.factors if f.node.rank > 1])


def _is_power_of_two(number: Fraction) -> bool:
    return all(part & (part - 1) == 0 for part in (number.numerator, number.denominator))
