"""Log-sum-exp, softmax and its logarithm, along one axis."""

from __future__ import annotations

from gradwright.core import build
from gradwright.core.nodes import Apply, Node
from gradwright.core.primitive import ErrorSample, Notation, Primitive, Sample
from gradwright.core.registry import Call, Function, register
from gradwright.errors import ShapeError
from gradwright.prims.reductions import register_reduction

logsumexp = Primitive(
    name="logsumexp",
    signature="x: ... n -> y: ...",
    summary="log of the sum of exponentials",
    real_only=True,
    definition=("log(sum(exp(x)))",),
    differential=("dot(softmax(x), dx)",),
    numpy="scipy.special.logsumexp({0}, axis=-1)",
    torch="torch.logsumexp({0}, dim=-1)",
    torch_differentiates=True,
    jax="jax.scipy.special.logsumexp({0}, axis=-1)",
    notation=Notation(name="logsumexp"),
    samples=(Sample("x: n"), Sample("x: m n")),
    source="Blanchard, Higham & Higham 2021, IMA J. Numer. Anal. 41, 2311-2330",
)

softmax = Primitive(
    name="softmax",
    signature="x: ... n -> y: ... n",
    summary="exponentials divided by their sum",
    real_only=True,
    definition=("exp(x) / sum(exp(x))",),
    differential=("y * (dx - dot(y, dx))",),
    laws=("sum(y) = 1",),
    fact_rule=lambda index, parameters, facts: {"positive"},
    numpy="scipy.special.softmax({0}, axis=-1)",
    torch="torch.softmax({0}, dim=-1)",
    torch_differentiates=True,
    jax="jax.nn.softmax({0}, axis=-1)",
    notation=Notation(name="softmax"),
    samples=(Sample("x: n"), Sample("x: m n")),
    error_samples=(ErrorSample("softmax(X)", "X: n m", "axis"),),
    source="Blanchard, Higham & Higham 2021, IMA J. Numer. Anal. 41, 2311-2330",
)

log_softmax = Primitive(
    name="log_softmax",
    signature="x: ... n -> y: ... n",
    summary="the logarithm of softmax",
    real_only=True,
    definition=("x - logsumexp(x)",),
    differential=("dx - dot(softmax(x), dx)",),
    numpy="scipy.special.log_softmax({0}, axis=-1)",
    torch="torch.log_softmax({0}, dim=-1)",
    torch_differentiates=True,
    jax="jax.nn.log_softmax({0}, axis=-1)",
    notation=Notation(name="log_softmax"),
    samples=(Sample("x: n"), Sample("x: m n")),
    source="Blanchard, Higham & Higham 2021, IMA J. Numer. Anal. 41, 2311-2330",
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
