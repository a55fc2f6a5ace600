"""Every primitive of the registry, in every library: its value and the forms of its first and second differentials."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest
from compiled import run
from numerics import Point, close, generic_point, random_like

import gradwright.prims  # noqa: F401  (registers the primitives)
from gradwright.core.build import product_of
from gradwright.core.declarations import parse_declarations
from gradwright.core.nodes import Apply, Node, Symbol
from gradwright.core.primitive import Primitive, Sample
from gradwright.core.registry import FUNCTIONS, read_parts
from gradwright.core.signature import symbol_of
from gradwright.diff.derivatives import hessian_product, vjps
from gradwright.errors import UnsupportedError
from gradwright.prims.complex import real
from gradwright.simplify.pipeline import simplify


def samples() -> Iterator[tuple[Primitive, Sample]]:
    seen: dict[str, None] = {}
    for function in FUNCTIONS.values():
        for primitive in function.primitives:
            if primitive.token not in seen:
                seen[primitive.token] = None
                yield from ((primitive, sample) for sample in primitive.samples)


CASES = list(samples())


def outputs(primitive: Primitive, sample: Sample) -> tuple[tuple[Symbol, ...], list[Node]]:
    variables = tuple(symbol_of(d) for d in parse_declarations(sample.declarations))
    arguments = read_parts(primitive, variables)
    return variables, [Apply(primitive, sample.parameters, arguments, k) for k in range(len(primitive.outputs))]


@cache
def forms(primitive: Primitive, sample: Sample) -> tuple[dict[str, Node], tuple[Symbol, ...]]:
    """The outputs, their vector-Jacobian products, and Hessian-vector products of a weighted sum of each."""
    variables, nodes = outputs(primitive, sample)
    roots: dict[str, Node] = {}
    cotangents: list[Symbol] = []
    for place, node in enumerate(nodes):
        roots[f"output {place}"] = simplify(node)
        cotangent = Symbol(f"G{place}", node.shape, frozenset() if node.real else frozenset({"complex"}))
        cotangents.append(cotangent)
        weighted = product_of([(cotangent, range(node.rank)), (node, range(node.rank))], ())
        moving = [v for v in variables if v.real]
        try:
            pulled = vjps((simplify(node),), variables, (cotangent,))
            roots |= {f"vjp {place} {v.name}": pulled[v] for v in variables}
            roots |= {f"hvp {place} {v.name}": hessian_product(simplify(real(weighted)), v) for v in moving}
        except UnsupportedError:  # a divided difference of the highest order
            continue
    return roots, (*variables, *cotangents)


def names(case: tuple[Primitive, Sample]) -> str:
    primitive, sample = case
    return f"{primitive.name}-{sample.declarations}-{'-'.join(map(str, sample.parameters))}"


def check(case: tuple[Primitive, Sample], library: str, batch: int = 0) -> None:
    roots, leaves = forms(*case)
    point = generic_point(*roots.values(), symbols=leaves)
    values = {leaf: random_like(v, leaf.real) if leaf.name.startswith("G") else v for leaf, v in point.values.items()}
    point = Point(values, point.sizes)
    wanted = dict(zip(roots, point.at(*roots.values()), strict=True))
    phases = column_phases(case[0], roots, wanted, library, point, batch)
    found = run(roots, library, turned(point, phases), batch)
    for name, value in found.items():
        value = value * np.conj(phases[name]) if name in phases else value
        assert close(value, wanted[name], 1e-7), (name, np.shape(value), np.shape(wanted[name]))


def column_phases(
    primitive: Primitive, roots: dict[str, Node], wanted: dict[str, np.ndarray], library: str, point: Point, batch: int
) -> dict[str, np.ndarray]:
    """For each matrix of a factorisation with free signs or phases, those that a library chose, column by column."""
    matrices = {name: root for name, root in roots.items() if name.startswith("output") and root.rank == 2}
    if not primitive.gauge or not matrices:
        return {}
    found = run(matrices, library, point, batch)
    overlaps = {name: np.sum(np.conj(wanted[name]) * value, axis=0) for name, value in found.items()}
    return {name: overlap / np.abs(overlap) for name, overlap in overlaps.items()}


def turned(point: Point, phases: dict[str, np.ndarray]) -> Point:
    """The point with cotangents that follow the phases: what is derived from both together does not depend on them."""
    factors = {f"G{name.removeprefix('output ')}": phase for name, phase in phases.items()}
    values = {leaf: value * factors.get(getattr(leaf, "name", ""), 1.0) for leaf, value in point.values.items()}
    return Point(values, point.sizes)


@pytest.mark.slow
@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize("case", CASES, ids=map(names, CASES))
def test_primitive_is_written_in_every_library(case: tuple[Primitive, Sample], library: str) -> None:
    check(case, library)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=map(names, CASES))
def test_primitive_keeps_leading_batch_axes(case: tuple[Primitive, Sample]) -> None:
    check(case, "torch", batch=2)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES[::3], ids=map(names, CASES[::3]))
def test_primitive_is_written_in_jax(case: tuple[Primitive, Sample]) -> None:
    import jax

    with jax.enable_x64(True):
        check(case, "jax")


@pytest.mark.full
@pytest.mark.parametrize("case", CASES, ids=map(names, CASES))
def test_every_primitive_is_written_in_jax(case: tuple[Primitive, Sample]) -> None:
    import jax

    with jax.enable_x64(True):
        check(case, "jax")


@pytest.mark.slow
@pytest.mark.parametrize("library", ["numpy", "torch", pytest.param("jax", marks=pytest.mark.full)])
@pytest.mark.parametrize("case", CASES, ids=map(names, CASES))
def test_single_precision_gives_single_precision(case: tuple[Primitive, Sample], library: str) -> None:
    check_precision(case, library)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES[1::3], ids=map(names, CASES[1::3]))
def test_single_precision_gives_single_precision_in_jax(case: tuple[Primitive, Sample]) -> None:
    import jax

    with jax.enable_x64(True):
        check_precision(case, "jax")


def check_precision(case: tuple[Primitive, Sample], library: str) -> None:
    roots, leaves = forms(*case)
    point = generic_point(*roots.values(), symbols=leaves)
    single = {leaf: value.astype("F" if np.iscomplexobj(value) else "f") for leaf, value in point.values.items()}
    found = run(roots, library, Point(single, point.sizes))
    wanted = {name: np.dtype("f" if root.real else "F") for name, root in roots.items()}
    assert {name: value.dtype for name, value in found.items()} == wanted
