"""The passes of the optimiser: what each does to the code, and that no value changes.

`passes.txt` has a block for every effect: a title, the pass, the declarations, the expression, the NumPy code
without the pass, and the code with it. Run with `GRADWRIGHT_UPDATE=1` to write the code anew, and read it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from numerics import close, generic_point
from strategies import Case, cases

import gradwright as gw
from gradwright.back.code import LIBRARIES
from gradwright.back.code.lower import lower
from gradwright.core.nodes import Node, Symbol
from gradwright.core.walks import free_leaves
from gradwright.diff.derivatives import gradient
from gradwright.optimise import PASSES
from gradwright.optimise.kernels import KERNELS, use_kernels
from gradwright.simplify.pipeline import simplify

FILE = Path(__file__).with_name("passes.txt")


@dataclass(frozen=True)
class Fixture:
    title: str
    omitted: str
    declarations: str
    text: str
    before: str
    after: str

    def __str__(self) -> str:
        return (
            f"# {self.title}\npass: {self.omitted}\nwith: {self.declarations}\n{self.text}\n"
            f"-- without\n{self.before}\n-- with\n{self.after}\n"
        )


def read() -> list[Fixture]:
    return [_fixture(block) for block in FILE.read_text().split("# ")[1:]]


def _fixture(block: str) -> Fixture:
    head, _, code = block.partition("-- without\n")
    title, omitted, declarations, text = head.strip().splitlines()
    before, _, after = code.partition("\n-- with\n")
    return Fixture(
        title, omitted.removeprefix("pass: "), declarations.removeprefix("with: "), text, before, after.strip()
    )


def code_of(fixture: Fixture, omitted: str) -> str:
    declared = dict(part.split(":") for part in fixture.declarations.split(", "))
    expression = gw.parse(fixture.text, **declared)
    roots: tuple[Node, ...] = (simplify(expression.node),)
    for apply_pass in PASSES:
        if apply_pass.__name__ != omitted:
            roots = apply_pass(roots)
    library = LIBRARIES["torch" if fixture.omitted == use_kernels.__name__ else "numpy"]
    if library.name == "torch" and not omitted:
        roots = use_kernels(roots, KERNELS)
    return "\n".join(lower({"value": roots[0]}, library, inputs=expression.signature.symbols).body())


@pytest.mark.slow
def test_the_code_before_and_after_each_pass() -> None:
    fixtures = read()
    found = [
        Fixture(f.title, f.omitted, f.declarations, f.text, code_of(f, f.omitted), code_of(f, "")) for f in fixtures
    ]
    if os.environ.get("GRADWRIGHT_UPDATE"):
        FILE.write_text("\n".join(map(str, found)))
    for wanted, actual in zip(fixtures, found, strict=True):
        assert str(actual) == str(wanted)


def test_every_pass_has_an_example() -> None:
    # A `Solve` node has no text of its own: test_systems.py holds that pass; test_low_rank.py the one that needs sizes.
    assert {f.omitted for f in read()} - {use_kernels.__name__} == {apply_pass.__name__ for apply_pass in PASSES} - {
        "without_systems",
        "invert_low_rank",
    }


@pytest.mark.slow
@given(cases())
@settings(max_examples=150)
def test_no_pass_changes_a_value(case: Case) -> None:
    node = simplify(gw.parse(case.text, **case.declarations).node)
    roots = (node, *((gradient(node, s),) if not node.rank and (s := _variable(node)) is not None else ()))
    point = generic_point(*roots)
    wanted = point.stable(*roots)
    size = max(1.0, *(float(np.max(np.abs(w), initial=0.0)) for w in wanted))
    for apply_pass in PASSES:
        roots = apply_pass(roots)
        for value, expected in zip(point.at(*roots), wanted, strict=True):
            assert close(value, expected, 1e-6 * size), apply_pass.__name__


def _variable(node: Node) -> Symbol | None:
    found = [leaf for leaf in free_leaves(node) if isinstance(leaf, Symbol) and leaf.real]
    return found[0] if found else None
