"""The record of an array library: how it writes each elementary operation.

Everything in which NumPy, PyTorch and JAX differ is data here; what they share (`@`, indexing,
broadcasting, `.sum`, `.reshape`) is written where it is needed. A template names its parts in braces;
`{x}` is an array, already in parentheses where it has to be. Axes are counted from the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

from gradwright.core.primitive import Implementation, Primitive
from gradwright.frozen import fields, frozen, replace


@frozen(kw_only=True)
class Library:
    """How an array library is written.

    Attributes:
        name: `numpy`, `torch` or `jax`.
        implementation: a primitive's function in this library.
        aliases: for a dotted prefix, what the code writes instead.
        imports: for a prefix that occurs in the code, the line that it needs.
        scalar_conjugate: of a number, which NumPy may have as one of Python's: `1j * x` is one, for x of type float64.
        transpose, adjoint: of a matrix.
        batch_transpose, batch_adjoint: of the last two axes.
        permute: axes in the order `{axes}`, no further axes.
        movedim: the axes `{source}` to the places `{target}`.
        diagonal: of two axes; they become one, the last.
        diag: a new axis, so that the last axis becomes the diagonal of the axes `{a}` and `{b}` of the result.
        matrix_diag: a matrix with the vector on its diagonal, no further axes.
        zeros, ones, eye: a tensor like `{like}`, of its real or complex type.
        bare_zeros, bare_ones, bare_eye: the same without anything to be like.
        scalar, bare_scalar: a Python number as a tensor, likewise.
        einsum, trace, tril, triu, cumsum, flip, concatenate, stack, pad, broadcast: of arrays.
        imaginary_unit: the number i.
        complex_of: a real array made complex, where products want arguments of one type; it may look at the first
            input, `{like}`; else empty.
        batch_dot: the inner products of two batches of real vectors; empty where no code takes batches.
        copy: a new array; empty where no code writes into arrays.
        sum_with_product: `{rest}` plus a product of two real matrices, as one call; empty where there is none.
        powers: by the exponent, powers of arrays by a function that takes less time than operators.
        quick_powers: the exponents of powers for which the library has a loop of their own; empty if all are quick.
        transposes_cost: whether a vector is better multiplied from that side of a matrix where no transpose is needed.
        shapes_are_tuples: whether a shape is one argument, a tuple, and not several.
        quiet: what stands above a function that computes what a choice leaves out, so that no warning tells of it; else
            empty.
        helpers: functions of several lines that emitted code may call.
    """

    name: str
    implementation: Callable[[Primitive], Implementation | None]
    aliases: tuple[tuple[str, str], ...]
    imports: tuple[tuple[str, str], ...]
    scalar_conjugate: str
    transpose: str
    adjoint: str
    batch_transpose: str
    batch_adjoint: str
    permute: str
    movedim: str
    diagonal: str
    diag: str
    matrix_diag: str
    zeros: str
    ones: str
    eye: str
    bare_zeros: str
    bare_ones: str
    bare_eye: str
    scalar: str
    bare_scalar: str
    einsum: str
    trace: str
    tril: str
    triu: str
    cumsum: str
    flip: str
    concatenate: str
    stack: str
    pad: str
    broadcast: str
    imaginary_unit: str
    complex_of: str
    batch_dot: str
    copy: str
    sum_with_product: str
    powers: Mapping[Fraction, str]
    quick_powers: frozenset[Fraction]
    transposes_cost: bool
    shapes_are_tuples: bool
    quiet: str
    helpers: Mapping[str, str]

    def in_module(self, module: str, other: str) -> Library:
        """The same with another module's name in the templates and helpers, for one that has the same interface."""

        def renamed(text: str) -> str:
            return text.replace(f"{module}.", f"{other}.")

        own = {name: getattr(self, name) for name in fields(self)}
        templates = {name: renamed(value) for name, value in own.items() if isinstance(value, str)}
        return replace(self, **templates, helpers={name: renamed(text) for name, text in self.helpers.items()})

    def shape(self, sizes: Sequence[str]) -> str:
        """A shape as an argument."""
        if len(sizes) == 1:
            return sizes[0]
        listed = ", ".join(sizes)
        return f"({listed})" if self.shapes_are_tuples or not sizes else listed

    def filled(self, value: str, sizes: Sequence[str], like: str | None) -> str:
        """A tensor of `zeros` or `ones`, of the type of an array if there is one to be like."""
        templates = {"zeros": (self.zeros, self.bare_zeros), "ones": (self.ones, self.bare_ones)}
        return templates[value][like is None].format(shape=self.shape(sizes), like=like)

    def shortened(self, template: str) -> str:
        """A template with dotted prefixes replaced by the aliases of the code."""
        for prefix, alias in self.aliases:
            template = template.replace(prefix, alias)
        return template

    def import_lines(self, text: str) -> tuple[str, ...]:
        """The imports that a text needs."""
        return tuple(dict.fromkeys(line for prefix, line in self.imports if prefix in text))

    @property
    def modules(self) -> tuple[str, ...]:
        """The names that the code must not use for anything else."""
        return tuple(prefix.split(".")[0] for prefix, _ in self.imports)
