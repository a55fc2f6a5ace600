"""Choosing how a `Solve` is solved at a point.

A matrix equation with two terms is solved from generalised Schur forms, which an equation and its adjoint
share; so is one with more terms between polynomials in a matrix. Any other system is assembled, entry by entry of its
spaces, up to `LARGEST_DENSE` unknowns, and solved by GMRES with products alone beyond. A singular system, or one that
is singular to working precision, is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from gradwright.core.arithmetic import Array
from gradwright.core.build import is_identity
from gradwright.core.coordinates import coordinate_count, from_coordinates, projected, to_coordinates
from gradwright.core.dims import Dim, lengths
from gradwright.core.nodes import Equation, Hole, Node, Solve, Symbol
from gradwright.core.spaces import Space
from gradwright.core.walks import free_leaves
from gradwright.core.wide_range import as_double
from gradwright.diff.identities.isolate import Pair, grouped
from gradwright.diff.identities.terms import expand_unknowns, orient, read_terms
from gradwright.errors import ConditionError
from gradwright.linear.forms import push

Evaluate = Callable[[Sequence[Node], Mapping[Node, Array]], tuple[Array, ...]]
LARGEST_DENSE = 3000
CHUNK = 256  # columns of the dense system that are computed at once
SINGULAR = 1e-15  # reciprocal condition numbers below this leave no correct digit


@dataclass
class SystemSolver:
    """Solves the systems of one evaluation; Schur forms are kept for equations with the same matrices.

    Attributes:
        forms: what has been factored, by the matrices' content.
    """

    forms: dict[tuple[bytes, ...], object] = field(default_factory=dict)

    def __call__(self, node: Solve, evaluate: Evaluate, sizes: Mapping[str, int]) -> Array:
        """The value of the unknown that the node stands for.

        Args:
            node: the system.
            evaluate: values of nodes, given values for the holes of an operator.
            sizes: the sizes of the dimensions.
        """
        pairs = two_sided(node)
        if pairs is not None:
            try:
                found = self._by_structure(node, pairs, evaluate)
                if found is not None:
                    return found
            except ConditionError:
                # On a smaller space the equation may be regular although it is not for all matrices.
                if node.unknowns[0].space is Space.FREE:
                    raise
        return _System(node, evaluate, sizes).solution()

    def _by_structure(self, node: Solve, pairs: Sequence[Pair], evaluate: Evaluate) -> Array | None:
        from gradwright.back.systems.two_sided import TwoSided, factored_together  # SciPy, on first use

        parts = [*(pair.left for pair in pairs), *(pair.right for pair in pairs)]
        needed = [part for part in parts if part is not None and not is_identity(part)]
        # Of longer numbers SciPy takes the Schur form in single precision.
        values = dict(zip(needed, map(as_double, evaluate(needed, {})), strict=True))
        matrices = tuple(None if part is None else values.get(part) for part in parts)
        before, behind = matrices[: len(pairs)], matrices[len(pairs) :]
        key, adjoint_key = _content(matrices), _content([None if m is None else m.conj().T for m in matrices])
        if key not in self.forms:
            known = self.forms.get(adjoint_key)
            self.forms[key] = known.adjoint() if isinstance(known, TwoSided) else factored_together(before, behind)
        forms = self.forms[key]
        if not isinstance(forms, TwoSided):
            return None
        (side,) = evaluate(node.right_sides, {})
        trailing = side.shape[2:]
        stacked = np.moveaxis(side.reshape(*side.shape[:2], -1), 2, 0)
        found = forms.solve(stacked)
        return np.moveaxis(found, 0, 2).reshape(*found.shape[1:], *trailing)


def two_sided(node: Solve) -> list[Pair] | None:
    """`[(A, B), (C, D), …]` of an equation `A H B + C H D + … = R` between all, or all mirrored, matrices."""
    unknown, equation = node.unknowns[0], node.equations[0]
    if len(node.unknowns) != 1 or len(node.equations) != 1 or len(unknown.shape) != 2:
        return None
    if unknown.space is not equation.space or unknown.space.has_zeros:
        return None
    if unknown.real and not all(child.real for child in node.children):
        return None
    terms = read_terms(expand_unknowns(equation.operator))
    oriented = [orient(term, unknown.space) for term in terms or ()]
    if not oriented or any(term.transposed or term.conj or term.diagonal for term in oriented):
        return None
    pairs = grouped(oriented, equation.operator)
    if not all(side.is_square for pair in pairs for side in pair.sides):
        return None
    # In one order, so that an equation and its adjoint are seen to have the same matrices.
    return sorted(pairs, key=lambda pair: pair.right is not None) if len(pairs) > 1 else None


def _content(matrices: Sequence[Array | None]) -> tuple[bytes, ...]:
    return tuple(b"" if m is None else np.ascontiguousarray(m).tobytes() for m in matrices)


class _System:
    """A system in coordinates of its spaces, which are real numbers."""

    def __init__(self, node: Solve, evaluate: Evaluate, sizes: Mapping[str, int]) -> None:
        self.node = node
        self.evaluate = evaluate
        self.complex_entries = not node.in_real_numbers
        self.shapes = [lengths(u.shape, sizes) for u in node.unknowns]
        self.counts = [
            coordinate_count(u.space, shape, self._is_complex(u.real))
            for u, shape in zip(node.unknowns, self.shapes, strict=True)
        ]

    def solution(self) -> Array:
        """The unknown that the node stands for, with the right sides' further axes."""
        sides = self.evaluate(self.node.right_sides, {})
        trailing = sides[0].shape[self.node.equations[0].operator.rank :]
        columns = [side.reshape(*side.shape[: side.ndim - len(trailing)], -1) for side in sides]
        right = self._tested(columns)
        found = self._by_iteration(right) if sum(self.counts) > LARGEST_DENSE else self._densely(right)
        tensors = [self._tensors(column)[self.node.index] for column in found.T]
        return np.stack(tensors, axis=-1).reshape((*tensors[0].shape, *trailing))

    def _densely(self, right: Array) -> Array:
        from scipy.linalg import lapack, lu_factor, lu_solve

        matrix = self._matrix()
        if matrix.shape[0] != matrix.shape[1]:
            raise ConditionError(f"the linear system has {matrix.shape[0]} equations for {matrix.shape[1]} unknowns")
        size = float(np.linalg.norm(matrix, 1)) if matrix.size else 0.0
        if not np.isfinite(size):
            raise ConditionError("the linear system that defines the derivative is not finite at this point")
        factors = lu_factor(matrix, check_finite=False) if size else (matrix, np.arange(len(matrix)))
        reciprocal = float(lapack.dgecon(factors[0], size)[0]) if size else 0.0
        if matrix.size and reciprocal < SINGULAR:
            raise ConditionError(
                f"the linear system that defines the derivative is singular at this point "
                f"(its reciprocal condition number is {reciprocal:.1e})"
            )
        return lu_solve(factors, right, check_finite=False)

    def _matrix(self) -> Array:
        """Column by column, many at once: the operator at the tensors with one entry."""
        total = sum(self.counts)
        images: list[Array] = []
        for start in range(0, total, CHUNK):
            units = np.eye(total)[:, start : start + CHUNK]
            images.append(self._tested(self._images(units)))
        return np.concatenate(images, axis=1)

    def _images(self, coordinates: Array) -> list[Array]:
        """The operators at tensors given by columns of coordinates, along a last axis."""
        tensors = [self._tensors(column) for column in coordinates.T]
        width = Dim.of(coordinates.shape[1])
        stacked: dict[Node, Array] = {}
        symbols: dict[Node, Node] = {}
        for place, unknown in enumerate(self.node.unknowns):
            values = np.stack([t[place] for t in tensors], axis=-1)
            facts = frozenset({"complex"}) if np.iscomplexobj(values) else frozenset[str]()
            symbol = Symbol(f"__unknown{place}", (*unknown.shape, width), facts)
            symbols[Hole.of(unknown, place)] = symbol
            stacked[symbol] = values
        forms = [self._pushed(equation.operator, symbols, width) for equation in self.node.equations]
        return list(self.evaluate(forms, stacked))

    def _pushed(self, operator: Node, symbols: Mapping[Node, Node], width: Dim) -> Node:
        inside: dict[Node, Node] = {hole: symbols[hole] for hole in free_leaves(operator) if isinstance(hole, Hole)}
        return push(operator, inside, (width,))

    def _tensors(self, coordinates: Array) -> list[Array]:
        stops = np.cumsum(self.counts)[:-1]
        parts = np.split(coordinates, stops)
        return [
            from_coordinates(u.space, part, shape, self._is_complex(u.real))
            for u, part, shape in zip(self.node.unknowns, parts, self.shapes, strict=True)
        ]

    def _tested(self, values: Sequence[Array]) -> Array:
        """The coordinates of the equations' values, for every place on their last axis."""
        columns: list[Array] = []
        for place in range(values[0].shape[-1]):
            parts = [self._coordinates(e, v[..., place]) for e, v in zip(self.node.equations, values, strict=True)]
            columns.append(np.concatenate(parts))
        return np.stack(columns, axis=1)

    def _coordinates(self, equation: Equation, value: Array) -> Array:
        entries = projected(equation.space, value)
        entries = entries.astype(complex) if self._is_complex(equation.operator.real) else np.real(entries)
        return to_coordinates(equation.space, entries)

    def _is_complex(self, real: bool) -> bool:
        return self.complex_entries and not real

    def _by_iteration(self, right: Array) -> Array:
        from gradwright.back.systems.krylov import KrylovInverse  # SciPy, on first use

        inverse = KrylovInverse(lambda columns: self._tested(self._images(columns)), len(right), symmetric=False)
        return inverse.solve(right)
