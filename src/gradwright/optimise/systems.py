"""Linear systems as expressions: a `Solve` becomes a matrix, in coordinates of its spaces, and one `solve`.

Sylvester's, Lyapunov's and Stein's equations keep their own algorithms. For every other operator the
matrix is assembled by applying it to bases of the unknowns' spaces and testing the result against
bases of the equations' spaces; the bases are contractions of constant tensors, so that what is emitted
is products again. Coordinates are real where a conjugate or a Hermitian space makes the operator linear
over the real numbers only.
"""

from __future__ import annotations

from fractions import Fraction

from gradwright.core.build import concatenate, constant, group_axes, multiply, slice_axis
from gradwright.core.contraction import conjugate, contract, plain, simple, zero
from gradwright.core.dims import Dim
from gradwright.core.nodes import (
    Apply,
    Equation,
    Factor,
    HalfVectorisation,
    Hole,
    Mask,
    Node,
    Selection,
    Shape,
    Solve,
)
from gradwright.core.spaces import Space
from gradwright.core.sums import add, negate
from gradwright.core.walks import free_leaves, postorder, rebuild
from gradwright.linear.complex_linearity import has_complex_linear_equations
from gradwright.linear.forms import push
from gradwright.linear.recognise import sylvester_operands
from gradwright.optimise.roots import NO_HINTS, Hints, Roots
from gradwright.prims.complex import real
from gradwright.prims.lyapunov import lyapunov_solver
from gradwright.prims.solve import solve, solve_vector
from gradwright.prims.stein import stein_solver
from gradwright.prims.sylvester import sylvester_solver

SOLVERS = {"sylvester": sylvester_solver, "lyapunov": lyapunov_solver, "stein": stein_solver}


def without_systems(roots: Roots, hints: Hints = NO_HINTS) -> Roots:
    """The expressions without `Solve` nodes; the outermost are written first."""
    while any(isinstance(node, Solve) for node in postorder(*roots)):
        done: dict[Node, Node] = {}
        roots = tuple(_rewritten(root, done) for root in roots)
    return roots


def _rewritten(root: Node, done: dict[Node, Node]) -> Node:
    """Replace every `Solve` that stands in no operator of another."""
    stack = [root]
    while stack:
        node = stack[-1]
        parts = node.right_sides if isinstance(node, Solve) else node.children
        missing = [part for part in parts if part not in done]
        if missing:
            stack.extend(missing)
            continue
        stack.pop()
        if node not in done:
            new = tuple(done[part] for part in parts)
            if isinstance(node, Solve):
                done[node] = _solved(Solve(node.unknowns, node.equations, new, node.index))
            else:
                done[node] = rebuild(node, new)
    return done[root]


def _solved(node: Solve) -> Node:
    # Their solutions are symmetric, or skew, where their right sides are, but have no zeros where these have.
    known = None if node.unknowns[0].space.has_zeros else sylvester_operands(node)
    if known is not None:
        name, operands = known
        return Apply(SOLVERS[name], (), operands)
    return _Assembly(node).solution()


