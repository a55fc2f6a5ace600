"""Functions that a user defines, as Python objects."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
import scipy.linalg

import gradwright as gw


@pytest.mark.slow
def test_what_is_defined_may_be_copied_and_read_in_a_new_process() -> None:
    ways: list[dict] = [{}, {"forward": scipy.linalg.sqrtm}, {"start": np.copy}]
    roots = [
        gw.define(f"root{k}", "Y @ Y = A", unknown="Y: n n spd", given="A: n n spd", **how)
        for k, how in enumerate(ways)
    ]
    assert copy.deepcopy(roots) == roots and len({*roots, *copy.deepcopy(roots)}) == 3
    script = (
        f"import pickle, gradwright as gw\nroots = pickle.loads({pickle.dumps(roots)!r})\n"
        "A = gw.matrix('A', 'n', 'n', facts='spd')\n"
        "assert roots[0](A) == gw.parse('root0(A)', A='n n spd')\n"
        "print([root(A).evaluate(A=[[4, 0], [0, 9]]).round(6).tolist() for root in roots])\n"
        "print(gw.derive(roots[1](A), wrt='A').vjp)"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    values, vjp = run.stdout.splitlines()
    assert (values, vjp) == (str([[[2.0, 0.0], [0.0, 3.0]]] * 3), "½ lyapunov(root1(A), G + Gᵀ)")


def test_functions_of_the_language_are_pickled_by_name() -> None:
    assert pickle.loads(pickle.dumps(gw.inv)) is gw.inv
