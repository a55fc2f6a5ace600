"""Reductions along axes, and functions of the entries along one axis."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from gradwright.check.tracing.arguments import Arguments, Hidden, Result
from gradwright.check.tracing.operators.axes import reshaped
from gradwright.check.tracing.operators.elementwise import multiply
from gradwright.check.tracing.operators.table import operator
from gradwright.check.tracing.sizes import power
from gradwright.check.tracing.values import Untraceable, Value, aligned, expand
from gradwright.core import build
from gradwright.core.dims import product as product_of_dims
from gradwright.core.language import function
from gradwright.core.nodes import Apply, Contract, Node, is_apply
from gradwright.core.primitive import Primitive
from gradwright.core.walks import substitute
from gradwright.prims.reductions import maximum_entry, minimum_entry, norm
from gradwright.prims.softmax import along_axis, log_softmax, logsumexp, softmax


@operator("sum")
def _sum(given: Arguments) -> Value:
    value = given.tensor("self")
    return total(value, given.axes("dim", value.rank), given.flag("keepdim"))


def total(value: Value, axes: Sequence[int], keep: bool = False) -> Value:
    """The sum along some axes."""
    summed = [value.place(axis) for axis in axes if not value.unit[axis]]
    return _reduced(value, build.sum_axes(value.node, summed), axes, keep)


@operator("mean")
def _mean(given: Arguments) -> Value:
    value = given.tensor("self")
    return mean(value, given.axes("dim", value.rank), given.flag("keepdim"))


def mean(value: Value, axes: Sequence[int], keep: bool = False) -> Value:
    """The sum along some axes, divided by the number of entries."""
    summed = total(value, axes, keep)
    return Value(build.multiply(summed.node, power(_count(value, axes), Fraction(-1))), summed.unit, summed.flipped)


def _count(value: Value, axes: Sequence[int]) -> Node:
    return build.size(product_of_dims(value.dims[axis] for axis in axes))


@operator("prod")
def _prod(given: Arguments) -> Value:
    """The product of entries is the determinant of the diagonal matrix that has them."""
    value = given.tensor("self")
    axes = given.axes("dim", value.rank)
    grouped = _grouped(value, axes)
    labels = [*range(grouped.rank), grouped.rank - 1]
    diagonal = build.product_of([(grouped, labels[:-1])], labels)
    return _reduced(value, function("det", diagonal), axes, given.flag("keepdim"))


@operator("var", "std")
def _var(given: Arguments) -> Value:
    """`Σ |x − mean(x)|² / (N − correction)`."""
    value = given.tensor("self")
    axes = given.axes("dim", value.rank)
    centred = _minus(value, mean(value, axes, keep=True))
    squared = total(multiply(_conjugated(centred), centred), axes, given.flag("keepdim"))
    correction = given.number("correction") if "correction" in given else build.number(1)
    count = build.minus(_count(value, axes), correction)
    node = build.multiply(function("real", squared.node), power(count, Fraction(-1)))
    if given.operation.name == "aten.std":
        node = power(node, Fraction(1, 2))
    return Value(node, squared.unit, squared.flipped)


@operator("var_mean")
def _var_mean(given: Arguments) -> Result:
    value = given.tensor("self")
    return _var(given), mean(value, given.axes("dim", value.rank), given.flag("keepdim"))


def _minus(left: Value, right: Value) -> Value:
    (a, b), frame = aligned([left, right])
    return Value(build.minus(a, b), frame.unit, frame.flipped)


def _conjugated(value: Value) -> Value:
    return Value(function("conj", value.node), value.unit, value.flipped)


@operator("native_layer_norm")
def _layer_norm(given: Arguments) -> Result:
    """`(x − mean(x)) / √(var(x) + ε)` along the last axes, scaled and shifted; the mean and the root too."""
    value = given.tensor("input")
    axes = list(range(value.rank - len(given.operation.arguments["normalized_shape"]), value.rank))
    found, middle, root = _normalised(value, axes, given.number("eps"))
    for name, combine in (("weight", multiply), ("bias", _plus)):
        found = combine(found, given.tensor(name)) if name in given else found
    return found, middle, root


@operator("native_group_norm")
def _group_norm(given: Arguments) -> Result:
    """The same along the axes and the channels of a group, of which the weights have one entry each."""
    value = given.tensor("input")
    lengths = [tuple(axis) for axis in zip(*(tuple(r[0].shape) for r in given.operation.results), strict=True)]
    groups = given.integer("group")
    inner = [tuple(channels // groups for channels in lengths[1]), *lengths[2:]]
    split = reshaped(value, [lengths[0], (groups,) * len(lengths[0]), *inner], given.sizes)
    found, middle, root = _normalised(split, list(range(2, split.rank)), given.number("eps"))
    found = reshaped(found, lengths, given.sizes)
    for name, combine in (("weight", multiply), ("bias", _plus)):
        if name in given:
            weights = given.tensor(name)
            along = Value(weights.node, (*weights.unit, *[True] * (value.rank - 2)), weights.flipped)
            found = combine(found, along)
    return found, middle, root


def _normalised(value: Value, axes: Sequence[int], epsilon: Node) -> tuple[Value, Value, Value]:
    """`(x − mean(x)) / √(var(x) + ε)`, the mean, and the reciprocal of the root."""
    middle = mean(value, axes, keep=True)
    centred = _minus(value, middle)
    variance = mean(multiply(centred, centred), axes, keep=True)
    root = Value(power(build.plus(variance.node, epsilon), Fraction(-1, 2)), variance.unit)
    return multiply(centred, root), middle, root


def _plus(left: Value, right: Value) -> Value:
    (a, b), frame = aligned([left, right])
    return Value(build.plus(a, b), frame.unit, frame.flipped)


@operator("amax", "amin", "max", "min")
def _extremum(given: Arguments) -> Result:
    """The extremum; the places where it is attained, which `max` with an axis returns too, are no tensor here."""
    if "other" in given:
        raise Untraceable("max of two tensors under this name")
    value = given.tensor("self")
    primitive = maximum_entry if "max" in given.operation.name else minimum_entry
    found = along(primitive, value, given.axes("dim", value.rank), given.flag("keepdim"))
    if isinstance(given.operation.results[0], tuple):
        return found, Untraceable("the place of an extremum (argmax, or the indices of max)")
    return found


@operator("logsumexp")
def _logsumexp(given: Arguments) -> Value:
    value = given.tensor("self")
    return along(logsumexp, value, given.axes("dim", value.rank), given.flag("keepdim"))


def along(primitive: Primitive, value: Value, axes: Sequence[int], keep: bool = False) -> Value:
    """A reduction of all entries along some axes together; their order does not matter to it."""
    return _reduced(value, Apply(primitive, (), (_grouped(value, axes),)), axes, keep)


def _grouped(value: Value, axes: Sequence[int]) -> Node:
    """The axes that are reduced made one, behind the others."""
    reduced = [value.place(axis) for axis in axes if not value.unit[axis]]
    kept = [[place] for place in range(value.node.rank) if place not in reduced]
    if not reduced:
        raise Untraceable("a reduction along axes of length 1 alone")
    return build.group_axes(value.node, [*kept, reduced])


def _reduced(value: Value, node: Node, axes: Sequence[int], keep: bool) -> Value:
    kept = [axis for axis in range(value.rank) if keep or axis not in axes]
    unit = tuple(value.unit[axis] or axis in axes for axis in kept)
    flipped = frozenset(place for place, axis in enumerate(kept) if axis in value.flipped and axis not in axes)
    return Value(node, unit, flipped)


@operator("_softmax", "_log_softmax", "_safe_softmax")
def _softmax(given: Arguments) -> Value:
    scores = given.result("self")
    if isinstance(scores, Hidden):
        return _passing_over(scores, given)
    value = given.tensor("self")
    axis = given.axis("dim", value.rank)
    if value.unit[axis]:
        raise Untraceable("softmax along an axis of length 1")
    primitive = log_softmax if "log" in given.operation.name else softmax
    return Value(along_axis(primitive, value.node, value.place(axis)), value.unit, value.flipped)


def _passing_over(scores: Hidden, given: Arguments) -> Value:
    """Softmax of the scores that are kept: `m ∘ exp(x) / Σ m ∘ exp(x)`."""
    if "log" in given.operation.name:
        raise Untraceable("the logarithm of a softmax that passes over entries")
    value = scores.value
    weights = multiply(scores.kept, Value(function("exp", value.node), value.unit, value.flipped))
    sums = total(weights, [given.axis("dim", weights.rank)], keep=True)
    return multiply(weights, Value(power(sums.node, Fraction(-1)), sums.unit, sums.flipped))


@operator("_softmax_backward_data")
def _softmax_backward(given: Arguments) -> Value:
    """`y ∘ (g − Σ y g)`, from the softmax y itself."""
    cotangent, output = given.tensor("grad_output"), given.tensor("output")
    axis = given.axis("dim", output.rank)
    weighted = multiply(output, cotangent)
    return _minus(weighted, multiply(output, total(weighted, [axis], keep=True)))


@operator("_log_softmax_backward_data")
def _log_softmax_backward(given: Arguments) -> Value:
    """`g − exp(y) Σ g`, from the logarithm y of the softmax."""
    cotangent, output = given.tensor("grad_output"), given.tensor("output")
    axis = given.axis("dim", output.rank)
    return _minus(cotangent, multiply(_exponential(output), total(cotangent, [axis], keep=True)))


def _exponential(output: Value) -> Value:
    """`exp` of a logarithm of softmax, its axes in any order, is softmax."""
    node = output.node
    (inside,) = node.children if isinstance(node, Contract) and len(node.children) == 1 else (node,)
    if is_apply(inside, log_softmax):
        node = substitute(node, {inside: Apply(softmax, (), inside.arguments)})
    else:
        node = function("exp", node)
    return Value(node, output.unit, output.flipped)


@operator("cumsum", "logcumsumexp")
def _cumsum(given: Arguments) -> Value:
    """Running sums, or the logarithms of those of exponentials; along a reversed axis they run from the end."""
    value = given.tensor("self")
    axis = given.axis("dim", value.rank)
    if value.unit[axis]:
        return value
    of_exponentials = given.operation.name == "aten.logcumsumexp"
    running = _running_from_the_end if axis in value.flipped else build.cumulative_sum
    sums = running(function("exp", value.node) if of_exponentials else value.node, value.place(axis))
    return Value(function("log", sums) if of_exponentials else sums, value.unit, value.flipped)


def _running_from_the_end(node: Node, axis: int) -> Node:
    """`x[i] + x[i + 1] + … + x[n − 1]`."""
    dim = node.shape[axis]
    upper = build.masked(build.ones((dim, dim)), 0, 1, 1)
    labels = list(range(node.rank))
    inside = [node.rank if place == axis else place for place in labels]
    return build.product_of([(upper, (axis, node.rank)), (node, inside)], labels)


@operator("linalg_vector_norm")
def _norm(given: Arguments) -> Value:
    value = given.tensor("self")
    axes, keep = given.axes("dim", value.rank), given.flag("keepdim")
    order = given.operation.arguments["ord"].values[0]
    size = Value(function("abs", value.node), value.unit, value.flipped)
    if order == 2:
        return along(norm, value, axes, keep) if value.node.rank else expand(size, ())
    if order == 1:
        return total(size, axes, keep)
    if order in (float("inf"), float("-inf")):
        return along(maximum_entry if order > 0 else minimum_entry, size, axes, keep)
    exponent = given.rational("ord")
    if not exponent:
        raise Untraceable(f"the norm of order {order}")
    summed = total(Value(power(size.node, exponent), size.unit, size.flipped), axes, keep)
    return Value(power(summed.node, 1 / exponent), summed.unit, summed.flipped)


@operator("_cdist_forward", "_euclidean_dist")
def _cdist(given: Arguments) -> Value:
    """Euclidean distances between the rows of two matrices: `√Σ_k (x[i, k] − y[j, k])²`."""
    if "p" in given and given.rational("p") != 2:
        raise Untraceable("distances in another norm than the Euclidean one")
    left, right = given.tensor("x1"), given.tensor("x2")
    rows = Value(left.node, (*left.unit[:-1], True, left.unit[-1]))
    columns = Value(right.node, (*right.unit[:-2], True, *right.unit[-2:]))
    difference = _minus(rows, columns)
    squared = total(multiply(difference, difference), [difference.rank - 1])
    return Value(power(squared.node, Fraction(1, 2)), squared.unit)


@operator("trace")
def _trace(given: Arguments) -> Value:
    return Value(build.trace(given.tensor("self").straight()), ())
