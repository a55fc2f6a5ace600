"""Writing the steps of a derivation, in the words of a textbook.

A function that is defined by an identity is told from the identity on; a composition is told part by
part: each named part with its differential, the whole in terms of the parts, the substitution, and the
gradient (or the vector-Jacobian product) read off. The node-level rewriting is not shown.
"""

from __future__ import annotations

from collections.abc import Mapping

from gradwright.core.contraction import zero
from gradwright.core.inference import facts_of
from gradwright.core.nodes import Add, Apply, Contract, Hole, Node, Solve, Symbol, field_of, is_apply
from gradwright.core.sums import subtract
from gradwright.core.templates import formals
from gradwright.core.tensor_forms import Leaf, leaves_of, map_leaves
from gradwright.core.walks import depends_on, postorder, substitute, written_size
from gradwright.diff.differential import differential, direction
from gradwright.diff.identities.engine import solved
from gradwright.diff.steps.endings import endings, tensor_endings
from gradwright.diff.steps.letters import OUTPUT_LETTERS, choose_letters, output_name
from gradwright.diff.steps.step import Draft, as_form
from gradwright.diff.steps.telling import Telling, frame_symbols, without_repeats
from gradwright.diff.steps.trial import Named
from gradwright.frozen import frozen, replace
from gradwright.linear.collect import collect
from gradwright.linear.forms import push
from gradwright.linear.recognise import sylvester_operands
from gradwright.prims.complex import real_part
from gradwright.prims.power import power
from gradwright.simplify.pipeline import simplify

LONGEST_SUBSTITUTION = 300  # parts of a differential that is written in the directions of the variables alone


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
    tensors = tensor_endings(root, told.change, variables[0], cotangent, told.parts)
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
    """Whether the expression is one function of bare variables that an identity defines.

    The identity speaks of matrices: of a stack of them, the differential is told.
    """
    if not isinstance(root, Apply) or not root.primitive.identity:
        return False
    batch, _ = root.bound
    if batch:
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
    outputs = core.outputs
    letters = _output_letters(core, taken)
    leaves: dict[Node, Node] = dict(zip((*formal.inputs, *formal.outputs), (*core.arguments, *letters), strict=True))
    moved: dict[Node, Node] = {
        s: direction(letter) for s, letter in zip(formal.output_directions, letters, strict=True)
    }
    for symbol, argument in zip(formal.input_directions, core.arguments, strict=True):
        assert isinstance(argument, Symbol)
        moved[symbol] = direction(argument) if argument in variables else zero(argument.shape)
    telling = Telling(core, solution, {**leaves, **moved}, letters, frame_symbols(solution, taken, leaves))
    drafts = telling.drafts()
    named = tuple(map(Named, letters, outputs))
    shown: dict[Node, Node] = dict(zip(letters, outputs, strict=True)) if _has_suffix(core) else {}
    change = substitute(root, {core: direction(letters[core.index])})
    parts: dict[Node, Symbol] = dict(zip(outputs, letters, strict=True))
    drafts += endings(root, change, variables, cotangent, parts)
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
                if is_apply(node, power) and node.rank == 2 and node not in found:
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
    operator = push(root.equations[0].operator, {Hole.of(unknown): letter})
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
    drafts = without_repeats(drafts)
    drafts += endings(root, direction(letter), variables, cotangent, {root: letter})
    return Narration(tuple(drafts), (Named(letter, root),), {}, {}, cotangent, direction(letter), {root: letter})


def _has_suffix(root: Apply) -> bool:
    notation = root.primitive.notation.text
    return len(root.primitive.outputs) == 1 and notation.startswith("{") and len(root.arguments) == 1


def _output_letters(root: Apply, taken: set[str]) -> list[Symbol]:
    """Symbols for the outputs, named as in the record; a vector that a record calls Y is a y."""
    names = [OUTPUT_LETTERS.get(d.name, d.name) for d in root.primitive.outputs]
    if len(names) == 1 and root.rank == 1 and not root.primitive.of_user:
        names = [names[0].lower()]
    found: list[Symbol] = []
    for k, (name, output) in enumerate(zip(names, root.outputs, strict=True)):
        free = name if name not in taken else output_name(output.rank, taken)
        # What is known here beyond the record: the square root of a symmetric matrix is symmetric.
        facts = formals(root.primitive).outputs[k].facts | (facts_of(output) & {"symmetric", "hermitian"})
        real = frozenset(facts - {"complex"}) if output.real else facts
        found.append(Symbol(free, output.shape, real))
    return found


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
        in_letters = substitute(total, dict(parts))
        # Every part of a deep composition doubles what is put into it: its differential is told part by part alone.
        if written_size(in_letters) <= LONGEST_SUBSTITUTION:
            words = "put in the differentials of the parts"
            drafts.append(Draft("substitute", direction(whole), collect(in_letters), words))
    drafts += endings(root, direction(whole), variables, cotangent, dict(parts))
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
