"""Trigonometric and hyperbolic functions, entry by entry."""

from gradwright.core.primitive import Notation, Primitive, Sample
from gradwright.core.registry import register_primitive


def _elementwise(name: str, differential: str, definition: str = "", declarations: str = "x: n") -> Primitive:
    return Primitive(
        name=name,
        signature="x: ... -> y: ...",
        summary=f"the {name} of every entry",
        definition=(definition,) if definition else (),
        differential=(differential,),
        numpy=f"numpy.{name}",
        torch=f"torch.{name}",
        jax=f"jax.numpy.{name}",
        notation=Notation(name=name),
        samples=(Sample(declarations),),
    )


sin = _elementwise("sin", "cos(x) * dx")
cos = _elementwise("cos", "-sin(x) * dx")
tan = _elementwise("tan", "(1 + y ** 2) * dx", "sin(x) / cos(x)")
tanh = _elementwise("tanh", "(1 - y ** 2) * dx", "1 - 2 / (1 + exp(2 * x))")
sinh = _elementwise("sinh", "cosh(x) * dx", "(exp(x) - exp(-x)) / 2")
cosh = _elementwise("cosh", "sinh(x) * dx", "(exp(x) + exp(-x)) / 2")
arctan = _elementwise("arctan", "dx / (1 + x ** 2)")

for _primitive in (sin, cos, tan, tanh, sinh, cosh, arctan):
    register_primitive(_primitive)
