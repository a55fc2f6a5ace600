"""How a derivation ends: the gradient or the vector-Jacobian product is read off, in matrices or in tensor notation."""

from __future__ import annotations

from collections.abc import Mapping

from gradwright.core.build import number
from gradwright.core.greek import text_of_name
from gradwright.core.nodes import Direction, Node, Symbol
from gradwright.core.spaces import Space, tangent_space
from gradwright.core.tensor_forms import Dot, Form, Inner, Leaf, Total
from gradwright.core.walks import substitute
from gradwright.diff.derivatives import free_vjps, full_jacobian, total_differential, vjp, vjps
from gradwright.diff.differential import direction
from gradwright.diff.steps.step import Draft
from gradwright.diff.steps.tensors import chain_rule_steps, jacobian_steps, sandwiches
from gradwright.errors import DerivationError
from gradwright.linear.collect import collect
from gradwright.linear.projection import is_structured
from gradwright.prims.complex import real
from gradwright.simplify.equality import has_complex_values


def endings(
    root: Node, change: Node, variables: tuple[Symbol, ...], cotangent: Symbol | None, parts: Mapping[Node, Symbol]
) -> list[Draft]:
    """The gradients or vector-Jacobian products.

    Args:
        root: the expression.
        change: its direction, in letters.
        variables: what it is differentiated by.
        cotangent: the cotangent of the expression; None for a scalar.
        parts: letters for parts.
    """
    drafts: list[Draft] = []
    left = Inner(Leaf(cotangent), Leaf(change)) if cotangent is not None else Leaf(_real_part(root, change))
    if cotangent is not None:
        total = collect(substitute(total_differential(root, variables), dict(parts)))
        words = "put in the differential"
        drafts.append(Draft("substitute", left, Inner(Leaf(cotangent), Leaf(total)), words, part="pairing"))
    kind = "vector-Jacobian product" if cotangent is not None else "gradient"
    pulled = cotangent if cotangent is not None else number(1)
    free = _in_letters_of(parts, free_vjps(root, variables, pulled))
    structured = any(is_structured(variable.facts) for variable in variables)
    tangent = _in_letters_of(parts, vjps((root,), variables, (pulled,))) if structured else free
    names = [f"d{text_of_name(v.name)}" for v in variables]
    multiplies = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    drafts.append(Draft(kind, left, _paired(free), f"read off what multiplies {multiplies}", part="gradient"))
    if free != tangent:
        sets = dict.fromkeys(_set_words(v) for v in variables if free[v] != tangent[v])
        words = f"onto {' and '.join(sets)}"
        drafts.append(Draft("projection", left, _paired(tangent), words, part="projection"))
    return drafts


def _real_part(root: Node, change: Node) -> Node:
    """The direction of a scalar; of a function with complex values its real part, which is what has a gradient."""
    return real(change) if has_complex_values(root) else change


def _in_letters_of(parts: Mapping[Node, Symbol], slopes: Mapping[Node, Node]) -> dict[Symbol, Node]:
    written = {v: collect(substitute(slope, dict(parts))) for v, slope in slopes.items()}
    return {variable: slope for variable, slope in written.items() if isinstance(variable, Symbol)}


def _paired(slopes: Mapping[Symbol, Node]) -> Form:
    """`⟨∇_X, dX⟩ + ⟨∇_Y, dY⟩ + …`."""
    terms = [Inner(Leaf(slope), Leaf(direction(variable))) for variable, slope in slopes.items()]
    return terms[0] if len(terms) == 1 else Total(tuple(terms))


def _set_words(variable: Symbol) -> str:
    """The tangent space of a structured variable, in words."""
    space = tangent_space(variable.facts)
    if space is not Space.FREE:
        return f"the {_SPACES[space]} matrices"
    if "unitary" not in variable.facts:
        return f"the tangent space at {variable.name}"
    return f"the matrices {variable.name} Ω with Ω {'skew' if variable.real else 'skew-Hermitian'}"


_SPACES = {
    Space.DIAGONAL: "diagonal",
    Space.LOWER: "lower triangular",
    Space.STRICTLY_LOWER: "strictly lower triangular",
    Space.UPPER: "upper triangular",
    Space.STRICTLY_UPPER: "strictly upper triangular",
    Space.SYMMETRIC: "symmetric",
    Space.HERMITIAN: "Hermitian",
    Space.SKEW: "skew",
}


def tensor_endings(
    root: Node, change: Node, variable: Symbol, cotangent: Symbol | None, parts: Mapping[Node, Symbol]
) -> list[Draft]:
    """The Jacobian, and the chain rule in tensor notation, where a real array has one that can be read.

    Args:
        root: the expression.
        change: its direction, in letters.
        variable: what it is differentiated by.
        cotangent: the cotangent of the expression; None for a scalar, which has a gradient instead.
        parts: letters for parts.
    """
    if cotangent is None or is_structured(variable.facts) or not root.real or not variable.real:
        return []
    if not isinstance(change, Direction) or root.rank != variable.rank or root.rank not in (1, 2):
        return []
    move = direction(variable)
    form = total_differential(root, (variable,))
    terms = sandwiches(form, move)
    if root.rank == 2 and (not terms or len(terms) > 3):
        return []
    try:
        tensor = substitute(full_jacobian(root, variable), dict(parts))
    except DerivationError:
        return []
    if not terms:
        return [Draft("Jacobian", change, Dot(Leaf(tensor), Leaf(move), (2,), (1,)), "as a matrix", part="jacobian")]
    shown = sandwiches(substitute(form, dict(parts)), move) or terms
    slope = Symbol("J_g", root.shape)
    result = substitute(vjp(root, variable, slope), dict(parts))
    drafts = jacobian_steps(change, move, shown, tensor)
    return [*drafts, *chain_rule_steps(slope, Direction("f", ()), change, move, shown, result)]
