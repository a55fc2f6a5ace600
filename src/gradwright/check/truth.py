"""What is right: the value and the gradients of an expression, in numbers, at generic points.

The gradients are the derived vector-Jacobian products, evaluated by the reference evaluator. A point
is generic in the declared set: sizes are distinct and 3 or more, matrices are not symmetric unless
declared, and the cotangent is random.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np
import torch

from gradwright.core.arithmetic import Array, is_finite, largest
from gradwright.core.dims import sizes_text
from gradwright.core.evaluate import evaluate_all
from gradwright.core.facts import closure
from gradwright.core.nodes import Apply, Node, Solve, Symbol, field_of
from gradwright.core.points import SIDES, choose_sizes, demanded_orders, dimension_names, sample
from gradwright.core.signature import Signature
from gradwright.core.walks import postorder
from gradwright.diff.derivatives import vjps
from gradwright.errors import GradwrightError
from gradwright.frozen import frozen, replace
from gradwright.prims.piecewise import has_kink
from gradwright.simplify.pipeline import simplify

ATTEMPTS = 6
SMALLER = 0.45  # makes positive entries, which are smaller than 2, probabilities
LONGEST = 160
NUDGE = 1e-9
STABLE = 1e-6
NOISE = 1e-6  # of the largest gradient: what is smaller at another point may be rounding alone
# Further points with other signs, so that both sides of a branch are seen; fewer if no branch can be seen.
CROSSINGS = 12
FEW_CROSSINGS = 4
TURNS = (0.0, 0.0, 1.0)  # how probably a variable is negated at the first of them
_ONE_SIDED = {"positive", "psd", "unit_diagonal", "unit_lower", "unit_upper"}  # sets without the negative of a member
ROLLED = 3  # the one at which square matrices have their large entries off the diagonal, so that a pivot is another row
_OF_ANY_ENTRIES = {"complex", "invertible"}
LARGE_COTANGENT = 1e4
SCALES = (("large", (30.0, 5.0)), ("small", (1 / 30,)))  # 5 where 30 overflows
CLIPPED = ", as if something were clipped"
_OF_FIXED_SCALE = {"unitary", "stiefel", "unit_diagonal", "unit_lower", "unit_upper"}
# The smallest size, and which order of the sizes: what suits tall matrices may be singular for wide ones.
_ORDERS = ((3, 0), (3, 1), (4, 0), (4, 1), (3, 2), (4, 2), (3, 3), (3, 4), (3, 5))


@frozen
class Truth:
    """An expression with its gradients.

    Attributes:
        node: the expression.
        signature: its variables.
        wrt: the variables by which it is differentiated.
        text: the expression as it was written.
    """

    node: Node
    signature: Signature
    wrt: tuple[str, ...]
    text: str

    @property
    def stated(self) -> str:
        """The expression as it was written, in a sentence: one that is long is not said again."""
        return self.text if len(self.text) <= LONGEST else "the expression"

    @cached_property
    def cotangent(self) -> Symbol:
        """The cotangent of the output."""
        return cotangent_of(self.node, self.signature.names)

    @cached_property
    def simple(self) -> Node:
        """The expression, simplified."""
        return simplify(self.node)

    @cached_property
    def gradients(self) -> dict[str, Node]:
        """The right gradient of each variable of `wrt`."""
        return self.gradients_of(self.wrt)

    def gradients_of(self, names: Sequence[str]) -> dict[str, Node]:
        """The right gradients of some variables."""
        symbols = tuple(self.signature.symbol(name) for name in names)
        found = vjps((self.simple,), symbols, (self.cotangent,))
        return {symbol.name: found[symbol] for symbol in symbols}

    def point(
        self, seed: int, sizes: Mapping[str, int], domain: Mapping[str, str] | None = None, side: int = 0
    ) -> Point:
        """A random point of the declared sets; `domain` adds facts by variable, `side` places eigenvalues."""
        generator = np.random.default_rng(seed)
        values: dict[str, Array] = {}
        for symbol in self.signature.symbols:
            extra = (domain or {}).get(symbol.name, "")
            drawn = replace(symbol, facts=closure({*symbol.facts, extra})) if extra else symbol
            values[symbol.name] = sample(drawn, sizes, generator, side)
        return Point(self, dict(sizes), values, sample(self.cotangent, sizes, generator))

    @cached_property
    def crossings(self) -> int:
        """How many points with other signs to try: more if there are branches, of which a few points may see one."""
        kinked = any(isinstance(n, Apply) and has_kink(n.primitive) for n in postorder(self.node))
        return CROSSINGS if kinked else FEW_CROSSINGS

    def crossed(self, point: Point, number: int, domain: Mapping[str, str]) -> Point:
        """Another point of the same sizes, where some variables, and eigenvalues, have the opposite sign.

        Generic points have well-placed eigenvalues, so that traces and determinants are positive at all of them, and
        what holds for positive definite matrices only would be taken for right.
        """
        drawn = self.point(300 + number, point.sizes, domain, side=1 + number % (SIDES - 1))
        generator = np.random.default_rng(300 + number)
        turn = TURNS[number] if number < len(TURNS) else 0.5
        free = [s.name for s in self.signature.symbols if not _ONE_SIDED & s.facts and s.name not in domain]
        turned = {name for name in free if generator.random() < turn}
        values = {name: -value if name in turned else value for name, value in drawn.values.items()}
        if number == ROLLED:
            values |= {name: np.roll(values[name], 1, axis=0) for name in self._free_squares}
        return replace(drawn, values=values)

    @cached_property
    def _free_squares(self) -> list[str]:
        """The square matrices of which nothing is declared."""
        squares = (s for s in self.signature.symbols if s.is_square)
        return [symbol.name for symbol in squares if symbol.facts <= _OF_ANY_ENTRIES]

    @cached_property
    def scalable(self) -> list[str]:
        """The variables of which every multiple is in the declared set."""
        return [s.name for s in self.signature.symbols if not _OF_FIXED_SCALE & s.facts]

    def far(self, point: Point) -> Iterator[tuple[str, Point]]:
        """The point with a large cotangent, with large and with small inputs, in words and as points: clipping shows.

        A gradient is linear in the cotangent, and the declared sets are cones but for those of a fixed scale.
        """
        yield (
            f"where {self.cotangent.name} is large{CLIPPED}",
            replace(point, cotangent=LARGE_COTANGENT * point.cotangent),
        )
        names = f"{', '.join(self.scalable)} {'are' if len(self.scalable) > 1 else 'is'}"
        for size, factors in SCALES if self.scalable else ():
            every = (point.scaled(self.scalable, factor) for factor in factors)
            found = next((scaled for scaled in every if scaled.usable), None)
            if found is not None:
                yield f"where {names} {size}{CLIPPED}", found

    def lengths(self, sizes: Mapping[str, int]) -> list[int]:
        """How long every axis of the variables and of the output is."""
        tensors = (self.cotangent, *self.signature.symbols)
        return [dim.evaluate(sizes) for tensor in tensors for dim in tensor.shape]

    def sizes(self, smallest: int, variant: int) -> dict[str, int]:
        """Sizes for the dimensions."""
        roots = [self.node, *self.signature.symbols]
        return choose_sizes(dimension_names(roots), demanded_orders(roots), smallest, variant)


@frozen
class Point:
    """Values for the variables and the cotangent.

    Attributes:
        truth: what is right.
        sizes: the sizes of the dimensions.
        values: the inputs by name.
        cotangent: the cotangent of the output.
    """

    truth: Truth
    sizes: Mapping[str, int]
    values: Mapping[str, Array]
    cotangent: Array

    @cached_property
    def leaves(self) -> dict[Node, Array]:
        """The values of the leaves."""
        found: dict[Node, Array] = {s: self.values[s.name] for s in self.truth.signature.symbols}
        found[self.truth.cotangent] = self.cotangent
        return found

    @cached_property
    def tensors(self) -> dict[str, torch.Tensor]:
        """The cotangent and the inputs by name, as tensors."""
        named = {self.truth.cotangent.name: self.cotangent, **self.values}
        return {name: torch.from_numpy(np.array(value, copy=True, order="C")) for name, value in named.items()}

    @property
    def cotangent_tensor(self) -> torch.Tensor:
        """The cotangent as a tensor."""
        return self.tensors[self.truth.cotangent.name]

    @property
    def inputs(self) -> dict[str, torch.Tensor]:
        """The inputs by name, as tensors."""
        return {name: self.tensors[name] for name in self.values}

    def evaluate(self, *nodes: Node) -> tuple[Array, ...]:
        """The values of some nodes."""
        with np.errstate(all="ignore"):
            return evaluate_all(nodes, self.leaves, self.sizes)

    @cached_property
    def known(self) -> dict[Node, Array]:
        """The values of everything that the gradients are made of."""
        roots = tuple(self.truth.gradients.values())
        bound = bound_nodes(*roots)
        nodes = [node for node in postorder(*roots) if node not in bound]
        return {**self.leaves, **dict(zip(nodes, self.evaluate(*nodes), strict=True))}

    def varied(self, node: Node) -> Array:
        """The value of a node that shares most of its parts with the gradients."""
        with np.errstate(all="ignore"):
            return evaluate_all((node,), self.known, self.sizes)[0]

    @cached_property
    def value(self) -> Array:
        """The right value."""
        return self.evaluate(self.truth.simple)[0]

    @cached_property
    def gradients(self) -> dict[str, Array]:
        """The right gradients."""
        nodes = self.truth.gradients
        found = self.evaluate(*nodes.values())
        return {name: np.asarray(value) for name, value in zip(nodes, found, strict=True)}

    def scaled(self, names: Sequence[str], factor: float) -> Point:
        """The point with some inputs multiplied by a number."""
        values = {name: factor * value if name in names else value for name, value in self.values.items()}
        return replace(self, values=values)

    @property
    def usable(self) -> bool:
        """Whether the value and the gradients exist here, and hardly change under rounding."""
        noise = np.random.default_rng(1)
        near = {name: v * (1 + NUDGE * _symmetric(noise.normal(size=np.shape(v)))) for name, v in self.values.items()}
        nearby = replace(self, values=near)
        try:
            values = (self.value, *self.gradients.values())
            others = (nearby.value, *nearby.gradients.values())
        except (GradwrightError, ArithmeticError, ValueError, IndexError, np.linalg.LinAlgError):
            return False  # an entry with a fixed number, as x[2], is not there at every size
        finite = all(map(is_finite, (*values, *others)))
        return finite and all(_steady(a, b) for a, b in zip(values, others, strict=True))

    def words(self) -> str:
        """The point in words."""
        sizes = sizes_text(self.sizes)
        return f"a generic point{f' ({sizes})' if sizes else ''}"


def bound_nodes(*roots: Node) -> set[Node]:
    """What stands inside the operators of linear systems, where their unknowns are bound."""
    systems = [node for node in postorder(*roots) if isinstance(node, Solve)]
    return {n for system in systems for e in system.equations for n in postorder(e.operator)}


def cotangent_of(node: Node, taken: Sequence[str]) -> Symbol:
    """The cotangent of an output, `G` unless a variable has that name."""
    name = "G"
    while name in taken:
        name = f"{name}_"
    return Symbol(name, node.shape, field_of(node))


def usable_points(
    truth: Truth, count: int, sizes: Mapping[str, int] | None = None, domain: Mapping[str, str] | None = None
) -> list[Point]:
    """Generic points at which the expression and its gradients exist.

    All but the last share their sizes; the last has other ones, where there are others that serve.
    """
    if sizes is not None:
        return _points(truth, count, sizes, domain)
    first: list[Point] = []
    for smallest, variant in _ORDERS:
        wanted = truth.sizes(smallest, variant)
        if not first:
            first = _points(truth, count, wanted, domain)
        elif wanted != first[0].sizes and (other := _points(truth, 1, wanted, domain)):
            return [*first[:-1], *other]
    return first


def _points(truth: Truth, count: int, sizes: Mapping[str, int], domain: Mapping[str, str] | None) -> list[Point]:
    """So many points of the same sizes; where there are none, points of smaller numbers, as log(1 − p) asks for."""
    for factor in (1.0, SMALLER) if truth.scalable else (1.0,):
        found: list[Point] = []
        for seed in range(count * ATTEMPTS):
            point = truth.point(100 + seed, sizes, domain)
            point = point if factor == 1 else point.scaled(truth.scalable, factor)
            if point.usable:
                found.append(point)
            if len(found) == count:
                return found
            if seed == ATTEMPTS and not found:
                break
    return []


def _symmetric(noise: Array) -> Array:
    """The symmetric part of a square matrix: as relative noise it leaves symmetric, skew and triangular ones such."""
    return (noise + noise.T) / 2 if noise.ndim == 2 and noise.shape[0] == noise.shape[1] else noise


def _steady(value: Array, nearby: Array) -> bool:
    """Whether a value hardly changes under rounding; one that happens to be zero may change as rounding does."""
    scale = max(largest(value), 1e-2)
    return largest(value - nearby) < STABLE * scale


def difference(got: Array, want: Array, least: float = 1e-9) -> float:
    """How much two arrays of one shape differ, relative to their size; a smaller size than `least` does not count."""
    scale = max(largest(want), largest(got), least)
    gap = largest(got - want)
    if gap == 0:
        return 0.0  # of two zeros, which have no size
    return gap / scale if np.isfinite(gap) else float("inf")


def received(got: torch.Tensor, want: Array) -> torch.Tensor | None:
    """A gradient as PyTorch takes it, in silence: summed down to the variable's shape, real for a real variable.

    None if it cannot be summed down.
    """
    try:
        summed = got if tuple(got.shape) == np.shape(want) else got.sum_to_size(np.shape(want))
    except RuntimeError:
        return None
    return summed.real if summed.is_complex() and not np.iscomplexobj(want) else summed
