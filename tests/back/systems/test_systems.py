"""Linear systems in numbers: every way of solving them against the reference evaluator."""

from __future__ import annotations

import numpy as np
import pytest
from numerics import close, generic_point

import gradwright as gw
from gradwright.back.systems import solver
from gradwright.back.systems.solver import SystemSolver, two_sided
from gradwright.core.evaluate import evaluate
from gradwright.core.nodes import Node, Solve
from gradwright.core.walks import postorder
from gradwright.errors import ConditionError

TWO_SIDED = {
    "Sylvester": ("sylvester(A, B, C)", {"A": "n n", "B": "m m", "C": "n m"}),
    "Lyapunov": ("lyapunov(A, Q)", {"A": "n n", "Q": "n n"}),
    "symmetric Lyapunov": ("lyapunov(A, Q)", {"A": "n n", "Q": "n n symmetric"}),
    "complex Lyapunov": ("lyapunov(A, Q)", {"A": "n n complex", "Q": "n n complex"}),
    "Stein": ("stein(A / 4, Q)", {"A": "n n", "Q": "n n"}),
    "square root": ("sqrtm(A)", {"A": "n n"}),
    "polar": ("polar(A).U", {"A": "n m"}),
}
GENERAL = {
    "cube root": ("Y @ Y @ Y = A", "Y: n n", "A: n n"),
    "three terms": ("A @ Y + Y @ A + A @ Y @ A = B", "Y: n n", "A: n n, B: n n"),
    "triangular": ("Y @ A @ Y.T = A @ A", "Y: n n lower", "A: n n spd"),
}


def derivatives(text: str, variables: dict[str, str]) -> list[Node]:
    derived = gw.derive(gw.parse(text, **variables), wrt="A")
    nodes = [derived.expression.node, derived.jvp.node, derived.vjp.node]
    return nodes if any("complex" in words for words in variables.values()) else [*nodes, derived.jacobian.node]


@pytest.mark.parametrize("name", TWO_SIDED)
def test_equations_with_two_terms(name: str) -> None:
    nodes = derivatives(*TWO_SIDED[name])
    point = generic_point(*nodes)
    found = [inner for node in nodes for inner in postorder(node) if isinstance(inner, Solve)]
    assert found and all(two_sided(inner) is not None for inner in found)
    for node in nodes:
        fast = evaluate(node, point.values, point.sizes, systems=SystemSolver())
        assert close(fast, evaluate(node, point.values, point.sizes), 1e-9)


@pytest.mark.sampled
@pytest.mark.parametrize("name", GENERAL)
@pytest.mark.parametrize("largest", [3000, 0])
def test_other_systems_densely_and_by_iteration(name: str, largest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solver, "LARGEST_DENSE", largest)
    identity, unknown, given = GENERAL[name]
    keep = np.tril if "lower" in unknown else np.copy
    function = gw.define("f", identity, unknown=unknown, given=given, start=lambda A, *rest: keep(A))
    arguments = [gw.matrix(name.strip(), *gw.dims("n n"), facts="spd" if "spd" in given else "")
                 for name in ("A", "B")[: given.count(":")]]  # fmt: skip
    derived = gw.derive(function(*arguments), wrt="A")
    point = generic_point(derived.jvp.node, derived.vjp.node)
    for node in (derived.jvp.node, derived.vjp.node):
        fast = evaluate(node, point.values, point.sizes, systems=SystemSolver())
        assert close(fast, evaluate(node, point.values, point.sizes), 1e-7)


def test_an_equation_and_its_adjoint_share_their_schur_forms() -> None:
    derived = gw.derive(gw.parse("lyapunov(A, Q)", A="n n", Q="n n"), wrt="A")
    point = generic_point(derived.vjp.node)
    systems = SystemSolver()
    evaluate(derived.vjp.node, point.values, point.sizes, systems=systems)
    forms = list(systems.forms.values())
    assert len(forms) == 2
    assert forms[1].rows.left.base is forms[0].rows.right or forms[1].rows.left.base is forms[0].rows.right.base


@pytest.mark.parametrize("text", ["lyapunov(A, Q)", "sylvester(A, A, Q)"])
def test_a_singular_equation_is_refused(text: str) -> None:
    expression = gw.parse(text, A="n n", Q="n n")
    A = np.array([[1.0, 2, 0], [0, -1, 1], [0, 0, 3]])
    with pytest.raises(ConditionError, match="no unique solution"):
        expression.evaluate(A=A, Q=np.ones((3, 3)))
    with pytest.raises(ConditionError, match="no unique solution"):
        expression.evaluate(A=A + np.diag([0, 1e-15, 0]), Q=np.ones((3, 3)))


def test_terms_between_polynomials_in_a_matrix_need_no_dense_operator() -> None:
    n = 60
    generator = np.random.default_rng(0)
    Y, C = generator.normal(size=(2, n, n)) / np.sqrt(n) + 2 * np.eye(n)
    cubic = gw.parse('solution("H: n n", H @ Y @ Y + Y @ H @ Y + Y @ Y @ H + H == C)', Y="n n", C="n n")
    H = cubic.evaluate(Y=Y, C=C)
    assert close(H @ Y @ Y + Y @ H @ Y + Y @ Y @ H + H, C, 1e-12)
    pulled = gw.derive(cubic, wrt="C").vjp.evaluate(Y=Y, C=C, G=C)
    assert close(pulled @ Y.T @ Y.T + Y.T @ pulled @ Y.T + Y.T @ Y.T @ pulled + pulled, C, 1e-12)


@pytest.mark.slow
def test_three_hundred_rows_need_no_dense_operator() -> None:
    n = 300
    generator = np.random.default_rng(0)
    A = generator.normal(size=(n, n)) / np.sqrt(n) + 2 * np.eye(n)
    Q, G = generator.normal(size=(2, n, n))
    pulled = gw.derive(gw.parse("lyapunov(A, Q)", A="n n", Q="n n"), wrt="Q").vjp
    S = pulled.evaluate(A=A, Q=Q, G=G)
    assert close(A.T @ S + S @ A, G, 1e-9)
