"""Arithmetic modulo a prime, for deciding equality.

Two expressions that are equal as functions have equal values modulo a prime at every point; two that
differ have different values at almost every one (Schwartz 1980, J. ACM 27, 701-717). So a handful of
random points decides rational identities, and does so for the factored form.

Functions that are not rational are evaluated consistently instead:

- The prime is the first of a chain p₀ = 2p₁ + 1, p₁ = 2p₂ + 1, …. An argument of exp is evaluated
  modulo the next prime, which is the order of the squares modulo this one, so that
  `exp(a + b) = exp(a) exp(b)` holds.
- The squares are the "positive" numbers: positive variables are drawn from them, sign is the
  Legendre symbol, |u| = sign(u) u, and a fractional power exists for a square only. A point at which
  one is asked of a non-square is given up and another is tried. The numbers that occur are squares (see
  `chain`), −1 is none.
- Linear systems, inverses, triangular factors and identities that are linear in their unknown are
  solved by elimination. Eigenvalues are those modulo the prime, where there are any (see `modular_spectra`).
- A function that nothing else defines is opaque: random values that depend on the arguments' values only,
  and have the facts of the output; odd or even where the function is. That of a matrix, as exp, is a random
  polynomial in it, so that it commutes with all others.

A complex number is a pair, in the field with p² elements: −1 is no square modulo these primes.
"""

from __future__ import annotations

from _blake2 import blake2b
from collections.abc import Sequence
from fractions import Fraction
from functools import reduce
from math import prod

import numpy as np

from gradwright.core.arithmetic import Array
from gradwright.core.dims import lengths
from gradwright.core.evaluate import evaluate_all
from gradwright.core.facts import NO_FACTS, Facts
from gradwright.core.modular_numbers import Complex, Number, PointError, UndecidableError, each, objects, shaped
from gradwright.core.modular_structures import structured
from gradwright.core.nodes import Node, Parameter
from gradwright.core.primitive import Primitive
from gradwright.core.templates import formals, identities
from gradwright.frozen import frozen

DEGREE = 8
"""Of the polynomials that functions of matrices are, unless the matrices are larger."""


@frozen
class Setting:
    """How numbers are seen modulo primes.

    Attributes:
        primes: the chain.
        any_signs: whether any odd function stands for the sign, so that what holds with it holds for all signs.
        spectra: whether matrices are taken whose eigenvalues, or singular values, are numbers modulo the prime.
        groups: whether sines, cosines and exponentials of matrices are elements of groups (see `simplify.groups`).
    """

    primes: tuple[int, ...]
    any_signs: bool = False
    spectra: bool = False
    groups: bool = False


