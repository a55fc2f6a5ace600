"""Inputs by name: as arrays, of the declared shapes, in the declared sets, with the sizes that follow from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from gradwright.back.arrays import numbers_of
from gradwright.core.declarations import as_read, declared_facts
from gradwright.core.dims import Dim, sizes_text
from gradwright.core.membership import departure
from gradwright.core.nodes import Direction, Node, Selection, Symbol
from gradwright.core.points import dimension_names, even_sizes, needed_orders
from gradwright.core.primitive import shape_text
from gradwright.core.signature import Signature, symbol_of
from gradwright.core.walks import free_leaves, postorder
from gradwright.errors import ConditionError, EvaluationError
from gradwright.frozen import frozen


def named_leaves(
    node: Node, signature: Signature, optional: Iterable[Symbol | Direction] = ()
) -> dict[str, Symbol | Direction]:
    """Everything that may be given by name: what was declared, what is optional, and what else occurs."""
    occurring = [leaf for leaf in free_leaves(node) if isinstance(leaf, Symbol | Direction)]
    declared = {d.name: symbol_of(d) for d in signature}
    return {**declared, **{leaf.name: leaf for leaf in (*optional, *occurring)}}


def inputs_as_read(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs by their names in the form in which declarations are read: `evaluate(**{"ϵ": 1})` is `evaluate(ϵ=1)`."""
    found = {as_read(name): value for name, value in inputs.items()}
    if len(found) < len(inputs):
        twice = next(name for name in inputs if as_read(name) != name)
        raise EvaluationError(f"the input '{as_read(twice)}' is given twice: '{twice}' is the same name")
    return found


def as_array(name: str, value: Any) -> np.ndarray:
    """An input as a NumPy array."""
    return numbers_of(value, f"the input '{name}'")


def check_known(leaves: Mapping[str, Node], arrays: Mapping[str, np.ndarray]) -> None:
    """Refuse unknown names, and complex numbers where real ones were declared."""
    unknown = [name for name in arrays if name not in leaves]
    if unknown:
        raise EvaluationError(f"there is no input '{unknown[0]}'; the expression takes {', '.join(leaves) or 'none'}")
    check_fields(leaves, {name: np.iscomplexobj(array) for name, array in arrays.items()})


def check_fields(leaves: Mapping[str, Node], are_complex: Mapping[str, bool]) -> None:
    """Refuse complex numbers where real ones were declared."""
    for name, is_complex in are_complex.items():
        if leaves[name].real and is_complex:
            raise EvaluationError(
                f"'{name}' is declared real, and the input is complex: declare it complex, since its conjugate matters"
            )


def check_names(leaves: Mapping[str, Node], arrays: Mapping[str, np.ndarray], node: Node) -> None:
    """Refuse unknown names, complex numbers for real ones, and missing names."""
    check_known(leaves, arrays)
    needed = [leaf.name for leaf in free_leaves(node) if isinstance(leaf, Symbol | Direction)]
    missing = [name for name in needed if name not in arrays]
    if missing:
        raise EvaluationError(f"the input '{missing[0]}' is missing; give {', '.join(needed)}")


def bind_sizes(arrays: Mapping[Symbol | Direction, np.ndarray]) -> dict[str, int]:
    """The sizes of the dimension names, from the shapes of the inputs."""
    sizes: dict[str, int] = {}
    for leaf, array in arrays.items():
        if array.ndim != leaf.rank:
            raise EvaluationError(
                f"'{leaf.name}' is declared as {shape_text(leaf.shape)}, "
                f"but the input has {array.ndim} dimension(s): {array.shape}"
            )
        if 0 in array.shape:
            raise EvaluationError(f"'{leaf.name}' has an axis of length 0: {array.shape}; a dimension is at least 1")
        for dim, size in zip(leaf.shape, array.shape, strict=True):
            if dim.name is not None and sizes.setdefault(dim.name, size) != size:
                raise EvaluationError(_clash(leaf, array, dim, sizes[dim.name]))
    _solve_sizes(arrays, sizes)
    for leaf, array in arrays.items():
        for dim, size in zip(leaf.shape, array.shape, strict=True):
            if all(name in sizes for name in dim.names) and dim.evaluate(sizes) != size:
                raise EvaluationError(_clash(leaf, array, dim, dim.evaluate(sizes)))
    return sizes


