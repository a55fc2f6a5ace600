"""Whether two expressions agree modulo primes, at random points of several sizes.

What holds at a few points holds everywhere (see `core.modular`), with exceptions, for which points and primes are
chosen:

- What depends on the sign of a number is seen at many points, since |a| = a holds at half of them; the more, the more
  signs there are. What holds for any odd function instead of the sign holds for the sign, and is tried first.
- The numbers that stand in the expressions count as positive: the primes are chosen for them.
- Where a dimension is used as a number there are more sizes, since (n − 2) (n − 3) x vanishes at two of them, and not
  consecutive ones alone. Some are large, since a matrix of n rows satisfies an equation of degree n.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from math import prod

import numpy as np

from gradwright.core.arithmetic import Array
from gradwright.core.canonical import as_product
from gradwright.core.contraction import ONE, is_simple, simple, subproduct, zero
from gradwright.core.dims import lengths
from gradwright.core.evaluate import evaluate_all
from gradwright.core.facts import NO_FACTS
from gradwright.core.modular import ModularArithmetic, Setting
from gradwright.core.modular_numbers import LEVELS, PointError, UndecidableError, chain, each, multiple_for, objects
from gradwright.core.nodes import Apply, Contract, Direction, Factor, Node, Size, Symbol, is_apply
from gradwright.core.points import choose_sizes, demanded_orders, dimension_names
from gradwright.core.sums import add, terms_of
from gradwright.core.walks import applications, free_leaves, postorder
from gradwright.frozen import frozen, replace
from gradwright.prims.exponential import exp, log
from gradwright.prims.logm import logm
from gradwright.prims.matrix_exp import matrix_exp
from gradwright.prims.piecewise import sign
from gradwright.prims.sqrtm import sqrtm
from gradwright.prims.trigonometric import cos, sin
from gradwright.simplify.definitions import expand_definitions
from gradwright.simplify.expansion import expand
from gradwright.simplify.groups import matrix_exponentials, multiples, rotations, spread
from gradwright.simplify.sign_patterns import holds_for_all_signs

# The smallest size and the step to the next, point by point; small ones after two rounds.
SIZES = ((3, 1), (2, 1), (5, 1), (4, 2), (6, 1), (2, 3), (3, 2), (7, 1))
POINTS = 4
POINTS_OF_ORDERS = 6  # where there are three dimensions and more, of which any may be the largest
POINTS_OF_SIGNS = 48
POINTS_OF_A_PATTERN = 16  # for one of the patterns of several signs, which are 2ᵏ for k of them
MOST_SIGNS = 6
TRIALS = 400
GROUPED = (sin, cos, matrix_exp, logm, sqrtm)


@frozen
class Agreement:
    """What a comparison at points shows.

    Attributes:
        holds: whether the two sides agree at all points.
        has_signs: whether the values depend on the signs of numbers.
    """

    holds: bool
    has_signs: bool

    def __bool__(self) -> bool:
        return self.holds


def agreement(left: Node, right: Node) -> Agreement:
    """Whether the sides have equal values; with logarithms, whether their exponentials have.

    Raises:
        UndecidableError: if a part has no value modulo a prime, or none at enough points.
    """
    roots = expand_definitions(left), expand_definitions(right)
    found = _agreement(roots)
    signs = any(node.primitive is sign for node in applications(*roots))
    if signs and not found and holds_for_all_signs(roots, _agree):
        return Agreement(True, True)
    return found


def _agree(left: Node, right: Node) -> bool:
    try:
        return bool(_agreement((left, right)))
    except UndecidableError:
        return False


def _agreement(roots: tuple[Node, Node]) -> Agreement:
    found = _at_points(roots, _Point.evaluate)
    if not found and any(node.primitive in GROUPED for node in applications(*roots)):
        roots = spread(roots[0]), spread(roots[1])
        found = replace(_at_points(roots, _Point.evaluate, groups=True), has_signs=True)
    logarithms = any(node.primitive is log for node in applications(*roots))
    if found or not (logarithms and all(root.real for root in roots)):
        return found
    return _at_points(roots, _Point.exponentials)


View = Callable[["_Point", tuple[Node, ...]], tuple[Array, ...]]


def _at_points(roots: tuple[Node, Node], view: View, groups: bool = False) -> Agreement:
    applied = [node.primitive for node in applications(*roots)]
    spectra = any(primitive.modular is not None and primitive.modular.spectral for primitive in applied)
    signs = applied.count(sign)
    if signs:
        for_any_odd_function = _compare(roots, view, Setting(chain(), True, spectra, groups))
        if for_any_odd_function:  # but for comparisons of what is equal, which are 0 or 1 and no odd function of 0
            return replace(for_any_odd_function, has_signs=True)
    found = _compare(roots, view, Setting(chain(), False, spectra, groups), signs)
    multiple = multiple_for(_numbers(roots)) if found.has_signs else 1
    return found if multiple == 1 else _compare(roots, view, Setting(chain(multiple), False, spectra, groups), signs)


def _compare(roots: tuple[Node, Node], view: View, setting: Setting, signs: int = 0) -> Agreement:
    leaves = list(dict.fromkeys((*free_leaves(roots[0]), *free_leaves(roots[1]))))
    names = sorted(dimension_names((*roots, *leaves)))
    orders = demanded_orders(roots)
    found, has_signs = 0, False
    wanted = len(SIZES) if _uses_sizes(roots) else POINTS if len(names) < 3 else POINTS_OF_ORDERS
    wanted_of_signs = max(POINTS_OF_SIGNS, POINTS_OF_A_PATTERN << min(signs, MOST_SIGNS))
    for trial in range(max(TRIALS, 2 * wanted_of_signs)):
        smallest, step = SIZES[trial % (len(SIZES) if trial < 2 * len(SIZES) else 2)]
        point = _Point(leaves, choose_sizes(names, orders, smallest, trial, step), trial, setting)
        try:
            a, b = view(point, roots)
        except PointError:
            has_signs |= point.has_signs
            continue
        has_signs |= point.has_signs
        if not bool(np.all(np.asarray(a) == np.asarray(b))):
            return Agreement(False, has_signs)
        found += 1
        if found == (wanted_of_signs if has_signs else wanted):
            break
    if signs > MOST_SIGNS:
        raise UndecidableError("one of so many patterns of signs")
    if found >= (wanted_of_signs // 4 if has_signs else 1):
        return Agreement(True, has_signs)
    raise UndecidableError("a root")


def _uses_sizes(roots: tuple[Node, Node]) -> bool:
    return any(isinstance(node, Size) for node in postorder(*roots))


def _numbers(roots: tuple[Node, Node]) -> Iterator[int]:
    """The numerators and denominators of all numbers in two expressions."""
    for node in postorder(*roots):
        fractions = [node.coefficient] if isinstance(node, Contract) else []
        if isinstance(node, Apply):
            fractions += [Fraction(p) for p in node.parameters if isinstance(p, int | Fraction)]
        for fraction in fractions:
            yield from (fraction.numerator, fraction.denominator)


class _Point:
    """One random point, seen modulo each prime of the chain."""

    def __init__(self, leaves: Iterable[Node], sizes: Mapping[str, int], seed: int, setting: Setting) -> None:
        self.leaves = list(leaves)
        self.sizes = sizes
        self.seed = seed
        self.setting = setting
        self._used: list[ModularArithmetic] = []

    @property
    def has_signs(self) -> bool:
        """Whether the values depended on the signs of numbers."""
        return any(arithmetic.has_signs for arithmetic in self._used)

    def _arithmetic(self, level: int) -> ModularArithmetic:
        self._used.append(ModularArithmetic(self.setting, level, self.seed))
        return self._used[-1]

    def evaluate(self, roots: tuple[Node, ...], level: int = 0) -> tuple[Array, ...]:
        arithmetic = self._arithmetic(level)
        values = {leaf: self._sample(leaf, arithmetic) for leaf in self.leaves}
        raised = [node for node in applications(*roots) if node.primitive is exp]
        if raised and level + 1 < LEVELS:
            exponents = tuple(node.arguments[0] for node in raised)
            values.update(zip(raised, self.exponentials(exponents, level), strict=True))
        if self.setting.groups:
            values.update(self._group_elements(roots, raised, level))
        return evaluate_all(roots, values, self.sizes, arithmetic)

    def exponentials(self, exponents: tuple[Node, ...], level: int = 0) -> tuple[Array, ...]:
        """`exp` of each: powers for the terms `c Σ log(u)`, and a homomorphism for the rest."""
        arithmetic = self._arithmetic(level)
        split = [_split_logarithms(exponent) for exponent in exponents]
        others = self.evaluate(tuple(rest for _, rest in split), level + 1)
        angles = [rest for _, rest in split if not rest.real]
        turns = iter(rotations(arithmetic, angles, lambda nodes: self.evaluate(nodes, level)) if angles else ())
        found: list[Array] = []
        for (logarithms, rest), value in zip(split, others, strict=True):
            result = arithmetic.exponential(arithmetic.real(value))
            if not rest.real:
                result = objects(result * next(turns) % arithmetic.prime)
            for term in logarithms:
                result = np.asarray(result * self._power(term, level, arithmetic) % arithmetic.prime, dtype=object)
            found.append(result)
        return tuple(found)

    def _group_elements(self, roots: tuple[Node, ...], raised: Sequence[Apply], level: int) -> dict[Node, Array]:
        """The sines, cosines and exponentials of matrices in some expressions."""
        arithmetic = self._arithmetic(level)

        def evaluate(nodes: tuple[Node, ...]) -> tuple[Array, ...]:
            return self.evaluate(nodes, level)

        applied = [node for node in applications(*roots) if node.arguments[0].real]
        found: dict[Node, Array] = {}
        turned = [node for node in applied if node.primitive in (sin, cos)]
        if turned:
            angles = [node.arguments[0] for node in turned]
            for node, z in zip(turned, rotations(arithmetic, angles, evaluate), strict=True):
                found[node] = each(lambda x: x.im, z) if node.primitive is sin else arithmetic.real(z)
        matrices = [node for node in applied if node.primitive is matrix_exp and node.rank == 2]
        if matrices:
            exponents = [node.arguments[0] for node in matrices]
            known = self._known_exponentials(raised, level)
            found |= zip(matrices, matrix_exponentials(arithmetic, exponents, evaluate, known), strict=True)
        return found

    def _known_exponentials(self, raised: Sequence[Apply], level: int) -> dict[int, int]:
        """The exponentials of numbers, and of what these are multiples of."""
        split = (multiples(node.arguments[0]) for node in raised if node.arguments[0].real)
        nodes = tuple(dict.fromkeys(term.node for terms in split for term in terms))
        if not nodes or level + 1 >= LEVELS:
            return {}
        pairs = zip(self.evaluate(nodes, level), self.exponentials(nodes, level), strict=True)
        return {x: y for values, images in pairs for x, y in zip(values.ravel(), images.ravel(), strict=True)}

    def _power(self, term: Contract, level: int, arithmetic: ModularArithmetic) -> Array:
        """`exp(Σ c log(u)) = Π uᶜ`, the product over the labels that are summed.

        A number c, also one with sizes, is taken as it is; another is an exponent of squares, whose group has the order
        of the next prime.
        """
        logarithm, others = _parted(term)
        ends = [label for (label,) in term.output]
        labels = list(dict.fromkeys([*ends, *logarithm.labels]))
        argument = Factor(logarithm.node.children[0], logarithm.groups)
        exponent = _spread(term, labels, term.coefficient, others)
        (base,) = self.evaluate((_spread(term, labels, ONE, [argument]),), level)
        number = self._number(exponent)
        if number is None:
            (exponents,) = self.evaluate((exponent,), level + 1)
            powers = arithmetic.power_of_squares(base, exponents)
        else:
            powers = arithmetic.power(base, number)
        summed = tuple(range(len(ends), len(labels)))
        return objects(np.multiply.reduce(powers, axis=summed) if summed else powers) % arithmetic.prime

    def _number(self, exponent: Node) -> Fraction | None:
        """The number that every entry of an exponent is, if it consists of numbers and sizes."""
        product = as_product(exponent)
        sizes = [f.node.dim.evaluate(self.sizes) for f in product.factors if isinstance(f.node, Size)]
        return product.coefficient * prod(sizes) if len(sizes) == len(product.factors) else None

    def _sample(self, leaf: Node, arithmetic: ModularArithmetic) -> Array:
        """A random value with the leaf's facts; the same whole numbers modulo every prime.

        Of a tensor of which nothing is known the entries are all positive, all negative or of either sign, by chance.
        At a quarter of the points all tensors are positive, so that there are roots, and at another all are negative.
        """
        generator = np.random.default_rng([self.seed, *leaf.digest])
        shape = lengths(leaf.shape, self.sizes)
        facts = leaf.facts if isinstance(leaf, Symbol | Direction) else NO_FACTS
        size = prod(shape) * (1 if leaf.real else 2)
        entries = generator.integers(1, 2**62, size=size).tolist()
        sign = (int(generator.integers(-1, 2)), 1, 0, -1)[self.seed // 2 % 4]
        if facts or not leaf.real or not sign or (self.setting.spectra and leaf.rank == 2):
            return arithmetic.value(entries, shape, facts, leaf.real)
        positive = arithmetic.value(entries, shape, frozenset({"positive"}), leaf.real)
        return positive if sign > 0 else objects(-positive % arithmetic.prime)


def _split_logarithms(exponent: Node) -> tuple[list[Contract], Node]:
    """The terms with one logarithm as a factor, and the sum of the others; sums of logarithms are multiplied out."""
    logarithms: list[Contract] = []
    others = [zero(exponent.shape)]
    for term in terms_of(expand(exponent, _has_logarithms)):
        product = as_product(term)
        if _is_multiple_of_logarithm(product):
            logarithms.append(product)
        else:
            others.append(term)
    return logarithms, add(others)


def _has_logarithms(node: Node) -> bool:
    return any(is_apply(factor.node, log) for term in terms_of(node) for factor in as_product(term).factors)


def _is_multiple_of_logarithm(product: Contract) -> bool:
    """Whether a term is a real multiple of one logarithm, of which the product has no diagonal."""
    logarithms = [factor for factor in product.factors if is_apply(factor.node, log)]
    if len(logarithms) != 1 or not product.real:
        return False
    ends = (product.output, logarithms[0].groups)
    return all(len(set(groups)) == len(groups) and is_simple(groups) for groups in ends)


def _parted(term: Contract) -> tuple[Factor, list[Factor]]:
    """The logarithm of a term, and its other factors."""
    (place,) = (k for k, factor in enumerate(term.factors) if is_apply(factor.node, log))
    return term.factors[place], term.beside(place)


def _spread(term: Contract, labels: Sequence[int], coefficient: Fraction, factors: Sequence[Factor]) -> Node:
    """Some factors of a term as a tensor with the given labels for axes, summed over their others."""
    return subproduct(term, factors, simple(labels), coefficient)
