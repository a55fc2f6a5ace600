"""Modules of plain functions for NumPy and JAX: a value and its derivatives, each a function that stands alone."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, count

from gradwright.back.code.jax_library import jax_differentiates
from gradwright.back.code.library import Library
from gradwright.back.code.lower import Leaf, lower
from gradwright.back.code.newton_source import newton_texts
from gradwright.back.code.numpy_source import is_import, numpy_function
from gradwright.back.code.program import Foreign, Program
from gradwright.back.code.size_checks import composed_checks, named_sizes, order_checks
from gradwright.back.code.spectral_source import spectral_texts
from gradwright.back.code.structures import ALONG_ORTHONORMAL, ALONG_ORTHONORMAL_TEXT, projected
from gradwright.back.code.wrapping import wrapped
from gradwright.core.nodes import Node, Symbol
from gradwright.core.primitive import Primitive, variable_text
from gradwright.core.walks import free_leaves
from gradwright.errors import EmissionError
from gradwright.front.newton import NewtonSolver
from gradwright.frozen import frozen, replace
from gradwright.optimise import JAX_MODULE_PASSES, PASSES, optimise


@frozen
class Plain:
    """A function of a module.

    Attributes:
        name: what it is called.
        told: what its docstring says.
        inputs: what it takes, in order.
        results: what it returns, by name.
        origins: what its results are, or are derivatives of.
    """

    name: str
    told: str
    inputs: tuple[Leaf, ...]
    results: Mapping[str, Node]
    origins: tuple[Node, ...]


_CHECK_SHAPES = '''
def _check_shapes(function, /, **inputs):
    """Refuse other shapes than declared; a name is one size wherever it occurs, and there are no batch axes."""
    sizes = {}
    for name, (x, *dims) in inputs.items():
        if np.ndim(x) != len(dims):
            raise ValueError(f"Input {name} to {function} has {np.ndim(x)} dimension(s), expected {len(dims)}")
        for dim, size in zip(dims, np.shape(x), strict=True):
            known = dim if isinstance(dim, int) else sizes.setdefault(dim, size)
            if size != known:
                where = "" if dim == known else f" with {dim} = {known}"
                wanted = " × ".join(map(str, dims)) + where
                raise ValueError(f"Input {name} to {function} is not {wanted}, got dimensions {np.shape(x)}")
'''


def plain_module(functions: Sequence[Plain], library: Library, docstring: str, pullback: Plain | None) -> str:
    """The text of a module.

    Args:
        functions: in the order in which they stand; the first is the value.
        library: NumPy or JAX.
        docstring: the module's.
        pullback: for JAX, the vector-Jacobian products in all inputs; it becomes the derivative of the value
            if the value calls what JAX cannot differentiate, or not where eigenvalues are equal.

    Raises:
        EmissionError: a part cannot be written in this library.
    """
    names = (*(f.name for f in functions), "_check_shapes", ALONG_ORTHONORMAL)
    programs = [lowered(f, library, names) for f in functions]
    custom = library.name == "jax" and not _jax_differentiates(functions[0], programs[0])
    if custom and pullback is not None:
        functions, programs = [*functions, pullback], [*programs, lowered(pullback, library, names)]
    programs = _one_name_each(programs)
    helpers = {text.strip("\n"): None for p in programs for text in p.helpers.values()}
    foreign = {f.name: f for p in programs for f in p.foreign}
    pasted = list(dict.fromkeys(text for f in foreign.values() for text in foreign_texts(f, library)))
    pasted += ["import jax"] if custom else []
    texts = [*(t for t in pasted if not is_import(t)), *helpers]
    values = tuple(functions[0].results.values())
    texts += ["\n".join(_function(f, p, values, library)) for f, p in zip(functions, programs, strict=True)]
    if custom and pullback is not None:
        texts.append(_as_derivative(functions[0], functions[-1]))
    texts += [ALONG_ORTHONORMAL_TEXT.strip("\n")] if any(f" {ALONG_ORTHONORMAL}(" in text for text in texts) else []
    texts.append(_CHECK_SHAPES.strip("\n").replace("np.", "jnp." if library.name == "jax" else "np."))
    body = "\n\n\n".join(texts)
    imports = {*library.import_lines(body), *filter(is_import, pasted)}
    abstract = [name for name in ("Callable", "Iterator") if f"{name}[" in body]
    imports |= {f"from collections.abc import {', '.join(abstract)}"} if abstract else set()
    imports |= {"from typing import Any"} if re.search(r"\bAny\b", body) else set()
    head = f'"""{escaped(docstring.strip())}\n"""\n\n' + "\n".join(_in_groups(imports))
    return wrapped(f"{head.rstrip()}\n\n\n{body}\n")


def lowered(function: Plain, library: Library, names: Sequence[str]) -> Program:
    """The code of a function; an input that it does not need is one all the same."""
    return lower(_optimised(function, library.name), library, inputs=function.inputs, names=names)


def _optimised(function: Plain, library: str) -> dict[str, Node]:
    passes = JAX_MODULE_PASSES if library == "jax" else PASSES
    return optimise(function.results, passes=passes, beside=function.origins)


def _jax_differentiates(function: Plain, program: Program) -> bool:
    """Whether JAX has all that a function calls, or its text has the derivatives."""
    called = all(foreign.primitive.scalar is not None for foreign in program.foreign)
    return called and jax_differentiates(_optimised(function, "jax").values())


def _one_name_each(programs: Sequence[Program]) -> list[Program]:
    """The programs with one name for every foreign function, and another for every other and for what is local."""
    local = {name for p in programs for s in p.statements for name in s.target.split(", ")}
    names: dict[object, str] = {}
    found: list[Program] = []
    for program in programs:
        renamed: dict[str, Foreign] = {}
        for foreign in program.foreign:
            key = (foreign.primitive.token, foreign.parameters)
            if key not in names:
                candidates = chain([foreign.name], (f"{foreign.name}_of_{k}" for k in count(2)))
                names[key] = next(name for name in candidates if name not in local.union(names.values()))
            renamed[foreign.name] = replace(foreign, name=names[key])
        found.append(_calling(program, renamed))
    return found


def _calling(program: Program, renamed: Mapping[str, Foreign]) -> Program:
    """A program with its foreign calls by other names."""
    if not renamed:
        return program
    pattern = re.compile(rf"(?<![\w.])({'|'.join(map(re.escape, renamed))})\(")

    def put(text: str) -> str:
        return pattern.sub(lambda match: f"{renamed[match.group(1)].name}(", text)

    statements = tuple(replace(s, expression=put(s.expression)) for s in program.statements)
    results = {name: put(text) for name, text in program.results.items()}
    return replace(program, statements=statements, results=results, foreign=tuple(renamed.values()))


def _function(function: Plain, program: Program, values: tuple[Node, ...], library: Library) -> Iterator[str]:
    yield from program.head(function.name)
    yield f'    """{escaped(function.told)}'
    yield ""
    yield "    Args:"
    for leaf in function.inputs:
        yield f"        {program.parameters[leaf.name]}: {variable_text(leaf.shape, leaf.facts)}"
    yield '    """'
    shapes = {leaf.name: (program.parameters[leaf.name], leaf.shape) for leaf in function.inputs}
    axes = [(dim, f"{name}.shape[{axis}]") for name, shape in shapes.values() for axis, dim in enumerate(shape)]
    sizes = named_sizes(axes)
    yield f'    _check_shapes("{function.name}", {", ".join(_with_dims(leaf, program) for leaf in function.inputs)})'
    yield from (f"    {line}" for line in composed_checks(function.name, shapes, sizes))
    symbols = [leaf for leaf in function.inputs if isinstance(leaf, Symbol)]
    derivative = tuple(function.results.values()) != values
    yield from (f"    {line}" for line in order_checks(function.name, [*symbols, *values], sizes, derivative))
    yield from (f"    {line}" for line in _projections(function, program, library))
    yield from (f"    {line}" for line in program.body())


