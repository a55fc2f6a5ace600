"""Every primitive of the registry at the samples of its record: value, derivatives of three orders, facts, text."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pytest
from facts_in_numbers import FACTS_HOLD
from numerics import Point, central_difference, close, generic_point, inner, random_direction, random_like

import gradwright as gw
from gradwright.back.render import latex_of, text_of, unicode_of
from gradwright.core.build import product_of
from gradwright.core.declarations import parse_declarations
from gradwright.core.inference import facts_of
from gradwright.core.nodes import Apply, Node, Symbol, field_of
from gradwright.core.points import SIDES
from gradwright.core.primitive import ErrorSample, Primitive, Sample
from gradwright.core.registry import FUNCTIONS
from gradwright.core.signature import symbol_of
from gradwright.core.sums import add, subtract
from gradwright.core.templates import definition, formals, identities, instantiate, laws, stated_differential
from gradwright.core.walks import symbols
from gradwright.diff.derivatives import gradient, total_differential, vjps
from gradwright.diff.differential import differential, direction, from_template
from gradwright.diff.identities.engine import solved
from gradwright.prims.complex import real
from gradwright.simplify.equality import equal, is_opaque, proved_equal
from gradwright.simplify.pipeline import simplify

FREE_OF_GAUGE = {("eigh", 0), ("eig", 0), ("svd", 1)}


@dataclass(frozen=True)
class Instance:
    """One output of a primitive applied to the variables of a sample."""

    primitive: Primitive
    sample: Sample
    index: int

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        return tuple(map(symbol_of, parse_declarations(self.sample.declarations)))

    @property
    def node(self) -> Apply:
        return Apply(self.primitive, self.sample.parameters, self.symbols, self.index)

    @property
    def is_smooth(self) -> bool:
        """Whether the output is a function, without a sign or a phase that may jump."""
        return not self.primitive.gauge or (self.primitive.name, self.index) in FREE_OF_GAUGE

    def point(self) -> Point:
        """A generic point at which the output moves, if it moves anywhere; a condition of `where` is 0 or 1."""
        points = [generic_point(self.node, symbols=self.symbols, side=side) for side in range(SIDES)]
        return next(filter(self.moves_at, map(self._with_condition, points)), self._with_condition(points[0]))

    def moves_at(self, point: Point) -> bool:
        """Whether the derivative there is not zero: that of the matrix sign is, if all eigenvalues have one sign."""
        if beyond_the_highest_order(self):
            return True
        (change,) = with_directions(self, point).at(total_differential(simplify(self.node), self.symbols))
        return bool(np.abs(change).max(initial=0) > 1e-9)

    def _with_condition(self, point: Point) -> Point:
        if self.primitive.name != "where":
            return point
        condition = self.symbols[0]
        return Point({**point.values, condition: (point.values[condition] > 0).astype(float)}, point.sizes)

    def moves(self, point: Point) -> dict[Symbol, np.ndarray]:
        """Directions of the variables; a condition of `where` stands still."""
        moves = {s: random_direction(s, point, 7 + k) for k, s in enumerate(self.symbols)}
        if self.primitive.name == "where":
            moves[self.symbols[0]] = 0 * moves[self.symbols[0]]
        return moves

    def __str__(self) -> str:
        output = self.primitive.outputs[self.index].name
        return f"{self.primitive.name}({self.sample.declarations}).{output} {self.sample.parameters or ''}".rstrip()


PRIMITIVES = list({p.token: p for f in FUNCTIONS.values() for p in f.primitives}.values())
INSTANCES = [Instance(p, s, k) for p in PRIMITIVES for s in p.samples for k in range(len(p.outputs))]
SMOOTH = [i for i in INSTANCES if i.is_smooth]
ERRORS = [(p.name, e) for p in PRIMITIVES for e in p.error_samples]


def beyond_the_highest_order(instance: Instance) -> bool:
    """The divided differences of matrix functions are tested as the derivatives of these functions."""
    return "_difference" in instance.primitive.name and instance.primitive.name[-1].isdigit()


def per_instance(instances: list[Instance]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("instance", instances, ids=str)


@pytest.mark.parametrize("primitive", PRIMITIVES, ids=lambda p: p.name)
def test_a_record_is_complete(primitive: Primitive) -> None:
    assert primitive.samples or primitive.of_user
    assert primitive.source or not primitive.identity
    inputs = {declared.name for declared in primitive.inputs}
    assert set(re.findall(r"{(.*?)}", " ".join(primitive.conditions))) <= inputs


@per_instance(INSTANCES)
def test_value_is_finite_has_the_shape_and_the_facts(instance: Instance) -> None:
    node = instance.node
    point = instance.point()
    (value,) = point.at(node)
    assert value.shape == tuple(dim.evaluate(point.sizes) for dim in node.shape)
    assert np.all(np.isfinite(value))
    assert not (node.real and np.iscomplexobj(value) and np.abs(value.imag).max(initial=0) > 1e-12)
    for fact in facts_of(node):
        assert FACTS_HOLD[fact](value), fact


@pytest.mark.parametrize(
    "instance",
    [i for i in INSTANCES if i.primitive.elementwise and len(i.symbols) == 1 and not i.sample.parameters],
    ids=str,
)
def test_an_even_or_odd_function_of_entries_is_recorded_as_one(instance: Instance) -> None:
    (x,) = instance.symbols
    point = instance.point()
    if "positive" in x.facts:
        assert not instance.primitive.parity
        return
    here, there = (Point({x: sign * point.values[x]}, point.sizes).at(instance.node)[0] for sign in (1, -1))
    parity = "odd" if close(there, -here) else "even" if close(there, here) else ""
    assert instance.primitive.parity == parity


@pytest.mark.parametrize("primitive", [p for p in PRIMITIVES if p.of_matrix], ids=lambda p: p.name)
def test_the_function_of_a_diagonal_matrix_is_that_of_its_entries(primitive: Primitive) -> None:
    matrix, entries = (
        gw.parse(f"diagonal({primitive.of_matrix}(diag(x)))", x="n"),
        gw.parse(f"{primitive.name}(x)", x="n"),
    )
    x = np.array([0.3, 1.7, 2.9])
    np.testing.assert_allclose(matrix.evaluate(x=x), entries.evaluate(x=x), rtol=1e-12)


@pytest.mark.slow
def test_no_derivative_is_tested_where_it_vanishes() -> None:
    still = {i.primitive.name for i in INSTANCES if not i.moves_at(i.point())}
    assert still == {"slogdet", "sign", "floor", "round", "greater", "greater_equal", "equal"}


@per_instance([i for i in INSTANCES if i.primitive.definition])
def test_value_is_that_of_the_definition(instance: Instance) -> None:
    template = definition(instance.primitive, instance.index, instance.sample.parameters)
    assert template is not None
    defined = instantiated(instance, template)
    close_or_fail(instance.point().at(instance.node, defined), 1e-9)
    assert equal(instance.node, defined).status in ("proved", "undecided")


@pytest.mark.sampled
@per_instance([i for i in INSTANCES if (i.primitive.identity or i.primitive.laws) and i.index == 0])
def test_values_and_differentials_satisfy_the_identity_and_the_laws(instance: Instance) -> None:
    for left, right in laws(instance.primitive):
        difference = subtract(instantiated(instance, left), instantiated(instance, right))
        moved = differential(difference, {s: direction(s) for s in instance.symbols})
        value, change, size, speed = measured(instance, difference, moved)
        assert np.abs(value).max(initial=0) < 1e-9 * size
        assert np.abs(change).max(initial=0) < 1e-8 * speed


def measured(instance: Instance, *nodes: Node) -> tuple[np.ndarray, np.ndarray, float, float]:
    outputs = range(len(instance.primitive.outputs))
    own = [Apply(instance.primitive, instance.sample.parameters, instance.symbols, k) for k in outputs]
    rates = [total_differential(node, instance.symbols) for node in own]
    point = with_directions(instance, instance.point())
    values = point.at(*nodes, *own, *rates)
    sizes = [1.0, *(np.abs(v).max(initial=0) for v in values[2 : 2 + len(own)])]
    speeds = [1.0, *(np.abs(v).max(initial=0) for v in values[2 + len(own) :])]
    return values[0], values[1], max(sizes) ** 2, max(sizes) * max(speeds)


@per_instance([i for i in INSTANCES if i.primitive.identity and i.primitive.differential])
def test_identity_and_stated_differential_agree(instance: Instance) -> None:
    solution = solved(instance.primitive).differentials[instance.index]
    stated = stated_differential(instance.primitive, instance.index, instance.sample.parameters)
    assert stated is not None
    moved: dict[Node, Node] = {s: direction(s) for s in instance.symbols}
    both = [from_template(instance.node, template, moved) for template in (solution, stated)]
    close_or_fail(with_directions(instance, instance.point()).at(*both), 1e-8)


@per_instance(SMOOTH)
def test_first_order(instance: Instance) -> None:
    if beyond_the_highest_order(instance):
        return
    node, symbols = simplify(instance.node), instance.symbols
    cotangent = Symbol("G", node.shape, field_of(node))
    pushed, pulled = total_differential(node, symbols), vjps((node,), symbols, (cotangent,))
    base = instance.point()
    point = with_directions(instance, base)
    (value,) = base.at(node)
    G = random_like(value, node.real)
    full = Point({**point.values, cotangent: G}, point.sizes)
    change, *slopes = full.at(pushed, *(pulled[s] for s in symbols))
    moves = {s: point.values[direction(s)] for s in symbols}
    paired = sum(inner(slope, moves[s]) for slope, s in zip(slopes, symbols, strict=True))
    close_or_fail((np.array(inner(G, change)), np.array(paired)), 1e-8)
    close_or_fail((change, difference(node, base, moves)), 1e-6)


@pytest.mark.slow
@per_instance(SMOOTH)
def test_second_and_third_order(instance: Instance) -> None:
    if beyond_the_highest_order(instance):
        return
    symbol = instance.symbols[0]
    slope = gradient(paired_with_itself(simplify(instance.node)), symbol)
    base = instance.point()
    for _ in range(2):
        if symbol not in symbols(slope):
            return
        moved = simplify(differential(slope, {symbol: direction(symbol)}))
        point = with_directions(instance, base)
        (change,) = point.at(moved)
        close_or_fail((change, difference(slope, base, {symbol: point.values[direction(symbol)]})), 1e-5)
        frozen = Symbol("E", symbol.shape, field_of(symbol))
        slope = simplify(differential(slope, {symbol: frozen}))
        base = Point({**base.values, frozen: random_direction(symbol, base, 5)}, base.sizes)


@pytest.mark.slow
@per_instance([i for i in INSTANCES if not beyond_the_highest_order(i)])
def test_derivations_in_complex_variables_are_confirmed(instance: Instance) -> None:
    turned = {"symmetric": "hermitian", "orthogonal": "unitary"}
    declared = {
        d.name: " ".join(turned.get(word, word) for word in str(d).partition(":")[2].split()) + " complex"
        for d in parse_declarations(instance.sample.declarations)
    }
    try:
        derivation = gw.derive(gw.parse(text_of(instance.node), **declared))
    except gw.GradwrightError as refusal:
        assert "complex" in str(refusal) or "comparison" in str(refusal)
        return
    found = derivation.verify()
    assert found.right, str(found)


@pytest.mark.parametrize(("name", "sample"), ERRORS, ids=[f"{name}: {e.text}" for name, e in ERRORS])
def test_error_samples_are_refused(name: str, sample: ErrorSample) -> None:
    declared = {d.name: str(d).partition(":")[2].strip() for d in parse_declarations(sample.declarations)}
    with pytest.raises(gw.GradwrightError) as caught:
        gw.parse(sample.text, **declared)
    assert sample.message in str(caught.value)


@per_instance([i for i in INSTANCES if i.primitive.name != "where"])  # whose condition is no variable
def test_text_parses_back_and_all_notations_print(instance: Instance) -> None:
    node = instance.node
    assert unicode_of(node)
    assert latex_of(node)
    declared = {d.name: str(d).partition(":")[2].strip() for d in parse_declarations(instance.sample.declarations)}
    again = gw.parse(text_of(node), **declared).node
    close_or_fail(instance.point().at(node, again), 1e-10)


@per_instance([i for i in INSTANCES if not is_opaque(i.primitive) and i.primitive.identity and i.index == 0])
def test_values_modulo_a_prime_satisfy_the_identity_and_no_other(instance: Instance) -> None:
    for left, right in identities(instance.primitive):
        a, b = instantiated(instance, left), instantiated(instance, right)
        assert proved_equal(a, b)
        assert not proved_equal(add([a, a]), b)


def instantiated(instance: Instance, template: Node) -> Node:
    formal = formals(instance.primitive)
    batch, dims = instance.primitive.bind(tuple(s.shape for s in instance.symbols))
    leaves: dict[Node, Node] = dict(zip(formal.inputs, instance.symbols, strict=True))
    for place, output in enumerate(formal.outputs):
        leaves[output] = Apply(instance.primitive, instance.sample.parameters, instance.symbols, place)
    return instantiate(template, leaves, dims, batch)


def paired_with_itself(node: Node) -> Node:
    """A real scalar that is not linear in the output."""
    labels = list(range(node.rank))
    return real(product_of([(node, labels), (node, labels)], []))


def with_directions(instance: Instance, point: Point) -> Point:
    moves = {direction(s): move for s, move in instance.moves(point).items()}
    return Point({**point.values, **moves}, point.sizes)


def difference(node: Node, point: Point, moves: dict[Symbol, np.ndarray]) -> np.ndarray:
    return central_difference(lambda t: point.moved(dict(moves), t).at(node)[0])


def close_or_fail(pair: tuple[np.ndarray, ...], tolerance: float) -> None:
    left, right = pair
    assert close(left, right, tolerance), np.abs(np.asarray(left) - np.asarray(right)).max(initial=0)


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_functions_that_primitives_bring_along_have_names_of_their_own(library: str) -> None:
    """Code that calls several primitives has all their functions beside one another."""
    texts: dict[str, set[str]] = {}
    for primitive in PRIMITIVES:
        text = getattr(primitive, library)
        for name in re.findall(r"^def (\w+)\(", text, re.MULTILINE) if isinstance(text, str) else []:
            texts.setdefault(name, set()).add(text)
    assert texts
    assert {name for name, found in texts.items() if len(found) > 1} == set()
