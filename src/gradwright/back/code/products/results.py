"""What stands around a product: a triangle, new axes, places in a larger tensor, diagonals and groups of the output."""

from __future__ import annotations

from collections.abc import Sequence

from gradwright.back.code.products.draft import Draft, Term
from gradwright.back.code.products.masks import masked
from gradwright.back.code.text import Code, product_of
from gradwright.core.contraction import is_simple
from gradwright.core.dims import Dim


def put_around(draft: Draft, code: Code, carried: Sequence[int], flat: Sequence[int], spread: bool) -> Code:
    """Masks, new axes, places in a larger tensor, diagonals and groups of the output."""
    for row, column, mask in draft.masks:
        code = draft.code(masked(draft, Term(tuple(carried), code), row, column, mask), carried)
    needs_all = spread or draft.placed or _repeats(draft) or not is_simple(draft.output)
    if needs_all:
        code = _spread(draft, code, carried, flat)
        carried = list(flat)
    elif not code.number:
        code = draft.writer.aligned(code, carried, flat)
    if not draft.output or not needs_all:
        return code
    code = _place(draft, code, flat)
    code = _repeat(draft, code, flat)
    return _group(draft, code)


def _repeats(draft: Draft) -> bool:
    return len(set(draft.flat())) != len(draft.flat())


def _spread(draft: Draft, code: Code, carried: Sequence[int], flat: Sequence[int]) -> Code:
    if list(carried) == list(flat):
        return code if not code.number or not flat else _broadcast(draft, draft.lowering.as_array(code), flat)
    if code.number:
        ones = draft.filled("ones", [draft.dims[x] for x in flat])
        return ones if code.text == "1" else product_of([code, ones])
    return _broadcast(draft, draft.writer.aligned(code, carried, flat), flat)


def _broadcast(draft: Draft, code: Code, flat: Sequence[int]) -> Code:
    shape = [draft.dims[x] for x in flat]
    if draft.writer.batched:
        # −1 leaves an axis as it is, but new leading axes cannot be counted: multiply by ones instead.
        return product_of([code, draft.filled("ones", shape)])
    library = draft.lowering.library
    array = code.atom if library.broadcast.startswith("{x}") else code.text
    return Code(library.broadcast.format(x=array, shape=library.shape(draft.lowering.size_texts(shape))))


def _place(draft: Draft, code: Code, flat: Sequence[int]) -> Code:
    """Parts put into their places in a larger tensor, zeros elsewhere."""
    for whole, part, selection in reversed(draft.placed):
        axis = list(flat).index(part)
        length = Dim.of(1) if selection.part is None else selection.part
        before, after = draft.size(selection.offset), draft.size(selection.whole - selection.offset - length)
        code = _padded(draft, code, axis, len(flat), before, after)
        draft.dims[part] = draft.dims[whole]
    return code


def _padded(draft: Draft, code: Code, axis: int, rank: int, before: str, after: str) -> Code:
    if draft.lowering.library.name == "torch":
        widths = ", ".join(["0, 0"] * (rank - axis - 1) + [f"{before}, {after}"])
    else:
        pairs = ["(0, 0)"] * rank
        pairs[axis] = f"({before}, {after})"
        widths = ", ".join(pairs) + ("," if rank == 1 else "")
    return Code(draft.lowering.library.pad.format(x=code.text, widths=widths))


def _repeat(draft: Draft, code: Code, flat: Sequence[int]) -> Code:
    """Labels that stand twice in the output: diagonals."""
    wanted = draft.flat()
    axes: list[int] = list(flat)
    for label in dict.fromkeys(x for x in wanted if wanted.count(x) > 1):
        for _ in range(wanted.count(label) - 1):
            code, axes = _doubled(draft, code, axes, label)
    order: list[int] = []
    for label in wanted:
        place = next(p for p, x in enumerate(axes) if x == label and p not in order)
        order.append(place)
    return draft.writer.permuted(code, order)


def _doubled(draft: Draft, code: Code, axes: list[int], label: int) -> tuple[Code, list[int]]:
    """An axis on the diagonal of two: in their places where these are the last ones missing, else behind."""
    place = axes.index(label)
    order = [p for p in range(len(axes)) if p != place] + [place]
    moved = draft.writer.permuted(code, order)
    last = [axes[p] for p in order]
    wanted = draft.flat()
    if wanted.count(label) == 2 and sorted(wanted) == sorted([*last, label]):
        a, b = (p for p, x in enumerate(wanted) if x == label)
        rest = [x for x in wanted if x != label]
        if rest == last[:-1]:
            return draft.writer.on_diagonal(moved, a, b, len(last) + 1), list(wanted)
    return draft.writer.on_diagonal(moved, len(last) - 1, len(last), len(last) + 1), [*last, label]


def _group(draft: Draft, code: Code) -> Code:
    counts = [len(group) for group in draft.output]
    if all(count == 1 for count in counts):
        return code
    return draft.writer.reshaped(code, counts, draft.lowering.size_texts(draft.shape()))