def _projections(function: Plain, program: Program, library: Library) -> Iterator[str]:
    """The lines that project what is read on the sets that are declared."""
    for leaf in function.inputs:
        name = program.parameters[leaf.name]
        if name in program.reads_entries_of:
            text = projected(name, leaf, library)
            yield from [f"{name} = {text}"] if text else []


def _with_dims(leaf: Leaf, program: Program) -> str:
    """An input by name, with its declared dimensions."""
    dims = [f'"{dim}"' if dim.value is None else str(dim) for dim in leaf.shape]
    return f"{leaf.name}=({', '.join([program.parameters[leaf.name], *dims])}{'' if dims else ','})"


def foreign_texts(foreign: Foreign, library: Library) -> list[str]:
    """The texts that define a foreign function under its name in a program, imports among them."""
    if foreign.primitive.scalar is not None:
        return spectral_texts(foreign.primitive, foreign.name, library)
    implementation = foreign.primitive.numpy
    if implementation is None:
        raise EmissionError(f"{foreign.primitive.name} has no implementation")
    if isinstance(implementation, NewtonSolver):
        called = f"_{foreign.name}_by_newton"
        texts = [text.strip("\n") for text in newton_texts(implementation, called, foreign_texts)]
    else:
        texts, called = numpy_function(foreign.primitive, implementation)
    constants = "".join(f", {parameter!r}" for parameter in foreign.parameters)
    arguments = ", ".join(d.name for d in foreign.primitive.inputs)
    if library.name == "numpy":
        if called == foreign.name:
            return texts
        told = f'    """{_summary(foreign.primitive)}."""'
        return [*texts, f"def {foreign.name}({arguments}):\n{told}\n    return {called}({arguments}{constants})"]
    on_host = _on_host(foreign, called, constants)
    return ["import jax", "import jax.numpy as jnp", "import numpy as np", *texts, on_host, _callback(foreign)]


