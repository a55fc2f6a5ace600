"""The text of the pytest file of an emitted module.

The tests know nothing of gradwright. Values are held to numbers that the reference evaluator gave, to the plain
definition, and to the equations that define a function; derivatives to differences, at generic points of the declared
set; batches and `vmap` to loops. The numbers matter most: the plain definition is written as the module is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gradwright.back.code import TORCH, Program, lower
from gradwright.back.code.names import Names
from gradwright.back.code.size_checks import size_text
from gradwright.back.code.wrapping import INDENT, WIDTH, wrapped
from gradwright.back.torch.module import Asked
from gradwright.back.torch.points import HELPERS, NORMAL, into_set, nearby_code, value_code
from gradwright.back.torch.reference import Reference, array_lines, reference
from gradwright.core.arithmetic import Array
from gradwright.core.nodes import Apply, Node, Symbol, field_of
from gradwright.core.points import choose_sizes, demanded_orders, dimension_names, even_sizes
from gradwright.core.templates import formals, identities, instantiate
from gradwright.core.walks import applications
from gradwright.frozen import frozen
from gradwright.linear.projection import is_structured
from gradwright.optimise import optimise
from gradwright.prims.inv import inv
from gradwright.simplify.pipeline import simplify_all

# What the file calls its own: dimensions, variables and the function have other names there.
OWN_NAMES = frozenset(
    {"pytest", "torch", "Tensor", "gradcheck", "gradgradcheck", "math", "GENERATOR", "ORIGIN", "VALUED", "normal",
     "point", "leaves", "free", "plain", "numbers", "sides", *(call.strip("(") for call in HELPERS)}
)  # fmt: skip


@frozen
class Tested:
    """What a pytest file is written for.

    Attributes:
        module: the module's name.
        exported: the function's name there.
        function: the function's name in the file.
        inputs: the variables, in order.
        identifiers: what the file calls them.
        sizes: the size of every dimension.
        dimensions: what the file calls each.
        plain: the body of the plain definition, as lines; empty where PyTorch lacks a function.
        helpers: the functions that the plain definition calls.
        identity: both sides of the equations that define the function, as lines; empty where none do.
        singular: whether a zero matrix for the only input is singular.
        outputs: how many outputs there are.
        reference: numbers at a point, if they are determined.
    """

    module: str
    exported: str
    function: str
    inputs: tuple[Symbol, ...]
    identifiers: tuple[str, ...]
    sizes: Mapping[str, int]
    dimensions: Mapping[str, str]
    plain: tuple[str, ...]
    helpers: tuple[str, ...]
    identity: tuple[str, ...]
    singular: bool
    outputs: int
    reference: Reference | None


def tests_text(asked: Asked, module: str) -> str:
    """The whole file, for a module of the given name."""
    tested = _tested(asked, module)
    body = [*_valued(tested), _point(tested), _free(tested), *_tests(tested)]
    text = "\n\n\n".join(part.strip("\n") for part in body)
    helpers = [helper.strip("\n") for call, helper in HELPERS.items() if call in text]
    return wrapped("\n\n\n".join([_head(tested, text), NORMAL.strip("\n"), *helpers, text]) + "\n")


def _tested(asked: Asked, module: str) -> Tested:
    nodes = [node for _, node in asked.outputs]
    roots = [*asked.inputs, *nodes]
    numbers = reference(asked.inputs, nodes)
    sizes = choose_sizes(dimension_names(roots), demanded_orders(roots), even=even_sizes(roots))
    sizes |= {} if numbers is None else numbers.sizes  # at which there are values: B Bᵀ has no inverse for a tall B
    values = simplify_all(tuple(nodes))
    function = f"{asked.name}_" if asked.name in OWN_NAMES else asked.name
    dimensions = _dimensions(sizes, function)
    names = (*OWN_NAMES, function, *dimensions.values())
    roots_by_name = optimise({str(k): v for k, v in enumerate(values)})
    program = lower(roots_by_name, TORCH, inputs=asked.inputs, batched=True, names=names)
    plain = () if program.foreign else tuple(program.body())
    equations = _equations(asked, names)
    shown = [p for p in (program if plain else None, equations) if p is not None]
    helpers = tuple(dict.fromkeys(text.strip("\n") for p in shown for text in p.helpers.values()))
    identity = () if equations is None else (_sides_head(equations), *equations.body())
    inverted = {n.arguments[0] for v in values for n in applications(v) if n.primitive is inv}
    singular = len(asked.inputs) == 1 and inverted == {asked.inputs[0]} and not is_structured(asked.inputs[0].facts)
    identifiers = tuple(program.parameters[s.name] for s in asked.inputs)
    return Tested(
        module=module,
        exported=asked.name,
        function=function,
        inputs=asked.inputs,
        identifiers=identifiers,
        sizes=sizes,
        dimensions=dimensions,
        plain=plain,
        helpers=helpers,
        identity=identity,
        singular=singular,
        outputs=len(nodes),
        reference=numbers,
    )


def _equations(asked: Asked, names: Sequence[str]) -> Program | None:
    """Both sides of the equations that define a function of the inputs, in these and all of its outputs."""
    nodes = [node for _, node in asked.outputs]
    first = nodes[0]
    if not isinstance(first, Apply) or first.arguments != asked.inputs or tuple(nodes) != first.outputs:
        return None
    formal = formals(first.primitive)
    taken = Names((*names, *(s.name for s in asked.inputs)))
    pairs = zip(formal.outputs, nodes, strict=True)
    outputs = tuple(Symbol(taken.fresh(o.name), node.shape, field_of(node)) for o, node in pairs)
    known: dict[Node, Node] = {
        **dict(zip(formal.inputs, asked.inputs, strict=True)),
        **dict(zip(formal.outputs, outputs, strict=True)),
    }
    _, dims = first.primitive.bind(tuple(s.shape for s in asked.inputs))
    equations = [instantiate(side, known, dims) for sides in identities(first.primitive) for side in sides]
    if not equations:
        return None
    roots = {str(k): side for k, side in enumerate(equations)}
    program = lower(roots, TORCH, inputs=(*outputs, *asked.inputs), batched=True, names=names)
    return None if program.foreign else program


def _sides_head(program: Program) -> str:
    parameters = ", ".join(f"{name}: Tensor" for name in program.parameters.values())
    return f"def sides({parameters}) -> tuple[Tensor, ...]:"


def _dimensions(sizes: Mapping[str, int], function: str) -> dict[str, str]:
    """What the file calls each dimension: a variable of the file, which also has tests."""
    names = Names({*OWN_NAMES, function, *(name for name in sizes if name.startswith("test_"))})
    return {name: names.fresh(name) for name in sizes}


_WARNING = """\
# PyTorch warns of itself where forward mode is used for the first time; where warnings are errors, this is none.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")"""


