"""What an emitted function is called, and what a module calls its own."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Mapping
from keyword import iskeyword

from gradwright.back.code.names import unused
from gradwright.back.render import is_writable, text_of
from gradwright.core.nodes import Node
from gradwright.errors import EmissionError

IMPORTED = (
    "torch", "Tensor", "Any", "NamedTuple", "Callable", "Iterator", "forward_ad", "np", "math", "wraps",
    "unwrap_dead_wrappers",
)  # fmt: skip
OUTPUTS = "Outputs"


def function_name(outputs: Mapping[str, Node], variables: Iterable[str]) -> str:
    """The function's own name for `inv(X)`, `qr_Q` for `qr(A).Q`, and `function` for an expression."""
    first = next(iter(outputs.values()))
    found = _of_call(text_of(first)) if len(outputs) == 1 and is_writable(first) else ""
    taken = {*variables, *vars(builtins), *IMPORTED, OUTPUTS}
    return found if found and found not in taken else unused("function", taken)


def require_free(name: str, variables: Iterable[str]) -> None:
    """Refuse a name that a module cannot give its function.

    Raises:
        EmissionError: it is no identifier, or means something else in the module already.
    """
    if not name.isidentifier() or iskeyword(name) or name.startswith("_"):
        raise EmissionError(f"'{name}' cannot be the name of a public function: choose one such as my_function")
    if name in {*variables, *vars(builtins), *IMPORTED, OUTPUTS}:
        raise EmissionError(f"the function cannot be called '{name}', which is something else in its module")


def _of_call(text: str) -> str:
    tree = ast.parse(text, mode="eval").body
    output = ""
    if isinstance(tree, ast.Attribute):
        tree, output = tree.value, f"_{tree.attr}"
    if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name):
        return ""
    return tree.func.id + output if all(isinstance(a, ast.Name) for a in tree.args) and not tree.keywords else ""
