"""Inverses of products of square matrices beside those matrices: `(A X B)⁻¹ A = (X B)⁻¹`, and `B (A B)⁻¹ = A⁻¹`.

Diagonal matrices between them count as such: `Qᵀ (Q diag(d) Qᵀ)⁻¹ Q = diag(1 / d)`.

Those with inverses in them: `(A B⁻¹)⁻¹ = B A⁻¹`. Of sums beside an inverse in them: `K⁻¹ (I + S K⁻¹)⁻¹ = (K + S)⁻¹`.

Those of roots beside what they are roots of: `(X^½)⁻¹ (X^½)⁻¹ = X⁻¹`, and `X (X^½)⁻¹ = X^½`; those of factors of a
matrix, `L Lᴴ = K`: `L⁻ᴴ L⁻¹ = K⁻¹`, and `K L⁻ᴴ = L`.

A product of square matrices has an inverse exactly if each of them has one, so that nothing more is asked for. An
inverse is only taken apart where it disappears and one takes its place: `(A X)⁻¹ (A X)⁻¹ A` takes one, and not two.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby, permutations

from gradwright.core.build import adjoint, diag, matmul, transpose
from gradwright.core.canonical import as_product
from gradwright.core.contraction import ONE, contract, is_simple, simple, subproduct
from gradwright.core.inference import facts_of
from gradwright.core.kronecker import kronecker_parts
from gradwright.core.nodes import Apply, Contract, Factor, Node
from gradwright.core.sums import add, terms_of
from gradwright.prims.inv import inv
from gradwright.simplify.inverses import is_inverse, simplify_inverse
from gradwright.simplify.relations import Relation, collapse, is_plain, laws_at
from gradwright.simplify.systems import with_inverses


def cancel_in_inverses(node: Node) -> Node:
    """Cancel the factors of a product against the inverses of products that begin or end with them."""
    if not isinstance(node, Contract) or len(node.factors) < 2:
        return node
    for inverse in dict.fromkeys(f.node for f in node.factors):
        relations = inverse_relations(inverse) if isinstance(inverse, Apply) else ()
        if relations:
            found = collapse(node, relations)
            left = _inverses_in(found)
            if found != node and inverse not in left and len(left) <= len(_inverses_in(node)):
                return found
    return _with_joined_inverses(node)


def open_inverse(node: Node) -> Node:
    """`(A B⁻¹)⁻¹ = B A⁻¹`, where that takes fewer inverses, and is known to be invertible without them."""
    if not is_inverse(node) or not isinstance(node.arguments[0], Contract):
        return node
    product = node.arguments[0]
    chain = _chain(product) or []
    if len({product.dims[label] for f, _ in chain for label in f.labels}) != 1:
        return node
    starts = [product.output[0][0], *(end for _, end in chain)]
    inverses = [is_inverse(factor.node) for factor, _ in chain]
    runs = [(is_within, list(run)) for is_within, run in groupby(range(len(chain)), inverses.__getitem__)]
    within = sum(len(places) for is_within, places in runs if is_within)
    if sum(not is_within for is_within, _ in runs) > within:
        return node
    opened: list[Factor] = []
    for is_within, places in reversed(runs):
        factors, ends = [chain[k][0] for k in places], (starts[places[0]], starts[places[-1] + 1])
        if is_within:
            opened += [Factor(f.node.children[0], f.groups[::-1], f.conj) for f in reversed(factors)]
        else:
            inverse = simplify_inverse(Apply(node.primitive, (), (subproduct(product, factors, simple(ends)),)))
            opened.append(Factor(inverse, simple(ends[::-1])))
    found = subproduct(product, opened, product.output[::-1])
    return found if facts_of(node) <= facts_of(found) else node


def _with_joined_inverses(node: Contract) -> Node:
    """`K⁻¹ (I + S K⁻¹)⁻¹ = (K + S)⁻¹`: one inverse for two, where it takes the one out of the other."""
    inverses = _inverses_in(node)
    for inverse, other in permutations(inverses, 2) if len(inverses) > 1 else ():
        assert isinstance(inverse, Apply) and isinstance(other, Apply)
        within = _factors_of_terms(other.arguments[0])
        if inverse in within and inverse.shape == other.shape and inverse.rank == 2:
            found = collapse(node, _joining(inverse, other))
            if found != node:
                return found
    return node


def _factors_of_terms(total: Node) -> set[Node]:
    return {f.node for term in map(with_inverses, terms_of(total)) for f in as_product(term).factors}


@lru_cache(maxsize=1024)
def _joining(inverse: Apply, other: Apply) -> tuple[Relation, ...]:
    """`A⁻¹ B⁻¹ = (B A)⁻¹` and its like, for sums B of which A takes an inverse of A out of each term that has one."""
    found = list[Relation]()
    (matrix,), (total,) = inverse.arguments, other.arguments
    upright = tuple(map(with_inverses, terms_of(total)))
    for beside, terms in ((other, upright), (transpose(other), tuple(map(transpose, upright)))):
        for left, right, products in (
            (inverse, beside, [matmul(term, matrix) for term in terms]),
            (beside, inverse, [matmul(matrix, term) for term in terms]),
        ):
            whole = add(map(collapse, products))
            # The inverse of a positive definite matrix needs no condition, and stays.
            weaker = "spd" in facts_of(total) and "spd" not in facts_of(whole)
            if not weaker and inverse not in _factors_of_terms(whole):
                joined = simplify_inverse(Apply(other.primitive, (), (whole,)))
                found += _product_relation(left, right, joined)
    return tuple(found)


def _inverses_in(product: Node) -> tuple[Node, ...]:
    """The inverses among the factors, in source order: which of them is joined first must not depend on a set."""
    factors = (f.node for f in as_product(product).factors)
    return tuple(dict.fromkeys(f for f in factors if is_inverse(f)))


@lru_cache(maxsize=4096)
def inverse_relations(inverse: Apply) -> tuple[Relation, ...]:
    """`(L R)⁻¹ L = R⁻¹` and `R (L R)⁻¹ = L⁻¹` for every way to cut a product into two square ones; longest first."""
    if not is_inverse(inverse):
        return tuple(_of_root(inverse))
    product = inverse.arguments[0]
    if isinstance(product, Apply):
        return tuple(_of_inverse_root(inverse, product))
    if not isinstance(product, Contract) or product.rank != 2:
        return ()
    chain = _weighted_chain(product)
    if chain is None:
        return ()
    relations = [r for cut in range(1, len(chain)) for r in _cut(inverse, product, chain, cut)]
    return tuple(sorted(relations, key=lambda relation: -len(relation.pattern.factors)))


def _of_root(root: Apply) -> Iterator[Relation]:
    """`X⁻¹ Y = Y⁻¹` and `Y X⁻¹ = Y⁻¹` if `Y Y = X`, and `X⁻¹ L = L⁻ᴴ` and `Lᴴ X⁻¹ = L⁻¹` if `L Lᴴ = X`."""
    if not root.is_square:
        return
    inverse = Apply(inv, (), (root,))
    for square in _square_of(root, root):
        whole = simplify_inverse(Apply(inv, (), (square,)))
        yield from _product_relation(whole, root, inverse)
        yield from _product_relation(root, whole, inverse)
    for square in _square_of(root, adjoint(root)):
        whole = simplify_inverse(Apply(inv, (), (square,)))
        yield from _product_relation(whole, root, adjoint(inverse))
        yield from _product_relation(adjoint(root), whole, inverse)


def _of_inverse_root(inverse: Apply, root: Apply) -> Iterator[Relation]:
    """`Y⁻¹ Y⁻¹ = X⁻¹` and `Y⁻¹ X = Y` if `Y Y = X`, and `L⁻ᴴ L⁻¹ = X⁻¹` and `L⁻¹ X = Lᴴ` if `L Lᴴ = X`."""
    for square in _square_of(root, root):
        yield from _product_relation(inverse, inverse, simplify_inverse(Apply(inverse.primitive, (), (square,))))
        yield from _product_relation(inverse, square, root)
        yield from _product_relation(square, inverse, root)
    for square in _square_of(root, adjoint(root)):
        whole = simplify_inverse(Apply(inverse.primitive, (), (square,)))
        yield from _product_relation(adjoint(inverse), inverse, whole)
        yield from _product_relation(inverse, square, adjoint(root))
        yield from _product_relation(square, adjoint(inverse), root)


def _square_of(root: Apply, other: Node) -> list[Node]:
    """What the product of a square matrix with itself, or with its adjoint, is defined to be."""
    squared = matmul(root, other)
    return [right for left, right in laws_at(root) if left == squared]


def _product_relation(left: Node, right: Node, value: Node) -> Iterator[Relation]:
    pattern = as_product(matmul(left, right))
    if is_plain(pattern):
        yield Relation(pattern, value)


def square_parts(product: Node) -> tuple[Node, ...]:
    """The square matrices whose product, or Kronecker product, a matrix is; each run of them is one as well."""
    if not isinstance(product, Contract) or product.rank != 2:
        return ()
    chain = _chain(product)
    if chain is None:
        return kronecker_parts(product)
    ends = [product.output[0][0], *(end for _, end in chain)]
    places = [place for place, end in enumerate(ends) if product.dims[end] == product.shape[0]]
    runs = [(i, j) for i in places for j in places if i < j and j - i < len(chain)]
    return tuple(subproduct(product, [f for f, _ in chain[i:j]], simple((ends[i], ends[j]))) for i, j in runs)


def _cut(inverse: Apply, product: Contract, chain: Sequence[tuple[Factor, int]], cut: int) -> Iterator[Relation]:
    """The two relations of a product that is cut behind so many factors."""
    (row,), (column,) = product.output
    middle = chain[cut - 1][1]
    if product.dims[middle] != product.dims[row]:
        return
    dims = dict(enumerate(product.dims))
    left, right = [f for f, _ in chain[:cut]], [f for f, _ in chain[cut:]]
    new = len(dims)
    for factors, rest, others in ((left, right, (middle, column)), (right, left, (row, middle))):
        labels = (new, row) if factors is left else (column, new)
        outer = (new, middle) if factors is left else (middle, new)
        inside = {x: dims[x] for f in factors for x in f.labels} | {new: dims[row]}
        pattern = contract(ONE, [Factor(inverse, simple(labels)), *factors], simple(outer), inside)
        remaining = _matrix_of(product, rest, *others)
        if isinstance(pattern, Contract):
            yield Relation(pattern, simplify_inverse(Apply(inverse.primitive, (), (remaining,))))


def _matrix_of(product: Contract, factors: Sequence[Factor], row: int, column: int) -> Node:
    """A part of a product, from one label to another; vectors at a single label are a diagonal matrix."""
    if row == column:
        return diag(subproduct(product, factors, simple((row,))))
    return subproduct(product, factors, simple((row, column)))


def _chain(product: Contract) -> list[tuple[Factor, int]] | None:
    """The matrices of a product in order, each with the label that it ends at; None if it is no product of matrices."""
    chain = _weighted_chain(product)
    return None if chain is None or any(factor.node.rank != 2 for factor, _ in chain) else chain


def _weighted_chain(product: Contract) -> list[tuple[Factor, int]] | None:
    """The same of matrices and diagonal ones, which are vectors that end at the label where they begin."""
    if product.coefficient != 1 or len(product.output) != 2 or not is_simple(product.output):
        return None
    (place,), (last,) = product.output
    rest, chain = list(product.factors), list[tuple[Factor, int]]()
    while rest:
        weights = [f for f in rest if f.labels == (place,)]
        found = weights[:1] or [f for f in rest if place in f.labels]
        if len(found) != 1 or not len(set(found[0].labels)) == len(found[0].labels) == found[0].node.rank <= 2:
            return None
        (factor,) = found
        place = place if weights else sum(factor.labels) - place
        chain.append((factor, place))
        rest.remove(factor)
    return chain if place == last and len(chain) > 1 else None
