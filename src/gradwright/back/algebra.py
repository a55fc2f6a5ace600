"""What becomes of formulas: transposes and conjugates pushed inwards, numbers and scalars brought to the front."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from math import prod

from gradwright.back.formula import (
    Block,
    Call,
    Cell,
    Conjugated,
    Formula,
    Indexed,
    MaskMatrix,
    MatrixProduct,
    Name,
    Number,
    OuterProduct,
    Power,
    Scaled,
    Sum,
    Transposed,
    factors_of,
    is_call,
)
from gradwright.frozen import replace


def transposed(formula: Formula) -> Formula:
    """The transpose, pushed inwards where that reads better; what is no matrix stays as it is."""
    match formula:
        case _ if formula.symmetric or formula.rank != 2:
            return formula
        case Name(skew=True):
            return scaled(Fraction(-1), formula)
        case Transposed(inner=inner, conj=False):
            return inner
        case Transposed(inner=inner, conj=True):
            return Conjugated(inner.rank, inner.symmetric, inner)
        case Conjugated(inner=inner):
            return Transposed(2, False, inner, conj=True)
        case MatrixProduct(factors=factors):
            return sign_in_front(replace(formula, factors=transposed_factors(factors)))
        case Scaled(factors=factors, divisors=divisors):
            turn, under = (tuple(map(transposed, side)) for side in (factors, divisors))
            return sign_in_front(replace(formula, factors=turn, divisors=under))
        case OuterProduct(left=left, right=right):
            return column_times_row(right, left)
        case Power(base=base, matrix=True):
            return replace(formula, base=transposed(base))
        case Sum(terms=terms):
            turned = opened(tuple(transposed(term) for term in terms))
            inside = replace(formula, terms=turned)
            return inside if transposes(inside) <= transposes(formula) else Transposed(2, False, formula)
        case Call(name="kron", arguments=factors):
            turned = replace(formula, arguments=tuple(transposed(f) for f in factors))
            return turned if transposes(turned) < transposes(formula) else Transposed(2, False, formula)
        case Block() if transposes(turned := _turned_block(formula)) < transposes(formula):
            return turned
        case Call(name="cumsum", arguments=(matrix,)) if transposes(transposed(matrix)) < transposes(matrix):
            axis = "axis=1" if formula.keywords == "axis=0" else "axis=0"
            return replace(formula, arguments=(transposed(matrix),), keywords=axis)
        case MaskMatrix(weights=weights, rows=rows, columns=columns):
            return replace(formula, weights=weights[::-1], rows=columns, columns=rows)
        case Indexed(inner=inner, places=places) if len(places) == 2 and inner.symmetric:
            return replace(formula, places=places[::-1])
        case _:
            return Transposed(2, False, formula)


def _turned_block(block: Block) -> Block:
    """The transpose of a matrix of blocks, block by block; as it is, if one of them is a row or a number."""
    if any(isinstance(entry, Cell) for entry in block.entries):
        return block
    entries = tuple(transposed(row[column]) for column in range(len(block.column_places)) for row in block.rows())
    return replace(block, entries=entries, row_places=block.column_places, column_places=block.row_places)


def transposed_factors(factors: Sequence[Formula]) -> tuple[Formula, ...]:
    """The factors of the transpose of a product; a vector that ends it begins the transpose."""
    return tuple(map(transposed, reversed(factors)))


def column_times_row(column: Formula, row: Formula) -> Formula:
    """`x yᵀ`, with skew matrices untransposed: `A K z` as a row is `−zᵀ K Aᵀ`."""
    (first, left), (second, right) = _skew_turned(column, False), _skew_turned(row, True)
    return scaled(Fraction(first * second), OuterProduct(2, column == row, left, right))


def _skew_turned(vector: Formula, transpose: bool) -> tuple[int, Formula]:
    """A vector with its skew matrices all transposed, or none, and the sign that this brings."""
    if not isinstance(vector, MatrixProduct):
        return 1, vector
    sign, factors = 1, list[Formula]()
    for factor in vector.factors:
        bare = factor.inner if isinstance(factor, Transposed) else factor
        if isinstance(bare, Name) and bare.skew:
            turned = Transposed(2, False, bare) if transpose else bare
            sign, factor = (sign if turned == factor else -sign), turned
        factors.append(factor)
    return sign, replace(vector, factors=tuple(factors))


def opened(terms: Iterable[Formula]) -> tuple[Formula, ...]:
    """The terms of a sum, those of sums among them in their place."""
    return tuple(part for term in terms for part in (term.terms if isinstance(term, Sum) else (term,)))


def transposes(formula: Formula) -> int:
    """How many transposes are written in a sum of products, Kronecker products among them."""
    match formula:
        case Transposed(inner=inner):
            return 1 + transposes(inner)
        case Sum(terms=parts) | MatrixProduct(factors=parts) | Scaled(factors=parts):
            return sum(transposes(part) for part in parts if part.rank == 2)
        case Call(name="kron", arguments=parts) | Block(entries=parts):
            return sum(map(transposes, parts))
        case _:
            return 0


def with_fewer_transposes(matrix: Formula) -> Formula:
    """The matrix or its transpose, where their difference does not matter: the matrix, if both are as long."""
    return min(matrix, transposed(matrix), key=transposes)


def to_the(base: Formula, exponent: Fraction, symmetric: bool = True) -> Formula:
    """An elementwise power; `‖y‖⁴` for the square of a square, and `‖y‖` for the root of one."""
    if isinstance(base, Power) and not base.rank and not base.matrix and base.exponent.denominator == 1:
        never_negative = is_call(base.base, "norm")
        if exponent.denominator == 1 or never_negative:
            return to_the(base.base, base.exponent * exponent)
    if exponent == 1:
        return base
    return Power(base.rank, symmetric, base, exponent)


def conjugated(formula: Formula) -> Formula:
    """The conjugate, pushed inwards where that reads better."""
    match formula:
        case Conjugated(inner=inner):
            return inner
        case Transposed(inner=inner, conj=conj):
            return replace(formula, conj=not conj) if not inner.symmetric else formula
        case Call(name="diag" | "diagonal", arguments=(inside,)):
            return replace(formula, arguments=(conjugated(inside),))
        case _:
            return Conjugated(formula.rank, formula.symmetric, formula)


def conjugated_inside(formula: Formula) -> Formula:
    """The conjugate of a product that holds conjugates, factor by factor; else the formula itself."""
    return next(_conjugate_forms(formula)) if _conjugates(formula) else formula


def scaled(coefficient: Fraction, formula: Formula) -> Formula:
    """A rational multiple."""
    if coefficient == 1:
        return formula
    if isinstance(formula, Number):
        return replace(formula, value=formula.value * coefficient)
    if isinstance(formula, Sum) and coefficient == -1 and any(is_negative(term) for term in formula.terms):
        return replace(formula, terms=tuple(scaled(coefficient, term) for term in formula.terms))
    if isinstance(formula, MatrixProduct) and coefficient < 0:
        turned = _antisymmetric_turned(formula)
        if turned is not None:
            return scaled(-coefficient, turned)
    if isinstance(formula, Scaled):
        # A multiple by one of a single factor is that factor.
        if coefficient * formula.coefficient == 1 and len(formula.factors) == 1 and not formula.divisors:
            return formula.factors[0]
        return replace(formula, coefficient=formula.coefficient * coefficient)
    return Scaled(formula.rank, formula.symmetric, coefficient, (formula,))


def split_number(formula: Formula) -> tuple[Fraction, Formula]:
    """The number in front of a single tensor, and the tensor."""
    if isinstance(formula, Scaled) and len(formula.factors) == 1 and not formula.divisors:
        return formula.coefficient, formula.factors[0]
    return Fraction(1), formula


def sign_in_front(formula: Formula) -> Formula:
    """`−Sᵀ M S` for a product with the factor −Sᵀ."""
    if not isinstance(formula, MatrixProduct | Scaled):
        return formula
    numbers, bare = zip(*map(split_number, formula.factors), strict=True) if formula.factors else ((), ())
    return scaled(prod(numbers, start=Fraction(1)), replace(formula, factors=bare))


def negated(formula: Sum) -> Sum:
    """Minus a sum, term by term."""
    return replace(formula, terms=tuple(scaled(Fraction(-1), term) for term in formula.terms))


def _antisymmetric_turned(product: MatrixProduct) -> MatrixProduct | None:
    """`U (S − Sᵀ)` for `U (Sᵀ − S)`, which is minus it; None for a product without such a factor."""
    for place, factor in enumerate(product.factors):
        if isinstance(factor, Sum) and scaled(Fraction(-1), factor) == transposed(factor):
            factors = (*product.factors[:place], transposed(factor), *product.factors[place + 1 :])
            return replace(product, factors=factors)
    return None


def is_negative(term: Formula) -> bool:
    """Whether a minus stands in front of a term."""
    return isinstance(term, Scaled) and term.coefficient < 0


def multiplied(
    coefficient: Fraction, factors: tuple[Formula, ...], divisors: tuple[Formula, ...], rank: int
) -> Formula:
    """An elementwise product, numbers collected in front."""
    kept: list[Formula] = []
    under = list(divisors)
    for factor in factors:
        if isinstance(factor, Number):
            coefficient *= factor.value
        elif isinstance(factor, Scaled) and (factor.rank in (0, rank) or len(factors) == 1):
            coefficient *= factor.coefficient
            kept += factor.factors
            under += factor.divisors
        else:
            kept.append(factor)
    joined = _with_joined_powers(_with_moduli(kept), under)
    if not rank or any(f.rank for side in joined for f in side):  # or else p / p, which is no number
        kept, under = joined
    if not kept and not under:
        return Number(rank, True, coefficient)
    if len(kept) == 1 and not under and kept[0].rank == rank:
        return scaled(coefficient, kept[0])
    symmetric = all(f.symmetric or f.rank < 2 for f in (*kept, *under))
    return Scaled(rank, symmetric, coefficient, tuple(kept), tuple(under))


def _with_moduli(factors: Sequence[Formula]) -> list[Formula]:
    """`|A z|∘²` for `(A* z*) ∘ (A z)`."""
    if len(factors) < 2:
        return list(factors)
    rest, found = list(factors), list[Formula]()
    while rest:
        factor = rest.pop(0)
        partner = next((form for form in _conjugate_forms(factor) if form in rest), None)
        if partner is None:
            found.append(factor)
            continue
        rest.remove(partner)
        inside = min(factor, partner, key=_conjugates)
        size = Call(inside.rank, inside.symmetric, "abs", (inside,), text="|{0}|", latex=r"\left|{0}\right|")
        found.append(to_the(size, Fraction(2), inside.symmetric))
    return found


def is_in_moduli(formula: Formula) -> bool:
    """Whether a product is one of absolute values and their powers, which read as real numbers."""
    if isinstance(formula, Scaled):
        return all(map(is_in_moduli, (*formula.factors, *formula.divisors)))
    base, _ = _base(formula)
    return is_call(base, "abs")


def _conjugate_forms(formula: Formula) -> Iterator[Formula]:
    """The conjugate as it may be written, of a product factor by factor: that of `xᴴ y` is `yᴴ x`, too."""
    if not isinstance(formula, MatrixProduct):
        yield conjugated(formula)
        return
    yield replace(formula, factors=tuple(map(conjugated, formula.factors)))
    if not formula.rank:
        yield replace(formula, factors=tuple(map(conjugated, transposed_factors(formula.factors))))


def _conjugates(formula: Formula) -> int:
    """How many factors of a product are conjugated."""
    return sum(isinstance(factor, Conjugated) for factor in factors_of(formula))


def _with_joined_powers(factors: list[Formula], divisors: list[Formula]) -> tuple[list[Formula], list[Formula]]:
    """`x∘³ / t` for `x ∘ x∘² t / t²`: each base once."""
    powers = [(*_base(f), f, True) for f in factors] + [(*_base(f), f, False) for f in divisors]
    totals: dict[Formula, Fraction] = {}
    for base, exponent, _, above in powers:
        totals[base] = totals.get(base, Fraction(0)) + (exponent if above else -exponent)
    if len(totals) == len(powers):
        return factors, divisors
    kept, under = list[Formula](), list[Formula]()
    for base, exponent, factor, _ in powers:
        total = totals.pop(base, Fraction(0))
        if total:
            joined = factor if abs(total) == exponent else to_the(base, abs(total), base.symmetric)
            (kept if total > 0 else under).append(joined)
    return kept, under


def _base(factor: Formula) -> tuple[Formula, Fraction]:
    """The tensor of which a factor is an elementwise power, and the exponent."""
    return (factor.base, factor.exponent) if isinstance(factor, Power) and not factor.matrix else (factor, Fraction(1))


def without_scalars(formula: Formula) -> tuple[Fraction, tuple[Formula, ...], tuple[Formula, ...], Formula]:
    """The number, the scalar factors and the scalar divisors of a tensor, and what is left of it."""
    if not isinstance(formula, Scaled) or not formula.rank:
        return Fraction(1), (), (), formula
    above, scalars = _by_rank(formula.factors)
    under, divisors = _by_rank(formula.divisors)
    if not above and not under:
        return Fraction(1), (), (), formula
    one = len(above) == 1 and not under and above[0].rank == formula.rank
    rest = above[0] if one else replace(formula, coefficient=Fraction(1), factors=above, divisors=under)
    return formula.coefficient, scalars, divisors, rest


def _by_rank(formulas: tuple[Formula, ...]) -> tuple[tuple[Formula, ...], tuple[Formula, ...]]:
    """Tensors, and scalars."""
    return tuple(f for f in formulas if f.rank), tuple(f for f in formulas if not f.rank)


def linear(make: Callable[[Formula], Formula], formula: Formula) -> Formula:
    """What a linear operation makes of a formula, the scalars in front of it: `½ diagonal(A)`."""
    number, scalars, divisors, rest = without_scalars(formula)
    if rest is formula:
        return make(formula)
    made = make(rest)
    return multiplied(number, (*scalars, made), divisors, made.rank)


def reshaped(formula: Formula, shape: Sequence[str]) -> Formula:
    """A tensor with its entries in another shape; of one that was reshaped before, only the last shape counts."""

    def make(tensor: Formula) -> Formula:
        if is_call(tensor, "reshape"):
            return reshaped(tensor.arguments[0], shape)
        return Call(len(shape), False, "reshape", (tensor,), keywords=", ".join(shape))

    return linear(make, formula)
