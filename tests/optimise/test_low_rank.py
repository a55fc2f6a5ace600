"""A diagonal matrix plus one of low rank is inverted by the low order, where the sizes say so."""

from __future__ import annotations

import numpy as np
import pytest
from numerics import close, generic_point

import gradwright as gw
from gradwright.core.contraction import is_zero
from gradwright.core.nodes import Apply
from gradwright.core.walks import postorder
from gradwright.diff.derivatives import gradient
from gradwright.optimise import optimise
from gradwright.simplify.pipeline import simplify

FACTORISING = ("cholesky", "inv", "solve", "logdet", "lu_factor")
HINTS = {"n": 1000, "k": 5}
DECLARED = {"d": "n positive", "U": "n k", "y": "n", "B": "n m", "a": "positive"}
TEXTS = [
    "inv(diag(d) + U @ U.T) @ y",
    "solve(diag(d) + U @ U.T, B)",
    "y @ inv(a * eye(n) + U @ U.T) @ y",
    "logdet(diag(d) + a * U @ U.T)",
    "y @ inv(diag(d) + U @ U.T) @ y + logdet(diag(d) + U @ U.T)",
    "trace(inv(a * eye(n) + U @ U.T) @ B @ B.T) + logdet(a * eye(n) + U @ U.T)",
]


def factorised_orders(*roots) -> set[str]:
    """The orders of the matrices that are factorised, inverted or solved with."""
    applied = [n for root in roots for n in postorder(root) if isinstance(n, Apply) and n.primitive.name in FACTORISING]
    return {str(n.arguments[0].shape[0]) for n in applied}


@pytest.mark.parametrize("text", TEXTS)
def test_only_the_low_order_is_factorised(text: str) -> None:
    names = [name for name in DECLARED if name in text.replace("diag", "").replace("logdet", "").replace("solve", "")]
    expression = gw.parse(text, **{name: DECLARED[name] for name in names})
    node = simplify(expression.node)
    roots = {"value": node, **({"d U": gradient(node, expression.signature.symbol("U"))} if not node.rank else {})}
    found = optimise(roots, HINTS)
    point = generic_point(*roots.values(), symbols=expression.signature.symbols)
    for name, root in roots.items():
        before, after = point.at(root, found[name])
        assert close(before, after), name
    assert factorised_orders(*found.values()) == {"k"}
    assert factorised_orders(*optimise(roots).values()) == {"n"}


def test_what_is_pushed_through_keeps_its_digits() -> None:
    """The gradient was `2 U − 2 U (I + Uᵀ U)⁻¹ Uᵀ U`, whose terms nearly cancel where U is large."""
    U = 1e4 * np.random.default_rng(0).normal(size=(50, 3))
    gradient_of = gw.derive(gw.parse("logdet(eye(n) + U @ U.T)", U="n k"), wrt="U").gradient
    found = gradient_of.compile("numpy", hints={"n": 50, "k": 3})(U=U)
    exact = np.linalg.solve(np.eye(3) + U.T @ U, 2 * U.T).T
    np.testing.assert_allclose(found, exact, rtol=1e-9)


def test_the_determinant_of_the_identity_is_left_out() -> None:
    source = gw.parse("logdet(eye(n) + U @ U.T)", U="n k").compile("numpy", hints={"n": 50, "k": 3}).source
    assert "ones" not in source


def test_a_core_that_stands_beside_it_in_another_order_cancels() -> None:
    """By Sylvester's identity; the gradient was `2 * (U @ zeros(k, k))`."""
    difference = gw.parse("logdet(U @ U.T + eye(n)) - logdet(U.T @ U + eye(k))", U="n k")
    (found,) = optimise({"d U": gw.derive(difference, wrt="U").gradient.node}, HINTS).values()
    assert is_zero(found)
