"""Rounding, entry by entry: constant between its jumps, so that its derivative is zero."""

from gradwright.core.primitive import Primitive, Sample
from gradwright.core.registry import register_primitive


def _rounding(name: str, summary: str, parity: str = "") -> Primitive:
    return Primitive(
        name=name,
        signature="x: ... -> y: ...",
        summary=summary,
        differential=("0 * dx",),
        field="real",
        real_only=True,
        parity=parity,
        note=f"{name} is constant between its jumps: its derivative is 0, also there",
        numpy=f"numpy.{name}",
        torch=f"torch.{name}",
        jax=f"jax.numpy.{name}",
        samples=(Sample("x: n"),),
    )


floor = _rounding("floor", "the largest whole number that is no larger, of every entry")
nearest = _rounding("round", "the nearest whole number of every entry, and of two as near the even one", "odd")

register_primitive(floor)
register_primitive(nearest)
