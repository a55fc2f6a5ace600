"""From text to nodes.

The language is Python's expression syntax with the meaning of NumPy and PyTorch. A text is parsed by
the standard library's `ast` and translated construct by construct; nothing of it is ever executed,
and a construct outside the language is an error that names it. The translation keeps its own stack,
so that only the depth that `ast` itself accepts is a limit.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from math import isfinite

from gradwright.core import build
from gradwright.core.declarations import dim_of
from gradwright.core.dims import Dim
from gradwright.core.nodes import Hole, Node
from gradwright.core.registry import ELSEWHERE, FUNCTIONS, Call, Outputs, Value, lookup
from gradwright.core.solutions import NAME as SOLUTION
from gradwright.core.solutions import USAGE as SOLUTION_USAGE
from gradwright.core.solutions import (
    declared_unknowns,
    equation_sides,
    equation_spaces,
    holes_of,
    is_solution,
    solution,
)
from gradwright.core.syntax import parse_text, without_comments
from gradwright.errors import GradwrightError, LanguageError, ShapeError, UnknownNameError

Plan = tuple[list[ast.expr], Callable[[list[Value]], Value]]
COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Gt: "greater",
    ast.GtE: "greater_equal",
    ast.Lt: "less",
    ast.LtE: "less_equal",
}


# What an undeclared name is usually meant as, and how the language writes that.
MEANT = {
    "I": "the identity matrix is eye(n)",
    "π": "the number is pi",
    "inf": "there is no infinity in the language",
    "nan": "every number has a value in the language",
}


def undeclared(name: str) -> UnknownNameError:
    """What to say of a name that nobody declared."""
    if name in MEANT:
        words = f"{MEANT[name]} (a variable of that name is declared, as in {name}='n n')"
    else:
        words = f"give its dimensions, for instance {name}='n n' for a square matrix"
    return UnknownNameError(f"'{name}' is not declared: {words}").suggest((name, "n n"))


def translate(text: str, variables: Mapping[str, Node], dims: Mapping[str, Dim]) -> Node | Outputs:
    """The node that a text stands for.

    Args:
        text: an expression of the language.
        variables: the nodes that names stand for.
        dims: the dimension names that may be used as numbers, and inside `eye(n)`.
    """
    return _Translator(without_comments(text), variables, dims).run(parse_text(text, FUNCTIONS))


class _Translator:
    """Translates one syntax tree, with the names that are in scope."""

    def __init__(self, text: str, variables: Mapping[str, Node], dims: Mapping[str, Dim]) -> None:
        self.text = text
        self.variables = variables
        self.dims = dims

    def run(self, tree: ast.expr) -> Node | Outputs:
        pending: list[tuple[ast.expr, Plan | None]] = [(tree, None)]
        values: list[Value] = []
        while pending:
            current, plan = pending.pop()
            if plan is None:
                plan = self._plan(current)
                pending.append((current, plan))
                pending.extend((child, None) for child in reversed(plan[0]))
                continue
            start = len(values) - len(plan[0])
            arguments = values[start:]
            del values[start:]
            values.append(self._combine(plan[1], arguments, current))
        result = values[0]
        if not isinstance(result, Node | Outputs):
            raise LanguageError(f"'{self.text.strip()}' is not a tensor")
        return result

    def _combine(self, combine: Callable[[list[Value]], Value], arguments: list[Value], tree: ast.expr) -> Value:
        try:
            return combine(arguments)
        except GradwrightError as error:
            segment = written(tree)
            if segment not in str(error) and not error.located:
                error.args = (f"in '{segment}': {error}",)
            error.located = True
            raise

    def _plan(self, tree: ast.expr) -> Plan:
        match tree:
            case ast.Constant(value=value):
                self._refuse_rounded_away(tree)
                return [], lambda _: self._constant(value)
            case ast.Name(id=name):
                return [], lambda _: self._name(name)
            case ast.UnaryOp(op=op, operand=operand):
                return [operand], lambda values: self._unary(op, self._tensor(values[0], operand))
            case ast.BinOp(op=ast.BitXor(), right=exponent):
                raise LanguageError(f"in '{written(tree)}': {_no_power(exponent)}")
            case ast.BinOp(left=left, op=op, right=right):
                return [left, right], lambda values: self._binary(op, *self._tensors(values, left, right))
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return [left, right], lambda values: self._compare(op, *self._tensors(values, left, right))
            case ast.Attribute(value=inner, attr=name):
                return [inner], lambda values: self._attribute(values[0], name, inner)
            case ast.Call():
                return self._call(tree)
            case ast.Subscript(value=inner, slice=place):
                return [inner], lambda values: self._subscript(self._tensor(values[0], inner), place)
            case ast.List(elts=items):
                return items, list
            case _:
                kind, instead = _CONSTRUCTS.get(type(tree), "a construct"), _CONSTRUCTS_INSTEAD.get(type(tree), "")
                raise LanguageError(f"'{written(tree)}' is {kind} that the language does not have{instead}")

    def _refuse_rounded_away(self, tree: ast.Constant) -> None:
        """Refuse what Python reads as infinity or as 0 though it is neither: `1e999`, `1e-999`."""
        if not isinstance(tree.value, float | complex) or (isfinite(abs(tree.value)) and tree.value):
            return
        literal = ast.get_source_segment(self.text, tree) or written(tree)
        if tree.value or re.search("[1-9]", re.split("[eE]", literal)[0]):
            raise LanguageError(
                f"the number {literal} is too {'large' if tree.value else 'small'} to be read: "
                "sizes from 1e-307 to 1e308 are read"
            )

    def _constant(self, value: object) -> Value:
        if value is None or isinstance(value, str | bool):
            return value
        if isinstance(value, complex):
            return build.multiply(self._number(value.imag), build.constant("i"))
        if not isinstance(value, int | float):
            raise LanguageError(f"'{value}' is not a number of the language")
        return self._number(value)

    def _number(self, value: float) -> Node:
        return build.number(Fraction(repr(value)) if isinstance(value, float) else Fraction(value))

    def _name(self, name: str) -> Value:
        if name in self.variables:
            return self.variables[name]
        if name in self.dims:
            return build.size(self.dims[name])
        if name == "pi":
            return build.constant("pi")
        if name in FUNCTIONS:
            raise LanguageError(f"'{name}' is a function: write {lookup(name).usage}")
        raise undeclared(name)

    def _tensor(self, value: Value, tree: ast.expr) -> Node:
        return Call("the expression", (value,), {}, lambda _: written(tree)).node(0)

    def _tensors(self, values: list[Value], left: ast.expr, right: ast.expr) -> tuple[Node, Node]:
        return self._tensor(values[0], left), self._tensor(values[1], right)

    def _unary(self, op: ast.unaryop, value: Node) -> Value:
        if isinstance(op, ast.USub):
            return build.scale(-1, value)
        if isinstance(op, ast.UAdd):
            return value
        raise LanguageError(f"the operator '{_OPERATORS.get(type(op), '?')}' is not in the language")

    def _binary(self, op: ast.operator, left: Node, right: Node) -> Value:
        match op:
            case ast.MatMult():
                return build.matmul(left, right)
            case ast.Mult():
                return build.multiply(left, right)
            case ast.Add():
                return build.plus(left, right)
            case ast.Sub():
                return build.minus(left, right)
            case ast.Div():
                return divide(left, right)
            case ast.Pow():
                return power(left, right)
            case _:
                instead = _OF_CONDITIONS if isinstance(op, ast.BitAnd) else ""
                raise LanguageError(f"the operator '{_OPERATORS.get(type(op), '?')}' is not in the language{instead}")

    def _compare(self, op: ast.cmpop, left: Node, right: Node) -> Value:
        name = COMPARISONS.get(type(op))
        if name is None:
            raise LanguageError("where compares with >, >=, < or <=; no other comparison is in the language")
        shape = build.common_shape(left, right, "a comparison")
        spread = (build.spread(left, shape), build.spread(right, shape))
        return lookup(name).build(Call(name, spread, {}))

    def _attribute(self, value: Value, name: str, tree: ast.expr) -> Value:
        if isinstance(value, Outputs):
            return value[name]
        node = self._tensor(value, tree)
        if name in ("T", "mT"):
            return build.transpose(node)
        if name in ("H", "mH"):
            return build.adjoint(node)
        if name in FUNCTIONS:
            raise LanguageError(f"'.{name}' is not in the language: write {lookup(name).usage}")
        raise LanguageError(
            f"'.{name}' is not in the language: a tensor has .T and .H, and a function with several "
            f"outputs has one name for each, as in qr(A).Q"
        )

    def _call(self, tree: ast.Call) -> Plan:
        if is_solution(tree):
            return self._solution(tree)
        name = self._called(tree)
        function = lookup(name)
        keywords = [keyword.arg for keyword in tree.keywords]
        unpacked = [written(argument) for argument in tree.args if isinstance(argument, ast.Starred)]
        if unpacked or None in keywords:
            raise LanguageError(f"'{(*unpacked, '**')[0]}' unpacks, which the language does not have")

        def combine(values: list[Value]) -> Value:
            given = tuple(values[: len(tree.args)])
            named = dict(zip(map(str, keywords), values[len(tree.args) :], strict=True))
            return function.build(Call(name, given, named, lambda place: written(tree.args[place])))

        return [*tree.args, *(keyword.value for keyword in tree.keywords)], combine

    def _called(self, tree: ast.Call) -> str:
        """The name of the function that is called; what is none is refused."""
        if not isinstance(tree.func, ast.Name):
            called = f"({written(tree.func)})" if isinstance(tree.func, ast.BinOp) else written(tree.func)
            raise LanguageError(f"'{called}(…)' calls something that is not a function of the language{_instead(tree)}")
        name = tree.func.id
        if name == SOLUTION and name not in self.variables:
            raise LanguageError(f"solution declares its unknowns in a text, and then lists equations: {SOLUTION_USAGE}")
        if name in self.variables and name not in FUNCTIONS:
            entry = all(isinstance(argument, ast.Constant) for argument in tree.args) and bool(tree.args)
            instead = f", {name}[0] for an entry, the first of which is that at 0" if entry else ""
            raise LanguageError(f"'{name}' is a variable and cannot be called; write * or @ to multiply{instead}")
        return name

    def _solution(self, tree: ast.Call) -> Plan:
        """Right sides belong to what is around; the unknowns are known on the left sides alone."""
        unknowns = declared_unknowns(tree)
        lefts, rights = equation_sides(tree, unknowns)
        spaces = equation_spaces(tree, tuple(unknowns.values()))
        # An operator has no unknown of an equation around it: that would make a product of two unknowns.
        around = {name: node for name, node in self.variables.items() if not isinstance(node, Hole)}
        scope = {**around, **holes_of(unknowns, {*around, *self.dims})}

        def combine(values: list[Value]) -> Value:
            sides = [self._tensor(value, right) for value, right in zip(values, rights, strict=True)]
            operators = [self._operator(left, scope) for left in lefts]
            return solution(unknowns, operators, sides, spaces)

        return rights, combine

    def _operator(self, tree: ast.expr, scope: Mapping[str, Node]) -> Node:
        return self._tensor(_Translator(self.text, scope, self.dims).run(tree), tree)

    def _subscript(self, node: Node, place: ast.expr) -> Value:
        places = place.elts if isinstance(place, ast.Tuple) else [place]
        if len(places) > node.rank and any(isinstance(item, ast.Constant) and item.value is None for item in places):
            raise ShapeError("None adds no axis: a vector is repeated by outer(x, ones(m))")
        return build.subscript(node, [self._range(p) if isinstance(p, ast.Slice) else self._whole(p) for p in places])

    def _range(self, item: ast.Slice) -> build.Range:
        if item.step is not None:
            raise LanguageError("a slice with a step is not in the language")
        lower, upper = (None if bound is None else self._bound(bound) for bound in (item.lower, item.upper))
        return lower, upper

    def _bound(self, tree: ast.expr) -> Dim:
        try:
            return self._dim(tree)
        except ValueError:
            raise LanguageError(
                f"'{written(tree)}' cannot bound a slice: numbers, dimension names, and their sums and products can"
            ) from None

    def _dim(self, tree: ast.expr) -> Dim:
        match tree:
            case ast.Constant(value=int(value)) if not isinstance(value, bool):
                return Dim.of(value)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return Dim.of(0) - self._dim(operand)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return self._dim(left) + self._dim(right)
            case ast.BinOp(left=left, op=ast.Sub(), right=right):
                return self._dim(left) - self._dim(right)
            case _:
                return dim_of(tree, self._named_dim)

    def _named_dim(self, name: str) -> Dim:
        if name not in self.dims:
            raise ValueError(f"{name} is no dimension")
        return self.dims[name]

    def _whole(self, tree: ast.expr) -> int:
        match tree:
            case ast.Constant(value=int(value)) if not isinstance(value, bool):
                return value
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(value))):
                return -value
            case _:
                raise LanguageError(f"'{written(tree)}' cannot be an index: only constant whole numbers and ':' can")


def divide(left: Node, right: Node) -> Node:
    """`a / b`, entry by entry; exact where b is a number."""
    value = build.as_number(right)
    if value is not None:
        if not value:
            raise LanguageError("division by zero")
        return build.scale(1 / value, left)
    build.common_shape(left, right, "'/'")
    return build.multiply(left, function("reciprocal", right))


def power(base: Node, exponent: Node) -> Node:
    """`a ** k`, entry by entry; the exponent may be a variable."""
    return function("power", base, exponent)


def function(name: str, *arguments: Node) -> Node:
    """A function of the language, with one output, of nodes."""
    result = lookup(name).build(Call(name, arguments, {}))
    assert isinstance(result, Node)
    return result


def written(tree: ast.expr) -> str:
    """The text of a part of an expression, shortened."""
    try:
        text = ast.unparse(tree)
    except RecursionError:
        return "the expression"
    return text if len(text) <= 60 else f"{text[:28]} … {text[-28:]}"


def _no_power(exponent: ast.expr) -> str:
    """What to write for `X ^ k`, in LaTeX with braces around the k; of `X ^ T @ X` the exponent is read as `T @ X`."""
    while isinstance(exponent, ast.BinOp):
        exponent = exponent.left
    paper = {"T": "; the transpose is X.T", "H": "; the conjugate transpose is X.H", "-1": "; the inverse is inv(X)"}
    return (
        "'^' is not a power here: write ** for the power of every entry, or "
        f"matrix_power(X, k) for the power of a matrix{paper.get(written(exponent).strip('{}'), '')}"
    )


def _instead(tree: ast.Call) -> str:
    """What to write for the call of a method or of a function in a module: `X.sum()`, `np.linalg.inv(X)`."""
    if not isinstance(tree.func, ast.Attribute):
        return "; write * or @ to multiply"
    name = tree.func.attr
    if name in ("T", "mT", "H", "mH"):
        return f": write {written(tree.func)}"
    if name in ("t", "transpose"):
        return f": write {written(tree.func.value)}.T"
    if name == "adjoint":
        return f": write {written(tree.func.value)}.H"
    name = ELSEWHERE.get(name, name)
    if name in FUNCTIONS:
        return f": write {_as_function(name, tree) or lookup(name).usage}"
    return f": write {name}" if name != tree.func.attr else ""


def _as_function(name: str, method: ast.Call) -> str:
    """A method of a tensor as the function of it, `sum(X, axis=0)` for `X.sum(axis=0)`; none for a module."""
    assert isinstance(method.func, ast.Attribute)
    root = owner = method.func.value
    while isinstance(root, ast.Attribute):
        root = root.value
    if isinstance(root, ast.Name) and root.id in MODULES:
        return ""
    given = [written(owner), *map(written, method.args), *(f"{k.arg}={written(k.value)}" for k in method.keywords)]
    return f"{name}({', '.join(given)})"


MODULES = frozenset(("np", "numpy", "scipy", "torch", "jnp", "jax", "F"))
_OPERATORS: dict[type, str] = {
    ast.Mod: "%", ast.FloorDiv: "//", ast.LShift: "<<", ast.RShift: ">>", ast.BitOr: "|",
    ast.BitAnd: "&", ast.Not: "not", ast.Invert: "~",
}  # fmt: skip
_OF_CONDITIONS = ": the product of two conditions is both of them, their maximum is either"
_CONSTRUCTS_INSTEAD: dict[type, str] = {
    ast.IfExp: ": write where(x > 0, a, b)",
    ast.BoolOp: _OF_CONDITIONS,
    ast.Tuple: ": write dimensions one after the other, as in ones(n, m)",
}
_CONSTRUCTS: dict[type, str] = {
    ast.Lambda: "a lambda", ast.ListComp: "a comprehension", ast.GeneratorExp: "a comprehension",
    ast.SetComp: "a comprehension", ast.DictComp: "a comprehension", ast.IfExp: "a conditional",
    ast.BoolOp: "a Boolean operation", ast.NamedExpr: "an assignment", ast.Dict: "a dictionary",
    ast.Set: "a set", ast.Tuple: "a tuple", ast.JoinedStr: "a formatted string",
    ast.Await: "an await", ast.Yield: "a yield", ast.Starred: "an unpacking",
    ast.Compare: "a chain of comparisons",
}  # fmt: skip
