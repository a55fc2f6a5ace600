"""What is known while the linear equations of an identity are being solved."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from gradwright.core.build import adjoint, identity, is_identity, matmul, transpose
from gradwright.core.contraction import zero
from gradwright.core.inference import facts_of
from gradwright.core.nodes import Apply, Hole, Node, Symbol
from gradwright.core.spaces import Space
from gradwright.core.sums import add, subtract, terms_of
from gradwright.core.walks import substitute
from gradwright.diff.identities.frames import HoleSpec
from gradwright.diff.identities.problem import RuleStep
from gradwright.diff.identities.terms import LinearEquation, Term, expand_unknowns, holes_in, orient, read_terms, tidy
from gradwright.frozen import frozen, replace
from gradwright.prims.inv import inv
from gradwright.simplify.pipeline import simplify
from gradwright.simplify.relations import Relation, collapse

Rules = Callable[["State"], "State"]
"""All the rules, tried until none applies: for those that make a smaller problem of their own."""


@frozen
class State:
    """Equations still to be solved, and the unknowns already solved for.

    Attributes:
        equations: what remains.
        solved: for a hole its value, possibly in terms of holes solved later.
        specs: every hole with its space.
        unknowns: the opaque symbols.
        relations: the identities as rewriting rules.
        statements: the identities, both ways round.
        steps: how it went so far.
        pivots: matrices whose inverse is an unknown, and which the solution therefore does not show inverted.
        relaxed: whether more is tried, which is right only if it agrees with the equations at a point: a symmetric
            unknown is looked for among all matrices, and a matrix taken off by its adjoint.
    """

    equations: tuple[LinearEquation, ...]
    specs: Mapping[Hole, HoleSpec]
    unknowns: tuple[Symbol, ...]
    relations: tuple[Relation, ...]
    statements: tuple[tuple[Node, Node], ...] = ()
    solved: tuple[tuple[Hole, Node], ...] = ()
    steps: tuple[RuleStep, ...] = ()
    pivots: tuple[Node, ...] = ()
    relaxed: bool = False

    @property
    def open_holes(self) -> tuple[Hole, ...]:
        """The unknowns that are not solved for, in order."""
        done = {hole for hole, _ in self.solved}
        return tuple(hole for hole in self.specs if hole not in done)

    @property
    def is_solved(self) -> bool:
        """Whether every unknown is found, and no equation is left over."""
        return not self.open_holes and not self.equations

    @property
    def values(self) -> dict[Node, Node]:
        """What every unknown is, those that are solved for later put in."""
        values: dict[Node, Node] = {}
        for hole, value in reversed(self.solved):
            values[hole] = substitute(value, values)
        return values

    def apart(self, equations: Iterable[LinearEquation], specs: Iterable[HoleSpec]) -> State:
        """Equations of their own, with the same identities."""
        own = {spec.hole: spec for spec in specs}
        tidied = tuple(tidy(equation, self.relations) for equation in equations)
        return replace(self, equations=tidied, specs=own, solved=(), steps=(), pivots=())

    def terms(self, equation: LinearEquation) -> list[Term] | None:
        """The terms of an equation as chains, each unknown the right way round."""
        found = read_terms(equation.form)
        return None if found is None else [orient(t, self.specs[t.hole].space) for t in found]

    def fits(self, hole: Hole, equation: LinearEquation) -> bool:
        """Whether an equation is as large as its unknown: from `H = C` follows H, and nothing else."""
        space = self.specs[hole].space
        return space is equation.space or (self.relaxed and equation.space is Space.FREE and bool(space.mirror_sign))

    def tidied(self) -> State:
        """The same with its equations brought to their normal form anew."""
        return replace(self, equations=tuple(tidy(equation, self.relations) for equation in self.equations))

    def replace_equation(self, place: int, *new: LinearEquation) -> State:
        """Put equations in the place of one."""
        rest = (*self.equations[:place], *new, *self.equations[place + 1 :])
        return replace(self, equations=rest)

    def with_solution(self, hole: Hole, value: Node, place: int | None = None) -> State:
        """Record the value of an unknown, drop the equation it came from, and substitute."""
        kept = [e for p, e in enumerate(self.equations) if p != place]
        updated = tuple(self._substituted(e, hole, value) for e in kept)
        return replace(self, equations=updated, solved=(*self.solved, (hole, value)))

    def with_step(self, rule: str, left: Node, right: Node, reason: str) -> State:
        """Record a step."""
        return replace(self, steps=(*self.steps, RuleStep(rule, left, right, reason)))

    def with_pivots(self, pivots: Iterable[Node]) -> State:
        """Record matrices that a step needs to be invertible, and that have no inverse of their own in its result."""
        return replace(self, pivots=tuple(dict.fromkeys((*self.pivots, *pivots))))

    def _substituted(self, equation: LinearEquation, hole: Hole, value: Node) -> LinearEquation:
        if hole not in holes_in(equation.form):
            return equation
        form = substitute(equation.form, {hole: value})
        return tidy(separated(form, equation), self.relations)


def separated(form: Node, equation: LinearEquation) -> LinearEquation:
    """Bring the terms without an unknown to the right side."""
    terms = terms_of(expand_unknowns(form))
    known = [term for term in terms if not holes_in(term)]
    unknown = [term for term in terms if holes_in(term)]
    right = subtract(equation.right, add(known)) if known else equation.right
    rest = add(unknown) if unknown else zero(form.shape)
    return replace(equation, form=rest, right=right)


def inverse_of(matrix: Node, state: State) -> Node:
    """The inverse of a square matrix: an unknown that the identities say it is, or `inv` of it."""
    matrix = collapse(matrix, state.relations)
    if is_identity(matrix):
        return matrix
    known = _known_inverse(matrix, state)
    if known is not None:
        return known
    return simplify(Apply(inv, (), (matrix,)))


def hidden_pivots(matrices: Iterable[Node], state: State) -> list[Node]:
    """Those of some square matrices whose inverse is an unknown, so that their own inverse is nowhere written."""
    square = [m for m in matrices if m.is_square and m != identity(m.shape[0])]
    pivots = [m for m in square if "invertible" not in facts_of(m) and _known_inverse(m, state) is not None]
    return [transpose(m) if isinstance(transpose(m), Symbol) else m for m in pivots]


def is_known_invertible(matrix: Node, state: State) -> bool:
    """Whether a matrix has an inverse by its facts, or by the identities."""
    return matrix.is_square and ("invertible" in facts_of(matrix) or _known_inverse(matrix, state) is not None)


def _known_inverse(matrix: Node, state: State) -> Node | None:
    for unknown in state.unknowns:
        if unknown.rank != 2:
            continue
        for candidate in (unknown, adjoint(unknown), *_transposes(unknown)):
            if candidate.shape != matrix.shape:
                continue
            product = collapse(simplify(matmul(candidate, matrix)), state.relations)
            if is_identity(product):
                return candidate
    return None


def _transposes(node: Node) -> tuple[Node, ...]:
    return () if node.real else (transpose(node),)
