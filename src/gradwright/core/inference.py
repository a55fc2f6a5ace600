"""What is known about a node: symmetric, triangular, positive definite, positive entries, ….

Facts are inferred bottom-up from those of the leaves and kept on the node. What cannot be inferred
is simply not known: no rule here guesses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import islice

from gradwright.core.canonical import as_product
from gradwright.core.commuting import commute
from gradwright.core.contraction import with_factor
from gradwright.core.entry_signs import entry_facts
from gradwright.core.facts import NO_FACTS, Facts, closure
from gradwright.core.kronecker import kronecker_parts
from gradwright.core.matrix_chains import Chain, Link, chained
from gradwright.core.mirror_images import are_their_conjugates, mirror_facts
from gradwright.core.nodes import (
    Add,
    Apply,
    Constant,
    Contract,
    Direction,
    Factor,
    Mask,
    Node,
    Selection,
    Size,
    Solve,
    Symbol,
    labels_of,
)
from gradwright.core.quadratic_forms import is_positive_form, is_quadratic_form, is_semidefinite_form
from gradwright.core.schur_products import schur_facts
from gradwright.frozen import replace

MOST_BLOCKS = 100  # what is written entry by entry into what was so written has twice as many with every entry
# Facts that a sum has when every term has them.
_ADDITIVE = ("symmetric", "skew", "hermitian", "skew_hermitian", "lower", "upper", "strictly_lower", "strictly_upper",
             "diagonal", "psd", "positive_diagonal", "real_valued", "nonnegative", "positive", "nonpositive",
             "negative")  # fmt: skip
# Facts that a product of square matrices has when every factor has them.
_MULTIPLICATIVE = ("lower", "upper", "diagonal", "orthogonal", "unitary", "unit_lower",
                   "unit_upper", "invertible", "positive_determinant")  # fmt: skip


def facts_of(node: Node) -> Facts:
    """Everything that is known about the value of a node."""
    if hasattr(node, "facts_found"):
        return node.facts_found
    stack = [node]
    while stack:
        current = stack[-1]
        missing = [child for child in current.children if not hasattr(child, "facts_found")]
        if missing:
            stack.extend(missing)
            continue
        stack.pop()
        if not hasattr(current, "facts_found"):
            object.__setattr__(current, "facts_found", _infer(current))
    return node.facts_found


def is_symmetric(node: Node) -> bool:
    """Whether a matrix is known to be its own transpose."""
    return "symmetric" in facts_of(node)


def is_skew(node: Node) -> bool:
    """Whether a matrix is known to be minus its own transpose."""
    return "skew" in facts_of(node)


def is_skew_at_all_sizes(node: Node) -> bool:
    """Whether a matrix is skew and exists whatever its size: the inverse of a skew matrix does at even sizes only.

    Where a product vanishes because a matrix is skew, nothing is left that could say that there is no such matrix, or
    no skew one that it is made of.
    """
    return is_skew(node) and not any(
        isinstance(part, Apply) and part.primitive.conditions for part in _skew_parts(node)
    )


def _skew_parts(node: Node) -> Iterator[Node]:
    """A skew matrix and those that it is made of."""
    found = [node]
    while found:
        yield (part := found.pop())
        found += filter(is_skew, part.children)


def is_hermitian(node: Node) -> bool:
    """Whether a matrix is known to be its own conjugate transpose."""
    return "hermitian" in facts_of(node)


def is_positive(node: Node) -> bool:
    """Whether every entry is known to be positive."""
    return "positive" in facts_of(node)


def is_nonnegative(node: Node) -> bool:
    """Whether no entry can be negative."""
    return "nonnegative" in facts_of(node)


def is_real_valued(node: Node) -> bool:
    """Whether no entry is known to have an imaginary part, also where the tensor is held as a complex one."""
    return "real_valued" in facts_of(node)


def _infer(node: Node) -> Facts:
    """Close the facts under implication once it is known whether the tensor is real."""
    found: Iterable[str]
    match node:
        case Symbol() | Direction():
            found = node.facts
        case Size() | Constant(name="pi"):
            found = closure({"positive"})
        case Mask():
            found = _mask_facts(node)
        case Selection():
            found = closure({"nonnegative"})
        case Contract():
            found = _product_facts(node)
        case Add():
            found = _sum_facts(node)
        case Apply():
            known = tuple(map(facts_of, node.arguments))
            found = node.primitive.facts(node.index, node.parameters, known)
            if node.primitive.elementwise:
                found = {*found, *_entrywise_facts(node.primitive.parity, known)}
            if _keeps_reals(node):
                found = {*found, "real_valued"}
        case Solve() if not node.trailing:
            found = node.unknowns[node.index].space.facts
        case _:
            found = NO_FACTS
    extra = {"unitary"} if "stiefel" in found and node.is_square else set[str]()
    return closure({*found, *extra, "real_valued" if node.real else "complex"})


def _entrywise_facts(parity: str, known: tuple[Facts, ...]) -> set[str]:
    """Symmetric arguments give a symmetric matrix; a skew one does if the function is even, and a skew one if odd."""
    if all("symmetric" in facts for facts in known):
        return {"symmetric"}
    if len(known) == 1 and "skew" in known[0]:
        return {"even": {"symmetric"}, "odd": {"skew"}}.get(parity, set())
    return set()


def _keeps_reals(node: Apply) -> bool:
    """Functions of every entry keep the real line; one that is cut along a part of it has conditions or parameters."""
    primitive = node.primitive
    uncut = primitive.elementwise and not primitive.conditions and not node.parameters and not primitive.of_user
    return uncut and all(map(is_real_valued, node.arguments))


def _mask_facts(mask: Mask) -> Facts:
    below, on, above = mask.weights
    found = {"nonnegative"} if min(mask.weights) >= 0 else set[str]()
    if mask.is_square:
        found |= {"lower"} if not above else set()
        found |= {"upper"} if not below else set()
        found |= {"strictly_lower"} if not above and not on else set()
        found |= {"strictly_upper"} if not below and not on else set()
        found |= {"symmetric"} if below == above else set()
    return closure(found)


def _sum_facts(node: Add) -> set[str]:
    each = [facts_of(term) for term in node.terms]
    found = {fact for fact in _ADDITIVE if all(fact in facts for facts in each)}
    if all("psd" in facts for facts in each) and any("spd" in facts for facts in each):
        found.add("spd")
    if any("spd" in facts for facts in each) and all(map(_has_no_negative_part, node.terms)):
        found.add("invertible")
    for weak, strict in (("nonnegative", "positive"), ("nonpositive", "negative")):
        if all(weak in facts for facts in each) and any(strict in facts for facts in each):
            found.add(strict)
    terms = [as_product(term) for term in node.terms]
    if node.is_square and "hermitian" not in found:
        blocks = list(islice((block for term in terms for block in _blocks_of(term)), MOST_BLOCKS + 1))
        found |= mirror_facts(blocks if len(blocks) <= MOST_BLOCKS else terms, facts_of)
    if node.is_square and {"symmetric", "hermitian"} & found and _is_conditionally_psd(node):
        found.add("conditionally_psd")
    if not node.real and "real_valued" not in found and are_their_conjugates(terms, facts_of):
        found.add("real_valued")
    return found


def _is_conditionally_psd(node: Add, sign: int = 1) -> bool:
    """Whether `xᴴ A x ≥ 0` for all x that sum to zero: terms are semidefinite, or repeat a vector along an axis."""
    terms = (replace(term, coefficient=sign * term.coefficient) for term in map(as_product, node.terms))
    return all(_repeats_a_vector(term) or "psd" in facts_of(term) for term in terms)


def _repeats_a_vector(term: Contract) -> bool:
    held = labels_of(term.factors)
    rows, columns = term.output
    return set(rows).isdisjoint(columns) and (held.isdisjoint(rows) or held.isdisjoint(columns))


def _has_no_negative_part(term: Node) -> bool:
    """Whether `Re(xᴴ A x) ≥ 0` for all x: A is positive semidefinite, or skew and adds nothing to it."""
    facts = facts_of(term)
    return bool({"psd", "skew_hermitian"} & facts) or ("skew" in facts and term.real)


def _blocks_of(term: Contract) -> Iterator[Contract]:
    """The blocks of a row of blocks, each in its place; the term itself if it is no such row."""
    rows = [(place, f.node) for place, f in enumerate(term.factors) if isinstance(f.node, Add)]
    if len(rows) != 1 or any(not isinstance(f.node, Add | Selection) for f in term.factors):
        yield term
        return
    ((place, row),) = rows
    for block in row.terms:
        yield from _blocks_of(as_product(with_factor(term, place, block)))


def _product_facts(node: Contract) -> set[str]:
    if not node.coefficient:
        return {"symmetric", "skew", "diagonal", "psd", "nonnegative"} if node.is_square else {"nonnegative"}
    found = entry_facts(node, facts_of)
    if "nonnegative" not in found and is_quadratic_form(node, _is_semidefinite, is_nonnegative):
        found.add("nonnegative")
    if "positive" not in found and is_positive_form(node, facts_of):
        found |= {"nonnegative", "positive"}
    if node.is_square:
        found |= _matrix_facts(node)
    if not node.real and (all(is_real_valued(f.node) for f in node.factors) or are_their_conjugates([node], facts_of)):
        found.add("real_valued")
    return found


def _is_semidefinite(node: Node) -> bool:
    return "psd" in facts_of(node)


def _matrix_facts(node: Contract) -> set[str]:
    found = mirror_facts([node], facts_of)
    if node.output[0] == node.output[1]:
        found.add("diagonal")
        found |= _diagonal_facts(node)
        return found
    for factor in node.factors:
        if isinstance(factor.node, Mask):
            found |= _mask_over_output(factor, node)
    links = chained(node)
    if links is not None and len(links) > 1:
        found |= _commuting_facts(links) - (set() if _are_real(node.factors) else {"hermitian"})
    chain = matrix_chain(node)
    if chain is not None:
        found |= _chain_facts(node.coefficient, len(chain) < len(node.factors), chain)
        found |= _multiple_facts(node.coefficient, [f.node for f, _ in chain])
    elif node.coefficient > 0 and all(f.node.rank for f in node.factors):
        each = [facts_of(part) for part in kronecker_parts(node)]
        found |= {fact for fact in ("spd", "psd") if each and all(fact in facts for facts in each)}
    if {"symmetric", "hermitian"} & found and "spd" not in found:
        found |= schur_facts(node, facts_of)
        if not {"psd", "spd"} & found and is_semidefinite_form(node, _is_semidefinite, is_nonnegative):
            found.add("psd")
    return found | _facts_beside_weights(node)


def _facts_beside_weights(node: Contract) -> set[str]:
    """What a product keeps beside diagonal matrices of positive numbers: `Q diag(s)` is invertible if Q is."""
    weights = [f for f in node.factors if f.node.rank == 1 and "positive" in facts_of(f.node)]
    others = tuple(f for f in node.factors if f not in weights)
    held = labels_of(others)
    if not weights or not all(held.issuperset(f.labels) for f in weights):
        return set()
    kept = {"invertible", "lower", "upper", "positive_diagonal", "positive_determinant"}
    return kept & facts_of(Contract(node.coefficient, others, node.dims, node.output))


def _diagonal_facts(node: Contract) -> set[str]:
    each = [facts_of(f.node) for f in node.factors]
    if node.coefficient > 0 and all("positive" in facts for facts in each):
        return {"spd"}
    if node.coefficient > 0 and all("nonnegative" in facts for facts in each):
        return {"psd"}
    return set()


def _mask_over_output(factor: Factor, node: Contract) -> set[str]:
    facts = facts_of(factor.node) - {"nonnegative", "real_valued", "symmetric", "hermitian"}
    if factor.groups == node.output:
        return set(facts)
    if factor.groups == node.output[::-1]:
        return {transposed_fact(fact) for fact in facts}
    return set()


def transposed_fact(fact: str) -> str:
    """The fact that the transpose has when a matrix has the given one."""
    if "lower" in fact:
        return fact.replace("lower", "upper")
    return fact.replace("upper", "lower")


def matrix_chain(node: Contract) -> Chain | None:
    """The matrices of a product in order, each with "transposed"; None if a scalar in it is not known positive."""
    scalars = (f.node for f in node.factors if not f.node.rank)
    return chained(node) if all(map(is_positive, scalars)) else None


def _chain_facts(coefficient: Fraction, scalars: bool, chain: Chain) -> set[str]:
    """Facts of a product of matrices, a rational number, and perhaps positive scalars."""
    each = [_seen_facts(f, transposed) for f, transposed in chain]
    found = {fact for fact in _MULTIPLICATIVE if all(fact in facts for facts in each)}
    if scalars or abs(coefficient) != 1:
        found -= {"orthogonal", "unitary"}
    if scalars or coefficient != 1:
        found -= {"unit_lower", "unit_upper"}
    if coefficient < 0:
        found.discard("positive_determinant")
    elif len(chain) == 1 or any(all(side in facts for facts in each) for side in ("lower", "upper")):
        found |= {"positive_diagonal"}.intersection(*each)
    if len(chain) == 1:
        found |= {"skew"} & each[0]
    if coefficient > 0:
        found |= _congruence_facts(chain)
    return found


def _multiple_facts(coefficient: Fraction, matrices: list[Node]) -> set[str]:
    """Facts of a multiple of a sum that depend on the signs of its terms."""
    only = matrices[0]
    if len(matrices) > 1 or not isinstance(only, Add) or not {"symmetric", "hermitian"} & facts_of(only):
        return set()
    return {"conditionally_psd"} if _is_conditionally_psd(only, 1 if coefficient > 0 else -1) else set()


def _commuting_facts(chain: Chain) -> set[str]:
    """A product of symmetric matrices that commute is symmetric, and so with Hermitian ones."""
    facts = [facts_of(f.node) for f, _ in chain]
    mirrored = {fact for fact in ("symmetric", "hermitian") if all(fact in known for known in facts)}
    if not mirrored or any(f.conj for f, _ in chain):
        return set()
    matrices = list(dict.fromkeys(f.node for f, _ in chain))
    return mirrored if all(commute(matrices[0], other, facts_of) for other in matrices[1:]) else set()


def _are_real(factors: Iterable[Factor]) -> bool:
    return all(f.node.rank or is_real_valued(f.node) for f in factors)


def _seen_facts(factor: Factor, transposed: bool) -> Facts:
    facts = facts_of(factor.node)
    return closure({transposed_fact(fact) for fact in facts}) if transposed else facts


def _congruence_facts(chain: Chain) -> set[str]:
    """`B M Bᴴ` is positive semidefinite with M, and definite if the columns of Bᴴ are known to be independent too."""
    half = len(chain) // 2
    pairs = zip(chain[:half], reversed(chain), strict=False)
    if not all(_is_adjoint(left, right) for left, right in pairs):
        return set()
    middle = closure({"spd"}) if len(chain) % 2 == 0 else facts_of(chain[half][0].node)
    if "spd" in middle and all(_has_independent_rows(*link) for link in chain[:half]):
        return {"spd"}
    return {"psd"} if "psd" in middle else set()


def _has_independent_rows(factor: Factor, transposed: bool) -> bool:
    facts = facts_of(factor.node)
    return "invertible" in facts or (transposed and (isinstance(factor.node, Selection) or "stiefel" in facts))


def _is_adjoint(left: Link, right: Link) -> bool:
    """Whether the right matrix of a chain is the conjugate transpose of the left one."""
    (f, f_transposed), (g, g_transposed) = left, right
    if f.node != g.node:
        return False
    if f_transposed == g_transposed and f.conj == g.conj:
        return "hermitian" in facts_of(f.node)
    return f_transposed != g_transposed and (f.node.real or f.conj != g.conj)
