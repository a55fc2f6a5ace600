"""Nodes to text in one call."""

from __future__ import annotations

from gradwright.back.tensors import tensor_formula
from gradwright.back.text import ascii_text, language, unicode
from gradwright.back.translate import Translator
from gradwright.core.nodes import Direction, Node, Symbol
from gradwright.core.walks import free_leaves


def unicode_of(node: Node) -> str:
    """Mathematical notation: matrices where they reach, else `⊗` and `roll`, else letters."""
    return unicode(tensor_formula(node, Translator()))


def in_letters(node: Node, taken: set[str]) -> str:
    """Mathematical notation with letters for repeated parts: `½ (P + Pᵀ), where P = A X Aᵀ`."""
    from gradwright.back.sharing import share  # here, because most results are short

    names = taken | {leaf.name for leaf in free_leaves(node) if isinstance(leaf, Symbol | Direction)}
    shared = share([tensor_formula(node, Translator())], (), names)
    told = ", ".join(f"{unicode(letter.name)} = {unicode(letter.value)}" for letter in shared.letters)
    return f"{unicode(shared.formulas[0])}{', where ' * bool(told)}{told}"


def ascii_of(node: Node) -> str:
    """The same in the signs of a keyboard: the text language, and calls for `⊗` and `roll`."""
    return ascii_text(tensor_formula(node, Translator()))


def text_of(node: Node) -> str:
    """The text language."""
    return language(Translator(language=True).formula(node))


def latex_of(node: Node) -> str:
    """LaTeX."""
    from gradwright.back.latex import latex  # here, because most uses never write LaTeX

    return latex(tensor_formula(node, Translator()))
