"""Entry by entry: equations in which every unknown's entry (i, j) meets only (i, j) and (j, i).

A matrix equation is split into the regions below, on and above the diagonal. In each, the entries of
the unknowns at (i, j) and (j, i) satisfy a small linear system whose coefficients are entries of
known matrices, which `regions` solves. Where an entry meets its conjugate, as in `s_j Ω_ij − s_i Ω_ij* = C_ij`
of Takagi's factors, the adjoint equation is the second one.

An unknown that stands alone in an equation is eliminated first: the others satisfy the equation
projected on the complement of its space.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from gradwright.core.build import adjoint, diag, diagonal, multiply, permute
from gradwright.core.canonical import as_product
from gradwright.core.connected import connected
from gradwright.core.contraction import conjugate, contract, is_simple, is_zero, split_coefficient, zero
from gradwright.core.nodes import Hole, Node, labels_of
from gradwright.core.spaces import Space
from gradwright.core.sums import add, scaled, subtract, terms_of
from gradwright.diff.identities.frames import HoleSpec
from gradwright.diff.identities.regions import ABOVE, BELOW, ON, entries_on_diagonal, guarded, reciprocal, solve_entries
from gradwright.diff.identities.state import State
from gradwright.diff.identities.terms import LinearEquation, holes_in, reduce_terms, tidy
from gradwright.frozen import frozen, replace
from gradwright.linear.projection import project_space
from gradwright.prims.complex import real
from gradwright.simplify.pipeline import simplify

COMPLEMENT = {
    Space.LOWER: Space.STRICTLY_UPPER,
    Space.UPPER: Space.STRICTLY_LOWER,
    Space.STRICTLY_LOWER: Space.UPPER,
    Space.STRICTLY_UPPER: Space.LOWER,
    Space.DIAGONAL: Space.HOLLOW,
    Space.SYMMETRIC: Space.SKEW,
    Space.HERMITIAN: Space.SKEW_HERMITIAN,
}
RELAXED = {Space.SKEW: Space.SYMMETRIC, Space.SKEW_HERMITIAN: Space.HERMITIAN}


def eliminate_alone(state: State) -> State | None:
    """Solve for an unknown that stands alone, and project its equation on the complement."""
    return next((_eliminated(state, *found) for found in _alone(state) if not _occurs_elsewhere(state, *found)), None)


def eliminate_and_substitute(state: State) -> State | None:
    """The same for an unknown that other equations contain as well."""
    return next((_eliminated(state, *found) for found in _alone(state)), None)


def _alone(state: State) -> Iterator[tuple[int, Hole, Fraction, Space]]:
    """The unknowns that stand alone: in which equation, with which number in front, and in which space."""
    for place, equation in enumerate(state.equations):
        if equation.projected or len(holes_in(equation.form)) < 2:
            continue
        for hole in holes_in(equation.form):
            alone = _stands_alone(equation, hole, state.specs[hole], state.relaxed)
            if alone is not None:
                yield (place, hole, *alone)


def _occurs_elsewhere(state: State, place: int, hole: Hole, *_: object) -> bool:
    return any(hole in holes_in(e.form) for p, e in enumerate(state.equations) if p != place)


def _takes_phases(hole: Hole, state: State) -> bool:
    """Whether the unknown's diagonal is real, so that it leaves the imaginary parts to another one."""
    return not state.specs[hole].space.mirror_sign and _occurs(Entry(hole, False), ON, state)


def _phases_occur(state: State, equation: LinearEquation) -> bool:
    """Whether the imaginary parts of the diagonal belong to another unknown."""
    return any(state.specs[hole].space is Space.SKEW_HERMITIAN for hole in holes_in(equation.form))


