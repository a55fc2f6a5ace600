"""Functions for JAX, which it differentiates by the derived rule where it has none of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from gradwright.back.code.jax_library import jax_differentiates
from gradwright.back.code.library import Library
from gradwright.back.code.live import live_function
from gradwright.back.code.lower import Leaf, lower
from gradwright.back.code.names import Names
from gradwright.back.code.program import Program
from gradwright.core.nodes import Node, Symbol, field_of
from gradwright.core.walks import substitute
from gradwright.diff.derivatives import vjps
from gradwright.optimise import optimise
from gradwright.simplify.pipeline import simplify


def jax_function(
    nodes: Sequence[Node], leaves: Sequence[Leaf], program: Program, optimised: Mapping[str, Node], library: Library
) -> Callable[..., Any]:
    """A JAX function with the derived vector-Jacobian product as its derivative where JAX differentiates none of it.

    That is what JAX does not compute itself, and functions of Hermitian matrices by eigenvectors. JAX's cotangents are
    the conjugates of those written here.
    """
    import jax
    import jax.numpy as jnp

    function = live_function(program, library)
    if not program.foreign and jax_differentiates(optimised.values()):
        return function

    @cache
    def pullback() -> Callable[..., Any]:
        symbols = [Symbol(leaf.name, leaf.shape, leaf.facts) for leaf in leaves]
        simple = [simplify(substitute(node, dict(zip(leaves, symbols, strict=True)))) for node in nodes]
        names = Names(s.name for s in symbols)
        cotangents = tuple(Symbol(names.fresh("G"), node.shape, field_of(node)) for node in simple)
        pulled = vjps(tuple(simple), tuple(symbols), cotangents)
        roots = optimise({s.name: pulled[s] for s in symbols})
        inputs = [*symbols, *cotangents]
        return jax_function([pulled[s] for s in symbols], inputs, lower(roots, library, inputs=inputs), roots, library)

    def forward(*arrays: Any) -> Any:
        return wrapped(*arrays), arrays  # and not the function: a second derivative goes through this, too

    def backward(arrays: Any, G: Any) -> Any:
        found = pullback()(*arrays, *map(jnp.conj, G if isinstance(G, tuple) else (G,)))
        listed = found if isinstance(found, tuple) else (found,)
        return tuple(jnp.conj(slope).astype(x.dtype) for slope, x in zip(listed, arrays, strict=True))

    wrapped = jax.custom_vjp(function)
    wrapped.defvjp(forward, backward)
    return wrapped
