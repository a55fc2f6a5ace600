"""Linear operators, a Newton step, and writing a Jacobian into a buffer, against what one would do without them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import gradwright as gw
from benchmarks.table import Row
from benchmarks.timing import side_by_side

GROUP = "Operators: Newton steps, systems, writing into a buffer"


def operator_rows(seconds: float) -> list[Row]:
    """The rows of this section."""
    return [
        _row("Newton step, logistic loss, 4000 × 2000", *_newton(4000, 2000), seconds),
        _row("Newton step, logistic loss, 1500 × 300", *_newton(1500, 300, formed=True), seconds),
        _row("Kronecker system, 40,000 unknowns", *_kronecker(200), seconds),
        _row("Jacobian of the inverse, n = 60, into a buffer", *_buffer(60), seconds),
    ]


def _row(name: str, found: dict[str, Callable[[], Any]], limits: dict[str, float], note: str, seconds: float) -> Row:
    reference = np.asarray(found["gradwright"]()).reshape(-1)
    values = {k: np.asarray(run()).reshape(-1) for k, run in found.items() if k != FILL}
    errors = {k: float(np.max(np.abs(v - reference)) / np.max(np.abs(reference))) for k, v in values.items()}
    wrong = {k: error for k, error in errors.items() if not error < 1e-6}
    timing = side_by_side({k: run for k, run in found.items() if k not in wrong}, seconds)
    ratios = {k: timing.ratio(k, "gradwright") for k in timing.turns if k != "gradwright"}
    return Row(name, GROUP, timing.seconds("gradwright"), ratios, wrong, {}, limits, note)


FILL = "memory fill"


def _newton(m: int, n: int, formed: bool = False) -> tuple[dict[str, Callable[[], Any]], dict[str, float], str]:
    import torch
    from torch.nn.functional import softplus

    generator = np.random.default_rng(0)
    X, y = generator.normal(size=(m, n)) / n**0.5, np.sign(generator.normal(size=m))
    w, a = generator.normal(size=n), np.asarray(0.1)
    given = {"X": X, "y": y, "w": w, "a": a}
    text = "sum(softplus(-y * (X @ w))) + a/2 * dot(w, w)"
    D = gw.derive(gw.parse(text, X="m n", y="m", w="n", a=""), wrt="w")
    slope, hessian = D.gradient.compile("numpy"), D.hessian
    tX, ty, tw = torch.from_numpy(X), torch.from_numpy(y), torch.from_numpy(w)

    def value(at: Any) -> Any:
        return softplus(-ty * (tX @ at)).sum() + 0.05 * (at @ at)

    def hand() -> Any:
        p = torch.sigmoid(-ty * (tX @ tw))
        g = torch.addmv(tw, tX.T, -ty * p, beta=0.1)
        H = tX.T @ ((p * (1 - p))[:, None] * tX)
        H.diagonal().add_(0.1)
        return torch.cholesky_solve(g[:, None], torch.linalg.cholesky(H))

    def by_func() -> Any:
        return torch.linalg.solve(torch.func.hessian(value)(tw), torch.func.grad(value)(tw))

    def by_products() -> Any:
        gradient = torch.func.grad(value)
        return _conjugate_gradients(lambda v: torch.func.jvp(gradient, (tw,), (v,))[1], gradient(tw))

    found = {
        "gradwright": lambda: hessian.operator(**given).solve(slope(**given)),
        "hand-written": hand,
        "torch": by_func if formed else by_products,
    }
    note = "torch: torch.func.hessian and a solve" if formed else "torch: conjugate gradients on torch.func's products"
    return found, {"hand-written": 1 / 1.1, "torch": 5.0}, note


def _conjugate_gradients(product: Callable[[Any], Any], right: Any) -> Any:
    import torch

    x = torch.zeros_like(right)
    r, p = right.clone(), right.clone()
    square, target = r @ r, 1e-20 * (right @ right)
    while square > target:
        moved = product(p)
        step = square / (p @ moved)
        x, r = x + step * p, r - step * moved
        square, before = r @ r, square
        p = r + square / before * p
    return x


def _kronecker(n: int) -> tuple[dict[str, Callable[[], Any]], dict[str, float], str]:
    import torch

    generator = np.random.default_rng(0)
    A, B, X, C = (generator.normal(size=(n, n)) for _ in range(4))
    J = gw.derive(gw.parse("A @ X @ B", A="n n", X="n n", B="n n"), wrt="X").jacobian
    tA, tB, tC = torch.from_numpy(A), torch.from_numpy(B), torch.from_numpy(C)

    def hand() -> Any:
        return torch.linalg.solve(tB, torch.linalg.solve(tA, tC), left=False)

    return (
        {"gradwright": lambda: J.operator(A=A, B=B, X=X).solve(C), "hand-written": hand},
        {"hand-written": 1 / 1.1},
        "its matrix would take 12.8 GB",
    )


def _buffer(n: int) -> tuple[dict[str, Callable[[], Any]], dict[str, float], str]:
    import torch

    X = np.random.default_rng(0).normal(size=(n, n))
    J = gw.derive(gw.parse("inv(X)", X="n n"), wrt="X").jacobian
    buffer, other = np.zeros((n, n, n, n)), torch.zeros(n, n, n, n, dtype=torch.float64)
    tX = torch.from_numpy(X)

    def hand() -> Any:
        Y = torch.linalg.inv(tX)
        return torch.mul((-Y)[:, None, :, None], Y.T[None, :, None, :], out=other)

    found = {
        "gradwright": lambda: J.operator(X=X).to_dense(out=buffer),
        "hand-written": hand,
        "torch": lambda: torch.func.jacrev(torch.linalg.inv)(tX),
        FILL: lambda: buffer.fill(1.0),
    }
    return found, {"hand-written": 1 / 1.1, "torch": 20.0, FILL: 1 / 1.3}, f"{FILL}: the same bytes written by fill"
