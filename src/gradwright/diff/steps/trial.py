"""The generic point at which the steps of a derivation are checked.

Inputs are generic, input directions random in their tangent spaces. What the derivation speaks of
beyond that is measured, not derived: an output (or a named part) has the value that its expression
has, its direction is a fourth-order difference of that expression along the input directions, and an
unknown of a frame is found by inverting the frame's definition. So a step is checked against numbers
that no rule of differentiation has touched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeGuard

import numpy as np

from gradwright.core.arithmetic import Array, as_float, largest
from gradwright.core.contraction import split_coefficient
from gradwright.core.evaluate import evaluate, evaluate_all
from gradwright.core.facts import MATRIX_FACTS
from gradwright.core.inference import facts_of
from gradwright.core.nodes import Add, Apply, Contract, Direction, Node, Symbol
from gradwright.core.points import (
    choose_sizes,
    demanded_orders,
    dimension_names,
    even_sizes,
    sample,
    shrunk,
    tangent_direction,
)
from gradwright.core.primitive import Freedom
from gradwright.core.sums import terms_of
from gradwright.core.tensor_forms import lower, value_of
from gradwright.core.walks import free_leaves, postorder
from gradwright.diff.differential import direction
from gradwright.diff.identities.problem import Problem, problem_of
from gradwright.diff.identities.solution_points import nearby_solution, point_of
from gradwright.diff.steps.approach import approached
from gradwright.diff.steps.step import Check, Draft, as_form
from gradwright.errors import ConditionError, GradwrightError
from gradwright.frozen import frozen
from gradwright.simplify.pipeline import simplify

TOLERANCE = 1e-6
STEP = 1e-3
SEEDS = 8
WITNESSED = 2 * SEEDS
APPROACHED = 3 * SEEDS  # from here on inputs are looked for at which there is a value
APPROACHES = 3
RANDOM_ONES = 4  # how many points are drawn before that at which an equation is known to have a solution
CANCELLED = 1e-5
MEASURED = 1e-3
ACCURATE = 1e-8
STILL = 1e-9


@frozen
class Named:
    """Something a derivation gives a name: a symbol, and the expression it stands for."""

    symbol: Symbol
    node: Node


class Trial:
    """Values for everything that occurs in the steps."""

    def __init__(self, root: Node, variables: tuple[Symbol, ...], named: tuple[Named, ...], seed: int = 0) -> None:
        nodes = [root, *(n.node for n in named), *variables]
        names, orders = sorted(dimension_names(nodes)), demanded_orders(nodes)
        self.sizes = choose_sizes(names, orders, variant=seed, even=even_sizes(nodes))
        self.seed = seed
        self.values: dict[Node, Array] = {}
        if seed == WITNESSED:
            self._take_witnesses(root)
        self.measured = tuple(item.symbol for item in named)
        self.found = set[Node]()
        self.error = 0.0
        # How large the terms are that the value of a named expression is made of, which may cancel.
        self._terms_of: dict[Node, float] = {}
        self._generator = np.random.default_rng([seed, 20])
        self._sample_inputs(nodes, variables)
        with np.errstate(all="ignore"):
            for item in named:
                self._measure(item, variables)

    @property
    def finite(self) -> bool:
        """Whether everything has a value here."""
        return all(bool(np.all(np.isfinite(value))) for value in self.values.values())

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
        sizes = ", ".join(f"{name} = {size}" for name, size in self.sizes.items())
        return f"{sizes or 'scalars'}; seed {self.seed}"

    def give(self, leaf: Node, value: Array) -> None:
        """Add a value that was found from measured ones."""
        self.values[leaf] = value
        self.found.add(leaf)

    def cotangent(self, symbol: Symbol) -> None:
        """Draw a cotangent."""
        self.values[symbol] = sample(symbol, self.sizes, self._generator)

    def value(self, node: Node) -> Array:
        """The value of a node at the point; not a number where it has none."""
        with np.errstate(all="ignore"):
            return evaluate(node, self.values, self.sizes)

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

    def _take_witnesses(self, root: Node) -> None:
        """Give variables that defined functions are applied to the values at which these are known to exist."""
        for node in postorder(root):
            if not isinstance(node, Apply) or not node.primitive.witnesses:
                continue
            for formal, argument in zip(node.primitive.inputs, node.arguments, strict=True):
                if isinstance(argument, Symbol) and argument not in self.values:
                    value = node.primitive.witnesses[0][formal.name]
                    self.values[argument] = value
                    self.sizes |= {d.name: n for d, n in zip(argument.shape, value.shape, strict=True) if d.name}

    def _sample_inputs(self, nodes: list[Node], variables: tuple[Symbol, ...]) -> None:
        for leaf in dict.fromkeys(leaf for node in nodes for leaf in free_leaves(node)):
            if isinstance(leaf, Symbol | Direction) and leaf not in self.values:
                value = sample(leaf, self.sizes, self._generator, side=self.seed)
                value = np.abs(value) + 0.3 if self._is_to_be_positive(leaf) else value
                small = SEEDS <= self.seed < APPROACHED
                self.values[leaf] = shrunk(value, leaf.facts, self._generator) if small else value
        if self.seed >= APPROACHED:
            self.values = approached(nodes, self.values, self.sizes, self._generator)
        for variable in variables:
            move = tangent_direction(variable, self.values[variable], self._generator)
            self.values[direction(variable)] = move

    def _is_to_be_positive(self, leaf: Symbol | Direction) -> bool:
        """Whether entries are made positive: after some tries those of scales and weights, then all that are free."""
        free = leaf.rank != 2 or not any(fact in leaf.facts for fact in MATRIX_FACTS)
        return leaf.real and free and self.seed % SEEDS >= (2 if leaf.rank < 2 else 4)

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


def difference(
    node: Node, values: Mapping[Node, Array], moves: Mapping[Symbol, Array], sizes: Mapping[str, int]
) -> tuple[Array, Array]:
    """The value of a node, and its fourth-order central difference along a direction."""
    with np.errstate(all="ignore"):
        centre, moved, _ = measured(node, values, moves, sizes)
    return centre, moved


def measured(
    node: Node, values: Mapping[Node, Array], moves: Mapping[Symbol, Array], sizes: Mapping[str, int]
) -> tuple[Array, Array, float]:
    """The value of a node, its difference along a direction, and how far two steps of it disagree."""
    centre = evaluate(node, values, sizes)
    factors = [_Factor(first, values, sizes) for first in _free_factors(node)]
    size = max((largest(m) for m in moves.values()), default=1.0)
    h = STEP / max(size, 1e-12)
    shifted: dict[float, Array] = {}
    for k in (1, -1, 2, -2, 0.5, -0.5):
        at = {**values, **{v: _along(v, values[v], k * h, move) for v, move in moves.items()}}
        for factor in factors:
            at |= factor.moved(at)
        shifted[k] = evaluate(node, at, sizes)
    coarse, fine = (_fourth_order(shifted, k, k * h) for k in (1, 0.5))
    return centre, fine, largest(coarse - fine) / max(largest(fine), 1e-3 * largest(centre), 1e-12)


def _fourth_order(shifted: Mapping[float, Array], k: float, h: float) -> Array:
    """`(8 (f(h) − f(−h)) − (f(2h) − f(−2h))) / 12 h`."""
    return (8 * (shifted[k] - shifted[-k]) - (shifted[2 * k] - shifted[-2 * k])) / (12 * h)


def _is_defined(node: Node) -> TypeGuard[Apply]:
    """Whether a node is a function that was defined by its equations."""
    return isinstance(node, Apply) and bool(node.primitive.witnesses)


def _free_factors(node: Node) -> list[Apply]:
    """The first output of every factorisation in an expression that leaves a freedom, inner ones first."""
    free = [n for n in postorder(node) if isinstance(n, Apply) and n.primitive.gauge]
    return list(dict.fromkeys(n.outputs[0] for n in free))


class _Factor:
    """A factorisation that leaves a freedom: at other inputs it is chosen such that it moves as its derivative does."""

    def __init__(self, first: Apply, values: Mapping[Node, Array], sizes: Mapping[str, int]) -> None:
        self.outputs = first.outputs
        self.arguments = first.arguments
        self.sizes = sizes
        self.centre = evaluate_all((*self.outputs, *self.arguments), values, sizes)

    def moved(self, values: Mapping[Node, Array]) -> dict[Node, Array]:
        """The outputs at other inputs."""
        found = evaluate_all((*self.outputs, *self.arguments), values, self.sizes)
        count, primitive = len(self.outputs), self.outputs[0].primitive
        if primitive.freedom is not None:
            chosen = _turned(primitive.freedom, self.centre[:count], found[:count])
        elif primitive.gauge_fixing:
            chosen = self._followed(problem_of(primitive), found[count:])
        else:
            chosen = [_with_signs_of(*parts) for parts in zip(self.centre, found, self.outputs, strict=False)]
        return dict(zip(self.outputs, chosen, strict=True))

    def _followed(self, problem: Problem, arguments: Sequence[Array]) -> Sequence[Array]:
        """The solution to which an equation that fixes the gauge leads."""
        symbols = (*problem.unknowns, *problem.givens)
        centre: dict[Node, Array] = dict(zip(symbols, self.centre, strict=True))
        sizes = point_of(problem, {s.name: centre[s] for s in symbols}).sizes
        givens: dict[Node, Array] = dict(zip(problem.givens, arguments, strict=True))
        return nearby_solution(problem, centre, givens, sizes)


def _turned(freedom: Freedom, centre: Sequence[Array], values: Sequence[Array]) -> list[Array]:
    """Factors near others, turned so that they move along their freedom as the derivative does.

    Columns of the last output that has free phases move, in the frame of all columns, along themselves by a real
    number, and the other outputs are turned with it. What is free up to a rotation does not rotate.
    """
    turned = [place for place, move in enumerate(freedom.moves) if move]
    held, moved = centre[turned[-1]], values[turned[-1]]
    if freedom.rotation:
        left, _, right = np.linalg.svd(moved.conj().T @ held)
        turn = left @ right
    else:
        overlap = np.diagonal(np.linalg.pinv(held) @ moved)
        turn = np.diag(np.conj(overlap / np.abs(overlap)))
    return [value @ turn if place in turned else value for place, value in enumerate(values)]


def _with_signs_of(centre: Array, value: Array, node: Apply) -> Array:
    """A factor whose columns (of an upper triangle: rows) are free up to sign, as at the centre."""
    if value.ndim != 2:
        return value
    frame = np.linalg.pinv(centre)
    if "upper" in facts_of(node):
        overlap = np.diagonal(value @ frame)[:, None]
    else:
        overlap = np.diagonal(frame @ value)[None, :]
    # A convention such as the real diagonal of R makes the phases move with the input; only a sign may jump.
    return value * np.where(np.real(overlap) < 0, -1.0, 1.0)


def _along(symbol: Symbol, value: Array, t: float, move: Array) -> Array:
    """A point on a curve in the symbol's set with the given velocity."""
    if "stiefel" not in symbol.facts:
        return value + t * move
    # exp(t (W − Wᴴ)) X with W = (I − ½ X Xᴴ) Ẋ Xᴴ keeps the columns orthonormal and has velocity Ẋ.
    from scipy.linalg import expm

    n = len(value)
    half = (np.eye(n) - value @ value.conj().T / 2) @ move @ value.conj().T
    return expm(t * (half - half.conj().T)) @ value


