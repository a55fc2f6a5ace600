"""What is printed is a text of the language: read again it means the same, and is printed the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from numerics import close, generic_point
from torch_samples import primitives

import gradwright as gw
from gradwright.back.render import text_of
from gradwright.core.declarations import declared_facts
from gradwright.core.nodes import Direction, Node, Symbol
from gradwright.core.walks import free_leaves, substitute
from gradwright.errors import ConditionError, GradwrightError

COLLECTION = Path(__file__).with_name("data") / "expressions.txt"
LINES = [line for line in COLLECTION.read_text().splitlines() if line and not line.startswith("#")]
QUICK = LINES[::12]
# Row sums of a triangle come in another order when they are read, the transpose of a triangle as the other one, a
# Kronecker product that is reshaped as an einsum.
REORDERED = {
    "x @ inv(cholesky(K)) @ inv(cholesky(K)).T @ y", "ldl(K).L @ x", "reshape(reshape(X, m, n) @ X, m * m)",
}  # fmt: skip


def declared(line: str) -> tuple[str, dict[str, str]]:
    text, _, declarations = line.partition("|")
    parts = (part.partition(":") for part in declarations.split(",") if part.strip())
    return text.strip(), {name.strip(): words.strip() for name, _, words in parts}


def derivatives(expression: gw.Expression) -> Iterator[gw.Expression]:
    """The expression, its differential, and what there is of its VJPs and Jacobians."""
    yield expression
    D = gw.derive(expression)
    for name in ("jvp", "vjp", "jacobian"):
        try:
            found = getattr(D, name)
        except GradwrightError:  # a complex function has no single Jacobian, …
            continue
        yield from found.values() if isinstance(found, Mapping) else [found]


def words_of(leaf: Symbol | Direction) -> str:
    dims = [str(dim).replace(" ", "") for dim in leaf.shape]
    return " ".join([*dims, *declared_facts(leaf.facts)])


def read_again(expression: gw.Expression) -> tuple[Node, str]:
    """The node that the printed text stands for, and how that is printed, with directions for their names."""
    declarations = {d.name: str(d).partition(":")[2].strip() for d in expression.signature}
    leaves = [leaf for leaf in free_leaves(expression.node) if isinstance(leaf, Symbol | Direction)]
    declarations |= {leaf.name: words_of(leaf) for leaf in leaves}
    node = gw.parse(expression.text(), **declarations).node
    moves = {leaf.name: leaf for leaf in leaves if isinstance(leaf, Direction)}
    named = {leaf: moves[leaf.name] for leaf in free_leaves(node) if isinstance(leaf, Symbol) and leaf.name in moves}
    node = substitute(node, named)
    return node, text_of(node)


def check_line(line: str) -> None:
    text, declarations = declared(line)
    for expression in derivatives(gw.parse(text, **declarations)):
        node, again = read_again(expression)
        assert node.shape == expression.node.shape
        if text not in REORDERED:
            assert again == expression.text()
        means_the_same(node, expression.node)


def means_the_same(node: Node, printed: Node) -> None:
    """Both have one value, where they have any."""
    try:
        before, after = generic_point(printed, node).at(printed, node)
    except ConditionError:  # the generic point is outside of the function's domain
        return
    assert close(before, after, 1e-8) or not np.all(np.isfinite(before))


@pytest.mark.sampled
@pytest.mark.parametrize("line", QUICK)
def test_the_text_of_a_derivative_is_read_and_printed_the_same(line: str) -> None:
    check_line(line)


@pytest.mark.slow
@pytest.mark.parametrize("line", [line for line in LINES if line not in QUICK])
def test_the_text_of_every_derivative_is_read_and_printed_the_same(line: str) -> None:
    check_line(line)


SAMPLES = [(p, s) for p in primitives() for s in p.samples if not s.parameters]


@pytest.mark.sampled
@pytest.mark.parametrize(("primitive", "sample"), SAMPLES, ids=lambda item: getattr(item, "name", str(item)))
def test_the_derivatives_of_a_function_are_read_and_printed_the_same(primitive, sample) -> None:
    given = {d.partition(":")[0].strip(): d.partition(":")[2].strip() for d in sample.declarations.split(",")}
    call = f"{primitive.name}({', '.join(given)})"
    outputs = [f"{call}.{o.name}" for o in primitive.outputs] if len(primitive.outputs) > 1 else [call]
    for text in outputs:
        try:
            expression = gw.parse(text, **given)
        except GradwrightError:  # a record behind a function that is called otherwise
            continue
        for derivative in derivatives(expression):
            node, again = read_again(derivative)
            assert again == derivative.text()
            means_the_same(node, derivative.node)