def _solve_sizes(arrays: Mapping[Symbol | Direction, np.ndarray], sizes: dict[str, int]) -> None:
    """The sizes of names that occur in sums and products of dimensions only: `k` in `x: m*k`, once m is known."""
    pairs = [pair for leaf, array in arrays.items() for pair in zip(leaf.shape, array.shape, strict=True)]
    before = -1
    while before < len(sizes):
        before = len(sizes)
        for dim, size in pairs:
            sizes.update(dim.solve(size, sizes))


def _clash(leaf: Symbol | Direction, array: np.ndarray, dim: Dim, known: int) -> str:
    size = "" if dim.value is not None else f" with {dim} = {known}"
    return f"'{leaf.name}' is declared as {shape_text(leaf.shape)}{size}, but the input has shape {array.shape}"


def check_sizes(node: Node, sizes: Mapping[str, int], origins: tuple[Node, ...]) -> None:
    """Refuse to evaluate where a dimension is not known, or has a size that an expression cannot have.

    Args:
        node: the expression.
        sizes: of dimension names.
        origins: what it is a derivative of.
    """
    for name in dimension_names([node]):
        if name not in sizes:
            raise EvaluationError(f"the size of the dimension '{name}' is not known: give a variable that has it")
    Demands.of(node, origins).check(sizes)


@frozen
class Demands:
    """What an expression demands of sizes, found once: where PyTorch traces a call, little more than comparisons is.

    Attributes:
        places: the entries that are picked of axes.
        orders: pairs of sizes, of which the first is no smaller.
        even: sizes of skew matrices that have to be invertible, because a derivative needs it.
    """

    places: tuple[Selection, ...]
    orders: tuple[tuple[Dim, Dim], ...]
    even: tuple[Dim, ...]

    @classmethod
    @lru_cache(maxsize=512)
    def of(cls, node: Node, origins: tuple[Node, ...]) -> Demands:
        """What an expression, a derivative of some origins, demands."""
        places = tuple(selection for selection in postorder(node) if isinstance(selection, Selection))
        return cls(places, tuple(needed_orders([node])), tuple(even_sizes(origins)))

    def check(self, sizes: Mapping[str, int]) -> None:
        """Refuse sizes that the expression cannot have; a dimension without a size is passed over."""
        for selection in self.places:
            if _are_known(sizes, selection.whole, selection.offset, *selection.shape):
                _check_place(selection, sizes)
        for larger, smaller in self.orders:
            if _are_known(sizes, larger, smaller) and larger.evaluate(sizes) < smaller.evaluate(sizes):
                got = sizes_text({name: sizes[name] for name in (*larger.names, *smaller.names)})
                raise EvaluationError(f"the expression needs {larger} ≥ {smaller}, and in these inputs {got}")
        for dim in self.even:
            if _are_known(sizes, dim) and dim.evaluate(sizes) % 2:
                raise ConditionError(
                    f"the derivative needs the inverse of a skew matrix, which has none at the odd size {dim} = "
                    f"{dim.evaluate(sizes)}"
                )


def _are_known(sizes: Mapping[str, int], *dims: Dim) -> bool:
    return all(name in sizes for dim in dims for name in dim.names)


def _check_place(selection: Selection, sizes: Mapping[str, int]) -> None:
    """Refuse an index that an axis of a named dimension turns out to be too short for."""
    place, length = selection.offset.evaluate(sizes), selection.whole.evaluate(sizes)
    last = place + (selection.part.evaluate(sizes) - 1 if selection.part is not None else 0)
    if place < 0 or last >= length:
        raise EvaluationError(
            f"place {last if last >= length else place} is outside an axis of length {length}, which is what "
            f"{selection.whole} is in these inputs: places are counted from 0, so give a longer input"
        )


def check_sets(arrays: Mapping[Symbol | Direction, np.ndarray]) -> None:
    """Refuse a value outside its declared set: its derivative would be that of another function."""
    for leaf, array in arrays.items():
        found = departure(array, leaf.facts)
        if found:
            of = f", a perturbation of '{leaf.of}'," if isinstance(leaf, Direction) else ""
            raise EvaluationError(
                f"'{leaf.name}'{of} is declared {' '.join(declared_facts(leaf.facts))}, but the input {found}: "
                "give a value in the declared set, or declare the variable without that"
            )
