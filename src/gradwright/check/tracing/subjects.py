"""The inputs of a trace: their symbols, and values for them at several sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch

from gradwright.core.declarations import Declaration
from gradwright.core.dims import Dim, lengths, substituted
from gradwright.core.facts import Facts, closure
from gradwright.core.nodes import Symbol
from gradwright.core.points import choose_sizes, demanded_orders, draw
from gradwright.core.signature import Signature
from gradwright.front.parsing import NAMES, read_declaration
from gradwright.frozen import frozen, replace

TRIALS = 6
ATTEMPTS = 4


@frozen
class Subject:
    """What a function is traced with.

    Attributes:
        signature: the inputs, in order.
        examples: a value for each of them, where the user gave one.
        declared: whether the user declared them; then their facts say how values are drawn.
    """

    signature: Signature
    examples: Mapping[str, torch.Tensor]
    declared: bool = True

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        """The inputs as nodes."""
        return self.signature.symbols

    @property
    def names(self) -> tuple[str, ...]:
        """The dimension names."""
        return tuple(self.signature.dims)

    def first_sizes(self) -> Iterator[dict[str, int]]:
        """Sizes to begin with: those of the examples, else generic ones."""
        found: dict[str, int] = {}
        for symbol in self.symbols:
            shape = tuple(self.examples[symbol.name].shape) if symbol.name in self.examples else ()
            for dim, size in zip(symbol.shape, shape, strict=False):
                if dim.name is not None:
                    found.setdefault(dim.name, size)
        if all(name in found for name in self.names):
            yield {name: found[name] for name in self.names}
            return
        for variant in range(TRIALS):
            yield choose_sizes(self.names, demanded_orders(self.symbols), variant=variant) | found

    def other_sizes(self, first: Mapping[str, int]) -> list[dict[str, int]]:
        """Two further choices of sizes in the same order as the first, no two alike."""
        order = sorted(first, key=lambda name: first[name])
        return [{name: first[name] + turn * (1 + order.index(name)) + (turn - 1) for name in first} for turn in (1, 2)]

    def values(self, sizes: Mapping[str, int], seed: int, attempt: int = 0) -> list[torch.Tensor]:
        """Generic values of the inputs: at the first attempts of the declared sets, at later ones of narrower sets.

        A logarithm needs positive entries, a Cholesky factor a positive definite matrix: what was not declared may
        be needed. Inputs without facts are drawn so at the later attempts.
        """
        generator = np.random.default_rng([seed, attempt, 7])
        shapes = [lengths(symbol.shape, sizes) for symbol in self.symbols]
        facts = [symbol.facts or _narrowed(symbol, attempt) for symbol in self.symbols]
        return [torch.from_numpy(np.array(draw(s, f, generator))) for s, f in zip(shapes, facts, strict=True)]

    def example_values(self, sizes: Mapping[str, int]) -> list[torch.Tensor] | None:
        """The user's own values, in double precision; None if some are missing or have other sizes."""
        shapes = [lengths(symbol.shape, sizes) for symbol in self.symbols]
        given = [self.examples.get(symbol.name) for symbol in self.symbols]
        if any(t is None or tuple(t.shape) != shape for t, shape in zip(given, shapes, strict=True)):
            return None
        return [_double(tensor) for tensor in given if tensor is not None]

    def fixed(self, sizes: Mapping[str, int]) -> Subject:
        """The same inputs with some dimensions made numbers."""
        numbers = {name: Dim.of(size) for name, size in sizes.items()}
        declarations = [replace(d, shape=substituted(d.shape, numbers)) for d in self.signature]
        return replace(self, signature=Signature(tuple(declarations)))

    def like_examples(self) -> Subject:
        """The same inputs with the facts that the examples show: symmetric, positive definite, triangular, positive."""
        shown = {name: _resemblance(value) for name, value in self.examples.items()}
        declarations = [replace(d, facts=closure({*d.facts, *shown.get(d.name, ())})) for d in self.signature]
        return replace(self, signature=Signature(tuple(declarations)), declared=True)

    def with_input(self, symbol: Symbol) -> Subject:
        """The same inputs with one more in front."""
        added = Declaration(symbol.name, symbol.shape, symbol.facts)
        return replace(self, signature=Signature((added, *self.signature)))


def _narrowed(symbol: Symbol, attempt: int) -> Facts:
    """Facts that an input without any is given at a later attempt."""
    if attempt == ATTEMPTS - 2:
        return closure({"spd"} if symbol.is_square else {"positive"} if symbol.rank < 2 else ())
    return closure({"positive"} if attempt == ATTEMPTS - 1 else ())


def subject_of(inputs: Mapping[str, torch.Tensor], declarations: Mapping[str, str] | None) -> Subject:
    """The subject of given inputs: declared, or with dimensions named after the sizes."""
    inputs = {name: _dense(torch.as_tensor(value)) for name, value in inputs.items()}
    if declarations is not None:
        read = tuple(read_declaration(name, text) for name, text in declarations.items())
        return Subject(Signature(read), inputs)
    names = _named_sizes(list(inputs.values()))
    found = [
        Declaration(name, tuple(names[size] for size in tensor.shape), _field(tensor))
        for name, tensor in inputs.items()
    ]
    return Subject(Signature(tuple(found)), inputs, declared=False)


def _named_sizes(tensors: Sequence[torch.Tensor]) -> dict[int, Dim]:
    """A dimension for every size: a name for each, the number itself for 1."""
    sizes = dict.fromkeys(size for tensor in tensors for size in tensor.shape)
    fresh = iter([*NAMES, *(f"n{k}" for k in range(1, len(sizes) + 1))])
    return {size: Dim.of(1) if size == 1 else Dim.of(next(fresh)) for size in sizes}


def _field(tensor: torch.Tensor) -> Facts:
    return closure({"complex"} if tensor.is_complex() else ())


def _dense(tensor: torch.Tensor) -> torch.Tensor:
    return tensor if tensor.layout is torch.strided else tensor.to_dense()


def _double(tensor: torch.Tensor) -> torch.Tensor:
    kind = torch.complex128 if tensor.is_complex() else torch.float64
    return tensor.detach().to(kind)


def _resemblance(example: torch.Tensor) -> set[str]:
    """Facts that an example has, to draw others like it."""
    value = example.numpy(force=True)
    if value.ndim == 2 and value.shape[0] == value.shape[1]:
        if np.allclose(value, value.conj().T):
            definite = bool(np.all(np.linalg.eigvalsh(value) > 0))
            return {"spd"} if definite else {"hermitian"}
        return {name for name, keep in (("lower", np.tril), ("upper", np.triu)) if np.array_equal(keep(value), value)}
    return {"positive"} if not np.iscomplexobj(value) and bool(np.all(value > 0)) else set()
