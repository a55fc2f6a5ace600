"""Frames: the direction of an unknown written in a constant space.

The tangent space of a set of matrices moves with the point; written in the unknown's own frame it
stands still. `dD = diag(δ)` for a diagonal matrix; `dL = L Φ` with Φ lower triangular; `dQ = Q Ω + K` with Ω
skew and `Qᴴ K = 0`; `dV = V M + K` with `Zᴴ K = 0` for a V of which an equation says that `Zᴴ V = I`;
`dV = V M` with any M, or `dV = V (M + diag(m))` with M zero on the diagonal, where the columns turn into one
another and their lengths are fixed: m is real if their phases are free. The choices for every unknown are
tried in order, those without a frame first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count, product

from gradwright.core.build import adjoint, diag, diagonal, masked, matmul
from gradwright.core.nodes import Apply, Hole, Node, Symbol
from gradwright.core.spaces import Space, tangent_space
from gradwright.core.sums import add, subtract
from gradwright.frozen import frozen
from gradwright.prims.complex import real
from gradwright.prims.inv import inv


@frozen
class HoleSpec:
    """An unknown of the linear equations: a hole and the constant space in which it lives.

    `normal_to` is the matrix Q whose columns a complement K is orthogonal to; `part_of` says which half of another
    unknown this one is.
    """

    hole: Hole
    space: Space
    normal_to: Node | None = None
    name: str = ""
    part_of: Node | None = None


@frozen
class Frame:
    """One way to write the direction of an unknown.

    Attributes:
        unknown: the symbol.
        parts: the holes it introduces.
        direction: the unknown's direction in terms of them.
        kind: `direct`, `diagonal`, `right`, `left`, `stiefel`, `tall`, `columns` or `phases`.
    """

    unknown: Symbol
    parts: tuple[HoleSpec, ...]
    direction: Node
    kind: str = "direct"


DIRECT = ("direct", "diagonal")


def frame_choices(unknowns: tuple[Symbol, ...], duals: Mapping[Node, Node]) -> Iterator[tuple[Frame, ...]]:
    """Every combination of frames, those with fewer frames first.

    Args:
        unknowns: the symbols.
        duals: of some tall unknowns V a matrix Z such that `Zᴴ V = I`.
    """
    choices = [_kinds(unknown, unknown in duals) for unknown in unknowns]
    combinations = sorted(product(*choices), key=lambda kinds: sum(kind not in DIRECT for kind in kinds))
    for kinds in combinations:
        numbers = count()
        yield tuple(_build(u, kind, numbers, duals.get(u, u)) for u, kind in zip(unknowns, kinds, strict=True))


def direct_frames(unknowns: tuple[Symbol, ...]) -> tuple[Frame, ...]:
    """The directions themselves as holes."""
    numbers = count()
    return tuple(_build(unknown, _direct_kind(unknown), numbers, unknown) for unknown in unknowns)


def _direct_kind(unknown: Symbol) -> str:
    return "diagonal" if tangent_space(unknown.facts) is Space.DIAGONAL else "direct"


def is_orthonormal(unknown: Symbol) -> bool:
    """Whether the unknown's columns are orthonormal."""
    return "stiefel" in unknown.facts


def _kinds(unknown: Symbol, has_dual: bool) -> list[str]:
    if unknown.rank != 2:
        return ["direct"]
    square = unknown.shape[0] == unknown.shape[1]
    if is_orthonormal(unknown):
        return ["right", "left"] if square else ["stiefel"]
    space = tangent_space(unknown.facts)
    if space is Space.DIAGONAL:
        return ["diagonal"]
    if not square and has_dual:
        return ["direct", "tall"]
    if not square or space.mirror_sign:
        return ["direct"]
    if space is Space.FREE:
        return ["direct", "right", "left", "columns", *([] if unknown.real else ["phases"])]
    return ["direct", "right", "left"]


def _build(unknown: Symbol, kind: str, numbers: Iterator[int], dual: Node) -> Frame:
    if kind == "direct":
        hole = Hole(next(numbers), unknown.shape, unknown.real)
        spec = HoleSpec(hole, tangent_space(unknown.facts), name=f"d{unknown.name}")
        return Frame(unknown, (spec,), hole)
    if kind == "diagonal":
        entries = Hole(next(numbers), unknown.shape[:1], unknown.real)
        return Frame(unknown, (HoleSpec(entries, Space.FREE, name="δ"),), diag(entries), kind)
    if kind in ("columns", "phases"):
        return _column_frame(unknown, kind, numbers)
    order = unknown.shape[1]
    space, letter = _frame_space(unknown)
    inner = Hole(next(numbers), (order, order), unknown.real)
    spec = HoleSpec(inner, space, name=letter)
    if kind == "left":
        return Frame(unknown, (spec,), matmul(inner, unknown), kind)
    along = matmul(unknown, inner)
    if kind == "right":
        return Frame(unknown, (spec,), along, kind)
    normal = Hole(next(numbers), unknown.shape, unknown.real)
    outside = HoleSpec(normal, Space.FREE, normal_to=dual, name=f"K_{unknown.name}")
    return Frame(unknown, (spec, outside), add([along, normal]), kind)


def _frame_space(unknown: Symbol) -> tuple[Space, str]:
    if is_orthonormal(unknown):
        return (Space.SKEW if unknown.real else Space.SKEW_HERMITIAN), "Ω"
    space = tangent_space(unknown.facts)
    return space, "Φ" if space is not Space.FREE else "M"


def _column_frame(unknown: Symbol, kind: str, numbers: Iterator[int]) -> Frame:
    """`V (M + diag(m))`: the columns turn into one another, and change their lengths; real ones, if phases are free."""
    order = unknown.shape[1]
    mixing = Hole(next(numbers), (order, order), unknown.real)
    growth = Hole(next(numbers), (order,), unknown.real or kind == "phases")
    parts = (HoleSpec(mixing, Space.HOLLOW, name="M"), HoleSpec(growth, Space.FREE, name="m"))
    along = add([matmul(unknown, mixing), matmul(unknown, diag(growth))])
    return Frame(unknown, parts, along, kind)


def recovered(frame: Frame, moved: Node) -> tuple[Node, ...]:
    """The frame's unknowns, from the unknown and its direction."""
    value = frame.unknown
    if frame.kind == "direct":
        return (moved,)
    if frame.kind == "diagonal":
        return (diagonal(moved),)
    if is_orthonormal(value):
        inner = matmul(adjoint(value), moved)
        if frame.kind == "left":
            return (matmul(moved, adjoint(value)),)
        return (inner, subtract(moved, matmul(value, inner))) if frame.kind == "stiefel" else (inner,)
    if frame.kind == "tall":
        dual = frame.parts[1].normal_to
        assert dual is not None
        inner = matmul(adjoint(dual), moved)
        return inner, subtract(moved, matmul(value, inner))
    inverse = Apply(inv, (), (value,))
    if frame.kind == "left":
        return (matmul(moved, inverse),)
    mixing = matmul(inverse, moved)
    if frame.kind == "right":
        return (mixing,)
    growth = diagonal(mixing)
    return masked(mixing, 1, 0, 1), real(growth) if frame.kind == "phases" else growth
