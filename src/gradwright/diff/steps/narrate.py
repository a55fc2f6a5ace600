"""Writing the steps of a derivation, in the words of a textbook.

A function that is defined by an identity is told from the identity on; a composition is told part by
part: each named part with its differential, the whole in terms of the parts, the substitution, and the
gradient (or the vector-Jacobian product) read off. The node-level rewriting is not shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property

from gradwright.core.build import number
from gradwright.core.contraction import zero
from gradwright.core.dims import Dim
from gradwright.core.inference import facts_of
from gradwright.core.nodes import Add, Apply, Contract, Direction, Hole, Node, Solve, Symbol, field_of
from gradwright.core.sums import subtract
from gradwright.core.templates import formals, gauge_equations, identities, instantiate
from gradwright.core.tensor_forms import Dot, Form, Inner, Leaf, Total, leaves_of, map_leaves
from gradwright.core.walks import depends_on, free_leaves, postorder, substitute
from gradwright.diff.derivatives import free_vjps, full_jacobian, total_differential, vjp, vjps
from gradwright.diff.differential import differential, direction
from gradwright.diff.identities.engine import solved
from gradwright.diff.identities.problem import FramePart, RuleStep, Solution
from gradwright.diff.steps.letters import OUTPUT_LETTERS, choose_letters, output_name
from gradwright.diff.steps.step import Draft, as_form
from gradwright.diff.steps.tensors import chain_rule_steps, jacobian_steps, sandwiches
from gradwright.diff.steps.trial import Named
from gradwright.errors import DerivationError
from gradwright.frozen import frozen, replace
from gradwright.linear.collect import collect
from gradwright.linear.forms import push
from gradwright.linear.projection import is_structured
from gradwright.linear.recognise import sylvester_operands
from gradwright.prims.complex import real, real_part
from gradwright.prims.power import power
from gradwright.simplify.equality import has_complex_values
from gradwright.simplify.pipeline import simplify

HIDDEN_RULES = ("split by the frame", "split into parts")


@frozen
class Narration:
    """The drafts of all steps, and what they speak of.

    Attributes:
        drafts: the steps in order.
        named: symbols that stand for expressions, whose values a check has to measure.
        shown_as: how a symbol that stands for an expression is written, where not by its own name.
        recovered: unknowns of frames with the expressions that recover them.
        cotangent: the cotangent's symbol, if there is one.
        change: the direction of the expression, in letters.
        parts: the letters for parts of the expression.
    """

    drafts: tuple[Draft, ...]
    named: tuple[Named, ...]
    shown_as: Mapping[Node, Node]
    recovered: Mapping[Symbol, Node]
    cotangent: Symbol | None
    change: Node
    parts: Mapping[Node, Symbol]


def narrate_in_full(root: Node, variables: tuple[Symbol, ...], taken: set[str], cotangent: Symbol | None) -> Narration:
    """The steps of `narrate`, with the Jacobian and the chain rule in tensor notation where they are to be had."""
    told = narrate(root, variables, taken, cotangent)
    if len(variables) != 1:
        return told
    tensors = _tensor_endings(root, told.change, variables[0], cotangent, told.parts)
    place = next(k for k, draft in enumerate(told.drafts) if draft.part in ("pairing", "gradient"))
    return replace(told, drafts=(*told.drafts[:place], *tensors, *told.drafts[place:]))


def narrate(root: Node, variables: tuple[Symbol, ...], taken: set[str], cotangent: Symbol | None) -> Narration:
    """The steps from an expression to its derivatives.

    Args:
        root: the expression.
        variables: what it is differentiated by.
        taken: names that are in use.
        cotangent: the cotangent of the expression; None for a scalar, whose gradient is told.
    """
    core = _only_factor(root)
    if _is_defined(core):
        return _from_identity(root, core, variables, taken, cotangent)
    if isinstance(root, Solve) and sylvester_operands(root) is not None and cotangent is not None:
        return _from_equation(root, variables, taken, cotangent)
    return _from_parts(root, variables, taken, cotangent)


def _only_factor(root: Node) -> Node:
    """What an expression is the transpose of, if it is one; else the expression."""
    if isinstance(root, Contract) and len(root.factors) == 1 and root.coefficient == 1:
        factor = root.factors[0]
        if sorted(factor.groups) == sorted(root.output) and len(set(root.output)) == root.rank:
            return factor.node
    return root


def _is_defined(root: Node) -> bool:
    """Whether the expression is one function of bare variables that an identity defines."""
    if not isinstance(root, Apply) or not root.primitive.identity:
        return False
    plain = all(isinstance(argument, Symbol) for argument in root.arguments)
    if not plain or len(set(root.arguments)) < len(root.arguments):
        return False
    stated = bool(root.primitive.differential)
    return not (solved(root.primitive).general and stated)


def _from_identity(
    root: Node, core: Node, variables: tuple[Symbol, ...], taken: set[str], cotangent: Symbol | None
) -> Narration:
    """An output of a function that an identity defines, or the transpose of one."""
    assert isinstance(core, Apply)
    primitive, solution = core.primitive, solved(core.primitive)
    formal = formals(primitive)
    outputs = [Apply(primitive, core.parameters, core.arguments, k) for k in range(len(primitive.outputs))]
    letters = _output_letters(core, taken)
    leaves: dict[Node, Node] = dict(zip(formal.inputs, core.arguments, strict=True))
    moved: dict[Node, Node] = {}
    for symbol, argument in zip(formal.input_directions, core.arguments, strict=True):
        assert isinstance(argument, Symbol)
        moved[symbol] = direction(argument) if argument in variables else _still(symbol)
    for symbol, letter in zip(formal.outputs, letters, strict=True):
        leaves[symbol] = letter
    for symbol, letter in zip(formal.output_directions, letters, strict=True):
        moved[symbol] = direction(letter)
    telling = _Telling(core, solution, {**leaves, **moved}, letters, {**_frame_symbols(solution, taken, leaves)})
    drafts = telling.drafts()
    named = tuple(Named(letter, output) for letter, output in zip(letters, outputs, strict=True))
    shown: dict[Node, Node] = {
        letter: output for letter, output in zip(letters, outputs, strict=True) if _has_suffix(core)
    }
    change = substitute(root, {core: direction(letters[core.index])})
    parts: dict[Node, Symbol] = dict(zip(outputs, letters, strict=True))
    drafts += _endings(root, change, variables, cotangent, parts)
    recovered = {s: telling.put(v) for s, v in telling.frame_values()}
    used = {*taken, *(s.name for s in letters), *(s.name for s in recovered)}
    drafts, denominators = _with_denominators(drafts, used)
    return Narration(tuple(drafts), (*named, *denominators), shown, recovered, cotangent, change, parts)


def _with_denominators(drafts: list[Draft], taken: set[str]) -> tuple[list[Draft], list[Named]]:
    """Matrices of reciprocals, `1 / (λⱼ − λᵢ)`, under the name F."""
    found: dict[Node, Symbol] = {}
    for draft in drafts:
        for side in (draft.left, draft.right):
            for node in postorder(*leaves_of(as_form(side))):
                if isinstance(node, Apply) and node.primitive is power and node.rank == 2 and node not in found:
                    name = next(n for n in ("F", "E", "H", *(f"F{k}" for k in range(1, 99))) if n not in taken)
                    taken.add(name)
                    found[node] = Symbol(name, node.shape, field_of(node))
    if not found:
        return drafts, []
    told, replacements = set[Node](), dict[Node, Node](found)
    written = [_in_symbols(draft, replacements, found, told) for draft in drafts]
    return written, [Named(symbol, node) for node, symbol in found.items()]


def _in_symbols(
    draft: Draft, replacements: Mapping[Node, Node], found: Mapping[Node, Symbol], told: set[Node]
) -> Draft:
    sides = [map_leaves(as_form(side), lambda n: substitute(n, replacements)) for side in (draft.left, draft.right)]
    inside = set(postorder(*leaves_of(as_form(draft.left)), *leaves_of(as_form(draft.right))))
    new = [node for node in found if node in inside and node not in told]
    told.update(new)
    letters = (*draft.letters, *((found[node].name, node) for node in new))
    left, right = (side.node if isinstance(side, Leaf) else side for side in sides)
    return replace(draft, left=left, right=right, letters=letters)


def _from_equation(root: Solve, variables: tuple[Symbol, ...], taken: set[str], cotangent: Symbol) -> Narration:
    """A linear matrix equation, which is its own definition."""
    facts = frozenset(facts_of(root) & {"symmetric", "hermitian", "complex"})
    letter = Symbol(output_name(root.rank, taken), root.shape, facts)
    unknown = root.unknowns[0]
    operator = push(root.equations[0].operator, {Hole(0, unknown.shape, unknown.real): letter})
    side = root.right_sides[0]
    moves: dict[Node, Node] = {v: direction(v) for v in (*variables, letter)}
    moved: dict[Node, Node] = {direction(letter): direction(letter)}
    sides = [simplify(differential(node, moves)) for node in (operator, side)]
    own = simplify(push(sides[0], moved))
    rest = simplify(subtract(sides[1], subtract(sides[0], own)))
    result = collect(substitute(simplify(differential(root, {v: direction(v) for v in variables})), {root: letter}))
    drafts = [
        Draft("definition", operator, side, "the equation that defines the solution"),
        Draft("differentiate both sides", sides[0], sides[1], "product rule"),
        Draft("collect", own, rest, "the same equation, with another right side"),
        Draft("solve", direction(letter), result, "the solution of this equation"),
    ]
    drafts = _without_repeats(drafts)
    drafts += _endings(root, direction(letter), variables, cotangent, {root: letter})
    return Narration(tuple(drafts), (Named(letter, root),), {}, {}, cotangent, direction(letter), {root: letter})


def _still(direction_: Direction) -> Node:
    return zero(direction_.shape)


def _has_suffix(root: Apply) -> bool:
    notation = root.primitive.notation.text
    return len(root.primitive.outputs) == 1 and notation.startswith("{") and len(root.arguments) == 1


def _output_letters(root: Apply, taken: set[str]) -> list[Symbol]:
    """Symbols for the outputs, named as in the record; a vector that a record calls Y is a y."""
    names = [OUTPUT_LETTERS.get(d.name, d.name) for d in root.primitive.outputs]
    if len(names) == 1 and root.rank == 1 and not root.primitive.of_user:
        names = [names[0].lower()]
    found: list[Symbol] = []
    for k, name in enumerate(names):
        output = Apply(root.primitive, root.parameters, root.arguments, k)
        free = name if name not in taken else output_name(output.rank, taken)
        facts = formals(root.primitive).outputs[k].facts
        real = frozenset(facts - {"complex"}) if output.real else facts
        found.append(Symbol(free, output.shape, real))
    return found


def _frame_symbols(solution: Solution, taken: set[str], leaves: Mapping[Node, Node]) -> dict[Node, Node]:
    """Named symbols for the unknowns of frames; those of one kind are told apart by the output they belong to."""
    found: dict[Node, Node] = {}
    used = {*taken, *(leaf.name for leaf in leaves.values() if isinstance(leaf, Symbol))}
    real = all(node.real for node in leaves.values())
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
            facts = _PART_FACTS.get(part.space, frozenset[str]())
            found[part.hole] = Symbol(name, part.hole.shape, facts if real else facts | {"complex"})
    return found


# Φ is the name of a mask, which a reader would confuse with the triangular unknown.
_FRAME_LETTERS = {"Φ": "M"}
_PART_FACTS = {
    "lower": frozenset({"lower"}),
    "upper": frozenset({"upper"}),
    "strictly lower": frozenset({"strictly_lower"}),
    "strictly upper": frozenset({"strictly_upper"}),
    "skew": frozenset({"skew"}),
    "skew-hermitian": frozenset({"skew_hermitian"}),
}


class _Telling:
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
        _, dims = root.primitive.bind(tuple(a.shape for a in root.arguments))
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
        drafts += self._frames()
        drafts += self._rules()
        result = self.put(self.solution.differentials[self.root.index])
        letter = self.letters[self.root.index]
        by_equation = drafts[-1].rule == "linear matrix equation"
        drafts = _without_repeats(drafts)
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

    def _frames(self) -> list[Draft]:
        drafts: list[Draft] = []
        for use in self.solution.frames:
            names = [part for part in use.parts if not part.name.startswith("d")]
            if names:
                words = ", ".join(map(self._where_it_lives, names))
                drafts.append(Draft("frame", self.put(use.direction), self.put(use.value), words))
        return drafts

    def _where_it_lives(self, part: FramePart) -> str:
        symbol = self.frame_symbols[part.hole]
        assert isinstance(symbol, Symbol)
        if symbol.rank == 1:
            return f"{symbol.name} any vector"
        return f"{symbol.name} {_lives(part.space, part.name, all(child.real for child in self.root.children))}"

    def _rules(self) -> list[Draft]:
        """The rules that were applied; those that only a full account needs are algebra."""
        drafts: list[Draft] = []
        complements = {part.hole for use in self.solution.frames for part in use.parts if part.name.startswith("K")}
        steps = [step for step in self.solution.steps if self._is_needed(step)]
        for place, step in enumerate(steps):
            right = self.put(step.right)
            # In terms of an unknown that is solved for later, a part of an equation is a remark.
            remark = isinstance(step.left, Hole) and not self._holes.keys().isdisjoint(free_leaves(right))
            hidden = step.rule in HIDDEN_RULES or step.left in complements or remark
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
        return not about or not self.solution.solved or not about.isdisjoint(self._needed)

    @cached_property
    def _holes(self) -> dict[Node, Node]:
        """The unknowns by the names that they have here."""
        return {self.put(hole): hole for hole in self.frame_symbols}

    @cached_property
    def _needed(self) -> frozenset[Node]:
        """The unknowns of the asked differential: that of singular values needs no Ω, whose diagonal is zero."""
        values, holes = dict(self.solution.solved), self._holes
        waiting, found = list(_holes(self.solution.frames[self.root.index].value)), set[Node]()
        while waiting:
            hole = waiting.pop()
            if hole not in found and hole in values:
                found.add(hole)
                waiting += [holes[leaf] for leaf in free_leaves(self.put(values[hole])) if leaf in holes]
        return frozenset(found)

    def _matrix_equation(self, form: Node) -> Node:
        """The left side of a matrix equation as it is solved, `A H + H B`, with the operands collected."""
        holes = [leaf for leaf in free_leaves(form) if isinstance(leaf, Hole)]
        for node in postorder(*self.solution.differentials):
            if isinstance(node, Solve) and len(holes) == 1 and sylvester_operands(node) is not None:
                unknown = node.unknowns[0]
                return push(node.equations[0].operator, {Hole(0, unknown.shape, unknown.real): holes[0]})
        return form

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


def _holes(node: Node) -> frozenset[Node]:
    return frozenset(leaf for leaf in free_leaves(node) if isinstance(leaf, Hole))


def _without_repeats(drafts: list[Draft]) -> list[Draft]:
    """A rule that only restates the equation before it takes its place, but for what says how the equation came."""
    kept: list[Draft] = []
    for draft in drafts:
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
    shape = tuple(d.substitute(dims) for d in symbol.shape)
    return Symbol(symbol.name, shape, symbol.facts)


def _lives(space: str, name: str, real: bool) -> str:
    if name.startswith("K"):
        return "orthogonal to the columns"
    return {"free": "any matrix", "skew-hermitian": "skew"}.get(space, space) if real else space


def _from_parts(root: Node, variables: tuple[Symbol, ...], taken: set[str], cotangent: Symbol | None) -> Narration:
    parts = choose_letters(root, variables, taken)
    name = output_name(root.rank, {*taken, *(s.name for s in parts.values())})
    whole = Symbol(name, root.shape, field_of(root))
    replaced = _in_letters(parts)
    drafts: list[Draft] = []
    for node, letter in parts.items():
        drafts.append(_differentiated_part(replaced[node], letter, variables, parts))
    body = substitute(root, {n: s for n, s in parts.items()})
    drafts.append(_differentiated_part(body, whole, variables, parts))
    if parts:
        total = simplify(differential(root, {v: direction(v) for v in variables}))
        shown = collect(substitute(total, dict(parts)))
        drafts.append(Draft("substitute", direction(whole), shown, "put in the differentials of the parts"))
    drafts += _endings(root, direction(whole), variables, cotangent, dict(parts))
    named = (*(Named(s, n) for n, s in parts.items()), Named(whole, root))
    return Narration(tuple(drafts), named, {}, {}, cotangent, direction(whole), parts)


def _in_letters(parts: Mapping[Node, Symbol]) -> dict[Node, Node]:
    """Each part with the letters of the parts inside it."""
    found: dict[Node, Node] = {}
    for node in parts:
        inner: dict[Node, Node] = {n: s for n, s in parts.items() if n != node}
        found[node] = substitute(node, inner)
    return found


def _differentiated_part(
    body: Node, letter: Symbol, variables: tuple[Symbol, ...], parts: Mapping[Node, Symbol]
) -> Draft:
    moves: dict[Node, Node] = {v: direction(v) for v in (*variables, *parts.values()) if v != letter}
    moved = collect(simplify(differential(body, moves)))
    rule = _rule_name(body, moves)
    letters = ((letter.name, body),)
    return Draft(rule, direction(letter), moved, _rule_words(body), letters)


def _rule_name(body: Node, moves: Mapping[Node, Node]) -> str:
    moving = depends_on([body], moves)
    match body:
        case Apply(primitive=primitive, arguments=(inner,)) if primitive is real_part and not isinstance(inner, Apply):
            return _rule_name(inner, moves)
        case Apply():
            return f"differential of {body.primitive.name}"
        case Add():
            return "sum rule"
        case Contract():
            count = sum(f.node in moving for f in body.factors)
            functions = any(isinstance(f.node, Apply) and f.node in moving for f in body.factors)
            return "product rule" if count > 1 else "chain rule" if functions else "linearity"
        case _:
            return "differential"


def _rule_words(body: Node) -> str:
    if isinstance(body, Apply) and body.primitive.identity:
        return f"from its identity {' and '.join(body.primitive.identity)}"
    return ""


def _endings(
    root: Node, change: Node, variables: tuple[Symbol, ...], cotangent: Symbol | None, parts: Mapping[Node, Symbol]
) -> list[Draft]:
    """The gradients or vector-Jacobian products.

    Args:
        root: the expression.
        change: its direction, in letters.
        variables: what it is differentiated by.
        cotangent: the cotangent of the expression; None for a scalar.
        parts: letters for parts.
    """
    drafts: list[Draft] = []
    left = Inner(Leaf(cotangent), Leaf(change)) if cotangent is not None else Leaf(_real_part(root, change))
    if cotangent is not None:
        total = collect(substitute(total_differential(root, variables), dict(parts)))
        words = "put in the differential"
        drafts.append(Draft("substitute", left, Inner(Leaf(cotangent), Leaf(total)), words, part="pairing"))
    kind = "vector-Jacobian product" if cotangent is not None else "gradient"
    pulled = cotangent if cotangent is not None else number(1)
    free = _in_letters_of(parts, free_vjps(root, variables, pulled))
    structured = any(is_structured(variable.facts) for variable in variables)
    tangent = _in_letters_of(parts, vjps((root,), variables, (pulled,))) if structured else free
    names = [f"d{v.name}" for v in variables]
    multiplies = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    drafts.append(Draft(kind, left, _paired(free), f"read off what multiplies {multiplies}", part="gradient"))
    if free != tangent:
        words = "onto " + " and ".join(_set_words(v) for v in variables if free[v] != tangent[v])
        drafts.append(Draft("projection", left, _paired(tangent), words, part="projection"))
    return drafts


def _real_part(root: Node, change: Node) -> Node:
    """The direction of a scalar; of a function with complex values its real part, which is what has a gradient."""
    return real(change) if has_complex_values(root) else change


def _in_letters_of(parts: Mapping[Node, Symbol], slopes: Mapping[Node, Node]) -> dict[Symbol, Node]:
    written = {v: collect(substitute(slope, dict(parts))) for v, slope in slopes.items()}
    return {variable: slope for variable, slope in written.items() if isinstance(variable, Symbol)}


def _paired(slopes: Mapping[Symbol, Node]) -> Form:
    """`⟨∇_X, dX⟩ + ⟨∇_Y, dY⟩ + …`."""
    terms = [Inner(Leaf(slope), Leaf(direction(variable))) for variable, slope in slopes.items()]
    return terms[0] if len(terms) == 1 else Total(tuple(terms))


def _set_words(variable: Symbol) -> str:
    """The tangent space of a structured variable, in words."""
    for fact, words in _TANGENT_SPACES.items():
        if fact in variable.facts:
            return f"the {words}".format(variable.name)
    raise AssertionError(variable.facts)


_TANGENT_SPACES = {
    "diagonal": "diagonal matrices",
    "unit_lower": "strictly lower triangular matrices",
    "unit_upper": "strictly upper triangular matrices",
    "lower": "lower triangular matrices",
    "upper": "upper triangular matrices",
    "skew": "skew matrices",
    "symmetric": "symmetric matrices",
    "hermitian": "Hermitian matrices",
    "orthogonal": "matrices {0} Ω with Ω skew",
    "unitary": "matrices {0} Ω with Ω skew-Hermitian",
    "stiefel": "tangent space at {0}",
}


def _tensor_endings(
    root: Node, change: Node, variable: Symbol, cotangent: Symbol | None, parts: Mapping[Node, Symbol]
) -> list[Draft]:
    if cotangent is None or is_structured(variable.facts) or not root.real or not variable.real:
        return []
    if not isinstance(change, Direction) or root.rank != variable.rank or root.rank not in (1, 2):
        return []
    move = direction(variable)
    form = total_differential(root, (variable,))
    terms = sandwiches(form, move)
    if root.rank == 2 and (not terms or len(terms) > 3):
        return []
    try:
        tensor = substitute(full_jacobian(root, variable), dict(parts))
    except DerivationError:
        return []
    if not terms:
        return [Draft("Jacobian", change, Dot(Leaf(tensor), Leaf(move), (2,), (1,)), "as a matrix", part="jacobian")]
    shown = sandwiches(substitute(form, dict(parts)), move) or terms
    slope = Symbol("J_g", root.shape)
    result = substitute(vjp(root, variable, slope), dict(parts))
    drafts = jacobian_steps(change, move, shown, tensor)
    return [*drafts, *chain_rule_steps(slope, Direction("f", ()), change, move, shown, result)]
