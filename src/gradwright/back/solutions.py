"""How the solution of linear equations is written: by the name of the equation, or the equations themselves."""

from __future__ import annotations

from collections.abc import Callable, Collection
from fractions import Fraction

from gradwright.back.algebra import scaled, split_number
from gradwright.back.formula import Call, Formula, Name
from gradwright.core.greek import latex_of_name
from gradwright.core.nodes import Node, Solve, Symbol
from gradwright.core.solutions import NAME, WORDS
from gradwright.core.spaces import Space
from gradwright.linear.projection import project_space
from gradwright.linear.recognise import sylvester_operands
from gradwright.linear.unknowns import named_operators, named_unknowns
from gradwright.simplify.pipeline import simplify


def solution_formula(
    node: Solve,
    formula: Callable[[Node], Formula],
    symmetric: bool,
    *,
    language: bool,
    declared: Collection[str],
) -> Formula:
    """`sylvester(A, B, C)` where the equation has a name, else `solve(H: A H B + H = C)`.

    Args:
        node: the equations, and which unknown is meant.
        formula: what is written for a node.
        symmetric: whether the solution is its own transpose.
        language: whether the text is to be read again: then a number stays in the equation's right side.
        declared: names that the unknowns must not have.
    """
    known = sylvester_operands(node, many=True)
    if known is not None:
        name, operands = known
        *coefficients, side = map(formula, operands)
        number, inside = (Fraction(1), side) if language else split_number(side)
        return scaled(number, Call(node.rank, symmetric, name, (*coefficients, inside)))
    symbols = named_unknowns(node, declared)
    spaces = [equation.space for equation in node.equations]
    shown = [_in_space(o, space) for o, space in zip(named_operators(node, symbols), spaces, strict=True)]
    operators = map(formula, shown)
    equations = [
        Call(0, True, "equals", (operator, formula(side)), text="{0} = {1}", latex="{0} = {1}")
        for operator, side in zip(operators, node.right_sides, strict=True)
    ]
    listed = ", ".join(f"{{{place}}}" for place in range(1, len(equations) + 1))
    sets = [(s.name, u.space) for s, u in zip(symbols, node.unknowns, strict=True) if u.space is not Space.FREE]
    told = "".join(f"; {name} {space}" for name, space in sets)
    written = "".join(rf"; \; {latex_of_name(name)} \text{{ {space}}}" for name, space in sets)
    return Call(
        node.rank,
        symmetric,
        NAME,
        (_declared(node, symbols), *equations),
        _within(node),
        f"solve({{0}}: {listed}{told})",
        rf"\operatorname{{solve}}\left({{0}}: {listed}{written}\right)",
        symbols[node.index].name if len(symbols) > 1 else "",
        binds=tuple(s.name for s in symbols),
    )


def _in_space(operator: Node, space: Space) -> Node:
    """The operator with the mask of its equation, if only those entries of it count: `tril(H A) = C`."""
    if operator.rank != 2 or space is Space.FREE or space.weights is None:
        return operator
    return simplify(project_space(operator, space))


def _declared(node: Solve, symbols: tuple[Symbol, ...]) -> Name:
    """The unknown that is meant; in the language the declarations of all."""
    texts: list[str] = []
    for symbol, unknown in zip(symbols, node.unknowns, strict=True):
        words = [str(dim).replace(" ", "") for dim in unknown.shape]
        words += [] if unknown.space is Space.FREE else [WORDS[unknown.space]]
        words += [] if unknown.real else ["complex"]
        texts.append(f"{symbol.name}: {' '.join(words)}".rstrip())
    own = symbols[node.index].name
    return Name(0, True, own, f'"{", ".join(texts)}"', latex_of_name(own))


def _within(node: Solve) -> str:
    """The spaces of the equations, where they are not those of the unknowns."""
    spaces = [equation.space for equation in node.equations]
    usual = [unknown.space for unknown in node.unknowns[: len(spaces)]]
    usual += [Space.FREE] * (len(spaces) - len(usual))
    return "" if spaces == usual else f'within="{", ".join(WORDS[space] for space in spaces)}"'
