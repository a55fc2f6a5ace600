"""The public steps of a derivation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from gradwright.api.expression import Expression
from gradwright.back.forms import form_formula
from gradwright.back.formula import Formula, Name
from gradwright.back.latex import latex
from gradwright.back.text import unicode
from gradwright.back.translate import Translator, name_formula
from gradwright.core.nodes import Direction, Node, Symbol
from gradwright.core.signature import Signature
from gradwright.core.tensor_forms import lower
from gradwright.diff.differential import direction
from gradwright.diff.steps.narrate import Narration
from gradwright.diff.steps.step import Check, Draft, as_form
from gradwright.diff.steps.trial import Trial, generic_trial


@dataclass(frozen=True)
class Statement:
    """An equation of two expressions, as a step states it."""

    left: Expression
    right: Expression
    text: str
    latex: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Step:
    """One step of a derivation.

    Attributes:
        number: counted from 1.
        rule: the name of the rule.
        statement: the equation.
        reason: what was done, in words.
        check: what the numerical check found: `.passed`, `.residual`, `.point`.
        part: `differential`, `jacobian`, `chain rule` or `gradient`.
        where: names that the step introduces, with what they stand for.
    """

    number: int
    rule: str
    statement: Statement
    reason: str
    check: Check
    part: str
    where: str = field(default="")

    def __str__(self) -> str:
        mark = "✓" if self.check.passed else "✗"
        where = f"  where {self.where}" if self.where else ""
        return f"{self.number:>2}. {self.statement}{where}   [{self.rule}: {self.reason}] {mark}"


def build_steps(
    root: Node, variables: tuple[Symbol, ...], narration: Narration, signature: Signature
) -> tuple[Step, ...]:
    """Number, check and render the drafts of a narration."""
    trial = trial_for(root, variables, narration)
    writer = _Writer(narration)
    return tuple(
        _step(number, draft, trial.check(draft), writer, signature) for number, draft in enumerate(narration.drafts, 1)
    )


def trial_for(root: Node, variables: tuple[Symbol, ...], narration: Narration) -> Trial:
    """The generic point for the steps of a narration."""
    trial = generic_trial(root, variables, narration.named)
    if narration.cotangent is not None:
        trial.cotangent(narration.cotangent)
    for symbol, node in narration.recovered.items():
        trial.give(symbol, trial.value(node))
    whole = narration.named[-1].symbol if narration.named else None
    for draft in narration.drafts:
        if draft.part == "chain rule" and whole is not None:
            _give_slope(trial, root, whole_of(narration, root))
            break
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
    """Renders statements, with the symbols that stand for expressions written as those."""

    def __init__(self, narration: Narration) -> None:
        letters: dict[Node, Formula] = {}
        plain = Translator()
        for symbol, node in narration.shown_as.items():
            formula = plain.formula(node)
            letters[symbol] = formula
            assert isinstance(symbol, Symbol)
            inside = unicode(formula)
            letters[direction(symbol)] = Name(
                node.rank, False, f"d({inside})", f"d{symbol.name}", rf"\mathrm{{d}}\left({latex(formula)}\right)"
            )
        self.letters: Mapping[Node, Formula] = letters

    def formula(self, side: object) -> Formula:
        return form_formula(as_form(side), Translator(self.letters))  # type: ignore[arg-type]


def _step(number: int, draft: Draft, check: Check, writer: _Writer, signature: Signature) -> Step:
    left, right = writer.formula(draft.left), writer.formula(draft.right)
    statement = Statement(
        Expression(lower(as_form(draft.left)), signature),
        Expression(lower(as_form(draft.right)), signature),
        f"{unicode(left)} = {unicode(right)}",
        f"{latex(left)} = {latex(right)}",
    )
    where = ", ".join(
        f"{unicode(name_formula(name, 0, True))} = {unicode(writer.formula(node))}" for name, node in draft.letters
    )
    return Step(number, draft.rule, statement, draft.reason, check, draft.part, where)
