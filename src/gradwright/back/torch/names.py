"""What an emitted function is called, and what a module calls its own."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Mapping

from gradwright.back.code.names import unused
from gradwright.back.render import text_of
from gradwright.core.nodes import Node

IMPORTED = (
    "torch", "Tensor", "Any", "NamedTuple", "Callable", "Iterator", "forward_ad", "np", "math", "wraps",
    "unwrap_dead_wrappers",
)  # fmt: skip
OUTPUTS = "Outputs"


def function_name(outputs: Mapping[str, Node], variables: Iterable[str]) -> str:
    """The function's own name for `inv(X)`, `qr_Q` for `qr(A).Q`, and `function` for an expression."""
    found = _of_call(text_of(next(iter(outputs.values())))) if len(outputs) == 1 else ""
    taken = {*variables, *vars(builtins), *IMPORTED, OUTPUTS}
    return found if found and found not in taken else unused("function", taken)


def _of_call(text: str) -> str:
    tree = ast.parse(text, mode="eval").body
    output = ""
    if isinstance(tree, ast.Attribute):
        tree, output = tree.value, f"_{tree.attr}"
    if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name):
        return ""
    return tree.func.id + output if all(isinstance(a, ast.Name) for a in tree.args) and not tree.keywords else ""
