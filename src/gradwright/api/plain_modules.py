"""A derivation as a module of plain NumPy or JAX functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradwright.back.code.library import Library
from gradwright.back.code.live import load_source
from gradwright.back.code.module import Plain, inputs_of, plain_module
from gradwright.back.code.names import Names
from gradwright.core.nodes import Node, Symbol, field_of
from gradwright.core.walks import free_leaves
from gradwright.diff.derivatives import vjps
from gradwright.errors import DerivationError, UnsupportedError
from gradwright.optimise.blocks import in_blocks
from gradwright.simplify.pipeline import simplify

if TYPE_CHECKING:
    from gradwright.api.derivation import Derivation


def plain_source(derivation: Derivation, library: Library) -> str:
    """The text of the module: `value`; `gradient`, `hvp` and `hessian` of a scalar, or `vjp`; and `jvp`."""
    title = ", ".join(e.written for e in derivation.outputs.values())
    functions, refusals = _functions(derivation)
    told = "".join(f"\n\n{refusal}" for refusal in refusals)
    docstring = f"{title}, with its derivatives.\n\n{derivation}{told}"
    return plain_module(functions, library, docstring, _pullback(derivation))


def plain_function(derivation: Derivation, library: Library) -> Any:
    """The function `value` of the module, live; the derivatives are its attributes, where it takes any."""
    scope = load_source(plain_source(derivation, library), library.name)
    value = scope["value"]
    for function in _functions(derivation)[0]:
        if function.name != "value":
            setattr(value, function.name, scope[function.name])
    return value


def _functions(derivation: Derivation) -> tuple[list[Plain], list[str]]:
    """The functions, and why there is no Hessian where there is none: of a complex variable it is no one matrix."""
    refusals: list[str] = []
    outputs = {name: simplify(e.node) for name, e in derivation.outputs.items()}
    found = [_plain(derivation, "value", "The value.", outputs)]
    wrt = ", ".join(derivation.wrt)
    if len(outputs) == 1 and not next(iter(outputs.values())).rank:
        found.append(_plain(derivation, "gradient", f"The gradient in {wrt}.", _nodes(derivation.gradient)))
        found.append(_plain(derivation, "hvp", f"The Hessian in {wrt} times a direction.", _nodes(derivation.hvp)))
        try:
            found.append(_plain(derivation, "hessian", f"The Hessian in {wrt}.", _nodes(derivation.hessian)))
        except DerivationError as error:
            refusals.append(f"There is no function `hessian`: {error}.")
    else:
        told = f"The vector-Jacobian product in {wrt} for the cotangent of the value."
        found.append(_plain(derivation, "vjp", told, _nodes(derivation.vjp)))
    found.append(_plain(derivation, "jvp", "The directional derivative.", _nodes(derivation.jvp)))
    return found, refusals


def _nodes(value: Any) -> dict[str, Node]:
    """An expression, or several by name, as nodes by name."""
    listed = value if isinstance(value, dict) else {"value": value}
    return {"_".join(k) if isinstance(k, tuple) else str(k): e.node for k, e in listed.items()}


def _plain(derivation: Derivation, name: str, told: str, nodes: dict[str, Node]) -> Plain:
    shown = dict(zip(nodes, in_blocks(tuple(nodes.values())), strict=True))
    return Plain(name, told, inputs_of(tuple(nodes.values()), derivation.signature.symbols), shown)


def _pullback(derivation: Derivation) -> Plain | None:
    """The vector-Jacobian products in all variables, as JAX asks for them; None where a derivative is refused."""
    symbols: tuple[Symbol, ...] = derivation.signature.symbols
    nodes = tuple(simplify(e.node) for e in derivation.outputs.values())
    names = Names(symbol.name for symbol in symbols)
    cotangents = tuple(Symbol(names.fresh("G"), e.node.shape, field_of(e.node)) for e in derivation.outputs.values())
    occurring = {leaf for node in nodes for leaf in free_leaves(node)}
    try:
        found = vjps(nodes, symbols, cotangents) if occurring else {}
    except (DerivationError, UnsupportedError):
        return None
    results = {s.name: found[s] for s in symbols}
    shown = dict(zip(results, in_blocks(tuple(results.values())), strict=True))
    return Plain("_pullback", "The cotangents of the inputs.", (*symbols, *cotangents), shown)
