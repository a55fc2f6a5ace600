"""Conjugates, real and imaginary parts.

The real part is the one linear function of a complex tensor that is not a contraction; it is a
primitive of its own, `real_part`, which differentials and transposes know. Its adjoint under
Re⟨·,·⟩ is the embedding of the real numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradwright.core import build
from gradwright.core.contraction import conjugate, with_factors
from gradwright.core.nodes import Apply, Contract, Factor, Node
from gradwright.core.primitive import Modular, Notation, Primitive, Sample
from gradwright.core.registry import Call, Function, formula, register

if TYPE_CHECKING:
    from gradwright.core.modular import ModularArithmetic

IMAGINARY_UNIT = Factor(build.constant("i"), ())


def modulo_prime(field: ModularArithmetic, x: np.ndarray) -> np.ndarray:
    """The first of the pair that a complex number is."""
    return field.real(x)


real_part = Primitive(
    name="real",
    signature="x: ... -> y: ...",
    summary="the real part of every entry",
    differential=("real(dx)",),
    preserves=("nonnegative", "positive"),
    field="real",
    parity="odd",
    linear_in=(0,),
    adjoint=lambda node, place, cotangent: cotangent,
    numpy="numpy.real",
    torch="torch.real",
    jax="jax.numpy.real",
    modular=Modular(modulo_prime),
    notation=Notation(name="Re", latex=r"\operatorname{Re}\left({x}\right)"),
    samples=(Sample("x: n complex"),),
)


# Only a way of writing: the imaginary part of z is held as Re(−i z).
imaginary_part = Primitive(
    name="imag",
    signature="x: ... -> y: ...",
    summary="the imaginary part of every entry",
    field="real",
    notation=Notation(name="Im", latex=r"\operatorname{Im}\left({x}\right)"),
)


def without_unit(node: Node) -> Node | None:
    """The x of `−i x`; None for what is not written so."""
    if not isinstance(node, Contract) or node.factors.count(IMAGINARY_UNIT) != 1:
        return None
    others = [factor for factor in node.factors if factor != IMAGINARY_UNIT]
    return with_factors(node, others, -node.coefficient)


def real(node: Node) -> Node:
    """The real part; a real tensor is its own."""
    return node if node.real else Apply(real_part, (), (node,))


def _build_real(call: Call) -> Node:
    call.expect(1, 1, usage="real(z)")
    return real(call.node(0))


register(Function("real", _build_real, "real(z)", real_part.summary, (real_part,)))


@formula("imag", "imag(z)", "the imaginary part of every entry")
def imag(call: Call) -> Node:
    """The real part of `-i z`."""
    call.expect(1, 1, usage="imag(z)")
    node = call.node(0)
    if node.real:
        return build.zeros(node.shape)
    return real(build.scale(-1, build.multiply(build.constant("i"), node)))


@formula("conj", "conj(z)", "the complex conjugate of every entry")
def conj(call: Call) -> Node:
    """The complex conjugate."""
    call.expect(1, 1, usage="conj(z)")
    return conjugate(call.node(0))
