"""Sums that are left out, reductions and broadcasts along the wrong axis, one sample instead of all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations, permutations, product
from typing import Any

import torch

from gradwright.check.diagnosis.notation import sign_of
from gradwright.check.diagnosis.operations import ENTRYWISE
from gradwright.check.diagnosis.program import Instruction, Program, Values
from gradwright.check.diagnosis.repairs.sites import Site, sites
from gradwright.check.diagnosis.scene import Repair, Scene
from gradwright.frozen import replace

MOST_AXES = 4
AXIS_NAMES = ("dim", "axis")
ALONG_AXES = (
    "sum", "mean", "prod", "cumsum", "cumprod", "softmax", "log_softmax", "logsumexp", "norm", "vector_norm", "flip",
    "unsqueeze", "amax", "amin", "max", "min", "roll", "var", "std", "unbind", "select", "sort",
)  # fmt: skip
REDUCTIONS = ("sum", "mean")
NORMS = ("norm", "vector_norm")


def axes(scene: Scene) -> Iterator[Repair]:
    """Every axis that is named changed, every value summed, every single entry replaced by the sum."""
    for site in sites(scene):
        yield from _summed(site, scene)
    for instruction in scene.program.instructions:
        yield from _other_axis(instruction, scene)
        yield from _other_axis_kept(instruction, scene)
        yield from _other_broadcast(instruction, scene)
        yield from _other_reshape(instruction, scene)
        yield from _all_samples(scene.program, instruction, scene)
        yield from _after_product(scene.program, instruction)
    yield from _reduced(scene)
    if scene.misshapen and scene.returned.dim() <= scene.wanted.dim():
        yield from _spread(scene)


def _summed(site: Site, scene: Scene) -> Iterator[Repair]:
    if site.slot == scene.program.result and site.user is None:
        return
    for axis in range(site.value.dim()):
        words = f"{site.words} has to be summed over its axis {axis}"
        yield site.repair(lambda v, a=axis: v.sum(a, keepdim=True), "unsummed_axis", words, 1.0)
        yield site.repair(lambda v, a=axis: v.sum(a), "unsummed_axis", words, 1.1)
        words = f"{site.words} has to be averaged over its axis {axis}"
        yield site.repair(lambda v, a=axis: v.mean(a, keepdim=True), "unsummed_axis", words, 1.2)
    if site.value.dim() == 2:
        words = f"{site.words} has to be summed over all entries"
        yield site.repair(torch.sum, "unsummed_axis", words, 1.1)
        yield site.repair(torch.mean, "unsummed_axis", words, 1.25)
        if site.value.shape[0] == site.value.shape[1]:
            yield site.repair(torch.trace, "unsummed_axis", f"the trace of {site.words} is due", 1.3)


def _other_axis(instruction: Instruction, scene: Scene) -> Iterator[Repair]:
    if instruction.name not in ALONG_AXES or not instruction.operands:
        return
    operand = scene.values.get(instruction.operands[0][1])
    if not isinstance(operand, torch.Tensor):
        return
    rank = operand.dim() + (instruction.name == "unsqueeze")
    variants = list(_with_axes(instruction, rank))
    if instruction.name in REDUCTIONS and rank > 1:
        variants += [(arguments, {**keywords, "keepdim": True}) for arguments, keywords in variants]
    for arguments, keywords in variants:
        turned = Instruction(instruction.slot, instruction.function, arguments, keywords)
        words = f"{instruction.name} runs along the wrong axis"
        yield Repair(instruction.slot, lambda values, scene, t=turned: t.run(values), "wrong_axis", words, 0.95)
    if instruction.name in (*REDUCTIONS, *NORMS):
        yield from _kept_axis(instruction, rank)
    if instruction.name in REDUCTIONS:
        yield from _not_summed(instruction)
        yield _mean_or_sum(instruction)


def _other_axis_kept(instruction: Instruction, scene: Scene) -> Iterator[Repair]:
    """A reduction along an axis that is put back by indexing, as in `X.mean(1)[:, None]`, along another axis."""
    inner = scene.program.by_slot.get(instruction.operands[0][1]) if instruction.operands else None
    whole = scene.values.get(inner.operands[0][1]) if inner is not None and inner.name in REDUCTIONS else None
    made = scene.values.get(instruction.slot)
    put_back = instruction.name in ("__getitem__", "unsqueeze")
    if not put_back or not isinstance(whole, torch.Tensor) or not isinstance(made, torch.Tensor):
        return
    assert inner is not None
    for axis in range(whole.dim()) if made.dim() == whole.dim() else ():
        words = f"{inner.name} runs along the wrong axis"

        def along(values: Values, scene: Scene, axis: int = axis) -> object:
            return getattr(values[inner.operands[0][1]], inner.name)(axis, keepdim=True)

        yield Repair(instruction.slot, along, "wrong_axis", words, 0.95)


def _not_summed(instruction: Instruction) -> Iterator[Repair]:
    """A reduction where nothing is to be summed: each entry goes with its row, its column, or its own place."""
    source = instruction.operands[0][1]
    spread: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
        "": lambda v: v,
        ", each entry going with its row": lambda v: v.unsqueeze(-1),
        ", each entry going with its column": lambda v: v.unsqueeze(0),
    }
    for how, place in spread.items():

        def keep(values: Values, scene: Scene, place: Callable = place) -> object:
            return place(values[source])

        words = f"{instruction.name} adds up what must not be added{how}"
        yield Repair(instruction.slot, keep, "wrong_axis", words, 1.1)


def _after_product(program: Program, instruction: Instruction) -> Iterator[Repair]:
    """The product of two sums along the same axis, where the sum of the products is due."""
    if instruction.name not in ("mul", "multiply") or len(instruction.operands) != 2:
        return
    makers = [program.by_slot.get(slot) for _, slot in instruction.operands]
    left, right = makers
    if left is None or right is None or {left.name, right.name} - {"sum"}:
        return
    if (left.arguments[1:], left.keywords) != (right.arguments[1:], right.keywords):
        return

    def product(values: Values, scene: Scene) -> object:
        (_, first), (_, second) = left.operands[0], right.operands[0]
        return left.function(values[first] * values[second], *left.arguments[1:], **left.keywords)

    words = "the two are summed before they are multiplied: the sum of their products is due"
    yield Repair(instruction.slot, product, "unsummed_axis", words, 1.0)


def _mean_or_sum(instruction: Instruction) -> Repair:
    due = "sum" if instruction.name == "mean" else "mean"
    turned = replace(instruction, function=getattr(torch.Tensor, due))
    words = f"{instruction.name} is taken where the {due} is due"
    return Repair(instruction.slot, lambda values, scene: turned.run(values), "wrong_factor", words, 0.9, portable=True)


def _with_axes(instruction: Instruction, rank: int) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    """The arguments with another axis, where one is named."""
    keywords = dict(instruction.keywords)
    for name in AXIS_NAMES:
        for other in _others(keywords.get(name), rank):
            yield instruction.arguments, {**keywords, name: other}
    if len(instruction.arguments) > 1:
        first, axis, *rest = instruction.arguments
        for other in _others(axis, rank):
            yield (first, other, *rest), keywords


def _others(axis: object, rank: int) -> Iterator[object]:
    if isinstance(axis, int) and not isinstance(axis, bool):
        yield from (other for other in range(rank) if other != axis % max(rank, 1))
    elif isinstance(axis, tuple | list) and all(isinstance(a, int) for a in axis):
        chosen = tuple(sorted(a % max(rank, 1) for a in axis))
        for count in range(1, rank + 1):
            yield from (list(other) for other in combinations(range(rank), count) if other != chosen)


def _kept_axis(instruction: Instruction, rank: int) -> Iterator[Repair]:
    """A reduction of everything where one of a single axis is due."""
    given = [instruction.keywords.get(name) for name in AXIS_NAMES]
    named = any(axis is not None for axis in given) or len(instruction.arguments) > 1
    if named or rank < 2:
        return
    for axis, keeps in product(range(rank), (True, False)):

        def reduce(values: Values, scene: Scene, axis: int = axis, keeps: bool = keeps) -> object:
            along = replace(instruction, keywords={**instruction.keywords, "dim": axis, "keepdim": keeps})
            return along.run(values)

        words = f"{instruction.name} runs over all entries; it should run over axis {axis} alone"
        yield Repair(instruction.slot, reduce, "wrong_axis", words, 1.1)


def _other_broadcast(instruction: Instruction, scene: Scene) -> Iterator[Repair]:
    """A vector spread along the other axis of a matrix."""
    if instruction.name not in ENTRYWISE:
        return
    for place, source in instruction.operands:
        value = scene.values.get(source)
        if not isinstance(value, torch.Tensor):
            continue
        if value.dim() == 1:

            def as_column(values: Values, scene: Scene, place=place, source=source) -> object:
                return instruction.run(values, {place: values[source][:, None]})

            words = f"{scene.called(source)} is spread along the wrong axis in {sign_of(instruction)}"
            yield Repair(instruction.slot, as_column, "wrong_axis", words, 1.05)
        elif value.dim() == 2 and 1 in value.shape and value.shape != (1, 1):

            def turned(values: Values, scene: Scene, place=place, source=source) -> object:
                return instruction.run(values, {place: values[source].mT})

            words = f"{scene.called(source)} is spread along the wrong axis in {sign_of(instruction)}"
            yield Repair(instruction.slot, turned, "wrong_axis", words, 0.9)


def _other_reshape(instruction: Instruction, scene: Scene) -> Iterator[Repair]:
    """Rows stacked where columns are due, or the other way round."""
    if instruction.name not in ("reshape", "view", "flatten", "ravel"):
        return
    source = instruction.operands[0][1]
    before, after = scene.values.get(source), scene.values.get(instruction.slot)
    if not isinstance(before, torch.Tensor) or not isinstance(after, torch.Tensor):
        return
    words = f"{instruction.name} stacks along the wrong axis"
    yield from _other_order(instruction, source, before, after)
    if before.dim() == 2 and after.dim() == 1:

        def by_columns(values: Values, scene: Scene) -> object:
            return values[source].mT.reshape(-1)

        yield Repair(instruction.slot, by_columns, "wrong_axis", words, 1.0)
    if before.dim() == 1 and after.dim() == 2:

        def from_columns(values: Values, scene: Scene) -> object:
            rows, columns = instruction.run(values).shape
            return values[source].reshape(columns, rows).mT

        yield Repair(instruction.slot, from_columns, "wrong_axis", words, 1.0)


def _other_order(instruction: Instruction, source: int, before: torch.Tensor, after: torch.Tensor) -> Iterator[Repair]:
    """The axes read, or laid out, in another order: what is reshaped is permuted before, or after."""
    words = f"{instruction.name} takes the axes in the wrong order"
    for order in permutations(range(after.dim())) if 2 < after.dim() <= MOST_AXES else ():

        def laid_out(values: Values, scene: Scene, order: tuple[int, ...] = order) -> object:
            shape = instruction.run(values).shape
            back = sorted(range(len(order)), key=order.__getitem__)
            return values[source].reshape([shape[axis] for axis in order]).permute(back)

        yield Repair(instruction.slot, laid_out, "wrong_axis", words, 1.1)
    for order in permutations(range(before.dim())) if 2 < before.dim() <= MOST_AXES else ():

        def read(values: Values, scene: Scene, order: tuple[int, ...] = order) -> object:
            return values[source].permute(order).reshape(instruction.run(values).shape)

        yield Repair(instruction.slot, read, "wrong_axis", words, 1.1)
    if before.dim() == after.dim() == 2 and before.shape == after.shape[::-1]:
        turned = f"{instruction.name} reads the entries row by row: that is no transpose, which is due"
        yield Repair(instruction.slot, lambda values, scene: values[source].mT, "wrong_axis", turned, 0.95)


def _all_samples(program: Program, instruction: Instruction, scene: Scene) -> Iterator[Repair]:
    """One entry along an axis, where the sum over the axis is due."""
    axis = _picked_axis(instruction)
    source = _unbound(program, instruction) if instruction.name == "_item" else None
    if axis is None and source is None:
        return
    operand = source if source is not None else instruction.operands[0][1]
    if not isinstance(scene.values.get(operand), torch.Tensor):
        return

    for reduction, due, cost in ((torch.sum, "added", 0.9), (torch.mean, "averaged", 0.95)):

        def total(values: Values, scene: Scene, reduction: Callable = reduction) -> object:
            return reduction(values[operand], axis or 0)

        words = f"only one of the contributions is used; they have to be {due}"
        yield Repair(instruction.slot, total, "missing_trace_or_sum_over_batch", words, cost)


def _picked_axis(instruction: Instruction) -> int | None:
    if instruction.name == "select":
        return instruction.keywords.get("dim", (*instruction.arguments, 0)[1])
    if instruction.name == "__getitem__":
        index = instruction.arguments[1]
        places = index if type(index) is tuple else (index,)
        whole = [p for p, i in enumerate(places) if isinstance(i, int) and not isinstance(i, bool)]
        return whole[0] if len(whole) == 1 and None not in places and Ellipsis not in places else None
    return None


def _unbound(program: Program, instruction: Instruction) -> int | None:
    maker = program.by_slot.get(instruction.operands[0][1])
    return maker.operands[0][1] if maker is not None and maker.name == "unbind" else None


def _reduced(scene: Scene) -> Iterator[Repair]:
    """A gradient of more axes than the variable, summed down to its shape."""
    last = scene.program.by_slot[scene.program.result]
    rank = scene.returned.dim()
    for count in range(1, rank - scene.wanted.dim() + 1):
        for chosen in combinations(range(rank), count):

            def reduce(values: Values, scene: Scene, chosen: tuple[int, ...] = chosen) -> object:
                return last.run(values).sum(chosen)

            words = "the gradient keeps the shape to which the forward spread the variable; it has to be summed"
            yield Repair(last.slot, reduce, "broadcast_not_reduced", words, 0.9)
    if rank == scene.wanted.dim() and rank and scene.returned.shape != scene.wanted.shape:
        for axis in range(rank):
            yield Repair(
                last.slot,
                lambda values, scene, a=axis: last.run(values).sum(a, keepdim=True),
                "broadcast_not_reduced",
                "the gradient keeps the shape to which the forward spread the variable; it has to be summed",
                0.9,
            )


def _spread(scene: Scene) -> Iterator[Repair]:
    """A gradient of what the forward sums up, spread to the shape of the variable."""
    last = scene.program.by_slot[scene.program.result]
    rank = scene.wanted.dim()
    for added in combinations(range(rank), rank - scene.returned.dim()):

        def spread(values: Values, scene: Scene, added: tuple[int, ...] = added) -> object:
            shape = [1 if axis in added else size for axis, size in enumerate(scene.wanted.shape)]
            return last.run(values).reshape(shape).expand(scene.wanted.shape)

        along = f" along axis {' and '.join(map(str, added))}" if added else ""
        words = f"the gradient has to be spread{along} to the shape of {scene.name}"
        yield Repair(last.slot, spread, "missing_chain_factor", words, 0.9)
