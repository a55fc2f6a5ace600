"""Results in memory of their own: whoever writes into one changes no input, and no other result.

The gradient of `⟨a, x⟩` in x is a, and that of `sum(x)²` a single number, looked at as a vector. Returned as they are,
the first would be the caller's array, and the second could not be written into. Both are read off the code.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from gradwright.back.code.library import Library
from gradwright.back.code.program import Statement

# Attributes, methods and functions whose value has the memory of an array.
_LOOKS = frozenset(
    "T mT mH real imag transpose permute swapaxes movedim moveaxis diagonal reshape conj conjugate flip".split()
)
_REPEATS = frozenset({"broadcast_to", "expand"})  # and in which an entry may stand in several places


def in_own_memory(
    results: Mapping[str, str], statements: Sequence[Statement], parameters: Sequence[str], library: Library
) -> dict[str, str]:
    """The results of a program, with those copied that have the memory of an input or of another result.

    Args:
        results: the expression of each.
        statements: what they are computed by.
        parameters: the names of the inputs.
        library: the dialect, which has copies.
    """
    computed = {statement.target: statement.expression for statement in statements}
    taken, found = set(parameters), dict[str, str]()
    for name, text in results.items():
        memory, repeats = _memory_of(ast.parse(text, mode="eval").body, computed, library.modules)
        found[name] = library.copy.format(x=text) if repeats or memory in taken else text
        taken.update(filter(None, [memory]))
    return found


def _memory_of(node: ast.expr, computed: Mapping[str, str], modules: Sequence[str]) -> tuple[str, bool]:
    """The name of the array whose memory a value has, empty if it is new; and whether entries are repeated in it."""
    match node:
        case ast.Name(id=name) if name in computed:
            memory, repeats = _memory_of(ast.parse(computed[name], mode="eval").body, computed, modules)
            return memory or name, repeats
        case ast.Name(id=name):
            return name, False
        case ast.Subscript(value=array):
            return _memory_of(array, computed, modules)
        case ast.Attribute(value=array, attr=name) if name in _LOOKS:
            return _memory_of(array, computed, modules)
        case ast.Call(func=ast.Attribute(value=owner, attr=name), args=arguments) if name in _LOOKS | _REPEATS:
            of_module = isinstance(owner, ast.Name) and owner.id in modules
            memory, repeats = _memory_of(arguments[0] if of_module else owner, computed, modules)
            return memory, repeats or name in _REPEATS
        case _:
            return "", False