def _head(tested: Tested, text: str) -> str:
    checks = ", ".join(name for name in ("gradcheck", "gradgradcheck") if f"{name}(" in text)
    sizes = "\n".join(f"{tested.dimensions[name]} = {size}" for name, size in tested.sizes.items())
    renamed = f" as {tested.function}" if tested.function != tested.exported else ""
    return "\n".join(
        [
            f'"""Tests of {tested.module}.{tested.exported}: python -m pytest test_{tested.module}.py"""',
            "",
            *(["import math", ""] if "math." in text else []),
            "import pytest",
            "import torch",
            "from torch import Tensor",
            f"from torch.autograd import {checks}",
            "",
            f"from {tested.module} import {tested.exported}{renamed}",
            "",
            _WARNING,
            "",
            "GENERATOR = torch.Generator()",
            *([sizes] if sizes else []),
        ]
    )


def _valued(tested: Tested) -> list[str]:
    """The numbers of the reference, where tests have to stay near them."""
    if tested.reference is None or not tested.reference.rare:
        return []
    return [NUMBERS, "\n".join(["VALUED = (", *_input_lines(tested, tested.reference, 1), ")"])]


def _input_lines(tested: Tested, found: Reference, depth: int) -> list[str]:
    pairs = zip(tested.inputs, found.inputs, strict=True)
    return [line for symbol, array in pairs for line in _numbers(array, f",  # {symbol.name}", depth)]


def _point(tested: Tested) -> str:
    lines = [
        "def point(seed: int = 0) -> tuple[Tensor, ...]:",
        '    """A generic point, the same one for the same seed: a value for every input."""',
        "    GENERATOR.manual_seed(seed)",
        "    return (",
    ]
    rare = bool(_valued(tested))
    for place, symbol in enumerate(tested.inputs):
        shape = _shape(symbol, tested.dimensions)
        code = nearby_code(symbol, f"VALUED[{place}]", shape) if rare else value_code(symbol, shape)
        lines.append(f"        {code},  # {symbol.name}")
    return "\n".join([*lines, "    )"])


