"""The public expression: a node with its signature."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from math import isfinite
from numbers import Complex, Real
from operator import index
from typing import TYPE_CHECKING, Any, NoReturn, SupportsIndex

from gradwright.api.dimensions import dim
from gradwright.api.provenance import NO_DERIVATIVE, Provenance
from gradwright.back.render import ascii_of, is_writable, latex_of, readable, text_of
from gradwright.core import build
from gradwright.core.contraction import is_zero
from gradwright.core.dims import Dim
from gradwright.core.language import divide, power
from gradwright.core.nodes import Direction, Node, Symbol
from gradwright.core.primitive import shape_text
from gradwright.core.registry import Call, Outputs, lookup
from gradwright.core.signature import Signature
from gradwright.core.walks import free_leaves
from gradwright.errors import EvaluationError, LanguageError, ShapeError
from gradwright.front.parsing import DIMENSION_CALLS, parse_expression

# What needs SciPy is imported where it is used: the import of the package is light.
if TYPE_CHECKING:
    from gradwright.api.compiled import CompiledFunction
    from gradwright.back.operators.operator import StructuredOperator


class Expression:
    """A tensor expression over declared variables.

    Expressions are made by `parse`, by `matrix`, `vector`, `scalar` and `tensor`, and by the operators
    and functions of the language. They are immutable and compare by structure; `gradwright.equal`
    compares them as functions.

    Attributes:
        node: the expression tree.
        signature: the declared variables, in order.
        provenance: for a derivative, what it comes from.
    """

    __slots__ = ("_written", "node", "provenance", "signature")
    __array_ufunc__ = None
    node: Node
    signature: Signature
    provenance: Provenance

    def __init__(
        self, node: Node, signature: Signature, written: str = "", provenance: Provenance = NO_DERIVATIVE
    ) -> None:
        self.node = node
        self.signature = signature
        self._written = written
        self.provenance = provenance

    @property
    def shape(self) -> tuple[Dim, ...]:
        """The dimensions of the axes."""
        return self.node.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.node.rank

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of the declared variables, in order."""
        return self.signature.names

    @property
    def is_zero(self) -> bool:
        """Whether the expression is the tensor of zeros."""
        return is_zero(self.node)

    @property
    def is_constant(self) -> bool:
        """Whether no variable, direction or cotangent is left in the expression."""
        return not any(isinstance(leaf, Symbol | Direction) for leaf in free_leaves(self.node))

    @property
    def written(self) -> str:
        """The text that it was parsed from; else its text in the language, or with letters where that takes pages."""
        return self._written or (self.text() if is_writable(self.node) else str(self))

    def mentions(self, name: str) -> bool:
        """Whether a variable occurs in the expression, or in the text that it was parsed from: it may cancel."""
        occurring = any(isinstance(leaf, Symbol) and leaf.name == name for leaf in free_leaves(self.node))
        return occurring or re.search(rf"\b{re.escape(name)}\b", self._written) is not None

    @property
    def T(self) -> Expression:
        """The transpose of a matrix."""
        return self._with(build.transpose(self.node))

    @property
    def H(self) -> Expression:
        """The conjugate transpose of a matrix."""
        return self._with(build.adjoint(self.node))

    def text(self) -> str:
        """The expression in the text language, which `parse` reads back."""
        return text_of(self.node, {declared.name for declared in self.signature})

    def ascii(self) -> str:
        """Mathematical notation in the signs of a keyboard: `roll(outer(-inv(X), inv(X)), 4, 2)`."""
        return ascii_of(self.node)

    def latex(self) -> str:
        """The expression in LaTeX."""
        return latex_of(self.node)

    def evaluate(self, /, *values: Any, **inputs: Any) -> Any:
        """The value at given arrays.

        Args:
            *values: nothing: arrays are given by name.
            **inputs: an array for every variable, direction and cotangent that occurs, by name.
                Declared variables that no longer occur are accepted too; they may settle dimensions.

        Returns:
            An array of the library that the inputs come from; a scalar is 0-dimensional.

        Raises:
            EvaluationError: an input is missing, unknown, or has the wrong shape.
            ConditionError: the inputs violate a condition, such as a singular matrix.

        Warns:
            GaugeWarning: the cotangent depends on a choice in a factorisation, which the inputs do not determine.
        """
        from gradwright.api.evaluation import evaluate_expression

        if values:
            example = f"{self.variables[0]}=…" if self.variables else ""
            raise EvaluationError(f"evaluate takes its arrays by name: write evaluate({example})")
        return evaluate_expression(self.node, self.signature, inputs, self.provenance)

    def compile(self, library: str = "numpy", hints: Mapping[str, int] | None = None) -> CompiledFunction:
        """A plain fast function of arrays of a library.

        Args:
            library: `"numpy"`, `"torch"` or `"jax"`.
            hints: sizes of dimension names to expect, by which the order of products is chosen.

        Raises:
            EmissionError: there is no such library, or it cannot express a part.
        """
        from gradwright.api.compiled import compiled

        return compiled(self.node, self.signature, library, hints, self.provenance)

    def operator(self, /, **inputs: Any) -> StructuredOperator:
        """The expression as a linear operator at given arrays: products and systems without the matrix.

        A Jacobian maps the variable's axes to the output's, a Hessian the variable's axes to themselves; any
        other expression maps the second half of its axes to the first. What the expression shows of
        the operator's structure is used: Kronecker products and sums, diagonals, low rank, blocks.

        Args:
            **inputs: an array for every variable that occurs, by name. They are copied in double precision, in
                which the operator computes.

        Raises:
            ShapeError: an expression with an odd number of axes that is not a Jacobian.
            EvaluationError: an input is missing, unknown, or has the wrong shape.
            ConditionError: the inputs violate a condition, as in `evaluate`.
        """
        from gradwright.api.operators import operator_of

        return operator_of(self.node, self.signature, inputs, self.provenance)

    def __add__(self, other: Expression | complex | Fraction) -> Expression:
        return self._binary(other, build.plus)

    def __radd__(self, other: Expression | complex | Fraction) -> Expression:
        return self._binary(other, build.plus, swapped=True)

    def __sub__(self, other: Expression | complex | Fraction) -> Expression:
        return self._binary(other, build.minus)

    def __rsub__(self, other: Expression | complex | Fraction) -> Expression:
        return self._binary(other, build.minus, swapped=True)

    def __mul__(self, other: Expression | complex | Fraction) -> Expression:
        return self._binary(other, build.multiply)

    def __rmul__(self, other: Expression | complex | Fraction) -> Expression:
        return self._binary(other, build.multiply, swapped=True)

    def __truediv__(self, other: Expression | complex | Fraction) -> Expression:
        return self._binary(other, divide)

    def __rtruediv__(self, other: Expression | complex | Fraction) -> Expression:
        return self._binary(other, divide, swapped=True)

    def __matmul__(self, other: Expression | complex | Fraction) -> Expression:
        return self._binary(other, build.matmul)

    def __rmatmul__(self, other: Expression | complex | Fraction) -> Expression:
        return self._binary(other, build.matmul, swapped=True)

    def __pow__(self, other: Expression | complex | Fraction) -> Expression:
        return self._binary(other, power)

    def __rpow__(self, other: Expression | complex | Fraction) -> Expression:
        return self._binary(other, power, swapped=True)

    def __xor__(self, other: object) -> Expression:
        raise LanguageError(
            "'^' is not a power here: write ** for the power of every entry, or matrix_power(X, k) "
            "for the power of a matrix"
        )

    def __neg__(self) -> Expression:
        return self._with(build.scale(-1, self.node))

    def __abs__(self) -> Expression:
        return call("abs", self)

    def __pos__(self) -> Expression:
        return self

    def __gt__(self, other: Expression | complex | Fraction) -> Expression:
        return call("greater", self, other)

    def __ge__(self, other: Expression | complex | Fraction) -> Expression:
        return call("greater_equal", self, other)

    def __lt__(self, other: Expression | complex | Fraction) -> Expression:
        return call("less", self, other)

    def __le__(self, other: Expression | complex | Fraction) -> Expression:
        return call("less_equal", self, other)

    def __getitem__(self, places: object) -> Expression:
        listed = places if isinstance(places, tuple) else (places,)
        return self._with(build.subscript(self.node, list(map(_place, listed))))

    def __array__(self, *_: object, **__: object) -> NoReturn:
        raise TypeError(
            "an expression is no array: its functions are those of gradwright, as gradwright.inv(X), and evaluate "
            "gives its values"
        )

    def __iter__(self) -> Iterator[Expression]:
        raise TypeError("an expression cannot be iterated over: its axes have names, not sizes")

    def __len__(self) -> int:
        raise TypeError("an expression has no length: its axes have names, not sizes")

    def __bool__(self) -> bool:
        raise TypeError("an expression is neither true nor false; compare with gradwright.equal")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and self.node == other.node

    def __hash__(self) -> int:
        return hash(self.node)

    def __str__(self) -> str:
        return readable(self.node, {*self.variables, *self.signature.dims})

    def __repr__(self) -> str:
        return f"<{self.text() if is_writable(self.node) else self} : {shape_text(self.shape)}>"

    def _repr_latex_(self) -> str:
        return f"${self.latex()}$"

    def _with(self, node: Node) -> Expression:
        return Expression(node, self.signature)

    def _binary(self, other: Any, operation: Any, swapped: bool = False) -> Expression:
        value = as_expression(other)
        if value is None:
            if isinstance(other, str | list | tuple) or other is None or hasattr(other, "__array__"):
                raise ShapeError(not_an_expression("an operator", other))
            return NotImplemented
        left, right = (value, self) if swapped else (self, value)
        return Expression(operation(left.node, right.node), left.signature.merged(right.signature))


