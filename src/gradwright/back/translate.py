"""From nodes to formulas: what to write for a node of any kind."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeGuard

from gradwright.back.algebra import conjugated, is_in_moduli, multiplied, to_the, transposed
from gradwright.back.einsum import einsum_formula
from gradwright.back.formula import (
    Call,
    Formula,
    Indexed,
    MaskMatrix,
    Name,
    Number,
    Part,
    Place,
    Scaled,
    Transposed,
)
from gradwright.back.label_graph import Edge, Weight
from gradwright.back.layouts import layout_formula, unflattened
from gradwright.back.matrices import Irreducible, Reduction
from gradwright.back.names import direction_formula, name_formula
from gradwright.back.notation import basis_vector, identity, size_formula
from gradwright.back.products import product
from gradwright.back.slices import part_of_tensor, place_of
from gradwright.back.solutions import solution_formula
from gradwright.back.sums import blocks_of, sum_formula, with_ones_of_matrices
from gradwright.back.text import language, unicode
from gradwright.core.contraction import is_simple
from gradwright.core.dims import Dim
from gradwright.core.inference import facts_of, is_real_valued
from gradwright.core.nodes import (
    Add,
    Apply,
    Constant,
    Contract,
    Direction,
    Factor,
    HalfVectorisation,
    Hole,
    Mask,
    Node,
    Selection,
    Size,
    Solve,
    Symbol,
)
from gradwright.core.walks import free_leaves, postorder
from gradwright.frozen import replace
from gradwright.prims.complex import imaginary_part, real_part, without_unit
from gradwright.prims.inv import inv
from gradwright.prims.power import base_and_exponent, power, variable_power
from gradwright.simplify.broadcasts import repeated_number


@dataclass
class Translator:
    """Translates nodes, each once.

    Attributes:
        letters: names for subexpressions, which are written instead of them.
        language: whether the text is to be read again: `⊗` and `roll` are no part of the language.
        declared: the names of variables, which no unknown of an equation may have.
    """

    letters: Mapping[Node, Formula] = field(default_factory=dict[Node, Formula])
    language: bool = False
    declared: Collection[str] = ()
    _done: dict[Node, Formula] = field(default_factory=dict[Node, Formula])

    def formula(self, root: Node) -> Formula:
        """The formula of a node."""
        for node in postorder(root):
            if node not in self._done:
                found = self.letters.get(node)
                self._done[node] = found if found is not None else self._translate(node)
        return self._done[root]

    def name(self, symbol: Symbol, formula: Formula) -> None:
        """Write a formula where a symbol stands."""
        self._done[symbol] = formula

    def _translate(self, node: Node) -> Formula:
        symmetric = node.rank < 2 or (node.rank == 2 and "symmetric" in facts_of(node))
        # What is read back has to have the transposes that it had.
        skew = not self.language and node.rank == 2 and "skew" in facts_of(node)
        match node:
            case Symbol(name=name):
                return name_formula(name, node.rank, symmetric, skew)
            case Direction(of=of):
                return direction_formula(of, node.rank, symmetric, skew)
            case Hole(number=number):
                return name_formula(f"H{number or ''}", node.rank, symmetric)
            case Constant(name=name):
                text, latex = {"pi": ("π", r"\pi"), "i": ("i", r"\mathrm{i}")}[name]
                return Name(0, True, text, {"i": "1j"}.get(name, name), latex)
            case Size(dim=dim):
                return size_formula(dim)
            case Mask() | Selection() | HalfVectorisation():
                return constant_tensor(node)
            case Add():
                return sum_formula([self._done[term] for term in node.terms], symmetric)
            case Apply():
                return self._apply(node, symmetric)
            case Solve():
                return solution_formula(node, self.formula, symmetric, language=self.language, declared=self.declared)
            case Contract():
                return self._contract(node, symmetric)
            case _:
                raise AssertionError(type(node).__name__)

    def _apply(self, node: Apply, symmetric: bool) -> Formula:
        arguments = [self._argument(node, place) for place in range(len(node.arguments))]
        if node.primitive is power:
            _, exponent = base_and_exponent(node)
            if exponent < 0 and (not node.rank or exponent == -1 or exponent.denominator > 1):
                return Scaled(node.rank, symmetric, Fraction(1), (), (to_the(arguments[0], -exponent, symmetric),))
            return to_the(arguments[0], exponent, symmetric)
        if node.primitive is real_part:
            # To a reader, `Re` of what has no imaginary part says nothing; the language needs it for the field.
            if is_in_moduli(arguments[0]) or (not self.language and is_real_valued(node.arguments[0])):
                return arguments[0]
            turned = without_unit(node.arguments[0])
            if turned is not None:
                return call_formula(Apply(imaginary_part, (), (turned,)), [self.formula(turned)], "", symmetric)
        if node.primitive.scalar is not None:
            return self._spectral(node, arguments, symmetric)
        if node.primitive is variable_power and node.rank:
            latex = r"{0}^{\odot {1}}"
            return Call(node.rank, symmetric, node.primitive.name, tuple(arguments), text="{0}∘^{1}", latex=latex)
        if node.primitive.notation.left_division and not self.language:
            matrix = Apply(inv, (), node.arguments[:1], 0)
            turn = _is_transposed(arguments[0])
            inverse = call_formula(
                matrix, [transposed(arguments[0]) if turn else arguments[0]], "", "symmetric" in facts_of(matrix)
            )
            return product((transposed(inverse) if turn else inverse, arguments[1]))
        keywords = self._axis_keyword(node)
        turned = arguments[0] if arguments else None
        if keywords == "axis=1" and _is_transposed(turned):
            call = call_formula(node, [transposed(turned), *arguments[1:]], "axis=0", symmetric)
            return transposed(call)
        return call_formula(node, arguments, keywords, symmetric)

    def _spectral(self, node: Apply, arguments: Sequence[Formula], symmetric: bool) -> Formula:
        """`(x ↦ g(x))(A)` of a Hermitian matrix, and its derivatives `D(x ↦ g(x))[A](E)`."""
        from gradwright.back.latex import latex  # here, because most uses never write LaTeX

        assert node.primitive.scalar is not None
        body = Translator().formula(node.primitive.scalar)
        quoted = Name(0, True, f"x ↦ {unicode(body)}", f'"{language(body)}"', rf"x \mapsto {latex(body)}")
        moves = ", ".join(f"{{{k}}}" for k in range(2, len(arguments) + 1))
        text, written = "({0})({1})", r"\left({0}\right)\left({1}\right)"
        if moves:
            text, written = f"D({{0}})[{{1}}]({moves})", rf"\mathrm{{D}}\left({{0}}\right)[{{1}}]\left({moves}\right)"
        return Call(node.rank, symmetric, node.primitive.name, (quoted, *arguments), text=text, latex=written)

    def _argument(self, node: Apply, place: int) -> Formula:
        """An operand; a matrix flattened for a reduction of all entries is written as it is.

        A number repeated to the shape of the others is written as the number: `2^X`, not `(2 1)^X`.
        """
        argument = node.arguments[place]
        if node.primitive.elementwise and len(node.arguments) > 1 and argument not in self.letters:
            numbers = [repeated_number(other) for other in node.arguments]
            number = numbers[place]
            if number is not None and any(other is None for other in numbers):
                return self.formula(number)
        reduces = not node.primitive.elementwise and not node.primitive.outputs[node.index].shape
        if place == 0 and reduces and isinstance(argument, Contract):
            opened = unflattened(argument)
            if opened is not None:
                return self.formula(opened)
        return self._done[argument]

    def _axis_keyword(self, node: Apply) -> str:
        argument = node.arguments[0] if node.arguments else None
        if argument is None or node.primitive.elementwise or len(node.primitive.inputs[0].shape) != 1:
            return ""
        return f"axis={argument.rank - 1}" if argument.rank > 1 else ""

    def _contract(self, node: Contract, symmetric: bool) -> Formula:
        if not node.coefficient:
            return Number(node.rank, symmetric, Fraction(0)) if not node.rank else zeros(node.shape)
        if not node.output and not node.factors:
            return Number(0, True, node.coefficient)
        found = layout_formula(node, self.formula, self.name) or part_of_tensor(node, self.formula, self.name)
        if found is None and node.rank > 2 and not self.language:
            from gradwright.back.tensors import outer_formula  # here, because it translates the pieces

            found = outer_formula(node, self)
        if found is None and node.rank <= 2:
            found = self._matrix_notation(node)
        if found is None:
            found = einsum_formula(node, self.factor, self.formula)
        if node.rank == 1:
            found = blocks_of((found,), symmetric) or found
        return replace(found, symmetric=symmetric) if node.rank == 2 and symmetric else found

    def _matrix_notation(self, node: Contract) -> Formula | None:
        if not is_simple(node.output) or node.rank > 2:
            return None
        parts = self._reduction(node)
        if parts is None:
            return None
        try:
            return parts.run([group[0] for group in node.output])
        except Irreducible:
            return None

    def _reduction(self, node: Contract) -> Reduction | None:
        scalars: list[tuple[int, Formula]] = []
        divisors: list[Formula] = []
        weights: list[Weight] = []
        edges: list[Edge] = []
        for place, factor in enumerate(node.factors):
            labels = [group[0] for group in factor.groups if len(group) == 1]
            if len(labels) != len(factor.groups) or len(labels) > 2:
                return None
            formula, divides = self.factor(factor)
            if not labels and divides:
                divisors.append(formula)
            elif not labels:
                scalars.append((place, formula))
            elif len(labels) == 1:
                weights.append(Weight(labels[0], formula, divides, entry_of(factor.node), place))
            else:
                matrix = multiplied(Fraction(1), (), (formula,), 2) if divides else formula
                diagonal = labels[0] == labels[1] and "diagonal" in facts_of(factor.node)
                edges.append(Edge(labels[0], labels[1], matrix, place, diagonal))
        real = all(is_real_valued(factor.node) for factor in node.factors if factor.groups)
        return Reduction(node.coefficient, scalars, divisors, weights, edges, node.dims, real)

    def factor(self, factor: Factor) -> tuple[Formula, bool]:
        """The formula of a factor, its node being written already, and whether it stands below the line."""
        node = factor.node
        below, exponent = base_and_exponent(node)
        if exponent < 0 and node not in self.letters:
            base = self._done[below]
            inside = base if exponent == -1 else to_the(base, -exponent, base.symmetric)
            return (conjugated(inside) if factor.conj else inside), True
        formula = self._done[node]
        return (conjugated(formula) if factor.conj else formula), False


def _is_transposed(formula: Formula | None) -> TypeGuard[Transposed]:
    return isinstance(formula, Transposed) and not formula.conj


def entry_of(node: Node) -> str | None:
    """The place that a basis vector picks."""
    if isinstance(node, Selection) and node.part is None:
        return place_of(node)
    return None


def constant_tensor(node: Mask | Selection | HalfVectorisation) -> Formula:
    """Masks, selections and the tensor of `vech` as they stand."""
    if isinstance(node, Mask):
        square = node.shape[0] == node.shape[1]
        rows, columns = map(str, node.shape)
        return MaskMatrix(2, square and node.below == node.above, node.weights, rows, columns)
    if isinstance(node, HalfVectorisation):
        return Call(3, False, "elimination", (size_formula(node.dim),))
    if node.part is None:
        return basis_vector(node.whole, entry_of(node) or "0", node.offset)
    alone = Indexed(2, False, identity(node.whole), (":", place_of(node)))
    return Part(2, False, alone, place_of(node), Place(node.offset, node.part, node.whole))


def _is_number(node: Node) -> bool:
    """Whether one number fills a tensor; a variable that is a scalar is none beside a number."""
    return repeated_number(node) is not None if node.rank else not free_leaves(node)


def call_formula(node: Apply, arguments: Sequence[Formula], keywords: str, symmetric: bool) -> Formula:
    """A primitive applied: its parameters stand before the arguments."""
    primitive = node.primitive
    numbers = [Number(0, True, Fraction(p)) for p in node.parameters if isinstance(p, int | Fraction)]
    notation = primitive.notation
    output = primitive.outputs[node.index].name if len(primitive.outputs) > 1 else ""
    positions = {declared.name: f"{{{k}}}" for k, declared in enumerate(primitive.inputs, len(numbers))}
    arguments = (*numbers, *(map(with_ones_of_matrices, arguments) if primitive.takes_matrices else arguments))
    text, latex = notation.outputs[node.index] if notation.outputs else (notation.text, notation.latex)
    if notation.from_number[0] and list(map(_is_number, node.arguments)) == [True, False]:
        text, latex = notation.from_number
    for name, position in positions.items():
        text = text.replace(f"{{{name}}}", position)
        latex = latex.replace(f"{{{name}}}", position)
    if keywords:
        text, latex = "", ""
    if not text and notation.name:
        listed = ", ".join(f"{{{k}}}" for k in range(len(arguments)))
        text = f"{notation.name}({listed}{', ' + keywords if keywords else ''})"
    return Call(node.rank, symmetric, primitive.name, arguments, keywords, text, latex, output)


def zeros(shape: Sequence[Dim]) -> Formula:
    """A tensor of zeros."""
    listed = ", ".join(map(str, shape))
    return Name(len(shape), len(shape) < 2 or shape[0] == shape[1], "0", f"zeros({listed})", "0")