def _stands_alone(equation: LinearEquation, hole: Hole, spec: HoleSpec, relaxed: bool) -> tuple[Fraction, Space] | None:
    """The number in front of an unknown that occurs in one term by itself, and its space."""
    own = [term for term in terms_of(equation.form) if hole in holes_in(term)]
    if len(own) != 1:
        return None
    coefficient, rest = split_coefficient(own[0])
    if rest == hole and (spec.space in COMPLEMENT or (relaxed and spec.space in RELAXED)):
        return coefficient, spec.space
    product = as_product(rest)
    is_diagonal = len(product.factors) == 1 and len(product.output) == 2 and product.output[0] == product.output[1]
    if is_diagonal and product.factors[0].node == hole and hole.rank == 1:
        return coefficient, Space.DIAGONAL
    return None


def _eliminated(state: State, place: int, hole: Hole, coefficient: Fraction, space: Space) -> State:
    equation = state.equations[place]
    others = add(term for term in terms_of(equation.form) if hole not in holes_in(term))
    left = scaled(1 / coefficient, subtract(equation.right, others))
    if equation.space is space:  # of which nothing is left on the complement
        return state.with_step("eliminate", hole, left, "substitute one unknown").with_solution(hole, left, place)
    value = _on_diagonal(left, hole) if hole.rank == 1 else project_space(left, space)
    rest = RELAXED[space] if space in RELAXED else COMPLEMENT[space]
    projected = _on_complement(others, equation.right, rest, state)
    if _takes_phases(hole, state) and _phases_occur(state, equation):
        projected = replace(projected, phases=True)
    changed = state.replace_equation(place, projected).with_solution(hole, value)
    words = f"{_article(rest)} part; {_article(space)} part gives the other unknown"
    sides = project_space(others, rest), project_space(equation.right, rest)
    split = changed.with_step("split into parts", *sides, words)
    return split.with_step("compare entries", hole, simplify(value), f"{_article(space)} part")


def _on_complement(form: Node, right: Node, space: Space, state: State) -> LinearEquation:
    """The projection of an equation; written out where it mixes an entry with its mirror image."""
    if not space.mirror_sign:
        return LinearEquation(form, right, space, projected=True)
    mirrored = [adjoint(side) if space.conjugated else permute(side, (1, 0)) for side in (form, right)]
    both = [add([side, scaled(space.mirror_sign, image)]) for side, image in zip((form, right), mirrored, strict=True)]
    return tidy(LinearEquation(both[0], both[1], space), state.relations)


def _article(space: Space) -> str:
    return f"the {'off-diagonal' if space is Space.HOLLOW else space.value}"


@frozen
class Entry:
    """An entry of an unknown at (row, column) or, mirrored, at (column, row); or its conjugate."""

    hole: Hole
    mirrored: bool
    conj: bool = False


@frozen
class EntryEquation:
    """Coefficients of entries, and the right side, as matrices read at (row, column)."""

    coefficients: Mapping[Entry, Node]
    right: Node
    phases: bool = False


def split_by_entries(state: State) -> State | None:
    """Solve entry by entry the equations that can be, for the unknowns in them."""
    read = {e: entry for e in state.equations if (entry := _read(e, state)) is not None}
    holes = tuple(h for h in state.open_holes if any(h in holes_in(e.form) for e in read))
    if not read or not holes:
        return None
    values: dict[Hole, list[Node]] = {hole: [] for hole in holes}
    spaces = [e.space if e.form.rank == 2 else Space.DIAGONAL for e in read]
    for region in (BELOW, ON, ABOVE):
        known = list(read.values()), spaces, state, holes
        phases = region == ON and _is_mirrored(state, holes)
        found = _solve_complex_diagonal(*known) if phases else _solve_region(region, *known)
        if found is None:
            return None
        for hole in holes:
            values[hole].append(found.get(hole, zero((hole.shape[0], hole.shape[0]))))
    result = replace(state, equations=tuple(e for e in state.equations if e not in read))
    for hole in holes:
        value = _assembled(values[hole], state) if hole.rank == 2 else _on_diagonal(values[hole][ON], hole)
        result = result.with_solution(hole, value)
        result = result.with_step("compare entries", hole, value, "compare below, on and above the diagonal")
    return result


