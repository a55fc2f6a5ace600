"""One quantity of the forward in the place of another: what it is computed from, or a value of another stage.

A computation that is recorded says this itself; of a rule in NumPy, SciPy or JAX, the formula has to.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from gradwright.back.render import told
from gradwright.check.diagnosis.mutants.mutant import Mutant, placed
from gradwright.check.truth import Truth, bound_nodes
from gradwright.core.nodes import Apply, Node, Symbol
from gradwright.core.walks import depends_on, postorder
from gradwright.prims.power import power

MOST = 60


def confusions(truth: Truth, name: str) -> Iterator[Mutant]:
    """Every value of a function in the gradient replaced by each quantity of the forward that has its shape."""
    yield from islice(_every(truth, truth.gradients[name]), MOST)


def _every(truth: Truth, root: Node) -> Iterator[Mutant]:
    moving = depends_on((root,), (truth.cotangent,))
    known = [n for n in postorder(truth.node) if isinstance(n, Apply | Symbol) and n not in bound_nodes(truth.node)]
    for due in postorder(root):
        if not isinstance(due, Apply) or due in moving or due in bound_nodes(root) or due.primitive is power:
            continue
        for given in known:
            if given.shape == due.shape and given != due:
                words = f"{told(given)} stands where {told(due)} is due"
                yield Mutant(placed(root, due, given), *_name(given, due, words))


def _name(given: Node, due: Node, words: str) -> tuple[str, str, float]:
    if given in postorder(due):
        return "uses_input_instead_of_output", words, 1.3
    return "stale_saved_value", words, 1.6
