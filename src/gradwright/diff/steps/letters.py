"""Letters for the parts of an expression: what a textbook would give a name before differentiating.

A part gets a letter if it depends on the variables and is the argument of a function that is not
linear, or occurs more than once. Letters avoid the declared names and never run out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice

from gradwright.core.canonical import as_product
from gradwright.core.facts import MATRIX_FACTS
from gradwright.core.inference import facts_of
from gradwright.core.nodes import Add, Apply, Contract, Node, Symbol
from gradwright.core.walks import depends_on, postorder
from gradwright.diff.identities.engine import solved
from gradwright.prims.complex import real_part

MOST_LETTERS = 4
MOVING_TO_A_LETTER = 3  # in long expressions, the parts that depend on the variables for one letter
ALPHABETS = {0: "stcabe", 1: "rzuvhp", 2: "SPMCEFKBHN"}
OUTPUT_LETTERS = {"eigenvalues": "λ", "eigenvectors": "V"}
OUTPUTS = {0: "fgh", 1: "yzu", 2: "YZW"}


def output_name(rank: int, taken: Iterable[str]) -> str:
    """A name for the expression itself: f, y or Y."""
    return next(_names(OUTPUTS.get(rank, "TRW"), set(taken)))


def choose_letters(root: Node, variables: tuple[Symbol, ...], taken: set[str]) -> dict[Node, Symbol]:
    """Parts with their letters, inner parts first."""
    chosen = _worth_a_letter(root, variables)
    used, letters = set(taken), dict[Node, Symbol]()
    for node in chosen:
        names = (*own_names(node), *islice(_names(ALPHABETS.get(node.rank, "TRW"), used), 1))
        name = next(name for name in names if name not in used)
        used.add(name)
        letters[node] = Symbol(name, node.shape, _kept_facts(node))
    return letters


def own_names(node: Node) -> list[str]:
    """The letter that an output of a function with several outputs has of its own: the λ of `eigh`, the Q of `qr`."""
    if not isinstance(node, Apply) or len(node.primitive.outputs) == 1:
        return []
    name = node.primitive.outputs[node.index].name
    return [OUTPUT_LETTERS.get(name, name)]


def _kept_facts(node: Node) -> frozenset[str]:
    """The declarable facts of a part: the letter is used in their place."""
    return frozenset(fact for fact in facts_of(node) if fact in (*MATRIX_FACTS, "positive", "complex"))


def _names(alphabet: str, taken: set[str]) -> Iterator[str]:
    used = {*taken, *(name.removeprefix("d") for name in taken)}
    yield from (letter for letter in alphabet if letter not in used)
    number = 1
    while True:
        for letter in alphabet:
            if f"{letter}{number}" not in used:
                yield f"{letter}{number}"
        number += 1


def _worth_a_letter(root: Node, variables: tuple[Symbol, ...]) -> list[Node]:
    moving = depends_on([root], variables)
    uses: Counter[Node] = Counter()
    wanted: dict[Node, int] = {}
    order = [node for node in postorder(root) if node in moving]
    for node in order:
        for child in node.children:
            uses[child] += 1
            if _has_own_differential(node) and child in moving and is_compound(child):
                wanted[child] = wanted.get(child, 0) + 2
            if child in moving and _is_implicit(child):
                wanted[child] = wanted.get(child, 0) + 2
    for node, count in uses.items():
        if node in moving and count > 1 and (is_compound(node) or isinstance(node, Apply)):
            wanted[node] = wanted.get(node, 0) + count
    candidates = [node for node in order if node in wanted and node is not root]
    most = max(MOST_LETTERS, len(order) // MOVING_TO_A_LETTER)
    kept = sorted(candidates, key=lambda node: -wanted[node])[:most]
    return [node for node in order if node in kept]


def _has_own_differential(node: Node) -> bool:
    """Whether a part is a function whose argument is worth a letter; of a real part, the sum or product is told."""
    return isinstance(node, Apply) and node.primitive is not real_part


def is_compound(node: Node) -> bool:
    """Whether a part is a sum or a product worth a letter: not a multiple or transpose of one thing."""
    if isinstance(node, Add):
        return True
    if isinstance(node, Contract):
        factors = [f for f in as_product(node).factors if f.node.rank]
        return len(factors) > 1
    return False


def _is_implicit(node: Node) -> bool:
    """Whether a part is a function whose differential is no product of matrices: its identity has to be solved."""
    if not isinstance(node, Apply) or not node.primitive.identity:
        return False
    rules = [step.rule for step in solved(node.primitive).steps]
    return bool(rules) and rules != ["isolate"]
