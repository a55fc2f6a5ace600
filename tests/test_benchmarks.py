"""The benchmarks' contestants agree, at small sizes: what is timed computes the same."""

from __future__ import annotations

import dataclasses

import pytest

pytest.importorskip("torch")

from benchmarks.case import Case
from benchmarks.cases import CASES
from benchmarks.contestants import IN_NUMPY, contestants, disagreements


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_contestants_agree(case: Case) -> None:
    without_jax = dataclasses.replace(case, plain_jax=None)
    found = contestants(without_jax, without_jax.inputs(divide=12))
    if case.free_signs:
        del found[IN_NUMPY]
    assert disagreements(case, found) == {}
