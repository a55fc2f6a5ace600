"""The functions of the language by name, and the primitives behind them.

A module under `gradwright.prims` registers what it defines when it is imported. The language looks
functions up here, and so do the templates of primitives that are given by formulas in others.
"""

from __future__ import annotations

import copyreg
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from fractions import Fraction
from functools import partial
from importlib import import_module
from typing import Any

from gradwright.core.build import adjoint, as_number, identity, masked, transpose
from gradwright.core.declarations import Declaration
from gradwright.core.inference import facts_of
from gradwright.core.nodes import Apply, Node, Parameter
from gradwright.core.primitive import Primitive, shape_text
from gradwright.core.sums import add, scaled
from gradwright.errors import DeclarationError, ShapeError, UnknownNameError, UnknownOutputError
from gradwright.frozen import frozen

FUNCTIONS: dict[str, Function] = {}


@frozen
class Outputs:
    """The outputs of a function that has several; one is picked by its name."""

    function: str
    by_name: Mapping[str, Node]

    def __getitem__(self, name: str) -> Node:
        if name not in self.by_name:
            names = ", ".join(self.by_name)
            near = get_close_matches(name, self.by_name, n=1, cutoff=0.4)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            raise UnknownOutputError(f"{self.function} has the outputs {names}, and no '{name}'{hint}")
        return self.by_name[name]


Value = Node | Outputs | str | bool | None | list["Value"]


@frozen
class Call:
    """A call in a text: what is called, with what, and how its arguments were written, for messages."""

    function: str
    positional: tuple[Value, ...]
    keywords: Mapping[str, Value]
    written: Callable[[int], str] | None = None

    def node(self, place: int) -> Node:
        """The positional argument, which has to be a tensor."""
        value = self.positional[place]
        if isinstance(value, Node):
            return value
        text = self.text(place)
        if isinstance(value, Outputs):
            names = " or ".join(f".{name}" for name in value.by_name)
            raise ShapeError(f"{value.function} has several outputs: write {text}{names}")
        instead = "; a matrix of numbers or blocks is block([[a, b], [c, d]])" if isinstance(value, list) else ""
        raise ShapeError(f"{self.function} takes tensors, and {text} is not one{instead}")

    def text(self, place: int) -> str:
        """A positional argument as it was written."""
        return str(self.positional[place]) if self.written is None else self.written(place)

    def nodes(self) -> tuple[Node, ...]:
        """All positional arguments as tensors."""
        return tuple(self.node(place) for place in range(len(self.positional)))

    def expect(self, least: int, most: int, keywords: tuple[str, ...] = (), usage: str = "") -> None:
        """Refuse a wrong number of arguments or a keyword that the function does not take."""
        count = len(self.positional)
        form = f": {usage}" if usage else ""
        for name in self.keywords:
            if name not in keywords:
                raise ShapeError(f"{self.function} takes no argument by the name '{name}'{form}")
        if not least <= count <= most:
            wanted = str(least) if least == most else f"{least} to {most}"
            raise ShapeError(f"{self.function} takes {wanted} argument(s), and {count} are given{form}")

    def integer(self, name: str, place: int | None, default: int | None) -> int | None:
        """A constant whole number, given by position or by keyword."""
        value: Value = self.keywords.get(name)
        if place is not None and place < len(self.positional):
            value = self.positional[place]
        if value is None:
            return default
        found = as_number(value) if isinstance(value, Node) else None
        if found is None or found.denominator != 1:
            raise ShapeError(f"{self.function}: '{name}' has to be a constant whole number")
        return found.numerator

    def choice(self, name: str, allowed: tuple[str | bool, ...]) -> str | bool:
        """A keyword that has one of a few values, the first of which is the default."""
        value = self.keywords.get(name, allowed[0])
        for known in allowed:
            if isinstance(value, str | bool) and value == known:
                return known
        raise ShapeError(f"{self.function}: '{name}' is one of {', '.join(map(repr, allowed))}")

    def axis(self, rank: int, place: int | None = None) -> int | None:
        """The argument `axis`, counted from the front; None if it is not given."""
        axis = self.integer("axis", place, None)
        if axis is None:
            return None
        if not -rank <= axis < rank:
            raise ShapeError(f"{self.function}: axis {axis} does not exist; the tensor has {rank} axes")
        return axis % rank


Builder = Callable[[Call], Node | Outputs]


@frozen
class Function:
    """A function of the language.

    Attributes:
        name: as it is written.
        build: from a call to a node.
        usage: how a call looks.
        summary: one line for the catalogue.
        primitives: the records behind it, if it is not given by a formula alone.
        behind: for a formula, the record that says what it rests on, for the catalogue.
    """

    name: str
    build: Builder
    usage: str
    summary: str
    primitives: tuple[Primitive, ...] = ()
    behind: Primitive | None = None


