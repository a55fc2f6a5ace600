"""The story of one identity: its definition, its differential, the frames, the rules that solved it, and the result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property

from gradwright.core.build import transpose
from gradwright.core.canonical import as_product
from gradwright.core.contraction import conjugate
from gradwright.core.dims import Dim, substituted
from gradwright.core.facts import NO_FACTS
from gradwright.core.nodes import Apply, Direction, Hole, Node, Solve, Symbol
from gradwright.core.spaces import Space
from gradwright.core.sums import subtract
from gradwright.core.templates import formals, gauge_equations, identities, instantiate
from gradwright.core.tensor_forms import lower
from gradwright.core.walks import free_leaves, postorder, substitute
from gradwright.diff.differential import differential, direction
from gradwright.diff.identities.null_vectors import BEHIND_VECTORS
from gradwright.diff.identities.problem import FramePart, RuleStep, Solution
from gradwright.diff.identities.terms import read_terms
from gradwright.diff.steps.step import Draft, as_form
from gradwright.frozen import replace
from gradwright.linear.collect import collect
from gradwright.linear.forms import push
from gradwright.linear.recognise import sylvester_operands
from gradwright.simplify.pipeline import simplify

_HIDDEN_RULES = ("split by the frame", "split into parts")


def frame_symbols(solution: Solution, taken: set[str], leaves: Mapping[Node, Node]) -> dict[Node, Node]:
    """Named symbols for the unknowns of frames; those of one kind are told apart by the output they belong to."""
    found: dict[Node, Node] = {}
    used = {*taken, *(leaf.name for leaf in leaves.values() if isinstance(leaf, Symbol))}
    field = NO_FACTS if all(node.real for node in leaves.values()) else frozenset({"complex"})
    kinds = Counter(part.name for use in solution.frames for part in use.parts)
    for use in solution.frames:
        for part in use.parts:
            if part.name.startswith("d"):
                found[part.hole] = use.direction
                continue
            assert isinstance(use.direction, Direction)
            base = _FRAME_LETTERS.get(part.name, part.name)
            own = f"{base}_{use.direction.of}" if kinds[part.name] > 1 else base
            name = next(n for n in (own, *(f"{own}{k}" for k in range(1, 99))) if n not in used)
            used.add(name)
            found[part.hole] = Symbol(name, part.hole.shape, part.space.facts | field)
    return found


# Φ is the name of a mask, which a reader would confuse with the triangular unknown.
_FRAME_LETTERS = {"Φ": "M"}


class Telling:
    """The story of one identity: definition, differentiation, frames, rules, result."""

    def __init__(
        self,
        root: Apply,
        solution: Solution,
        leaves: Mapping[Node, Node],
        letters: Sequence[Symbol],
        frame_symbols: Mapping[Node, Node],
    ) -> None:
        self.root = root
        self.solution = solution
        self.leaves = dict(leaves)
        self.letters = letters
        self.frame_symbols = frame_symbols
        _, dims = root.bound
        self.dims = dims

    def put(self, template: Node) -> Node:
        """A node in formal names, in the names of this application."""
        named = substitute(template, self.frame_symbols)
        leaves = {**{leaf: leaf for leaf in free_leaves(named)}, **self.leaves}
        leaves.update(
            {
                s: _resized(s, self.dims)
                for s in free_leaves(named)
                if isinstance(s, Symbol) and s in set(self.frame_symbols.values())
            }
        )
        return simplify(instantiate(named, leaves, self.dims))

    def frame_values(self) -> list[tuple[Symbol, Node]]:
        """The frames' unknowns with the expressions that recover them."""
        found: list[tuple[Symbol, Node]] = []
        for use in self.solution.frames:
            for part in use.parts:
                symbol = self.frame_symbols[part.hole]
                if isinstance(symbol, Symbol):
                    resized = _resized(symbol, self.dims)
                    assert isinstance(resized, Symbol)
                    found.append((resized, part.recovered))
        return found

    def drafts(self) -> list[Draft]:
        """All steps up to the differential."""
        primitive = self.root.primitive
        drafts: list[Draft] = []
        equations = [(self.put(left), self.put(right)) for left, right in identities(primitive)]
        for left, right in equations:
            drafts.append(Draft("definition", left, right, self._definition_words()))
        differentiated = [self._differentiated(left, right) for left, right in identities(primitive)]
        drafts += differentiated
        drafts += [collected for equation in differentiated for collected in self._collected(equation)]
        words = "of the directions that are free, these are taken"
        drafts += [Draft("gauge", self.put(left), self.put(right), words) for left, right in gauge_equations(primitive)]
        rules = self._rules()
        drafts += self._frames(rules)
        drafts += rules
        result = self.put(self.solution.differentials[self.root.index])
        letter = self.letters[self.root.index]
        by_equation = drafts[-1].rule == "linear matrix equation"
        drafts = without_repeats(drafts)
        if any((d.left, d.right, d.part) == (direction(letter), collect(result), _SHOWN[0]) for d in drafts[:-1]):
            return drafts if drafts[-1].left != direction(letter) else drafts[:-1]
        last = drafts[-1]
        if last.left == direction(letter):
            return [*drafts[:-1], Draft(last.rule, direction(letter), collect(result), last.reason)]
        if by_equation:
            return [*drafts, Draft("solve", direction(letter), collect(result), "the solution of this equation")]
        return [*drafts, Draft("result", direction(letter), collect(result), "put together")]

    def _definition_words(self) -> str:
        return f"the identity that defines {self.root.primitive.name}"

    def _differentiated(self, left: Node, right: Node) -> Draft:
        formal = formals(self.root.primitive)
        moves: dict[Node, Node] = dict(zip(formal.inputs, formal.input_directions, strict=True))
        moves.update(zip(formal.outputs, formal.output_directions, strict=True))
        sides = [self.put(differential(side, moves)) for side in (left, right)]
        return Draft("differentiate both sides", sides[0], sides[1], "product rule")

    def _frames(self, rules: Sequence[Draft]) -> list[Draft]:
        """The frames of the asked output, and those in whose terms the rules speak."""
        drafts: list[Draft] = []
        spoken = {leaf for d in rules for side in (d.left, d.right) for leaf in free_leaves(lower(as_form(side)))}
        for place, use in enumerate(self.solution.frames):
            names = [part for part in use.parts if not part.name.startswith("d")]
            if names and (place == self.root.index or any(self.put(part.hole) in spoken for part in names)):
                words = ", ".join(map(self._where_it_lives, names))
                drafts.append(Draft("frame", self.put(use.direction), self.put(use.value), words))
        return drafts

    def _where_it_lives(self, part: FramePart) -> str:
        symbol = self.frame_symbols[part.hole]
        assert isinstance(symbol, Symbol)
        if symbol.rank == 1:
            return f"{symbol.name} any vector"
        real = all(child.real for child in self.root.children)
        if part.by_equation:
            adjoint_of = "Zᵀ" if real else "Zᴴ"
            return f"{adjoint_of} {symbol.name} = 0 for the Z of the equation {adjoint_of} {part.by_equation} = I"
        return f"{symbol.name} {_lives(part.space, part.name, real)}"

    def _rules(self) -> list[Draft]:
        """The rules that were applied; those that only a full account needs are algebra."""
        drafts: list[Draft] = []
        complements = {part.hole for use in self.solution.frames for part in use.parts if part.name.startswith("K")}
        steps = [step for step in self.solution.steps if self._is_needed(step)]
        for place, step in enumerate(steps):
            right = self.put(step.right)
            # In terms of another unknown, which is solved for later, a part of an equation is a remark.
            others = self._unknowns.keys() - {self.put(step.left)} if isinstance(step.left, Hole) else ()
            remark = not set(others).isdisjoint(free_leaves(right))
            hidden = step.rule in _HIDDEN_RULES or (step.left in complements and step.rule != "border") or remark
            following = next((s.rule for s in steps[place + 1 :] if s.left not in complements), "")
            if step.rule == "split by the frame" and following in ("split into parts", "compare entries"):
                hidden = False
            part = "algebra" if hidden else "differential"
            left = self._matrix_equation(step.left) if step.rule == "linear matrix equation" else step.left
            drafts.append(Draft(step.rule, self.put(left), right, step.reason, part=part))
        return drafts

    def _is_needed(self, step: RuleStep) -> bool:
        """Whether an equation is about an unknown that the asked differential is made of."""
        about = _holes(step.left)
        if step.rule == "cancel" or not about or not self.solution.solved:
            return True
        return not about.isdisjoint(self._needed if step.rule == BEHIND_VECTORS else self._needed - self._alone)

    @cached_property
    def _alone(self) -> frozenset[Node]:
        """The unknowns that a step of their own gives, whatever the others are."""
        return frozenset(step.left for step in self.solution.steps if step.rule == BEHIND_VECTORS)

    @cached_property
    def _unknowns(self) -> dict[Node, Node]:
        """The unknowns by the names that they have here."""
        return {self.put(hole): hole for hole in self.frame_symbols}

    @cached_property
    def _needed(self) -> frozenset[Node]:
        """The unknowns of the asked differential: that of singular values needs no Ω, whose diagonal is zero."""
        values, holes = dict(self.solution.solved), self._unknowns
        waiting, found = list(_holes(self.solution.frames[self.root.index].value)), set[Node]()
        while waiting:
            hole = waiting.pop()
            if hole not in found and hole in values:
                found.add(hole)
                waiting += [holes[leaf] for leaf in free_leaves(self.put(values[hole])) if leaf in holes]
        return frozenset(found)

    def _matrix_equation(self, form: Node) -> Node:
        """The left side of a matrix equation as it is solved, `A H + H B`, with the operands collected."""
        (hole,) = _holes(form)
        value = dict(self.solution.solved)[hole]
        outermost = next(node for node in reversed(list(postorder(value))) if isinstance(node, Solve))
        if sylvester_operands(outermost) is None or read_terms(form) is None:  # or it is solved for a function of H
            return form
        unknown = outermost.unknowns[0]
        return push(outermost.equations[0].operator, {Hole.of(unknown): _as_in(value, hole)})

    def _collected(self, equation: Draft) -> list[Draft]:
        """A differentiated equation with what is known on the right, where no frame is needed."""
        if any(not part.name.startswith("d") for use in self.solution.frames for part in use.parts):
            return []
        assert isinstance(equation.left, Node) and isinstance(equation.right, Node)
        moved: dict[Node, Node] = {direction(letter): direction(letter) for letter in self.letters}
        total = subtract(equation.left, equation.right)
        own = simplify(push(total, moved))
        rest = simplify(subtract(own, total))
        if (own, rest) == (equation.left, equation.right):
            return []
        return [Draft("collect", own, rest, "bring the known terms to the right", part="algebra")]


