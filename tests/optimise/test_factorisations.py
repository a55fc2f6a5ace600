"""Which factorisation a matrix gets, by what is known of it and of what is differentiated."""

import numpy as np
import pytest
from numerics import close

import gradwright as gw

DECLARED = {"S": "n n symmetric", "y": "n", "t": ""}
FACTOR = "cholesky(S + t * eye(n))"
POINT = {"S": np.diag([1.0, 2, 3]) + 0.1, "y": np.array([1.0, -2, 0.5]), "t": 0.7}


def likelihood(matrix: str) -> gw.Expression:
    return gw.parse(f"y @ inv({matrix}) @ y + logdet({matrix})", **DECLARED)


@pytest.mark.parametrize(
    "text",
    [
        f"y @ cholesky_solve(y, {FACTOR}) + 2 * sum(log(diagonal({FACTOR})))",
        f"norm(solve_triangular({FACTOR}, y))**2 + logdet({FACTOR}) * 2",
    ],
)
def test_derivatives_rely_on_the_cholesky_factor_of_what_they_are_derivatives_of(text: str) -> None:
    D, wanted = gw.derive(gw.parse(text, **DECLARED), wrt="t"), gw.derive(likelihood("S + t * eye(n)"), wrt="t")
    again = gw.derive(D.gradient, wrt="t").gradient
    for found, right in ((D.gradient, wanted.gradient), (D.hessian, wanted.hessian), (again, wanted.hessian)):
        function = found.compile("numpy")
        assert close(function(**POINT), right.evaluate(**POINT))
        assert "cholesky" in function.source and "linalg.inv" not in function.source
    assert "linalg.inv" not in D.source("numpy")
    assert D.conditions == ("S + t I is positive definite",)


def test_no_cholesky_factor_is_taken_of_what_may_be_indefinite() -> None:
    """A determinant of two negative eigenvalues is positive."""
    gradient = gw.derive(likelihood("S"), wrt="y").gradient
    indefinite = POINT["S"] - 2.6 * np.eye(3)
    assert "cholesky" not in gradient.compile("numpy").source
    assert close(gradient.compile("numpy")(S=indefinite, y=POINT["y"]), 2 * np.linalg.solve(indefinite, POINT["y"]))
