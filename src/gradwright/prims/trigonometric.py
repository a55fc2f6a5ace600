"""Trigonometric and hyperbolic functions, entry by entry."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from gradwright.core.modular_numbers import each
from gradwright.core.primitive import FactRule, Modular, Notation, Primitive, Sample
from gradwright.core.registry import register_primitive

if TYPE_CHECKING:
    from gradwright.core.modular import ModularArithmetic


def _elementwise(
    name: str,
    differential: str,
    parity: str,
    definition: str = "",
    modular: Modular | None = None,
    preserves: tuple[str, ...] = (),
    fact_rule: FactRule | None = None,
) -> Primitive:
    return Primitive(
        name=name,
        signature="x: ... -> y: ...",
        summary=f"the {name} of every entry",
        definition=(definition,) if definition else (),
        differential=(differential,),
        preserves=preserves,
        fact_rule=fact_rule,
        numpy=f"numpy.{name}",
        torch=f"torch.{name}",
        jax=f"jax.numpy.{name}",
        parity=parity,
        modular=modular,
        notation=Notation(name=name),
        samples=(Sample("x: n"),),
    )


def _by_half_tangent(entry: Callable[[int], int]) -> Modular:
    """Sine or cosine from `1 + t²` times it, t the tangent of half the angle: so their squares add up to 1."""

    def compute(field: ModularArithmetic, x: np.ndarray) -> np.ndarray:
        return each(lambda t: entry(t) * field.inverse(1 + t * t) % field.prime, field.odd("half tangent", x))

    return Modular(compute, exact=False)


SIGNS = ("positive", "nonnegative")
sin = _elementwise("sin", "cos(x) * dx", "odd", modular=_by_half_tangent(lambda t: 2 * t))
cos = _elementwise("cos", "-sin(x) * dx", "even", modular=_by_half_tangent(lambda t: 1 - t * t))
tan = _elementwise("tan", "(1 + y ** 2) * dx", "odd", "sin(x) / cos(x)")
tanh = _elementwise("tanh", "(1 - y ** 2) * dx", "odd", "1 - 2 / (1 + exp(2 * x))", preserves=SIGNS)
sinh = _elementwise("sinh", "cosh(x) * dx", "odd", "(exp(x) - exp(-x)) / 2", preserves=(*SIGNS, "psd", "spd"))
cosh = _elementwise(
    "cosh", "sinh(x) * dx", "even", "(exp(x) + exp(-x)) / 2", preserves=("psd", "spd"),
    fact_rule=lambda index, parameters, facts: set() if "complex" in facts[0] else {"positive"},
)  # fmt: skip
arctan = _elementwise("arctan", "dx / (1 + x ** 2)", "odd", preserves=SIGNS)

for _primitive in (sin, cos, tan, tanh, sinh, cosh, arctan):
    register_primitive(_primitive)
