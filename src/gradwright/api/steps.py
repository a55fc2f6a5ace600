"""The public steps of a derivation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from gradwright.api.expression import Expression
from gradwright.back.forms import form_formula
from gradwright.back.formula import Formula, Name
from gradwright.back.latex import latex
from gradwright.back.meanings import told_together
from gradwright.back.sharing import SHORTEST_KNOWN, Letter, in_order, put, put_all, share, used_letters
from gradwright.back.text import ascii_text, unicode
from gradwright.back.translate import Translator
from gradwright.core.nodes import Apply, Direction, Node, Symbol
from gradwright.core.signature import Signature
from gradwright.core.tensor_forms import lower
from gradwright.diff.differential import direction
from gradwright.diff.steps.letters import own_names
from gradwright.diff.steps.narrate import Narration
from gradwright.diff.steps.step import Check, Draft, Side, as_form
from gradwright.diff.steps.trial import Named, Trial, generic_trial
from gradwright.frozen import frozen

# The value of a frame's unknown that is longer than this is written by the unknown's name afterwards.
LONG_VALUE = 28


@frozen
class Statement:
    """An equation of two expressions, as a step states it."""

    left: Expression
    right: Expression
    text: str
    ascii: str
    latex: str

    def __str__(self) -> str:
        return self.text


@frozen
class Meaning:
    """What a letter stands for: its name, and `P = Φ(Lᵀ G)` as text, in ASCII and in LaTeX.

    Unknowns of the same equations are told together: `(P, r) = solve(H, h: …)`.
    """

    names: tuple[str, ...]
    text: str
    ascii: str
    latex: str


@frozen
class Step:
    """One step of a derivation.

    Attributes:
        number: counted from 1.
        rule: the name of the rule.
        statement: the equation.
        reason: what was done, in words.
        check: what the numerical check found: `.passed`, `.residual`, `.point`.
        part: `differential`, `jacobian`, `chain rule` or `gradient`.
        letters: the letters in the statement that stand for parts, inner ones first.
    """

    number: int
    rule: str
    statement: Statement
    reason: str
    check: Check
    part: str
    letters: tuple[Meaning, ...] = ()

    @property
    def where(self) -> str:
        """What the letters stand for, as text: `r = X w − y, f = ‖r‖²`."""
        return ", ".join(meaning.text for meaning in self.letters)

    @property
    def told(self) -> str:
        """The rule, and what was done: `product rule: …`."""
        return f"{self.rule}: {self.reason}" if self.reason else self.rule

    def __str__(self) -> str:
        mark = "✓" if self.check.passed else "✗"
        where = f"  where {self.where}" if self.letters else ""
        return f"{self.number:>2}. {self.statement}{where}   [{self.told}] {mark}"


@frozen
class Told:
    """The steps of a derivation, and the letters that stand for parts in them."""

    steps: tuple[Step, ...]
    letters: tuple[Letter, ...]


def tell(
    written: Node,
    root: Node,
    variables: tuple[Symbol, ...],
    narration: Narration,
    signature: Signature,
    taken: set[str],
) -> Told:
    """Number, check and render the drafts of a narration.

    Args:
        written: the expression as it was given, whose value and differences the steps are held to.
        root: the same, simplified: what the narration is about.
        variables: what it is differentiated by.
        narration: the drafts.
        signature: the declared variables.
        taken: the names that no letter may have.
    """
    trial = trial_for(written, root, variables, narration)
    writer = _Writer(narration, {*taken, *(item.symbol.name for item in narration.named)})
    steps = tuple(
        writer.step(number, draft, trial.check(draft), signature) for number, draft in enumerate(narration.drafts, 1)
    )
    return Told(steps, (*writer.named, *writer.shared))


def trial_for(written: Node, root: Node, variables: tuple[Symbol, ...], narration: Narration) -> Trial:
    """The generic point for the steps of a narration."""
    named = tuple(Named(item.symbol, written) if item.node == root else item for item in narration.named)
    trial = generic_trial(root, variables, named)
    if narration.cotangent is not None:
        trial.cotangent(narration.cotangent)
    for symbol, node in narration.recovered.items():
        trial.give(symbol, trial.value(node))
    if any(draft.part == "chain rule" for draft in narration.drafts):
        _give_slope(trial, root, whole_of(narration, root))
    return trial


def whole_of(narration: Narration, root: Node) -> Symbol:
    """The symbol that stands for the whole expression."""
    return next(item.symbol for item in narration.named if item.node == root)


def _give_slope(trial: Trial, root: Node, whole: Symbol) -> None:
    """J_g is drawn, and df = ⟨J_g, dg⟩ by its meaning, with the measured dg."""
    slope = Symbol("J_g", root.shape)
    trial.cotangent(slope)
    change = np.asarray(np.sum(trial.value(slope) * trial.value(direction(whole))))
    trial.give(Direction("f", ()), change)


class _Writer:
    """Renders statements: parts that have a letter are written by it, repeated parts are given one."""

    def __init__(self, narration: Narration, taken: set[str]) -> None:
        self.replacements = _shown_as(narration)
        self.unknowns = frozenset(narration.recovered)
        self.taken = {*taken, *(symbol.name for symbol in narration.recovered)}
        self.shared: list[Letter] = []
        self.parts: list[Letter] = []
        outputs = [self.formula(direction(item.symbol)) for item in narration.named]
        # A letter must not hide the differential, or the unknown of a frame, that a step solves for.
        self.moving = frozenset(map(unicode, [*outputs, *map(self.formula, narration.recovered)]))
        self.symbols = [item.symbol for item in narration.named]
        self.whole = self.formula(self.symbols[-1])
        named = [item for item in narration.named if item.symbol not in narration.shown_as]
        self.named = [Letter(self.formula(item.symbol), self.formula(item.node)) for item in named]
        # The outputs of a function have their letters in the differentials of each other, before they are told.
        self.outputs = [
            letter
            for item, letter in zip(named, self.named, strict=True)
            if own_names(item.node) and letter.name != self.whole
        ]
        self.functions, self.explained = list[Letter](), list[Letter]()

    def formula(self, side: Side) -> Formula:
        """The formula of a side of a statement."""
        return form_formula(as_form(side), Translator(self.replacements))

    def step(self, number: int, draft: Draft, check: Check, signature: Signature) -> Step:
        """The step of a draft."""
        own = [Letter(self._name(name, node), self.formula(node)) for name, node in draft.letters]
        functions = [letter for letter, (_, node) in zip(own, draft.letters, strict=True) if _is_own_name(letter, node)]
        written = [self.formula(draft.left), self.formula(draft.right)]
        outputs = [x for x in self.outputs if x not in functions and any(put(side, x) != side for side in written)]
        sides = [put_all(side, [*functions, *outputs]) for side in written]
        self._explain(outputs)
        known = [*self.functions, *self.parts, *self.shared]
        shared = share([*sides, *(letter.value for letter in own)], known, self.taken, self.moving)
        left, right, *values = shared.formulas
        self.shared += shared.letters
        self.functions += functions
        told = [Letter(letter.name, value) for letter, value in zip(own, values, strict=True)]
        self._explain([*shared.letters, *told])
        self.parts += [letter for letter in told if letter.name != self.whole]
        needed = used_letters([left, right, *(letter.name for letter in own)], in_order(self.explained))
        if draft.left in self.unknowns and len(unicode(right)) > LONG_VALUE:
            self.shared.append(Letter(left, sides[1]))
            self.explained.append(Letter(left, right))
        statement = Statement(
            Expression(lower(as_form(draft.left)), signature),
            Expression(lower(as_form(draft.right)), signature),
            *_equation(left, right),
        )
        return Step(number, draft.rule, statement, draft.reason, check, draft.part, meanings(needed))

    def _explain(self, letters: Sequence[Letter]) -> None:
        before = {letter.name for letter in self.explained}
        self.explained += [letter for letter in letters if letter.name not in before]

    def _name(self, name: str, node: Node) -> Formula:
        self.taken.add(name)
        symbol = next((s for s in self.symbols if s.name == name), Symbol(name, node.shape))
        return self.formula(symbol)


def _is_own_name(letter: Letter, node: Node) -> bool:
    """Whether a differential is written with the letter of the function itself: `dy = y ∘ (dx − (yᵀ dx) 1)`."""
    return isinstance(node, Apply) and node.rank > 0 and len(unicode(letter.value)) >= SHORTEST_KNOWN


def _shown_as(narration: Narration) -> Mapping[Node, Formula]:
    """Formulas for the symbols that are written as the function that they stand for, and their directions."""
    letters: dict[Node, Formula] = {}
    for symbol, node in narration.shown_as.items():
        formula = Translator().formula(node)
        letters[symbol] = formula
        assert isinstance(symbol, Symbol)
        text, plain, written = (
            f"d({unicode(formula)})",
            f"d({ascii_text(formula)})",
            rf"\mathrm{{d}}\left({latex(formula)}\right)",
        )
        letters[direction(symbol)] = Name(node.rank, False, text, plain, written)
    return letters


def meanings(letters: Iterable[Letter]) -> tuple[Meaning, ...]:
    """What letters stand for, written out."""
    told = told_together(letters)
    return tuple(Meaning(tuple(map(unicode, names)), *_equation(left, value)) for names, left, value in told)


def _equation(left: Formula, right: Formula) -> tuple[str, str, str]:
    """An equation as text, in ASCII and in LaTeX."""
    text, plain, written = (f"{write(left)} = {write(right)}" for write in (unicode, ascii_text, latex))
    return text, plain, written
