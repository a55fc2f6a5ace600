"""The functions of the language as Python functions of expressions: `gradwright.inv(X)`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradwright.prims  # noqa: F401  (registers the functions)
from gradwright.api.expression import call
from gradwright.core.registry import FUNCTIONS


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
    apply.__doc__ = f"{function.usage}: {function.summary}."
    return apply
