"""Linear systems written as matrices in coordinates of their spaces."""

from __future__ import annotations

import numpy as np
import pytest
from compiled import run
from numerics import Point, close, generic_point, random_like

import gradwright as gw
from gradwright.core.dims import Dim
from gradwright.core.evaluate import space_basis
from gradwright.core.nodes import Node, Solve, Symbol
from gradwright.core.spaces import Space
from gradwright.core.walks import postorder
from gradwright.diff.derivatives import full_jacobian, vjps
from gradwright.optimise.systems import basis, without_systems
from gradwright.simplify.pipeline import simplify

EQUATIONS = [
    ("sylvester(A, B, C)", {"A": "n n", "B": "m m", "C": "n m"}),
    ("lyapunov(A, S)", {"A": "n n", "S": "n n symmetric"}),
    ("stein(A, Q)", {"A": "n n", "Q": "n n"}),
    ("sqrtm(X)", {"X": "n n"}),
    ("sqrtm(K)", {"K": "n n spd"}),
    ("care(A, B, Q, R)", {"A": "n n", "B": "n m", "Q": "n n spd", "R": "m m spd"}),
    ("qp(P, q, F, h).x", {"P": "n n spd", "q": "n", "F": "m n", "h": "m"}),
    ("sylvester(Z, Z, C)", {"Z": "n n complex", "C": "n n"}),
    ("lyapunov(Z, H)", {"Z": "n n complex", "H": "n n complex hermitian"}),
]


def derivatives(text: str, variables: dict[str, str]) -> tuple[dict[str, Node], Symbol]:
    node = simplify(gw.parse(text, **variables).node)
    cotangent = Symbol("G", node.shape, frozenset() if node.real else frozenset({"complex"}))
    symbols = [Symbol(s.name, s.shape, s.facts) for s in gw.parse(text, **variables).signature.symbols]
    pulled = vjps((node,), tuple(symbols), (cotangent,))
    return {"value": node, **{s.name: pulled[s] for s in symbols}}, cotangent


@pytest.mark.sampled
@pytest.mark.parametrize(("text", "variables"), EQUATIONS, ids=[text for text, _ in EQUATIONS])
def test_systems_are_solved_in_every_library(text: str, variables: dict[str, str]) -> None:
    roots, cotangent = derivatives(text, variables)
    point = generic_point(*roots.values())
    G = random_like(np.zeros([d.evaluate(point.sizes) for d in cotangent.shape]), cotangent.real)
    point = Point({**point.values, cotangent: G}, point.sizes)
    assert not any(isinstance(n, Solve) for root in without_systems(tuple(roots.values())) for n in postorder(root))
    wanted = point.at(*roots.values())
    for library in ("numpy", "torch"):
        found = run(roots, library, point)
        for value, right in zip(found.values(), wanted, strict=True):
            assert close(value, right, 1e-7)


def test_the_jacobian_of_a_matrix_equation_is_one_system_with_many_right_sides() -> None:
    expression = gw.parse("sylvester(A, B, C)", A="n n", B="m m", C="n m")
    node = simplify(expression.node)
    roots = {"J": full_jacobian(node, expression.signature.symbol("A"))}
    point = generic_point(*roots.values(), symbols=expression.signature.symbols)
    assert close(run(roots, "numpy", point)["J"], point.at(roots["J"])[0])


@pytest.mark.parametrize("space", list(Space))
@pytest.mark.parametrize("complex_entries", [False, True])
def test_bases_span_what_the_reference_spans(space: Space, complex_entries: bool) -> None:
    n = 4
    node = basis((Dim.of(n), Dim.of(n)), space, complex_entries)
    found = np.moveaxis(Point({}, {}).at(node)[0], -1, 0)
    wanted = space_basis(space, (n, n), complex_entries)
    assert found.shape == wanted.shape

    def rows(tensors: np.ndarray) -> np.ndarray:
        flat = tensors.reshape(len(tensors), -1)
        return np.hstack([flat.real, flat.imag])

    assert np.linalg.matrix_rank(np.vstack([rows(found), rows(wanted)])) == len(wanted)
