"""Solutions lie where their unknowns are declared to lie, and what is passed to `define` is checked."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import gradwright as gw
from gradwright.errors import GradwrightError


def test_of_several_solutions_the_positive_definite_one_is_found() -> None:
    proximal = gw.define("proximal", "X - t * inv(X) = A", unknown="X: n n spd", given="A: n n symmetric, t: positive")
    found = proximal(gw.parse("A", A="n n symmetric"), gw.parse("t", t="positive"))
    A = -6 * np.diag([1.0, 2.0, 3.0]) + 0.3
    w, V = np.linalg.eigh(A)
    wanted = (V * (w + np.sqrt(w**2 + 4)) / 2) @ V.T
    assert np.allclose(found.evaluate(A=A, t=1.0), wanted)
    emitted = gw.derive(found).function("torch")(torch.tensor(A), torch.tensor(1.0, dtype=torch.float64))
    assert np.allclose(emitted.numpy(), wanted)


def test_of_several_solutions_the_positive_one_is_found() -> None:
    root = gw.define("root", "x - 1 / x = a", unknown="x: n positive", given="a: n")
    found = root(gw.vector("a", "n"))
    a = np.array([1.0, -4.0, -6.0])
    assert np.allclose(found.evaluate(a=a), (a + np.sqrt(a**2 + 4)) / 2)
    assert np.allclose(gw.derive(found).function("torch")(torch.tensor(a)), (a + np.sqrt(a**2 + 4)) / 2)


def test_a_forward_function_is_held_to_the_declared_set() -> None:
    def indefinite(A: np.ndarray) -> np.ndarray:
        w, V = np.linalg.eigh(A)
        return (V * np.sqrt(w) * (-1.0) ** np.arange(len(w))) @ V.T

    with pytest.raises(GradwrightError, match="'Y' is not positive definite, as it is declared"):
        gw.define("f", "Y @ Y = A", unknown="Y: n n spd", given="A: n n spd", forward=indefinite)


CUBE = {"identity": "Y @ Y @ Y = A", "unknown": "Y: n n spd", "given": "A: n n spd"}
ILL_TYPED = {
    "a name that is a number": ({"name": 3}, "3 cannot be the name of a function"),
    "the name of a variable": ({"name": "Y"}, "'Y' is the name of the function and of a variable"),
    "no givens": ({"given": None}, "given=None: declarations are a text"),
    "a list of unknowns": ({"unknown": ["Y: n n"]}, "declarations are a text"),
    "no identity": ({"identity": None}, "an identity is an equation such as"),
    "an array to start from": ({"start": np.eye(3)}, "start= takes a function .* this is a ndarray"),
    "a start of nowhere": ({"start": "here.there"}, "start='here.there': a name starts with numpy, scipy or torch"),
    "a start of another shape": ({"start": lambda A: A[0]}, "array of shape .3,. for 'Y', which is n × n"),
    "a start that fails": ({"start": lambda A: A / A.nothing}, "the starting point start= fails"),
    "nothing to start from": ({"start": lambda A: None}, "returns something that is no array of numbers"),
}


@pytest.mark.parametrize("name", ILL_TYPED)
def test_what_is_ill_typed_is_said(name: str) -> None:
    changed, words = ILL_TYPED[name]
    with pytest.raises(GradwrightError, match=words):
        gw.define(**{"name": "cube", **CUBE, **changed})


def test_a_start_by_its_dotted_name() -> None:
    cube = gw.define("cube", **CUBE, start="numpy.copy")
    derived = gw.derive(cube(gw.parse("A", A="n n spd")))
    assert np.allclose(derived.expression.evaluate(A=np.diag([1.0, 8.0, 27.0])), np.diag([1.0, 2.0, 3.0]))
    assert derived.verify().right
    assert "✓" in str(derived)