def _place(place: object) -> int | build.Range:
    """A place, or a range of places, in brackets."""
    if isinstance(place, slice) and place.step is None:
        return _bound(place.start), _bound(place.stop)
    if isinstance(place, bool) or not isinstance(place, SupportsIndex):
        raise LanguageError("an index is a constant whole number, or a range such as 1:n without a step")
    return index(place)


def _bound(bound: object) -> Dim | None:
    if bound is None or isinstance(bound, Dim):
        return bound
    if isinstance(bound, bool) or not isinstance(bound, SupportsIndex):
        raise LanguageError("whole numbers and dimensions bound a range")
    return Dim.of(index(bound))


def as_expression(value: object) -> Expression | None:
    """An operand as an expression; None if it is neither one nor a number."""
    if isinstance(value, Expression):
        return value
    if isinstance(value, bool) or not isinstance(value, Complex):
        return None
    if isinstance(value, Real):
        return Expression(_exact(value), Signature())
    imaginary = build.multiply(_exact(value.imag), build.constant("i"))
    return Expression(build.plus(_exact(value.real), imaginary) if value.real else imaginary, Signature())


def _exact(value: Any) -> Node:
    """A real number of Python or NumPy as it is written: 0.1 is 1/10."""
    if not isfinite(value):
        raise LanguageError(f"{value} is not a number of the language")
    return build.number(Fraction(str(value)))