def _shape(symbol: Symbol, dimensions: Mapping[str, str]) -> list[str]:
    return [size_text(dim, dimensions) for dim in symbol.shape]


def _free(tested: Tested) -> str:
    """The function of free tensors, and where the tests start."""
    if not any("stiefel" in s.facts for s in tested.inputs):
        return "\n".join(
            [
                "def leaves() -> tuple[Tensor, ...]:",
                '    """Inputs that ask for gradients."""',
                "    return tuple(x.requires_grad_() for x in point())",
            ]
        )
    pairs = zip(tested.identifiers, tested.inputs, strict=True)
    arguments = ", ".join(_in_set(*pair, place) for place, pair in enumerate(pairs))
    return "\n".join(
        [
            "def leaves() -> tuple[Tensor, ...]:",
            '    """Free tensors that ask for gradients."""',
            "    return tuple(x.requires_grad_() for x in point())",
            "",
            "",
            "ORIGIN = point(1)",
            "",
            "",
            f"def free({', '.join(f'{n}: Tensor' for n in tested.identifiers)}) -> Tensor | tuple[Tensor, ...]:",
            '    """The function of free tensors: what is not in an input\'s declared set is put there first."""',
            f"    return {tested.function}({arguments})",
        ]
    )


def _in_set(name: str, symbol: Symbol, place: int) -> str:
    if "stiefel" in symbol.facts:
        return f"turned(ORIGIN[{place}], {name} - ORIGIN[{place}])"
    return into_set(name, symbol.facts)


def _tests(tested: Tested) -> list[str]:
    called = "free" if any("stiefel" in s.facts for s in tested.inputs) else tested.function
    tests = [*tested.helpers]
    tests += [_reference_test(tested, tested.reference)] if tested.reference is not None else []
    tests += [_plain_test(tested)] if tested.plain else []
    tests += [_identity_test(tested)] if tested.identity else []
    tests += [
        _test("gradients", f"assert gradcheck({called}, leaves(), nondet_tol=1e-10)"),
        _test(
            "second_derivatives", f"assert gradgradcheck({called}, leaves(), check_fwd_over_rev=True, nondet_tol=1e-10)"
        ),
        _test(
            "forward_mode",
            f"assert gradcheck({called}, leaves(), check_forward_ad=True, check_backward_ad=False, nondet_tol=1e-10)",
        ),
        _BATCH.format(function=tested.function),
        _COMPILE.format(function=tested.function),
        *_refusals(tested),
    ]
    return tests


def _test(name: str, *lines: str) -> str:
    return "\n".join([f"def test_{name}() -> None:", *(f"    {line}" for line in lines)])


def _plain_test(tested: Tested) -> str:
    parameters = ", ".join(f"{name}: Tensor" for name in tested.identifiers)
    plain = [f"def plain({parameters}) -> Tensor | tuple[Tensor, ...]:", '    """The definition."""']
    return "\n".join(
        [*plain, *(f"    {line}" for line in tested.plain), "", "", _VALUE.format(function=tested.function)]
    )


def _reference_test(tested: Tested, found: Reference) -> str:
    """The numbers at a point, and what they were computed from."""
    lines = [
        "def test_numbers() -> None:",
        '    """Held to the expression as it was written, evaluated by itself, and to its derivative."""',
    ]
    inputs = ["    inputs = (", *_input_lines(tested, found, 2), "    )"]
    lines += ["    inputs = VALUED"] if found.rare else inputs
    lines += [f"    value = {tested.function}(*inputs)"]
    lines += _compared("value", found.values, tested.outputs > 1)
    lines += ["    slopes = torch.autograd.grad(", "        value,", "        inputs,"]
    lines += [*_listed(found.cotangents, tested.outputs > 1), "    )"]
    lines += _compared("slopes", found.gradients, several=True)
    return "\n".join([*([] if found.rare else [NUMBERS.strip("\n"), "", ""]), *lines])


def _compared(name: str, arrays: Sequence[Array], several: bool) -> list[str]:
    call = ["    torch.testing.assert_close(", f"        {'tuple(' + name + ')' if several else name},"]
    return [*call, *_listed(arrays, several), "        rtol=1e-6,", "        atol=1e-8,", "    )"]


def _listed(arrays: Sequence[Array], several: bool) -> list[str]:
    """Arrays as an argument on lines of its own: a tuple, if there are several."""
    if not several:
        return _numbers(arrays[0], ",", 2)
    indent = INDENT * 2
    lines = [line for array in arrays for line in _numbers(array, ",", 3)]
    alone = f"{indent}({lines[0].strip()}),"  # the formatter opens no tuple of one
    return [alone] if len(lines) == 1 and len(alone) <= WIDTH else [f"{indent}(", *lines, f"{indent}),"]


