"""How two gradients differ, where no known mistake explains it: which entries, and by what factor."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from gradwright.check.diagnosis.scene import Scene, close, largest
from gradwright.check.subject import shape_of


def described(scene: Scene) -> str:
    """The structure of the error in words."""
    got, want = scene.returned, scene.wanted
    if got.shape != want.shape:
        right = got.numel() == want.numel() and close(got.reshape(want.shape), want)
        alone = "; its entries are right, row by row" if right else ""
        return f"it is {shape_of(got)}, and the variable is {shape_of(want)}{alone}"
    undefined = int((~got.isfinite()).sum())
    if undefined:
        return f"{undefined} of {got.numel()} entries are no finite numbers, and all of the right ones are"
    wrong = (got - want).abs() > 1e-8 * max(largest(want), 1e-12)
    count = int(wrong.sum())
    parts = [f"{count} of {wrong.numel()} entries differ, by up to {largest(got - want):.2g}"]
    parts += [*_blocks(wrong), *_ratios(got, want)]
    return "; ".join(parts)


def entry_weights(got: torch.Tensor, want: torch.Tensor) -> torch.Tensor:
    """The numbers by which the entries have to be multiplied to give another tensor; 1 for those that are zero."""
    return torch.where(want == 0, torch.ones_like(got), got / want)


def by_entry(weights: torch.Tensor) -> str:
    """Which entries are multiplied by numbers, and by what, in words."""
    wrong = (weights - 1).abs() > 1e-8
    numbers = sorted({round(weight, 6) for weight in weights.real[wrong].tolist()})
    several = f"{numbers[0]:g}" if len(numbers) == 1 else f"numbers from {numbers[0]:g} to {numbers[-1]:g}"
    off = {(-1.0,): "have the wrong sign", (0.0,): "are zero"}.get(tuple(numbers), f"are multiplied by {several}")
    return "; ".join([f"{int(wrong.sum())} of {wrong.numel()} entries {off}", *(_checkered(wrong) or _blocks(wrong))])


def _checkered(wrong: torch.Tensor) -> list[str]:
    """Whether the wrong entries are those of one colour of a chessboard."""
    if wrong.dim() == 2:
        colours = torch.arange(wrong.shape[0])[:, None] + torch.arange(wrong.shape[1])
        for words, remainder in (("odd", 1), ("even", 0)):
            if torch.equal(wrong, colours % 2 == remainder):
                return [f"those whose row and column have an {words} sum"]
    return []


def _blocks(wrong: torch.Tensor) -> Iterator[str]:
    """Which rows, columns or triangles are wrong, if not all."""
    if wrong.dim() == 1 and not bool(wrong.all()):
        yield f"all of them at the {_places(wrong)}"
    if wrong.dim() != 2 or bool(wrong.all()):
        return
    rows, columns = wrong.any(1), wrong.any(0)
    for words, lines, along in (("rows", rows, 1), ("columns", columns, 0)):
        if torch.equal(wrong, lines.unsqueeze(along).expand_as(wrong)):
            yield f"all of the {words} {_listed(lines)}"
            return
    masks = {
        "below the diagonal": torch.ones_like(wrong).tril(-1),
        "on the diagonal": torch.eye(*wrong.shape, dtype=torch.bool),
        "above the diagonal": torch.ones_like(wrong).triu(1),
    }
    places = [words for words, mask in masks.items() if bool((wrong & mask).any())]
    if len(places) < 3:
        yield f"all of them {' and '.join(places)}"
        return
    if not bool(rows.all()):
        yield f"all of them in the rows {_listed(rows)}"
    if not bool(columns.all()):
        yield f"all of them in the columns {_listed(columns)}"


def _ratios(got: torch.Tensor, want: torch.Tensor) -> Iterator[str]:
    """The factor by which it is off, if it is one number, or one for each row or column."""
    if largest(want) == 0 or largest(got) == 0:
        yield "one of the two is zero"
        return
    factor = (want.conj() * got).sum() / (want.conj() * want).sum()
    if close(got, factor * want):
        yield f"what is returned is {_number(factor)} times the right gradient here, and another multiple elsewhere"
    elif want.dim() == 2:
        yield from _row_ratios(got, want)
    cosine = (want.conj() * got).sum().abs() / (want.norm() * got.norm())
    yield f"the cosine between the two is {float(cosine):.2f}"


def _row_ratios(got: torch.Tensor, want: torch.Tensor) -> Iterator[str]:
    for words, a, b in (("row", got, want), ("column", got.mT, want.mT)):
        factors = (b.conj() * a).sum(1, keepdim=True) / (b.conj() * b).sum(1, keepdim=True)
        if close(a, factors * b):
            yield f"every {words} is a multiple of the right one"


def _places(flags: torch.Tensor) -> str:
    """Where entries of a vector stand."""
    return f"index {_listed(flags)}" if int(flags.sum()) == 1 else f"indices {_listed(flags)}"


def _listed(flags: torch.Tensor) -> str:
    return ", ".join(str(place) for place, flag in enumerate(flags.tolist()) if flag)


def _number(value: torch.Tensor) -> str:
    return f"{value.item():.6g}"
