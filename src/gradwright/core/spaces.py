"""The constant linear spaces in which directions of variables, and the unknowns and equations of a `Solve`, live."""

from __future__ import annotations

from enum import StrEnum
from fractions import Fraction

from gradwright.core.dims import Dim, product
from gradwright.core.facts import NO_FACTS, Facts, tangent


class Space(StrEnum):
    """A linear space of tensors that does not depend on the point.

    Every space but `FREE` is one of square matrices. `HERMITIAN` and `SKEW_HERMITIAN` are linear
    over the real numbers only.
    """

    FREE = "free"
    LOWER = "lower"
    STRICTLY_LOWER = "strictly lower"
    UPPER = "upper"
    STRICTLY_UPPER = "strictly upper"
    DIAGONAL = "diagonal"
    HOLLOW = "zero on the diagonal"
    SYMMETRIC = "symmetric"
    SKEW = "skew"
    HERMITIAN = "hermitian"
    SKEW_HERMITIAN = "skew-hermitian"

    @property
    def weights(self) -> tuple[int, int, int] | None:
        """For a space of matrices with a zero pattern: 1 below, on, above where entries are free."""
        return _PATTERNS.get(self)

    @property
    def facts(self) -> Facts:
        """What is known of its matrices, before it is said whether they are real."""
        return frozenset({_FACTS[self]}) if self in _FACTS else NO_FACTS

    @property
    def has_zeros(self) -> bool:
        """Whether some entries of all its matrices are zero."""
        return 0 in _PATTERNS.get(self, ())

    @property
    def mirror_sign(self) -> int:
        """For a space of matrices that are their mirror images, perhaps with the sign changed, 1 or −1; else 0."""
        return _MIRROR_SIGNS.get(self, 0)

    @property
    def conjugated(self) -> bool:
        """Whether these mirror images are adjoints, and no mere transposes."""
        return self in (Space.HERMITIAN, Space.SKEW_HERMITIAN)

    def mirrors(self, real: bool) -> bool:
        """Whether these are the mirror images that matrices of a field have: transposes of real ones, or adjoints."""
        return bool(self.mirror_sign) and self.conjugated is not real

    def dimension(self, shape: tuple[Dim, ...], real: bool) -> Dim:
        """How many real numbers determine a tensor of the space, whose entries are real or not."""
        free = product(shape)
        if self.conjugated:
            return free
        if self.mirror_sign:
            entries = (free + shape[0] * self.mirror_sign) * Fraction(1, 2)
        elif self is Space.FREE:
            entries = free
        else:
            below, on, above = _PATTERNS[self]
            entries = (free - shape[0]) * Fraction(below + above, 2) + shape[0] * on
        return entries if real else entries * 2


def tangent_space(facts: Facts) -> Space:
    """The narrowest space of the directions of a tensor that has these facts, as far as it is constant."""
    moves = tangent(facts)
    return next((space for space in _FACTS if space.facts <= moves), Space.FREE)


def mirror_space(facts: Facts, real: bool) -> Space:
    """The space of their own mirror images that matrices with these facts are in, up to sign; all matrices if in none.

    Of a real symmetric right side and a complex operator the solution is Hermitian, and not symmetric.
    """
    return next((space for space in _FACTS if space.mirrors(real) and space.facts <= facts), Space.FREE)


_PATTERNS = {
    Space.FREE: (1, 1, 1),
    Space.LOWER: (1, 1, 0),
    Space.STRICTLY_LOWER: (1, 0, 0),
    Space.UPPER: (0, 1, 1),
    Space.STRICTLY_UPPER: (0, 0, 1),
    Space.DIAGONAL: (0, 1, 0),
    Space.HOLLOW: (1, 0, 1),
}
# The narrowest spaces first: a diagonal matrix is triangular and symmetric, and a real symmetric one is Hermitian.
_FACTS = {
    Space.DIAGONAL: "diagonal",
    Space.STRICTLY_LOWER: "strictly_lower",
    Space.STRICTLY_UPPER: "strictly_upper",
    Space.LOWER: "lower",
    Space.UPPER: "upper",
    Space.SYMMETRIC: "symmetric",
    Space.HERMITIAN: "hermitian",
    Space.SKEW: "skew",
    Space.SKEW_HERMITIAN: "skew_hermitian",
}
_MIRROR_SIGNS = {Space.SYMMETRIC: 1, Space.HERMITIAN: 1, Space.SKEW: -1, Space.SKEW_HERMITIAN: -1}
