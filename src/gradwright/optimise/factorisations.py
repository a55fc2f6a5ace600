"""One factorisation for each matrix: inverses become solutions of systems, chosen by what is known of the matrix.

A product with an inverse is the solution of a system, unless the inverse itself is wanted elsewhere. A
triangular matrix is solved with as it stands, a positive definite one by its Cholesky factor, any
other by LU; the factors are computed once for all systems with the matrix or its transpose, and give
its determinant too. An inverse that is wanted itself comes from the Cholesky factor where there is one.

So is that of a semidefinite matrix which multiplies several matrices as large as itself, as in `K⁻¹ E K⁻¹`: a library
takes twice the time of a product for a system. It costs no digits there: a computed inverse of such a matrix is as good
from both sides (Druinsky & Toledo 2012).

A product of square matrices is solved with factor by factor, (A B)⁻¹ C = B⁻¹ (A⁻¹ C): each by what is known of it, and
without the digits that are lost where L Lᵀ is multiplied out, whose condition is the square of that of L.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from fractions import Fraction

from gradwright.core.build import adjoint, diagonal, identity, transpose
from gradwright.core.contraction import conjugate, is_simple
from gradwright.core.facts import Facts, closure
from gradwright.core.inference import facts_of, is_positive, is_symmetric
from gradwright.core.nodes import Apply, Contract, Factor, HalfVectorisation, Mask, Node, Selection, is_apply
from gradwright.core.primitive import Primitive
from gradwright.core.sums import add
from gradwright.core.walks import postorder
from gradwright.optimise.pairs import renumbered
from gradwright.optimise.paths import Sizes
from gradwright.optimise.rewriting import rewritten
from gradwright.optimise.roots import NO_HINTS, Hints, Roots
from gradwright.optimise.square_factors import Gram, divisors, square_factors
from gradwright.prims.cholesky import cholesky
from gradwright.prims.cholesky_solve import cholesky_solve
from gradwright.prims.determinant import det, logdet, slogdet
from gradwright.prims.exponential import log
from gradwright.prims.factorised import (
    VECTOR,
    cholesky_inverse,
    lu_factor,
    lu_solve,
    lu_solve_transposed,
    product_of_entries,
    solve_upper,
)
from gradwright.prims.inv import inv
from gradwright.prims.piecewise import absolute_value
from gradwright.prims.power import raise_to
from gradwright.prims.solve import SYSTEMS, solve
from gradwright.prims.solve_triangular import solve_triangular
from gradwright.simplify.inverses import is_inverse

# So many times as large as a matrix all have to be that are divided by it, for its inverse to be less work.
MANY = 2
MANY_BY_LU = 3


def share_factorisations(roots: Roots, hints: Hints = NO_HINTS) -> Roots:
    """Systems instead of inverses, each matrix factorised once; products have to be products of two."""
    sharing = _Sharing(roots, Sizes(hints, roots))
    return rewritten(roots, sharing.improved, sharing.done)


class _Sharing:
    def __init__(self, roots: tuple[Node, ...], sizes: Sizes) -> None:
        self.roots = roots
        self.order = list(postorder(*roots))
        self.definite = {n.arguments[0] for n in self.order if is_apply(n, cholesky)}
        self.wanted = self._wanted()
        self.wanted |= self._worth_inverting(sizes)
        self.systems = self._count_systems()
        self.done: dict[Node, Node] = {}

    def _facts_of(self, matrix: Node) -> Facts:
        """What is known of a matrix; what has a Cholesky factor is positive definite."""
        known = facts_of(matrix)
        return closure(known | {"spd"}) if matrix in self.definite and "hermitian" in known else known

    # What is asked of each matrix

    def _wanted(self) -> set[Node]:
        """The inverses that are needed in full."""
        found = {root for root in self.roots if _is_inverse(root)}
        for node in self.order:
            for place, child in enumerate(node.children):
                if _is_inverse(child) and not (isinstance(node, Contract) and _partner(node, place) is not None):
                    found.add(child)
        return found

    def _worth_inverting(self, sizes: Sizes) -> set[Node]:
        """The inverses of semidefinite matrices that multiply several so large that forming them is less work."""
        divided: dict[Node, list[int]] = {}
        for node in self.order:
            for place, child in enumerate(node.children):
                if (
                    isinstance(node, Contract)
                    and self._folds(node, place)
                    and "psd" in self._facts_of(child.children[0])
                ):
                    partner = _partner(node, place)
                    assert partner is not None
                    divided.setdefault(child, []).append(sizes.entries(node.factors[partner].node.shape))
        return {
            inverse
            for inverse, entries in divided.items()
            if len(entries) > 1 and sum(entries) >= self._least(inverse) * sizes.entries(inverse.shape)
        }

    def _least(self, inverse: Node) -> int:
        """From what on an inverse is formed: that of a definite matrix comes from its Cholesky factor."""
        return MANY if "spd" in self._facts_of(inverse.children[0]) else MANY_BY_LU

    def _count_systems(self) -> dict[Node, set[tuple[Node, int]]]:
        """For every matrix the systems, and logarithms of determinants, that its factors would serve."""
        found: dict[Node, set[tuple[Node, int]]] = {}
        for node in self.order:
            for matrix in self._asked(node):
                for place, factor in enumerate(square_factors(matrix)):
                    found.setdefault(_base(factor)[0], set()).add((node, place))
        return found

    def _asked(self, node: Node) -> Iterable[Node]:
        if isinstance(node, Contract):
            for place, child in enumerate(node.children):
                if isinstance(child, Apply) and self._folds(node, place):
                    yield child.arguments[0]
        elif is_apply(node, *SYSTEMS, logdet, slogdet):
            yield node.arguments[0]

    def _folds(self, node: Contract, place: int) -> bool:
        child = node.factors[place].node
        return _is_inverse(child) and child not in self.wanted and _partner(node, place) is not None

    # Rewriting

    def improved(self, node: Node, new: Node) -> Node:
        if isinstance(node, Contract) and isinstance(new, Contract):
            for place in range(len(node.factors)):
                if self._folds(node, place):
                    return self._folded(node, new, place)
        if not isinstance(node, Apply) or not isinstance(new, Apply) or node.arguments[0].rank != 2:
            return new
        if _is_inverse(node) and node in self.wanted:
            return self._inverse(node, new)
        if node.primitive in SYSTEMS:
            return self._system(node.arguments[0], new.arguments[1])
        if node.primitive is logdet or (node.primitive is slogdet and node.index == 1):
            return self._log_determinant(node, new)
        if node.primitive is det:
            return self._determinant(node, new)
        return new

    def _folded(self, node: Contract, new: Contract, place: int) -> Node:
        """`A⁻¹ B` inside a product, as the solution of a system."""
        partner = _partner(node, place)
        assert partner is not None
        inverse, other = node.factors[place], new.factors[partner]
        assert isinstance(inverse.node, Apply)
        matrix = inverse.node.arguments[0]
        row, column = inverse.labels
        inner = column if column in other.labels else row
        outer = row if inner == column else column
        if inner == row and not is_symmetric(matrix):
            matrix = transpose(matrix)
        if inverse.conj:
            matrix = conjugate(matrix)
        kept = set(node.free_labels) | {outer}
        free = [x for x in other.labels if x in kept]  # what is summed alone is summed before
        right = _arranged(other, [inner, *free], new)
        solution = self._system(matrix, right)
        factor = Factor(solution, tuple((x,) for x in (outer, *free)))
        rest = new.beside(place, partner)
        return renumbered(new.coefficient, [*rest, factor], new.output, new.dims)

    def _system(self, matrix: Node, right: Node) -> Node:
        """The solution of a system with a matrix of the original expression."""
        for divisor in divisors(matrix):
            right = self._divided(right, divisor)
        return right

    def _divided(self, right: Node, by: Node | Gram) -> Node:
        if not isinstance(by, Gram) and "unitary" in facts_of(by):
            return _times(adjoint(self._current(by)), right)
        if not isinstance(by, Gram) and "diagonal" in facts_of(by):
            return _times(raise_to(diagonal(self._current(by)), Fraction(-1)), right)
        record, arguments = self._solver(by, right)
        return Apply(VECTOR[record] if right.rank == 1 else record, (), arguments)

    def _solver(self, matrix: Node | Gram, right: Node) -> tuple[Primitive, tuple[Node, ...]]:
        """The function, of a matrix on the right, that is best for what is known of the matrix of a system."""
        if isinstance(matrix, Gram):
            return cholesky_solve, (right, self._current(matrix.factor))
        facts = self._facts_of(matrix)
        base, turned = _base(matrix)
        own = self._current(matrix)
        if "lower" in facts:
            return solve_triangular, (own, right)
        if "upper" in facts:
            return solve_upper, (own, right)
        if "spd" in facts:
            factor = Apply(cholesky, (), (self._current(base if "symmetric" in facts else matrix),))
            return cholesky_solve, (right, factor)
        if len(self.systems.get(base, ())) > 1 and matrix.real and right.real:
            return lu_solve_transposed if turned else lu_solve, (right, *self._factors(base))
        return solve, (own, right)

    def _factors(self, base: Node) -> tuple[Node, Node]:
        matrix = self._current(base)
        return Apply(lu_factor, (), (matrix,), 0), Apply(lu_factor, (), (matrix,), 1)

    def _current(self, matrix: Node) -> Node:
        """What a matrix of the original expression has become; its transpose is that transposed."""
        if matrix in self.done:
            return self.done[matrix]
        base, _ = _base(matrix)
        if base in self.done and isinstance(matrix, Contract):
            factor = matrix.factors[0]
            return Contract(matrix.coefficient, (factor.with_node(self.done[base]),), matrix.dims,
                            matrix.output)  # fmt: skip
        return matrix

    def _inverse(self, node: Apply, new: Apply) -> Node:
        first, *others = divisors(node.arguments[0])
        if not any(self._inverted(divisor) for divisor in (first, *others)):
            return new
        found = self._inverted(first)
        if found is None and not isinstance(first, Gram):
            found = Apply(inv, (), (self._current(first),))
        assert found is not None
        for other in others:
            found = self._divided(found, other)
        return found

    def _inverted(self, matrix: Node | Gram) -> Node | None:
        """The inverse of a matrix of which something is known."""
        if isinstance(matrix, Gram):
            return Apply(cholesky_inverse, (), (self._current(matrix.factor),))
        facts = self._facts_of(matrix)
        own = self._current(matrix)
        if "unitary" in facts:
            return adjoint(own)
        if "lower" in facts:
            return Apply(solve_triangular, (), (own, identity(matrix.shape[0])))
        if "upper" in facts:
            return Apply(solve_upper, (), (own, identity(matrix.shape[0])))
        if "spd" in facts:
            return Apply(cholesky_inverse, (), (Apply(cholesky, (), (own,)),))
        return None

    def _log_determinant(self, node: Apply, new: Apply) -> Node:
        """Of triangles from their diagonals, of a definite matrix from its Cholesky factor, else from other factors."""
        matrix = node.arguments[0]
        if node.primitive is slogdet or "psd" in self._facts_of(matrix):
            of_triangles = self._log_of_triangles(square_factors(matrix))
            if of_triangles is not None:
                return of_triangles
        if "spd" in self._facts_of(matrix):
            factor = Apply(cholesky, (), (new.arguments[0],))
            return _log_of_diagonal(factor, Fraction(2))
        if node.primitive is slogdet and len(self.systems.get(matrix, ())) > 1:
            return _log_of_diagonal(self._factors(matrix)[0], Fraction(1), signed=True)
        return new

    def _determinant(self, node: Apply, new: Apply) -> Node:
        """Of triangles from their diagonals; an orthogonal matrix that occurs an even number of times gives 1."""
        times = _bases(square_factors(node.arguments[0]))
        triangles = {f: k for f, k in times.items() if k % 2 or "orthogonal" not in facts_of(f)}
        if not triangles or not all({"lower", "upper"} & facts_of(f) for f in triangles):
            return new
        of_each = {f: Apply(product_of_entries, (), (diagonal(self._current(f)),)) for f in triangles}
        powers = [Factor(raise_to(of_each[f], Fraction(k)), ()) for f, k in triangles.items()]
        return renumbered(Fraction(1), powers, (), ()) if len(powers) > 1 else powers[0].node

    def _log_of_triangles(self, factors: Sequence[Node]) -> Node | None:
        """The logarithm of the absolute determinant of a product of real triangular and orthogonal matrices."""
        triangles = [factor for factor in factors if "orthogonal" not in facts_of(factor)]
        if not triangles or not all(f.real and {"lower", "upper"} & facts_of(f) for f in triangles):
            return None
        times = _bases(triangles)
        return add(_log_of_diagonal(self._current(f), Fraction(k), signed=True) for f, k in times.items())


def _is_inverse(node: Node) -> bool:
    return is_inverse(node) and node.rank == 2


def _partner(node: Contract, place: int) -> int | None:
    """The factor that an inverse multiplies as a matrix: one label of the inverse is summed with it alone."""
    inverse = node.factors[place]
    tensors = [p for p, f in enumerate(node.factors) if f.node.rank and p != place]
    if len(tensors) != 1 or len(set(inverse.labels)) != 2 or not is_simple(inverse.groups):
        return None
    other = node.factors[tensors[0]]
    flat = node.free_labels
    shared = [x for x in inverse.labels if x in other.labels]
    plain = is_simple(other.groups) and len(set(other.labels)) == len(other.labels)
    if len(shared) != 1 or shared[0] in flat or not plain or len(other.labels) > 2 or other.node == inverse.node:
        return None
    return None if isinstance(other.node, Mask | Selection | HalfVectorisation) else tensors[0]


def _base(matrix: Node) -> tuple[Node, bool]:
    """The matrix itself, or what it is the transpose of."""
    if isinstance(matrix, Contract) and len(matrix.factors) == 1 and matrix.coefficient == 1:
        factor = matrix.factors[0]
        if not factor.conj and factor.groups == ((0,), (1,)) and matrix.output == ((1,), (0,)):
            return factor.node, True
    return matrix, False


def _arranged(factor: Factor, labels: Sequence[int], product: Contract) -> Node:
    """A factor as a tensor with its axes in the order of some labels."""
    if list(factor.labels) == list(labels) and not factor.conj:
        return factor.node
    return renumbered(Fraction(1), [factor], tuple((x,) for x in labels), product.dims)


def _times(left: Node, right: Node) -> Node:
    """A matrix, or the diagonal of one, times a matrix or a vector, as a product of two."""
    rows, inner = (0,), (left.rank - 1,)
    columns = ((2,),) * (right.rank - 1)
    factors = [Factor(left, (rows, inner)[: left.rank]), Factor(right, (inner, *columns))]
    dims = (left.shape[0], right.shape[0], *right.shape[1:])
    return renumbered(Fraction(1), factors, (rows, *columns), dims)


def _log_of_diagonal(factor: Node, weight: Fraction, signed: bool = False) -> Node:
    """A multiple of `Σ log |Lᵢᵢ|`."""
    n = factor.shape[0]
    entries = diagonal(factor)
    if signed and not is_positive(entries):
        entries = absolute_value(entries)
    logarithms = Apply(log, (), (entries,))
    return renumbered(weight, [Factor(logarithms, ((0,),))], (), (n,))


def _bases(matrices: Iterable[Node]) -> Counter[Node]:
    """The matrices that are multiplied, themselves or transposed, and how often."""
    return Counter(_base(matrix)[0] for matrix in matrices)
