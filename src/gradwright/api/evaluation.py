"""Evaluation of public expressions: inputs by name, checked, in the library they come from."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from gradwright.api.inputs import (
    as_array,
    bind_sizes,
    check_known,
    check_names,
    check_sets,
    check_sizes,
    inputs_as_read,
    named_leaves,
)
from gradwright.api.provenance import Provenance
from gradwright.back.render import unicode_of
from gradwright.back.systems.solver import SystemSolver
from gradwright.core.arithmetic import is_finite
from gradwright.core.dims import lengths
from gradwright.core.nodes import Apply, Direction, Node, Symbol
from gradwright.core.signature import Signature
from gradwright.core.walks import applications, free_leaves, postorder
from gradwright.core.wide_range import as_double, evaluate_in_range, is_extreme
from gradwright.diff.conditions import conditions_of
from gradwright.diff.gaps import Gap, divided_gaps
from gradwright.diff.gauge import GaugeTest
from gradwright.errors import ConditionError, GaugeWarning
from gradwright.frozen import frozen
from gradwright.prims.piecewise import where
from gradwright.prims.power import base_and_exponent, power
from gradwright.simplify.accurate import keep_digits
from gradwright.simplify.branches import choose_branches
from gradwright.simplify.pipeline import simplify


def evaluate_expression(
    node: Node,
    signature: Signature,
    inputs: Mapping[str, Any],
    provenance: Provenance,
) -> Any:
    """The value of a node at inputs by name.

    Args:
        node: the node.
        signature: the declared variables.
        inputs: arrays by name.
        provenance: what the node is a derivative of. That has to have a value at the inputs; and where a cotangent
            depends on a choice, a warning says so.
    """
    leaves = named_leaves(node, signature, provenance.optional)
    node = evaluated_form(node)
    inputs = inputs_as_read(inputs)
    arrays = {name: as_array(name, value) for name, value in inputs.items()}
    check_known(leaves, arrays)
    sizes = bind_sizes({leaves[name]: array for name, array in arrays.items()})
    if provenance.zero_if_absent:
        absent = [leaf for leaf in provenance.optional if leaf.name not in arrays]
        arrays |= {leaf.name: _zeros(leaf, sizes) for leaf in absent if _is_sized(leaf, sizes)}
    check_names(leaves, arrays, node)
    check_sizes(node, sizes, provenance.origins)
    check_sets({leaves[name]: array for name, array in arrays.items()})
    values: dict[Node, np.ndarray] = {leaf: arrays[name] for name, leaf in leaves.items() if name in arrays}
    kinds = [arrays[name].dtype for name, value in inputs.items() if hasattr(value, "dtype")]
    regular, beside = Beside.of(node, values, provenance)
    with np.errstate(all="ignore"):
        (wide, *found), extreme = evaluate_in_range((regular, *beside.nodes), values, sizes, SystemSolver())
        result = _in_kind(as_double(wide), kinds)
    others = dict(zip(beside.nodes, found, strict=True))
    require_gaps(beside.gaps, others, node)
    require_representable(wide, result)
    require_finite(result, node, arrays, extreme and any(map(is_extreme, arrays.values())))
    require_domain(beside.limited, others)
    warn_of_gauge(beside.tests, others, sizes)
    return like_inputs(_in_own_memory(result, arrays.values()), list(inputs.values()))


@frozen
class Beside:
    """What is looked at beside a value, to refuse a point where the value means nothing, or to warn.

    Attributes:
        gaps: what a derivative divides by.
        limited: functions without a value everywhere, in what the node is a derivative of.
        tests: what tells whether the value depends on a choice.
    """

    gaps: tuple[Gap, ...]
    limited: tuple[Apply, ...]
    tests: tuple[GaugeTest, ...]

    @classmethod
    def of(cls, node: Node, leaves: Mapping[Node, np.ndarray], provenance: Provenance) -> tuple[Node, Beside]:
        """A node that divides by no gap that does not count, and what there is to look at beside it.

        That is what the given leaves determine.
        """
        tests = [t for t in provenance.gauge if all(leaf in leaves for n in t.nodes for leaf in free_leaves(n))]
        applied = (n for origin in provenance.origins for n in limited_applications(origin))
        limited = [n for n in applied if all(leaf in leaves for leaf in free_leaves(n))]
        regular, gaps = divided_gaps(node)
        return regular, cls(gaps, tuple(limited), tuple(tests))

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All that has to be evaluated for it."""
        tested = (n for test in self.tests for n in test.nodes)
        applied = (n for application in self.limited for n in (application, *application.arguments))
        divided = (n for gap in self.gaps for n in gap.nodes)
        return tuple(dict.fromkeys((*divided, *tested, *applied)))


@lru_cache(maxsize=512)
def evaluated_form(node: Node) -> Node:
    """The expression in the form that neither overflows nor loses the digits of differences."""
    return choose_branches(keep_digits((simplify(node),)))[0]


