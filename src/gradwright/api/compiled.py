"""Expressions as plain fast functions of an array library."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from gradwright.api.arrays import CONVERT, in_one_precision, is_complex, require_writable, shaped
from gradwright.api.calls import is_traced, likeness, may_overlap
from gradwright.api.evaluation import evaluated_form, warn_of_gauge
from gradwright.api.forms import Forms
from gradwright.api.inputs import (
    Demands,
    as_array,
    bind_sizes,
    check_fields,
    inputs_as_read,
    named_leaves,
)
from gradwright.api.provenance import NO_DERIVATIVE, Provenance
from gradwright.back.code.in_place import InPlace
from gradwright.back.code.library import Library
from gradwright.back.code.live import function_source, live_function
from gradwright.back.code.lower import Leaf, lower
from gradwright.back.code.program import Program
from gradwright.core.dims import lengths
from gradwright.core.nodes import Node
from gradwright.core.signature import Signature
from gradwright.core.walks import free_leaves
from gradwright.errors import ConditionError, EmissionError, EvaluationError
from gradwright.optimise import optimise
from gradwright.simplify.branches import choose_inside


def library_of(name: str) -> Library:
    """The dialect of that name.

    Raises:
        EmissionError: there is none.
    """
    from gradwright.back.code import LIBRARIES

    if name not in LIBRARIES:
        raise EmissionError(f"there is no library '{name}' to compile for; there are {', '.join(LIBRARIES)}")
    return LIBRARIES[name]


def _lowered(nodes: Mapping[str, Node], signature: Signature, library: Library) -> Program:
    """The code of some expressions; a declared variable that none contains is an input only if a size needs it."""
    leaves = _leaves(nodes.values(), signature)
    needed = {leaf for node in nodes.values() for leaf in free_leaves(node)}
    try:
        return lower(nodes, library, inputs=[leaf for leaf in leaves if leaf in needed])
    except EmissionError:
        return lower(nodes, library, inputs=leaves)


def _leaves(nodes: Any, signature: Signature) -> list[Leaf]:
    found: dict[str, Leaf] = {}
    for node in nodes:
        for name, leaf in named_leaves(node, signature).items():
            found[name] = leaf
    return list(found.values())


def compiled(
    node: Node,
    signature: Signature,
    library: str,
    hints: Mapping[str, int] | None,
    provenance: Provenance,
) -> CompiledFunction:
    """The compiled function of an expression; the same one whenever the same is asked."""
    key = (node, signature, library, tuple(sorted((hints or {}).items())), provenance)
    if key not in _CACHE:
        while len(_CACHE) >= LARGEST_CACHE:
            _CACHE.pop(next(iter(_CACHE)))
        _CACHE[key] = CompiledFunction(node, signature, library_of(library), hints, provenance)
    return _CACHE[key]


LARGEST_CACHE = 256
# Combinations of shapes that a function remembers to have checked, and fitted itself to.
MOST_SHAPES = 1024
_CACHE: dict[Any, CompiledFunction] = {}


class CompiledFunction:
    """A function of arrays by name, or by position in the declared order.

    Shapes are checked once for each combination of shapes; what follows is the generated code alone. Directions
    and cotangents that the expression no longer contains may be given too.

    Attributes:
        source: the generated code, which calls no kernels and writes over nothing (see `api.forms`).
        in_place: the forms that write over temporaries.
    """

    def __init__(
        self,
        node: Node,
        signature: Signature,
        library: Library,
        hints: Mapping[str, int] | None,
        provenance: Provenance = NO_DERIVATIVE,
    ) -> None:
        self._made_from = (node, signature, library.name, dict(hints or {}), provenance)
        node = evaluated_form(node)
        # Any function of JAX may be differentiated; of PyTorch that is a form by itself.
        (root,) = choose_inside((node,)) if library.name == "jax" else (node,)
        optimised = optimise({"value": root}, hints or {}, beside=provenance.origins)
        program = _lowered(optimised, signature, library)
        self._node = node
        self._leaves = named_leaves(node, signature, provenance.optional)
        self._needed = tuple(program.parameters)
        self._library = library
        inputs = [self._leaves[name] for name in self._needed]
        self._forms = Forms(node, optimised, program, inputs, library, hints or {})
        self._gauge = provenance.gauge if library.name == "numpy" else ()
        self._signature = signature
        self._demands = Demands.of(node, provenance.origins)
        self._likeness = likeness(tuple(self._leaves), self._needed)
        self._chosen: dict[Any, Callable[..., Any]] = {}  # the form that runs for inputs like these
        self.source = function_source(program, library, "value")
        self.__name__ = "value"
        self.__doc__ = f"Takes {', '.join(self._leaves)}."

    def __repr__(self) -> str:
        return f"<function of {', '.join(self._leaves) or 'nothing'}, compiled for {self._library.name}>"

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles are compiled anew from the expression."""
        return compiled, self._made_from

    def __call__(self, /, *positional: Any, **inputs: Any) -> Any:
        """The value at given arrays.

        With `out`, the result is written into that array (NumPy and PyTorch; not if a variable has that name).

        Raises:
            EvaluationError: an input is missing, unknown, or has the wrong shape.
            ConditionError: a matrix is singular, or not positive definite, where it must be.
        """
        try:
            key, arrays = self._likeness(*positional, **inputs)
            form = self._chosen.get(key)
        except (AttributeError, TypeError):  # not as the function takes them; or sizes that are symbols of a trace
            key, arrays, form = None, (), None
        if form is None:
            return self._first_call(key, positional, inputs)
        return self._run(self._forms.recorded_or(form, arrays), arrays)

    def _first_call(self, key: Any, positional: Sequence[Any], inputs: dict[str, Any]) -> Any:
        """The value after everything has been checked; inputs like these need no look the next time."""
        out = inputs.pop("out") if "out" in inputs and "out" not in self._leaves else None
        inputs = inputs_as_read(inputs)
        inputs = {**self._by_position(positional, inputs), **inputs}
        self._check(inputs)
        arrays = self._converted(inputs)
        if self._library.name == "torch" and out is None and is_traced():
            return self._run(self._forms.recorded, arrays)
        if self._gauge:
            self._look_at_gauge(inputs)
        elif key and all(a is inputs[name] for name, a in zip(self._needed, arrays, strict=True)):
            if len(self._chosen) >= MOST_SHAPES:
                self._chosen.clear()
            self._chosen[key] = self._form_for(key, self._forms.alone(arrays))
        if out is not None:
            return self._written_into(self._checked_out(out, inputs), arrays)
        if not self._needed and inputs:
            name, value = next(iter(inputs.items()))
            return self._run(self._forms.constant(self._leaves[name]), [CONVERT[self._library.name](name, value)])
        return self._run(self._forms.recorded_or(self._forms.alone(arrays), arrays), arrays)

    def _converted(self, inputs: Mapping[str, Any]) -> list[Any]:
        """The arrays of the library, in one precision; in PyTorch, where products take one type, of one field, too.

        If one of the variables that were declared complex is, all are.
        """
        convert = CONVERT[self._library.name]
        found = {name: convert(name, inputs[name]) for name in self._needed}
        arrays = in_one_precision(found, inputs, self._library.name)
        if self._library.name == "torch" and any(a.is_complex() for a in arrays.values()):
            real = [name for name, a in arrays.items() if not (a.is_complex() or self._leaves[name].real)]
            arrays |= {name: arrays[name].to(arrays[name].dtype.to_complex()) for name in real}
        return list(arrays.values())

    def _form_for(self, key: Any, plain: Callable[..., Any]) -> Callable[..., Any]:
        """What runs from the second call on: the function compiled by XLA, or that writes over its temporaries."""
        if self._forms.by_xla is not None:
            return self._forms.by_xla
        in_place = self.in_place
        if in_place is None or not self._forms.may_write_over(plain):
            return plain

        def fit(*arrays: Any) -> Any:
            self._chosen[key], value = self._forms.fitted(in_place, arrays)
            return value

        return fit

    @property
    def in_place(self) -> InPlace | None:
        """The forms of the function that write over temporaries; None if there are none."""
        return self._forms.in_place

    def _look_at_gauge(self, inputs: Mapping[str, Any]) -> None:
        """Warn where the cotangent depends on a choice; the tests are compiled like the value."""
        names, function, nodes = self._freedom
        if all(name in inputs for name in names):
            found = function(*(as_array(name, inputs[name]) for name in names))
            sizes = bind_sizes({self._leaves[name]: shaped(name, value) for name, value in inputs.items()})
            warn_of_gauge(self._gauge, dict(zip(nodes, found, strict=True)), sizes, level=5)

    @cached_property
    def _freedom(self) -> tuple[tuple[str, ...], Callable[..., tuple[Any, ...]], tuple[Node, ...]]:
        """What the tests of the gauge take: names of inputs, a function of these, and the nodes that it evaluates."""
        nodes = tuple(dict.fromkeys(n for test in self._gauge for n in test.nodes))
        program = _lowered(optimise({f"part{k}": n for k, n in enumerate(nodes)}), self._signature, self._library)
        function = live_function(program, self._library, "parts")
        return tuple(program.parameters), function, nodes

    def _written_into(self, out: Any, arrays: Sequence[Any]) -> Any:
        into = self._forms.into
        try:
            if not self._forms.gaps and not any(may_overlap(out, array) for array in arrays):
                return self._run(into, [*arrays, out])
            out[...] = self._run(self._forms.watched if self._forms.gaps else self._forms.plain, arrays)
        except (TypeError, ValueError, RuntimeError) as error:  # of another precision, or not to be written into
            raise EvaluationError(f"the result cannot be written into out: {error}") from error
        return out

    def _checked_out(self, out: Any, inputs: Mapping[str, Any]) -> Any:
        require_writable(out, self._library.name, not self._node.real and any(map(is_complex, inputs.values())))
        sizes = bind_sizes({self._leaves[name]: shaped(name, value) for name, value in inputs.items()})
        wanted = lengths(self._node.shape, sizes)
        if tuple(out.shape) != wanted:
            raise EvaluationError(f"out has shape {tuple(out.shape)}, and the result {wanted}")
        return out

    def _run(self, form: Callable[..., Any], arrays: Sequence[Any]) -> Any:
        try:
            result = form(*arrays)
        except np.linalg.LinAlgError as error:
            raise ConditionError(f"the value does not exist at these inputs: {error}") from error
        except RuntimeError as error:
            told = _linear_algebra_error(error)
            if told is None:
                raise
            raise ConditionError(f"the value does not exist at these inputs: {told}") from error
        return np.asarray(result) if self._library.name == "numpy" else result

    def _by_position(self, positional: Sequence[Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
        names = list(self._leaves)
        if len(positional) > len(names):
            raise EvaluationError(f"{len(positional)} inputs are given; the function takes {', '.join(names)}")
        given = dict(zip(names, positional, strict=False))
        for name in given:
            if name in inputs:
                raise EvaluationError(f"the input '{name}' is given twice")
        return given

    def _check(self, inputs: Mapping[str, Any]) -> None:
        for name in inputs:
            if name not in self._leaves:
                raise EvaluationError(f"there is no input '{name}'; the function takes {', '.join(self._leaves)}")
        for name in self._needed:
            if name not in inputs:
                raise EvaluationError(f"the input '{name}' is missing; give {', '.join(self._needed)}")
        arrays = {name: shaped(name, value) for name, value in inputs.items()}
        check_fields(self._leaves, {name: is_complex(array) for name, array in arrays.items()})
        self._demands.check(bind_sizes({self._leaves[name]: array for name, array in arrays.items()}))


def _linear_algebra_error(error: RuntimeError) -> str | None:
    """What PyTorch's own class for such errors says, or JAX's report of one in a callback; None of other errors."""
    if type(error).__name__ in ("LinAlgError", "_LinAlgError"):
        return str(error)
    _, found, told = str(error).rpartition("LinAlgError: ")
    return told.strip() if found else None
