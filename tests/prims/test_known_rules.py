"""The rules of the literature that records state, against what their identities lead to."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from numerics import Point, close, generic_point, random_direction, random_like

from gradwright.core.declarations import parse_declarations
from gradwright.core.language import translate
from gradwright.core.nodes import Apply, Node, Symbol, field_of
from gradwright.core.primitive import KnownRule, Primitive, Sample
from gradwright.core.registry import FUNCTIONS
from gradwright.core.signature import symbol_of
from gradwright.core.templates import formals, instantiate
from gradwright.diff.derivatives import total_differential, vjps
from gradwright.diff.differential import direction
from gradwright.linear.projection import project_tangent
from gradwright.prims.complex import real
from gradwright.simplify.equality import equal
from gradwright.simplify.pipeline import simplify

RECORDS = list({p.token: p for f in FUNCTIONS.values() for p in (*f.primitives, f.behind) if p is not None}.values())
STATED = [(p, s, rule) for p in RECORDS for s in p.samples for rule in p.known_rules]
# The exponential has no value modulo a prime, and P² = Aᴴ A uses more of P than its identity.
IN_NUMBERS = {"matrix_exp(X: n n): dY", "matrix_exp(X: n n complex): dY", "polar(A: n m): dP", "polar(A: n n): dP"}


def formal_cotangents(primitive: Primitive) -> tuple[Symbol, ...]:
    """The cotangents of the outputs in the formulas: `G`, or `G_Q`, … for several."""
    several = len(primitive.outputs) > 1
    return tuple(Symbol(f"G_{s.name}" if several else "G", s.shape, field_of(s)) for s in formals(primitive).outputs)


def formula_of(primitive: Primitive, rule: KnownRule) -> Node:
    """The formula of a rule, in formal names."""
    scope = formals(primitive)
    names: dict[str, Node] = {**scope.scope, **{s.name: s for s in formal_cotangents(primitive)}}
    for text in rule.where:
        name, _, formula = text.partition("=")
        names[name.strip()] = translate(formula.strip(), names, scope.dims)
    return translate(rule.formula, names, scope.dims)


@dataclass(frozen=True)
class Sides:
    """One rule at the variables of a sample: as it is stated, and as the record leads to it."""

    primitive: Primitive
    sample: Sample
    rule: KnownRule

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        return tuple(map(symbol_of, parse_declarations(self.sample.declarations)))

    @property
    def outputs(self) -> tuple[Apply, ...]:
        return Apply(self.primitive, (), self.symbols).outputs

    @property
    def cotangents(self) -> tuple[Symbol, ...]:
        names = [s.name for s in formal_cotangents(self.primitive)]
        fields = [frozenset[str]() if node.real else frozenset({"complex"}) for node in self.outputs]
        return tuple(Symbol(n, o.shape, f) for n, o, f in zip(names, self.outputs, fields, strict=True))

    def stated(self) -> Node:
        formal = formals(self.primitive)
        _, dims = self.primitive.bind(tuple(s.shape for s in self.symbols))
        leaves: dict[Node, Node] = dict(zip(formal.inputs, self.symbols, strict=True))
        leaves |= zip(formal.input_directions, map(direction, self.symbols), strict=True)
        leaves |= zip(formal.outputs, self.outputs, strict=True)
        leaves |= zip(formal_cotangents(self.primitive), self.cotangents, strict=True)
        found = instantiate(formula_of(self.primitive, self.rule), leaves, dims)
        found = real(found) if self.derived().real else found
        return simplify(found if self.pulled is None else project_tangent(found, self.pulled))

    @property
    def pulled(self) -> Symbol | None:
        """The input whose cotangent the rule gives, if it is no differential."""
        names = [f"vjp_{d.name}" for d in self.primitive.inputs]
        return self.symbols[names.index(self.rule.result)] if self.rule.result in names else None

    def derived(self) -> Node:
        if self.pulled is not None:
            return vjps(self.outputs, self.symbols, self.cotangents)[self.pulled]
        place = [f"d{d.name}" for d in self.primitive.outputs].index(self.rule.result)
        return total_differential(self.outputs[place], self.symbols)

    def point(self) -> Point:
        base = generic_point(*self.outputs, symbols=self.symbols)
        moves = {direction(s): random_direction(s, base, 7 + k) for k, s in enumerate(self.symbols)}
        pulls = {g: random_like(base.at(o)[0], o.real) for g, o in zip(self.cotangents, self.outputs, strict=True)}
        return Point({**base.values, **moves, **pulls}, base.sizes)


def named(stated: tuple[Primitive, Sample, KnownRule]) -> str:
    primitive, sample, rule = stated
    return f"{primitive.name}({sample.declarations}): {rule.result}"


@pytest.mark.sampled
@pytest.mark.parametrize("stated", STATED, ids=named)
def test_the_known_rule_is_what_the_record_leads_to(stated: tuple[Primitive, Sample, KnownRule]) -> None:
    sides = Sides(*stated)
    left, right = sides.stated(), sides.derived()
    assert close(*sides.point().at(left, right), 1e-9)
    found = equal(left, right)
    assert found.status in ("proved", "undecided")
    print("STATUS", named(stated), found.status)
    assert found or named(stated) in IN_NUMBERS
