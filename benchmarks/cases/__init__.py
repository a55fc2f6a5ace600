"""The cases, by section of the table."""

from __future__ import annotations

from benchmarks.case import Case
from benchmarks.cases import first, matrix_functions, products, second

CASES: tuple[Case, ...] = (*first.CASES, *second.CASES, *products.CASES, *matrix_functions.CASES)
