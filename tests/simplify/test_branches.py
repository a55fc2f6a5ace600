"""Cases by comparisons: what is not chosen may be infinite or no number, and is not multiplied by zero."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw
from gradwright.core.nodes import Apply
from gradwright.core.walks import postorder
from gradwright.prims.piecewise import where
from gradwright.simplify.branches import choose_branches

SLOPES = [
    ("where(x > 0, x, exp(x) - 1)", [800.0, -1.0], [1.0, np.exp(-1.0)]),
    ("where(x > 0, sqrt(x), x)", [4.0, -1.0, 0.0], [0.25, 1.0, 1.0]),
    ("where(x > 0, 1 / x, 2 * x)", [2.0, 0.0], [-0.25, 2.0]),
    ("where(x > 0, log(1 + x), x)", [1.0, -1.0], [0.5, 1.0]),
    ("where(x > 0, log(x), x) + where(x > 1, exp(-x), 0)", [-1000.0, 0.5], [1.0, 2.0]),
    ("where(x <= 20, log(1 + exp(x)), x)", [900.0, 0.0], [1.0, 0.5]),
    ("x**2 + where(x < 0, cosh(x), 1)", [1000.0, -1.0], [2000.0, np.sinh(-1.0) - 2.0]),
]


@pytest.mark.parametrize(("text", "point", "wanted"), SLOPES, ids=[text for text, *_ in SLOPES])
def test_what_is_not_chosen_may_be_infinite(text: str, point: list[float], wanted: list[float]) -> None:
    x, derived = np.array(point), gw.derive(gw.parse(f"sum({text})", x="n"), wrt="x")
    for value in (derived.gradient.evaluate(x=x), derived.gradient.compile("numpy")(x=x)):
        np.testing.assert_allclose(value, wanted, rtol=1e-14)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("sum(where(x > 0, log(x), x))", np.diag([0.0, -0.25, -1e-6])),
        ("dot(y, where(x > 0, where(x < 9, exp(x), 1), x))", np.diag([0.0, 3 * np.exp(2.0), 0.0])),
        ("norm(A.T @ where(x > 0, sqrt(x), 0))**2", np.zeros((3, 3))),
        ("dot(y, where(x < 9, x**2, 0)) * where(a > 0, log(a), a)", np.diag([-4.0, -6.0, 0.0])),
    ],
)
def test_what_is_not_chosen_may_be_infinite_on_a_diagonal_or_in_a_sum(text: str, wanted: np.ndarray) -> None:
    values = {"x": np.array([0.0, 2.0, 1000.0]), "y": np.array([2.0, 3.0, 4.0]), "A": np.eye(3)[:, :2], "a": -1.0}
    declared = {"x": "n", "y": "n", "A": "n m", "a": ""}
    D = gw.derive(gw.parse(text, **declared), wrt="x")
    for value in (D.hessian.evaluate(**values), D.hessian.compile("numpy")(**values)):
        np.testing.assert_allclose(value, wanted, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("text", ["where(x > 0, x, exp(x) - 1)", "where(x > 0, sqrt(x), x)"])
def test_backward_of_a_module_chooses(text: str) -> None:
    torch = pytest.importorskip("torch")
    x = torch.tensor([800.0, -1.0], dtype=torch.float64, requires_grad=True)
    gw.derive(gw.parse(text, x="n"), wrt="x").function("torch")(x).sum().backward()
    assert torch.isfinite(x.grad).all()


OF_HALVES = ["where(x > 0, sqrt(x), x**2)", "where(x > 0, x * log(x), 0)", "where(x < 3, x, (x - 3)**(5/2))"]


@pytest.mark.parametrize("text", OF_HALVES)
@pytest.mark.slow
def test_what_is_differentiated_by_others_chooses_before_it_applies_a_function(text: str) -> None:
    torch, jax = pytest.importorskip("torch"), pytest.importorskip("jax")
    f = gw.parse(f"sum({text})", x="n")
    D, x = gw.derive(f, wrt="x"), torch.tensor([1.5, -2.0, 3.5], dtype=torch.float64, requires_grad=True)
    slopes = D.gradient.evaluate(x=x.detach().numpy())
    curvatures = D.hessian.evaluate(x=x.detach().numpy()).diagonal()
    for function in (D.function("torch"), f.compile("torch")):
        (slope,) = torch.autograd.grad(function(x), x, create_graph=True)
        np.testing.assert_allclose(slope.detach(), slopes, rtol=1e-12)
        np.testing.assert_allclose(torch.autograd.grad(slope.sum(), x)[0], curvatures, rtol=1e-12)
    pushed = torch.func.jvp(D.function("torch"), (x.detach(),), (torch.ones_like(x),))[1]
    np.testing.assert_allclose(pushed, slopes.sum(), rtol=1e-12)
    found = jax.grad(f.compile("jax"))(x.detach().numpy().astype(np.float32))
    np.testing.assert_allclose(found, slopes, rtol=1e-5)


@pytest.mark.parametrize("text", ["where(x > 0, x * log(x), 0)", "where(x < 0, x, x * log(x))"])
def test_a_choice_of_what_has_no_value_elsewhere_is_verified(text: str) -> None:
    D = gw.derive(gw.parse(f"sum({text})", x="n"), wrt="x")
    assert D.verify().right
    x = np.array([2.0, -1.0])
    for value in (D.jvp.evaluate(x=x, dx=np.ones(2)), D.jvp.compile("numpy")(x=x, dx=np.ones(2))):
        np.testing.assert_allclose(value, D.gradient.evaluate(x=x).sum())


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("where(A >= 0, sqrt(A), 1)[1, 0]", "A ≠ 0"),
        ("sum(where(A > 0, log(A), A)[:, 0])", ""),
        ("sum(where(A.T <= 0, A.T, A.T**(1/2))[1:, 1])", ""),
    ],
)
def test_an_entry_that_a_comparison_guards_needs_no_value_elsewhere(text: str, condition: str) -> None:
    D = gw.derive(gw.parse(text, A="n n"), wrt="A")
    A = np.array([[-1.0, 2.0], [-3.0, -4.0]])
    for value in (D.gradient.evaluate(A=A), D.gradient.compile("numpy")(A=A)):
        step = 1e-6 * np.ones_like(A)
        wanted = (D.expression.evaluate(A=A + step) - D.expression.evaluate(A=A - step)) / 2e-6
        np.testing.assert_allclose(value.sum(), wanted, atol=1e-8)
    assert D.conditions == ((condition,) if condition else ())


def test_an_entry_beside_that_of_a_comparison_stays_an_entry() -> None:
    expression = gw.parse("y[1] * greater(x[0], 0) / x[0]", x="n", y="n")
    assert expression.evaluate(x=np.array([2.0, 3.0, 5.0]), y=np.array([1.0, 10.0, 100.0])) == 5.0


@pytest.mark.parametrize(
    ("text", "choices"),
    [
        ("greater(x, y) * x + greater_equal(y, x) * y", 1),
        ("greater(x, y) * x + greater(y, x) * y", 0),
        ("greater(x, y) * x + greater_equal(y, x) * y + greater(x, 0) / x", 2),
        ("(greater(x, 0) + greater_equal(x, 0)) * y", 0),
        ("greater(x, 0) * y", 0),
        ("outer(greater(x, 0), exp(y))", 0),
    ],
)
def test_cases_are_opposite_or_may_be_infinite(text: str, choices: int) -> None:
    expression = gw.parse(text, x="n", y="n")
    (found,) = choose_branches((expression.node,))
    assert sum(isinstance(n, Apply) and n.primitive is where for n in postorder(found)) == choices
    x, y = np.array([0.0, 1.0, -2.0, 3.0]), np.array([0.5, -1.0, 0.0, 3.0])
    if "/ x" in text:
        x = x + 0.25
    np.testing.assert_allclose(
        expression.compile("numpy")(x=x, y=y), gw.Expression(found, expression.signature).evaluate(x=x, y=y)
    )
