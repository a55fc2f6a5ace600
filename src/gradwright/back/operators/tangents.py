"""Operators on the derivative of a structured variable: linear systems inside its tangent space.

A Jacobian or Hessian in a symmetric, triangular, … variable has the full axes and is composed with the
projection on the tangent space, so it is singular as a matrix. Its linear systems are those between
tangent spaces, in orthonormal coordinates: `solve` gives the one tangent direction that the operator
takes to the right side, and the determinant is that of the map in those coordinates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from math import prod

import numpy as np
import scipy.linalg

from gradwright.back.operators.factorised import Determinant, ratio, require_regular
from gradwright.back.operators.inverses import Inverse
from gradwright.back.operators.recognition import partition, recognised
from gradwright.back.operators.terms import Term
from gradwright.core.arithmetic import Array, largest
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
        distance = max((largest(t - self.project(t)) for t in tensors), default=0.0)
        return bool(distance <= INSIDE * largest(columns))

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
    """A map from a tangent space onto its image, written in coordinates: `images = operator @ basis`."""

    images: Array
    basis: Array
    same_space: bool

    @property
    def structure(self) -> str:
        """`dense in the tangent space`."""
        return "dense in the tangent space"

    def solve(self, right: Array) -> Array:
        """The tangent direction whose image is the right side."""
        unitary, triangle, order = self._regular_factors
        coordinates = np.empty((len(order), right.shape[1]), dtype=np.result_type(self.images, right))
        inner = unitary.conj().T @ right
        coordinates[order] = scipy.linalg.solve_triangular(triangle, inner)
        outside = largest(right - unitary @ inner)
        if outside > INSIDE * largest(right):
            raise not_in_the_range()
        return self.basis @ coordinates

    def slogdet(self) -> Determinant:
        """In orthonormal coordinates; between two different spaces only its absolute value has a meaning."""
        triangle = self._regular_factors[1]
        if self.same_space:
            sign, logarithm = np.linalg.slogdet(self.basis.conj().T @ self.images)
            return sign.item(), float(logarithm)
        return 1.0, float(np.sum(np.log(np.abs(np.diag(triangle)))))

    @property
    def _regular_factors(self) -> tuple[Array, Array, Array]:
        triangle = self._factors[1]
        injective = triangle.shape[0] == triangle.shape[1]
        require_regular(ratio(np.abs(np.diag(triangle))) if injective else 0.0)
        return self._factors

    @cached_property
    def _factors(self) -> tuple[Array, Array, Array]:
        return scipy.linalg.qr(self.images, mode="economic", pivoting=True)


@frozen
class MirroredInverse:
    """A map of symmetric or skew matrices, solved as a map of all matrices with the same values on those.

    That one may be singular where the map of the symmetric ones is not, as `X dX + dX X` is: its systems are then
    solved in coordinates.
    """

    whole: Inverse
    tangent: Tangent
    form: Callable[[], Inverse]

    @property
    def structure(self) -> str:
        """That of the map of all matrices."""
        return f"{self.whole.structure}, in the tangent space"

    def solve(self, right: Array) -> Array:
        """The solution among all matrices, if it is a tangent direction."""
        try:
            solution = self.whole.solve(right)
        except ConditionError:
            return self._coordinates.solve(right)
        if not self.tangent.contains(solution):
            raise not_in_the_range()
        return solution

    def slogdet(self) -> Determinant:
        """In orthonormal coordinates."""
        return self._coordinates.slogdet()

    @cached_property
    def _coordinates(self) -> Inverse:
        return self.form()


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
    return recognised(aligned) if _is_square(terms[0]) else None


def _is_square(term: Term) -> bool:
    rows, columns = (prod(axis.size for axis in axes) for axes in (term.rows, term.columns))
    return rows == columns


def _exchanged(term: Term, sign: int) -> Term:
    return replace(term, coefficient=sign * term.coefficient, columns=term.columns[::-1])
