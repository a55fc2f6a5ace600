"""No internal error, ever: random texts, in and out of the language, through everything that reads them.

`GRADWRIGHT_FUZZ` says how many expressions to draw altogether; `make fuzz` draws new ones every time.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numerics import generic_point
from strategies import DEEPEST, VARIABLES, Case, cases, declarations_of

import gradwright as gw
from gradwright.core.nodes import Symbol
from gradwright.core.registry import FUNCTIONS
from gradwright.core.walks import free_leaves

EXPRESSIONS = int(os.environ.get("GRADWRIGHT_FUZZ", "1500"))
PIECES = (
    *"()[]{},.:;@*/+-^%&|<>=!~'\"\\ \n\t_0123456789eExXnmijkλ∘²⊗",
    *FUNCTIONS, *VARIABLES, "pi", ".T", ".H", ".Q", "**", "->", "lambda x:", "if", "for x in", "axis=", "None", "True",
    "1e309", "1j", "0", "-1", "10**9", "...", "__import__", "f'{x}'", ":=", "not ", "n*m", "X X", "((", "))", "inv(",
    '"ij,jk->ik"', "[[", "]]", "== ", "import os", "\0", "\u200b",
)  # fmt: skip
WORDS = st.sampled_from(PIECES)
DECLARATIONS = st.sampled_from(
    [*VARIABLES.values(), "n n n", "n*m", "n+1 n", "2 2", "spd", "n n upper lower", "-1", "n^2"]
)


@st.composite
def mutated(draw: st.DrawFn) -> Case:
    """A text of the language in which a few pieces were put in, taken out or exchanged."""
    case = draw(cases(depth=DEEPEST - 1))
    text = case.text
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        stop = min(len(text), start + draw(st.integers(0, 6)))
        text = text[:start] + draw(st.one_of(WORDS, st.just(""))) + text[stop:]
    return Case(text, declarations_of(text))


@st.composite
def garbage(draw: st.DrawFn) -> Case:
    """Pieces of the language, and others, in any order, with any declarations."""
    text = "".join(draw(st.lists(WORDS, max_size=12)))
    names = draw(st.lists(st.sampled_from([*VARIABLES, "if", "inv", "dX", "G", "1x"]), max_size=4, unique=True))
    return Case(text, {name: draw(DECLARATIONS) for name in names})


@pytest.mark.slow
@given(st.one_of(mutated(), garbage()))
@settings(max_examples=EXPRESSIONS // 2)
def test_any_text_is_read_or_refused_in_a_paragraph(case: Case) -> None:
    try:
        expression = gw.parse(case.text, **case.declarations)
    except gw.GradwrightError as error:
        assert_is_a_paragraph(str(error))
        return
    gw.parse(expression.text(), **declared(expression))
    str(expression), expression.latex(), repr(expression)


@pytest.mark.slow
@given(cases(), st.randoms(use_true_random=False))
@settings(max_examples=EXPRESSIONS // 6)
def test_any_expression_is_derived_printed_and_evaluated(case: Case, random) -> None:
    expression = gw.parse(case.text, **case.declarations)
    names = [leaf.name for leaf in free_leaves(expression.node) if isinstance(leaf, Symbol)]
    if not names:
        return
    wrt = random.choice(names)
    derivation = gw.derive(expression, wrt=wrt)
    kinds = ["jvp", "vjp", "jacobian"] if expression.shape else ["jvp", "gradient", "hessian", "hvp", "jacobian"]
    kind = random.choice(kinds)
    with contextlib.suppress(gw.DerivationError, gw.UnsupportedError):
        derived = getattr(derivation, kind)
        derived.text(), str(derived), derived.latex()
        evaluated_or_refused(derived)


@pytest.mark.slow
@given(mutated())
@settings(max_examples=EXPRESSIONS // 8)
def test_whatever_parses_derives_or_is_refused(case: Case) -> None:
    def derive() -> object:
        derivation = gw.derive(gw.parse(case.text, **case.declarations))
        return [str(part) for part in (derivation.jvp, derivation.vjp, derivation.conditions, derivation.notes)]

    only_our_errors(derive)


@pytest.mark.slow
@given(cases(depth=2))
@settings(max_examples=EXPRESSIONS // 100)
def test_a_derivation_prints_whole(case: Case) -> None:
    def write() -> object:
        derivation = gw.derive(gw.parse(case.text, **case.declarations))
        return str(derivation), derivation.latex(), derivation.to_json()

    only_our_errors(write)


@pytest.mark.slow
def test_the_same_source_prints_the_same_in_every_process() -> None:
    program = (
        "import gradwright as gw\n"
        "for t, d in [('logdet(A @ K @ A.T + S)', dict(A='m n', K='n n spd', S='m m spd')),"
        " ('x @ inv(X + Y) @ (Y @ x * x)', dict(X='n n', Y='n n', x='n')),"
        " ('norm(softmax(X @ A @ X.T, axis=1) @ X)**2', dict(X='n m', A='m m')),"
        " ('trace(inv(X + inv(X + inv(X))) @ inv(X) @ Y)', dict(X='n n', Y='n n')),"
        " ('qr(A).Q @ qr(A).R.T', dict(A='n n'))]:\n"
        "    D = gw.derive(gw.parse(t, **d))\n"
        "    print(D.conditions, {k: str(v) for k, v in D.jvp.items()} if isinstance(D.jvp, dict) else D.jvp)\n"
        "    print({k: v.text() for k, v in D.vjp.items()}, {k: v.latex() for k, v in D.jacobian.items()})\n"
        "    print({k: str(v) for k, v in D.hessian.items()} if not D.expression.shape else '')"
    )
    printed = set()
    for seed in ("0", "1", "2", "4711"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
        assert not done.stderr, done.stderr
        printed.add(done.stdout)
    assert len(printed) == 1


def only_our_errors(action: Callable[[], object]) -> None:
    try:
        action()
    except gw.GradwrightError as error:
        assert_is_a_paragraph(str(error))


def assert_is_a_paragraph(message: str) -> None:
    assert message.strip() and "\n\n" not in message
    assert "Traceback" not in message and "gradwright." not in message and "object at 0x" not in message


def evaluated_or_refused(expression: gw.Expression) -> None:
    point = generic_point(expression.node, symbols=expression.signature.symbols)
    inputs = {leaf.name: value for leaf, value in point.values.items()}

    def evaluate() -> object:
        value = np.asarray(expression.evaluate(**inputs))
        assert value.shape == tuple(dim.evaluate(point.sizes) for dim in expression.shape)
        return value

    only_our_errors(evaluate)


def declared(expression: gw.Expression) -> dict[str, str]:
    return {d.name: str(d).partition(":")[2].strip() for d in expression.signature}
