"""Functions of a Hermitian matrix through its eigenvalues, as text for an emitted NumPy or JAX module.

The scalar function and its derivatives are written as lambdas; divided differences of close eigenvalues are
taken by their limit, as in `gradwright.diff.scalar_functions`, where the mathematics is. In JAX a function has its own
derivatives, which are such functions with one direction more.
"""

from __future__ import annotations

import re
from math import factorial

from gradwright.back.code.library import Library
from gradwright.back.code.lower import lower
from gradwright.core.nodes import Node
from gradwright.core.primitive import Primitive
from gradwright.diff.scalar_functions import ARGUMENT, ScalarFunction
from gradwright.diff.spectral import HIGHEST_ORDER

_TEXT = '''
def divided_difference(functions, points):
    """g[x₀, …, x_k] along the last axis of an array of points, and an estimate of its error.

    The functions are g and its derivatives, each divided by the factorial of its order. The last is the limit where the
    points are close, which is for g to say: the limit or the difference is taken, whichever has the smaller error.
    """
    order, precision = points.shape[-1] - 1, np.finfo(points.dtype).eps
    if order == 0:
        value = functions[0](points[..., 0]) + 0 * points[..., 0]
        return value, precision * np.abs(value)
    ordered = np.sort(points, axis=-1)
    above, error_above = divided_difference(functions, ordered[..., 1:])
    below, error_below = divided_difference(functions, ordered[..., :-1])
    limit = functions[order](ordered.mean(axis=-1))
    ends = functions[order](ordered[..., 0]) + functions[order](ordered[..., -1])
    gap = ordered[..., -1] - ordered[..., 0]
    apart = np.where(gap == 0, 1.0, gap)
    error = np.abs(ends / 2 - limit) / (order + 2) + precision * np.abs(limit)
    rounding = (error_above + error_below) / apart
    near = (gap == 0) | (error <= rounding)
    return np.where(near, limit, (above - below) / apart), np.where(near, error, rounding)
'''
_FUNCTION = '''
def {name}(A, *directions):
    """{summary}."""
    functions = (
{functions}
    )
    values, vectors = np.linalg.eigh(A)
    back = vectors.conj().swapaxes(-1, -2)
    places = range(-len(directions) - 1, 0)
    grid = (np.expand_dims(values, [other for other in places if other != place]) for place in places)
    weights, _ = divided_difference(functions, np.stack(np.broadcast_arrays(*grid), axis=-1))
    if not directions:
        return (vectors * weights[..., None, :]) @ back
    letters = "abcdefgh"[: len(places)]
    pattern = ",".join(f"...{{part}}" for part in [letters, *(letters[k : k + 2] for k in range(len(directions)))])
    inside = [back @ direction @ vectors for direction in directions]
    total = np.einsum(f"{{pattern}}->...{{letters[0]}}{{letters[-1]}}", weights, *inside, optimize=True)
    return vectors @ total @ back
'''

_MOVED = """

@{name}.defjvp
def _move_{name}(inputs, directions):
    (A, *E), (dA, *dE) = inputs, directions
    dA = (dA + dA.conj().swapaxes(-1, -2)) / 2
    moved = sum({name}(A, *E[:k], dA, *E[k:]) for k in range(len(E) + 1))
    return {name}(A, *E), moved + sum({name}(A, *E[:k], d, *E[k + 1 :]) for k, d in enumerate(dE))

"""


def spectral_texts(primitive: Primitive, name: str, library: Library) -> list[str]:
    """The texts of a function of a matrix that is given by a function of one number."""
    assert primitive.scalar is not None
    is_jax = library.name == "jax"
    function, lines = ScalarFunction(primitive.scalar), list[str]()
    for order in range(HIGHEST_ORDER + 1 if is_jax else len(primitive.inputs)):
        text = _scalar_text(function.body, library)
        lines.append(f"        lambda x: ({text}) / {factorial(order)}," if order > 1 else f"        lambda x: {text},")
        function = function.derivative()
    told = primitive.summary[:1].upper() + primitive.summary[1:]
    written = _FUNCTION.format(name=name, summary=told, functions="\n".join(lines))
    if not is_jax:
        return [_TEXT.strip(), written.strip()]
    texts = [_TEXT.strip(), f"@jax.custom_jvp\n{written.strip()}\n{_MOVED.format(name=name).rstrip()}"]
    return [text.replace(" np.", " jnp.").replace("(np.", "(jnp.") for text in texts]


def _scalar_text(body: Node, library: Library) -> str:
    """A function of the number x as an expression; parts that it repeats are written as often."""
    program = lower({"g": body}, library, inputs=[ARGUMENT])
    text = program.results["g"]
    for statement in reversed(program.statements):
        text = re.sub(rf"\b{statement.target}\b", lambda _, s=statement: f"({s.expression})", text)
    return text
