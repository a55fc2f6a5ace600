"""Entrywise operations written over temporaries, in functions that run at once and leave no graph.

`(A @ B - C) * D` takes three arrays, of which two are read once and thrown away. Memory is what such chains
cost, so that an operation is written over an operand

- that is new: the result of an operation, or a variable that holds one and is not read again;
- of which no view has a name: every earlier read of the variable goes into an operation;
- that has the shape and the type of the result.

What is added is not computed before, if it is a product in PyTorch, or a smaller array between zeros.

The first two are read off the source. The last depends on the inputs: it is watched in one run for each
combination of shapes and types, and the run after it has to return the same numbers, up to rounding errors,
before the rewritten function is used. There a variable is computed as late, and deleted as early, as takes least
memory.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import prod
from typing import Any

import numpy as np

from gradwright.back.code.live import load_source
from gradwright.frozen import frozen

LEAST = 1 << 14  # entries of an array that is worth reusing: to see that it may be done costs microseconds
Function = Callable[..., Any]


def _applied(own: Any, function: Function) -> Any:
    return function(own)


def _applied_over(own: Any, function: Function) -> Any:
    return function(own, out=own)


# What an operation is called in the rewritten source, and what it does there.
_OPERATIONS: dict[type[ast.AST], tuple[str, Function, Function]] = {
    ast.Add: ("add", operator.add, operator.iadd),
    ast.Sub: ("sub", operator.sub, operator.isub),
    ast.Mult: ("mul", operator.mul, operator.imul),
    ast.Div: ("truediv", operator.truediv, operator.itruediv),
    ast.USub: ("neg", operator.neg, lambda own: operator.imul(own, -1)),
    ast.Call: ("over", _applied, _applied_over),
}
_RUN_LATER = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.NamedExpr)
# What may be added without being computed before, and what that is called: to a new array, too.
_PRODUCT, _PADDED, _PRODUCT_BESIDE = "product", "padded", "product_beside"
_SIGNS: dict[type[ast.AST], int] = {ast.Add: 1, ast.Sub: -1}
# What writes over its second operand, in NumPy and PyTorch; a sum and a product may change their operands.
_REVERSED: dict[type[ast.AST], str] = {ast.Sub: "subtract", ast.Div: "divide"}
# Functions of the entries of one array, which take `out=`.
_ENTRYWISE = frozenset(
    "exp log log1p expm1 sqrt rsqrt sin cos tan sinh cosh tanh arctan sigmoid expit erf reciprocal square sign".split()
)
# Functions whose result is never a view of what they are given.
_NEW = _ENTRYWISE.union(
    "softplus softmax log_softmax inv abs relu cholesky_inverse cholesky_solve solve_triangular addmm pad cat "
    "concatenate stack cumsum diag_embed".split()
)


@frozen
class Site:
    """An operation that may be written over one of its operands.

    Attributes:
        line, column, end: where it begins, and where it ends, by which it differs from its left operand.
        place: 0 for its left operand, 1 for the right.
    """

    line: int
    column: int
    end: int
    place: int


class InPlace:
    """The rewritten forms of a function.

    Args:
        source: a module that defines the function.
        name: the function's name.
        namespace: names that the source finds defined.
        least: entries of an array that is worth reusing.

    Attributes:
        sites: the operations that may be written over an operand, if its type and shape allow.
        forms: what has been rewritten so far, by the operations that are.
    """

    def __init__(self, source: str, name: str, namespace: Mapping[str, Any], least: int = LEAST) -> None:
        tree = ast.parse(source)
        function = _function(tree, name)
        if _is_straight(function):
            function.body = _computed_late(function.body)
        self._source, self._name, self._namespace, self._least = ast.unparse(tree), name, namespace, least
        self.sites = sites_of(_function(ast.parse(self._source), name))
        self.forms: dict[frozenset[Site], Function] = {}

    def fitted(self, arrays: Sequence[Any], plain: Function) -> tuple[Function, Any]:
        """The function for arrays of these shapes and types, and its value at these; `plain` if nothing is gained."""
        if not self.sites:
            return plain, plain(*arrays)
        seen: dict[Site, bool] = {}
        value = self._form(frozenset(self.sites), partial(_watched, seen, self._least))(*arrays)
        usable = frozenset(site for site, fits in seen.items() if fits)
        if not usable:
            return plain, value
        if usable not in self.forms:
            added = (_PRODUCT, _PADDED, _PRODUCT_BESIDE) if hasattr(arrays[0], "addcmul_") else (_PADDED,)
            self.forms[usable] = self._form(usable, _written_over, added)
        form = self.forms[usable]
        return (form if _are_equal(form(*arrays), value) else plain), value

    def _form(
        self, sites: frozenset[Site], meaning: Callable[[_Operation], Function], added: Sequence[str] = ()
    ) -> Function:
        """The function with calls for the operations at some places; what is added may be of some kinds."""
        tree = ast.parse(self._source)
        rewriting = _Rewriting(sites, added)
        function = rewriting.visit(_function(tree, self._name))
        function.body = _deleted_early(function.body)
        called = {name: meaning(operation) for name, operation in rewriting.calls.items()}
        text = ast.unparse(ast.fix_missing_locations(tree))
        return load_source(text, self._name, {**self._namespace, **called})[self._name]


def sites_of(function: ast.FunctionDef) -> tuple[Site, ...]:
    """The operations of a function that may be written over an operand; none in one with branches or functions."""
    if not _is_straight(function):
        return ()
    reads = _Reads(function)
    found: list[Site] = []
    for place, statement in enumerate(function.body):
        for node in ast.walk(statement):
            sides = _operands_of(node)
            chosen = next((k for k, own, other in sides if reads.is_last(own, other, place)), None)
            if chosen is not None:
                assert isinstance(node, ast.expr)
                found.append(_site(node, chosen))
    return tuple(found)


def _operands_of(node: ast.AST) -> list[tuple[int, ast.expr, ast.expr | None]]:
    """What an operation may be written over, and the other operand if there is one, the better choice first."""
    match node:
        case ast.BinOp(left=left, right=right, op=kind) if type(kind) in _OPERATIONS:
            sides: list[tuple[int, ast.expr, ast.expr | None]] = [(0, left, right), (1, right, left)]
            # A product is added to what is there, not the other way round.
            return sorted(sides, key=lambda side: isinstance(kind, ast.Add) and _is_product(side[1]))
        case ast.UnaryOp(op=ast.USub(), operand=own):
            return [(0, own, None)]
        case ast.Call(func=ast.Attribute(attr=name), args=[own], keywords=[]) if name in _ENTRYWISE:
            return [(0, own, None)]
        case _:
            return []


def _is_straight(function: ast.FunctionDef) -> bool:
    """Whether every statement runs once, in order, and none later."""
    if not all(isinstance(statement, ast.Assign | ast.Return) for statement in function.body):
        return False
    return not any(isinstance(node, _RUN_LATER) for node in ast.walk(function))


class _Reads:
    """Who reads the variables of a function, and when."""

    def __init__(self, function: ast.FunctionDef) -> None:
        self._new: dict[str, int] = {}
        self._assigned: dict[str, int] = {}
        self._reads: dict[str, list[tuple[int, ast.Name, bool]]] = {}
        for place, statement in enumerate(function.body):
            for node in ast.walk(statement):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    self._assigned[node.id] = self._assigned.get(node.id, 0) + 1
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=value) if _is_new(value):
                    self._new[name] = place
                case _:
                    pass
            value = statement.value if isinstance(statement, ast.Assign | ast.Return) else None
            for name, goes_into_an_operation in _names(value, False):
                self._reads.setdefault(name.id, []).append((place, name, goes_into_an_operation))

    def is_last(self, own: ast.expr, other: ast.expr | None, place: int) -> bool:
        """Whether an operand is new, and nothing reads it after this operation, nor through a view in it."""
        if not isinstance(own, ast.Name):
            return _is_new(own)
        if own.id not in self._new or self._assigned[own.id] != 1:
            return False
        beside = {name: into for name, into in _names(other, False)}
        for when, name, goes_into_an_operation in self._reads[own.id]:
            if name is own:
                continue
            if when > place or not (beside.get(name, False) if when == place else goes_into_an_operation):
                return False
        return True


def _names(node: ast.AST | None, inside: bool) -> list[tuple[ast.Name, bool]]:
    """The variables below a node, and whether each goes into an operation first, whose result is new."""
    if node is None:
        return []
    if isinstance(node, ast.Name):
        return [(node, inside)]
    within = inside or (isinstance(node, ast.expr) and _is_new(node))
    return [found for child in ast.iter_child_nodes(node) for found in _names(child, within)]


def _is_new(node: ast.expr) -> bool:
    """Whether the value is an array that nothing else refers to."""
    match node:
        case ast.BinOp() | ast.UnaryOp(op=ast.USub()):
            return True
        case ast.Call(func=ast.Attribute(attr=name)):
            return name in _NEW
        case _:
            return False


@frozen
class _Operation:
    """What a call stands for.

    Attributes:
        kind: the operation.
        site: where it was.
        added: which kind of a value is added that is not computed before; empty if it is.
    """

    kind: type[ast.AST]
    site: Site
    added: str = ""


class _Rewriting(ast.NodeTransformer):
    """Calls in place of operations; the operand that is written over comes first."""

    def __init__(self, sites: frozenset[Site], added: Sequence[str]) -> None:
        self._sites = sites
        self._added = added
        self.calls: dict[str, _Operation] = {}

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        """A call, if the operation is one of the chosen."""
        site = self._site_of(node)
        if site is None:
            return self._kept(node)
        added, operands = _operands(node, site.place)
        # A product that is written over a factor takes no memory.
        if added not in self._added or (added == _PRODUCT_BESIDE and self._site_of(_sides(node, site.place)[0])):
            added, operands = "", list(_sides(node, site.place))
        return self._call(_Operation(type(node.op), site, added), operands)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        """The same for a negative."""
        site = _site(node, 0)
        return self._call(_Operation(ast.USub, site), [node.operand]) if site in self._sites else self._kept(node)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """The same for a function of the entries."""
        site = _site(node, 0)
        return (
            self._call(_Operation(ast.Call, site), [*node.args, node.func]) if site in self._sites else self._kept(node)
        )

    def _site_of(self, node: ast.expr) -> Site | None:
        return next((site for site in (_site(node, 0), _site(node, 1)) if site in self._sites), None)

    def _kept(self, node: ast.expr) -> ast.expr:
        self.generic_visit(node)
        return node

    def _call(self, operation: _Operation, operands: Sequence[ast.expr]) -> ast.Call:
        name = f"_{_OPERATIONS[operation.kind][0]}_{operation.added}{len(self.calls)}"
        self.calls[name] = operation
        return ast.Call(ast.Name(name, ast.Load()), [self.visit(operand) for operand in operands], [])


def _sides(node: ast.BinOp, place: int) -> tuple[ast.expr, ast.expr]:
    """The operand that is written over, and the other one."""
    return (node.left, node.right) if place == 0 else (node.right, node.left)


def _operands(node: ast.BinOp, place: int) -> tuple[str, list[ast.expr]]:
    """The operands of a sum or difference, one of them in parts, and of which kind that is; empty if there is none."""
    if type(node.op) not in _SIGNS:
        return "", []
    own, other = _sides(node, place)
    if isinstance(node.op, ast.Add) or place == 0:
        added, parts = _addend(own, other)
        if added:
            return added, [own, *parts]
    if isinstance(own, ast.BinOp) and _is_product(own) and (isinstance(node.op, ast.Add) or place == 1):
        return _PRODUCT_BESIDE, [other, own.left, own.right]
    return "", []


def _is_product(node: ast.expr) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult)


def _addend(own: ast.expr, other: ast.expr) -> tuple[str, list[ast.expr]]:
    """Of what kind a value is that need not be computed to be added, and its parts, no view of the sum among them."""
    match other:
        case ast.BinOp(left=left, right=right, op=ast.Mult()):
            added, parts = _PRODUCT, [left, right]
        case ast.Call(func=ast.Attribute(attr="pad"), args=[inner, widths]):
            added, parts = _PADDED, [inner, widths]
        case _:
            return "", []
    viewed = {name.id for part in parts for name, inside in _names(part, False) if not inside}
    return ("", []) if isinstance(own, ast.Name) and own.id in viewed else (added, parts)


def _computed_late(body: Sequence[ast.stmt]) -> list[ast.stmt]:
    """Single operations after the statements that read all of their variables, too, and keep these in any case."""
    assigned = {name for statement in body for name in _variables(statement)[0]}
    late: list[tuple[ast.stmt, set[str], set[str]]] = []
    for statement in reversed(body):
        own, read = _variables(statement)
        wanted, needed, last = read & assigned, set[str](), 0
        needed_from = [needed := needed | other for _, _, other in reversed(late)][::-1]
        for place, (_, theirs, other) in enumerate(late if _is_one_operation(statement) else ()):
            if own & other or theirs & (own | wanted) or not wanted <= needed_from[place]:
                break
            last = place + 1
        late.insert(last, (statement, own, read))
    return [statement for statement, _, _ in late]


def _is_one_operation(statement: ast.stmt) -> bool:
    """Whether a statement needs no memory but that of its result."""
    return sum(isinstance(node, ast.BinOp | ast.UnaryOp | ast.Call) for node in ast.walk(statement)) == 1


def _variables(statement: ast.stmt) -> tuple[set[str], set[str]]:
    """The variables that a statement assigns, and those that it reads."""
    names = [node for node in ast.walk(statement) if isinstance(node, ast.Name)]
    own = {name.id for name in names if isinstance(name.ctx, ast.Store)}
    return own, {name.id for name in names} - own


def _deleted_early(body: Sequence[ast.stmt]) -> list[ast.stmt]:
    """Statements, each followed by the deletion of the variables that no later one reads."""
    assigned = {name for statement in body for name in _variables(statement)[0]}
    found: list[ast.stmt] = []
    needed: set[str] = set()
    for statement in reversed(body):
        own, read = _variables(statement)
        done = sorted((read & assigned) - needed)
        if done and not isinstance(statement, ast.Return):
            found.append(ast.Delete([ast.Name(name, ast.Del()) for name in done]))
        found.append(statement)
        needed = (needed | read) - own
    return found[::-1]


def _site(node: ast.expr, place: int) -> Site:
    assert node.end_col_offset is not None
    # An operation and its left operand begin at one place, but they do not end at one.
    end = ((node.end_lineno or node.lineno) - node.lineno) * 1000 + node.end_col_offset
    return Site(node.lineno, node.col_offset, end, place)


def _watched(seen: dict[Site, bool], least: int, operation: _Operation) -> Function:
    """The operation, which notes whether its first operand could have taken the result."""
    operate = _OPERATIONS[operation.kind][1]

    def run(own: Any, *others: Any) -> Any:
        result = operate(own, *others) if operation.site.place == 0 else operate(*others, own)
        shape = getattr(result, "shape", ())
        alike = type(own) is type(result) and getattr(own, "shape", ()) == shape
        seen[operation.site] = alike and prod(shape) >= max(least, 2) and own.dtype == result.dtype
        return result

    return run


def _written_over(operation: _Operation) -> Function:
    _, operate, write = _OPERATIONS[operation.kind]
    if operation.site.place and operation.kind in _REVERSED:
        write = partial(_over_the_second, _REVERSED[operation.kind])
    match operation.added:
        case "product":
            return partial(_with_product, write, _SIGNS[operation.kind])
        case "product_beside":
            return partial(_product_beside, operate, _SIGNS[operation.kind])
        case "padded":
            return partial(_with_padded, write)
        case _:
            return write


def _with_product(write: Function, sign: int, own: Any, left: Any, right: Any) -> Any:
    """A tensor of PyTorch with a product added to it, or subtracted from it, in one pass over the memory."""
    if type(right) is type(own) and right.dtype == own.dtype:
        if type(left) is type(own) and left.dtype == own.dtype:
            return own.addcmul_(left, right, value=sign)
        if isinstance(left, int | float):
            return own.add_(right, alpha=sign * left)
    return write(own, left * right)


def _product_beside(operate: Function, sign: int, other: Any, left: Any, right: Any) -> Any:
    """A product added to an array of PyTorch that stays, or subtracted from it."""
    if type(left) is type(right) is type(other) and left.dtype == right.dtype == other.dtype:
        return other.addcmul(left, right, value=sign)
    return operate(other, left * right)


def _over_the_second(name: str, own: Any, other: Any) -> Any:
    """A difference or quotient written over what is subtracted, or what is divided by."""
    if isinstance(own, np.ndarray):
        return getattr(np, name)(other, own, out=own)
    import torch

    return getattr(torch, name)(torch.as_tensor(other, dtype=own.dtype, device=own.device), own, out=own)


def _with_padded(write: Function, own: Any, inner: Any, widths: Any) -> Any:
    """An array with a smaller one added to a part of it, or subtracted from that."""
    # NumPy's widths are pairs, PyTorch's numbers from the last axis on.
    pairs = widths if isinstance(widths[0], tuple) else list(zip(widths[::2], widths[1::2], strict=True))[::-1]
    before = [0] * (own.ndim - len(pairs)) + [first for first, _ in pairs]
    part = tuple(slice(start, start + length) for start, length in zip(before, inner.shape, strict=True))
    own[part] = write(own[part], inner)
    return own


def _are_equal(value: Any, other: Any) -> bool:
    """Whether two runs agree but for rounding errors, which the alignment of memory changes."""
    if isinstance(value, tuple):
        return all(map(_are_equal, value, other))
    first, second = _as_numbers(value), _as_numbers(other)
    if not np.issubdtype(first.dtype, np.inexact):
        return np.array_equal(first, second)
    size = np.max(np.abs(second), where=np.isfinite(second), initial=0.0)
    slack = np.sqrt(_precision(value))
    return np.allclose(first, second, rtol=0, atol=float(size * slack), equal_nan=True)


def _as_numbers(value: Any) -> np.ndarray:
    """A result as a NumPy array; of PyTorch's the pending conjugates and signs are carried out first."""
    if not hasattr(value, "resolve_conj"):
        return np.asarray(value)
    value = value.detach().resolve_conj().resolve_neg().cpu()
    # NumPy has no bfloat16: single precision holds its numbers.
    return (value.float() if value.is_floating_point() and value.dtype.itemsize < 4 else value).numpy()


def _precision(value: Any) -> float:
    """The distance from 1 to the next number of a result's type."""
    if not hasattr(value, "resolve_conj"):
        return float(np.finfo(np.asarray(value).dtype).eps)
    import torch

    return torch.finfo(value.dtype).eps


def _function(tree: ast.Module, name: str) -> ast.FunctionDef:
    return next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name)