class _Assembly:
    """The dense system of one `Solve`."""

    def __init__(self, node: Solve) -> None:
        self.node = node
        complex_entries = not node.in_real_numbers
        self.real_coordinates = complex_entries and not has_complex_linear_equations(node)
        wide = self.real_coordinates
        self.bases = [basis(u.shape, u.space, wide and not u.real) for u in node.unknowns]
        self.tests = [basis(e.operator.shape, e.space, wide and not e.operator.real) for e in node.equations]

    def solution(self) -> Node:
        rows = [self._row(equation, test) for equation, test in zip(self.node.equations, self.tests, strict=True)]
        matrix = concatenate(rows, 0)
        sides = [self._tested(t, side) for t, side in zip(self.tests, self.node.right_sides, strict=True)]
        trailing = self.node.trailing
        right = concatenate(sides, 0)
        if len(trailing) > 1:
            right = group_axes(right, [[0], list(range(1, right.rank))])
        record = solve if trailing else solve_vector
        found = Apply(record, (), (matrix, right))
        start = sum((b.shape[-1] for b in self.bases[: self.node.index]), Dim.of(0))
        own = self.bases[self.node.index]
        part = slice_axis(found, 0, start, start + own.shape[-1]) if len(self.bases) > 1 else found
        return self._combined(own, part, trailing)

    def _row(self, equation: Equation, test: Node) -> Node:
        """The equation's coordinates of the operator at every basis tensor of every unknown."""
        holes = [leaf for leaf in free_leaves(equation.operator) if isinstance(leaf, Hole)]
        blocks: list[Node] = []
        for number, own in enumerate(self.bases):
            tensors: dict[Node, Node] = {hole: own for hole in holes if hole.number == number}
            if tensors:
                image = push(equation.operator, tensors, own.shape[-1:])
            else:
                image = zero((*equation.operator.shape, own.shape[-1]))
            blocks.append(self._tested(test, image))
        return concatenate(blocks, 1)

    def _tested(self, test: Node, value: Node) -> Node:
        """⟨T, value⟩ for every test tensor T; the value's further axes are kept."""
        inner = list(range(test.rank - 1))
        extra = list(range(test.rank, test.rank + value.rank - len(inner)))
        dims = dict(enumerate((*test.shape, *value.shape[len(inner) :])))
        last = test.rank - 1
        factors = [plain(conjugate(test), [*inner, last]), plain(value, [*inner, *extra])]
        found = contract(1, factors, simple([last, *extra]), dims)
        return real(found) if self.real_coordinates else found

    def _combined(self, own: Node, coordinates: Node, trailing: Shape) -> Node:
        """The tensor with these coordinates."""
        labels = list(range(own.rank))
        extra = tuple(range(own.rank, own.rank + len(trailing)))
        dims = dict(enumerate((*own.shape, *trailing)))
        groups = ((labels[-1],), extra) if trailing else ((labels[-1],),)
        factors = [plain(own, labels), Factor(coordinates, groups)]
        return contract(1, factors, simple([*labels[:-1], *extra]), dims)


def basis(shape: Shape, space: Space, complex_entries: bool) -> Node:
    """A basis of a space over the real numbers: the tensors' axes, and then one for the coordinate."""
    found = _real_basis(shape, space)
    if not complex_entries:
        return found
    partner = {Space.HERMITIAN: Space.SKEW, Space.SKEW_HERMITIAN: Space.SYMMETRIC}.get(space, space)
    turned = multiply(constant("i"), _real_basis(shape, partner))
    return concatenate([found, turned], found.rank - 1)


def _real_basis(shape: Shape, space: Space) -> Node:
    if space is Space.FREE:
        labels = tuple(range(len(shape)))
        return contract(1, [], (*simple(labels), labels), dict(enumerate(shape)))
    n = shape[0]
    match space:
        case Space.DIAGONAL:
            return contract(1, [], ((0,), (0,), (0,)), {0: n})
        case Space.LOWER:
            return _lower(n)
        case Space.UPPER:
            return _turned(_lower(n))
        case Space.STRICTLY_LOWER:
            return _strictly_lower(n)
        case Space.STRICTLY_UPPER:
            return _turned(_strictly_lower(n))
        case Space.HOLLOW:
            return concatenate([_strictly_lower(n), _turned(_strictly_lower(n))], 2)
        case Space.SKEW | Space.SKEW_HERMITIAN:
            below = _strictly_lower(n)
            return add([below, negate(_turned(below))])
        case _:
            return add([_lower(n), _turned(_below_diagonal(n))])


def _lower(n: Dim) -> Node:
    tensor = HalfVectorisation(n)
    return contract(1, [plain(tensor, (2, 0, 1))], simple((0, 1, 2)), dict(enumerate((n, n, tensor.shape[0]))))


def _below_diagonal(n: Dim) -> Node:
    """The basis of the lower triangular matrices, with zeros for those of the diagonal."""
    tensor, mask = HalfVectorisation(n), Mask(Fraction(1), Fraction(0), Fraction(0), (n, n))
    factors = [plain(tensor, (2, 0, 1)), plain(mask, (0, 1))]
    return contract(1, factors, simple((0, 1, 2)), dict(enumerate((n, n, tensor.shape[0]))))


def _strictly_lower(n: Dim) -> Node:
    """The lower triangular matrices with one row and column less, moved one row down."""
    small = n - 1
    tensor = HalfVectorisation(small)
    rows, columns = Selection(n, small, Dim.of(1)), Selection(n, small, Dim.of(0))
    factors = [plain(tensor, (2, 3, 4)), plain(rows, (0, 3)), plain(columns, (1, 4))]
    dims = dict(enumerate((n, n, tensor.shape[0], small, small)))
    return contract(1, factors, simple((0, 1, 2)), dims)


def _turned(tensor: Node) -> Node:
    return contract(1, [plain(tensor, (0, 1, 2))], simple((1, 0, 2)), dict(enumerate(tensor.shape)))
