"""The functions that a user gives to `define`: forward=, which computes the unknowns, and start=, Newton's first guess.

What they return is brought to the shapes and the fields of the unknowns' declarations, or refused in words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from gradwright.core.arithmetic import Array, as_returned, resolve
from gradwright.core.declarations import declared_facts
from gradwright.core.membership import LINEAR, departure
from gradwright.core.nodes import Symbol
from gradwright.core.primitive import shape_text
from gradwright.diff.identities.problem import Problem
from gradwright.errors import DeclarationError, GradwrightError, IdentityError
from gradwright.front.newton import sizes_of
from gradwright.frozen import frozen


@frozen(eq=False)
class SuppliedForward:
    """A forward function that a user gives.

    Attributes:
        problem: the identity.
        function: of the givens, in order, to the unknown or to a tuple of them.
    """

    problem: Problem
    function: Callable[..., Any]

    def __call__(self, *arrays: Array) -> Any:
        """The unknowns; the unknown itself if there is only one."""
        return as_returned(self.solve(*arrays))

    def solve(self, *arrays: Array) -> tuple[Array, ...]:
        """The unknowns, in order; complex ones are complex where their values happen to be real."""
        parts = _arrays(self.problem, self.function, "forward function", arrays)
        return tuple(
            value if unknown.real else value.astype(np.result_type(value, np.complex64))
            for unknown, value in zip(self.problem.unknowns, parts, strict=True)
        )

    def tried(self, *arrays: Array) -> tuple[Array, ...]:
        """The same at a generic point: what it does not take or does not give is said."""
        problem = self.problem
        try:
            found = self.solve(*arrays)
        except (TypeError, LookupError, AttributeError) as error:
            names = ", ".join(given.name for given in problem.givens)
            raise IdentityError(
                f"{problem.name}: the forward function fails when called with {names} ({error})"
            ) from error
        sizes = sizes_of(problem, arrays)
        for unknown, value in zip(problem.unknowns, found, strict=True):
            _require_shape(problem, "forward=", unknown, value, sizes)
        return found


@frozen(eq=False)
class SuppliedStart:
    """A starting point of Newton's method that a user gives.

    Attributes:
        problem: the identity.
        function: of the givens, in order, to a guess of the unknown or to a tuple of them.
    """

    problem: Problem
    function: Callable[..., Any]

    def __call__(self, *arrays: Array) -> tuple[Array, ...]:
        """The guesses, with the shapes, in the fields and the linear spaces of the unknowns' declarations."""
        problem = self.problem
        try:
            guesses = _arrays(problem, self.function, "starting point", arrays)
        except GradwrightError:
            raise
        except Exception as error:
            raise IdentityError(f"{problem.name}: the starting point start= fails ({error})") from error
        sizes = sizes_of(problem, arrays)
        for unknown, guess in zip(problem.unknowns, guesses, strict=True):
            _require_shape(problem, "start=", unknown, guess, sizes)
            _require_space(problem.name, unknown, guess)
        return tuple(
            _in_field(not unknown.real, guess, f"{problem.name}: start= gives complex numbers for '{unknown.name}'")
            for unknown, guess in zip(problem.unknowns, guesses, strict=True)
        )


def function_named(function: Any, role: str) -> Callable[..., Any]:
    """A function of NumPy arrays, from itself or from its dotted name in a library."""
    if callable(function):
        return function
    if not isinstance(function, str):
        raise DeclarationError(
            f"{role}= takes a function of the givens, or its dotted name in numpy, scipy or torch, "
            f"and this is {type(function).__name__}"
        )
    if function.split(".")[0] not in ("numpy", "scipy", "torch"):
        raise DeclarationError(f"{role}='{function}': a name starts with numpy, scipy or torch")
    try:
        found = resolve(function)
    except (ModuleNotFoundError, AttributeError) as error:
        raise DeclarationError(f"{role}='{function}': there is no such function") from error
    return partial(_of_arrays, found) if function.startswith("torch.") else found


def _of_arrays(function: Callable[..., Any], *arrays: Array) -> Any:
    """A function of PyTorch tensors, called with NumPy arrays."""
    import torch

    result = function(*(torch.from_numpy(np.ascontiguousarray(a)) for a in arrays))
    parts = result if isinstance(result, tuple) else (result,)
    values = tuple(part.detach().resolve_conj().numpy() for part in parts)
    return values if isinstance(result, tuple) else values[0]


def _arrays(problem: Problem, function: Callable[..., Any], role: str, arrays: tuple[Array, ...]) -> tuple[Array, ...]:
    """What a function returns, as one array for each unknown."""
    result, count = function(*arrays), len(problem.unknowns)
    parts = tuple(result) if isinstance(result, tuple | list) else (result,)
    if len(parts) != count:
        raise IdentityError(
            f"{problem.name}: the {role} returns {len(parts)} result(s), and there are {count} unknown(s)"
        )
    found = tuple(np.asarray(part) for part in parts)
    if any(part.dtype.kind not in "biufc" for part in found):
        raise IdentityError(f"{problem.name}: the {role} returns something that is no array of numbers")
    return found


def _require_shape(problem: Problem, role: str, unknown: Symbol, value: Array, sizes: Mapping[str, int]) -> None:
    """Refuse an array that has not the unknown's shape."""
    expected = tuple(dim.evaluate(sizes) if set(dim.names) <= sizes.keys() else None for dim in unknown.shape)
    if value.ndim == len(expected) and all(e in (None, n) for e, n in zip(expected, value.shape, strict=True)):
        return
    raise IdentityError(
        f"{problem.name}: {role} gives an array of shape {value.shape} for '{unknown.name}', which is "
        f"{shape_text(unknown.shape)} and here has the shape {expected}{_in_order(problem)}"
    )


def _in_order(problem: Problem) -> str:
    """In which order several unknowns are expected."""
    several = len(problem.unknowns) > 1
    return f"; the order is {', '.join(u.name for u in problem.unknowns)}" if several else ""


def _require_space(name: str, unknown: Symbol, guess: Array) -> None:
    """Refuse a first guess outside of the linear space of its unknown, which no step brings back to it."""
    facts = unknown.facts & LINEAR
    found = departure(guess, facts) if guess.ndim == 2 and guess.shape[0] == guess.shape[1] else ""
    if found:
        raise IdentityError(
            f"{name}: start= gives for '{unknown.name}', which is declared {' '.join(declared_facts(unknown.facts))}, "
            f"a matrix that {found}; the steps from there stay outside: let start= return a matrix of that kind"
        )


def _in_field(is_complex: bool, value: Array, what: str) -> Array:
    """A value with the type of its field; what has an imaginary part is no real number."""
    if is_complex:
        return value.astype(np.result_type(value, np.complex64, float))
    if np.any(np.imag(value)):
        raise IdentityError(f"{what}, which is declared real: declare it complex, or take the real part")
    return np.real(value).astype(np.result_type(np.real(value), float))