def _read(equation: LinearEquation, state: State) -> EntryEquation | None:
    coefficients: dict[Entry, Node] = {}
    if equation.form.rank == 1 and any(hole.rank == 2 for hole in holes_in(equation.form)):
        equation = replace(equation, form=_on_a_diagonal(equation.form), right=diag(equation.right))
    if not equation.form.is_square:
        return None
    for term in terms_of(equation.form):
        if is_zero(term):
            continue
        found = _read_entry(term)
        if found is None:
            return None
        entry, weight = _oriented(*found, state)
        coefficients[entry] = add([coefficients[entry], weight]) if entry in coefficients else weight
    return EntryEquation(coefficients, equation.right, equation.phases)


def _on_a_diagonal(form: Node) -> Node:
    """A vector, such as the diagonal of an unknown, on the diagonal of a matrix; its terms stay apart."""
    return add(diag(term) for term in terms_of(form))


def _read_entry(term: Node) -> tuple[Entry, Node] | None:
    product = as_product(term)
    if len(product.output) != 2 or not is_simple(product.output):
        return None
    row, column = product.output[0][0], product.output[1][0]
    places = [p for p, f in enumerate(product.factors) if isinstance(f.node, Hole)]
    if len(places) != 1:
        return None
    factor = product.factors[places[0]]
    hole = factor.node
    assert isinstance(hole, Hole)
    expected = ((row,), (row, row)) if row == column else ((row, column), (column, row))
    if factor.labels not in expected:
        return None
    rest = [f for p, f in enumerate(product.factors) if p != places[0]]
    for part in connected(rest):
        inside = labels_of(part)
        if inside - {row, column} and not inside.isdisjoint({row, column}):  # neither entries nor a number
            return None
    dims = {label: product.dims[label] for label in {row, column}.union(*(f.labels for f in rest))}
    weight = contract(product.coefficient, rest, product.output, dims)
    return Entry(hole, row != column and factor.labels == (column, row), factor.conj), weight


def _oriented(entry: Entry, weight: Node, state: State) -> tuple[Entry, Node]:
    """Use the symmetry of the unknown: the entry (j, i) of a skew matrix is minus that at (i, j)."""
    space = state.specs[entry.hole].space
    if not space.mirror_sign or not entry.mirrored or entry.conj != space.conjugated:
        return entry, weight
    return Entry(entry.hole, False), scaled(space.mirror_sign, weight)


def _mirror(region: int) -> int:
    return {BELOW: ABOVE, ON: ON, ABOVE: BELOW}[region]


def _is_mirrored(state: State, holes: Sequence[Hole]) -> bool:
    """Whether an unknown is Hermitian or skew-Hermitian: then equations are read with their adjoints."""
    return any(state.specs[hole].space.conjugated for hole in holes)


def _on_diagonal(value: Node, hole: Hole) -> Node:
    entries = entries_on_diagonal(simplify(value))
    return real(entries) if hole.real else entries


def _solve_region(
    region: int, equations: Sequence[EntryEquation], spaces: Sequence[Space], state: State, holes: Sequence[Hole]
) -> dict[Hole, Node] | None:
    """The entries of all unknowns in one region, as matrices read at (row, column)."""
    unknowns = _independent(region, state, holes)
    if not unknowns:
        return {}
    unknowns += _conjugates(region, equations, state, unknowns)
    system = list(_systems(region, equations, spaces, state, unknowns))
    solution = solve_entries(system, len(unknowns), region)
    if solution is None:
        return None
    found = dict(zip(unknowns, solution, strict=True))
    return {entry.hole: value for entry, value in found.items() if not (entry.mirrored or entry.conj)}


def _independent(region: int, state: State, holes: Sequence[Hole]) -> list[Entry]:
    """The entries that the system of a region determines; a mirror image is not counted twice."""
    found: list[Entry] = []
    adjoint_mode = _is_mirrored(state, holes)
    for hole in holes:
        space = state.specs[hole].space
        if hole.rank == 1:
            found += [Entry(hole, False)] if region == ON else []
        elif space.mirror_sign:
            found += [Entry(hole, False)] if region != ON or space.mirror_sign > 0 else []
        else:
            weights = space.weights
            assert weights is not None
            found += [Entry(hole, False)] if weights[region] else []
            if region != ON and weights[_mirror(region)]:
                found.append(Entry(hole, True, adjoint_mode))
    return found


