"""Functions for PyTorch to try properties on: every sample of every primitive, and some expressions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch_properties import Case

import gradwright as gw
from gradwright.core import build
from gradwright.core.contraction import conjugate
from gradwright.core.declarations import parse_declarations
from gradwright.core.nodes import Apply, Node, Symbol
from gradwright.core.points import choose_sizes, demanded_orders, dimension_names, sample
from gradwright.core.primitive import Primitive
from gradwright.core.registry import FUNCTIONS
from gradwright.core.signature import Signature, symbol_of
from gradwright.prims.power import power

# Divided differences: rules reach them through the functions that they belong to. A condition is 0 or 1.
LEFT_OUT = ("_difference", "where")
EXPRESSIONS = {
    "trace(A @ inv(X))": {"A": "n n", "X": "n n"},
    "x @ inv(X) @ y": {"x": "n", "X": "n n", "y": "n"},
    "norm(X @ w - y)**2 + a * norm(w)**2": {"X": "n m", "w": "m", "y": "n", "a": ""},
    "logdet(K) + x @ inv(K) @ x": {"K": "n n spd", "x": "n"},
    "sylvester(A, B, C)": {"A": "n n", "B": "m m", "C": "n m"},
    "sum(exp(eigvalsh(S)))": {"S": "n n symmetric"},
    "inv(L) @ x": {"L": "n n unit_lower", "x": "n"},
    "matrix_exp(t * A) @ x": {"t": "", "A": "n n", "x": "n"},
    "trace(Q.T @ A @ Q)": {"Q": "n m stiefel", "A": "n n"},
    'einsum("ijk,jl->lik", T, A)': {"T": "n m k", "A": "m p"},
    "reshape(inv(X), 2, 8)": {"X": "4 4"},
    "kron(A, X)[:, 0:2]": {"A": "n m", "X": "m n"},
    "(x - mean(x)) / sqrt(mean((x - mean(x))**2) + 1/100)": {"x": "n"},
}


@dataclass(frozen=True)
class Example:
    """A function by name, with the derivation that it comes from and its variables."""

    name: str
    derivation: gw.Derivation
    symbols: tuple[Symbol, ...]
    nodes: tuple[Node, ...]

    @property
    def field_is_complex(self) -> bool:
        """Whether an input is complex."""
        return not all(symbol.real for symbol in self.symbols)


def primitives() -> list[Primitive]:
    """The primitives that have samples and are functions of the language, not of a user who defined one."""
    found = {p.token: p for function in FUNCTIONS.values() for p in function.primitives if not p.of_user}
    return [p for p in found.values() if p.samples and not any(word in p.name for word in LEFT_OUT)]


def examples() -> dict[str, Example]:
    """All functions by name."""
    found = [_expression(text, declared) for text, declared in EXPRESSIONS.items()]
    found += [_sample(p, k) for p in primitives() for k in range(len(p.samples))]
    return {example.name: example for example in found}


def _expression(text: str, declared: dict[str, str]) -> Example:
    expression = gw.parse(text, **declared)
    derivation = gw.derive(expression)
    return Example(text, derivation, expression.signature.symbols, (expression.node,))


def _sample(primitive: Primitive, number: int) -> Example:
    given = primitive.samples[number]
    signature = Signature(parse_declarations(given.declarations))
    symbols = tuple(map(symbol_of, signature))
    nodes = {
        declared.name: Apply(primitive, given.parameters, symbols, place)
        for place, declared in enumerate(primitive.outputs)
    }
    if primitive.freedom is not None and (primitive.field == "complex" or not all(s.real for s in symbols)):
        # Vectors that LAPACK turns as it likes have no differences to compare with: what does not turn has.
        determined = {name: node for name, node in nodes.items() if node.rank < 2}
        nodes = determined or {name: build.matmul(N, build.transpose(conjugate(N))) for name, N in nodes.items()}
    expressions = {name: gw.Expression(node, signature) for name, node in nodes.items()}
    several = len(expressions) > 1
    derivation = gw.derive(expressions if several else next(iter(expressions.values())))
    names, numbers = [s.name for s in symbols], list(map(str, given.parameters))
    listed = names + numbers if primitive is power else numbers + names
    name = f"{primitive.name}({', '.join(listed)}): {given.declarations}"
    return Example(name, derivation, symbols, tuple(nodes.values()))


@cache
def case_of(name: str) -> Case:
    """A function at a generic point."""
    example = examples()[name]
    return Case(example.derivation.function("torch"), *_point(example))


def _point(example: Example) -> tuple[tuple[torch.Tensor, ...], float, bool, tuple]:
    roots = [*example.symbols, *example.nodes]
    sizes = choose_sizes(dimension_names(roots), demanded_orders(roots))
    generator = np.random.default_rng(3)
    inputs = tuple(torch.from_numpy(np.array(sample(s, sizes, generator))) for s in example.symbols)
    curved = [_rotation(x) if "stiefel" in s.facts else None for s, x in zip(example.symbols, inputs, strict=True)]
    return inputs, 1e-6, True, tuple(curved) if any(curved) else ()


def _rotation(origin: torch.Tensor):
    def turned(x: torch.Tensor) -> torch.Tensor:
        move = x - origin
        return torch.linalg.matrix_exp(move @ origin.mH - origin @ move.mH) @ origin

    return turned


def matrix_text() -> str:
    """The table of functions and properties that the documentation shows: one row a function."""
    names = sorted(examples())
    return "\n".join(["| function |", "|---|", *(f"| `{name}` |" for name in names)])
