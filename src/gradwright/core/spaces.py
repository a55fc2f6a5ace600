"""The constant linear spaces in which the unknowns and the equations of a `Solve` live."""

from __future__ import annotations

from enum import StrEnum


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
    def transposed(self) -> Space:
        """The space of the transposes."""
        return _TRANSPOSED.get(self, self)


_PATTERNS = {
    Space.FREE: (1, 1, 1),
    Space.LOWER: (1, 1, 0),
    Space.STRICTLY_LOWER: (1, 0, 0),
    Space.UPPER: (0, 1, 1),
    Space.STRICTLY_UPPER: (0, 0, 1),
    Space.DIAGONAL: (0, 1, 0),
    Space.HOLLOW: (1, 0, 1),
}
_TRANSPOSED = {
    Space.LOWER: Space.UPPER,
    Space.UPPER: Space.LOWER,
    Space.STRICTLY_LOWER: Space.STRICTLY_UPPER,
    Space.STRICTLY_UPPER: Space.STRICTLY_LOWER,
}
