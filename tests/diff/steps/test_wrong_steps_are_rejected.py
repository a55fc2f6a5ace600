"""Every kind of step is checked against numbers: made wrong on purpose, it is rejected."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import numpy as np
import pytest

import gradwright as gw
from gradwright.api.steps import trial_for
from gradwright.core.build import ones, permute
from gradwright.core.contraction import is_zero
from gradwright.core.inference import is_symmetric
from gradwright.core.nodes import Node, Symbol
from gradwright.core.sums import add, scaled
from gradwright.core.tensor_forms import Dot, Form, Inner, Leaf, Outer, Rolled, Times, Total
from gradwright.diff.steps.narrate import Narration, narrate_in_full
from gradwright.diff.steps.step import Draft
from gradwright.diff.steps.trial import Trial
from gradwright.frozen import replace
from gradwright.simplify.pipeline import simplify

gw.define(
    "stationary_point",
    ["P @ x + A.T @ l = q", "A @ x = b"],
    unknown={"x": "n", "l": "m"},
    given={"P": "n n spd", "A": "m n", "q": "n", "b": "m"},
)
gw.define(
    "coupled_pair",
    ["X @ A + B @ Y = C", "X - Y @ A = D"],
    unknown={"X": "n n", "Y": "n n"},
    given={name: "n n" for name in "ABCD"},
)
gw.define("regression_line", ["sum(y - b * ones(n) - w * x) = 0", "dot(x, y - b * ones(n) - w * x) = t * w"],
          unknown="b: , w: ", given="x: n, y: n, t: positive")  # fmt: skip
gw.define("last_pair", ["S @ v = l * v", "dot(v, v) = 1"], unknown="l: , v: n", given="S: n n symmetric",
          forward=lambda S: (np.linalg.eigvalsh(S)[-1], np.linalg.eigh(S)[1][:, -1]))  # fmt: skip
gw.define("three_sided", "A @ Y @ B + Y + C @ Y @ D = E", unknown="Y: n n", given={name: "n n" for name in "ABCDE"})

EXPRESSIONS = {
    "inverse": ("inv(X)", {"X": "n n"}, "X"),
    "two-sided product": ("A @ X @ B", {"A": "k n", "X": "n m", "B": "m p"}, "X"),
    "transposed input": ("X.T @ A", {"X": "n m", "A": "n k"}, "X"),
    "Cholesky": ("cholesky(K)", {"K": "n n spd"}, "K"),
    "QR": ("qr(A).R", {"A": "n m"}, "A"),
    "eigenvectors": ("eigh(S).eigenvectors", {"S": "n n symmetric"}, "S"),
    "square root": ("sqrtm(A)", {"A": "n n"}, "A"),
    "least squares": ("norm(X @ w - y)**2", {"X": "n m", "w": "m", "y": "n"}, "w"),
    "logistic": ("sum(log1p(exp(-y * (X @ w))))", {"X": "n m", "w": "m", "y": "n"}, "w"),
    "general eigenvectors": ("eig(A).eigenvectors", {"A": "n n"}, "A"),
    "singular vectors": ("svd(A).Vh", {"A": "n m"}, "A"),
    "LDL": ("ldl(S).L", {"S": "n n symmetric"}, "S"),
    "logarithm": ("logm(X)", {"X": "n n"}, "X"),
    "Sylvester": ("sylvester(A, B, C)", {"A": "n n", "B": "m m", "C": "n m"}, "A"),
    "layer": ("A @ tanh(x)", {"A": "m n", "x": "n"}, "x"),
    "trace": ("trace(A @ S)", {"A": "n n", "S": "n n symmetric"}, "S"),
    "optimum": ("stationary_point(P, A, q, b).x", {"P": "n n spd", "A": "m n", "q": "n", "b": "m"}, "A"),
    "pair of equations": ("coupled_pair(A, B, C, D).X", {name: "n n" for name in "ABCD"}, "A"),
    "two numbers": ("regression_line(x, y, t).w", {"x": "n", "y": "n", "t": "positive"}, "x"),
    "eigenvalue": ("last_pair(S).l", {"S": "n n symmetric"}, "S"),
    "three terms": ("three_sided(A, B, C, D, E)", {name: "n n" for name in "ABCDE"}, "A"),
    "covariance": ("logdet(t * A @ V @ A.T + Q)", {"t": "", "A": "n m", "V": "m m spd", "Q": "n n spd"}, "A"),
}


@cache
def narrated(name: str) -> tuple[Node, tuple[Symbol, ...], Narration]:
    text, declarations, wrt = EXPRESSIONS[name]
    expression = gw.parse(text, **declarations)
    root = simplify(expression.node)
    variables = (expression.signature.symbol(wrt),)
    cotangent = Symbol("G", root.shape) if root.rank else None
    return root, variables, narrate_in_full(root, variables, {*expression.variables, "G"}, cotangent)


@cache
def point_of(name: str) -> Trial:
    root, variables, narration = narrated(name)
    return trial_for(root, root, variables, narration)


CASES = [(name, place) for name in EXPRESSIONS for place in range(len(narrated(name)[2].drafts))]


@pytest.mark.sampled
@pytest.mark.parametrize(("name", "place"), CASES)
def test_a_step_is_confirmed_and_its_corruptions_are_not(name: str, place: int) -> None:
    trial = point_of(name)
    draft = narrated(name)[2].drafts[place]
    assert trial.check(draft).passed, draft.rule
    wrong = list(corruptions(draft))
    if vanishes(trial, draft):
        return
    assert wrong
    for words, corrupted in wrong:
        check = trial.check(corrupted)
        assert not check.passed, f"{draft.rule}: {words}"
        assert check.residual > 1e-3, f"{draft.rule}: {words}"


def vanishes(trial: Trial, draft: Draft) -> bool:
    """Whether a side is zero at the point without being zero: what is orthogonal to the columns of a square matrix."""
    side = draft.right
    return isinstance(side, Node) and not is_zero(side) and np.max(np.abs(trial.value(side)), initial=0) < 1e-9


def corruptions(draft: Draft) -> list[tuple[str, Draft]]:
    """The step with its right side halved and, where it makes a difference, transposed or re-rolled."""
    found: list[tuple[str, Draft]] = []
    side = draft.right
    if isinstance(side, Node):
        if not draft.rule == "definition" and not is_zero(side):
            found.append(("half the right side", replace(draft, right=scaled(Fraction(1, 2), side))))
        if side.rank == 2 and side.shape[0] == side.shape[1] and not is_symmetric(side):
            found.append(("right side transposed", replace(draft, right=permute(side, (1, 0)))))
        if is_zero(side) or draft.rule == "definition":
            assert isinstance(draft.left, Node)
            found.append(("left side doubled and shifted", replace(draft, left=_shifted(draft.left))))
        return found
    found.append(("half the right side", replace(draft, right=Times(Fraction(1, 2), side))))
    found += [("axes exchanged", replace(draft, right=form)) for form in _axis_errors(side)]
    return found


def _shifted(node: Node) -> Node:
    return add([scaled(2, node), ones(node.shape)])


def _axis_errors(form: Form) -> list[Form]:
    """The form with the axes of one contraction, or the ends of one roll, exchanged."""
    match form:
        case Dot(left=left, right=right, left_axes=a, right_axes=b):
            wrong: list[Form] = []
            if len(a) == 2:
                wrong.append(Dot(left, right, a[::-1], b))
            wrong += [Dot(inner, right, a, b) for inner in _axis_errors(left)]
            return wrong
        case Rolled(inner=inner):
            return [inner]
        case Outer() | Leaf() | Inner() | Times() | Total():
            return []


# Every name that a step can have; "differential of" goes with the name of the function.
KINDS = {
    "definition", "differentiate both sides", "collect", "frame", "multiply by inverses", "split by the frame",
    "split into parts", "compare entries", "isolate", "divide", "eliminate", "border", "linear system",
    "linear matrix equation", "invert a matrix function", "multiply by vectors", "solve", "result", "substitute",
    "sum rule", "product rule",
    "chain rule", "linearity", "differential of", "Jacobian", "tensor product", "roll", "definition of df",
    "associativity", "transpose invariance", "commutativity", "back to matrices", "vector-Jacobian product", "gradient",
    "projection",
}  # fmt: skip


def test_every_kind_of_step_is_among_those_that_are_tried() -> None:
    found = {draft.rule for name in EXPRESSIONS for draft in narrated(name)[2].drafts}
    assert {
        rule.partition(" of ")[0] + " of" if rule.startswith("differential of") else rule for rule in found
    } == KINDS
