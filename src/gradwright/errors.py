"""Every error that a user can cause, in one place.

All derive from `GradwrightError`. A message names the pattern, the shapes and the cause, and says
what to do about it; it is one paragraph, fit to be printed without a traceback.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from gradwright.core.dims import Dim


class GradwrightError(Exception):
    """The base of every error that a user can cause.

    Attributes:
        located: whether the message says already in which part of a text the error is.
        suggested: the declarations that the message suggests, each a name and what stands after its colon. The
            message has them as keyword arguments, `A='n m'`; `restated` has them as another entry point takes them.
    """

    located = False
    suggested: tuple[tuple[str, str], ...] = ()

    def suggest(self, *declarations: tuple[str, str]) -> Self:
        """The error, with the declarations that its message suggests."""
        self.suggested = declarations
        return self

    def restated(self, form: str) -> str:
        """The message with its suggested declarations in another form, such as `--var "{name}: {words}"`."""
        message = str(self)
        for name, words in self.suggested:
            message = message.replace(f"{name}='{words}'", form.format(name=name, words=words))
        return message


class LanguageError(GradwrightError):
    """Text that is not in the language: a construct, an operator or a literal it does not have."""


class UnknownNameError(GradwrightError):
    """A function or variable that nobody declared."""


class UnknownOutputError(UnknownNameError, AttributeError):
    """An output that a function with several does not have; an AttributeError too, so that `hasattr` answers."""


class DeclarationError(GradwrightError):
    """A declaration that cannot be read, contradicts another, or is missing."""


class ShapeError(GradwrightError):
    """Shapes that do not fit the operation."""


class DimensionMismatchError(ShapeError):
    """Two dimensions that have to be equal and are not known to be.

    Attributes:
        left: the first dimension.
        right: the second one.
    """

    def __init__(self, message: str, left: Dim, right: Dim) -> None:
        super().__init__(message)
        self.left = left
        self.right = right

    def __reduce__(self) -> tuple[Any, ...]:
        """For copies and pickles, as of a process in a pool, which may not fail: made again from all it was made of."""
        return type(self), (str(self), self.left, self.right), self.__dict__


class AmbiguousShapeError(DeclarationError):
    """A variable whose shape the text does not force."""


class UnsupportedError(GradwrightError):
    """Something meaningful that gradwright does not do; the message names it."""


class GaugeWarning(UserWarning):
    """A cotangent that depends on a choice, such as phases, which the inputs do not determine; so does its result."""


class ConditionError(GradwrightError):
    """Input that violates a condition of the function or of its derivative."""


class IdentityError(GradwrightError):
    """An identity that does not define its unknown."""


class DerivationError(GradwrightError):
    """A derivative that does not exist as asked, or a step that its check rejects."""


class EvaluationError(GradwrightError):
    """Arrays that do not fit the expression they are given to."""


class EmissionError(GradwrightError):
    """An expression that a back end cannot write as code."""


class CheckError(GradwrightError):
    """A function that cannot be checked, and why."""
