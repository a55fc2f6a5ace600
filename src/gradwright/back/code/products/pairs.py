"""Two terms multiplied and summed over what they share: `*`, `@`, inner products, and `einsum` for the rest."""

from __future__ import annotations

from collections.abc import Sequence

from gradwright.back.code.products.draft import Draft, Term, multiplying, written
from gradwright.back.code.text import matmul, product_of
from gradwright.frozen import replace


def product(draft: Draft, left: Term, right: Term, kept: set[int], wanted: Sequence[int] | None) -> Term:
    """Two terms multiplied, and summed over the shared labels that are not kept."""
    left, right = multiplying(draft, left), multiplying(draft, right)
    real = left.real and right.real
    shared = [x for x in left.labels if x in right.labels]
    summed = [x for x in shared if x not in kept]
    natural = [x for x in (*left.labels, *right.labels) if x in kept]
    result = list(wanted) if wanted is not None else list(dict.fromkeys(natural))
    if not summed:
        return Term(tuple(result), product_of([draft.aligned(t, result) for t in (left, right)]), real=real)
    left, right = _one_type(draft, left, real), _one_type(draft, right, real)
    return replace(_contracted(draft, left, right, result, kept), real=real)


def _one_type(draft: Draft, term: Term, real: bool) -> Term:
    """A real factor of a complex product, made complex where the library wants one type."""
    if real or not term.real or not draft.lowering.library.complex_of:
        return term
    return written(term, term.labels, draft.lowering.made_complex(draft.code(term)))


def _contracted(draft: Draft, left: Term, right: Term, result: list[int], kept: set[int]) -> Term:
    """A product with a sum over shared labels."""
    shared = [x for x in left.labels if x in right.labels]
    summed = [x for x in shared if x not in kept]
    together = [x for x in shared if x in kept]
    mine = [x for x in left.labels if x not in shared]
    others = [x for x in right.labels if x not in shared]
    if not mine and not others:
        return _inner_product(draft, left, right, together, summed)
    if len(summed) == 1 and len(mine) <= 1 and len(others) <= 1:
        found = _matrix_product(draft, left, right, result, together, summed[0])
        if found is not None:
            return found
    return _general(draft, left, right, result)


def _inner_product(draft: Draft, left: Term, right: Term, together: list[int], summed: list[int]) -> Term:
    """All that is not shared is summed: `x @ y`, `(A * B).sum()`."""
    order = [*together, *summed]
    if not together and len(summed) == 1 and not draft.writer.batched:
        return Term((), matmul(draft.code(left), draft.code(right)))
    if not together and len(summed) == 1 and left.real and right.real:
        return Term((), draft.writer.dot(draft.code(left), draft.code(right)))
    base = [x for x in left.labels if x in order]
    entries = product_of([draft.code(left, base), draft.code(right, base)])
    axes = [base.index(x) for x in summed]
    return Term(tuple(x for x in base if x not in summed), draft.writer.summed(entries, axes, len(base)))


def _matrix_product(
    draft: Draft, left: Term, right: Term, result: list[int], together: list[int], inner: int
) -> Term | None:
    mine = [x for x in left.labels if x not in (*together, inner)]
    others = [x for x in right.labels if x not in (*together, inner)]
    if mine and others and result.index(mine[0]) > result.index(others[0]):
        left, right, mine, others = right, left, others, mine
    if mine and others:
        labels = [*together, *mine, *others]
        if together and result != labels:
            return None
        code = matmul(draft.code(left, [*together, *mine, inner]), draft.code(right, [*together, inner, *others]))
        return Term(tuple(labels), code)
    if together:
        return None
    return _times_vector(draft, left, right, (mine or others)[0], inner)


def _times_vector(draft: Draft, left: Term, right: Term, outer: int, inner: int) -> Term:
    matrix, vector = (left, right) if outer in left.labels else (right, left)
    if not draft.writer.batched:
        as_it_lies = draft.lowering.library.transposes_cost
        matrix_first = matrix.labels == (outer, inner) if as_it_lies else matrix is left
        if matrix_first:
            return Term((outer,), matmul(draft.code(matrix, [outer, inner]), draft.code(vector)))
        return Term((outer,), matmul(draft.code(vector), draft.code(matrix, [inner, outer])))
    return Term((outer,), draft.writer.matvec(draft.code(matrix, [outer, inner]), draft.code(vector)))


def _general(draft: Draft, left: Term, right: Term, result: list[int]) -> Term:
    """`einsum`, or `@` where a matrix meets the last axis of a tensor."""
    inner = [x for x in left.labels if x in right.labels and x not in result]
    moved = [x for x in left.labels if x not in inner]
    if len(inner) == 1 and len(right.labels) == 2 and inner[0] == left.labels[-1]:
        column = next(x for x in right.labels if x != inner[0])
        if result == [*moved, column]:
            second = draft.code(right, [inner[0], column])
            if draft.writer.batched:
                second = draft.writer.indexed(second, [*["None"] * (len(moved) - 1), ":", ":"])
            return Term(tuple(result), matmul(draft.code(left), second))
    operands = [(draft.code(t), t.labels) for t in (left, right)]
    return Term(tuple(result), draft.writer.einsum(operands, result))
