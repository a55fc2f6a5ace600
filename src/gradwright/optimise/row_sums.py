"""Sums over the rows of a matrix, such as the gradient of a loss over many samples and its products with a Hessian.

`Xᵀ f(X w, y)` reads X twice, `Xᵀ (f'(X w, y) ∘ (X v))` three times, which is all the time they take where X is larger
than the cache. Where what is summed has one row for every row of X and no row depends on another, the sum can be taken
over some rows after the others, each of which is read from memory once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum, auto

from gradwright.core.dims import Dim
from gradwright.core.nodes import Add, Apply, Constant, Contract, Direction, Node, Size, Symbol, field_of
from gradwright.core.walks import free_leaves, postorder, substitute
from gradwright.frozen import frozen

Leaf = Symbol | Direction


@frozen
class RowSums:
    """An expression as a function of sums over rows.

    Attributes:
        sums: what is summed, at all rows or at some: each is the sum of its values at parts of the rows.
        matrix: the largest tensor that has these rows, which is read more than once.
        sliced: the leaves that have these rows.
        count: the variable that stands for the number of all rows in the sums.
        outer: the expression, in variables that stand for the sums.
        results: these variables.
    """

    sums: tuple[Node, ...]
    matrix: Leaf
    sliced: frozenset[Node]
    count: Symbol
    outer: Node
    results: tuple[Symbol, ...]


def row_sums(root: Node) -> RowSums | None:
    """The sums over the rows of a matrix that an expression contains and that read it several times."""
    leaves = [leaf for leaf in free_leaves(root) if isinstance(leaf, Leaf)]
    for matrix in leaves:
        rows = matrix.shape[0] if matrix.rank > 1 else None
        if rows is not None and rows.name is not None:
            found = _sums_over(root, rows, matrix, leaves)
            if found is not None:
                return found
    return None


def _sums_over(root: Node, rows: Dim, matrix: Leaf, leaves: list[Leaf]) -> RowSums | None:
    kinds = _Kinds(rows).of(root)
    sums = tuple(_outermost(root, kinds))
    reads = [child for node in postorder(*sums) if isinstance(node, Contract) for child in node.children]
    if reads.count(matrix) < 2:
        return None
    taken = {leaf.name for leaf in leaves}
    count = Symbol(_fresh("rows", taken), ())
    results = tuple(Symbol(_fresh(f"sum{k}", taken), node.shape, field_of(node)) for k, node in enumerate(sums))
    return RowSums(
        sums=tuple(substitute(node, {Size(rows): count}) for node in sums),
        matrix=matrix,
        sliced=frozenset(leaf for leaf in leaves if kinds.get(leaf) is _Kind.ROWS),
        count=count,
        outer=substitute(root, dict(zip(sums, results, strict=True))),
        results=results,
    )


def _fresh(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name


class _Kind(Enum):
    """How the value of a node depends on the rows."""

    FREE = auto()  # not at all
    ROWS = auto()  # its first axis is that of the rows, and none of its rows depends on another
    SUM = auto()  # it is the sum over the rows of what depends on one row
    OTHER = auto()


def _outermost(root: Node, kinds: Mapping[Node, _Kind]) -> Iterator[Node]:
    """The sums, vectors or numbers, that no other sum contains."""
    seen, stack = {root}, [root]
    while stack:
        node = stack.pop()
        if kinds[node] is _Kind.SUM and node.rank < 2:
            yield node
        elif kinds[node] in (_Kind.SUM, _Kind.OTHER):
            stack.extend(child for child in node.children if child not in seen)
            seen.update(node.children)


class _Kinds:
    def __init__(self, rows: Dim) -> None:
        self._rows = rows
        self._done: dict[Node, _Kind] = {}

    def of(self, root: Node) -> dict[Node, _Kind]:
        """The kinds of all nodes of an expression."""
        for node in postorder(root):
            kind = self._kind(node)
            allowed = {_Kind.ROWS: 1, _Kind.FREE: 0, _Kind.SUM: 0}
            if kind in allowed and any(self._has_rows(dim) for dim in node.shape[allowed[kind] :]):
                kind = _Kind.OTHER
            self._done[node] = kind
        return self._done

    def _has_rows(self, dim: Dim) -> bool:
        assert self._rows.name is not None
        return self._rows.name in dim.names

    def _kind(self, node: Node) -> _Kind:
        inner = {self._done[child] for child in node.children}
        if inner & {_Kind.SUM, _Kind.OTHER}:
            return _Kind.OTHER
        match node:
            case Size(dim=dim):
                return _Kind.FREE if dim == self._rows or not self._has_rows(dim) else _Kind.OTHER
            case Symbol() | Direction():
                return self._kind_of_leaf(node)
            case Contract():
                return self._kind_of_product(node)
            case Add() | Constant():
                return _Kind.ROWS if _Kind.ROWS in inner else _Kind.FREE
            case Apply() if _Kind.ROWS in inner:
                axes = [a.rank - len(d.shape) for a, d in zip(node.arguments, node.primitive.inputs, strict=True)]
                return _Kind.ROWS if min(axes) > 0 else _Kind.OTHER
            case _:
                return _Kind.OTHER if _Kind.ROWS in inner else _Kind.FREE

    def _kind_of_leaf(self, leaf: Node) -> _Kind:
        return _Kind.ROWS if leaf.shape and leaf.shape[0] == self._rows else _Kind.FREE

    def _kind_of_product(self, node: Contract) -> _Kind:
        labels = {label for label, dim in enumerate(node.dims) if self._has_rows(dim)}
        if not labels:
            return _Kind.FREE
        (row, *more) = labels
        if more or node.dims[row] != self._rows:
            return _Kind.OTHER
        for factor in node.factors:
            first, others = factor.groups[:1], factor.groups[1:]
            if self._done[factor.node] is _Kind.ROWS and (first != ((row,),) or any(row in group for group in others)):
                return _Kind.OTHER
        places = [place for place, group in enumerate(node.output) if row in group]
        if not places:
            return _Kind.SUM
        return _Kind.ROWS if places == [0] and node.output[0] == (row,) else _Kind.OTHER
