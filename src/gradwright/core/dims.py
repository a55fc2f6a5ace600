"""Dimensions: polynomials in dimension names, such as `n`, `n*m` or `n + 1`.

Two axes match when their dimensions are the same polynomial; sizes never decide. A dimension is
immutable, compared by value, and evaluated only when sizes are known.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import lru_cache, reduce
from operator import mul

from gradwright.errors import EvaluationError, UnsupportedError

Monomial = tuple[str, ...]


class Dim:
    """A polynomial with rational coefficients over dimension names.

    `Dim.of("n")`, `Dim.of(3)`; sums and products of these. The name of an atom may also be a
    minimum, `min(k,m)`, which is evaluated from the sizes of the names that it lists.
    """

    __slots__ = ("_hash", "_text", "terms")
    terms: tuple[tuple[Monomial, Fraction], ...]

    def __init__(self, terms: Mapping[Monomial, Fraction]) -> None:
        kept = {monomial: Fraction(c) for monomial, c in terms.items() if c}
        ordered = sorted(kept.items(), key=lambda item: (-len(item[0]), item[0]))
        self.terms = tuple(ordered)
        self._hash = hash(self.terms)
        self._text = _text(self.terms) if self.terms else "0"

    @staticmethod
    def of(value: Dim | str | int) -> Dim:
        """The dimension that a name or an integer stands for."""
        return value if isinstance(value, Dim) else _dim_of(value)

    @property
    def value(self) -> int | None:
        """The size, if it does not depend on any name."""
        if not self.terms:
            return 0
        if len(self.terms) == 1 and not self.terms[0][0] and self.terms[0][1].denominator == 1:
            return self.terms[0][1].numerator
        return None

    @property
    def name(self) -> str | None:
        """The name, if the dimension is nothing but one name."""
        if len(self.terms) == 1 and self.terms[0][1] == 1 and len(self.terms[0][0]) == 1:
            return self.terms[0][0][0]
        return None

    @property
    def names(self) -> tuple[str, ...]:
        """The names that occur, each once, sorted; those inside a minimum included."""
        atoms = sorted({atom for monomial, _ in self.terms for atom in monomial})
        found = [name for atom in atoms for name in atom_names(atom)]
        return tuple(dict.fromkeys(found))

    def evaluate(self, sizes: Mapping[str, int]) -> int:
        """The size of this dimension when every name in it has a size."""
        name = self.name
        if name is not None and name in sizes:  # almost always, and without fractions
            return sizes[name]
        total = self._total(sizes)
        if total.denominator != 1:
            known = sizes_text({name: sizes[name] for name in self.names})
            raise EvaluationError(f"the dimension {self} is not a whole number at {known}")
        return total.numerator

    def solve(self, size: int, sizes: Mapping[str, int]) -> dict[str, int]:
        """The size of the one name that has none yet, if the polynomial has this size then; else nothing.

        It serves polynomials that grow with the name, such as `n*m` and `n*(n + 1)/2`.
        """
        unknown = [name for name in self.names if name not in sizes]
        if len(unknown) != 1 or any(atom not in self.names for monomial, _ in self.terms for atom in monomial):
            return {}
        found = bisect_left(range(1, size + 2), size, key=lambda k: self._total({**sizes, unknown[0]: k})) + 1
        return {unknown[0]: found} if self._total({**sizes, unknown[0]: found}) == size else {}

    def _total(self, sizes: Mapping[str, int]) -> Fraction:
        return sum(
            (c * reduce(mul, (_atom_size(a, sizes) for a in monomial), 1) for monomial, c in self.terms),
            Fraction(0),
        )

    def substitute(self, replacements: Mapping[str, Dim]) -> Dim:
        """The polynomial with dimensions put for some of its names, all at once."""
        name = self.name
        if name is not None and name in replacements:  # almost always, and without fractions
            return replacements[name]
        if not any(name in replacements for name in self.names):
            return self
        total = Dim({})
        for monomial, c in self.terms:
            product = Dim({(): c})
            for atom in monomial:
                product = product * _substitute_atom(atom, replacements)
            total = total + product
        return total

    def __add__(self, other: Dim | int) -> Dim:
        terms = dict(self.terms)
        for monomial, c in Dim.of(other).terms:
            terms[monomial] = terms.get(monomial, Fraction(0)) + c
        return Dim(terms)

    __radd__ = __add__

    def __mul__(self, other: Dim | int | Fraction) -> Dim:
        if isinstance(other, Fraction):
            return Dim({monomial: c * other for monomial, c in self.terms})
        return _product(self, Dim.of(other))

    __rmul__ = __mul__

    def __sub__(self, other: Dim | int) -> Dim:
        return self + Dim.of(other) * Fraction(-1)

    def __rsub__(self, other: int) -> Dim:
        return Dim.of(other) - self

    def is_at_least(self, other: Dim) -> bool:
        """Whether it is known not to be smaller, whatever the sizes: no term of the difference is negative."""
        return all(coefficient >= 0 for _, coefficient in (self - other).terms)

    def is_smaller_than(self, other: Dim) -> bool:
        """Whether it is known to be smaller, whatever the sizes, of which none is less than 1."""
        gap = other - self
        grows = all(coefficient >= 0 for monomial, coefficient in gap.terms if monomial)
        return grows and gap._total(dict.fromkeys(gap.names, 1)) > 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dim) and self.terms == other.terms

    def __hash__(self) -> int:
        return self._hash

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"Dim({self})"

    def __reduce__(self) -> tuple[type[Dim], tuple[dict[Monomial, Fraction]]]:
        return Dim, (dict(self.terms),)


# Kept, since an expression has few dimensions, which are asked for by the thousand.
@lru_cache(maxsize=4096)
def _dim_of(value: str | int) -> Dim:
    return Dim({(value,) if isinstance(value, str) else (): Fraction(1 if isinstance(value, str) else value)})


@lru_cache(maxsize=4096)
def _product(left: Dim, right: Dim) -> Dim:
    terms: dict[Monomial, Fraction] = {}
    for one, a in left.terms:
        for other, b in right.terms:
            monomial = tuple(sorted(one + other))
            terms[monomial] = terms.get(monomial, Fraction(0)) + a * b
    return Dim(terms)


def product(dims: Iterable[Dim]) -> Dim:
    """The product of dimensions; 1 for none."""
    listed = tuple(dims)
    return reduce(mul, listed) if listed else Dim.of(1)


def lengths(dims: Iterable[Dim], sizes: Mapping[str, int]) -> tuple[int, ...]:
    """The sizes of dimensions, from those of their names."""
    return tuple([dim.evaluate(sizes) for dim in dims])


def sizes_text(sizes: Mapping[str, int]) -> str:
    """Sizes of names for a message: `n = 3, m = 4`."""
    return ", ".join(f"{name} = {size}" for name, size in sizes.items())


def substituted(dims: Iterable[Dim], replacements: Mapping[str, Dim]) -> tuple[Dim, ...]:
    """Dimensions with others put for some of their names, all at once."""
    return tuple([dim.substitute(replacements) for dim in dims])


def minimum(left: Dim, right: Dim) -> Dim:
    """The smaller of two dimensions, such as the rank of a `k × m` matrix.

    It is decided where the difference is a number, and an atom of its own otherwise; both must then
    be names or numbers.
    """
    difference = (left - right).value
    if difference is not None:
        return left if difference <= 0 else right
    for dim in (left, right):
        if dim.name is None and dim.value is None:
            raise UnsupportedError(
                f"the smaller of the dimensions {left} and {right} is not known; give each axis a "
                f"dimension with a name of its own"
            )
    first, second = sorted((str(left), str(right)))
    return Dim.of(f"min({first},{second})")


def atom_names(atom: str) -> list[str]:
    """The dimension names that an atom stands for: itself, or those of a minimum."""
    if not atom.startswith("min("):
        return [atom]
    return [part for part in atom[4:-1].split(",") if not part.isdigit()]


def _atom_size(atom: str, sizes: Mapping[str, int]) -> int:
    if not atom.startswith("min("):
        return sizes[atom]
    return min(int(part) if part.isdigit() else sizes[part] for part in atom[4:-1].split(","))


def _substitute_atom(atom: str, replacements: Mapping[str, Dim]) -> Dim:
    if not atom.startswith("min("):
        return replacements.get(atom, Dim.of(atom))
    left, right = atom[4:-1].split(",")
    parts = [Dim.of(int(p)) if p.isdigit() else replacements.get(p, Dim.of(p)) for p in (left, right)]
    return minimum(*parts)


def _text(terms: tuple[tuple[Monomial, Fraction], ...]) -> str:
    text = ""
    for monomial, c in sorted(terms, key=lambda term: term[1] < 0):  # `n - m`, which a declaration may say
        sign = "-" if c < 0 else "+"
        body = _monomial_text(monomial, abs(c))
        text = (("-" if c < 0 else "") + body) if not text else f"{text} {sign} {body}"
    return text


def _monomial_text(monomial: Monomial, c: Fraction) -> str:
    powers = dict.fromkeys(monomial, 0)
    for atom in monomial:
        powers[atom] += 1
    atoms = [atom if k == 1 else f"{atom}**{k}" for atom, k in powers.items()]
    if c.numerator != 1 or not atoms:
        atoms.insert(0, str(c.numerator))
    text = "*".join(atoms)
    return text if c.denominator == 1 else f"{text}/{c.denominator}"
