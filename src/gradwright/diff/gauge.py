"""Whether what is differentiated depends on phases that the inputs do not determine.

Complex factors such as eigenvectors are unique up to phases: `V` and `V exp(iθ)`, θ diagonal, serve alike. The
records state the direction in which that moves the outputs, `dV = V K` with K diagonal and imaginary; the rate at
which `Re⟨G, Y⟩` changes along it is the imaginary part of the diagonal of what arrives at K: `Im diag(Vᴴ Ḡ)` for
the cotangent Ḡ that arrives at V. If it is not zero, the value and its derivative are a matter of choice. (The
factors of QR are no matter of choice: their phases are those that make the diagonal of R real.)
"""

from __future__ import annotations

from dataclasses import dataclass

from gradwright.core.contraction import is_zero, zero
from gradwright.core.nodes import Apply, Direction, Node, Symbol
from gradwright.core.sums import add
from gradwright.core.templates import formals, instantiate, phase_moves
from gradwright.core.walks import postorder, substitute
from gradwright.diff.differential import differential, direction
from gradwright.diff.spectral import recognise_spectral
from gradwright.linear.forms import transpose
from gradwright.simplify.pipeline import simplify, simplify_all


@dataclass(frozen=True)
class PhaseTest:
    """What tells whether cotangents depend on the phases of one factorisation.

    Attributes:
        words: the factorisation, and the freedom that it has.
        arrived: the matrix whose diagonal has the rates of change as its imaginary part.
        cotangents: what arrives at the outputs that move, by which the rates are measured.
        outputs: these outputs.
    """

    words: str
    arrived: Node
    cotangents: tuple[Node, ...]
    outputs: tuple[Node, ...]

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All that has to be evaluated."""
        return (self.arrived, *self.cotangents, *self.outputs)


def phase_tests(roots: tuple[Node, ...], cotangents: tuple[Node, ...]) -> tuple[PhaseTest, ...]:
    """A test for each factorisation in some expressions that has free phases and complex outputs.

    Args:
        roots: what is differentiated.
        cotangents: a cotangent for each.
    """
    found: dict[Node, PhaseTest] = {}
    smooth = tuple(map(recognise_spectral, roots))  # in which no phases cancel in `V f(Λ) Vᴴ`
    for node in postorder(*smooth):
        if isinstance(node, Apply) and node.primitive.phases is not None:
            first = Apply(node.primitive, node.parameters, node.arguments, 0)
            test = None if first in found else _test(first, smooth, cotangents)
            if test is not None:
                found[first] = test
    return tuple(found.values())


def _test(first: Apply, roots: tuple[Node, ...], cotangents: tuple[Node, ...]) -> PhaseTest | None:
    generator, moves = _moves(first)
    if not moves:
        return None
    arriving = _arriving(tuple(moves), roots, cotangents)
    if all(map(is_zero, arriving.values())):
        return None
    arrived = add([transpose(move, arriving[node], [generator])[generator] for node, move in moves.items()])
    arrived, *reached = simplify_all((arrived, *arriving.values()))
    words = f"{first.primitive.name} is unique up to {first.primitive.gauge}"
    return PhaseTest(words, arrived, tuple(reached), tuple(moves))


def _arriving(outputs: tuple[Node, ...], roots: tuple[Node, ...], cotangents: tuple[Node, ...]) -> dict[Node, Node]:
    """The cotangents that arrive at outputs of a factorisation, which are taken as variables of their own."""
    variables = {node: Symbol(f"__output_{k}", node.shape, frozenset({"complex"})) for k, node in enumerate(outputs)}
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


def _moves(first: Apply) -> tuple[Direction, dict[Node, Node]]:
    """The phases of one factorisation, and the directions of its complex outputs."""
    stated = phase_moves(first.primitive)
    assert stated is not None
    formal = formals(first.primitive)
    batch, dims = first.primitive.bind(tuple(argument.shape for argument in first.arguments))
    shape = tuple(dim.substitute(dims) for dim in stated[0].shape)
    generator = Direction(stated[0].of, shape, stated[0].facts)
    outputs = [Apply(first.primitive, first.parameters, first.arguments, k) for k in range(len(formal.outputs))]
    leaves: dict[Node, Node] = {stated[0]: generator, **dict(zip(formal.outputs, outputs, strict=True))}
    return generator, {
        output: instantiate(move, leaves, dims, batch)
        for output, move in zip(outputs, stated[1], strict=True)
        if move is not None and not output.real
    }
