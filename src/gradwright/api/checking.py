"""`gradwright.check`: is this function, with its gradient, what it is meant to be?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gradwright.api.evaluation import as_array, bind_sizes
from gradwright.api.expression import Expression, parse
from gradwright.check.report import Report
from gradwright.core.nodes import Direction, Symbol
from gradwright.core.signature import Signature
from gradwright.core.walks import free_leaves
from gradwright.errors import CheckError, UnknownNameError


def check(
    function: Any,
    expression: str | Expression | None = None,
    /,
    *,
    wrt: str | Sequence[str] | None = None,
    variables: Mapping[str, str] | None = None,
    **example_inputs: Any,
) -> Report:
    """Check a function and its gradient against an expression, and name what is wrong.

    Args:
        function: an `autograd.Function`'s `apply`, any callable that PyTorch differentiates, or a pair
            `(forward, backward)`, the forward possibly None. `backward(G, *inputs)` returns the gradient of
            `wrt`, or of all variables as a tuple.
        expression: what the function is meant to compute, as a text of the language or an `Expression`.
            Without one, the forward is traced into one.
        wrt: the variable, or the variables, by which it is differentiated; all of them by default.
        variables: declarations by name, such as `{"S": "n n symmetric"}`, where the text does not force them.
        **example_inputs: your own test point. It is judged: which mistakes it could not have seen.

    Returns:
        A report: `.right`, `.labels`, `.findings`, and as text.

    Raises:
        CheckError: what was given is no function, or cannot be checked.
    """
    return checked(function, expression, wrt, variables, example_inputs, lambda stage: None)


def checked(
    function: Any,
    expression: str | Expression | None,
    wrt: str | Sequence[str] | None,
    variables: Mapping[str, str] | None,
    example_inputs: Mapping[str, Any],
    progress: Callable[[str], None],
) -> Report:
    """The check, with a progress that is told what is being done."""
    _require_torch()
    from gradwright.check.run import examine
    from gradwright.check.subject import subject_of
    from gradwright.check.truth import Truth

    if expression is None:
        raise CheckError("give the expression that the function is meant to compute, such as 'inv(X)'")
    stated = expression if isinstance(expression, Expression) else parse(expression, **(variables or {}))
    names = _differentiated(stated, wrt)
    subject = subject_of(function, stated.variables, names, single=isinstance(wrt, str) or len(names) == 1)
    truth = Truth(stated.node, stated.signature, names, stated.written)
    return examine(subject, truth, _example_sizes(stated.signature, example_inputs), progress)


def _require_torch() -> None:
    try:
        import torch  # noqa: F401
    except ImportError:
        raise CheckError("check needs PyTorch: pip install 'gradwright[torch]'") from None


def _differentiated(stated: Expression, wrt: str | Sequence[str] | None) -> tuple[str, ...]:
    occurring = [leaf.name for leaf in free_leaves(stated.node) if isinstance(leaf, Symbol | Direction)]
    if wrt is None:
        names = tuple(name for name in stated.variables if name in occurring)
    else:
        names = (wrt,) if isinstance(wrt, str) else tuple(wrt)
    unknown = [name for name in names if name not in occurring]
    if unknown:
        raise UnknownNameError(f"'{unknown[0]}' does not occur in {stated.written}, which has {', '.join(occurring)}")
    if not names:
        raise CheckError(f"{stated.written} has no variable to differentiate by")
    return names


def _example_sizes(signature: Signature, inputs: Mapping[str, Any]) -> dict[str, int] | None:
    """The sizes of the dimensions in the user's own inputs."""
    unknown = [name for name in inputs if name not in signature]
    if unknown:
        raise CheckError(f"there is no variable '{unknown[0]}'; the expression has {', '.join(signature.names)}")
    arrays: dict[Symbol | Direction, Any] = {
        signature.symbol(name): as_array(name, value) for name, value in inputs.items()
    }
    found = bind_sizes(arrays) if arrays else {}
    return found if set(found) >= set(signature.dims) and found else None
