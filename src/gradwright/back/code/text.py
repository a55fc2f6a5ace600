"""Pieces of Python text with their precedence, so that parentheses stand where they are needed."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from enum import IntEnum
from fractions import Fraction

from gradwright.core.arithmetic import as_float
from gradwright.frozen import frozen


class Kind(IntEnum):
    """What the outermost operation of a text is; a higher one binds tighter."""

    SUM = 1
    PRODUCT = 2
    MATMUL = 3
    NEGATIVE = 4
    POWER = 5
    ATOM = 6


@frozen
class Code:
    """A Python expression.

    Attributes:
        text: the expression.
        kind: its outermost operation.
        number: whether it is a Python number, which takes the type of what it meets.
    """

    text: str
    kind: Kind = Kind.ATOM
    number: bool = False

    @property
    def atom(self) -> str:
        """The text as something that can be called, indexed or raised to a power."""
        return self.text if self.kind is Kind.ATOM and not self.is_literal else f"({self.text})"

    @property
    def is_literal(self) -> bool:
        """Whether this is a literal number, of which no attribute can be taken."""
        return self.number and self.text[:1].isdigit()

    def inside(self, *kinds: Kind) -> str:
        """The text, in parentheses unless its kind is one of those named or an atom."""
        return self.text if self.kind is Kind.ATOM or self.kind in kinds else f"({self.text})"


def sum_of(terms: Sequence[tuple[int, Code]]) -> Code:
    """A sum of signed terms; it begins with a positive one if there is any."""
    positive = next((place for place, (sign, _) in enumerate(terms) if sign > 0), 0)
    ordered = [terms[positive], *terms[:positive], *terms[positive + 1 :]]
    sign, first = ordered[0]
    text = negated(first).text if sign < 0 else first.text
    for sign, code in ordered[1:]:
        tight = (Kind.PRODUCT, Kind.MATMUL, Kind.POWER)
        text += f" {'-' if sign < 0 else '+'} {code.inside(*tight)}"
    return Code(text, Kind.SUM, all(code.number for _, code in terms))


def negated(code: Code) -> Code:
    """Minus a term."""
    if code.is_literal:
        return Code(f"-{code.text}", Kind.NEGATIVE, True)
    return Code(f"-{code.inside(Kind.POWER)}", Kind.NEGATIVE, code.number)


def matmul(left: Code, right: Code) -> Code:
    """`left @ right`."""
    return Code(f"{left.inside(Kind.MATMUL)} @ {right.inside()}", Kind.MATMUL)


def product_of(factors: Sequence[Code], divisors: Sequence[Code] = ()) -> Code:
    """`a * b / c / d`; 1 for nothing above the line."""
    above = list(factors) or [Code("1", number=True)]
    if len(above) == 1 and not divisors:
        return above[0]
    allowed = (Kind.POWER, Kind.NEGATIVE, Kind.PRODUCT)
    text = above[0].inside(*allowed)
    for code in above[1:]:
        text += f" * {code.inside(Kind.POWER)}"
    for code in divisors:
        text += f" / {code.inside(Kind.POWER)}"
    return Code(text, Kind.PRODUCT, all(code.number for code in (*above, *divisors)))


def multiple(coefficient: Fraction, factors: Sequence[Code], divisors: Sequence[Code] = ()) -> Code:
    """A rational number times a product over a product."""
    if coefficient < 0:
        positive = multiple(-coefficient, factors, divisors)
        if positive.kind is Kind.PRODUCT and not positive.text.startswith("("):
            return Code(f"-{positive.text}", Kind.PRODUCT, positive.number)
        return negated(positive)
    if coefficient == 1:
        return product_of(factors, divisors)
    if not factors:
        return product_of([number(coefficient)], divisors)
    if coefficient.numerator == 1 and not _is_dyadic(coefficient):
        return product_of(factors, [*divisors, number(Fraction(coefficient.denominator))])
    return product_of([number(coefficient), *factors], divisors)


def number(value: Fraction) -> Code:
    """A rational number: whole, an exact decimal, or a quotient."""
    if value < 0:
        return negated(number(-value))
    if value.denominator == 1 and value.numerator < 2**53:
        return Code(str(value.numerator), number=True)
    if _is_dyadic(value) or max(value.numerator, value.denominator) >= 2**53:
        rounded = as_float(value)
        text = repr(rounded) if rounded != float("inf") else 'float("inf")'
        return Code(text, number=True)
    return Code(f"{value.numerator} / {value.denominator}", Kind.PRODUCT, True)


def _is_dyadic(value: Fraction) -> bool:
    """Whether the decimal is exact and short."""
    return value.denominator in (2, 4, 8, 16, 32, 64) and value.numerator < 10**6


_PLACE = re.compile(r"\{(\d+)\}")


def fill(template: str, arguments: Sequence[Code]) -> Code:
    """A template with the arguments in the places `{0}`, `{1}`, …; parentheses only where they are needed."""

    def put(match: re.Match[str]) -> str:
        code = arguments[int(match.group(1))]
        before, after = template[: match.start()].rstrip(), template[match.end() :].lstrip()
        enclosed = (not before or before[-1] in "(,=") and (not after or after[0] in "),")
        number = code.kind is Kind.ATOM and code.is_literal and after[:1] not in (".", "[", "(")
        return code.text if enclosed or number else code.atom

    return Code(_PLACE.sub(put, template), _kind_of(template))


def _kind_of(template: str) -> Kind:
    tree = ast.parse(_PLACE.sub(r"_\1", template), mode="eval").body
    match tree:
        case ast.BinOp(op=ast.Pow()):
            return Kind.POWER
        case ast.BinOp(op=ast.MatMult()):
            return Kind.MATMUL
        case ast.BinOp(op=ast.Mult() | ast.Div() | ast.FloorDiv()):
            return Kind.PRODUCT
        case ast.BinOp() | ast.IfExp() | ast.Compare():
            return Kind.SUM
        case ast.UnaryOp():
            return Kind.NEGATIVE
        case _:
            return Kind.ATOM
