"""An identity to be solved: unknown tensors, given ones, and the equations between them."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping, Set
from fractions import Fraction
from functools import cached_property, lru_cache

from gradwright.core.build import adjoint, identity, is_identity, matmul, multiply, number
from gradwright.core.canonical import as_product
from gradwright.core.contraction import is_zero
from gradwright.core.dims import Dim
from gradwright.core.facts import NO_FACTS
from gradwright.core.nodes import Add, Apply, Contract, Direction, Node, Symbol
from gradwright.core.primitive import Primitive
from gradwright.core.spaces import Space
from gradwright.core.sums import add, subtract, terms_of, value_key
from gradwright.core.templates import formals, gauge_equations, identities
from gradwright.core.walks import free_leaves, postorder, transform
from gradwright.diff.differential import differential
from gradwright.diff.identities.diagonals import merge_diagonals
from gradwright.diff.identities.frames import is_orthonormal
from gradwright.frozen import frozen, replace
from gradwright.linear.chains import chain_of, product_of_chain
from gradwright.linear.forms import push
from gradwright.prims.inv import inv
from gradwright.prims.power import raise_to
from gradwright.simplify.expansion import expand
from gradwright.simplify.pipeline import simplify
from gradwright.simplify.relations import Relation, is_plain, shortening

STACK = Dim.of("directions …")


@frozen
class Equation:
    """`left = right`, as it was written."""

    left: Node
    right: Node


@frozen
class Problem:
    """Unknowns that satisfy equations, in the formal names of a primitive.

    Attributes:
        name: the function's name.
        unknowns: opaque symbols, with the facts of the sets in which they live.
        unknown_directions: their differentials, which are asked for.
        givens: the inputs.
        given_directions: their differentials.
        equations: what holds between them.
        dims: the dimension names.
        gauge: equations in the directions that fix what the identity leaves free.
    """

    name: str
    unknowns: tuple[Symbol, ...]
    unknown_directions: tuple[Direction, ...]
    givens: tuple[Symbol, ...]
    given_directions: tuple[Direction, ...]
    equations: tuple[Equation, ...]
    dims: Mapping[str, Dim]
    gauge: tuple[Equation, ...] = ()

    @property
    def directions(self) -> dict[Node, Node]:
        """The direction of every symbol."""
        unknown = zip(self.unknowns, self.unknown_directions, strict=True)
        given = zip(self.givens, self.given_directions, strict=True)
        return {**dict(unknown), **dict(given)}

    @cached_property
    def without_gauge(self) -> Problem:
        """The identity alone."""
        return replace(self, gauge=()) if self.gauge else self

    @cached_property
    def gaps(self) -> tuple[Node, ...]:
        """Left minus right of each equation, and of the orthonormality of the unknowns."""
        equations = [*self.equations]
        equations += [orthonormality(u) for u in self.unknowns if is_orthonormal(u)]
        return tuple(subtract(e.left, e.right) for e in equations)

    @cached_property
    def terms(self) -> tuple[tuple[Node, ...], ...]:
        """The terms of both sides of each equation, products of sums multiplied out: what may cancel in it."""
        sides = [[expand(side, lambda _: True) for side in (e.left, e.right)] for e in self.equations]
        return tuple((*terms_of(left), *terms_of(right)) for left, right in sides)

    @cached_property
    def forms(self) -> tuple[Node, ...]:
        """The gaps differentiated, and what fixes the gauge: linear in the directions."""
        fixing = [subtract(e.left, e.right) for e in self.gauge]
        return (*(differential(gap, self.directions) for gap in self.gaps), *fixing)

    @cached_property
    def duals(self) -> dict[Node, Node]:
        """Of some unknowns V a matrix Z with `Zᴴ V = I`, as an equation says."""
        found: dict[Node, Node] = {}
        for equation in self.equations:
            for side, other in ((equation.left, equation.right), (equation.right, equation.left)):
                chain = chain_of(side) if side.rank == 2 and is_identity(other) else None
                if chain is not None and not chain.scalar.rank and len(chain.elements) > 1:
                    *before, last = chain.elements
                    if last in self.unknowns and last not in found:
                        found[last] = adjoint(multiply(chain.scalar, product_of_chain(before, before[0])))
        return found

    @cached_property
    def stacked_forms(self) -> tuple[tuple[Symbol, tuple[Node, ...]], ...]:
        """For each unknown a stack of directions of it, along a last axis, and the forms of all of these at once."""
        found: list[tuple[Symbol, tuple[Node, ...]]] = []
        for unknown, direction in zip(self.unknowns, self.unknown_directions, strict=True):
            facts = NO_FACTS if unknown.real else frozenset({"complex"})
            stack = Symbol(f"{direction.name} …", (*unknown.shape, STACK), facts)
            found.append((stack, tuple(push(form, {direction: stack}, (STACK,)) for form in self.forms)))
        return tuple(found)

    @cached_property
    def real_equations(self) -> tuple[bool, ...]:
        """Of each form, whether it is an equation between real numbers."""
        return (*(gap.real for gap in self.gaps), *(form.real for form in self.forms[len(self.gaps) :]))

    @cached_property
    def squares(self) -> tuple[Equation, ...]:
        """Of norms, and of their squares, what the equations say as products: `vᴴ v = 1`."""
        lengths = [e for e in self.equations if not e.left.rank and isinstance(e.left, Apply)]
        powers = [
            Equation(*(simplify(raise_to(side, Fraction(k))) for side in (e.left, e.right)))
            for e in lengths
            for k in (1, 2)
        ]
        return tuple(e for e in powers if isinstance(e.left, Contract))

    @cached_property
    def _sums(self) -> dict[Hashable, Node]:
        """What the equations say that a sum is, by its terms: 1 for `c² + s²`."""
        pairs = [pair for e in self.equations for pair in ((e.left, e.right), (e.right, e.left))]
        symbols = {*self.unknowns, *self.givens}
        told = [(simplify(side), other) for side, other in pairs if other in symbols or _is_number(other, symbols)]
        return {_terms_key(side): other for side, other in told if isinstance(side, Add)}

    def with_stated_sums(self, node: Node) -> Node:
        """The same with a sum that one of the equations has put as what it says that it is."""

        def stated(inner: Node) -> Node:
            return self._sums.get(_terms_key(inner), inner) if isinstance(inner, Add) else inner

        return simplify(transform(simplify(node), stated)) if self._sums else node

    def relations(self, besides: Collection[Equation] = ()) -> tuple[Relation, ...]:
        """The equations, except some, as far as they shorten a product, also one with an inverse."""
        kept = [Equation(merge_diagonals(e.left), merge_diagonals(e.right)) for e in self.equations if e not in besides]
        kept += () if besides else self.squares
        return tuple(r for e in kept for r in (*shortening(e.left, e.right), *self._quotients(e)))

    def _as_written(self, total: Node) -> Node:
        """The sum with its terms as they stand in the equations, if it occurs there."""
        sides = (side for e in self.equations for side in (e.left, e.right))
        sums = (node for node in postorder(*sides) if isinstance(node, Add) and node.shape == total.shape)
        return next((node for node in sums if _terms_key(node) == _terms_key(total)), total)

    def _quotients(self, equation: Equation) -> Iterator[Relation]:
        """`M⁻¹ N = K` and `Nᴴ M⁻ᴴ = Kᴴ` for an equation `M K = N`, and the like for `K M = N`."""
        for side, other in ((equation.left, equation.right), (equation.right, equation.left)):
            chain = chain_of(side) if side.rank == 2 and not is_zero(other) else None
            if chain is None or len(chain.elements) != 2 or chain.scalar != number(1):
                continue
            first, last = chain.elements
            for value, matrix, is_behind in ((last, first, False), (first, last, True)):
                if value not in self.unknowns or matrix.shape[0] != matrix.shape[1]:
                    continue
                inverse = simplify(Apply(inv, (), (matrix,)))
                mirrored = self._as_written(add(simplify(adjoint(term)) for term in terms_of(other)))
                before, behind = (other, inverse) if is_behind else (inverse, other)
                yield from _product_is(before, behind, value)
                before, behind = (adjoint(inverse), mirrored) if is_behind else (mirrored, adjoint(inverse))
                yield from _product_is(before, behind, adjoint(value))


def _is_number(side: Node, symbols: Set[Node]) -> bool:
    return not is_zero(side) and symbols.isdisjoint(free_leaves(side))


def _terms_key(total: Node) -> Hashable:
    return frozenset(map(value_key, terms_of(total)))


def _product_is(left: Node, right: Node, value: Node) -> Iterator[Relation]:
    pattern = as_product(simplify(matmul(left, right)))
    if len(pattern.factors) > 1 and is_plain(pattern):
        yield Relation(pattern, value)


@frozen
class RuleStep:
    """One step from the identity to the differential.

    Attributes:
        rule: the name of the rule.
        left, right: the equation that it leads to.
        reason: what was done, in words.
    """

    rule: str
    left: Node
    right: Node
    reason: str


@frozen
class Solution:
    """The differentials of all unknowns, and how they were found.

    Attributes:
        differentials: one for each unknown, linear in the givens' directions.
        steps: the derivation.
        pivots: matrices that have to be invertible, in formal names, as far as no inverse of them is written.
        general: whether no rule gave a closed form, so that a general linear system is solved.
        frames: the frames' words, and each of their unknowns with its name and its definition by the
            output and its direction.
        solved: each unknown of a frame with its value, possibly in terms of others that come later.
    """

    differentials: tuple[Node, ...]
    steps: tuple[RuleStep, ...]
    pivots: tuple[Node, ...]
    general: bool = False
    frames: tuple[FrameUse, ...] = ()
    solved: tuple[tuple[Node, Node], ...] = ()


@frozen
class FrameUse:
    """A frame that a solution used.

    Attributes:
        direction: the unknown's direction.
        value: the direction written in the frame.
        parts: the frame's unknowns: hole, name, where it lives, and the expression that recovers it.
    """

    direction: Node
    value: Node
    parts: tuple[FramePart, ...]


@frozen
class FramePart:
    """An unknown of a frame; for what is orthogonal to the Z of an equation `Zᴴ V = I`, by V's name."""

    hole: Node
    name: str
    space: Space
    recovered: Node
    by_equation: str = ""


@lru_cache(maxsize=4096)
def problem_of(primitive: Primitive) -> Problem:
    """The problem that a primitive's identity states."""
    formal = formals(primitive)
    equations = tuple(Equation(left, right) for left, right in identities(primitive))
    return Problem(
        primitive.name,
        formal.outputs,
        formal.output_directions,
        formal.inputs,
        formal.input_directions,
        equations,
        formal.dims,
        tuple(Equation(left, right) for left, right in gauge_equations(primitive)),
    )


def orthonormality(unknown: Node) -> Equation:
    """`Qᴴ Q = I`."""
    return Equation(matmul(adjoint(unknown), unknown), identity(unknown.shape[1]))
