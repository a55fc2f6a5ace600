"""Names of variables as they are written: Greek letters, subscripts, directions."""

from __future__ import annotations

from gradwright.back.formula import Formula, Name
from gradwright.core.greek import latex_of_name, text_of_name


def name_formula(name: str, rank: int, symmetric: bool, skew: bool = False) -> Formula:
    """A variable, Greek letters and subscripts as such."""
    return Name(rank, symmetric, text_of_name(name), name, latex_of_name(name), skew=skew)


def direction_formula(of: str, rank: int, symmetric: bool, skew: bool) -> Formula:
    """`dX`."""
    inner = name_formula(of, rank, symmetric)
    assert isinstance(inner, Name)
    return Name(rank, symmetric, f"d{inner.text}", f"d{of}", rf"\mathrm{{d}}{inner.latex}", moving=True, skew=skew)