def _numbers(array: Array, after: str, depth: int) -> list[str]:
    """A call of `numbers`, laid out as the formatter does."""
    indent, kind = INDENT * depth, "torch.complex128" if np.iscomplexobj(array) else ""
    whole = array_lines(array, f"{indent}numbers(", f"{', ' if kind else ''}{kind}){after}", WIDTH)
    if len(whole) == 1:
        return whole
    inside = array_lines(array, indent + INDENT, "," if kind else "", WIDTH)
    return [f"{indent}numbers(", *inside, *([f"{indent}{INDENT}{kind},"] if kind else []), f"{indent}){after}"]


def _identity_test(tested: Tested) -> str:
    head, *body = tested.identity
    return "\n".join(
        [
            head,
            '    """Left and right sides of the equations that define the function."""',
            *(f"    {line}" for line in body),
            "",
            "",
            "def test_defining_equations() -> None:",
            "    inputs = point()",
            f"    outputs = {tested.function}(*inputs)",
            "    both = sides(*outputs, *inputs)" if tested.outputs > 1 else "    both = sides(outputs, *inputs)",
            "    torch.testing.assert_close(both[::2], both[1::2])",
        ]
    )


NUMBERS = '''
def numbers(entries: object, dtype: torch.dtype = torch.float64) -> Tensor:
    """A tensor that asks for gradients."""
    return torch.tensor(entries, dtype=dtype, requires_grad=True)
'''
_VALUE = """def test_value() -> None:
    inputs = point()
    torch.testing.assert_close({function}(*inputs), plain(*inputs))"""
_BATCH = """def test_batches_and_vmap() -> None:
    points = [point(seed) for seed in range(3)]
    wanted = [{function}(*inputs) for inputs in points]
    batch = [torch.stack(parts) for parts in zip(*points, strict=True)]
    for found in ({function}(*batch), torch.vmap({function})(*batch)):
        for k, one in enumerate(wanted):
            part = found[k] if isinstance(one, Tensor) else tuple(output[k] for output in found)
            torch.testing.assert_close(part, one if isinstance(one, Tensor) else tuple(one))"""
_COMPILE = """def test_compiled() -> None:
    torch._dynamo.reset()
    compiled = torch.compile({function}, fullgraph=True, backend="aot_eager")
    inputs = leaves()
    value, wanted = compiled(*inputs), {function}(*inputs)
    torch.testing.assert_close(value, wanted)
    outputs = list(zip(value, wanted, strict=True)) if isinstance(wanted, tuple) else [(value, wanted)]
    for a, b in outputs:
        weights = torch.rand_like(b)
        found, slopes = (torch.autograd.grad(y, inputs, weights, retain_graph=True, allow_unused=True) for y in (a, b))
        for left, right in zip(found, slopes, strict=True):
            torch.testing.assert_close(left, right)"""


def _refusals(tested: Tested) -> list[str]:
    tests: list[str] = []
    for place, symbol in enumerate(tested.inputs):
        if symbol.rank:
            tests.append(_refusal(tested, f"too_few_dimensions_in_{symbol.name}", place, "inputs[{k}].reshape(-1)[0]",
                                  "ValueError", "dimension"))  # fmt: skip
        if symbol.is_square:
            tests.append(_refusal(tested, f"{symbol.name}_that_is_not_square", place, "inputs[{k}][:, 1:]",
                                  "ValueError", "not square"))  # fmt: skip
    tests.append(_refusal(tested, "whole_numbers", 0, "inputs[{k}].real.long()", "TypeError", "dtype"))
    if tested.singular:
        tests.append(
            _test(
                "singular_input_is_refused",
                "(X,) = point()",
                "with pytest.raises(torch.linalg.LinAlgError):",
                f"    {tested.function}(torch.zeros_like(X))",
            )
        )
    return tests


def _refusal(tested: Tested, what: str, place: int, change: str, error: str, message: str) -> str:
    return _test(
        f"{what}_are_refused" if what.endswith("s") else f"{what}_is_refused",
        "inputs = list(point())",
        f"inputs[{place}] = {change.format(k=place)}",
        f'with pytest.raises({error}, match="{message}"):',
        f"    {tested.function}(*inputs)",
    )