@lru_cache(maxsize=512)
def limited_applications(node: Node) -> tuple[Apply, ...]:
    """The elementwise functions in an expression that have no value everywhere: logarithms, roots.

    Of what a condition chooses from none counts: where it has no value, it may not be chosen.
    `logdet` is none of them: much of the literature reads it as log |det X|, which has the same derivative.
    """
    chosen = {n for n in applications(node) if n.primitive is where}
    found = postorder(node, given=chosen)
    applied = [n for n in found if isinstance(n, Apply) and n.real and n.primitive.elementwise]
    return tuple(n for n in applied if all(a.real for a in n.arguments) and _has_edges(n))


def _has_edges(node: Apply) -> bool:
    if node.primitive is power:
        return base_and_exponent(node)[1].denominator != 1
    return bool(node.primitive.conditions)


def require_domain(applications: Sequence[Apply], values: Mapping[Node, np.ndarray]) -> None:
    """Refuse a derivative where the function has no value: `1 / x` has one at −2, where `log(x)` has none."""
    for node in applications:
        if np.any(np.isnan(values[node])) and all(is_finite(values[a]) for a in node.arguments):
            raise ConditionError(
                f"the function has no value at these inputs, so that it has no derivative: {unicode_of(node)} is not "
                f"a number there; it needs that {', that '.join(conditions_of((node,), (), unicode_of))}"
            )


def require_gaps(gaps: Sequence[Gap], values: Mapping[Node, np.ndarray], node: Node) -> None:
    """Refuse a derivative that divides by a difference that is lost in rounding errors."""
    for gap in gaps:
        lost = gap.lost([values[n] for n in gap.nodes])
        if lost:
            needs = conditions_of((node,), (), unicode_of)
            told = f"; it needs that {', that '.join(needs)}" if needs else ""
            raise ConditionError(
                f"the derivative divides by {lost[0]:.1e}, a gap that is lost in rounding errors beside "
                f"{lost[1]:.1e}{told}"
            )


def warn_of_gauge(
    tests: Sequence[GaugeTest], values: Mapping[Node, np.ndarray], sizes: Mapping[str, int], level: int = 4
) -> None:
    """Warn where a cotangent has a part along the freedom of a factorisation."""
    for test in tests:
        rate = test.rate(values, sizes)
        if rate:
            warnings.warn(f"{test.remark(rate)} (see D.notes)", GaugeWarning, stacklevel=level)


def require_representable(wide: np.ndarray, result: np.ndarray) -> None:
    """Refuse a value that is finite and larger than all floating-point numbers of the inputs' precision."""
    if is_finite(wide) and not is_finite(result):
        largest = np.format_float_scientific(np.max(np.abs(wide)), 3)
        raise ConditionError(f"the value is too large for floating-point numbers at these inputs: {largest}")


def require_finite(result: np.ndarray, node: Node, inputs: Mapping[str, np.ndarray], extreme: bool = False) -> None:
    """Refuse a result with infinities or NaN that the inputs did not have: a condition is violated.

    Or, where the inputs are `extreme`, numbers on the way to it are too large or too small.
    """
    if is_finite(result) or not all(map(is_finite, inputs.values())):
        return
    needs = conditions_of((node,), (), unicode_of)
    if needs:
        reason = f"it needs that {', that '.join(needs)}"
        reason += ", and numbers on the way that are neither too large nor too small" if extreme else ""
    elif bool(np.any(np.isnan(result))):
        reason = "a function in it has no value there, as the root or the logarithm of a negative number has none"
    else:
        reason = "a function in it is infinite there, as the logarithm of 0 is, or the numbers are too large"
    raise ConditionError(f"the value is not finite at these inputs: {reason}")


def _is_sized(leaf: Symbol | Direction, sizes: Mapping[str, int]) -> bool:
    return all(name in sizes for dim in leaf.shape for name in dim.names)


def _zeros(leaf: Symbol | Direction, sizes: Mapping[str, int]) -> np.ndarray:
    return np.zeros(lengths(leaf.shape, sizes), dtype=np.float32)


def _in_kind(result: np.ndarray, kinds: list[np.dtype]) -> np.ndarray:
    """The result in the precision of the inputs."""
    array = np.asarray(result)
    single = bool(kinds) and all(kind in (np.float32, np.complex64) for kind in kinds)
    if not single:
        return array
    return array.astype(np.complex64 if np.iscomplexobj(array) else np.float32)


def _in_own_memory(result: np.ndarray, inputs: Iterable[np.ndarray]) -> np.ndarray:
    """The result as an array that can be written into, and that changes no input."""
    shared = not result.flags.writeable or any(np.may_share_memory(result, array) for array in inputs)
    return result.copy() if shared else result


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
