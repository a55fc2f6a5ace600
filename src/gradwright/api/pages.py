"""What is shown of a derivation: its steps at a level of detail, its results, and what has to be said beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from gradwright.api.presentation import DETAILS, Page, Result, chosen_steps, glossary
from gradwright.api.question import Question
from gradwright.api.steps import meanings
from gradwright.back.formula import Name
from gradwright.back.latex import latex
from gradwright.back.render import latex_of
from gradwright.back.sharing import Letter, share_result
from gradwright.back.tensors import tensor_formula
from gradwright.back.text import ascii_text, unicode
from gradwright.back.translate import Translator
from gradwright.core.declarations import Declaration
from gradwright.core.primitive import variable_text
from gradwright.errors import DerivationError

if TYPE_CHECKING:
    from gradwright.api.derivation import Derivation


def page_of(derivation: Derivation, detail: str, parts: Sequence[str] | None) -> Page:
    """The page of a derivation.

    Args:
        derivation: of one expression.
        detail: one of `DETAILS`.
        parts: the parts of the steps to show, instead of those of the level of detail.
    """
    if detail not in DETAILS:
        raise DerivationError(f"the detail is one of {', '.join(DETAILS)}, not '{detail}'")
    question = derivation.question
    title = f"Derivative of {question.only('page').written} with respect to {', '.join(question.wrt)}"
    told = derivation.told(in_full=detail == "full" or parts is not None)
    steps, results = chosen_steps(told.steps, detail, parts), tuple(_results(question, told.letters))
    real = all(symbol.real for symbol in question.signature.symbols)
    notes = (*derivation.notes, *glossary(title, steps, results, real))
    notes = tuple(f"Note: {note.removesuffix('.')}." for note in notes)
    remarks = (*_needs(derivation.conditions), *(note.replace("$", "") for note in notes))
    needs = derivation.conditions_in(lambda node: f"${latex_of(node)}$")
    return Page(title, tuple(map(_declared, question.signature)), steps, results, remarks, needs, notes)


def pages_of(derivation: Derivation, detail: str) -> Iterator[tuple[str, Page]]:
    """The page of each of several outputs, by its name; that of a constant one says so."""
    apart = derivation.of_each_output()
    for name, output in derivation.outputs.items():
        if name in apart:
            yield name, page_of(apart[name], detail, None)
        else:
            title = f"Derivative of {output.written} with respect to {', '.join(derivation.wrt)}"
            note = "It contains none of the variables: its derivatives are zero."
            yield name, Page(title, (), (), (), (note,), (), (note,))


def _results(question: Question, known: Sequence[Letter]) -> Iterator[Result]:
    taken = {*question.taken, *(letter.name.text for letter in known if isinstance(letter.name, Name))}
    kind = "vjp in " if question.nodes[0].rank else "∇_"
    for name, node in question.slopes.items():
        slope = tensor_formula(node, Translator())
        written, letters = share_result(slope, known, set(taken))
        yield Result(kind, name, unicode(written), ascii_text(written), latex(written), meanings(letters))


def _needs(conditions: Sequence[str]) -> list[str]:
    return [f"Needs: {'; '.join(conditions)}."] if conditions else []


def _declared(declaration: Declaration) -> str:
    """`X: n × n, symmetric`."""
    return f"{declaration.name}: {variable_text(declaration.shape, declaration.facts)}"
