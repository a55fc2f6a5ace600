"""Hessian–vector products."""

from __future__ import annotations

from typing import Any

from benchmarks.case import Case, Goal
from benchmarks.cases.first import signs
from benchmarks.cases.second import LOGISTIC, _both, _logistic

GROUP = "Hessian–vector products"
GOAL = Goal(autodiff=1 / 5, jax=1 / 5)


def logistic(X: Any, y: Any, w: Any, a: Any, dw: Any) -> Any:
    import torch

    p = torch.sigmoid((X @ w).mul_(y))
    weights = (1 - p).mul_(p).mul_(y).mul_(y)
    return torch.addmv(dw, X.T, weights.mul_(X @ dw), beta=float(a))


def poisson(X: Any, y: Any, w: Any, dw: Any) -> Any:
    return X.T @ (X @ w).exp_().mul_(X @ dw)


def small_weights(arrays: dict[str, Any]) -> dict[str, Any]:
    """Rates that do not overflow."""
    return {**arrays, "w": arrays["w"] / len(arrays["w"])}


CASES = (
    Case(
        **{
            **LOGISTIC, "name": "logistic loss, 4000 × 2000", "group": GROUP, "kind": "hvp", "hand": logistic,
            "goal": GOAL, "sizes": {"m": 4000, "n": 2000}, "prepare": signs,
        },
        **_both(_logistic),
    ),
    Case(
        name="Poisson regression, 4000 × 500", group=GROUP, text="sum(exp(X @ w)) - dot(y, X @ w)",
        declarations={"X": "m n", "y": "m", "w": "n"}, wrt="w", kind="hvp", sizes={"m": 4000, "n": 500},
        hand=poisson, goal=GOAL, prepare=small_weights,
        **_both(lambda lib, X, y, w: lib.exp(X @ w).sum() - y @ (X @ w)),
    ),
)  # fmt: skip
