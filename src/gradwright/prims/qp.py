"""A quadratic programme: the minimiser of ½ xᵀ P x + qᵀ x subject to A x ≤ b, with its multipliers l ≥ 0.

It is defined by stationarity and complementary slackness (Amos & Kolter 2017, OptNet, arXiv:1703.00443).
"""

from __future__ import annotations

import numpy as np

from gradwright.core.primitive import Notation, Primitive, Sample
from gradwright.core.registry import register_primitive
from gradwright.errors import ConditionError

ACTIVE = 1e-9


def quadratic_programme(P: np.ndarray, q: np.ndarray, A: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The minimiser and the multipliers, as a least-distance problem (Lawson & Hanson 1974, ch. 23).

    With P = L Lᵀ and u = Lᵀ x + L⁻¹ q the objective is ½‖u‖²; the constraints become E u ≥ f, and the
    nearest point of that set is found by non-negative least squares. The active set is then solved once
    more exactly.
    """
    from scipy.linalg import solve_triangular
    from scipy.optimize import nnls

    L = np.linalg.cholesky(P)
    shift = solve_triangular(L, q, lower=True)
    E = -solve_triangular(L, A.T, lower=True).T
    f = -b + E @ shift
    n = len(q)
    target = np.zeros(n + 1)
    target[n] = 1.0
    weights, distance = nnls(np.vstack([E.T, f]), target)
    if distance < ACTIVE:
        raise ConditionError("qp: the constraints A x ≤ b contradict each other")
    active = weights > ACTIVE * max(1.0, float(weights.max(initial=0.0)))
    return _on_active_set(P, q, A, b, active)


def _on_active_set(
    P: np.ndarray, q: np.ndarray, A: np.ndarray, b: np.ndarray, active: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    rows = A[active]
    count = len(rows)
    system = np.block([[P, rows.T], [rows, np.zeros((count, count), dtype=P.dtype)]])
    solution = np.linalg.solve(system, np.concatenate([-q, b[active]]))
    multipliers = np.zeros(len(b), dtype=solution.dtype)
    multipliers[active] = solution[len(q) :]
    return solution[: len(q)], multipliers


qp = Primitive(
    name="qp",
    signature="P: n n spd, q: n, A: m n, b: m -> x: n, l: m",
    summary="the minimiser x of ½ xᵀ P x + qᵀ x subject to A x ≤ b, and its multipliers l",
    identity=("P @ x + q + A.T @ l = zeros(n)", "l * (A @ x - b) = zeros(m)"),
    conditions=(
        "{P} is positive definite",
        "no active constraint has a zero multiplier",
        "the active rows of {A} are linearly independent",
    ),
    argument_facts=("spd", "", "", ""),
    real_only=True,
    numpy=quadratic_programme,
    notation=Notation(name="qp"),
    samples=(Sample("P: n n spd, q: n, A: m n, b: m"),),
    source="Amos & Kolter 2017, OptNet, arXiv:1703.00443, eq. 6",
)

register_primitive(qp)
