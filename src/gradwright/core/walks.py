"""Walks over expressions. All are iterative: a deep expression must not exhaust the stack."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping

from gradwright.core.contraction import with_factors
from gradwright.core.nodes import (
    Add,
    Apply,
    Contract,
    Direction,
    Equation,
    Hole,
    Node,
    Solve,
    Symbol,
)
from gradwright.core.sums import add


def _children(node: Node) -> tuple[Node, ...]:
    return node.children


def postorder(
    *roots: Node,
    given: Container[Node] = frozenset(),
    children: Callable[[Node], tuple[Node, ...]] = _children,  # no attrgetter: torch.compile does not trace it
) -> Iterator[Node]:
    """Every distinct node below the roots, children before parents, in source order; nothing below a given one."""
    seen: set[Node] = set()
    for root in roots:
        stack: list[tuple[Node, bool]] = [(root, False)]
        while stack:
            node, expanded = stack.pop()
            if expanded:
                yield node
            elif node not in seen:
                seen.add(node)
                stack.append((node, True))
                if node not in given:
                    stack.extend([(child, False) for child in reversed(children(node)) if child not in seen])


def applications(*roots: Node) -> Iterator[Apply]:
    """Every distinct application of a function below the roots, arguments first, in source order."""
    return (node for node in postorder(*roots) if isinstance(node, Apply))


def rebuild(node: Node, children: tuple[Node, ...]) -> Node:
    """The same node over other children, in normal form."""
    if children == node.children:
        return node
    match node:
        case Contract():
            pairs = zip(node.factors, children, strict=True)
            factors = [f.with_node(child) for f, child in pairs]
            return with_factors(node, factors)
        case Add():
            return add(children)
        case Apply():
            return Apply(node.primitive, node.parameters, children, node.index)
        case Solve():
            count = len(node.equations)
            pairs = zip(children[:count], node.equations, strict=True)
            equations = tuple(Equation(operator, e.space) for operator, e in pairs)
            return Solve(node.unknowns, equations, children[count:], node.index)
        case _:
            return node


def transform(root: Node, step: Callable[[Node], Node]) -> Node:
    """Rebuild bottom-up; `step` sees every node after its children were replaced."""
    return transform_all((root,), step)[0]


def transform_all(
    roots: tuple[Node, ...], step: Callable[[Node], Node], given: Container[Node] = frozenset()
) -> tuple[Node, ...]:
    """Rebuild several nodes bottom-up, their common parts once; a given node stays as it is."""
    done: dict[Node, Node] = {}
    for node in postorder(*roots, given=given):
        done[node] = node if node in given else step(rebuild(node, tuple(done[child] for child in node.children)))
    return tuple(done[root] for root in roots)


def substitute(root: Node, replacements: Mapping[Node, Node]) -> Node:
    """Put nodes for nodes, all at once. A hole is replaced only where it is free."""
    if not replacements:
        return root
    holes = any(isinstance(node, Hole) for node in replacements)
    others = {k: v for k, v in replacements.items() if not isinstance(k, Hole)} if holes else {}
    return _substitute(root, dict(replacements), others, holes)


def _substitute(root: Node, replacements: Mapping[Node, Node], under_binder: Mapping[Node, Node], holes: bool) -> Node:
    done: dict[Node, Node] = dict(replacements)
    for node in postorder(root, given=done):
        if node in done:
            continue
        if isinstance(node, Solve) and holes:
            done[node] = _substitute_solve(node, done, under_binder)
        else:
            done[node] = rebuild(node, tuple(done[child] for child in node.children))
    return done[root]


def _substitute_solve(node: Solve, done: Mapping[Node, Node], under_binder: Mapping[Node, Node]) -> Node:
    equations = tuple(
        Equation(_substitute(e.operator, under_binder, under_binder, holes=False), e.space) for e in node.equations
    )
    return Solve(node.unknowns, equations, tuple(done[side] for side in node.right_sides), node.index)


def free_leaves(root: Node) -> tuple[Node, ...]:
    """The symbols, directions and free holes below a node, in source order."""
    return tuple(free_leaves_of(root)[root])


def free_leaves_of(*roots: Node) -> dict[Node, dict[Node, None]]:
    """For every node below the roots, its free leaves in source order."""
    found: dict[Node, dict[Node, None]] = {}
    for node in postorder(*roots):
        leaves: dict[Node, None] = {}
        if isinstance(node, Symbol | Direction | Hole):
            leaves[node] = None
        bound = len(node.equations) if isinstance(node, Solve) else 0
        for place, child in enumerate(node.children):
            kept = found[child]
            if place < bound:
                kept = {leaf: None for leaf in kept if not isinstance(leaf, Hole)}
            leaves.update(kept)
        found[node] = leaves
    return found


def written_size(root: Node) -> int:
    """How many nodes an expression is written with: one that occurs twice counts twice."""
    sizes: dict[Node, int] = {}
    for node in postorder(root):
        sizes[node] = 1 + sum(sizes[child] for child in node.children)
    return sizes[root]


def symbols(root: Node) -> tuple[Symbol, ...]:
    """The symbols below a node, in source order."""
    return tuple(node for node in postorder(root) if isinstance(node, Symbol))


def directions(root: Node) -> tuple[Direction, ...]:
    """The directions below a node, in source order."""
    return tuple(node for node in postorder(root) if isinstance(node, Direction))


def depends_on(roots: Iterable[Node], leaves: Iterable[Node]) -> set[Node]:
    """The nodes below the roots that contain one of the leaves, a bound hole not counted."""
    wanted = set(leaves)
    all_leaves = free_leaves_of(*roots)
    return {node for node, inside in all_leaves.items() if not wanted.isdisjoint(inside)}
