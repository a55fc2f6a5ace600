"""What importing gradwright costs: it loads none of its parts, and no heavy library with them."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

HEAVY = ["torch", "jax", "jaxlib", "sympy", "scipy", "opt_einsum", "typer", "rich", "hypothesis", "pytest"]


def modules_after(statements: str) -> set[str]:
    program = f"{statements}\nimport sys, json\nprint(json.dumps(sorted(m.partition('.')[0] for m in sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def seconds(statement: str, before: str = "pass") -> float:
    """The processor time of the fastest of several runs of a statement in a fresh interpreter."""
    program = f"{before}\nimport time\nt = time.process_time()\n{statement}\nprint(time.process_time() - t)"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", program]
    runs = [subprocess.run(command, capture_output=True, text=True, check=True, env=environment) for _ in range(6)]
    return min(float(run.stdout.splitlines()[-1]) for run in runs)


def test_import_loads_no_heavy_library() -> None:
    assert modules_after("import gradwright").isdisjoint(HEAVY)


def test_deriving_loads_no_heavy_library() -> None:
    used = modules_after("import gradwright as gw\nstr(gw.derive(gw.parse('inv(X)'), wrt='X').vjp)")
    assert used.isdisjoint(HEAVY)


@pytest.mark.slow
def test_import_adds_at_most_thirty_milliseconds_to_numpy() -> None:
    assert seconds("import gradwright", "import numpy") < 0.03


@pytest.mark.slow
def test_the_first_derivative_comes_within_a_fifth_of_a_second() -> None:
    derive = "D = gw.derive(gw.parse('inv(X)'), wrt='X'); str(D.vjp); str(D.jacobian)"
    assert seconds(derive, "import numpy\nimport gradwright as gw") < 0.2
