"""A derivation as a module of plain NumPy or JAX functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gradwright.back.code.library import Library
from gradwright.back.code.live import load_source
from gradwright.back.code.module import Plain, inputs_of, plain_module
from gradwright.back.code.names import Names
from gradwright.core.contraction import zero
from gradwright.core.nodes import Direction, Node, Symbol, field_of
from gradwright.core.walks import applications, free_leaves
from gradwright.diff.derivatives import vjps
from gradwright.diff.spectral_recognition import recognise_spectral
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
    outputs = {name: _smooth(simplify(e.node)) for name, e in derivation.outputs.items()}
    found = [_plain(derivation, "value", "The value.", outputs)]
    wrt = ", ".join(derivation.wrt)
    if len(outputs) == 1 and not next(iter(outputs.values())).rank:
        found.append(_derivative(derivation, "gradient", f"The gradient in {wrt}.", derivation.gradient))
        found.append(_derivative(derivation, "hvp", f"The Hessian in {wrt} times a direction.", derivation.hvp))
        try:
            found.append(_derivative(derivation, "hessian", f"The Hessian in {wrt}.", derivation.hessian))
        except DerivationError as error:
            refusals.append(f"There is no function `hessian`: {error}.")
    else:
        told = f"The vector-Jacobian product in {wrt} for the cotangent of the value."
        found.append(_derivative(derivation, "vjp", told, derivation.vjp))
    found.append(_derivative(derivation, "jvp", "The directional derivative.", derivation.jvp))
    return found, refusals


def _smooth(node: Node) -> Node:
    """With functions of a matrix where eigenvectors would be, if none is left: a library may differentiate them."""
    found = simplify(recognise_spectral(node))
    return node if any(n.primitive.gauge for n in applications(found)) else found


def _derivative(derivation: Derivation, name: str, told: str, value: Any) -> Plain:
    """A derivative, one expression or several by name: it takes its direction or cotangent even where it is zero."""
    listed = value if isinstance(value, dict) else {"value": value}
    nodes = {"_".join(k) if isinstance(k, tuple) else str(k): e.node for k, e in listed.items()}
    return _plain(derivation, name, told, nodes, [leaf for e in listed.values() for leaf in e.provenance.optional])


def _plain(
    derivation: Derivation, name: str, told: str, nodes: dict[str, Node], optional: Sequence[Symbol | Direction] = ()
) -> Plain:
    shown = dict(zip(nodes, in_blocks(tuple(nodes.values())), strict=True))
    inputs = inputs_of(tuple(nodes.values()), (*derivation.signature.symbols, *optional))
    return Plain(name, told, inputs, shown, derivation.origins)


def _pullback(derivation: Derivation) -> Plain | None:
    """The vector-Jacobian products in all variables, as JAX asks for them; None where a derivative is refused."""
    symbols: tuple[Symbol, ...] = derivation.signature.symbols
    nodes = tuple(simplify(e.node) for e in derivation.outputs.values())
    names = Names(symbol.name for symbol in symbols)
    cotangents = tuple(Symbol(names.fresh("G"), e.node.shape, field_of(e.node)) for e in derivation.outputs.values())
    occurring = {leaf for node in nodes for leaf in free_leaves(node)}
    try:
        found = vjps(nodes, symbols, cotangents) if occurring else {s: zero(s.shape) for s in symbols}
    except (DerivationError, UnsupportedError):
        return None
    results = {s.name: found[s] for s in symbols}
    shown = dict(zip(results, in_blocks(tuple(results.values())), strict=True))
    return Plain("_pullback", "The cotangents of the inputs.", (*symbols, *cotangents), shown, derivation.origins)
