"""Settings that all tests share."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings

from gradwright.core.registry import FUNCTIONS, Function

# The same examples every time: a failure on one machine is a failure on all. `make fuzz` draws new ones.
settings.register_profile(
    "suite",
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
settings.register_profile("fuzz", parent=settings.get_profile("suite"), derandomize=False, phases=list(Phase))
settings.load_profile("fuzz" if os.environ.get("GRADWRIGHT_FUZZ") else "suite")


QUICK = 8


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of a function whose rows are `sampled`, the rows between every eighth are slow."""
    seen: Counter[str] = Counter()
    for item in items:
        if item.get_closest_marker("sampled"):
            name = item.nodeid.partition("[")[0]
            if seen[name] % QUICK:
                item.add_marker("slow")
            seen[name] += 1


@pytest.fixture(autouse=True)
def _functions_of_its_own() -> Iterator[None]:
    """What a test defines is no function of the language to the tests after it."""
    before = defined_functions()
    yield
    for name in defined_functions():
        del FUNCTIONS[name]
    FUNCTIONS.update(before)


def defined_functions() -> dict[str, Function]:
    """The functions that users, or tests, have defined."""
    return {name: f for name, f in FUNCTIONS.items() if any(p.of_user for p in f.primitives)}
