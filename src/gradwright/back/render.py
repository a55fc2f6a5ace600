"""Nodes to text in one call."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

from gradwright.back.formula import is_output, postorder
from gradwright.back.tensors import tensor_formula
from gradwright.back.text import ascii_text, language, unicode
from gradwright.back.translate import Translator
from gradwright.core.nodes import Direction, Node, Symbol
from gradwright.core.walks import free_leaves, written_size
from gradwright.errors import UnsupportedError

LONGEST_LINE = 80
LONGEST_TOLD = 100
MOST_SAID = 500  # nodes that are written out within a sentence
LARGEST = 200_000  # nodes that are written out; each takes about two characters


def is_writable(node: Node) -> bool:
    """Whether a text without letters for repeated parts is of any use: of nested ones, it doubles at every level."""
    return written_size(node) <= LARGEST


def _writable(node: Node) -> Node:
    if not is_writable(node):
        raise UnsupportedError(
            f"the text of this expression would have some {2 * written_size(node):,} characters, because its parts "
            "occur many times; str(…) gives them letters, and it can be evaluated, compiled and emitted"
        )
    return node


def unicode_of(node: Node) -> str:
    """Mathematical notation: matrices where they reach, else `⊗` and `roll`, else letters."""
    return unicode(tensor_formula(_writable(node), Translator()))


@lru_cache(maxsize=4096)
def brief(node: Node) -> str:
    """Mathematical notation for within a sentence, where it fits into one."""
    return unicode_of(node) if written_size(node) <= MOST_SAID else "a long expression"


def told(node: Node) -> str:
    """The same for one of several in a sentence, cut in the middle where it is long."""
    text = brief(node)
    return text if len(text) <= LONGEST_TOLD else f"{text[: LONGEST_TOLD // 2]} … {text[-LONGEST_TOLD // 2 :]}"


def readable(node: Node, taken: set[str]) -> str:
    """Mathematical notation, with letters for repeated parts if it is long or has outputs: `V diag(G) Vᵀ`."""
    if is_writable(node):
        formula = tensor_formula(node, Translator())
        text = unicode(formula)
        if len(text) <= LONGEST_LINE and not any(map(is_output, postorder(formula))):
            return text
    return in_letters(node, taken)


def in_letters(node: Node, taken: set[str]) -> str:
    """Mathematical notation with letters for repeated parts: `½ (P + Pᵀ), where P = A X Aᵀ`."""
    from gradwright.back.sharing import share  # here, because most results are short

    names = taken | {leaf.name for leaf in free_leaves(node) if isinstance(leaf, Symbol | Direction)}
    shared = share([tensor_formula(node, Translator())], (), names)
    told = ", ".join(f"{unicode(letter.name)} = {unicode(letter.value)}" for letter in shared.letters)
    return f"{unicode(shared.formulas[0])}{', where ' * bool(told)}{told}"


def ascii_of(node: Node) -> str:
    """The same in the signs of a keyboard: the text language, and calls for `⊗` and `roll`."""
    return ascii_text(tensor_formula(_writable(node), Translator()))


def text_of(node: Node, declared: Collection[str] = ()) -> str:
    """The text language, in which no unknown of an equation has the name of a declared variable."""
    return language(Translator(language=True, declared=declared).formula(_writable(node)))


def latex_of(node: Node) -> str:
    """LaTeX."""
    from gradwright.back.latex import latex  # here, because most uses never write LaTeX

    return latex(tensor_formula(_writable(node), Translator()))
