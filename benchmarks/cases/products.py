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


def network(x: Any, U: Any, V: Any, W: Any, y: Any, dU: Any) -> Any:
    """Forward and backward, and both in the direction of dU (Pearlmutter 1994, Fast exact multiplication)."""
    import torch

    p = torch.tanh(U @ x)
    q = torch.tanh(V @ p)
    r = torch.tanh(W @ q)
    slopes = [torch.addcmul(torch.ones_like(h), h, h, value=-1) for h in (p, q, r)]
    error = (r - y).mul_(2)
    behind = W.T @ (error * slopes[2])
    first = V.T @ (behind * slopes[1])
    dp = slopes[0] * (dU @ x)
    dq = slopes[1] * (V @ dp)
    dr = slopes[2] * (W @ dq)
    moved = (2 * dr * slopes[2]).addcmul_(error * r, dr, value=-2)
    moved = ((W.T @ moved).mul_(slopes[1])).addcmul_(behind * q, dq, value=-2)
    moved = ((V.T @ moved).mul_(slopes[0])).addcmul_(first * p, dp, value=-2)
    return torch.outer(moved, x)


def unit_gain(arrays: dict[str, Any]) -> dict[str, Any]:
    """Layers that are not saturated."""
    return {k: v / v.shape[-1] ** 0.5 if k in "UVW" else v for k, v in arrays.items()}


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
    Case(
        name="network of three layers, 300 × 400", group=GROUP,
        text="norm(tanh(W @ tanh(V @ tanh(U @ x))) - y)**2",
        declarations={"x": "n", "U": "h n", "V": "k h", "W": "m k", "y": "m"}, wrt="U", kind="hvp",
        sizes={"n": 300, "h": 400, "k": 350, "m": 250}, hand=network, goal=GOAL, prepare=unit_gain,
        **_both(lambda lib, x, U, V, W, y: ((lib.tanh(W @ lib.tanh(V @ lib.tanh(U @ x))) - y) ** 2).sum()),
    ),
)  # fmt: skip
