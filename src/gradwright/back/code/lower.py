"""From expressions to straight-line code.

Nodes are visited children first. What is used more than once, what has several outputs and what has
grown long becomes a variable; the rest is written where it is used. How a product is written is in
`contractions`, a call of a function in `calls`, the elementary operations in `writer`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from gradwright.back.code.calls import repeated_named, write_call
from gradwright.back.code.contractions import is_negative, is_view, spread_axes, write_contraction
from gradwright.back.code.library import Library
from gradwright.back.code.names import Names
from gradwright.back.code.orientation import along_first, from_right, is_turned
from gradwright.back.code.own_memory import in_own_memory
from gradwright.back.code.program import Foreign, Program, Statement
from gradwright.back.code.sizes import Sizes
from gradwright.back.code.sums import write_sum
from gradwright.back.code.text import Code, Kind, fill
from gradwright.back.code.value_names import name_for
from gradwright.back.code.writer import Writer
from gradwright.core.dims import Dim
from gradwright.core.inference import facts_of
from gradwright.core.nodes import (
    Add,
    Apply,
    Constant,
    Contract,
    Direction,
    Node,
    Parameter,
    Size,
    Symbol,
)
from gradwright.core.walks import postorder
from gradwright.errors import EmissionError
from gradwright.optimise.powers import split_powers
from gradwright.optimise.systems import without_systems
from gradwright.prims.piecewise import where
from gradwright.simplify.branches import may_be_infinite

LONGEST = 56
DEEPEST = 24
_WORD = re.compile(r"\w+")
# Names that emitted code uses as Python means them.
BUILTINS = ("min", "float", "list", "tuple", "len", "range", "int", "sorted")
Leaf = Symbol | Direction


def lower(
    roots: Mapping[str, Node],
    library: Library,
    *,
    inputs: Sequence[Leaf],
    given: Mapping[Node, str] | None = None,
    names: Iterable[str] = (),
    batched: bool = False,
    sized: Sequence[Leaf] | None = None,
) -> Program:
    """Write expressions as code.

    Args:
        roots: the expressions by name, optimised already (`gradwright.optimise`).
        library: the dialect.
        inputs: the variables, directions and cotangents that the code is given, in order.
        given: further nodes whose values the code finds under a name, such as saved outputs.
        names: identifiers that the code must not use.
        batched: whether every input may have further leading axes, the same for all.
        sized: the inputs of which sizes are read, those before others that come first; all of them if None.

    Raises:
        EmissionError: a part of an expression cannot be written in this library.
    """
    found = without_systems(tuple(roots.values()))
    found = split_powers(found, library.quick_powers, given or ())
    lowering = Lowering(library, inputs, given or {}, names, batched, sized)
    return lowering.run(dict(zip(roots, found, strict=True)))


class Lowering:
    """One program being written."""

    def __init__(
        self,
        library: Library,
        inputs: Sequence[Leaf],
        given: Mapping[Node, str],
        names: Iterable[str],
        batched: bool,
        sized: Sequence[Leaf] | None,
    ) -> None:
        self.library = library
        self.writer = Writer(library, batched)
        self.batched = batched
        taken = {*names, *given.values(), *library.modules, *library.helpers}
        self.names = Names(taken | {leaf.name for leaf in inputs})
        self.parameters = {leaf.name: self._identifier(leaf.name, taken) for leaf in inputs}
        self.values: dict[Node, Code] = {leaf: Code(self.parameters[leaf.name]) for leaf in inputs}
        self.values.update({node: Code(name) for node, name in given.items()})
        self.leaves = {node: code.text for node, code in self.values.items()}
        self.sizes = Sizes(self.leaves if sized is None else {x: self.leaves[x] for x in sized}, self.names)
        self.statements: list[Statement] = []
        self.foreign: dict[tuple[str, tuple[Parameter, ...]], Foreign] = {}
        self.leaves_out = False  # whether something is computed that a choice leaves out, and that may be infinite
        self.turned: set[Node] = set()  # the values that are transposes of what was computed
        self.defined: dict[str, str] = {}
        self.uses: dict[Node, int] = {}
        self.depths: dict[Node, int] = {}
        self._varying: dict[Node, bool] = dict.fromkeys(self.values, True)

    def _identifier(self, name: str, taken: set[str]) -> str:
        free = name not in taken and name not in BUILTINS
        return name if free else self.names.fresh(f"{name}_")

    def run(self, roots: Mapping[str, Node]) -> Program:
        """Write all roots."""
        order = list(postorder(*roots.values(), given=self.values))
        self._count_uses(order, roots.values())
        for node in order:
            if node not in self.values and self._deserves_name(node):
                self.assign(node)
        results = {name: self._result(node) for name, node in roots.items()}
        if self.library.copy and not self.batched:  # what autograd calls for may look at what it knows
            results = in_own_memory(results, self.statements, [*self.leaves.values()], self.library)
        if self.statements and [*results.values()] == [self.statements[-1].target]:
            results = dict.fromkeys(results, self.statements.pop().expression)
        statements = (*self._sizes_in_use(results.values()), *self.statements)
        decorator = self.library.quiet if self.leaves_out else ""
        foreign = tuple(self.foreign.values())
        return Program(self.parameters, statements, results, self.library.name, self.writer.helpers, foreign, decorator)

    def _sizes_in_use(self, results: Iterable[str]) -> list[Statement]:
        """The sizes that are read: what was written with some may not have been kept."""
        read = {word for text in (*(s.expression for s in self.statements), *results) for word in _WORD.findall(text)}
        kept: list[Statement] = []
        for statement in reversed(self.sizes.statements):
            if statement.target in read:
                kept.append(statement)
                read.update(_WORD.findall(statement.expression))
        return kept[::-1]

    def _count_uses(self, order: Sequence[Node], roots: Iterable[Node]) -> None:
        """How often a value is needed; what only looks at a value counts as many times as it is used."""
        uses, results = dict.fromkeys(order, 0), list(roots)
        for root in results:
            uses[root] += 1
        for node in reversed(order):
            times = uses[node] if is_view(node) else min(uses[node], 1)
            for child in node.children if node not in self.values else ():
                # A sum subtracts what its terms are the negatives of.
                for used in child.children if isinstance(node, Add) and is_negative(child) else (child,):
                    uses[used] += times
        self.uses = uses
        for node in order:
            inside = [self.depths[child] for child in node.children if child in self.depths]
            self.depths[node] = 1 + max(inside, default=0)
            if self.depths[node] > DEEPEST and node not in results:
                self.depths[node] = 0
            self._varying.setdefault(node, any(self._varying.get(child, False) for child in node.children))

    def _deserves_name(self, node: Node) -> bool:
        if not isinstance(node, Contract | Add | Apply) or not self.varies(node) or is_view(node):
            return isinstance(node, Apply) and len(node.primitive.outputs) > 1
        several = isinstance(node, Apply) and len(node.primitive.outputs) > 1
        return self.uses[node] > 1 or self.depths[node] == 0 or several

    def _result(self, node: Node) -> str:
        """The value of a root, in full: every axis written out, an array of the library."""
        code = self.demand(node) if self._is_given(node) else self.write(node, range(node.rank))
        if code.number:
            code = self.as_array(code)
        if self.batched and not self.varies(node):
            code = self.over_batch(code, node)
        return code.text

    def _is_given(self, node: Node) -> bool:
        """Whether a value is there under a name, or is the view of one."""
        return node in self.values or not isinstance(node, Contract | Add | Apply)

    def over_batch(self, code: Code, node: Node) -> Code:
        """A constant spread over the leading axes of the inputs."""
        return self.over_batch_of(next(iter(self.leaves)), code, node.shape) if self.leaves else code

    def over_batch_of(self, leaf: Node, code: Code, dims: Sequence[Dim]) -> Code:
        """A constant with these axes spread over the leading axes of an input."""
        behind = f"[:-{leaf.rank}]" if leaf.rank else ""
        shape = ", ".join([f"*{self.leaves[leaf]}.shape{behind}", *self.size_texts(dims)])
        # `expand` and `reshape` take sizes one by one, but not none at all.
        shape = f"({shape},)" if self.library.shapes_are_tuples or not dims else shape
        return Code(self.library.broadcast.format(x=code.atom, shape=shape))

    def varies(self, node: Node) -> bool:
        """Whether a value depends on an input, and so has the inputs' leading axes."""
        for part in postorder(node, given=self._varying):  # a part of a sum that is written may be a node of its own
            if part not in self._varying:
                self._varying[part] = any(self._varying.get(child, False) for child in part.children)
        return self._varying[node]

    def size_texts(self, dims: Iterable[Dim]) -> list[str]:
        """Sizes as texts."""
        return [self.sizes.code(dim).text for dim in dims]

    def assign(self, node: Node) -> Code:
        """Give a value a name."""
        if isinstance(node, Apply) and len(node.primitive.outputs) > 1:
            return self._assign_outputs(node)
        if isinstance(node, Apply) and self._along_first(node) is not None:
            self.turned.add(node)
        self.values[node] = named = self.named(node, self.write(node, range(node.rank)))
        return named

    def named(self, node: Node, code: Code) -> Code:
        """What is computed of a node, or of a part of it, under a name that suits the node."""
        target = self.names.fresh(name_for(node, self.values))
        self.statements.append(Statement(target, code.text))
        return Code(target)

    def name(self, node: Node) -> None:
        """Give a value that is read several times a name, if it has none."""
        if node not in self.values and not is_view(node):
            self.assign(node)

    def _assign_outputs(self, node: Apply) -> Code:
        """All outputs of a primitive that are used, from one call."""
        call = self._application(node)
        targets: list[str] = []
        for sibling, declared in zip(node.outputs, node.primitive.outputs, strict=True):
            used = sibling in self.uses or sibling == node
            targets.append(self.names.fresh(declared.name) if used else "_")
            if used:
                self.values[sibling] = Code(targets[-1])
                self._varying[sibling] = self.varies(node)
        self.statements.append(Statement(", ".join(targets), call.text))
        return self.values[node]

    def demand(self, node: Node, order: Sequence[int] | None = None, conj: bool = False) -> Code:
        """The value of a node with its axes in an order, conjugated or not; every axis written out."""
        axes = list(range(node.rank) if order is None else order)
        if axes == [1, 0] and "symmetric" in facts_of(node):
            axes = [0, 1]
        if node in self.values or not self._follows_order(node) or conj:
            code = self.values[node] if node in self.values else self._short(node)
            if not code.number:
                return self.writer.permuted(code, axes, conj)
            return Code(f"{code.atom}.conjugate()", number=True) if conj else code
        return self._short(node, axes)

    def _follows_order(self, node: Node) -> bool:
        """Whether a node can be written with its axes in any order at no cost."""
        if isinstance(node, Apply):
            turned = self._along_first(node) or self._from_right(node)
            return node.primitive.elementwise or turned is not None
        return isinstance(node, Contract | Add)

    def _short(self, node: Node, order: Sequence[int] | None = None) -> Code:
        """The code of a node, by way of a variable if it would be long."""
        axes = range(node.rank) if order is None else order
        code = self.write(node, axes)
        if len(code.text) <= LONGEST or code.number or node in self.values:
            return code
        named = self.named(node, code)
        if list(axes) == list(range(node.rank)):
            self.values[node] = named
        return named

    def write(self, node: Node, order: Sequence[int], spread: bool = True) -> Code:
        """The code of a node, its axes in an order.

        With `spread` false, an axis along which the value is constant may have length 1, or be missing
        at the front: the code is to be broadcast.
        """
        match node:
            case Contract():
                return write_contraction(self, node, order, spread)
            case Add():
                return write_sum(self, node, order, spread)
            case Apply() if node.primitive.elementwise:
                return self._elementwise(node, order)
            case Apply():
                if len(node.primitive.outputs) > 1:
                    code = self.values.get(node) or self._assign_outputs(node)
                elif (template := self._along_first(node)) is not None:
                    return self._along_columns(node, template, order)
                elif list(order) == [1, 0] and (template := self._from_right(node)) is not None:
                    return self._transposed_solution(node, template)
                else:
                    code = self._application(node)
                return self.writer.permuted(code, list(order))
            case Size(dim=dim):
                return self.sizes.code(dim)
            case Constant(name="i"):
                return Code(self.library.imaginary_unit, number=True)
            case Constant():
                return Code("3.141592653589793", number=True)
            case Symbol() | Direction():
                raise EmissionError(f"the code would need '{node.name}', which is none of its inputs")
            case _:
                return write_contraction(self, node, order, spread)

    def unspread(self, node: Node, order: Sequence[int]) -> Code:
        """The value of a node, to be broadcast against one that has all its axes."""
        if node not in self.values and isinstance(node, Contract):
            code = write_contraction(self, node, order, spread=False)
            if len(code.text) <= LONGEST:
                return code
        return self.demand(node, order)

    def spread_axes(self, node: Node) -> set[int]:
        """The axes along which the code of a value need not be written out."""
        return set() if node in self.values else spread_axes(node)

    def as_array(self, code: Code) -> Code:
        """A Python number as an array; a complex one as a multiple of a real one, in the precision of the inputs."""
        like, is_complex = self.like(), self.library.imaginary_unit in code.text
        template = self.library.bare_scalar if like is None else self.library.scalar
        array = template.format(x=1 if is_complex else code.text, like=like)
        return Code(f"{code.inside(Kind.PRODUCT)} * {array}", Kind.PRODUCT) if is_complex else Code(array)

    def like(self) -> str | None:
        """The first input: of its precision, and on its device, a new real array has to be.

        An output or a cotangent comes after the inputs, and is not there yet while values are computed.
        """
        return next((text if node.real else f"{text}.real" for node, text in self.leaves.items()), None)

    def _elementwise(self, node: Apply, order: Sequence[int]) -> Code:
        if node.primitive is where:
            return self._choice(node, order)
        narrow = set(range(node.rank)).intersection(*(self.spread_axes(a) for a in node.arguments))
        arguments = [self.unspread(argument, order) for argument in node.arguments]
        if narrow:
            arguments[0] = self.demand(node.arguments[0], order)
        fits = node.primitive.beside_numbers and not all(code.number for code in arguments)
        if node.primitive.operator is None and not fits:
            arguments = [self.as_array(code) if code.number else code for code in arguments]
        return write_call(self, node, arguments)

    def _choice(self, node: Apply, order: Sequence[int]) -> Code:
        """One of two values by a condition, one of them an array."""
        condition, *values = node.arguments
        self.leaves_out |= any(may_be_infinite(value, value.shape) for value in values)
        codes = [self.unspread(value, order) for value in values]
        if all(code.number for code in codes):
            codes[0] = self.as_array(codes[0])
        template = self.library.implementation(where)
        assert isinstance(template, str)
        return fill(self.library.shortened(template.replace("{0} != 0", "{0}")), [self.truth(condition, order), *codes])

    def truth(self, node: Node, order: Sequence[int]) -> Code:
        """Where a comparison holds, in every entry."""
        if not self.is_truth(node):
            return Code(f"{self.demand(node, order).inside(Kind.POWER, Kind.PRODUCT, Kind.SUM)} != 0", Kind.SUM)
        assert isinstance(node, Apply)
        sign, arguments = node.primitive.comparison, [self.unspread(argument, order) for argument in node.arguments]
        if arguments[0].number:
            sign, arguments = _TURNED[sign], arguments[::-1]
        return fill(f"{{0}} {sign} {{1}}", arguments)

    def is_truth(self, node: Node | None) -> bool:
        """Whether a node is a comparison that is written where it is used."""
        return isinstance(node, Apply) and bool(node.primitive.comparison) and node not in self.values

    def _application(self, node: Apply) -> Code:
        arguments = [self.demand(argument) for argument in node.arguments]
        arrays = [self.as_array(code) if code.number else code for code in arguments]
        return write_call(self, node, self._one_type(node, arrays))

    def _along_first(self, node: Apply) -> str | None:
        """How a function along the rows of transposes is written along the columns of what they are transposes of."""
        template = self.library.implementation(node.primitive)
        found = along_first(self.library.shortened(template)) if isinstance(template, str) else None
        return found if found and {is_turned(a, self._is_transpose) for a in node.arguments} == {True} else None

    def _is_transpose(self, node: Node) -> bool | None:
        """Whether a value is, or will be, the transpose of what is computed; None of what is made entry by entry."""
        if node in self.values:
            return node in self.turned
        if isinstance(node, Apply) and not node.primitive.elementwise:
            return self._along_first(node) is not None
        return None

    def _along_columns(self, node: Apply, template: str, order: Sequence[int]) -> Code:
        arguments = [self.demand(argument, [1, 0]) for argument in node.arguments]
        code = fill(template, repeated_named(self, template, node, arguments))
        return self.writer.permuted(code, [node.rank - 1 - axis for axis in order])

    def _from_right(self, node: Apply) -> str | None:
        """How the transpose of a solution is written by those of a triangle and of a right side that may be turned."""
        template = self.library.implementation(node.primitive)
        found = from_right(template) if isinstance(template, str) and node.rank == 2 else None
        return None if found is None or node.arguments[1] in self.values else found

    def _transposed_solution(self, node: Apply, template: str) -> Code:
        return fill(template, self._one_type(node, [self.demand(argument, [1, 0]) for argument in node.arguments]))

    def _one_type(self, node: Apply, codes: Sequence[Code]) -> list[Code]:
        """Real arguments beside complex ones, made complex where they may be and the library wants one type."""
        if not self.library.complex_of or len({argument.real for argument in node.arguments}) < 2:
            return list(codes)
        given = zip(node.arguments, node.primitive.inputs, codes, strict=True)
        return [
            self.made_complex(code) if argument.real and node.primitive.takes_complex(declared) else code
            for argument, declared, code in given
        ]

    def made_complex(self, code: Code) -> Code:
        """A real array beside a complex one, of the same type."""
        return Code(self.library.complex_of.format(x=code.inside(), like=next(iter(self.leaves.values()))), Kind.SUM)


# Comparisons of b with a by those of a with b.
_TURNED = {">": "<", ">=": "<=", "==": "=="}
