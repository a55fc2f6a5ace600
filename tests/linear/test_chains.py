"""A chain is the product that it was read off."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw
from gradwright.core.contraction import contract, simple
from gradwright.core.dims import Dim
from gradwright.core.evaluate import evaluate_all
from gradwright.core.nodes import Factor, Node, Symbol
from gradwright.linear.chains import chain_of, join

SIZES = {"a": 2, "b": 3, "c": 4, "d": 5}
DIMS = dict(enumerate(map(Dim.of, SIZES)))


def random_product(generator: np.random.Generator) -> Node:
    """A product of up to six vectors and matrices, the same variable for every pair of labels that meet twice."""
    factors: list[Factor] = []
    for _ in range(generator.integers(1, 7)):
        labels = tuple(int(x) for x in generator.choice(4, size=generator.integers(1, 3), replace=False))
        name = "".join(sorted(DIMS[x].name or "" for x in labels))
        ordered = sorted(labels) if generator.random() < 0.7 else labels
        factors.append(Factor(Symbol(name + str(tuple(ordered)), tuple(DIMS[x] for x in ordered)), simple(ordered)))
    used = sorted({x for f in factors for x in f.labels})
    output = generator.choice(used, size=min(len(used), int(generator.integers(1, 3))), replace=False)
    return contract(1, factors, simple([int(x) for x in output]), DIMS)


@pytest.mark.slow
def test_the_chain_of_a_product_is_the_product() -> None:
    generator = np.random.default_rng(0)
    found = 0
    for _ in range(1500):
        node = random_product(generator)
        for with_ones in (False, True):
            chain = chain_of(node, with_ones)
            if chain is None:
                continue
            found += 1
            leaves = [leaf for leaf in {*node.children, node} if isinstance(leaf, Symbol)]
            values = {leaf: generator.normal(size=[SIZES[str(d)] for d in leaf.shape]) for leaf in leaves}
            one, other = evaluate_all([node, join(chain, node)], values, SIZES)
            assert np.allclose(one, other), (node, chain)
    assert found > 700


@pytest.mark.slow
@pytest.mark.parametrize("weights", ["B", "P @ Q.T"])
def test_a_way_between_two_axes_does_not_come_back(weights: str) -> None:
    given = {name: d for name, d in {"B": "n m", "P": "n k", "Q": "m k"}.items() if name in weights}
    D = gw.derive(gw.parse(f"sum(softmax(outer(y, u), axis=0) * ({weights}))", y="n", u="m", **given), wrt="u")
    assert D.verify().right
