"""The constant linear spaces in which the unknowns and the equations of a `Solve` live."""

from __future__ import annotations

from enum import StrEnum
from fractions import Fraction

from gradwright.core.dims import Dim, product


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


_PATTERNS = {
    Space.FREE: (1, 1, 1),
    Space.LOWER: (1, 1, 0),
    Space.STRICTLY_LOWER: (1, 0, 0),
    Space.UPPER: (0, 1, 1),
    Space.STRICTLY_UPPER: (0, 0, 1),
    Space.DIAGONAL: (0, 1, 0),
    Space.HOLLOW: (1, 0, 1),
}
_MIRROR_SIGNS = {Space.SYMMETRIC: 1, Space.HERMITIAN: 1, Space.SKEW: -1, Space.SKEW_HERMITIAN: -1}
