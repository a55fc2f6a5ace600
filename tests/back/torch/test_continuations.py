"""Where the two ways of `backward` are the same code after a beginning, the code stands there once."""

from __future__ import annotations

import pytest

import gradwright as gw
from gradwright.back.code.program import Statement
from gradwright.back.torch.continuations import beginning
from gradwright.back.torch.statements import Piece


def piece(text: str) -> Piece:
    *statements, result = text.split("; ")
    return Piece(tuple(Statement(*s.split(" = ")) for s in statements), (result,))


@pytest.mark.parametrize(
    ("whole", "rest", "handed", "expected"),
    [
        ("r = X @ w - y; G * r", "G * r", ["r"], "r = X @ w - y"),
        ("n = len(x); t = f(x); s = t**2; s / n", "n = len(x); u = r**2; u / n", ["r"], "r = f(x)"),
        ("U, _, V = svd(A); U @ V", "P @ Q", ["P", "Q"], "P, _, Q = svd(A)"),
        ("a = 1 / x; a + G", "b = 1 / x; b + G", [], ""),
        ("f(-y * x) * G", "f(r) * G", ["r"], "r = -y * x"),
        ("s = x**2; s + f(s * y)", "x**2 + f(r)", ["r"], "s = x**2; r = s * y"),
        ("r = f(x); r + y", "s + y", ["s", "y"], "s = f(x)"),  # y stands for itself
        ("r = f(x); G * r * g(r)", "G * s * r", ["s", "r"], "s = f(x); r = g(s)"),  # another r
        ("f(1 / x) * G", "t = f(1 / x); t * G", [], ""),
        ("r = f(x); G * (r" + " + x" * 500 + ")", "G * (r" + " + x" * 500 + ")", ["r"], "r = f(x)"),
    ],
)
def test_the_statements_before_the_rest_are_found(whole: str, rest: str, handed: list[str], expected: str) -> None:
    found = beginning(piece(whole), piece(rest), handed)
    assert found is not None
    assert "; ".join(f"{s.target} = {s.expression}" for s in found) == expected


@pytest.mark.parametrize(
    ("whole", "rest", "handed"),
    [
        ("r = X @ w; G * r", "r * G", ["r"]),  # another order
        ("r = X @ w; G * r", "G / r", ["r"]),
        ("G * x + G * y", "G * r + G * r", ["r"]),
        ("U, _, V = svd(A); U @ V", "U, _, V = svd(A); V @ U", []),
        ("r = X @ w; s = r**2; r + s", "u + u", ["u"]),
        ("r = f(x); s = g(r); s * G", "r * G", ["r"]),  # its own r would be overwritten
    ],
)
def test_another_program_has_no_beginning(whole: str, rest: str, handed: list[str]) -> None:
    assert beginning(piece(whole), piece(rest), handed) is None


@pytest.mark.parametrize(
    ("text", "declared", "line"),
    [
        ("norm(X @ w - y)**2", {"X": "m n", "w": "n", "y": "m"}, "total = matvec(X, w) - y"),
        ("eigh(S).eigenvectors", {"S": "n n symmetric"}, "eigenvalues, _ = eigh(S)"),
    ],
)
def test_what_is_handed_over_is_computed_again_only_where_it_is_differentiated(
    text: str, declared: dict[str, str], line: str
) -> None:
    source = gw.derive(gw.parse(text, **declared), wrt=next(iter(declared))).source("torch")
    backward = source.partition("def backward(")[2].partition("def jvp(")[0]
    (before, after) = backward.split(line)
    assert "if not _is_first_order(" in before
    assert after.count("return") == 1
