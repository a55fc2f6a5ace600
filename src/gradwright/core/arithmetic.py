"""The two arithmetics in which expressions are evaluated.

`evaluate` walks an expression once; what the entries are is left to an `Arithmetic`: floating-point
numbers for results and checks (`FloatArithmetic`, here), integers modulo a prime for proofs
(`core.modular`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import lru_cache
from importlib import import_module
from string import ascii_letters
from typing import Any, Protocol

import numpy as np

from gradwright.core.nodes import Parameter
from gradwright.core.primitive import Implementation, Primitive
from gradwright.errors import EvaluationError, UnsupportedError

Array = np.ndarray[Any, np.dtype[Any]]


class Arithmetic(Protocol):
    """What evaluation needs of numbers."""

    def constant(self, name: str) -> Array:
        """`pi`, or `i`."""
        ...

    def array(self, entries: Array) -> Array:
        """A constant integer or rational tensor."""
        ...

    def conjugate(self, value: Array) -> Array:
        """The complex conjugate."""
        ...

    def real(self, value: Array) -> Array:
        """The real part."""
        ...

    def einsum(self, coefficient: Fraction, operands: Sequence[tuple[Array, list[int]]], output: list[int]) -> Array:
        """A rational number times a product of tensors, summed over labels not in the output."""
        ...

    def add(self, values: Sequence[Array]) -> Array:
        """A sum."""
        ...

    def apply(
        self, primitive: Primitive, parameters: tuple[Parameter, ...], arguments: Sequence[Array]
    ) -> tuple[Array, ...]:
        """All outputs of a primitive."""
        ...

    def solve(self, matrix: Array, right: Array) -> Array:
        """The solution of a square linear system with several right sides."""
        ...


LARGE = 100_000  # multiplications, from which on BLAS makes up for what it takes to call it


class FloatArithmetic:
    """NumPy's floating-point numbers."""

    def constant(self, name: str) -> Array:
        """`pi`, or `i`."""
        return np.asarray(np.pi if name == "pi" else 1j)

    def array(self, entries: Array) -> Array:
        """The entries as floating-point numbers."""
        return entries if np.iscomplexobj(entries) else entries.astype(float)

    def conjugate(self, value: Array) -> Array:
        """The complex conjugate."""
        return np.conj(value)

    def real(self, value: Array) -> Array:
        """The real part."""
        return np.real(value)

    def einsum(self, coefficient: Fraction, operands: Sequence[tuple[Array, list[int]]], output: list[int]) -> Array:
        """A product of tensors; two at a time where there are more."""
        if not operands:
            return np.asarray(as_float(coefficient))
        reduced = [_without_private_labels(place, operands, output) for place in range(len(operands))]
        letters = _letters([*(labels for _, labels in reduced), output])
        inputs = ",".join("".join(letters[label] for label in labels) for _, labels in reduced)
        pattern = f"{inputs}->{''.join(letters[label] for label in output)}"
        result = _multiplied(pattern, [array for array, _ in reduced])
        return result if coefficient == 1 else as_float(coefficient) * result

    def add(self, values: Sequence[Array]) -> Array:
        """A sum."""
        return sum(values[1:], values[0])

    def apply(
        self, primitive: Primitive, parameters: tuple[Parameter, ...], arguments: Sequence[Array]
    ) -> tuple[Array, ...]:
        """The primitive's NumPy implementation; what is nothing but rounding errors is refused.

        So are matrices that are not finite: LAPACK returns numbers for some of them, and does not return for others.
        """
        if primitive.takes_matrices and not all(map(is_finite, arguments)):
            raise np.linalg.LinAlgError("its argument is not finite")
        result: Array | tuple[Array, ...] = implementation(primitive)(*arguments, *parameters)
        outputs = tuple(map(np.asarray, result if isinstance(result, tuple) else (result,)))
        if primitive.regular is not None and not primitive.regular(tuple(arguments), outputs):
            raise np.linalg.LinAlgError("to working precision its condition is violated")
        return outputs

    def solve(self, matrix: Array, right: Array) -> Array:
        """LAPACK's general solver."""
        return np.linalg.solve(matrix, right)


Operand = tuple[Array, list[int]]


def _multiplied(pattern: str, arrays: list[Array]) -> Array:
    """What `numpy.einsum` gives, two operands at a time."""
    for places, subscripts, large in _plan(pattern, tuple(array.shape for array in arrays)):
        operands = [arrays.pop(place) for place in places]
        arrays.append(np.einsum(subscripts, *operands, optimize=large))
    return arrays[0]


