"""Log-sum-exp, softmax and its logarithm, along one axis."""

from __future__ import annotations

import numpy as np

from gradwright.core import build
from gradwright.core.nodes import Apply, Node
from gradwright.core.primitive import ErrorSample, Notation, Primitive, Sample
from gradwright.core.registry import Call, Function, register
from gradwright.errors import ShapeError
from gradwright.prims.reductions import register_reduction


def logsumexp_entries(x: np.ndarray) -> np.ndarray:
    """`log Σ exp(x)` along the last axis, the maximum taken out."""
    from scipy.special import logsumexp

    return np.asarray(logsumexp(x, axis=-1))


def softmax_entries(x: np.ndarray) -> np.ndarray:
    """`exp(x) / Σ exp(x)` along the last axis, the maximum taken out."""
    from scipy.special import softmax

    return softmax(x, axis=-1)


def log_softmax_entries(x: np.ndarray) -> np.ndarray:
    """`x − log Σ exp(x)` along the last axis."""
    from scipy.special import log_softmax

    return log_softmax(x, axis=-1)


logsumexp = Primitive(
    name="logsumexp",
    signature="x: ... n -> y: ...",
    summary="log of the sum of exponentials",
    definition=("log(sum(exp(x)))",),
    differential=("dot(softmax(x), dx)",),
    numpy=logsumexp_entries,
    notation=Notation(name="logsumexp"),
    samples=(Sample("x: n"), Sample("x: m n")),
)

softmax = Primitive(
    name="softmax",
    signature="x: ... n -> y: ... n",
    summary="exponentials divided by their sum",
    definition=("exp(x) / sum(exp(x))",),
    differential=("y * (dx - dot(y, dx))",),
    fact_rule=lambda index, parameters, facts: {"positive"},
    numpy=softmax_entries,
    notation=Notation(name="softmax"),
    samples=(Sample("x: n"), Sample("x: m n")),
    error_samples=(ErrorSample("softmax(X)", "X: n m", "axis"),),
)

log_softmax = Primitive(
    name="log_softmax",
    signature="x: ... n -> y: ... n",
    summary="the logarithm of softmax",
    definition=("x - logsumexp(x)",),
    differential=("dx - dot(softmax(x), dx)",),
    numpy=log_softmax_entries,
    notation=Notation(name="log_softmax"),
    samples=(Sample("x: n"), Sample("x: m n")),
)


def _register_along(primitive: Primitive) -> Function:
    usage = f"{primitive.name}(x) or {primitive.name}(X, axis=1)"

    def build_along(call: Call) -> Node:
        call.expect(1, 2, ("axis",), usage)
        node = call.node(0)
        axis = call.axis(node.rank, 1)
        if axis is None and node.rank != 1:
            raise ShapeError(f"{primitive.name} of a tensor with several axes needs one: {usage}")
        return along_axis(primitive, node, axis or 0)

    return register(Function(primitive.name, build_along, usage, primitive.summary, (primitive,)))


def along_axis(primitive: Primitive, node: Node, axis: int) -> Node:
    """A function of the entries along one axis, the axes left in their places."""
    order = [place for place in range(node.rank) if place != axis] + [axis]
    back = [order.index(place) for place in range(node.rank)]
    return build.permute(Apply(primitive, (), (build.permute(node, order),)), back)


register_reduction(logsumexp)
_register_along(softmax)
_register_along(log_softmax)
