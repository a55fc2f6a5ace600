"""gradwright: derive, check and ship gradients.

Tensor differential calculus: expressions over named dimensions, the derivations of their derivatives
with every step checked, and code that computes them. Importing this module loads none of the parts;
each is loaded when it is first used.
"""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradwright.api.checking import check
    from gradwright.api.comparison import Equality, equal
    from gradwright.api.definition import DefinedFunction, define
    from gradwright.api.derivation import Derivation, derive
    from gradwright.api.dimensions import dim, dims
    from gradwright.api.expression import Expression, parse
    from gradwright.api.implicit import fixed_point, optimum
    from gradwright.api.tensor_algebra import outer, permute, roll, tensordot
    from gradwright.api.variables import matrix, scalar, tensor, vector
    from gradwright.errors import (
        AmbiguousShapeError,
        CheckError,
        ConditionError,
        DeclarationError,
        DerivationError,
        DimensionMismatchError,
        EmissionError,
        EvaluationError,
        GaugeWarning,
        GradwrightError,
        IdentityError,
        LanguageError,
        ShapeError,
        UnknownNameError,
        UnknownOutputError,
        UnsupportedError,
    )

__version__ = "0.1.0"

_HOMES = {
    "gradwright.api.checking": ("check",),
    "gradwright.api.comparison": ("equal", "Equality"),
    "gradwright.api.definition": ("define", "DefinedFunction"),
    "gradwright.api.derivation": ("Derivation", "derive"),
    "gradwright.api.dimensions": ("dim", "dims"),
    "gradwright.api.expression": ("Expression", "parse"),
    "gradwright.api.implicit": ("fixed_point", "optimum"),
    "gradwright.api.tensor_algebra": ("outer", "tensordot", "roll", "permute"),
    "gradwright.api.variables": ("tensor", "matrix", "vector", "scalar"),
    "gradwright.errors": (
        "GradwrightError", "LanguageError", "UnknownNameError", "UnknownOutputError", "DeclarationError", "ShapeError",
        "DimensionMismatchError", "AmbiguousShapeError", "UnsupportedError", "ConditionError", "IdentityError",
        "DerivationError", "EvaluationError", "EmissionError", "CheckError", "GaugeWarning",
    ),
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

# What a star import brings: not the functions of the language, some of which have the names of Python's own.
__all__ = ["AmbiguousShapeError", "CheckError", "ConditionError", "DeclarationError", "DefinedFunction", "Derivation",
           "DerivationError", "DimensionMismatchError", "EmissionError", "Equality", "EvaluationError", "Expression",
           "GaugeWarning", "GradwrightError", "IdentityError", "LanguageError", "ShapeError", "UnknownNameError",
           "UnknownOutputError", "UnsupportedError", "check", "define", "derive", "dim", "dims", "equal", "fixed_point",
           "matrix", "optimum", "outer", "parse", "permute", "roll", "scalar", "tensor", "tensordot",
           "vector"]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Load what is asked for: a public name, or a function of the language."""
    if name in _HOME_OF:
        value = getattr(_load(_HOME_OF[name]), name)
    elif name.startswith("_"):
        raise AttributeError(name)
    else:
        value = _load("gradwright.api.functions").language_function(name)
    globals()[name] = value
    return value


def _load(module: str) -> ModuleType:
    """Import a part, without looking for garbage meanwhile: what modules hold, stays."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        return import_module(module)
    finally:
        if enabled:
            gc.enable()


class _Package(ModuleType):
    """The package as a module whose `check` is the function, also after the subpackage of that name was imported."""

    @property
    def check(self) -> Any:
        """`gradwright.check`, the function."""
        return _load(_HOME_OF["check"]).check

    @check.setter
    def check(self, module: ModuleType) -> None:
        """Importing `gradwright.check.…` binds the subpackage here; it is reached through `sys.modules` alone."""


sys.modules[__name__].__class__ = _Package


def __dir__() -> list[str]:
    special = [name for name in globals() if name.startswith("__")]
    return sorted({*special, *_HOME_OF, *_load("gradwright.api.functions").names()})
