"""Whether a linear form is linear over the complex numbers, or over the real ones only.

A conjugate, a real part, and a Hermitian space are linear over the real numbers: `f(i X)` is not `i f(X)`. Such a
form has a product with every direction, and an adjoint under Re⟨·,·⟩, but no one tensor stands for it.
"""

from __future__ import annotations

from collections.abc import Iterable

from gradwright.core.nodes import Apply, Factor, Hole, Node, Solve
from gradwright.core.walks import depends_on, free_leaves
from gradwright.prims.complex import real_part


def is_complex_linear(form: Node, leaves: Iterable[Node]) -> bool:
    """Whether a form that is linear in some leaves is so over the complex numbers."""
    touched = depends_on([form], leaves)
    return not any(_breaks(node, touched) for node in touched)


def has_complex_linear_equations(node: Solve) -> bool:
    """Whether the solution is linear in its right sides over the complex numbers."""
    spaces = [*(u.space for u in node.unknowns), *(e.space for e in node.equations)]
    if any(space.conjugated for space in spaces):
        return False
    if any(unknown.real for unknown in node.unknowns):
        return False
    operators = [equation.operator for equation in node.equations]
    return all(is_complex_linear(o, [leaf for leaf in free_leaves(o) if isinstance(leaf, Hole)]) for o in operators)


def _breaks(node: Node, touched: set[Node]) -> bool:
    if isinstance(node, Solve):
        return not has_complex_linear_equations(node)
    if isinstance(node, Apply):
        return node.primitive is real_part
    factors: tuple[Factor, ...] = getattr(node, "factors", ())
    return any(f.conj and f.node in touched for f in factors)
