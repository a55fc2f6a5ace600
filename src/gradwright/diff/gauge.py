"""Whether what is differentiated depends on a choice that the inputs do not determine.

Complex factors such as eigenvectors are unique up to phases: `V` and `V exp(iθ)`, θ diagonal, serve alike. What
completes an orthonormal basis is unique up to a rotation. The records state the direction in which that moves the
outputs, `dV = V K` with K diagonal and imaginary, or skew; the rates at which `Re⟨G, Y⟩` changes along it are the
skew part of what arrives at K: `Vᴴ Ḡ` for the cotangent Ḡ that arrives at V. If they are not zero, the value and its
derivative are a matter of choice. (The factors of QR are no matter of choice: their phases are those that make the
diagonal of R real.) Of a function whose gauge a user fixes, the free directions are the null space of its identity.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from gradwright.core.arithmetic import Array, largest
from gradwright.core.contraction import is_zero, zero
from gradwright.core.dims import substituted
from gradwright.core.nodes import Apply, Direction, Node, Symbol, field_of
from gradwright.core.primitive import Primitive
from gradwright.core.sums import add
from gradwright.core.templates import formals, free_moves, instantiate
from gradwright.core.walks import applications, postorder, substitute
from gradwright.diff.differential import differential, direction
from gradwright.diff.identities.linearised import rate_along_free_directions
from gradwright.diff.identities.problem import problem_of
from gradwright.diff.spectral_recognition import recognise_spectral
from gradwright.linear.forms import transpose
from gradwright.simplify.pipeline import simplify, simplify_all

DEPENDENT = 1e-8  # rates of change, relative to what they are made of, that are no rounding errors


@dataclass(frozen=True)
class GaugeTest:
    """What tells whether cotangents depend on the freedom of one factorisation.

    Attributes:
        words: the factorisation, and the freedom that it has.
        cotangents: what arrives at the outputs that move, by which the rates are measured.
        outputs: these outputs.
        measure: the largest rate of change, from the values of `needed` in order and the sizes of the dimensions.
        needed: what the measure is taken of.
    """

    words: str
    cotangents: tuple[Node, ...]
    outputs: tuple[Node, ...]
    measure: Callable[[Sequence[Array], Mapping[str, int]], float] = field(compare=False)
    needed: tuple[Node, ...]

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All that has to be evaluated."""
        return (*self.needed, *self.cotangents, *self.outputs)

    def rate(self, values: Mapping[Node, Array], sizes: Mapping[str, int]) -> float:
        """The largest rate at which what is differentiated changes along the freedom; 0 if it is a rounding error."""
        found = self.measure([values[n] for n in self.needed], sizes)
        pairs = zip(self.cotangents, self.outputs, strict=True)
        scale = sum(largest(values[g]) * largest(values[y]) for g, y in pairs)
        return found if found > DEPENDENT * scale else 0.0

    def remark(self, rate: float) -> str:
        """What depends on the choice, and by how much."""
        return (
            f"the cotangent depends on a choice: {self.words}, and along this freedom what is differentiated changes "
            f"at a rate of up to {rate:.1e}; the derivative stands still along it"
        )


def has_free_factors(*roots: Node) -> bool:
    """Whether a factor is taken that is unique up to signs or phases only, which libraries choose differently."""
    return any(node.primitive.gauge and node.rank > 1 for node in applications(*roots))


def gauge_tests(roots: tuple[Node, ...], cotangents: tuple[Node, ...]) -> tuple[GaugeTest, ...]:
    """A test for each factorisation in some expressions that has a continuous freedom.

    Args:
        roots: what is differentiated.
        cotangents: a cotangent for each.
    """
    found: dict[Node, GaugeTest] = {}
    smooth = tuple(map(recognise_spectral, roots))  # in which no phases cancel in `V f(Λ) Vᴴ`
    for node in postorder(*smooth):
        if isinstance(node, Apply) and (node.primitive.freedom is not None or node.primitive.gauge_fixing):
            first = node.outputs[0]
            test = None if first in found else _test(first, smooth, cotangents)
            if test is not None:
                found[first] = test
    return tuple(found.values())


