"""Functions of Hermitian matrices, and equations with them, in their eigenvectors.

`sqrtm(S)`, `logm(S)`, `lyapunov(S, Q)` and the derivatives of these and of `matrix_exp(S)` all follow from one
`S = V diag(λ) Vᴴ`, which takes a fraction of the time of a Schur form or of a Padé approximation, with errors that are
no larger beside the largest eigenvalue. A diagonal matrix needs no eigenvectors, and a function of a matrix has those
of the matrix.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from gradwright.core.build import adjoint, diag, diagonal, matmul, multiply
from gradwright.core.contraction import conjugate, contract, plain, simple
from gradwright.core.inference import facts_of
from gradwright.core.nodes import Apply, Node
from gradwright.core.primitive import Primitive
from gradwright.core.walks import applications
from gradwright.frozen import frozen
from gradwright.optimise.replacements import replaced
from gradwright.optimise.roots import NO_HINTS, Hints, Roots
from gradwright.prims.divided_differences import first_difference
from gradwright.prims.eigenvalue_forms import (
    EIGENVALUE_FORMS,
    hermitian_root,
    hermitian_sylvester,
    spectral_exp_differences,
    spectral_log,
    spectral_log_differences,
    spectral_quotient,
    spectral_reciprocals,
    spectral_root,
)
from gradwright.prims.eigh import standard_eigh
from gradwright.prims.exponential import exp
from gradwright.prims.inv import inv
from gradwright.prims.logm import logm
from gradwright.prims.lyapunov import lyapunov_solver
from gradwright.prims.matrix_exp import matrix_exp
from gradwright.prims.sqrtm import sqrtm
from gradwright.prims.sylvester import sylvester_solver

# What a function of a matrix is of its eigenvalues.
FUNCTIONS: Mapping[Primitive, Primitive] = {
    sqrtm: spectral_root,
    logm: spectral_log,
    matrix_exp: exp,
    inv: spectral_reciprocals,
}
# What the first divided difference of a function is of eigenvalues.
DIFFERENCES: Mapping[Primitive, Primitive] = {
    first_difference("matrix_exp"): spectral_exp_differences,
    first_difference("logm"): spectral_log_differences,
}
EQUATIONS = (sylvester_solver, lyapunov_solver)


@frozen
class _Spectrum:
    """Eigenvalues, and the eigenvectors as columns; None where these are the unit vectors."""

    values: Node
    vectors: Node | None

    def into(self, matrix: Node) -> Node:
        """`Vᴴ M`."""
        return matrix if self.vectors is None else matmul(adjoint(self.vectors), matrix)

    def out_of(self, matrix: Node) -> Node:
        """`V M`."""
        return matrix if self.vectors is None else matmul(self.vectors, matrix)


def use_eigenvectors(roots: Roots, hints: Hints = NO_HINTS) -> Roots:
    """Functions of Hermitian matrices by eigenvalues; exponentials and inverses of functions where these are there."""
    order = list(applications(*roots))
    chosen = {node for node in order if _is_chosen(node)}
    if not chosen:
        return roots
    decomposed = {_origin(matrix) for node in chosen for matrix in _matrices(node)}
    chosen |= {node for node in order if _is_function(node) and _origin(node) in decomposed}
    return replaced(roots, lambda node, done: _in_eigenvectors(node, done) if node in chosen else None)


def name_hermitian(roots: Roots, hints: Hints = NO_HINTS) -> Roots:
    """Roots of Hermitian matrices, and equations with them, as functions that JAX can differentiate.

    Eigenvectors that stand by themselves have no derivative where eigenvalues are equal, and a wrong one nearby.
    """
    return replaced(roots, _named)


def _named(node: Node, done: Mapping[Node, Node]) -> Node | None:
    if not isinstance(node, Apply) or not _is_chosen(node):
        return None
    arguments = tuple(done[argument] for argument in node.arguments)
    if node.primitive is sqrtm:
        return Apply(hermitian_root, (), arguments)
    if node.primitive in EQUATIONS:
        return Apply(hermitian_sylvester, (), (arguments[0], arguments[-2], arguments[-1]))
    return None


def are_in_eigenvectors(roots: Iterable[Node]) -> bool:
    """Whether this pass has been at work, so that nothing but values is to be had from code for the expressions."""
    return any(node.primitive in EIGENVALUE_FORMS for node in applications(*roots))


def _is_chosen(node: Apply) -> bool:
    known = node.primitive in (sqrtm, logm, *DIFFERENCES, *EQUATIONS)
    return known and all(matrix.rank == 2 and "hermitian" in facts_of(matrix) for matrix in _matrices(node))


def _matrices(node: Apply) -> Sequence[Node]:
    """The matrices on the left and on the right whose eigenvalues a function takes."""
    match node.primitive:
        case p if p is sylvester_solver:
            return node.arguments[:2]
        case p if p in DIFFERENCES:
            return node.arguments[0], node.arguments[2]
        case _:
            return node.arguments[:1]


def _origin(matrix: Node) -> Node:
    """What a Hermitian matrix is a function of."""
    while isinstance(matrix, Apply) and _is_function(matrix):
        matrix = matrix.arguments[0]
    return matrix


def _is_function(matrix: Apply) -> bool:
    """Whether a matrix is to be a function of the eigenvalues of a Hermitian one.

    `S⁻¹` is not: of an S with rows of different sizes a factorisation of its own keeps the digits that the small
    eigenvalues have lost. What is the inverse of a function has lost them already.
    """
    if matrix.primitive not in FUNCTIONS or "hermitian" not in facts_of(argument := matrix.arguments[0]):
        return False
    return matrix.primitive is not inv or (isinstance(argument, Apply) and _is_function(argument))


def _spectrum(matrix: Node, done: Mapping[Node, Node]) -> _Spectrum:
    if isinstance(matrix, Apply) and _is_function(matrix):
        inner = _spectrum(matrix.arguments[0], done)
        return _Spectrum(Apply(FUNCTIONS[matrix.primitive], (), (inner.values,)), inner.vectors)
    # Eigenvalues are real numbers, and the diagonal of a matrix that is held as a complex one is not known to be.
    if "diagonal" in facts_of(matrix) and matrix.real:
        return _Spectrum(diagonal(done[matrix]), None)
    own = done[matrix]
    return _Spectrum(Apply(standard_eigh, (), (own,), 0), Apply(standard_eigh, (), (own,), 1))


def _in_eigenvectors(node: Node, done: Mapping[Node, Node]) -> Node:
    assert isinstance(node, Apply)
    if node.primitive in FUNCTIONS:
        whole = _spectrum(node, done)
        return diag(whole.values) if whole.vectors is None else _with_eigenvalues(whole.vectors, whole.values)
    left, *others = (_spectrum(matrix, done) for matrix in _matrices(node))
    right = others[0] if others else left
    place = 1 if node.primitive in DIFFERENCES else len(node.arguments) - 1
    turned = left.into(adjoint(right.into(adjoint(done[node.arguments[place]]))))
    if node.primitive in DIFFERENCES:
        middle = multiply(Apply(DIFFERENCES[node.primitive], (), (left.values, right.values)), turned)
    else:
        middle = Apply(spectral_quotient, (), (turned, left.values, right.values))
    return left.out_of(adjoint(right.out_of(adjoint(middle))))


def _with_eigenvalues(vectors: Node, values: Node) -> Node:
    """`V diag(λ) Vᴴ`."""
    n = vectors.shape[0]
    factors = [plain(vectors, (0, 1)), plain(values, (1,)), plain(conjugate(vectors), (2, 1))]
    return contract(1, factors, simple((0, 2)), {0: n, 1: n, 2: n})
