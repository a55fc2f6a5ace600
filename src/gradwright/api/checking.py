"""`gradwright.check`: is this function, with its gradient, what it is meant to be?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gradwright.api.expression import Expression, parse
from gradwright.api.inputs import as_array, bind_sizes
from gradwright.check.report import Finding, Report
from gradwright.core.declarations import parse_declarations
from gradwright.core.nodes import Direction, Symbol
from gradwright.core.walks import free_leaves
from gradwright.errors import CheckError, DeclarationError, GradwrightError, UnknownNameError

if TYPE_CHECKING:
    from gradwright.check.run import Example

AS_GIVEN = "variables={{'{name}': '{words}'}}"


def check(
    function: Any,
    expression: str | Expression | None = None,
    /,
    *,
    wrt: str | Sequence[str] | None = None,
    variables: Mapping[str, str] | str | None = None,
    **example_inputs: Any,
) -> Report:
    """Check a function and its gradient against an expression, and name what is wrong.

    Args:
        function: an `autograd.Function`'s `apply`, any callable that PyTorch differentiates, a function of JAX, or a
            pair `(forward, backward)`, the forward possibly None. `backward(G, *inputs)` returns the gradient of
            `wrt`, or of all variables as a tuple. A function whose first parameter is called as the cotangent, `G`,
            is a backward alone.
        expression: what the function is meant to compute, as a text of the language or an `Expression`.
            Without one, the forward is traced into one.
        wrt: the variable, or the variables, by which it is differentiated; all of them by default.
        variables: declarations by name, such as `{"S": "n n symmetric"}`, or as a text, `"S: n n symmetric, x: n"`,
            where the expression does not force them.
        **example_inputs: your own test point. It is judged: which mistakes it could not have seen.

    Returns:
        A report: `.right`, `.labels`, `.findings`, and as text.

    Raises:
        CheckError: what was given is no function, or cannot be checked.
    """
    try:
        return checked(function, expression, wrt, _by_name(variables), example_inputs, lambda stage: None)
    except GradwrightError as error:
        error.args = (error.restated(AS_GIVEN),)
        raise


def _by_name(variables: Mapping[str, str] | str | None) -> Mapping[str, str]:
    """Declarations by name.

    Raises:
        DeclarationError: they are neither a mapping nor a text.
    """
    if isinstance(variables, str):
        return {declared.name: declared.after_colon for declared in parse_declarations(variables)}
    if variables is not None and not isinstance(variables, Mapping):
        raise DeclarationError(
            f"variables={variables!r}: declarations are a mapping such as {{'X': 'n n'}}, or a text such as 'X: n n'"
        )
    return variables or {}


def checked(
    function: Any,
    expression: str | Expression | None,
    wrt: str | Sequence[str] | None,
    variables: Mapping[str, str],
    example_inputs: Mapping[str, Any],
    progress: Callable[[str], None],
) -> Report:
    """The check, with a progress that is told what is being done."""
    _require_torch()
    from gradwright.check.run import examine
    from gradwright.check.subject import subject_of
    from gradwright.check.truth import Truth

    traced: tuple[Finding, ...] = ()
    if expression is None:
        stated, traced = _traced(function, variables, example_inputs)
    else:
        stated = expression if isinstance(expression, Expression) else parse(expression, **variables)
    names = _differentiated(stated, wrt)
    truth = Truth(stated.node, stated.signature, names, stated.written)
    single = isinstance(wrt, str) or len(names) == 1
    subject = subject_of(function, stated.variables, names, single, truth.cotangent.name)
    report = examine(subject, truth, _example(stated, example_inputs), progress)
    return Report(report.subject, (*traced, *report.findings))


def _traced(
    function: Any, variables: Mapping[str, str], inputs: Mapping[str, Any]
) -> tuple[Expression, tuple[Finding, ...]]:
    """The expression that the forward is traced into, and a finding that says so."""
    from gradwright.check.report import note
    from gradwright.check.subject import forward_of, in_order, is_backward
    from gradwright.check.tracing import trace_forward

    if not variables and not inputs:
        raise CheckError("without an expression, say what the inputs are, for instance X='n n'").suggest(("X", "n n"))
    given = {name: value for name, value in inputs.items() if not variables or name in variables}
    names = tuple(variables or given)
    forward = in_order(forward_of(function), names)
    if is_backward(forward, "G", names):
        raise CheckError("a backward alone is no forward to be traced: give the expression that it belongs to")
    found = trace_forward(forward, given, variables or None)
    if found.node is None:
        raise CheckError(
            f"the forward cannot be traced into an expression ({'; '.join(found.reasons)}): "
            f"give the expression that it is meant to compute"
        )
    stated = Expression(found.node, found.signature)
    words = f"no expression was given; the forward was traced, and computes {stated}"
    return stated, (note("expression", words),)


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


def _example(stated: Expression, inputs: Mapping[str, Any]) -> Example | None:
    """The user's own inputs with the sizes of the dimensions; None if they do not settle these."""
    from gradwright.check.run import Example
    from gradwright.check.truth import cotangent_of

    signature = stated.signature
    cotangent = cotangent_of(stated.node, signature.names)
    unknown = [name for name in inputs if name not in signature and name != cotangent.name]
    if unknown:
        raise CheckError(f"there is no variable '{unknown[0]}'; the expression has {', '.join(signature.names)}")
    arrays = {name: as_array(name, value) for name, value in inputs.items()}
    leaves: dict[Symbol | Direction, Any] = {
        signature.symbol(n) if n in signature else cotangent: a for n, a in arrays.items()
    }
    sizes = bind_sizes(leaves) if leaves else {}
    return Example(arrays, sizes) if arrays and set(sizes) >= set(signature.dims) else None
