"""What a condition is about: the shortest that comes to the same, `x ≠ 0` for `xᵀ K x ≠ 0`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gradwright.core.build import adjoint, number, transpose
from gradwright.core.canonical import as_product
from gradwright.core.contraction import contract, with_factors
from gradwright.core.inference import facts_of, is_positive
from gradwright.core.nodes import Apply, Contract, Factor, Node, labels_of
from gradwright.core.scalars import shared_number
from gradwright.linear.chains import chain_of, product_of_chain
from gradwright.prims.piecewise import absolute, modulus
from gradwright.prims.power import base_and_exponent
from gradwright.prims.reductions import norm
from gradwright.simplify.pipeline import simplify


def core_of(sentence: str, node: Node) -> Node:
    """What a sentence is about without what is positive and does not matter to it: `x > 0` for `x / n > 0`."""
    if sentence not in ("{} > 0", "{} ≠ 0", "{} is invertible", "det({}) > 0"):
        return node
    if isinstance(node, Apply) and sentence in ("{} > 0", "{} ≠ 0") and _keeps_signs(node):
        return core_of(sentence, node.arguments[0])
    number, rest = shared_number(node)
    if number < 0 and sentence.endswith("> 0"):
        return node
    product = as_product(rest)
    entries = () if "det" in sentence or "inv" in sentence else product.output
    weights = ((), entries, *(((label,),) for label in product.free_labels))
    kept = [f for f in product.factors if f.groups not in weights or not is_positive(f.node)]
    whole = len(kept) == len(product.factors) or not labels_of(kept).issuperset(product.free_labels)
    return rest if whole else _product(rest, kept)


def _keeps_signs(node: Apply) -> bool:
    """Whether a function has the sign of its argument, entry by entry: `x > 0` for `sinh(x) > 0`."""
    return node.primitive.parity == "odd" and "positive" in node.primitive.preserves and node.arguments[0].real


def size_of(node: Node) -> Node | None:
    """What a node is the absolute value, the norm, an even power or the sum of the squares of; else None."""
    if isinstance(node, Apply):
        _, exponent = base_and_exponent(node)
        even = exponent.denominator == 1 and not exponent.numerator % 2
        return node.arguments[0] if even or node.primitive in (absolute, modulus, norm) else None
    if not isinstance(node, Contract) or node.coefficient <= 0:
        return None
    if len(node.factors) == 1:
        (factor,) = node.factors
        inner = size_of(factor.node)
        held = set(node.free_labels)
        entries = inner is not None and inner.rank == factor.node.rank and held.issuperset(factor.labels)
        return _product(node, [factor.with_node(inner)]) if inner is not None and entries else None
    if node.rank:
        return None
    if len(node.factors) != 2 or node.factors[0].groups != node.factors[1].groups:
        return _half_of_quadratic_form(node)
    first, second = node.factors
    squared = first.node == second.node and (first.node.real or first.conj != second.conj)
    return first.node if squared and len(set(first.labels)) == len(first.labels) else None


def _half_of_quadratic_form(product: Contract) -> Node | None:
    """`A x` for `xᵀ Aᵀ A x`, and x for `xᵀ K x` with a definite K; None for other numbers, and for complex ones."""
    first = next((f for f in product.factors if f.node.rank == len(f.labels) == 1), None)
    if first is None or not product.real:
        return None
    rest = [f for f in product.factors if f is not first]
    chain = chain_of(contract(1, rest, first.groups, dict(enumerate(product.dims))))
    if chain is None or chain.scalar != number(1) or chain.elements[-1] != first.node:
        return None
    count, half = (len(chain.elements) - 1) // 2, len(chain.elements) // 2
    before, middle, behind = chain.elements[:count], chain.elements[count:half], chain.elements[half:]
    mirrored = tuple(simplify(transpose(matrix)) for matrix in reversed(behind[:-1]))
    if before != mirrored or any("spd" not in facts_of(matrix) for matrix in middle):
        return None
    return simplify(product_of_chain(behind, first.node))


def _product(like: Node, factors: Sequence[Factor]) -> Node:
    product = as_product(like)
    return with_factors(product, factors, 1)


def subject_of(condition: str, argument: Node, rank: int, written: Callable[[Node], str]) -> str:
    """What a condition is about: A instead of Aᵀ, of which all but the columns is the same.

    Of a function of vectors along an axis of a matrix, it is about each row, or column.
    """
    if argument.rank == 2 and rank == 1:
        row, column = written(argument), written(simplify(transpose(argument)))
        return f"every row of {row}" if len(row) <= len(column) else f"every column of {column}"
    if argument.rank != 2 or "column" in condition:
        return written(argument)
    return min((written(argument), written(simplify(adjoint(argument)))), key=len)