def _conjugates(
    region: int, equations: Sequence[EntryEquation], state: State, unknowns: Sequence[Entry]
) -> list[Entry]:
    """Conjugates that equations contain beside entries of mirror images, and that their adjoints contain, too."""
    read = [entry for equation in equations for entry in equation.coefficients if _occurs(entry, region, state)]
    targets = [_target(entry, region, state) for entry in read if state.specs[entry.hole].space.conjugated]
    return [target for target in dict.fromkeys(target for target, _ in targets) if target not in unknowns]


def _systems(
    region: int, equations: Sequence[EntryEquation], spaces: Sequence[Space], state: State, unknowns: Sequence[Entry]
) -> Iterator[tuple[list[Node], Node]]:
    """The equations at (row, column), then those at (column, row), as rows of coefficients."""
    conj = _is_mirrored(state, [entry.hole for entry in unknowns])
    for mirrored in (False, True) if region != ON else (False,):
        at = _mirror(region) if mirrored else region
        for equation, space in zip(equations, spaces, strict=True):
            if not _available(space, at):
                continue
            read = _turned(equation, conj) if mirrored else equation
            row = _row(region, read, state, unknowns)
            if row is not None and not all(is_zero(value) for value in row):
                yield row, read.right


def _turned(equation: EntryEquation, conj: bool) -> EntryEquation:
    """The equation at (column, row), read at (row, column); conjugated if so wanted."""

    def turned(node: Node) -> Node:
        return adjoint(node) if conj else permute(node, (1, 0))

    coefficients = {
        Entry(e.hole, e.hole.rank == 2 and not e.mirrored, e.conj != conj): turned(weight)
        for e, weight in equation.coefficients.items()
    }
    return EntryEquation(coefficients, turned(equation.right))


def _row(region: int, equation: EntryEquation, state: State, unknowns: Sequence[Entry]) -> list[Node] | None:
    """The coefficients of the unknown entries; None if others of them occur.

    On the diagonal a conjugate counts as the entry itself: triangular factors have real diagonals.
    """
    row = {entry: zero(equation.right.shape) for entry in unknowns}
    for entry, weight in equation.coefficients.items():
        if not _occurs(entry, region, state):
            continue
        target, sign = _target(entry, region, state)
        if target not in row:
            return None
        row[target] = add([row[target], scaled(sign, weight)])
    return [simplify(row[entry]) for entry in unknowns]


def _available(space: Space, region: int) -> bool:
    """Whether entries of a region are free in a space, or given by those of the mirror image."""
    if space.mirror_sign:
        return region != ON or space.mirror_sign > 0
    assert space.weights is not None
    return bool(space.weights[region])


def _occurs(entry: Entry, region: int, state: State) -> bool:
    """Whether an entry may differ from zero in a region."""
    space = state.specs[entry.hole].space
    if entry.hole.rank < 2:
        return region == ON
    return _available(space, _mirror(region) if entry.mirrored else region)


def _target(entry: Entry, region: int, state: State) -> tuple[Entry, int]:
    """The entry as one that a mirror image is not counted beside, and with which sign."""
    if region == ON:
        return Entry(entry.hole, False), 1
    space = state.specs[entry.hole].space
    if not space.mirror_sign or not entry.mirrored:
        return entry, 1
    return Entry(entry.hole, False, entry.conj != space.conjugated), space.mirror_sign


