"""Expressions as plain fast functions of an array library."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, cached_property
from typing import Any

import numpy as np

from gradwright.api.calls import are_traced_by_jax, is_traced, leave_no_graph, likeness, may_overlap
from gradwright.api.evaluation import evaluated_form, require_gaps, warn_of_gauge
from gradwright.api.inputs import (
    Demands,
    as_array,
    bind_sizes,
    check_fields,
    inputs_as_read,
    named_leaves,
)
from gradwright.api.provenance import NO_DERIVATIVE, Provenance
from gradwright.back.code.bindings import bound
from gradwright.back.code.in_place import InPlace
from gradwright.back.code.jax_library import jax_differentiates
from gradwright.back.code.library import Library
from gradwright.back.code.live import compile_program, function_source
from gradwright.back.code.lower import lower
from gradwright.back.code.names import Names
from gradwright.back.code.program import Program
from gradwright.back.code.row_blocks import RowBlocks
from gradwright.core.nodes import Direction, Node, Symbol, field_of
from gradwright.core.signature import Signature
from gradwright.core.walks import free_leaves, substitute
from gradwright.diff.derivatives import vjps
from gradwright.diff.gaps import divided_gaps
from gradwright.errors import ConditionError, EmissionError, EvaluationError
from gradwright.optimise import DIFFERENTIABLE_PASSES, are_in_eigenvectors, optimise
from gradwright.optimise.kernels import KERNELS, use_kernels
from gradwright.optimise.row_sums import row_sums
from gradwright.simplify.pipeline import simplify

Leaf = Symbol | Direction


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

    Where PyTorch only computes, and neither records nor transforms what it does, its kernels are called for what they
    compute in one pass, and temporaries are written over.

    Attributes:
        source: the generated code, without these.
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
        self._optimised = optimise({"value": node}, hints or {})
        self._program = program = _lowered(self._optimised, signature, library)
        self._node = node
        self._gaps = divided_gaps(node)[1]
        self._leaves = named_leaves(node, signature, provenance.optional)
        self._needed = tuple(program.parameters)
        self._library = library
        inputs = [self._leaves[name] for name in self._needed]
        if library.name == "jax":
            self._function = _for_jax((node,), inputs, program, self._optimised)
        else:
            self._function = compile_program(program, library, "value", bound(program, library))
        self._recorded = self._function  # what runs where PyTorch differentiates, and otherwise does more than compute
        if library.name == "torch" and are_in_eigenvectors(self._optimised.values()):
            recorded = lower(optimise({"value": node}, hints or {}, DIFFERENTIABLE_PASSES), library, inputs=inputs)
            self._recorded = compile_program(recorded, library, "value", bound(recorded, library))
        self._gauge = provenance.gauge if library.name == "numpy" else ()
        self._signature = signature
        self._demands = Demands.of(node, provenance.origins)
        self._likeness = likeness(tuple(self._leaves), self._needed)
        self._forms: dict[Any, Callable[..., Any]] = {}  # what runs for inputs like these
        self._constants: dict[str, Callable[..., Any]] = {}
        self.source = function_source(program, library, "value")
        self.__name__ = "value"
        self.__doc__ = f"Takes {', '.join(self._leaves)}."

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
            form = self._forms.get(key)
        except (AttributeError, TypeError):  # not as the function takes them; or sizes that are symbols of a trace
            key, arrays, form = None, (), None
        if form is None:
            return self._first_call(key, positional, inputs)
        return self._run(self._recorded_or(form, arrays), arrays)

    def _first_call(self, key: Any, positional: Sequence[Any], inputs: dict[str, Any]) -> Any:
        """The value after everything has been checked; inputs like these need no look the next time."""
        out = inputs.pop("out") if "out" in inputs and "out" not in self._leaves else None
        inputs = inputs_as_read(inputs)
        inputs = {**self._by_position(positional, inputs), **inputs}
        self._check(inputs)
        arrays = self._converted(inputs)
        if self._library.name == "torch" and out is None and is_traced():
            return self._run(self._recorded, arrays)
        if self._gauge:
            self._look_at_gauge(inputs)
        elif key and all(a is inputs[name] for name, a in zip(self._needed, arrays, strict=True)):
            if len(self._forms) >= MOST_SHAPES:
                self._forms.clear()
            self._forms[key] = self._form_for(key, self._form_alone(arrays))
        if out is not None:
            return self._written_into(self._checked_out(out, inputs), arrays)
        if not self._needed and inputs:
            name, value = next(iter(inputs.items()))
            return self._run(self._constant(name), [_CONVERT[self._library.name](name, value)])
        return self._run(self._recorded_or(self._form_alone(arrays), arrays), arrays)

    def _converted(self, inputs: Mapping[str, Any]) -> list[Any]:
        """The arrays of the library; in PyTorch, which multiplies no real matrix by a complex one, of one field.

        If one of the variables that were declared complex is, all are.
        """
        convert = _CONVERT[self._library.name]
        arrays = {name: convert(name, inputs[name]) for name in self._needed}
        if self._library.name == "torch" and any(a.is_complex() for a in arrays.values()):
            real = [name for name, a in arrays.items() if not (a.is_complex() or self._leaves[name].real)]
            arrays |= {name: arrays[name].to(arrays[name].dtype.to_complex()) for name in real}
        return list(arrays.values())

    def _recorded_or(self, form: Callable[..., Any], arrays: Sequence[Any]) -> Callable[..., Any]:
        """A form of the function, or the generated code where PyTorch or JAX does more than compute.

        What looks at gaps may be recorded, but not transformed.
        """
        if form is self._recorded or self._library.name == "numpy":
            return form
        if self._library.name == "jax":
            return self._function if self._gaps and are_traced_by_jax(arrays) else form
        return form if leave_no_graph([a.detach() for a in arrays] if self._gaps else arrays) else self._recorded

    def _form_alone(self, arrays: Sequence[Any]) -> Callable[..., Any]:
        """The function for such arrays where PyTorch just computes; kernels and blocks take arrays of one type."""
        if self._gaps:
            return self._watched
        if len({a.dtype for a in arrays}) != 1:
            return self._function
        blocks = self._row_blocks
        return blocks if blocks is not None and blocks.fits(arrays) else self._alone[1]

    @cached_property
    def _watched(self) -> Callable[..., Any]:
        """The function that refuses gaps lost in rounding errors, which its code computes beside the value."""
        nodes = tuple(dict.fromkeys(n for gap in self._gaps for n in gap.nodes))
        roots = optimise({"value": self._node} | {f"gap{k}": n for k, n in enumerate(nodes)}, self._made_from[3])
        program = lower(roots, self._library, inputs=[self._leaves[name] for name in self._needed])
        function = compile_program(program, self._library, "value", bound(program, self._library))

        def watched(*arrays: Any) -> Any:
            with np.errstate(divide="ignore", invalid="ignore"):
                value, *found = function(*arrays)
            require_gaps(self._gaps, dict(zip(nodes, (as_array("gap", g) for g in found), strict=True)), self._node)
            return value

        return watched

    @cached_property
    def _row_blocks(self) -> RowBlocks | None:
        """The function of a large matrix that reads some rows after the others; None if it has no sums over rows."""
        sums = row_sums(self._optimised["value"]) if self._library.name != "jax" else None
        return None if sums is None else RowBlocks(sums, [self._leaves[name] for name in self._needed], self._library)

    @cached_property
    def _alone(self) -> tuple[Program, Callable[..., Any]]:
        """The code that calls kernels of the library, if there are any for it, and its function."""
        kernels = [kernel for kernel in KERNELS if self._library.implementation(kernel) is not None]
        found = dict(zip(self._optimised, use_kernels(tuple(self._optimised.values()), kernels), strict=True))
        if found == self._optimised:
            return self._program, self._function
        program = lower(found, self._library, inputs=[self._leaves[name] for name in self._needed])
        return program, compile_program(program, self._library, "value", bound(program, self._library))

    def _constant(self, name: str) -> Callable[..., Any]:
        """The value where nothing is needed for it: in the precision of an input, and on its device."""
        if name not in self._constants:
            program = lower(optimise({"value": self._node}), self._library, inputs=(self._leaves[name],))
            self._constants[name] = compile_program(program, self._library, "value", {})
        return self._constants[name]

    def _form_for(self, key: Any, plain: Callable[..., Any]) -> Callable[..., Any]:
        """What runs from the second call on: the function that writes over its temporaries, where that pays."""
        in_place = self.in_place
        if in_place is None or plain is not self._alone[1]:
            return plain

        def fit(*arrays: Any) -> Any:
            self._forms[key], value = in_place.fitted(arrays, plain)
            return value

        return fit

    @cached_property
    def in_place(self) -> InPlace | None:
        """The forms of the function that write over temporaries; None if there are none."""
        program = self._alone[0]
        if self._library.name == "jax" or program.foreign:
            return None
        forms = InPlace(function_source(program, self._library, "value"), "value", {})
        return forms if forms.sites else None

    def _look_at_gauge(self, inputs: Mapping[str, Any]) -> None:
        """Warn where the cotangent depends on a choice; the tests are compiled like the value."""
        names, function, nodes = self._freedom
        if all(name in inputs for name in names):
            found = function(*(as_array(name, inputs[name]) for name in names))
            sizes = bind_sizes({self._leaves[name]: _shaped(name, value) for name, value in inputs.items()})
            warn_of_gauge(self._gauge, dict(zip(nodes, found, strict=True)), sizes, level=5)

    @cached_property
    def _freedom(self) -> tuple[tuple[str, ...], Callable[..., tuple[Any, ...]], tuple[Node, ...]]:
        """What the tests of the gauge take: names of inputs, a function of these, and the nodes that it evaluates."""
        nodes = tuple(dict.fromkeys(n for test in self._gauge for n in test.nodes))
        program = _lowered(optimise({f"part{k}": n for k, n in enumerate(nodes)}), self._signature, self._library)
        function = compile_program(program, self._library, "parts", bound(program, self._library))
        return tuple(program.parameters), function, nodes

    @cached_property
    def _into(self) -> Callable[..., Any]:
        """The function that writes its result into a further argument."""
        if self._library.name == "jax":
            raise EvaluationError("JAX arrays cannot be written into: leave out= away")
        foreign = bound(self._program, self._library)
        return compile_program(self._program, self._library, "value", foreign, out="out")

    def _written_into(self, out: Any, arrays: Sequence[Any]) -> Any:
        into = self._into
        if not self._gaps and not any(may_overlap(out, array) for array in arrays):
            return self._run(into, [*arrays, out])
        out[...] = self._run(self._watched if self._gaps else self._function, arrays)
        return out

    def _checked_out(self, out: Any, inputs: Mapping[str, Any]) -> Any:
        sizes = bind_sizes({self._leaves[name]: _shaped(name, value) for name, value in inputs.items()})
        wanted = tuple(dim.evaluate(sizes) for dim in self._node.shape)
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
        check_fields(self._leaves, {name: _is_complex(value) for name, value in inputs.items()})
        sizes = bind_sizes({self._leaves[name]: _shaped(name, value) for name, value in inputs.items()})
        self._demands.check(sizes)


def _for_jax(
    nodes: Sequence[Node], leaves: Sequence[Leaf], program: Program, optimised: Mapping[str, Node]
) -> Callable[..., Any]:
    """A JAX function with the derived vector-Jacobian product as its derivative where JAX differentiates none of it.

    That is what JAX does not compute itself, and functions of Hermitian matrices by eigenvectors. JAX's cotangents are
    the conjugates of those written here.
    """
    import jax
    import jax.numpy as jnp

    library = library_of("jax")
    function = compile_program(program, library, "value", bound(program, library))
    if not program.foreign and jax_differentiates(optimised.values()):
        return function

    @cache
    def pullback() -> Callable[..., Any]:
        symbols = [Symbol(leaf.name, leaf.shape, leaf.facts) for leaf in leaves]
        simple = [simplify(substitute(node, dict(zip(leaves, symbols, strict=True)))) for node in nodes]
        names = Names(s.name for s in symbols)
        cotangents = tuple(Symbol(names.fresh("G"), node.shape, field_of(node)) for node in simple)
        pulled = vjps(tuple(simple), tuple(symbols), cotangents)
        roots = optimise({s.name: pulled[s] for s in symbols})
        inputs = [*symbols, *cotangents]
        return _for_jax([pulled[s] for s in symbols], inputs, lower(roots, library, inputs=inputs), roots)

    def forward(*arrays: Any) -> Any:
        return wrapped(*arrays), arrays  # and not the function: a second derivative goes through this, too

    def backward(arrays: Any, G: Any) -> Any:
        found = pullback()(*arrays, *map(jnp.conj, G if isinstance(G, tuple) else (G,)))
        listed = found if isinstance(found, tuple) else (found,)
        return tuple(jnp.conj(slope).astype(x.dtype) for slope, x in zip(listed, arrays, strict=True))

    wrapped = jax.custom_vjp(function)
    wrapped.defvjp(forward, backward)
    return wrapped


def _linear_algebra_error(error: RuntimeError) -> str | None:
    """What PyTorch's own class for such errors says, or JAX's report of one in a callback; None of other errors."""
    if type(error).__name__ in ("LinAlgError", "_LinAlgError"):
        return str(error)
    _, found, told = str(error).rpartition("LinAlgError: ")
    return told.strip() if found else None


def _shaped(name: str, value: Any) -> Any:
    return value if hasattr(value, "shape") and hasattr(value, "ndim") else as_array(name, value)


def _is_complex(value: Any) -> bool:
    """Whether an input has complex entries: PyTorch's types say so themselves."""
    told = getattr(getattr(value, "dtype", None), "is_complex", None)
    return np.iscomplexobj(value) if told is None else bool(told)


def _torch_array(name: str, value: Any) -> Any:
    import torch

    if not isinstance(value, torch.Tensor):
        value = torch.as_tensor(as_array(name, value))
    return value if value.is_floating_point() or value.is_complex() else value.to(torch.get_default_dtype())


def _jax_array(name: str, value: Any) -> Any:
    import jax.numpy as jnp

    array = value if hasattr(value, "aval") else jnp.asarray(as_array(name, value))
    return array if jnp.issubdtype(array.dtype, jnp.inexact) else array.astype(float)


_CONVERT: dict[str, Callable[[str, Any], Any]] = {"numpy": as_array, "torch": _torch_array, "jax": _jax_array}
