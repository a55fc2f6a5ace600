"""The functions of the language as Python functions of expressions: `gradwright.inv(X)`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradwright.api.expression import call
from gradwright.core.registry import Function
from gradwright.front.functions import FUNCTIONS


def names() -> list[str]:
    """The names of all functions."""
    return sorted(FUNCTIONS)


def language_function(name: str) -> Callable[..., Any]:
    """A function of the language by name.

    Raises:
        AttributeError: there is none of that name.
    """
    if name not in FUNCTIONS:
        raise AttributeError(f"module 'gradwright' has no attribute '{name}'")
    function = FUNCTIONS[name]

    def apply(*arguments: Any, **keywords: Any) -> Any:
        return call(name, *arguments, **keywords)

    apply.__name__ = apply.__qualname__ = name
    apply.__module__ = "gradwright"  # where a pickle finds it
    apply.__doc__ = _docstring(function)
    return apply


def _docstring(function: Function) -> str:
    """What the record says: the summary, the shapes, what defines the function, what it needs, and the source."""
    paragraphs = [f"{function.usage}: {function.summary}."]
    for primitive in function.primitives:
        of_its_own = primitive.summary != function.summary
        lines = [f"{primitive.summary}:"] if of_its_own else []
        lines += [f"{primitive.signature}"]
        lines += [f"Defined by {' and '.join(primitive.identity)}."] if primitive.identity else []
        lines += [f"Needs: {'; '.join(primitive.needs)}."] if primitive.needs else []
        lines += [f"Source: {primitive.source}."] if primitive.source else []
        paragraphs.append("\n".join(lines))
    return "\n\n".join(paragraphs)