def parse(text: str, /, **declarations: str) -> Expression:
    """Parse a text of the language.

    Args:
        text: the expression, such as `"inv(X) @ A"`.
        **declarations: dimensions and facts of the variables, such as `X="n n"`, `a=""` for a scalar,
            `S="n n symmetric"`. What the text forces may be left out.

    Raises:
        LanguageError: the text is not in the language.
        UnknownNameError: a function does not exist; the nearest names are suggested.
        ShapeError: the shapes do not fit.
        AmbiguousShapeError: the shape of a variable is not forced by the text.
    """
    if not isinstance(text, str):
        raise LanguageError(f"parse takes a text, and this is {type(text).__name__}")
    parsed = parse_expression(text, declarations)
    if isinstance(parsed.value, Outputs):
        names = " or ".join(f".{name}" for name in parsed.value.by_name)
        raise ShapeError(f"{parsed.value.function} has several outputs: write {text.strip()}{names}")
    return Expression(parsed.value, parsed.signature, " ".join(text.split()))


class NamedOutputs:
    """The outputs of a function that has several, as attributes: `qr(A).Q`."""

    def __init__(self, outputs: Outputs, signature: Signature) -> None:
        self._outputs = outputs
        self._signature = signature

    def __getattr__(self, name: str) -> Expression:
        if name.startswith("_"):
            raise AttributeError(name)
        return Expression(self._outputs[name], self._signature)

    def __iter__(self) -> Iterator[Expression]:
        return (Expression(node, self._signature) for node in self._outputs.by_name.values())

    def __repr__(self) -> str:
        return f"<outputs of {self._outputs.function}: {', '.join(self._outputs.by_name)}>"


def call(function: str, /, *arguments: Any, **keywords: Any) -> Any:
    """Call a function of the language on expressions; dimensions may be given by name."""
    first = DIMENSION_CALLS.get(function, len(arguments))
    arguments = (*arguments[:first], *(dim(d) if isinstance(d, str) else d for d in arguments[first:]))
    converted = [_argument(function, value) for value in arguments]
    named = {name: _argument(function, value) for name, value in keywords.items()}
    signature = Signature().merged(*(e.signature for e in _expressions([*arguments, *keywords.values()])))
    built = Call(function, tuple(converted), named, lambda place: _short_text(arguments[place]))
    return as_result(lookup(function).build(built), signature)


def as_result(result: Node | Outputs, signature: Signature) -> Expression | NamedOutputs:
    """What a function returns: an expression, or several by name."""
    return NamedOutputs(result, signature) if isinstance(result, Outputs) else Expression(result, signature)


def _short_text(value: Any) -> str:
    """How an argument is called in a message: a variable by its name."""
    if not isinstance(value, Expression):
        return str(value)
    return value.node.name if isinstance(value.node, Symbol | Direction) else "the argument"


def _argument(function: str, value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_argument(function, item) for item in value]
    if isinstance(value, str | bool) or value is None:
        return value
    if isinstance(value, Dim):
        return build.size(value)
    converted = as_expression(value)
    if converted is None:
        raise ShapeError(not_an_expression(function, value))
    return converted.node


def not_an_expression(function: str, value: object) -> str:
    """What to do about an operand that is neither an expression nor a number."""
    words = f"{function} takes expressions and numbers, and this is {type(value).__name__}"
    if isinstance(value, str):
        return f"{words}: write parse({value!r})"
    if isinstance(value, list | tuple) or hasattr(value, "__array__"):
        return f"{words}: declare a variable in its place, and give the values to evaluate"
    return words


def _expressions(values: Sequence[Any]) -> Iterator[Expression]:
    for value in values:
        if isinstance(value, Expression):
            yield value
        elif isinstance(value, list | tuple):
            yield from _expressions(value)
