"""The NumPy implementation of a primitive as text for an emitted module."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from types import FunctionType, ModuleType
from typing import Any

from gradwright.core.primitive import Primitive
from gradwright.errors import EmissionError


def numpy_function(primitive: Primitive, implementation: str | Callable[..., Any]) -> tuple[list[str], str]:
    """The texts that a NumPy implementation needs, imports among them, and the expression that calls it.

    Raises:
        EmissionError: the implementation is an object that only this process has.
    """
    if isinstance(implementation, str):
        if "{" in implementation:
            return _imports(implementation), _filled_in(primitive, implementation)
        root = implementation.rpartition(".")[0]
        if not root:
            raise EmissionError(f"{primitive.name} cannot be written as a function of NumPy arrays")
        return [f"import {root}"] if root != "numpy" else [], implementation
    if not is_written(implementation):
        raise EmissionError(
            f"the forward function of {primitive.name} is a Python object, which no file can contain: give forward= "
            f'a dotted name such as "scipy.linalg.sqrtm" to write a module, or use function("torch") in this process'
        )
    return list(dict.fromkeys(_pasted(implementation))), _called(implementation)


def _imports(template: str) -> list[str]:
    """The modules of the dotted names in a template; numpy itself is imported already."""
    roots = (name.rpartition(".")[0] for name in re.findall(r"\b(?:numpy|scipy)(?:\.\w+)+", template))
    return [f"import {root}" for root in dict.fromkeys(roots) if root != "numpy"]


def _filled_in(primitive: Primitive, template: str) -> str:
    """A template as a function of the inputs: `(lambda X: numpy.sinh(X))` for `numpy.sinh({0})`."""
    names = [declared.name for declared in primitive.inputs]
    return f"(lambda {', '.join(names)}: {template.format(*names)})"


def is_written(implementation: str | Callable[..., Any]) -> bool:
    """Whether an implementation can be written in a file: a name, or a function of the primitives' own files."""
    return isinstance(implementation, str) or implementation.__module__.startswith("gradwright.prims")


# Modules that are slow to load are imported inside the functions here, and at the head of an emitted module.
_INNER_IMPORT = re.compile(r"^ +(import [\w.]+)\n\n?", re.MULTILINE)


def _pasted(function: Any) -> Iterator[str]:
    """The source of a function and of everything in its module that it uses, dependencies first.

    Of a function that another one makes, such as the divided difference of the logarithm, it is the source of what it
    is made of and of its maker.
    """
    if "<locals>" in function.__qualname__:
        for part in (*_enclosed(function).values(), _maker(function)):
            yield from _pasted(part)
        return
    code = function.__code__
    for name in code.co_names:
        value = function.__globals__.get(name)
        if value is function:
            continue
        if isinstance(value, FunctionType) and value.__module__.startswith("gradwright."):
            yield from _pasted(value)
        elif isinstance(value, ModuleType) and value.__name__ != "numpy":
            yield f"import {value.__name__}"
        elif isinstance(value, int | float):
            yield f"{name} = {value!r}"
    text = _plain_source(function)
    yield from _INNER_IMPORT.findall(text)
    yield _INNER_IMPORT.sub("", text)


def _called(function: Any) -> str:
    """The expression by which the pasted text has the function: its name, or the call that makes it."""
    if "<locals>" not in function.__qualname__:
        return function.__name__
    made_of = ", ".join(f"{name}={_called(part)}" for name, part in _enclosed(function).items())
    return f"{_maker(function).__name__}({made_of})"


def _maker(function: Any) -> Any:
    """The function in whose body one is defined; its arguments are what the inner one speaks of."""
    return function.__globals__[function.__qualname__.partition(".")[0]]


def _enclosed(function: Any) -> dict[str, Any]:
    """The functions that an inner function takes from the one around it, by their names there."""
    cells = function.__closure__ or ()
    return {name: cell.cell_contents for name, cell in zip(function.__code__.co_freevars, cells, strict=True)}


def _plain_source(function: Any) -> str:
    """A function's text without annotations that need further imports."""
    text = inspect.getsource(function).strip("\n")
    text = text.replace("ConditionError(", "ValueError(")
    return re.sub(r"\b(Array|Matrix)\b", "np.ndarray", text)


def is_import(text: str) -> bool:
    """Whether a text is an import, which belongs to the head of the module."""
    return text.startswith("import ")