def _solve_complex_diagonal(
    equations: Sequence[EntryEquation], spaces: Sequence[Space], state: State, holes: Sequence[Hole]
) -> dict[Hole, Node] | None:
    """The diagonal, where some unknowns are real and skew-Hermitian ones imaginary: part by part.

    What the imaginary parts leave free is a phase, and taken to be zero.
    """
    imaginary = [h for h in holes if state.specs[h].space is Space.SKEW_HERMITIAN]
    others = [h for h in holes if h not in imaginary and _occurs(Entry(h, False), ON, state)]
    parts = [
        _diagonal_rows(equations, spaces, kind, others, imaginary) for kind in (Space.HERMITIAN, Space.SKEW_HERMITIAN)
    ]
    if any(rows is None for rows in parts):
        return None
    solution = solve_entries(parts[0] or [], len(others), ON) if others else []
    phases = _with_free_phases(parts[1] or [], imaginary)
    if solution is None or phases is None:
        return None
    return {**dict(zip(others, solution, strict=True)), **dict(zip(imaginary, phases, strict=True))}


def _diagonal_rows(
    equations: Sequence[EntryEquation],
    spaces: Sequence[Space],
    kind: Space,
    others: Sequence[Hole],
    imaginary: Sequence[Hole],
) -> list[tuple[list[Node], Node]] | None:
    """The real parts (or the imaginary ones) of the equations; None if a coefficient is not real."""
    columns = others if kind is Space.HERMITIAN else imaginary
    rows: list[tuple[list[Node], Node]] = []
    for equation, space in zip(equations, spaces, strict=True):
        if not _has_part(equation, space, kind):
            continue
        row = {hole: zero(equation.right.shape) for hole in columns}
        for entry, weight in equation.coefficients.items():
            if not weight.real:
                return None
            if entry.hole in row:
                sign = -1 if entry.conj and entry.hole in imaginary else 1
                row[entry.hole] = add([row[entry.hole], scaled(sign, weight)])
        found = [_read_on_diagonal(value) for value in row.values()]
        if not all(is_zero(value) for value in found):
            rows.append((found, _part(equation.right, kind)))
    return rows


def _has_part(equation: EntryEquation, space: Space, kind: Space) -> bool:
    """Whether the real (or the imaginary) parts on the diagonal are part of the equation."""
    if space.mirror_sign:
        return space is kind
    return _available(space, ON) or (kind is Space.SKEW_HERMITIAN and equation.phases)


def _read_on_diagonal(weight: Node) -> Node:
    """Zero if the entries on the diagonal are, as those of `λⱼ − λᵢ`."""
    entries = simplify(add(diagonal(term) for term in terms_of(weight)))
    return zero(weight.shape) if is_zero(entries) else weight


def _part(node: Node, kind: Space) -> Node:
    """The real part, or i times the imaginary part, of every entry."""
    if kind is Space.HERMITIAN:
        return real(node)
    return add([scaled(Fraction(1, 2), node), scaled(Fraction(-1, 2), conjugate(node))])


def _with_free_phases(system: Sequence[tuple[list[Node], Node]], holes: Sequence[Hole]) -> list[Node] | None:
    """One unknown from each equation; those that are then left are zero."""
    found: dict[int, Node] = {}
    for row, right in system:
        open_places = [k for k, weight in enumerate(row) if not is_zero(weight)]
        if any(k in found for k in open_places):
            return None
        first = open_places[0]
        found[first] = simplify(multiply(right, reciprocal(row[first])))
        found.update({k: zero(right.shape) for k in open_places[1:]})
    return [found.get(k, zero(hole.shape)) for k, hole in enumerate(holes)]


def _assembled(regions: Sequence[Node], state: State) -> Node:
    """One matrix from its parts below, on and above the diagonal; equal parts share a mask."""
    parts: dict[Node, list[Fraction]] = {}
    for region, value in enumerate(regions):
        if is_zero(value):
            continue
        coefficient, rest = split_coefficient(value)
        weights = parts.setdefault(rest, [Fraction(0)] * 3)
        weights[region] = coefficient
    terms = [guarded(rest, weights) for rest, weights in parts.items()]
    if not terms:
        return zero(regions[0].shape)
    return reduce_terms(add(terms), state.relations)
