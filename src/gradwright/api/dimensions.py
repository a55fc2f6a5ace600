"""Dimensions: `dims("n m")`, `dim("n") + 1`."""

from __future__ import annotations

from gradwright.core.declarations import parse_dim
from gradwright.core.dims import Dim
from gradwright.errors import DeclarationError


def dim(value: Dim | str | int, /) -> Dim:
    """A dimension, by its name or as a number; a sum or product of these, such as `"n*m"`, is one too.

    Raises:
        DeclarationError: it is none.
    """
    if isinstance(value, Dim):
        return value
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise DeclarationError(f"a dimension is a name or a positive whole number, and this is {type(value).__name__}")
    try:
        return parse_dim(str(value), "a dimension")
    except DeclarationError:
        raise DeclarationError(
            f"'{value}' is no dimension: that is a name, a positive whole number, or a sum or product of these, as n*m"
        ) from None


def dims(names: str) -> tuple[Dim, ...]:
    """Several dimensions by name, from a text such as `"n m"`.

    Raises:
        DeclarationError: one of them is none.
    """
    if not isinstance(names, str):
        raise DeclarationError(f'dims takes a text such as "n m", and this is {type(names).__name__}')
    return tuple(map(dim, names.replace(",", " ").split()))
