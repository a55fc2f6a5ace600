"""Operators on the derivative of a structured variable: linear systems inside its tangent space.

A Jacobian or Hessian in a symmetric, triangular, … variable has the full axes and is composed with the
projection on the tangent space, so it is singular as a matrix. Its linear systems are those between
tangent spaces, in orthonormal coordinates: `solve` gives the one tangent direction that the operator
takes to the right side, and the determinant is that of the map in those coordinates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
import scipy.linalg

from gradwright.back.operators.inverses import Determinant, Inverse, require_regular
from gradwright.back.operators.recognition import partition, recognised
from gradwright.back.operators.terms import Term
from gradwright.core.arithmetic import Array
from gradwright.core.facts import Facts
from gradwright.core.points import project_array
from gradwright.errors import ConditionError, EvaluationError, UnsupportedError
from gradwright.frozen import frozen, replace

LIMIT = 2048  # entries of a structured variable up to which a basis of its tangent space is formed
INSIDE = 1e-8  # relative distance from a space that is still rounding


@frozen
class Tangent:
    """The tangent space at the value of a variable."""

    facts: Facts
    value: Array

    def project(self, direction: Array) -> Array:
        """The nearest tangent direction."""
        return np.asarray(project_array(direction, self.facts, self.value))

    def contains(self, columns: Array) -> bool:
        """Whether every column is a tangent direction, up to rounding."""
        tensors = columns.T.reshape(-1, *self.value.shape)
        distance = max((np.max(np.abs(t - self.project(t)), initial=0.0) for t in tensors), default=0.0)
        return bool(distance <= INSIDE * np.max(np.abs(columns), initial=0.0))

    @cached_property
    def basis(self) -> Array:
        """An orthonormal basis, one direction a column."""
        if self.value.size > LIMIT:
            raise UnsupportedError(
                f"a structured variable with {self.value.size} entries is too large for a basis of its tangent space "
                f"(at most {LIMIT}), and the operator has no structure that does without"
            )
        units = np.eye(self.value.size).reshape(-1, *self.value.shape)
        projector = np.stack([self.project(unit).reshape(-1) for unit in units], axis=1)
        values, vectors = np.linalg.eigh(projector)
        return vectors[:, values > 0.5]


@frozen
class TangentInverse:
    """A map from a tangent space, written in coordinates: `images = operator @ basis`."""

    images: Array
    basis: Array
    same_space: bool

    def __post_init__(self) -> None:
        triangle = np.abs(np.diag(self._factors[1]))
        largest = np.max(triangle, initial=0.0)
        require_regular(float(np.min(triangle, initial=largest) / largest) if largest else 0.0)

    @property
    def structure(self) -> str:
        """`dense in the tangent space`."""
        return "dense in the tangent space"

    def solve(self, right: Array) -> Array:
        """The tangent direction whose image is the right side."""
        unitary, triangle, order = self._factors
        coordinates = np.empty((len(order), right.shape[1]), dtype=np.result_type(self.images, right))
        inner = unitary.conj().T @ right
        coordinates[order] = scipy.linalg.solve_triangular(triangle, inner)
        outside = np.max(np.abs(right - unitary @ inner), initial=0.0)
        if outside > INSIDE * np.max(np.abs(right), initial=0.0):
            raise not_in_the_range()
        return self.basis @ coordinates

    def slogdet(self) -> Determinant:
        """In orthonormal coordinates; between two different spaces only its absolute value has a meaning."""
        if self.same_space:
            sign, logarithm = np.linalg.slogdet(self.basis.conj().T @ self.images)
            return sign.item(), float(logarithm)
        return 1.0, float(np.sum(np.log(np.abs(np.diag(self._factors[1])))))

    @cached_property
    def _factors(self) -> tuple[Array, Array, Array]:
        return scipy.linalg.qr(self.images, mode="economic", pivoting=True)


@frozen
class MirroredInverse:
    """A map of symmetric or skew matrices, solved as a map of all matrices with the same values on those."""

    whole: Inverse
    tangent: Tangent
    coordinates: Callable[[], Inverse]

    @property
    def structure(self) -> str:
        """That of the map of all matrices."""
        return f"{self.whole.structure}, in the tangent space"

    def solve(self, right: Array) -> Array:
        """The solution among all matrices, if it is a tangent direction."""
        solution = self.whole.solve(right)
        if not self.tangent.contains(solution):
            raise not_in_the_range()
        return solution

    def slogdet(self) -> Determinant:
        """In orthonormal coordinates."""
        return self.coordinates().slogdet()


def tangent_inverse(
    terms: Sequence[Term] | None, product: Callable[[Array], Array], tangent: Tangent, same_space: bool
) -> Inverse:
    """The inverse of an operator on the tangent space of a variable."""

    def coordinates() -> Inverse:
        return TangentInverse(product(tangent.basis), tangent.basis, same_space)

    whole = _mirrored(terms, tangent.facts) if terms is not None else None
    return MirroredInverse(whole, tangent, coordinates) if whole is not None else coordinates()


def not_in_the_range() -> EvaluationError:
    """The right side of a system in a tangent space does not belong to it."""
    return EvaluationError(
        "the right side is not the image of a tangent direction of the structured variable: project it first "
        "(a gradient lies in the tangent space already)"
    )


def _mirrored(terms: Sequence[Term], facts: Facts) -> Inverse | None:
    """The terms with the columns' axes exchanged where that makes them products over the same groups."""
    sign = 1 if "symmetric" in facts else -1 if "skew" in facts else 0
    if not sign or "diagonal" in facts or len(terms[0].columns) != 2:
        return None
    wanted = set(partition(terms[0]))
    aligned = [term if set(partition(term)) == wanted else _exchanged(term, sign) for term in terms]
    if len(wanted) < 2 or any(set(partition(term)) != wanted for term in aligned):
        return None
    try:
        return recognised(aligned)
    except ConditionError:
        return None


def _exchanged(term: Term, sign: int) -> Term:
    return replace(term, coefficient=sign * term.coefficient, columns=term.columns[::-1])