def register(function: Function) -> Function:
    """Make a function known to the language."""
    FUNCTIONS[function.name] = function
    return function


def formula(name: str, usage: str, summary: str, behind: Primitive | None = None) -> Callable[[Builder], Function]:
    """Register a function that is given by a formula: the decorated builder."""

    def decorate(build: Builder) -> Function:
        return register(Function(name, build, usage, summary, behind=behind))

    return decorate


def primitive_function(*overloads: Primitive) -> Function:
    """The function of a primitive; records of one name differ by the ranks of their inputs."""
    first = overloads[0]
    usage = f"{first.name}({', '.join(d.name for d in first.inputs)})"
    return Function(first.name, partial(apply_overload, overloads, usage=usage), usage, first.summary, overloads)


def register_primitive(*overloads: Primitive) -> Function:
    """Register the function of a primitive."""
    return register(primitive_function(*overloads))


def apply_overload(overloads: tuple[Primitive, ...], call: Call, usage: str) -> Node | Outputs:
    """Apply the record whose inputs have the ranks of the arguments."""
    count = len(overloads[0].inputs)
    call.expect(count, count, usage=usage)
    arguments = call.nodes()
    primitive = _choose(overloads, arguments)
    return apply_primitive(primitive, (), read_parts(primitive, arguments))


def read_parts(primitive: Primitive, arguments: tuple[Node, ...]) -> tuple[Node, ...]:
    """The part of each argument that the primitive reads: a triangle, the diagonal, or a symmetric part.

    Raises:
        DeclarationError: it takes a matrix with orthonormal columns, and an argument is not known to be one.
    """
    return tuple(
        _read_part(primitive, declared, argument)
        for declared, argument in zip(primitive.inputs, arguments, strict=True)
    )


def _read_part(primitive: Primitive, declared: Declaration, argument: Node) -> Node:
    wanted, known = declared.facts, facts_of(argument)
    if "stiefel" in wanted - known:  # no linear map leads there
        raise DeclarationError(
            f"{primitive.name} takes {declared}, and nothing says that its argument has orthonormal columns: declare "
            f"that it has, or define {primitive.name} for any matrix"
        )
    if not argument.is_square:
        return argument
    if "hermitian" in wanted:  # of real matrices the same as symmetric, and what stands for it where they are complex
        wanted -= {"symmetric"}
    return next((read(argument) for fact, read in _PARTS if fact in wanted and fact not in known), argument)


def _half(sign: int, mirrored: Callable[[Node], Node]) -> Callable[[Node], Node]:
    """`½ (A + Aᵀ)`, or `½ (A − Aᵀ)`."""
    half = Fraction(1, 2)
    return lambda matrix: add([scaled(half, matrix), scaled(sign * half, mirrored(matrix))])


# The narrowest set first: for a real matrix hermitian is symmetric, and a diagonal one is both, and triangular.
_PARTS: tuple[tuple[str, Callable[[Node], Node]], ...] = (
    ("diagonal", lambda matrix: masked(matrix, 0, 1, 0)),
    ("unit_lower", lambda matrix: add([masked(matrix, 1, 0, 0), identity(matrix.shape[0])])),
    ("unit_upper", lambda matrix: add([masked(matrix, 0, 0, 1), identity(matrix.shape[0])])),
    ("lower", lambda matrix: masked(matrix, 1, 1, 0)),
    ("upper", lambda matrix: masked(matrix, 0, 1, 1)),
    ("hermitian", _half(1, adjoint)),
    ("symmetric", _half(1, transpose)),
    ("skew", _half(-1, transpose)),
)


def apply_primitive(
    primitive: Primitive, parameters: tuple[Parameter, ...], arguments: tuple[Node, ...]
) -> Node | Outputs:
    """The output of a primitive, or its outputs by name."""
    outputs = {
        declared.name: Apply(primitive, parameters, arguments, place)
        for place, declared in enumerate(primitive.outputs)
    }
    _require_orders(primitive, arguments)
    return next(iter(outputs.values())) if len(outputs) == 1 else Outputs(primitive.name, outputs)


def _require_orders(primitive: Primitive, arguments: tuple[Node, ...]) -> None:
    """Refuse sizes at which there is no such function, where they are known, such as `qr` of a wide matrix."""
    _, dims = primitive.bind(tuple(argument.shape for argument in arguments))
    for larger, smaller in primitive.orders:
        if larger.substitute(dims).is_smaller_than(smaller.substitute(dims)):
            form = primitive.signature.partition("->")[0].strip()
            shapes = " and ".join(shape_text(argument.shape) for argument in arguments)
            told = "this is" if len(arguments) == 1 else "these are"
            raise ShapeError(f"{primitive.name} takes {form} with {larger} ≥ {smaller}, and {told} {shapes}")


