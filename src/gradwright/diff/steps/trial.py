"""The generic point at which the steps of a derivation are checked.

Inputs are generic, input directions random in their tangent spaces. What the derivation speaks of
beyond that is measured, not derived: an output (or a named part) has the value that its expression
has, its direction is a fourth-order difference of that expression along the input directions, and an
unknown of a frame is found by inverting the frame's definition. So a step is checked against numbers
that no rule of differentiation has touched.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeGuard

import numpy as np

from gradwright.core.arithmetic import Array, as_float, is_finite, largest
from gradwright.core.contraction import split_coefficient
from gradwright.core.dims import sizes_text
from gradwright.core.evaluate import evaluate, evaluate_all
from gradwright.core.nodes import Add, Apply, Contract, Node, Symbol, is_apply
from gradwright.core.points import sample, tangent_direction
from gradwright.core.sums import terms_of
from gradwright.core.tensor_forms import lower, value_of
from gradwright.core.walks import free_leaves, postorder
from gradwright.diff.differential import direction
from gradwright.diff.identities.problem import problem_of
from gradwright.diff.identities.solution_points import point_of
from gradwright.diff.steps.attempts import Attempt, Inputs, attempts, searches
from gradwright.diff.steps.differences import measured
from gradwright.diff.steps.step import Check, Draft, as_form
from gradwright.errors import ConditionError, GradwrightError
from gradwright.frozen import frozen
from gradwright.prims.determinant import logdet, slogdet
from gradwright.prims.exponential import log
from gradwright.prims.softmax import logsumexp
from gradwright.simplify.branches import choose_branches
from gradwright.simplify.pipeline import simplify

TOLERANCE = 1e-6
CANCELLED = 1e-5
MEASURED = 1e-3
ACCURATE = 1e-8
STILL = 1e-9
LOGARITHMS = frozenset((log, logdet, slogdet, logsumexp))


@frozen
class Named:
    """Something a derivation gives a name: a symbol, and the expression it stands for."""

    symbol: Symbol
    node: Node


class Trial:
    """Values for everything that occurs in the steps."""

    def __init__(self, root: Node, variables: tuple[Symbol, ...], named: tuple[Named, ...], attempt: Attempt) -> None:
        self.seed = attempt.seed
        self._generator = np.random.default_rng([self.seed, 20])
        self.values, self.sizes = attempt.drawn(root, [root, *(n.node for n in named), *variables], self._generator)
        for variable in variables:
            self.values[direction(variable)] = tangent_direction(variable, self.values[variable], self._generator)
        self.measured = tuple(item.symbol for item in named)
        self.found = set[Node]()
        self.error = 0.0
        # How large the terms are that the value of a named expression is made of, which may cancel.
        self._terms_of: dict[Node, float] = {}
        with np.errstate(all="ignore"):
            for item in named:
                self._measure(item, variables)

    @property
    def finite(self) -> bool:
        """Whether everything has a value here."""
        return all(map(is_finite, self.values.values()))

    @property
    def still(self) -> bool:
        """Whether the last named expression does not move here: a sign, say, whose derivative is tested nowhere."""
        if not self.measured:
            return False
        last = self.measured[-1]
        return largest(self.values[direction(last)]) <= STILL * largest(self.values[last])

    def solves(self, root: Node) -> bool:
        """Whether the functions that are defined by equations satisfy these here: a forward function may fail to."""
        for first in dict.fromkeys(node.outputs[0] for node in postorder(root) if _is_defined(node)):
            problem = problem_of(first.primitive)
            values = evaluate_all((*first.outputs, *first.arguments), self.values, self.sizes)
            names = [symbol.name for symbol in (*problem.unknowns, *problem.givens)]
            try:
                residual = point_of(problem, dict(zip(names, values, strict=True))).residual
            except ConditionError:  # a part of an equation has no value here
                return False
            if not residual < TOLERANCE:
                return False
        return True

    def noise(self, symbol: Symbol) -> float:
        """The size below which the measured direction of a named expression is rounding."""
        return MEASURED * self._terms_of[symbol]

    @property
    def description(self) -> str:
        """The point in words."""
        sizes = sizes_text(self.sizes)
        return f"{sizes or 'scalars'}; seed {self.seed}"

    def give(self, leaf: Node, value: Array) -> None:
        """Add a value that was found from measured ones."""
        self.values[leaf] = value
        self.found.add(leaf)

    def cotangent(self, symbol: Symbol) -> None:
        """Draw a cotangent."""
        self.values[symbol] = sample(symbol, self.sizes, self._generator)

    def value(self, node: Node) -> Array:
        """The value of a node at the point; not a number where it has none, unless that is not chosen there."""
        (chosen,) = choose_branches((node,))
        with np.errstate(all="ignore"):
            return evaluate(chosen, self.values, self.sizes)

    def check(self, draft: Draft) -> Check:
        """Compare both sides of a step."""
        try:
            left, right = (value_of(as_form(side), self.value) for side in (draft.left, draft.right))
        except ConditionError as error:  # no value here, as where a part is not finite: neither right nor wrong
            return Check(False, float("nan"), f"{self.description}: {error}")
        except GradwrightError as error:
            return Check(False, float("inf"), f"{self.description}: {error}")
        if np.shape(left) != np.shape(right):
            return Check(False, float("inf"), f"{self.description}: shapes {np.shape(left)} and {np.shape(right)}")
        known: dict[Node, float] = {}
        sides = (side if isinstance(side, Node) else lower(side) for side in (draft.left, draft.right))
        scale = max(*(self._size(side, known) for side in sides), self._noise(draft), 1e-12)
        residual = largest(left - right) / scale
        return Check(bool(residual < TOLERANCE), residual, self.description)

    def _noise(self, draft: Draft) -> float:
        """The size below which a measured direction is rounding: that of the value, times a small number.

        What was found from measured directions (the unknown of a frame) is as exact as these.
        """
        leaves = set(free_leaves(lower(as_form(draft.left))))
        sources = [self._terms_of[s] for s in self.measured if direction(s) in leaves]
        if not leaves.isdisjoint(self.found):
            sources += [largest(self.values[direction(s)]) for s in self.measured]
        return MEASURED * max(sources, default=0.0)

    def _size(self, node: Node, known: dict[Node, float]) -> float:
        """The size of the largest term; `known` keeps those of the sums that occur more than once.

        Two terms that cancel do not make a side small, and neither does a product of large factors: `2 (a − b)`
        is as large as `a`, although it is one term.
        """
        if node not in known:
            known[node] = max(self._size_of_term(term, known) for term in terms_of(node))
        return known[node]

    def _size_of_term(self, term: Node, known: dict[Node, float]) -> float:
        number, inside = split_coefficient(term)
        if isinstance(inside, Add):  # ½ (A + B): its terms may cancel as well
            return abs(as_float(number)) * self._size(inside, known)
        if is_apply(inside, *LOGARITHMS):  # of 1 it is the rounding of that
            return max(largest(self.value(term)), abs(as_float(number)))
        # Factors that cancel leave their errors: those of a measured direction, if they are more than rounding.
        cancelled = max(CANCELLED, self.error / TOLERANCE)
        return max(largest(self.value(term)), cancelled * self._factors(term, known))

    def _factors(self, term: Node, known: dict[Node, float]) -> float:
        if isinstance(term, Apply) and len(term.primitive.linear_in) == len(term.arguments) == 1:  # a real part
            return self._size(term.arguments[0], known)
        if not isinstance(term, Contract):
            return 0.0
        sizes = [self._size(f.node, known) for f in term.factors]
        return float(np.prod(sizes)) * abs(as_float(term.coefficient))

    def _measure(self, item: Named, variables: tuple[Symbol, ...]) -> None:
        moves = {v: self.values[direction(v)] for v in variables}
        value, moved, error = measured(item.node, self.values, moves, self.sizes)
        self.values[item.symbol] = value
        known: dict[Node, float] = {}
        # Terms cancel, even to nothing. A norm hides what cancels within it; its square, simplified, is the product of
        # sums that it is.
        sizes = [largest(value), self._size(item.node, known)]
        sizes += [self._factors(term, known) for term in terms_of(simplify(item.node))]
        self._terms_of[item.symbol] = max((size for size in sizes if np.isfinite(size)), default=0.0)
        self.values[direction(item.symbol)] = moved
        self.error = max(self.error, error)


def _is_defined(node: Node) -> TypeGuard[Apply]:
    """Whether a node is a function that was defined by its equations."""
    return isinstance(node, Apply) and bool(node.primitive.witnesses)


def generic_trial(root: Node, variables: tuple[Symbol, ...], named: tuple[Named, ...]) -> Trial:
    """The first of several generic points at which values are finite, differences accurate and not all zero."""
    failure: GradwrightError | None = None
    found: list[Trial] = []
    unsolved: list[Trial] = []
    defined = any(_is_defined(node) for node in postorder(root))
    for attempt in attempts(defined):
        if attempt.inputs is not Inputs.RANDOM and found:
            continue
        try:
            trial = Trial(root, variables, named, attempt)
        except GradwrightError as error:
            failure = error
            continue
        if defined and not trial.solves(root):
            unsolved.append(trial)
            continue
        if trial.finite and trial.error < ACCURATE and not trial.still:
            return trial
        found.append(trial)
    found = found or unsolved
    if not defined and not any(trial.finite for trial in found):
        found += _searched_trials(root, variables, named)
    if not found:
        assert failure is not None
        raise failure
    # A point where nothing moves says more than one whose differences run over a jump.
    return min(found, key=lambda trial: (not trial.finite, trial.error >= ACCURATE, trial.still, trial.error))


def _searched_trials(root: Node, variables: tuple[Symbol, ...], named: tuple[Named, ...]) -> Iterator[Trial]:
    """Points that are looked for, as a barrier or the logarithm of a difference needs, until one has a value."""
    for attempt in searches():
        try:
            trial = Trial(root, variables, named, attempt)
        except GradwrightError:
            continue
        yield trial
        if trial.finite and trial.error < ACCURATE:
            return
