"""Names of variables as they are written: Greek letters, subscripts, directions."""

from __future__ import annotations

from gradwright.back.formula import Formula, Name
from gradwright.core.greek import GREEK, text_of_name


def name_formula(name: str, rank: int, symmetric: bool, skew: bool = False) -> Formula:
    """A variable, Greek letters and subscripts as such."""
    return Name(rank, symmetric, text_of_name(name), name, latex_of_name(name), skew=skew)


def direction_formula(of: str, rank: int, symmetric: bool, skew: bool) -> Formula:
    """`dX`."""
    inner = name_formula(of, rank, symmetric)
    assert isinstance(inner, Name)
    return Name(rank, symmetric, f"d{inner.text}", f"d{of}", rf"\mathrm{{d}}{inner.latex}", moving=True, skew=skew)


def latex_of_name(name: str) -> str:
    """A name for LaTeX: Greek letters, trailing digits and what follows an underscore as subscripts."""
    base, _, subscript = name.partition("_")
    if not base or not subscript:  # X_ is another variable than X
        base = name.rstrip("0123456789") or name
        subscript = name[len(base) :]
    shown = rf"\{base}" if base in GREEK else escaped(base)
    shown = shown if len(base) == 1 or base in GREEK else rf"\mathit{{{shown}}}"
    return f"{shown}_{{{escaped(subscript)}}}" if subscript else shown


def escaped(text: str) -> str:
    """A text for LaTeX, where an underscore begins a subscript."""
    return text.replace("_", r"\_")
