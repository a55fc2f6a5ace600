"""Several unknowns that are vectors or numbers: one bordered linear system of blocks.

Of more equations than unknowns, those in numbers are added to another one, or the normal equations are taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import combinations, product

from gradwright.core.build import adjoint, matmul, multiply, ones, outer, product_of, slice_axis
from gradwright.core.dims import Dim
from gradwright.core.nodes import Apply, Hole, Node, Selection
from gradwright.core.spaces import Space
from gradwright.core.sums import add, coefficient_of, scaled, terms_of
from gradwright.diff.identities.isolate import matrix_of
from gradwright.diff.identities.state import State
from gradwright.diff.identities.terms import LinearEquation, reduce_terms
from gradwright.frozen import replace
from gradwright.linear.forms import push
from gradwright.prims.inv import inv
from gradwright.simplify.pipeline import simplify

ONE = Dim.of(1)


def border(state: State) -> State | None:
    """Vector and scalar unknowns in vector and scalar equations: one linear system of blocks."""
    if not are_vectors(state) or _length(e.form for e in state.equations) != _length(state.open_holes):
        return None
    return _as_one_system(state, lambda M, c: (M, c))


def with_small_equations_joined(state: State) -> Iterator[State]:
    """Equations in numbers that are too many, such as `sum(h) = sum(k)`, added to every entry of another equation.

    They choose one of the solutions that a singular system `M h = c` has: with `gᵀ h = γ` it says the same as
    `(M + 1 gᵀ) h = c + γ 1`, if that is regular. So are those between vectors, `gᵀ H = γᵀ`, to every row or column of
    one between matrices. Whether it is has to be tried; the sums go to one of the equations.
    """
    rank = max((e.form.rank for e in state.equations), default=0)
    small, others = ([e for e in state.equations if (e.form.rank < rank) is less] for less in (True, False))
    asked = [sum((space.dimension(h.shape, h.real) for h, space in _open(state, relaxed)), Dim.of(0))
             for relaxed in (False, True)]  # fmt: skip
    if not small or _entries(others) not in asked:
        return
    state = replace(state, relaxed=_entries(others) != asked[0])
    for place in reversed(range(len(others))):
        target = others[place]
        for axes in product(*(_alike(e, target) for e in small)):
            spread = ones(target.form.shape)
            form, right = (add(_spread(side, along, spread) for side, along in zip(sides, axes, strict=True))
                           for sides in ([e.form for e in small], [e.right for e in small]))  # fmt: skip
            if coefficient_of(terms_of(form)[-1]) < 0:
                form, right = scaled(-1, form), scaled(-1, right)
            joined = replace(target, form=add([target.form, form]), right=add([target.right, right]))
            changed = replace(state, equations=(*others[:place], joined, *others[place + 1 :]))
            yield changed.with_step("join", joined.form, joined.right, _joining_words(axes))


def _open(state: State, relaxed: bool) -> list[tuple[Hole, Space]]:
    """The unknowns with their spaces, or with that of all matrices in which a symmetric one may be looked for."""
    spaces = [(hole, state.specs[hole].space) for hole in state.open_holes]
    return [(hole, Space.FREE if relaxed and space.mirror_sign else space) for hole, space in spaces]


def _entries(equations: Sequence[LinearEquation]) -> Dim:
    """How many numbers some equations are between."""
    return sum((e.space.dimension(e.form.shape, e.form.real) for e in equations), Dim.of(0))


def _alike(small: LinearEquation, target: LinearEquation) -> list[tuple[int, ...]]:
    """The axes of an equation along which a smaller one may lie: none of a symmetric one, which it would not stay."""
    if target.projected or (small.form.rank and target.space is not Space.FREE) or target.space.mirror_sign < 0:
        return []
    shape = target.form.shape
    return [axes for axes in combinations(range(len(shape)), small.form.rank)
            if tuple(shape[axis] for axis in axes) == small.form.shape]  # fmt: skip


def _spread(side: Node, axes: tuple[int, ...], spread: Node) -> Node:
    """A side of a smaller equation, the same along every other axis."""
    return add(product_of([(term, axes), (spread, range(spread.rank))], range(spread.rank)) for term in terms_of(side))


def _joining_words(axes: Sequence[tuple[int, ...]]) -> str:
    if not any(axes):
        return "add the equation in numbers to every entry, which makes the system regular"
    return f"add the equation between vectors to every {'row' if (1,) in axes else 'column'}, which makes it regular"


def border_surplus(state: State) -> State | None:
    """The same with more equations than unknowns, which agree: `M h = c` gives `h = (Mᵀ M)⁻¹ Mᵀ c`.

    That is `M⁺ c`, but M⁺ has a value where M has not full rank, so that the equations leave h free.
    """
    if not are_vectors(state):
        return None
    surplus = _length(e.form for e in state.equations) - _length(state.open_holes)
    if surplus == Dim.of(0) or not surplus.is_at_least(Dim.of(0)):
        return None
    return _as_one_system(state, _normal(state))


def are_vectors(state: State) -> bool:
    """Whether there are several unknowns or equations left, vectors and numbers all of them."""
    holes, equations = state.open_holes, state.equations
    several = len(holes) > 1 or len(equations) > 1
    return several and bool(holes) and all(part.rank < 2 for part in (*holes, *(e.form for e in equations)))


def _as_one_system(state: State, squared: Callable[[Node, Node], tuple[Node, Node]]) -> State | None:
    """The blocks in one matrix M, the right sides in one vector c, and `M h = c` as a square system solved."""
    holes = state.open_holes
    rows = _places([equation.form for equation in state.equations])
    columns = _places(holes)
    blocks: list[Node] = []
    for equation, row in zip(state.equations, rows, strict=True):
        for hole, column in zip(holes, columns, strict=True):
            block = matrix_of(push(equation.form, {hole: hole}), hole)
            if block is None:
                return None
            blocks.append(_placed(block, [row, column]))
    matrix = add(blocks)
    side = add(_placed(e.right, [row]) for e, row in zip(state.equations, rows, strict=True))
    matrix, side = _without_number(matrix, side)
    unknowns = add(_placed(hole, [place]) for hole, place in zip(holes, columns, strict=True))
    changed = replace(state, equations=())
    changed = changed.with_step("border", matmul(matrix, unknowns), side, "write the equations as one system of blocks")
    square, right = squared(matrix, side)
    if square != matrix:
        words = "multiply by the adjoint, as there are more equations than unknowns"
        changed = changed.with_step("normal equations", matmul(square, unknowns), right, words)
    whole, start = reduce_terms(matmul(Apply(inv, (), (square,)), right), ()), Dim.of(0)
    for hole in holes:
        stop = start + _length([hole])
        part = slice_axis(whole, 0, start, stop) if hole.rank else _entry(whole, start)
        changed = replace(changed, solved=(*changed.solved, (hole, part)))
        start = stop
    return changed


def _without_number(matrix: Node, side: Node) -> tuple[Node, Node]:
    """Both sides of a system divided by the number that stands before every block."""
    numbers = {abs(coefficient_of(term)) for term in terms_of(matrix)}
    number = numbers.pop() if len(numbers) == 1 else 0
    return (scaled(1 / number, matrix), scaled(1 / number, side)) if number else (matrix, side)


def _normal(state: State) -> Callable[[Node, Node], tuple[Node, Node]]:
    """`Mᵀ M` and `Mᵀ c` for M and c; for one unknown vector they are sums over the blocks."""
    hole, *others = state.open_holes
    if others or not hole.rank:
        return lambda M, c: (matmul(adjoint(M), M), matmul(adjoint(M), c))
    squares: list[Node] = []
    sides: list[Node] = []
    for equation in state.equations:
        block = matrix_of(push(equation.form, {hole: hole}), hole)
        if block is None:
            break  # which is found again where the blocks are put together
        matrix = block if block.rank == 2 else outer(ones((ONE,)), block)
        right = equation.right if block.rank == 2 else multiply(equation.right, ones((ONE,)))
        squares.append(matmul(adjoint(matrix), matrix))
        sides.append(matmul(adjoint(matrix), right))
    return lambda M, c: (simplify(add(squares)), simplify(add(sides)))


def _length(nodes: Iterable[Node]) -> Dim:
    return sum((node.shape[0] if node.rank else ONE for node in nodes), Dim.of(0))


def _places(nodes: Sequence[Node]) -> list[Selection]:
    """What places each of some vectors and numbers in the vector of all: columns of the identity."""
    whole, start = _length(nodes), Dim.of(0)
    found: list[Selection] = []
    for node in nodes:
        found.append(Selection(whole, node.shape[0] if node.rank else None, start))
        start = start + _length([node])
    return found


def _placed(node: Node, places: Sequence[Selection]) -> Node:
    """A block, or a part of a vector, in its place; a number has no axis of its own."""
    factors: list[tuple[Node, Sequence[int]]] = []
    inside: list[int] = []
    for axis, place in enumerate(places):
        if place.part is None:
            factors.append((place, (axis,)))
        elif place.part == place.whole:
            inside.append(axis)
        else:
            inside.append(len(places) + axis)
            factors.append((place, (axis, len(places) + axis)))
    return product_of([*factors, (node, inside)], range(len(places)))


def _entry(vector: Node, place: Dim) -> Node:
    return product_of([(vector, (0,)), (Selection(vector.shape[0], None, place), (0,))], ())
