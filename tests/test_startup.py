"""What importing gradwright costs: it loads none of its parts, and no heavy library with them."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys

import pytest
from work import calls

import gradwright as gw
from gradwright.front.functions import FUNCTIONS

HEAVY = ["torch", "jax", "jaxlib", "sympy", "scipy", "opt_einsum", "typer", "rich", "hypothesis", "pytest"]


def modules_after(statements: str) -> set[str]:
    program = f"{statements}\nimport sys, json\nprint(json.dumps(sorted(m.partition('.')[0] for m in sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_import_loads_no_heavy_library() -> None:
    assert modules_after("import gradwright").isdisjoint(HEAVY)


def test_deriving_loads_no_heavy_library() -> None:
    used = modules_after("import gradwright as gw\nstr(gw.derive(gw.parse('inv(X)'), wrt='X').vjp)")
    assert used.isdisjoint(HEAVY)


def test_import_loads_none_of_its_parts() -> None:
    """`import gradwright` is a few names, each of which loads its part when it is first used."""
    program = "import sys, gradwright\nprint(sum(name.startswith('gradwright.') for name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(done.stdout) == 0


def test_what_is_listed_is_what_is_there_for_users() -> None:
    functions = set(FUNCTIONS)
    assert {name for name in dir(gw) if not name.startswith("__")} == {*gw.__all__, *functions}
    assert all(getattr(gw, name).__doc__ for name in gw.__all__)


def test_deriving_makes_few_calls() -> None:
    """The first derivative costs little beside the loading of the modules: the seconds are in benchmarks/."""
    expression = gw.parse("inv(X)")

    def derive() -> None:
        D = gw.derive(expression, wrt="X")
        assert str(D.vjp) and str(D.jacobian)

    assert calls(derive) < 60_000


@pytest.mark.slow
def test_texts_and_pickles_of_derivatives_are_read_in_a_new_process() -> None:
    gradient = gw.derive(gw.parse("sum(sin(eigvalsh(S)))", S="n n symmetric"), wrt="S").gradient
    program = (
        f"import pickle, gradwright as gw\nread = gw.parse({gradient.text()!r}, S='n n symmetric')\n"
        f"assert read.node == pickle.loads({pickle.dumps(gradient)!r}).node"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