def _test(first: Apply, roots: tuple[Node, ...], cotangents: tuple[Node, ...]) -> GaugeTest | None:
    stated = first.primitive.freedom is not None
    moves: dict[Node, Node | None] = _moves(first) if stated else {output: None for output in first.outputs}
    if not moves:
        return None
    arriving = _arriving(tuple(moves), roots, cotangents)
    if all(map(is_zero, arriving.values())):
        return None
    words = f"{first.primitive.name} is unique up to {first.primitive.gauge}"
    return _along_generator(first, moves, arriving, words) if stated else _along_free_directions(first, arriving, words)


def _along_generator(
    first: Apply, moves: Mapping[Node, Node | None], arriving: Mapping[Node, Node], words: str
) -> GaugeTest:
    generator = _generator(first)
    pairs = [(move, arriving[node]) for node, move in moves.items() if move is not None]
    parts = [transpose(move, cotangent, [generator])[generator] for move, cotangent in pairs]
    arrived, *reached = simplify_all((add(parts), *arriving.values()))
    assert first.primitive.freedom is not None
    measure = partial(_largest_rate, first.primitive.freedom.rotation)
    return GaugeTest(words, tuple(reached), tuple(moves), measure, (arrived,))


def _largest_rate(rotation: bool, values: Sequence[Array], sizes: Mapping[str, int]) -> float:
    """The largest derivative by a phase, or by the angle of a rotation in the plane of two columns."""
    (arrived,) = values
    rates = np.abs(arrived - arrived.conj().T) * (1 - np.eye(len(arrived)) / 2)
    return float(np.max(rates if rotation else np.diagonal(rates), initial=0.0))


def _along_free_directions(first: Apply, arriving: Mapping[Node, Node], words: str) -> GaugeTest:
    """The test of a function that states an equation which fixes its gauge: the rest is found in numbers."""
    outputs, reached = tuple(arriving), simplify_all(tuple(arriving.values()))
    measure = partial(_free_rate, first.primitive)
    return GaugeTest(words, reached, outputs, measure, (*reached, *outputs, *first.arguments))


def _free_rate(primitive: Primitive, values: Sequence[Array], sizes: Mapping[str, int]) -> float:
    """The largest derivative along the null space of an identity, from cotangents, outputs and arguments."""
    problem = problem_of(primitive)
    count, symbols = len(problem.unknowns), (*problem.unknowns, *problem.givens)
    point: dict[Node, Array] = dict(zip(symbols, values[count:], strict=True))
    own = {n: s for symbol in symbols for n, s in zip(map(str, symbol.shape), point[symbol].shape, strict=True)}
    return rate_along_free_directions(problem.without_gauge, point, {**sizes, **own}, values[:count])


def _arriving(outputs: tuple[Node, ...], roots: tuple[Node, ...], cotangents: tuple[Node, ...]) -> dict[Node, Node]:
    """The cotangents that arrive at outputs of a factorisation, which are taken as variables of their own."""
    variables = {node: Symbol(f"__output_{k}", node.shape, field_of(node)) for k, node in enumerate(outputs)}
    moved = {variable: direction(variable) for variable in variables.values()}
    directions: dict[Node, Node] = dict(moved.items())
    parts: dict[Node, list[Node]] = {node: [zero(node.shape)] for node in outputs}
    for root, cotangent in zip(roots, cotangents, strict=True):
        freed = substitute(root, dict(variables))
        totals = transpose(simplify(differential(freed, directions)), cotangent, moved.values())
        for node, variable in variables.items():
            parts[node].append(totals[moved[variable]])
    values: dict[Node, Node] = {variable: node for node, variable in variables.items()}
    return {node: substitute(add(terms), values) for node, terms in parts.items()}


def _generator(first: Apply) -> Direction:
    """The generator of the freedom of one factorisation."""
    stated = free_moves(first.primitive)
    assert stated is not None
    _, dims = first.bound
    shape = substituted(stated[0].shape, dims)
    return Direction(stated[0].of, shape, stated[0].facts)


def _moves(first: Apply) -> dict[Node, Node | None]:
    """The directions along the freedom of the outputs that have it: of phases only those that are complex."""
    stated, freedom = free_moves(first.primitive), first.primitive.freedom
    assert stated is not None and freedom is not None
    formal = formals(first.primitive)
    batch, dims = first.bound
    leaves: dict[Node, Node] = {stated[0]: _generator(first), **dict(zip(formal.outputs, first.outputs, strict=True))}
    return {
        output: instantiate(move, leaves, dims, batch)
        for output, move in zip(first.outputs, stated[1], strict=True)
        if move is not None and (freedom.rotation or not output.real)
    }
