"""Evaluation of public expressions: inputs by name, checked, in the library they come from."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from fractions import Fraction
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
from gradwright.back.render import unicode_of
from gradwright.back.systems.solver import SystemSolver
from gradwright.core.evaluate import evaluate_all
from gradwright.core.nodes import Apply, Direction, Node, Solve, Symbol
from gradwright.core.signature import Signature
from gradwright.core.walks import free_leaves, postorder
from gradwright.diff.conditions import conditions_of
from gradwright.diff.gauge import GaugeTest
from gradwright.errors import ConditionError, GaugeWarning
from gradwright.frozen import frozen
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
    origins: Sequence[Node] = (),
) -> Any:
    """The value of a node at inputs by name.

    Args:
        node: the node.
        signature: the declared variables.
        inputs: arrays by name.
        optional: directions and cotangents that may be given though the node no longer contains them.
        zero_if_absent: whether those that are not given are zero.
        gauge: what tells whether the cotangents depend on a choice; a warning says so.
        origins: what the node is a derivative of; it has to have a value at the inputs.
    """
    leaves = named_leaves(node, signature, optional)
    node = evaluated_form(node)
    arrays = {name: as_array(name, value) for name, value in inputs_as_read(inputs).items()}
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
    beside = Beside.of(node, values, gauge, origins)
    with np.errstate(all="ignore"):
        result, *found = evaluate_all((node, *beside.nodes), values, sizes, systems=SystemSolver())
    others = dict(zip(beside.nodes, found, strict=True))
    require_gaps([others[gap] for gap in beside.gaps], node)
    require_finite(result, node, arrays)
    require_domain(beside.limited, others)
    warn_of_gauge(beside.tests, others, sizes)
    return like_inputs(_in_kind(result, kinds), list(inputs.values()))


@frozen
class Beside:
    """What is looked at beside a value, to refuse a point where the value means nothing, or to warn.

    Attributes:
        gaps: differences that a derivative divides by.
        limited: functions without a value everywhere, in what the node is a derivative of.
        tests: what tells whether the value depends on a choice.
    """

    gaps: tuple[Node, ...]
    limited: tuple[Apply, ...]
    tests: tuple[GaugeTest, ...]

    @classmethod
    def of(
        cls, node: Node, leaves: Mapping[Node, np.ndarray], gauge: Sequence[GaugeTest], origins: Sequence[Node]
    ) -> Beside:
        """What there is to look at beside a node, as far as the given leaves determine it."""
        tests = [test for test in gauge if all(leaf in leaves for n in test.nodes for leaf in free_leaves(n))]
        limited = [n for o in origins for n in limited_applications(o) if all(x in leaves for x in free_leaves(n))]
        return cls(spectral_gaps(node), tuple(limited), tuple(tests))

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All that has to be evaluated for it."""
        tested = (n for test in self.tests for n in test.nodes)
        applied = (n for application in self.limited for n in (application, *application.arguments))
        return tuple(dict.fromkeys((*self.gaps, *tested, *applied)))


@lru_cache(maxsize=512)
def evaluated_form(node: Node) -> Node:
    """The expression in the form that does not overflow."""
    return simplify(node)


@lru_cache(maxsize=512)
def limited_applications(node: Node) -> tuple[Apply, ...]:
    """The elementwise functions in an expression that have no value everywhere: logarithms, roots.

    `logdet` is none of them: much of the literature reads it as log |det X|, which has the same derivative.
    """
    applied = [n for n in postorder(node) if isinstance(n, Apply) and n.real and n.primitive.elementwise]
    return tuple(n for n in applied if all(a.real for a in n.arguments) and _has_edges(n))


def _has_edges(node: Apply) -> bool:
    if node.primitive is power:
        exponent = node.parameters[0]
        return isinstance(exponent, Fraction) and exponent.denominator != 1
    return bool(node.primitive.conditions)


def require_domain(applications: Sequence[Apply], values: Mapping[Node, np.ndarray]) -> None:
    """Refuse a derivative where the function has no value: `1 / x` has one at −2, where `log(x)` has none."""
    for node in applications:
        if np.any(np.isnan(values[node])) and all(np.all(np.isfinite(values[a])) for a in node.arguments):
            raise ConditionError(
                f"the function has no value at these inputs, so that it has no derivative: {unicode_of(node)} is not "
                f"a number there; it needs that {', that '.join(conditions_of((node,), (), unicode_of))}"
            )


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
    if needs:
        reason = f"it needs that {', that '.join(needs)}"
    elif bool(np.any(np.isnan(result))):
        reason = "a function in it has no value there, as the root or the logarithm of a negative number has none"
    else:
        reason = "a function in it is infinite there, as the logarithm of 0 is, or the numbers are too large"
    raise ConditionError(f"the value is not finite at these inputs: {reason}")


def _is_sized(leaf: Symbol | Direction, sizes: Mapping[str, int]) -> bool:
    return all(name in sizes for dim in leaf.shape for name in dim.names)


def _zeros(leaf: Symbol | Direction, sizes: Mapping[str, int]) -> np.ndarray:
    return np.zeros(tuple(dim.evaluate(sizes) for dim in leaf.shape), dtype=np.float32)


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
