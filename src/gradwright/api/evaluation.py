"""Evaluation of public expressions: inputs by name, checked, in the library they come from."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np

from gradwright.back.render import unicode_of
from gradwright.back.systems.solver import SystemSolver
from gradwright.core.declarations import declared_facts
from gradwright.core.dims import Dim
from gradwright.core.evaluate import evaluate_all
from gradwright.core.membership import departure
from gradwright.core.nodes import Apply, Direction, Node, Solve, Symbol
from gradwright.core.primitive import shape_text
from gradwright.core.signature import Signature, symbol_of
from gradwright.core.walks import free_leaves, postorder
from gradwright.diff.conditions import conditions_of
from gradwright.diff.gauge import GaugeTest
from gradwright.errors import ConditionError, EvaluationError, GaugeWarning
from gradwright.prims.power import power
from gradwright.simplify.pipeline import simplify

CLOSE = 1e-12  # gaps smaller than this, relative to the largest, leave a derivative few correct digits


def evaluate_expression(
    node: Node,
    signature: Signature,
    inputs: Mapping[str, Any],
    optional: Sequence[Symbol | Direction] = (),
    zero_if_absent: bool = False,
    gauge: Sequence[GaugeTest] = (),
) -> Any:
    """The value of a node at inputs by name.

    Args:
        node: the node.
        signature: the declared variables.
        inputs: arrays by name.
        optional: directions and cotangents that may be given though the node no longer contains them.
        zero_if_absent: whether those that are not given are zero.
        gauge: what tells whether the cotangents depend on a choice; a warning says so.
    """
    leaves = {**{leaf.name: leaf for leaf in optional}, **named_leaves(node, signature)}
    node = _evaluated_form(node)
    arrays = {name: as_array(name, value) for name, value in inputs.items()}
    check_known(leaves, arrays)
    sizes = bind_sizes({leaves[name]: array for name, array in arrays.items()})
    if zero_if_absent:
        absent = [leaf for leaf in optional if leaf.name not in arrays]
        arrays |= {leaf.name: _zeros(leaf, sizes) for leaf in absent if _is_sized(leaf, sizes)}
    check_names(leaves, arrays, node)
    check_sizes(node, sizes)
    check_sets({leaves[name]: array for name, array in arrays.items()})
    values: dict[Node, np.ndarray] = {leaf: arrays[name] for name, leaf in leaves.items() if name in arrays}
    kinds = [arrays[name].dtype for name, value in inputs.items() if hasattr(value, "dtype")]
    with np.errstate(all="ignore"):
        gaps = spectral_gaps(node)
        tests = [test for test in gauge if all(leaf in values for n in test.nodes for leaf in free_leaves(n))]
        further = [n for test in tests for n in test.nodes]
        result, *found = evaluate_all((node, *gaps, *further), values, sizes, systems=SystemSolver())
    require_gaps(found[: len(gaps)], node)
    require_finite(result, node, arrays)
    warn_of_gauge(tests, dict(zip(further, found[len(gaps) :], strict=True)), sizes)
    return like_inputs(_in_kind(result, kinds), list(inputs.values()))


@lru_cache(maxsize=512)
def _evaluated_form(node: Node) -> Node:
    """The expression in the form that does not overflow."""
    return simplify(node)


@lru_cache(maxsize=512)
def spectral_gaps(node: Node) -> tuple[Node, ...]:
    """What a derivative divides by: differences of eigenvalues, singular values."""
    divisors = [divisor for n in postorder(node) if (divisor := _divisor(n)) is not None]
    bound = {n for s in postorder(node) if isinstance(s, Solve) for e in s.equations for n in postorder(e.operator)}
    free = [d for d in dict.fromkeys(divisors) if d.rank and d not in bound]
    return tuple(d for d in free if any(isinstance(n, Apply) and n.primitive.gauge for n in postorder(d)))


def _divisor(node: Node) -> Node | None:
    """What a negative power is taken of."""
    if not isinstance(node, Apply) or node.primitive is not power:
        return None
    exponent = node.parameters[0]
    return node.arguments[0] if isinstance(exponent, Fraction) and exponent < 0 else None


def require_gaps(values: Sequence[np.ndarray], node: Node) -> None:
    """Refuse a derivative that divides by a difference that is lost in rounding errors."""
    for value in values:
        sizes = np.abs(value)
        largest, smallest = float(np.max(sizes, initial=0.0)), float(np.min(sizes, initial=np.inf))
        if not smallest > CLOSE * largest:
            needs = conditions_of((node,), (), unicode_of)
            raise ConditionError(
                f"the derivative divides by {smallest:.1e}, a gap that is lost in rounding errors beside "
                f"{largest:.1e}; it needs that {', that '.join(needs)}"
            )


def warn_of_gauge(
    tests: Sequence[GaugeTest], values: Mapping[Node, np.ndarray], sizes: Mapping[str, int], level: int = 4
) -> None:
    """Warn where a cotangent has a part along the freedom of a factorisation."""
    for test in tests:
        rate = test.rate(values, sizes)
        if rate:
            warnings.warn(f"{test.remark(rate)} (see D.notes)", GaugeWarning, stacklevel=level)


def require_finite(result: np.ndarray, node: Node, inputs: Mapping[str, np.ndarray]) -> None:
    """Refuse a result with infinities or NaN that the inputs did not have: a condition is violated."""
    if bool(np.all(np.isfinite(result))) or not all(bool(np.all(np.isfinite(a))) for a in inputs.values()):
        return
    needs = conditions_of((node,), (), unicode_of)
    reason = f"it needs that {', that '.join(needs)}" if needs else "the numbers are too large for floating point"
    raise ConditionError(f"the value is not finite at these inputs: {reason}")


def named_leaves(node: Node, signature: Signature) -> dict[str, Symbol | Direction]:
    """Everything that may be given by name: what occurs, and what was declared."""
    occurring = [leaf for leaf in free_leaves(node) if isinstance(leaf, Symbol | Direction)]
    declared = {d.name: symbol_of(d) for d in signature}
    return {**declared, **{leaf.name: leaf for leaf in occurring}}


def as_array(name: str, value: Any) -> np.ndarray:
    """An input as a NumPy array."""
    if hasattr(value, "detach"):
        value = value.detach().resolve_conj().cpu().numpy()
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise EvaluationError(f"the input '{name}' is not an array: {error}") from error
    if array.dtype.kind not in "biufc":
        raise EvaluationError(f"the input '{name}' is not an array of numbers")
    return array.astype(float) if array.dtype.kind in "biu" else array


def _is_sized(leaf: Symbol | Direction, sizes: Mapping[str, int]) -> bool:
    return all(name in sizes for dim in leaf.shape for name in dim.names)


def _zeros(leaf: Symbol | Direction, sizes: Mapping[str, int]) -> np.ndarray:
    return np.zeros(tuple(dim.evaluate(sizes) for dim in leaf.shape), dtype=np.float32)


def check_known(leaves: Mapping[str, Node], arrays: Mapping[str, np.ndarray]) -> None:
    """Refuse unknown names, and complex numbers where real ones were declared."""
    unknown = [name for name in arrays if name not in leaves]
    if unknown:
        raise EvaluationError(f"there is no input '{unknown[0]}'; the expression takes {', '.join(leaves) or 'none'}")
    for name, array in arrays.items():
        if leaves[name].real and np.iscomplexobj(array):
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
    return (
        f"'{leaf.name}' is declared as {shape_text(leaf.shape)} with {dim} = {known}, "
        f"but the input has shape {array.shape}"
    )


def check_sizes(node: Node, sizes: Mapping[str, int]) -> None:
    """Refuse to evaluate where a dimension is not known."""
    for inner in postorder(node):
        for dim in inner.shape:
            missing = [name for name in dim.names if name not in sizes]
            if missing:
                raise EvaluationError(
                    f"the size of the dimension '{missing[0]}' is not known: give a variable that has it"
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


def _in_kind(result: np.ndarray, kinds: list[np.dtype]) -> np.ndarray:
    """The result in the precision of the inputs."""
    array = np.asarray(result)
    single = bool(kinds) and all(kind in (np.float32, np.complex64) for kind in kinds)
    if not single:
        return array
    return array.astype(np.complex64 if np.iscomplexobj(array) else np.float32)


def like_inputs(result: np.ndarray, inputs: list[Any]) -> Any:
    """The result as an array of the library that the inputs come from."""
    for value in inputs:
        module = type(value).__module__.split(".")[0]
        if module == "torch":
            import torch

            return torch.from_numpy(np.ascontiguousarray(result)).reshape(result.shape).to(value.device)
        if module in ("jax", "jaxlib"):
            import jax.numpy as jnp

            return jnp.asarray(result)
    return result
