"""Settings that all tests share."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

# The same examples every time: a failure on one machine is a failure on all. `make fuzz` draws new ones.
settings.register_profile(
    "suite",
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
settings.register_profile("fuzz", parent=settings.get_profile("suite"), derandomize=False, phases=list(Phase))
settings.load_profile("fuzz" if os.environ.get("GRADWRIGHT_FUZZ") else "suite")
