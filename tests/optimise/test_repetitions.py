"""What code computes, it computes once: no call or operation is written twice where both are run."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator

import pytest

import gradwright as gw

EXPRESSIONS = {
    "sum(A @ A.T @ A)": {"A": "n m"},
    "sum(exp(A) @ exp(A).T @ exp(A))": {"A": "n m"},
    "sum(sum(A, axis=0) * sum(B, axis=0)) + sum(sum(A, axis=1) * sum(B, axis=1))": {"A": "n m", "B": "n m"},
    "norm(X.T @ X - eye(d))**2": {"X": "n d"},
    "norm(X @ w - y)**2 / 2 + a * norm(w)**2 / 2": {"X": "n d", "w": "d", "y": "n", "a": ""},
    "-sum(Y * log_softmax(X @ W, axis=1))": {"X": "n d", "W": "d k", "Y": "n k"},
    "dot(y, solve(K, y)) / 2 + logdet(K) / 2": {"K": "n n spd", "y": "n"},
    "logdet(exp(2 * X @ X.T - outer(sum(X**2, axis=1), ones(n)) - outer(ones(n), sum(X**2, axis=1))) + eye(n))": {
        "X": "n d",
    },
    "logdet(A.T @ A)": {"A": "n m"},
    "sum((1 + exp(A))**(3/2) * A)": {"A": "n m"},
    "norm(cholesky(A) @ x)**2": {"A": "n n spd", "x": "n"},
    "mean(X**2) - mean(X)**2": {"X": "n m"},
    "trace(A) * sum(A) + trace(A)**2": {"A": "n n"},
    "trace((eye(n) - K @ H) @ P @ (eye(n) - K @ H).T + K @ R @ K.T)": {
        "K": "n m", "H": "m n", "P": "n n spd", "R": "m m spd",
    },
    "sum(tanh(tanh(X @ W) @ V))": {"X": "n d", "W": "d h", "V": "h k"},
}  # fmt: skip
VIEWS = {"T", "mT", "H", "mH", "real", "conj", "diagonal", "reshape", "unsqueeze", "shape"}
CONSTANTS = {"ones", "eye"}  # cheap
HELPERS = {"isinstance", "getattr", "len", "tuple", "rule", "zip"}
NUMBERS = {"G"}  # the expressions are scalars, so that what is given for their gradient is a number


@pytest.mark.slow
@pytest.mark.parametrize("text", EXPRESSIONS)
def test_nothing_is_computed_twice(text: str) -> None:
    expression = gw.parse(text, **EXPRESSIONS[text])
    derivation = gw.derive(expression, wrt=next(iter(EXPRESSIONS[text])))
    sources = [
        e.compile(k).source for e in (expression, derivation.gradient, derivation.hvp) for k in ("numpy", "torch")
    ]
    for source in [*sources, derivation.source("torch")]:
        assert list(repeated(source)) == []


def repeated(source: str) -> Iterator[str]:
    """The calls and operations that stand twice in one run of statements."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.If | ast.With):
            run = [s for s in node.body if isinstance(s, ast.Assign | ast.Return)]
            counted = Counter(ast.unparse(part) for s in run for part in ast.walk(s) if _computes(part))
            yield from (part for part, count in counted.items() if count > 1)


def _computes(node: ast.AST) -> bool:
    """Whether an expression makes a new array, by more than the arithmetic of numbers."""
    if not isinstance(node, ast.BinOp | ast.Call | ast.UnaryOp) or not any(
        isinstance(x, ast.Name) for x in ast.walk(node)
    ):
        return False
    if isinstance(node, ast.BinOp) and {x.id for x in ast.walk(node) if isinstance(x, ast.Name)} <= NUMBERS:
        return False
    function = node.func if isinstance(node, ast.Call) else None
    return not (isinstance(function, ast.Attribute) and function.attr in VIEWS | CONSTANTS) and not (
        isinstance(function, ast.Name) and function.id in HELPERS
    )
