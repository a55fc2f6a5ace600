"""Parts of tensors, `T[0, :, 1:]`: a tensor of three and more axes beside what picks entries and ranges of some.

Those of matrices and vectors are found among products (`products.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gradwright.back.formula import Formula, Indexed
from gradwright.core.contraction import contract, is_simple, plain
from gradwright.core.dims import Dim
from gradwright.core.nodes import Contract, Factor, HalfVectorisation, Node, Selection, Symbol, field_of


def part_of_tensor(
    node: Contract, formula: Callable[[Node], Formula], name: Callable[[Symbol, Formula], None]
) -> Formula | None:
    """The product with a part of the first tensor in the place of the tensor and of what picks it; None without one."""
    for tensor in node.factors:
        picks = _picks(node, tensor)
        if picks:
            labels, places = _kept(tensor, picks)
            shape = tuple(node.dims[label] for label in labels)
            part = Symbol(f"__part_{tensor.node.digest.hex()}_{'_'.join(places)}", shape, field_of(tensor.node))
            name(part, Indexed(len(labels), len(labels) < 2, formula(tensor.node), places))
            own = plain(part, labels, tensor.conj)
            gone = {id(pick) for pick in picks.values()}
            factors = [own if f is tensor else f for f in node.factors if id(f) not in gone]
            left = {label: dim for label, dim in enumerate(node.dims) if label not in picks}
            return formula(contract(node.coefficient, factors, node.output, left))
    return None


def _picks(node: Contract, tensor: Factor) -> dict[int, Factor]:
    """What picks from axes of a tensor, by the labels of these axes, which nothing else has."""
    labels = tensor.labels
    if len(labels) < 3 or len(set(labels)) < len(labels) or isinstance(tensor.node, HalfVectorisation):
        return {}
    if not is_simple(tensor.groups):
        return {}
    around = {label: [f for f in node.factors if label in f.labels and f is not tensor] for label in labels}
    return {
        label: factors[0]
        for label, factors in around.items()
        if label not in node.free_labels
        and len(factors) == 1
        and isinstance(factors[0].node, Selection)
        and factors[0].labels.count(label) == 1
        and factors[0].labels[0] == label
    }


def _kept(tensor: Factor, picks: Mapping[int, Factor]) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The labels of the part, and what stands in the brackets."""
    labels, places = list[int](), list[str]()
    for label in tensor.labels:
        pick = picks.get(label)
        places.append(":" if pick is None else place_of(pick.node))
        labels += (label,) if pick is None else pick.labels[1:]
    return tuple(labels), tuple(places)


def place_of(selection: Node) -> str:
    """What stands in brackets for a basis vector, `0`, or for a range, `1:n`."""
    assert isinstance(selection, Selection)
    if selection.part is None:
        value = (selection.offset - selection.whole).value
        return str(value) if value is not None and selection.offset.value is None else str(selection.offset)
    stop = selection.offset + selection.part
    start = "" if selection.offset == Dim.of(0) else str(selection.offset)
    return f"{start}:{'' if stop == selection.whole else stop}"