def lookup(name: str) -> Function:
    """The function of that name.

    Raises:
        UnknownNameError: there is none; the nearest names are suggested.
    """
    if name in FUNCTIONS:
        return FUNCTIONS[name]
    plain = name.lower()
    listed = [ELSEWHERE[plain]] if plain in ELSEWHERE else get_close_matches(plain, FUNCTIONS, n=3, cutoff=0.6)
    near = [text for text in listed if text]
    hint = f"; did you mean {' or '.join(near)}?" if near else ": write it with others, or define it by its equation"
    raise UnknownNameError(f"there is no function '{name}' in the language{hint}")


def _shipped() -> dict[str, Primitive]:
    """The primitives that gradwright comes with, by their tokens."""
    return {p.token: p for function in FUNCTIONS.values() for p in function.primitives if not p.of_user}


def _called(token: str) -> Primitive:
    # A process that reads a pickle may not have met the functions yet.
    import_module("gradwright.prims")
    return _shipped()[token]


def _reduce(primitive: Primitive) -> tuple[Any, ...]:
    """For copies and pickles: by name what every process has, else by what makes it, or by what a user defined."""
    if _shipped().get(primitive.token) is primitive:
        return _called, (primitive.token,)
    if primitive.maker is not None:
        return primitive.maker
    made_again = primitive.__reduce__()
    assert not isinstance(made_again, str)
    return made_again


copyreg.pickle(Primitive, _reduce)

# What other libraries and textbooks call a function of the language, where the name is not alike; what the language
# has nothing for, although a name is alike, stands with an empty text.
ELSEWHERE = {
    "tr": "trace", "ln": "log", "expm": "matrix_exp", "atan": "arctan", "chol": "cholesky", "matmul": "@",
    "multiply": "*", "hadamard": "*", "pow": "**", "eigvals": "eig", "frobenius": "norm", "inverse": "inv",
    "determinant": "det", "amax": "max", "identity": "eye", "hstack": "concatenate", "vstack": "concatenate",
    "cat": "concatenate", "concat": "concatenate", "stack": "block", "adj": "adjugate", "logsigmoid": "log(sigmoid(x))",
    "silu": "x * sigmoid(x)", "gelu": "x * (1 + erf(x / sqrt(2))) / 2", "clip": "minimum(maximum(x, a), b)",
    "clamp": "minimum(maximum(x, a), b)", "var": "mean((x - mean(x))**2)", "std": "sqrt(mean((x - mean(x))**2))",
    "log2": "log(x) / log(2)", "log10": "log(x) / log(10)", "bmm": "@", "pinverse": "pinv", "mm": "@", "mv": "@",
    "mul": "*", "inner": "dot", "tensordot": "einsum", "prod": "det(diag(x))", "erfc": "1 - erf(x)",
    "leaky_relu": "maximum(x, a * x)", "elu": "where(x > 0, x, exp(x) - 1)",
    "arcsin": "arctan(x / sqrt(1 - x**2))", "asin": "arctan(x / sqrt(1 - x**2))",
    "arccos": "pi / 2 - arctan(x / sqrt(1 - x**2))", "acos": "pi / 2 - arctan(x / sqrt(1 - x**2))",
    "arcsinh": "log(x + sqrt(1 + x**2))", "asinh": "log(x + sqrt(1 + x**2))", "hypot": "sqrt(x**2 + y**2)",
    "cross": "block([[0, -x[2], x[1]], [x[2], 0, -x[0]], [-x[1], x[0], 0]]) @ y",
    "mse_loss": "mean((x - y)**2)", "cross_entropy": "-sum(Y * log_softmax(X, axis=1))",
    **dict.fromkeys(("ndtr", "Phi"), "(1 + erf(x / sqrt(2))) / 2"),
    **dict.fromkeys(("arctan2", "atan2"), "2 * arctan(y / (x + sqrt(x**2 + y**2)))"),
    "gammaln": "lgamma", "psi": "digamma", "trigamma": "polygamma(1, x)",
    **dict.fromkeys(("cov", "sort", "median", "mod", "print"), ""),
}  # fmt: skip


def _choose(overloads: tuple[Primitive, ...], arguments: tuple[Node, ...]) -> Primitive:
    for primitive in overloads:
        ranks = [argument.rank - len(d.shape) for d, argument in zip(primitive.inputs, arguments, strict=True)]
        allowed = all(r == 0 or (r > 0 and d.batched) for r, d in zip(ranks, primitive.inputs, strict=True))
        if allowed and len(set(ranks)) == 1:
            return primitive
    if len(overloads) == 1:
        return overloads[0]
    forms = " or ".join(p.signature.partition("->")[0].strip() for p in overloads)
    shapes = " and ".join(shape_text(argument.shape) for argument in arguments)
    raise ShapeError(f"{overloads[0].name} takes {forms}; these are {shapes}")
