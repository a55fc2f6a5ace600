"""Settings that all tests share."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path

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


# What a module of tests defines while it is imported, for its own tests.
DEFINED: dict[Path, dict[str, Function]] = {}


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """What one module defines is no function of the language to the modules that are collected after it."""
    report = yield
    if isinstance(collector, pytest.Module):
        DEFINED[collector.path] = taken_out()
    return report


@pytest.fixture(autouse=True)
def _functions_of_its_own(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test knows the functions of the language, and what its module and itself define."""
    FUNCTIONS.update(DEFINED.get(request.path, {}))
    yield
    taken_out()


def taken_out() -> dict[str, Function]:
    """The functions that users, or tests, have defined, which are unknown from here on."""
    found = {name: f for name, f in FUNCTIONS.items() if any(p.of_user for p in f.primitives)}
    for name in found:
        del FUNCTIONS[name]
    return found
