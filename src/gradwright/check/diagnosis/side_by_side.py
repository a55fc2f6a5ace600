"""The right and the written formula with the same letters for what is long and repeated."""

from __future__ import annotations

from collections.abc import Sequence

from gradwright.back.formula import Formula, postorder
from gradwright.back.render import is_writable
from gradwright.back.sharing import Letter, share
from gradwright.back.tensors import tensor_formula
from gradwright.back.text import unicode
from gradwright.back.translate import Translator
from gradwright.check.truth import Truth
from gradwright.core.nodes import Node

WIDEST = 72


def side_by_side(truth: Truth, right: Node, written: Node | None) -> dict[str, str]:
    """Both formulas as text; the written one is empty where it is not known."""
    translator = Translator()
    nodes = [node for node in (right, written) if node is not None]
    formulas = [tensor_formula(node, translator) for node in nodes]
    texts = [unicode(formula) for formula in formulas] if all(map(is_writable, nodes)) else []
    if not texts or any(len(text) > WIDEST for text in texts):
        texts = _in_letters(truth, formulas)
    return {"right_formula": texts[0], "written_formula": texts[1] if len(texts) > 1 else ""}


def _in_letters(truth: Truth, formulas: list[Formula]) -> list[str]:
    taken = {*truth.signature.names, *truth.signature.dims, truth.cotangent.name, "f"}
    shared = share(formulas, (), taken)
    texts, told = list[str](), list[Letter]()
    for formula in shared.formulas:
        needed = [letter for letter in _letters_in(formula, shared.letters) if letter not in told]
        meanings = ", ".join(f"{unicode(letter.name)} = {unicode(letter.value)}" for letter in needed)
        texts.append(f"{unicode(formula)}, where {meanings}" if meanings else unicode(formula))
        told += needed
    return texts


def _letters_in(formula: Formula, letters: Sequence[Letter]) -> list[Letter]:
    """The letters that a formula needs, those in the meanings of others included."""
    parts, found = {part.key for part in postorder(formula)}, list[Letter]()
    while further := [letter for letter in letters if letter not in found and letter.name.key in parts]:
        found += further
        parts |= {part.key for letter in further for part in postorder(letter.value)}
    return [letter for letter in letters if letter in found]
