"""Rational numbers as a person would write them: 1/3, and 1e-5 or 0.044715 for what fractions are long for."""

from __future__ import annotations

from fractions import Fraction

LARGEST = 16  # a smaller denominator is that of a fraction
LARGEST_OF_PARTS = 999  # a whole is divided into so many parts
SMALLEST = Fraction(1, 1000)  # a smaller number is written with an exponent


def decimal(value: Fraction) -> tuple[str, int] | None:
    """The digits and the power of ten of a positive number that is no simple fraction; None for all others."""
    places = _places(value.denominator)
    if places is None or value.denominator <= (LARGEST_OF_PARTS if value.numerator == 1 else LARGEST):
        return None
    digits = str(value.numerator * 10**places // value.denominator)
    if value < SMALLEST:
        return (f"{digits[0]}.{digits[1:]}" if digits[1:] else digits), len(digits) - 1 - places
    whole, part = divmod(int(digits), 10**places)
    text = f"{whole}.{part:0{places}}"
    return (text, 0) if len(text) < len(str(value)) else None


def number_text(value: Fraction) -> str:
    """A number in Python's notation."""
    found = decimal(abs(value))
    if found is None:
        return str(value)
    digits, exponent = found
    return f"{'-' if value < 0 else ''}{digits}{f'e{exponent}' if exponent else ''}"


def _places(denominator: int) -> int | None:
    """How many decimal places a fraction with this denominator needs; None if they never end."""
    counts = {2: 0, 5: 0}
    for prime in counts:
        while denominator % prime == 0:
            denominator //= prime
            counts[prime] += 1
    return max(counts.values()) if denominator == 1 else None
