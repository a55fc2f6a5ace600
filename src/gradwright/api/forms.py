"""The forms of a compiled function: which code runs for which inputs, and what compiles it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from gradwright.api.calls import leave_no_graph
from gradwright.api.evaluation import require_gaps
from gradwright.api.inputs import as_array
from gradwright.api.jax_functions import jax_function
from gradwright.back.code.bindings import are_traced, bound
from gradwright.back.code.in_place import InPlace
from gradwright.back.code.library import Library
from gradwright.back.code.live import compile_program, function_source, live_function
from gradwright.back.code.lower import Leaf, lower
from gradwright.back.code.program import Program
from gradwright.back.code.row_blocks import RowBlocks
from gradwright.core.nodes import Node
from gradwright.diff.gaps import divided_gaps
from gradwright.optimise import DIFFERENTIABLE_PASSES, are_in_eigenvectors, optimise
from gradwright.optimise.kernels import KERNELS, use_kernels
from gradwright.optimise.row_sums import row_sums
from gradwright.simplify.branches import choose_inside

Function = Callable[..., Any]


class Forms:
    """What may run for an expression in a library, each compiled on its first use.

    Where PyTorch only computes, and neither records nor transforms what it does, its kernels are called for what they
    compute in one pass, and temporaries are written over. What is called in JAX for the second time is compiled by XLA.

    Attributes:
        gaps: between eigenvalues by which the code divides.
        program: the code.
        plain: its function.
        recorded: what runs where PyTorch differentiates, and otherwise does more than compute.
    """

    def __init__(self, node: Node, optimised: Mapping[str, Node], program: Program, inputs: Sequence[Leaf],
                 library: Library, hints: Mapping[str, int]) -> None:  # fmt: skip
        self._node = node
        self._optimised = optimised
        self._inputs = inputs
        self._library = library
        self._hints = hints
        self._constants: dict[str, Function] = {}
        self.gaps = divided_gaps(node)[1]
        self.program = program
        if library.name == "jax":
            self.plain = jax_function((node,), inputs, program, optimised, library)
        else:
            self.plain = live_function(program, library)
        self.recorded = self.plain
        chooses = choose_inside((node,)) != (node,)
        if library.name == "torch" and (chooses or are_in_eigenvectors(optimised.values())):
            found = optimise({"value": node}, hints, DIFFERENTIABLE_PASSES)
            self.recorded = live_function(lower(found, library, inputs=inputs), library)

    def recorded_or(self, form: Function, arrays: Sequence[Any]) -> Function:
        """A form of the function, or the generated code where PyTorch or JAX does more than compute.

        What looks at gaps may be recorded, but not transformed.
        """
        if form is self.recorded or self._library.name == "numpy":
            return form
        if self._library.name == "jax":
            return self.plain if self.gaps and are_traced(arrays) else form
        if leave_no_graph(arrays):
            return form
        return self.watched if self.gaps and leave_no_graph([a.detach() for a in arrays]) else self.recorded

    def alone(self, arrays: Sequence[Any]) -> Function:
        """The function for such arrays where PyTorch just computes; kernels and blocks take arrays of one type."""
        if self.gaps:
            return self.watched
        if len({a.dtype for a in arrays}) != 1:
            return self.plain
        blocks = self._row_blocks
        return blocks if blocks is not None and blocks.fits(arrays) else self._with_kernels[1]

    @cached_property
    def watched(self) -> Function:
        """The function that refuses gaps lost in rounding errors, which its code computes beside the value."""
        return self._watching(self._beside_gaps[1])

    @cached_property
    def _beside_gaps(self) -> tuple[Program, Function]:
        """The code of the value and of what a first look at its gaps takes, and its function."""
        return self._together(self._node, *self._sizes_of_gaps)

    @property
    def _sizes_of_gaps(self) -> tuple[Node, ...]:
        return tuple(dict.fromkeys(n for gap in self.gaps for n in gap.sizes))

    def _watching(self, function: Function) -> Function:
        """A form of the function beside gaps, which refuses lost ones."""

        def watched(*arrays: Any) -> Any:
            with np.errstate(divide="ignore", invalid="ignore"):
                return self._with_gaps(function(*arrays), arrays)

        return watched

    def _with_gaps(self, found: Sequence[Any], arrays: Sequence[Any]) -> Any:
        """The value, after a look at its gaps; a second one takes what counts."""
        value, *sizes = found
        values = dict(zip(self._sizes_of_gaps, (as_array("gap", g) for g in sizes), strict=True))
        if not all(gap.are_wide([values[n] for n in gap.sizes]) for gap in self.gaps):
            require_gaps(self.gaps, self._values_of_gaps(arrays), self._node)
        return value

    def _values_of_gaps(self, arrays: Sequence[Any]) -> dict[Node, np.ndarray]:
        nodes = tuple(dict.fromkeys(n for gap in self.gaps for n in gap.nodes))
        _, *found = self._together(self._node, *nodes)[1](*arrays)
        return dict(zip(nodes, (as_array("gap", g) for g in found), strict=True))

    def _together(self, *nodes: Node) -> tuple[Program, Function]:
        """The code of several values, with what they share computed once, and its function."""
        roots = optimise({f"value{k}": node for k, node in enumerate(nodes)}, self._hints)
        program = lower(roots, self._library, inputs=self._inputs)
        return program, live_function(program, self._library)

    @cached_property
    def _row_blocks(self) -> RowBlocks | None:
        """The function of a large matrix that reads some rows after the others; None if it has no sums over rows."""
        sums = row_sums(self._optimised["value"]) if self._library.name != "jax" else None
        return None if sums is None else RowBlocks(sums, self._inputs, self._library)

    @cached_property
    def _with_kernels(self) -> tuple[Program, Function]:
        """The code that calls kernels of the library, if there are any for it, and its function."""
        kernels = [kernel for kernel in KERNELS if self._library.implementation(kernel) is not None]
        found = dict(zip(self._optimised, use_kernels(tuple(self._optimised.values()), kernels), strict=True))
        if found == self._optimised:
            return self.program, self.plain
        program = lower(found, self._library, inputs=self._inputs)
        return program, live_function(program, self._library)

    def constant(self, leaf: Leaf) -> Function:
        """The value where nothing is needed for it: in the precision of an input, and on its device."""
        if leaf.name not in self._constants:
            program = lower(optimise({"value": self._node}), self._library, inputs=(leaf,))
            self._constants[leaf.name] = compile_program(program, self._library, "value", {})
        return self._constants[leaf.name]

    @cached_property
    def by_xla(self) -> Function | None:
        """The function as one program for XLA; None if what it calls may raise errors, of which XLA tells too late."""
        if self._library.name != "jax" or self.gaps or self.program.foreign:
            return None
        import jax

        return jax.jit(self.plain)

    def may_write_over(self, form: Function) -> bool:
        """Whether a form has one beside it that writes over temporaries."""
        return self.in_place is not None and form is (self.watched if self.gaps else self._with_kernels[1])

    def fitted(self, in_place: InPlace, arrays: Sequence[Any]) -> tuple[Function, Any]:
        """The form for arrays of these shapes and types that writes over temporaries, and the value at these."""
        if not self.gaps:
            return in_place.fitted(arrays, self._with_kernels[1])
        with np.errstate(divide="ignore", invalid="ignore"):
            form, found = in_place.fitted(arrays, self._beside_gaps[1])
        return self._watching(form), self._with_gaps(found, arrays)

    @cached_property
    def in_place(self) -> InPlace | None:
        """The forms of the function that write over temporaries; None if there are none."""
        program = (self._beside_gaps if self.gaps else self._with_kernels)[0]
        if self._library.name == "jax" or program.foreign:
            return None
        forms = InPlace(function_source(program, self._library, "value"), "value", {})
        return forms if forms.sites else None

    @cached_property
    def into(self) -> Function:
        """The function that writes its result into a further argument."""
        foreign = bound(self.program, self._library)
        return compile_program(self.program, self._library, "value", foreign, out="out")
