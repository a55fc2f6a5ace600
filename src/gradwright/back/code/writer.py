"""Elementary operations on arrays as code: permuting, slicing, summing, spreading, reshaping.

With `batched`, an array may have any number of further leading axes; every operation then counts
axes from the end and leaves those alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from gradwright.back.code.library import Library
from gradwright.back.code.text import Code

LETTERS = "ijklmnopqrstuvwxyzabcdefghIJKLMNOPQRSTUVWXYZABCDEFGH"


@dataclass(frozen=True)
class Writer:
    """Writes operations for one library; `helpers` collects the helper functions that are called."""

    library: Library
    batched: bool
    helpers: dict[str, str] = field(default_factory=dict[str, str])

    def helper(self, name: str, *arguments: str) -> Code:
        """A call of one of the library's helper functions."""
        self.helpers[name] = self.library.helpers[name]
        return Code(f"{name}({', '.join(arguments)})")

    def permuted(self, code: Code, order: Sequence[int], conj: bool = False) -> Code:
        """The axes in another order: axis `p` of the result is axis `order[p]` of the code; conjugated or not."""
        rank = len(order)
        if list(order) == list(range(rank)):
            return self.conjugated(code, rank) if conj else code
        if list(order) == [*range(rank - 2), rank - 1, rank - 2]:
            return self._swapped(code, rank, conj)
        return self._rearranged(self.conjugated(code, rank) if conj else code, order)

    def _swapped(self, code: Code, rank: int, conj: bool) -> Code:
        library, batched = self.library, self.batched or rank > 2
        if conj:
            template = library.batch_adjoint if batched else library.adjoint
        else:
            template = library.batch_transpose if batched else library.transpose
        return Code(template.format(x=code.atom))

    def _rearranged(self, code: Code, order: Sequence[int]) -> Code:
        rank = len(order)
        if not self.batched:
            return Code(self.library.permute.format(x=code.atom, axes=", ".join(map(str, order))))
        moved = [place for place in range(rank) if order[place] != place]
        source = ", ".join(str(order[place] - rank) for place in moved)
        target = ", ".join(str(place - rank) for place in moved)
        return Code(self.library.movedim.format(x=code.atom, source=source, target=target))

    def conjugated(self, code: Code, rank: int) -> Code:
        """The complex conjugate."""
        return Code(f"{code.atom}.conj()" if rank else self.library.scalar_conjugate.format(x=code.atom))

    def summed(self, code: Code, axes: Sequence[int], rank: int) -> Code:
        """The sum over axes, counted from the front of the `rank` that are known."""
        if len(axes) == rank and not self.batched:
            return Code(f"{code.atom}.sum()")
        listed = ", ".join(str(axis - rank) for axis in axes)
        return Code(f"{code.atom}.sum({listed})" if len(axes) == 1 else f"{code.atom}.sum(({listed}))")

    def diagonal(self, code: Code, a: int, b: int, rank: int) -> Code:
        """The diagonal of two axes, which become one, the last."""
        if rank == 2 and not self.batched:
            return Code(f"{code.atom}.diagonal()")
        return Code(self.library.diagonal.format(x=code.atom, a=a - rank, b=b - rank))

    def on_diagonal(self, code: Code, a: int, b: int, rank: int) -> Code:
        """The last axis on the diagonal of the axes a and b of a result with `rank` axes; zeros elsewhere."""
        if rank == 2:
            if not self.batched:
                return Code(self.library.matrix_diag.format(x=code.text))
        template = self.library.diag
        if template.startswith("on_diagonal"):
            return self.helper("on_diagonal", code.text, str(a - rank), str(b - rank))
        return Code(template.format(x=code.text, a=a - rank, b=b - rank))

    def indexed(self, code: Code, tokens: Sequence[str]) -> Code:
        """Indexing with one token for every axis: `:`, `None`, a number or a slice."""
        kept = list(tokens)
        if all(token == ":" for token in kept):
            return code
        if self.batched:
            while kept and kept[0] == ":":
                kept.pop(0)
            return Code(f"{code.atom}[{', '.join(['...', *kept])}]")
        while kept[-1] == ":":
            kept.pop()
        return Code(f"{code.atom}[{', '.join(kept)}]")

    def aligned(self, code: Code, labels: Sequence[int], result: Sequence[int]) -> Code:
        """An array whose axes are some of the result's, in their order, made ready to broadcast against it."""
        if code.number or list(labels) == list(result):
            return code
        tokens = [":" if label in labels else "None" for label in result]
        if not self.batched:
            while tokens and tokens[0] == "None":
                tokens.pop(0)  # NumPy's broadcasting adds leading axes by itself
        return self.indexed(code, tokens) if tokens else code

    def reshaped(self, code: Code, before: Sequence[int], after: Sequence[str]) -> Code:
        """Axes merged: `before` says how many axes each axis of the result takes, `after` how long it is."""
        if all(count == 1 for count in before):
            return code
        if not self.batched:
            if len(before) == 1:
                return Code(f"{code.atom}.reshape(-1)")
            return Code(f"{code.atom}.reshape({', '.join(after)})")
        return self.helper("with_last_axes", code.text, str(sum(before)), *after)

    def split(self, code: Code, groups: Sequence[Sequence[str]]) -> Code:
        """Every axis split into axes of the given sizes, first slowest."""
        if all(len(group) == 1 for group in groups):
            return code
        if not self.batched:
            sizes = [size for group in groups for size in group]
            return Code(f"{code.atom}.reshape({', '.join(sizes)})" if sizes else f"{code.atom}.reshape(())")
        sizes = [size for group in groups for size in group]
        return self.helper("with_last_axes", code.text, str(len(groups)), *sizes)

    def einsum(self, operands: Sequence[tuple[Code, Sequence[int]]], output: Sequence[int]) -> Code:
        """A sum of products by letters."""
        labels = dict.fromkeys(label for _, inside in operands for label in inside)
        letters = dict(zip(labels, LETTERS, strict=False))
        dots = "..." if self.batched else ""
        inputs = ",".join(dots + "".join(letters[label] for label in inside) for _, inside in operands)
        pattern = f"{inputs}->{dots}{''.join(letters[label] for label in output)}"
        if self.batched and EINSUM in self.library.helpers:
            return self.helper(EINSUM, f'"{pattern}"', *(code.text for code, _ in operands))
        text = ", ".join(code.text for code, _ in operands)
        shared = set(operands[0][1]).intersection(*(inside for _, inside in operands[1:]))
        fast = len(operands) > 1 and bool(shared) and shared.isdisjoint(output)
        return Code(self.library.einsum.format(pattern=pattern, operands=text, fast=fast))

    def triangle(self, code: Code, weights: tuple[Fraction, Fraction, Fraction], texts: Sequence[str]) -> Code:
        """A matrix weighed below, on and above its diagonal."""
        named = _TRIANGLES.get(weights)
        below, _, above = weights
        if named is None and {below, above} == {0, 1} and SCALE_DIAGONAL in self.library.helpers:
            half = self.triangle(code, (below, Fraction(1), above), texts)
            return self.helper(SCALE_DIAGONAL, half.text, texts[1])
        if below == above == 1 and SCALE_DIAGONAL in self.library.helpers:
            return self.helper(SCALE_DIAGONAL, self.library.copy.format(x=code.inside()), texts[1])
        if named is None:
            return self.helper("weighted", code.text, *texts)
        upper, k = named
        template = self.library.triu if upper else self.library.tril
        text = template.format(x=code.text, k=k) if k else template.replace(", {k}", "").format(x=code.text)
        return Code(text)

    def matvec(self, matrix: Code, vector: Code) -> Code:
        """A matrix times a vector, both with the same leading axes."""
        return self.helper(MATVEC, matrix.text, vector.text)

    def dot(self, left: Code, right: Code) -> Code:
        """The inner products of real vectors with the same leading axes."""
        return Code(self.library.batch_dot.format(x=left.text, y=right.text))


SCALE_DIAGONAL = "scale_diagonal"
EINSUM = "einsum"
MATVEC = "matvec"
_TRIANGLES: dict[tuple[Fraction | int, ...], tuple[bool, int]] = {
    (1, 1, 0): (False, 0),
    (1, 0, 0): (False, -1),
    (0, 1, 1): (True, 0),
    (0, 0, 1): (True, 1),
}
