"""One Schur form for all square roots and Sylvester's equations of a matrix.

`A = Z T Zᴴ` is most of the work of `sqrtm(A)`, `sylvester(A, B, C)` and `lyapunov(A, Q)`. The derivative of a root Y is
the solution of an equation with Y, whose Schur form is `Z √T Zᴴ`; the cotangent of a solution is the solution of an
equation with the adjoint, `Z Tᴴ Zᴴ`. So the form of A serves a function and its derivatives.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from gradwright.core.build import adjoint, matmul
from gradwright.core.canonical import as_product
from gradwright.core.nodes import Apply, Node, is_apply
from gradwright.core.walks import applications
from gradwright.frozen import frozen
from gradwright.optimise.replacements import replaced
from gradwright.optimise.roots import NO_HINTS, Hints, Roots
from gradwright.prims.lyapunov import lyapunov_solver
from gradwright.prims.schur import BETWEEN_TRIANGLES, schur, schur_root
from gradwright.prims.sqrtm import sqrtm
from gradwright.prims.sylvester import sylvester_solver

USERS = (sqrtm, sylvester_solver, lyapunov_solver)


@frozen
class _Use:
    """A matrix as a function of one whose Schur form is known.

    Attributes:
        base: that matrix.
        rooted: whether its square root is meant.
        adjoint: whether the adjoint of it is.
    """

    base: Node
    rooted: bool
    adjoint: bool

    def vectors(self, done: Mapping[Node, Node]) -> Node:
        """Z."""
        return Apply(schur, (), (done[self.base],), 1)

    def triangle(self, done: Mapping[Node, Node]) -> Node:
        """The triangle, whose adjoint is meant where the matrix is an adjoint."""
        T = Apply(schur, (), (done[self.base],), 0)
        return Apply(schur_root, (), (T,)) if self.rooted else T


def share_schur_forms(roots: Roots, hints: Hints = NO_HINTS) -> Roots:
    """Square roots and Sylvester's equations from Schur forms, where a matrix has several."""
    users = [node for node in applications(*roots) if node.primitive in USERS]
    counted = Counter(use.base for node in users for use in _computed(_uses(node)))
    shared = {base for base, count in counted.items() if count > 1}
    if not shared:
        return roots

    def replacement(node: Node, done: Mapping[Node, Node]) -> Node | None:
        uses = _uses(node) if is_apply(node, *USERS) else ()
        return _from_forms(node, uses, done) if any(use.base in shared for use in uses) else None

    return replaced(roots, replacement)


def _computed(uses: Sequence[_Use]) -> dict[_Use, None]:
    """The uses whose Schur forms an algorithm computes by itself: of equal and of adjoint matrices it takes one."""
    return {_Use(use.base, use.rooted, False): None for use in uses}


def _uses(node: Apply) -> tuple[_Use, ...]:
    """Of what a node takes a Schur form; nothing if real and complex matrices meet, whose forms are different."""
    if len({argument.real for argument in node.arguments}) > 1:
        return ()
    if node.primitive is sqrtm:
        own = _use(node.arguments[0])
        return () if own.rooted else (_Use(own.base, True, own.adjoint),)
    left = _use(node.arguments[0])
    if node.primitive is lyapunov_solver:
        return left, _Use(left.base, left.rooted, not left.adjoint)
    return left, _use(node.arguments[1])


def _use(matrix: Node) -> _Use:
    flipped = _adjoint_of(matrix)
    inner = matrix if flipped is None else flipped
    if is_apply(inner, sqrtm):
        turned = _adjoint_of(inner.arguments[0])
        base = inner.arguments[0] if turned is None else turned
        return _Use(base, True, (flipped is None) == (turned is not None))
    return _Use(inner, False, flipped is not None)


def _adjoint_of(matrix: Node) -> Node | None:
    """The matrix whose adjoint a node is, if it is written as one."""
    product = as_product(matrix)
    inner = product.factors[0].node if len(product.factors) == 1 else matrix
    written = inner != matrix and inner.rank == 2 and matrix == adjoint(inner)
    return inner if written else None


def _from_forms(node: Node, uses: Sequence[_Use], done: Mapping[Node, Node]) -> Node:
    assert isinstance(node, Apply)
    left, right = uses[0], uses[-1]
    Z, W = left.vectors(done), right.vectors(done)
    if node.primitive is sqrtm:
        triangle = left.triangle(done)
        middle = adjoint(triangle) if left.adjoint else triangle
    else:
        side = matmul(matmul(adjoint(Z), done[node.arguments[-1]]), W)
        solver = BETWEEN_TRIANGLES[left.adjoint, right.adjoint]
        middle = Apply(solver, (), (left.triangle(done), right.triangle(done), side))
    return matmul(matmul(Z, middle), adjoint(W))
