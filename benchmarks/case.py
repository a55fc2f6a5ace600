"""A piece of work, and everybody who can do it.

A case is an expression and what is asked of it, inputs from a seeded generator, a hand-written
PyTorch function, and the plain function that automatic differentiation differentiates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

import gradwright as gw

Arrays = dict[str, Any]
Function = Callable[..., Any]
DTYPE = float


@dataclass(frozen=True)
class Goal:
    """How many times the time of gradwright a contestant may, or has to, take."""

    hand: float | None = 1.1
    autodiff: float | None = 1.0
    jax: float | None = 1.0


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row of the table.

    Attributes:
        name: what is computed, in words.
        group: the section of the table.
        text: the expression.
        declarations: its variables.
        wrt: the variable of the derivative.
        kind: `gradient`, `vjp`, `hessian`, `hvp` or `jacobian`.
        sizes: the size of every dimension.
        hand: the derivative in PyTorch, as somebody who knows the tricks writes it.
        plain: the expression in PyTorch, for automatic differentiation; None where it has no operation.
        plain_jax: the same in JAX.
        others: further contestants by name, functions of the inputs in PyTorch.
        prepare: changes of the generated inputs.
        goal: the limits that are aimed at.
        note: what a reader should know.
        free_signs: whether every library may choose signs in the result.
    """

    name: str
    group: str
    text: str
    declarations: Mapping[str, str]
    wrt: str
    kind: str
    sizes: Mapping[str, int]
    hand: Function
    plain: Function | None = None
    plain_jax: Function | None = None
    others: Mapping[str, Function] = field(default_factory=dict)
    prepare: Callable[[Arrays], Arrays] = dict
    goal: Goal = Goal()
    note: str = ""
    free_signs: bool = False

    @cached_property
    def derivation(self) -> gw.Derivation:
        """What is derived."""
        return gw.derive(gw.parse(self.text, **self.declarations), wrt=self.wrt)

    @cached_property
    def derived(self) -> gw.Expression:
        """The derivative, as an expression."""
        return getattr(self.derivation, self.kind)

    def inputs(self, divide: int = 1, seed: int = 0) -> Arrays:
        """NumPy arrays for the variables, and for the cotangent or the direction.

        Args:
            divide: by how much every size is divided, for a small rehearsal.
            seed: the seed of the generator.
        """
        generator = np.random.default_rng(seed)
        sizes = {name: max(size // divide, 2) for name, size in self.sizes.items()}
        found = {name: _sample(text.split(), sizes, generator) for name, text in self.declarations.items()}
        found = self.prepare(found)
        shape = tuple(dim.evaluate(sizes) for dim in gw.parse(self.text, **self.declarations).shape)
        if self.kind == "vjp":
            found["G"] = generator.normal(size=shape)
        if self.kind == "hvp":
            found[f"d{self.wrt}"] = generator.normal(size=found[self.wrt].shape)
        return found


def _sample(words: list[str], sizes: Mapping[str, int], generator: np.random.Generator) -> np.ndarray:
    """Well-conditioned random values for a declaration."""
    shape = [sizes[word] if word in sizes else int(word) for word in words if word in sizes or word.isdigit()]
    raw = generator.normal(size=shape)
    if "spd" in words:
        return raw @ raw.T / len(raw) + np.eye(len(raw))
    if "symmetric" in words:
        return (raw + raw.T) / 2
    if "positive" in words:
        return np.abs(raw) + 0.5
    return raw