def _as_in(value: Node, hole: Node) -> Node:
    """What is solved for where an unknown has a value: its transpose, or its conjugate, if the value is one."""
    product = as_product(value)
    if len(product.factors) != 1:
        return hole
    ((_, groups, conj),) = product.factors
    turned = hole if groups == product.output else transpose(hole)
    return conjugate(turned) if conj else turned


def _holes(node: Node) -> frozenset[Node]:
    return frozenset(leaf for leaf in free_leaves(node) if isinstance(leaf, Hole))


def without_repeats(drafts: list[Draft]) -> list[Draft]:
    """A rule that only restates the equation before it takes its place, but for what says how the equation came.

    One that restates an equation further above is left out.
    """
    kept: list[Draft] = []
    for draft in drafts:
        if any((d.left, d.right, d.part) == (draft.left, draft.right, _SHOWN[0]) for d in kept[:-1]):
            continue
        if kept and (draft.left, draft.right) == (kept[-1].left, kept[-1].right):
            before = kept.pop()
            told = before if before.rule == "differentiate both sides" else draft
            draft = replace(told, part=min(draft.part, before.part, key=_SHOWN.index))
        kept.append(draft)
    return kept


_SHOWN = ("differential", "algebra")


def _resized(symbol: Node, dims: Mapping[str, Dim]) -> Node:
    assert isinstance(symbol, Symbol | Direction)
    if isinstance(symbol, Direction):
        return symbol
    shape = substituted(symbol.shape, dims)
    return Symbol(symbol.name, shape, symbol.facts)


def _lives(space: Space, name: str, real: bool) -> str:
    if name.startswith("K"):
        return "orthogonal to the columns"
    words = {Space.FREE: "any matrix", Space.SKEW_HERMITIAN: "skew"} if real else {}
    return words.get(space, space.value)
