"""The functions of the language, one concept a file; importing this package registers them all."""

from gradwright.prims import (
    complex,
    determinant,
    exponential,
    inv,
    layout,
    matrix_power,
    parts,
    piecewise,
    pinv,
    power,
    reductions,
    sigmoid,
    softmax,
    solve,
    trigonometric,
)

__all__ = [
    "complex",
    "determinant",
    "exponential",
    "inv",
    "layout",
    "matrix_power",
    "parts",
    "piecewise",
    "pinv",
    "power",
    "reductions",
    "sigmoid",
    "softmax",
    "solve",
    "trigonometric",
]