class ModularArithmetic:
    """Numbers modulo one prime of the chain.

    Attributes:
        level: of the prime in the chain.
        prime: the modulus.
        seed: of the point, for choices that differ from point to point.
        setting: how numbers are seen.
        has_signs: whether a result depended on the sign of a number: of such a number one point shows one sign only.
    """

    def __init__(self, setting: Setting, level: int, seed: int) -> None:
        self.level = level
        self.seed = seed
        self.prime = setting.primes[level]
        self.has_signs = False
        self.setting = setting

    def number(self, value: Fraction) -> int:
        """A rational number modulo the prime."""
        return value.numerator * pow(value.denominator, -1, self.prime) % self.prime

    def constant(self, name: str) -> Array:
        """The imaginary unit is one; π is an opaque positive number."""
        value = Complex(0, 1, self.prime) if name == "i" else pow(self.random("constant", name), 2, self.prime)
        return shaped([value], ())

    def array(self, entries: Array) -> Array:
        """Small whole numbers, real or complex."""
        if not np.iscomplexobj(entries):
            return entries.astype(int).astype(object)
        flat = [Complex(int(x.real), int(x.imag), self.prime) for x in entries.ravel()]
        return shaped(flat, entries.shape)

    def conjugate(self, value: Array) -> Array:
        """The complex conjugate."""
        return each(lambda x: x.conjugate() if isinstance(x, Complex) else x, value)

    def real(self, value: Array) -> Array:
        """The real part."""
        return each(lambda x: x.re if isinstance(x, Complex) else x, value)

    def einsum(self, coefficient: Fraction, operands: Sequence[tuple[Array, list[int]]], output: list[int]) -> Array:
        """A product of tensors, two factors at a time."""
        scale = self.number(coefficient)
        if not operands:
            return shaped([scale], ())
        remaining: list[tuple[Array, list[int]]] = [(objects(a), labels) for a, labels in operands]
        while len(remaining) > 1:
            (a, left), (b, right), rest = *remaining[:2], remaining[2:]
            later = set(output).union(*(labels for _, labels in rest))
            kept = [label for label in dict.fromkeys(left + right) if label in later]
            pair = np.einsum(a, left, b, right, kept) % self.prime
            remaining = [(objects(pair), kept), *rest]
        value, labels = remaining[0]
        return objects(np.einsum(value, labels, output) * scale % self.prime)

    def add(self, values: Sequence[Array]) -> Array:
        """A sum."""
        # NumPy gives the sum of two numbers as a number: it has to be an array again before the next is added.
        total = reduce(lambda a, b: objects(a + b), values)
        return objects(total % self.prime)

    def apply(
        self, primitive: Primitive, parameters: tuple[Parameter, ...], arguments: Sequence[Array]
    ) -> tuple[Array, ...]:
        """As the record says, by elimination where its identity is linear, else opaquely."""
        if primitive.modular is not None:
            result = primitive.modular.compute(self, *arguments, *parameters)
            if result is not None:
                return result if isinstance(result, tuple) else (result,)
        if primitive.parity == "odd" and not primitive.definition:
            return (self.odd(primitive.name, arguments[0]),)
        solved = self._by_linear_identity(primitive, arguments)
        return self._opaque(primitive, parameters, arguments) if solved is None else solved

    def _by_linear_identity(self, primitive: Primitive, arguments: Sequence[Array]) -> tuple[Array, ...] | None:
        """The unknown of an identity that is linear in it and determines it; None for any other function."""
        if len(primitive.identity) != 1 or len(primitive.outputs) != 1 or primitive.batched:
            return None
        formal = formals(primitive)
        (left, right), unknown = identities(primitive)[0], formal.outputs[0]
        sizes = _bound_sizes(primitive, arguments)
        shape = lengths(unknown.shape, sizes)
        known: dict[Node, Array] = dict(zip(formal.inputs, arguments, strict=True))

        def residual(entries: Array) -> Array:
            a, b = evaluate_all((left, right), {**known, unknown: entries.reshape(shape)}, sizes, self)
            return objects((a - b) % self.prime).ravel()

        count = prod(shape)
        start = residual(objects(np.zeros(count, dtype=int)))
        columns = [objects((residual(objects(unit)) - start) % self.prime) for unit in np.eye(count, dtype=int)]
        trial = shaped([self.random("trial", k) for k in range(count)], (count,))
        image = sum((c * t for c, t in zip(columns, trial, strict=True)), start) % self.prime
        if len(start) != count or not bool(np.all(residual(trial) == image)):
            return None
        try:
            found = self.solve(np.stack(columns, axis=1), (-start % self.prime)[:, None])
        except PointError:
            return None
        return (found.reshape(shape),)

    def solve(self, matrix: Array, right: Array) -> Array:
        """Gaussian elimination."""
        rows = [[*a, *b] for a, b in zip(matrix.tolist(), right.tolist(), strict=True)]
        count = len(rows)
        for column in range(count):
            pivot = next((r for r in range(column, count) if rows[r][column] % self.prime), None)
            if pivot is None:
                raise PointError
            rows[column], rows[pivot] = rows[pivot], rows[column]
            scale = self.inverse(rows[column][column])
            rows[column] = [x * scale % self.prime for x in rows[column]]
            for r in range(count):
                factor = rows[r][column]
                if r != column and factor:
                    rows[r] = [(x - factor * y) % self.prime for x, y in zip(rows[r], rows[column], strict=True)]
        return shaped([x for row in rows for x in row[count:]], (count, right.shape[1]))

    def determinant(self, matrix: Array) -> Number:
        """The product of the pivots of an elimination; 0 where a column has none."""
        rows: list[list[Number]] = matrix.tolist()
        found: Number = 1
        while rows:
            place = next((r for r, row in enumerate(rows) if row[0] % self.prime), None)
            if place is None:
                return 0
            pivot = rows.pop(place)
            found = found * pivot[0] * (-1) ** place % self.prime
            scale = self.inverse(pivot[0])
            rows = [
                [(x - row[0] * scale * y) % self.prime for x, y in zip(row[1:], pivot[1:], strict=True)] for row in rows
            ]
        return found

    def inverse(self, value: Number) -> Number:
        """The reciprocal."""
        if isinstance(value, Complex):
            return value.inverse()
        if not value % self.prime:
            raise PointError
        return pow(value, -1, self.prime)

    def is_square(self, value: int) -> bool:
        """Whether a number counts as positive."""
        self.has_signs = True
        return pow(value, (self.prime - 1) // 2, self.prime) == 1

    def root(self, square: int) -> int:
        """The square root that counts as positive."""
        found = self.raised(square, Fraction(1, 2))
        assert isinstance(found, int)
        return found

    def _complex_root(self, square: Complex) -> Complex:
        """The square root u + v i whose real part u counts as positive: 2 u² = |z| + Re z, 2 u v = Im z."""
        modulus = self.root(square.re * square.re + square.im * square.im)
        real = self.root((modulus + square.re) * pow(2, -1, self.prime))
        imaginary = square.im * pow(2 * real, -1, self.prime) if real else self.root(-square.re % self.prime)
        return Complex(real, imaginary, self.prime)

    def sign(self, value: Number) -> int:
        """The Legendre symbol; any odd function, where that is enough."""
        if not value:
            return 0
        if self.setting.any_signs or isinstance(value, Complex):
            return self._odd("sign", value)
        return 1 if self.is_square(value) else self.prime - 1

    def exponential(self, exponents: Array) -> Array:
        """`exp`, given the argument modulo the next prime: a homomorphism into the squares."""
        return each(lambda x: pow(4, int(x), self.prime), exponents)

    def power(self, values: Array, exponent: Fraction) -> Array:
        """Every entry to a rational power; a fractional one exists for what counts as positive."""
        return each(lambda entry: self.raised(entry, exponent), values)

    def power_of_squares(self, values: Array, exponents: Array) -> Array:
        """Every entry, which counts as positive, to a power that is given modulo the next prime."""
        if not all(isinstance(value, int) and value and self.is_square(value) for value in values.ravel()):
            raise PointError
        pairs = zip(values.ravel().tolist(), exponents.ravel().tolist(), strict=True)
        return shaped([pow(value, int(exponent), self.prime) for value, exponent in pairs], values.shape)

    def raised(self, value: Number, exponent: Fraction) -> Number:
        """A number to a rational power."""
        if exponent < 0:
            value, exponent = self.inverse(value), -exponent
        if isinstance(value, Complex):
            if exponent.denominator > 2:
                raise UndecidableError("a root of a complex number")
            return (value if exponent.denominator == 1 else self._complex_root(value)).power(exponent.numerator)
        if exponent.denominator == 1:
            return pow(value, exponent.numerator, self.prime)
        # The squares are a group of odd prime order, in which every root exists and is unique.
        if value and not self.is_square(value):
            raise PointError
        order = (self.prime - 1) // 2
        return pow(value, exponent.numerator * pow(exponent.denominator, -1, order) % order, self.prime)

    def value(self, entries: Sequence[int], shape: tuple[int, ...], facts: Facts, real: bool) -> Array:
        """A tensor with the given facts, of numbers that are taken at random; a complex one takes two for an entry."""
        if "positive" in facts:
            return shaped([x * x % self.prime for x in entries], shape)
        numbers: list[Number] = [x % self.prime for x in entries]
        if not real:
            numbers = [Complex(a, b, self.prime) for a, b in zip(entries[::2], entries[1::2], strict=True)]
        value = shaped(numbers, shape)
        return structured(self, value, facts) if len(shape) == 2 else value

    def _opaque(
        self, primitive: Primitive, parameters: tuple[Parameter, ...], arguments: Sequence[Array]
    ) -> tuple[Array, ...]:
        batch = arguments[0].shape[: arguments[0].ndim - len(primitive.inputs[0].shape)]
        sizes = _bound_sizes(primitive, arguments)
        outputs: list[Array] = []
        reals = tuple(all(not isinstance(x, Complex) for x in a.ravel()) for a in arguments)
        for place, declared in enumerate(primitive.outputs):
            shape = lengths(declared.shape, sizes)
            is_real = primitive.real(place, reals) or self._has_reals(primitive, place, arguments)
            parts: list[Array] = []
            for b in np.ndindex(*batch):
                if primitive.commutes:
                    parts.append(self.polynomial((primitive.token, parameters), arguments[0][b]))
                    continue
                seed = (primitive.token, place, parameters, *(np.asarray(a[b]).tolist() for a in arguments))
                entries = [self.random(*seed, entry) for entry in range(prod(shape) * (1 if is_real else 2))]
                facts = declared.facts | self._kept(primitive, arguments[0][b], shape)
                parts.append(self.value(entries, shape, facts, is_real))
            outputs.append(shaped([x for part in parts for x in part.ravel()], batch + shape))
        return tuple(outputs)

    def polynomial(self, seed: tuple[object, ...], X: Array) -> Array:
        """A function of a matrix: a polynomial in it, of which the coefficients depend on the eigenvalues alone.

        On those that are not zero, and so does the degree: then `f(A B) A = A f(B A)` for A that is not square, too.
        """
        powers = [objects(np.eye(len(X), dtype=int))]
        for _ in range(max(DEGREE, len(X))):
            powers.append(objects(powers[-1] @ X % self.prime))
        traces = [np.trace(power) % self.prime for power in powers[1:]]  # which say what the eigenvalues are
        pairs = [(x.re, x.im) if isinstance(x, Complex) else (x, 0) for x in traces]
        mirrored = [(re, -im % self.prime) for re, im in pairs]
        is_real, least = mirrored == pairs, min(pairs, mirrored)
        entries = [self.random(*seed, least, k) for k in range(len(powers) * (1 if is_real else 2))]
        coefficients = self.value(entries, (len(powers),), NO_FACTS, is_real)
        if least != pairs:  # the function of the conjugate is the conjugate
            coefficients = self.conjugate(coefficients)
        return self.add([objects(power * shaped([c], ())) for c, power in zip(coefficients, powers, strict=True)])

    def _has_reals(self, primitive: Primitive, place: int, arguments: Sequence[Array]) -> bool:
        """Whether a function of Hermitian matrices has a value without an imaginary part, as a determinant has."""
        if primitive.fact_rule is None or not all(a.ndim == 2 and a.shape[0] == a.shape[1] for a in arguments):
            return False
        mirrored = all(bool(np.all(self.conjugate(a).T == a)) for a in arguments)
        known = frozenset({"hermitian", "complex"}) if mirrored else NO_FACTS
        return "real_valued" in primitive.fact_rule(place, (), (known,) * len(arguments))

    def _kept(self, primitive: Primitive, argument: Array, shape: tuple[int, ...]) -> Facts:
        """The facts that a function preserves and its first argument has, such as being symmetric."""
        if np.shape(argument) != shape or len(shape) != 2 or shape[0] != shape[1]:
            return NO_FACTS
        mirrored = {"symmetric": argument.T, "hermitian": self.conjugate(argument).T}
        kept = {"lower": np.tril(argument), "upper": np.triu(argument), "diagonal": np.diag(np.diag(argument))}
        return frozenset(
            fact
            for fact, image in (mirrored | kept).items()
            if fact in primitive.preserves and bool(np.all(image == argument))
        )

    def odd(self, name: str, values: Array) -> Array:
        """An opaque odd function, entry by entry."""
        return each(lambda value: self._odd(name, value) if value else 0, values)

    def _odd(self, name: str, value: Number) -> int:
        if isinstance(value, Complex):
            raise UndecidableError(f"{name} of a complex number")
        mirrored = self.prime - value
        return self.random(name, value) if value < mirrored else -self.random(name, mirrored) % self.prime

    def random(self, *seed: object) -> int:
        """A number that depends on the values given."""
        text = repr((self.level, seed)).encode()
        return int.from_bytes(blake2b(text, digest_size=16).digest(), "big") % self.prime


def _bound_sizes(primitive: Primitive, arguments: Sequence[Array]) -> dict[str, int]:
    """The sizes of the signature's dimension names."""
    sizes: dict[str, int] = {}
    for declared, value in zip(primitive.inputs, arguments, strict=True):
        names = (dim.name for dim in declared.shape)
        own = value.shape[value.ndim - len(declared.shape) :]
        sizes.update({n: s for n, s in zip(names, own, strict=True) if n is not None})
    return sizes