def _summary(primitive: Primitive) -> str:
    return escaped(primitive.summary[:1].upper() + primitive.summary[1:])


# The numerical type of an output, by its declared field.
_TYPES = {"same": "kind", "real": "{lib}.finfo(kind).dtype", "complex": "{lib}.result_type(kind, {lib}.complex64)"}


def _output_types(primitive: Primitive, library: str) -> list[str]:
    kinds = [primitive.field] * len(primitive.outputs) if isinstance(primitive.field, str) else primitive.field
    return [_TYPES[kind].format(lib=library) for kind in kinds]


def _on_host(foreign: Foreign, called: str, constants: str) -> str:
    """The function of NumPy arrays that JAX calls; one for all calls, since JAX compiles a call of each anew."""
    types = _output_types(foreign.primitive, "np")
    single = len(types) == 1
    lines = [
        f"def _{foreign.name}_on_host(*inputs):",
        "    arrays = [np.asarray(x) for x in inputs]",
        "    kind = np.result_type(*arrays)",
        f"    found = {called}(*arrays{constants})",
        f"    return np.asarray(found, {types[0]})"
        if single
        else f"    return tuple(map(np.asarray, found, ({', '.join(types)})))",
    ]
    return "\n".join(lines)


def _callback(foreign: Foreign) -> str:
    """A function of JAX arrays that calls one of NumPy arrays, also under `jit` and `vmap`."""
    primitive = foreign.primitive
    arguments = ", ".join(d.name for d in primitive.inputs)
    sizes = {dim.name: f"{d.name}.shape[{axis - len(d.shape)}]" for d in primitive.inputs
             for axis, dim in enumerate(d.shape) if dim.name}  # fmt: skip
    batches = ", ".join(f"{d.name}.shape[:{-len(d.shape) or ''}]" for d in primitive.inputs if d.batched)
    batch = [f"*jnp.broadcast_shapes({batches})"] if batches else []
    shapes: list[str] = []
    for declared, type_ in zip(primitive.outputs, _output_types(primitive, "jnp"), strict=True):
        axes = [*batch] if declared.batched else []
        axes += [sizes.get(dim.name or "", str(dim)) for dim in declared.shape]
        shape = f"({', '.join(axes)}{',' if len(axes) == 1 else ''})"
        shapes.append(f"jax.ShapeDtypeStruct({shape}, {type_})")
    listed = ", ".join(shapes) if len(shapes) == 1 else f"({', '.join(shapes)})"
    lines = [
        f"def {foreign.name}({arguments}):",
        f'    """{_summary(primitive)}, computed by SciPy or NumPy."""',
        f"    kind = jnp.result_type({arguments})",
        f"    shapes = {listed}",
        f'    return jax.pure_callback(_{foreign.name}_on_host, shapes, {arguments}, vmap_method="sequential")',
    ]
    return "\n".join(lines)


def _as_derivative(value: Plain, pullback: Plain) -> str:
    """The value with the pullback as its derivative; JAX's cotangents are conjugates of those written here."""
    single = len(value.results) == 1
    several = f"({', '.join('G_' + str(k) for k in range(len(value.results)))},)"
    unpack = [] if single else [f"    {several} = G"]
    cotangents = "jnp.conj(G)" if single else ", ".join(f"jnp.conj(G_{k})" for k in range(len(value.results)))
    lines = [
        f"{value.name} = jax.custom_vjp({value.name})",
        "",
        "",
        "def _forward(*inputs):",
        f"    return {value.name}(*inputs), inputs",
        "",
        "",
        "def _backward(inputs, G):",
        *unpack,
        f"    found = {pullback.name}(*inputs, {cotangents})",
        "    found = found if isinstance(found, tuple) else (found,)",
        "    return tuple(jnp.conj(slope).astype(x.dtype) for slope, x in zip(found, inputs, strict=True))",
        "",
        "",
        f"{value.name}.defvjp(_forward, _backward)",
    ]
    return "\n".join(lines)


def _in_groups(imports: set[str]) -> Iterator[str]:
    """The standard library's imports, an empty line, and the others."""
    standard = sorted(
        (line for line in imports if line.split()[1].split(".")[0] in sys.stdlib_module_names),
        key=lambda line: (line.startswith("from "), line),
    )
    yield from standard
    if standard:
        yield ""
    yield from sorted(imports.difference(standard))


def escaped(text: str) -> str:
    """Text for the inside of a docstring."""
    return text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')


def inputs_of(nodes: Sequence[Node], declared: Sequence[Leaf]) -> tuple[Leaf, ...]:
    """All declared variables, and then whatever else occurs."""
    found: dict[str, Leaf] = {s.name: s for s in declared}
    for node in nodes:
        for leaf in free_leaves(node):
            if isinstance(leaf, Leaf):
                found.setdefault(leaf.name, leaf)
    return tuple(found.values())
