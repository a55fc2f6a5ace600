"""What an expression and its derivatives need, and the conventions that they rest on."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from gradwright.core.inference import facts_of
from gradwright.core.nodes import Apply, Node, Solve, Symbol
from gradwright.core.walks import postorder
from gradwright.linear.recognise import sylvester_operands
from gradwright.prims.power import power

# The fact that makes a condition true, by the words in which the records state it.
_GRANTED = (
    ("is invertible", "invertible"),
    ("no zero on its diagonal", "invertible"),
    ("is positive definite", "spd"),
    ("det(", "spd"),
    ("> 0", "positive"),
    ("has full rank", "invertible"),
    ("full column rank", "invertible"),
    ("no eigenvalue on the closed negative real axis", "spd"),
    ("leading minor", "spd"),
)
_EQUATIONS = {
    "sylvester": "{0} and −({1}) share no eigenvalue",
    "lyapunov": "no two eigenvalues of {0} add up to zero",
    "stein": "no two eigenvalues of {0} multiply to one",
}


def conditions_of(roots: tuple[Node, ...], written: Callable[[Node], str]) -> tuple[str, ...]:
    """The conditions of all functions that occur, in the words of their records, each once.

    Args:
        roots: the expression, and the derivatives that are asked about.
        written: renders a node.
    """
    found: dict[str, None] = {}
    for node in postorder(*roots):
        if isinstance(node, Apply):
            found.update(dict.fromkeys(_of_application(node, written)))
        elif isinstance(node, Solve):
            found.update(dict.fromkeys(_of_equation(node, written)))
    return tuple(found)


def _of_application(node: Apply, written: Callable[[Node], str]) -> list[str]:
    primitive = node.primitive
    names = {d.name: written(a) for d, a in zip(primitive.inputs, node.arguments, strict=True)}
    arguments = {d.name: a for d, a in zip(primitive.inputs, node.arguments, strict=True)}
    kept: list[str] = []
    for condition in primitive.conditions:
        subject = next((arguments[name] for name in arguments if f"{{{name}}}" in condition), None)
        if subject is None or not _is_granted(condition, subject):
            kept.append(condition.format(**names))
    if primitive is power:
        kept += _of_power(node, written)
    return kept


def _of_power(node: Apply, written: Callable[[Node], str]) -> list[str]:
    """Reciprocals and roots of what is not known to be positive."""
    exponent, base = node.parameters[0], node.arguments[0]
    assert isinstance(exponent, Fraction)
    if "positive" in facts_of(base) or not base.real:
        return []
    if exponent.denominator % 2 == 0:
        return [f"{written(base)} {'>' if exponent < 1 else '≥'} 0"]
    return [f"{written(base)} ≠ 0"] if exponent < 0 else []


def _is_granted(condition: str, argument: Node) -> bool:
    facts = facts_of(argument)
    return any(words in condition and fact in facts for words, fact in _GRANTED)


def _of_equation(node: Solve, written: Callable[[Node], str]) -> list[str]:
    known = sylvester_operands(node)
    if known is None:
        return ["the linear equations for the unknowns have one solution"]
    name, operands = known
    return [_EQUATIONS[name].format(*(written(operand) for operand in operands))]


def notes_of(root: Node) -> tuple[str, ...]:
    """The conventions at kinks, and hints where a matrix function may have been meant."""
    found: dict[str, None] = {}
    for node in postorder(root):
        if not isinstance(node, Apply):
            continue
        if node.primitive.note:
            found[node.primitive.note] = None
        meant = _MATRIX_FUNCTIONS.get(node.primitive.name)
        argument = node.arguments[0]
        square = argument.rank == 2 and argument.shape[0] == argument.shape[1]
        if meant and square and isinstance(argument, Symbol):
            words = f"{node.primitive.name} of the square matrix {argument.name} is taken entry by entry"
            found[f"{words}; the function of the matrix is {meant}"] = None
    return tuple(found)


_MATRIX_FUNCTIONS = {"exp": "matrix_exp", "log": "logm", "sign": "signm"}


def gauges_of(root: Node) -> tuple[str, ...]:
    """The freedom in the outputs of factorisations that occur."""
    found: dict[str, None] = {}
    for node in postorder(root):
        if isinstance(node, Apply) and node.primitive.gauge:
            found[f"{node.primitive.name} is unique up to {node.primitive.gauge}"] = None
    return tuple(found)