def generic_trial(root: Node, variables: tuple[Symbol, ...], named: tuple[Named, ...]) -> Trial:
    """The first of several generic points at which values are finite, differences accurate and not all zero.

    Where an equation that defines a function has no solution, or its forward function gives none, smaller inputs are
    tried next, for which many have one, and soon those at which the equation was found to hold: a search for a
    solution that is not there takes long.
    """
    failure: GradwrightError | None = None
    found: list[Trial] = []
    unsolved: list[Trial] = []
    defined = any(_is_defined(node) for node in postorder(root))
    seeds = [s for k in range(SEEDS) for s in ((k, SEEDS + k) if defined else (k,))]
    for seed in [*seeds[:RANDOM_ONES], WITNESSED, *seeds[RANDOM_ONES:]] if defined else seeds:
        if seed >= SEEDS and found:
            continue
        try:
            trial = Trial(root, variables, named, seed)
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
        found += _approached_trials(root, variables, named)
    if not found:
        assert failure is not None
        raise failure
    # A point where nothing moves says more than one whose differences run over a jump.
    return min(found, key=lambda trial: (not trial.finite, trial.error >= ACCURATE, trial.still, trial.error))


def _approached_trials(root: Node, variables: tuple[Symbol, ...], named: tuple[Named, ...]) -> Iterator[Trial]:
    """Points that are looked for, as a barrier or the logarithm of a difference needs, until one has a value."""
    for seed in range(APPROACHED, APPROACHED + APPROACHES):
        try:
            trial = Trial(root, variables, named, seed)
        except GradwrightError:
            continue
        yield trial
        if trial.finite and trial.error < ACCURATE:
            return
