"""What a comparison implies for what it multiplies, or for a branch that is chosen by it.

In `[x > 0] ∘ log(x)` the logarithm is asked for positive entries alone, as in what `x ≤ 0` leaves to the other branch,
and the root of `[x ≥ 1] ∘ √(x − 1)` for no negative ones. The variable is put at its distance from the bound, of which
the sign is known, in the entries that the comparison is about: in sums, products and functions of entries, and of a
scalar everywhere.
"""

from __future__ import annotations

from gradwright.core.build import transpose
from gradwright.core.contraction import simple, with_factors
from gradwright.core.facts import closure
from gradwright.core.nodes import Add, Apply, Contract, Node, Symbol, is_apply
from gradwright.core.sums import add, scaled, subtract
from gradwright.core.walks import postorder, rebuild, substitute, transform_all
from gradwright.prims.piecewise import greater, greater_equal, opposite, where
from gradwright.simplify.branches import with_entries_together


class Guards:
    """What comparisons say of variables: where `x > c`, x is `c + p`, and where `c ≥ x`, x is `c − q`.

    Attributes:
        distances: what the variables p > 0 and q ≥ 0 stand for.
    """

    def __init__(self) -> None:
        self.distances: dict[Node, Node] = {}
        self._found: dict[Node, tuple[Node, Node] | None] = {}

    def within(self, roots: tuple[Node, ...]) -> tuple[Node, ...]:
        """The expressions with distances for variables, where a comparison guards them."""
        if not any(is_apply(node, greater, greater_equal) for node in postorder(*roots)):
            return roots
        return transform_all(roots, self._guarded)

    def _guarded(self, node: Node) -> Node:
        if is_apply(node, where):
            condition, chosen, other = node.arguments
            granted = self._granted(chosen, condition), self._granted(other, opposite(condition))
            return Apply(where, (), (condition, *granted))
        return self._beside_guards(with_entries_together(node)) if isinstance(node, Contract) else node

    def _beside_guards(self, product: Contract) -> Node:
        """The product with what each comparison grants the factors on its axes; of a scalar, all factors."""
        granted = list(product.factors)
        for guard in product.factors:
            beside = [f.node != guard.node and (f.groups == guard.groups or not guard.groups) for f in granted]
            granted = [
                f.with_node(self._granted(f.node, guard.node)) if near else f
                for f, near in zip(granted, beside, strict=True)
            ]
        return with_factors(product, granted)

    def _granted(self, node: Node, condition: Node | None) -> Node:
        """The node where a condition holds."""
        if condition is None or not is_apply(condition, greater, greater_equal):
            return node
        if condition not in self._found:
            self._found[condition] = self._known(condition)
        known = self._found[condition]
        return node if known is None else _put(node, *known)

    def _known(self, condition: Apply) -> tuple[Node, Node] | None:
        """A variable that is compared, and what it is where the comparison holds; None of other comparisons."""
        fact = "positive" if condition.primitive is greater else "nonnegative"
        larger, smaller = condition.arguments
        for sign, tensor, bound in ((1, larger, smaller), (-1, smaller, larger)):
            symbol = tensor if isinstance(tensor, Symbol) or tensor.rank != 2 else transpose(tensor)
            if isinstance(symbol, Symbol) and tensor.real:
                distance = Symbol(f"{symbol.name} {len(self.distances)}", symbol.shape, closure({fact}))
                stands_for = scaled(sign, subtract(tensor, bound))
                self.distances[distance] = stands_for if symbol == tensor else transpose(stands_for)
                return tensor, add([bound, scaled(sign, substitute(tensor, {symbol: distance}))])
        return None


def _put(node: Node, variable: Node, known: Node) -> Node:
    """The node with what is known of a variable, in the entries that stand where those of the node do."""
    return _entrywise(node, variable, known) if variable.rank else substitute(node, {variable: known})


def _entrywise(node: Node, variable: Node, known: Node) -> Node:
    if node == variable:
        return known
    if isinstance(node, Add):
        return add([_entrywise(term, variable, known) for term in node.terms])
    if isinstance(node, Contract) and node.output == simple(tuple(dict.fromkeys(node.free_labels))):
        aligned = [
            f.with_node(_entrywise(f.node, variable, known)) if f.groups == node.output else f for f in node.factors
        ]
        alone = len(aligned) == 1 and aligned[0].groups == node.output  # so that 1 − (1 − q) is q
        return scaled(node.coefficient, aligned[0].node) if alone else with_factors(node, aligned)
    if isinstance(node, Apply) and node.primitive.elementwise:
        return rebuild(node, tuple(_entrywise(child, variable, known) for child in node.children))
    return node
