"""Convolutions, as PyTorch has them: products of the windows of a tensor with a kernel."""

from __future__ import annotations

from gradwright.check.tracing.arguments import Arguments
from gradwright.check.tracing.operators.axes import with_unit_axis
from gradwright.check.tracing.operators.parts import padded, windows
from gradwright.check.tracing.operators.table import operator
from gradwright.check.tracing.values import Untraceable, Value, aligned, product
from gradwright.core import build


@operator("convolution")
def _convolution(given: Arguments) -> Value:
    """`y[b, o, s] = Σ_{c, k} w[o, c, k] x[b, c, s + k] + bias[o]`, with as many axes s and k as there are in space."""
    value, weight = given.tensor("input"), given.tensor("weight")
    steps = {length for name in ("stride", "dilation") for lengths in given.lengths(name) for length in lengths}
    if given.flag("transposed") or given.integer("groups") != 1 or steps != {1}:
        raise Untraceable("a convolution that is transposed, in groups, or with steps")
    space, dims = range(2, value.rank), given.shape()
    for axis, lengths in zip(space, given.lengths("padding"), strict=True):
        before = given.named(lengths)
        value = padded(value, axis, before, before, value.dims[axis] + before + before)
    for axis in space:
        size = weight.dims[axis].value
        if size is None:
            raise Untraceable("a convolution whose kernel has no fixed size")
        value = windows(value, axis, size, dims[axis])
    batch, channel, out, first = 0, 1, 2, 3
    places = [first + k for k in range(len(space))]
    inner = [places[-1] + 1 + k for k in range(len(space))]
    found = product(
        [(value, [batch, channel, *places, *inner]), (weight, [out, channel, *inner])], [batch, out, *places]
    )
    if "bias" not in given:
        return found
    bias = given.tensor("bias")
    for axis in range(1, 1 + len(space)):
        bias = with_unit_axis(bias, axis)
    (sums, added), frame = aligned([found, bias])
    return Value(build.plus(sums, added), frame.unit, frame.flipped)