@lru_cache(maxsize=4096)
def _plan(pattern: str, shapes: Sequence[tuple[int, ...]]) -> Sequence[tuple[Sequence[int], str, bool]]:
    """Which operands are multiplied one after the other, as what, and whether they are large enough for BLAS.

    It is found once for the many evaluations of an iteration.
    """
    inputs, output = pattern.split("->")
    rest = inputs.split(",")
    sizes = {
        letter: n for letters, shape in zip(rest, shapes, strict=True) for letter, n in zip(letters, shape, strict=True)
    }
    _, *path = np.einsum_path(pattern, *(np.broadcast_to(0.0, shape) for shape in shapes), optimize="greedy")[0]
    plan: list[tuple[Sequence[int], str, bool]] = []
    for places in path:
        last_first = sorted(places, reverse=True)
        own = [rest.pop(place) for place in last_first]
        letters = dict.fromkeys("".join(own))
        kept = "".join(letter for letter in letters if letter in {*output, *"".join(rest)}) if rest else output
        plan.append((last_first, f"{','.join(own)}->{kept}", math.prod(sizes[letter] for letter in letters) > LARGE))
        rest.append(kept)
    return plan


def _without_private_labels(place: int, operands: Sequence[Operand], output: list[int]) -> Operand:
    """An operand summed over the labels that stand nowhere else: NumPy has 52 letters for the rest."""
    array, labels = operands[place]
    elsewhere = {*output, *(label for p, (_, other) in enumerate(operands) if p != place for label in other)}
    if elsewhere.issuperset(labels):
        return array, labels
    kept = [label for label in dict.fromkeys(labels) if label in elsewhere]
    letters = _letters([labels])
    pattern = f"{''.join(letters[label] for label in labels)}->{''.join(letters[label] for label in kept)}"
    return np.einsum(pattern, array), kept


def largest(value: Array) -> float:
    """The absolute value of the largest entry; 0 if there is none."""
    return float(np.max(np.abs(value), initial=0.0))


def is_finite(value: Array) -> bool:
    """Whether no entry is infinite or no number."""
    return bool(np.all(np.isfinite(value)))


def inner(left: Array, right: Array) -> float:
    """`Re⟨left, right⟩`, the inner product over the real numbers."""
    products: Array = np.conj(left) * right
    return float(products.sum().real)


def as_float(value: Fraction) -> float:
    """The nearest floating-point number; infinity where there is none that large."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _letters(groups: Sequence[Sequence[int]]) -> dict[int, str]:
    """A letter for every label, in order of appearance."""
    found = dict.fromkeys(label for labels in groups for label in labels)
    if len(found) > len(ascii_letters):
        raise EvaluationError(
            f"a product with {len(found)} different axes at once cannot be evaluated (at most "
            f"{len(ascii_letters)}): write it in pieces"
        )
    return dict(zip(found, ascii_letters, strict=False))


def implementation(primitive: Primitive) -> Callable[..., Any]:
    """The NumPy function of a primitive.

    Raises:
        UnsupportedError: its record has none.
    """
    if primitive.numpy is None:
        raise UnsupportedError(f"{primitive.name} cannot be computed: its record has no function for 'numpy'")
    return resolve(primitive.numpy)


def as_returned(outputs: tuple[Any, ...]) -> Any:
    """The outputs of a function as it returns them: one by itself, several as a tuple."""
    return outputs[0] if len(outputs) == 1 else outputs


@lru_cache(maxsize=4096)
def resolve(implementation: Implementation) -> Callable[..., Any]:
    """The function behind a dotted name, an expression or the text of a function, imported on first use."""
    if not isinstance(implementation, str):
        return implementation
    if implementation.lstrip().startswith("def "):
        return _from_text(implementation.strip())
    if "{" in implementation:
        return _from_expression(implementation)
    parts = implementation.split(".")
    for split in range(len(parts) - 1, 0, -1):
        try:
            found: Any = import_module(".".join(parts[:split]))
        except ModuleNotFoundError:
            continue
        for name in parts[split:]:
            found = getattr(found, name)
        return found
    raise ModuleNotFoundError(implementation)


def _from_expression(text: str) -> Callable[..., Any]:
    """The function of an expression such as `numpy.linalg.solve({0}, {1}[..., None])[..., 0]`."""
    body = re.sub(r"\{(\d+)\}", r"arguments[\1]", text)
    return eval(f"lambda *arguments: {body}", _modules(text))


def _from_text(text: str) -> Callable[..., Any]:
    """The function that a text defines, in which NumPy is called np."""
    namespace: dict[str, Any] = {"np": np, **_modules(text)}
    exec(text, namespace)
    return namespace[text[len("def ") :].partition("(")[0]]


def _modules(text: str) -> dict[str, Any]:
    """NumPy, and SciPy if a text reads one of its modules."""
    modules: dict[str, Any] = {"numpy": np}
    for submodule in re.findall(r"\bscipy\.\w+", text):
        import_module(submodule)
        modules["scipy"] = import_module("scipy")
    return modules
