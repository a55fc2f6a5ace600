"""The benchmarks' contestants agree, at small sizes: what is timed computes the same."""

from __future__ import annotations

import dataclasses

import pytest

pytest.importorskip("torch")

from benchmarks.case import Case  # noqa: E402
from benchmarks.cases import CASES  # noqa: E402
from benchmarks.contestants import contestants, disagreements  # noqa: E402


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_contestants_agree(case: Case) -> None:
    without_jax = dataclasses.replace(case, plain_jax=None)
    assert disagreements(case, contestants(without_jax, without_jax.inputs(divide=12))) == {}
