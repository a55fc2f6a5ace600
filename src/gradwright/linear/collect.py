"""Common factors taken out of sums: `B x + Bᵀ x = (B + Bᵀ) x`.

This is for reading, and is applied once to a result. What all terms share, chains of matrices with a common
beginning or end, stands before or behind the whole sum. Of some of the terms it is taken out only where single
matrices are left, as in `(B + Bᵀ) x + b`: `dX X² + X dX X + X² dX` reads better than `(dX X + X dX) X + X² dX`. A term
that another one begins or ends with leaves the identity, if that makes the sum shorter: `A − A B − C A + C A B` is
`(I − C) A (I − B)`. Tensors with more axes are sums of outer products, of which those that share a part are joined.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from fractions import Fraction
from itertools import combinations, pairwise

from gradwright.core.build import identity, ones, product_of
from gradwright.core.canonical import as_product
from gradwright.core.contraction import ONE, contract, is_zero, plain, scale, simple, with_output
from gradwright.core.nodes import Add, Contract, Factor, Groups, Node, Selection
from gradwright.core.sums import add, factor_count, scaled, terms_of
from gradwright.core.walks import directions, postorder, rebuild
from gradwright.linear.alike_scalars import with_scalars_alike
from gradwright.linear.chains import Chain, join, product_of_chain
from gradwright.linear.denominators import over_one_denominator
from gradwright.linear.entrywise_factors import is_pattern, shared_entrywise, without
from gradwright.linear.like_terms import with_like_terms_joined, with_scalars_joined
from gradwright.linear.readings import ChainTerm, OuterTerm, Term, as_outer, has_same_number, node_of, read
from gradwright.linear.separated import join_outer_products
from gradwright.linear.shared_numbers import with_numbers_in_front, with_shared_number
from gradwright.linear.weighted import with_weights_inside
from gradwright.prims.power import raise_to
from gradwright.simplify.branches import with_opposite
from gradwright.simplify.broadcasts import narrowed
from gradwright.simplify.pipeline import simplify
from gradwright.simplify.powers import merge_powers
from gradwright.simplify.sums import turn_sums


def collect(root: Node, join_quotients: bool = True) -> Node:
    """Take common factors out of every sum; quotients with different denominators may stay apart."""
    return _Collector(join_quotients).collect(*with_scalars_alike((root,)))


def collect_all(roots: tuple[Node, ...]) -> tuple[Node, ...]:
    """Take common factors out of every sum of several expressions."""
    return tuple(map(_Collector().collect, with_scalars_alike(roots)))


class _Collector:
    """Sums with their common factors taken out, each once.

    What is left between common factors is a new sum of parts that are done, of which only the top is looked at.
    """

    def __init__(self, join_quotients: bool = True) -> None:
        self._join_quotients = join_quotients
        self._done: dict[Node, Node] = {}
        self._terms: dict[Node, Term] = {}

    def collect(self, root: Node) -> Node:
        for node in postorder(root, given=self._done):
            if node not in self._done:
                new = turn_sums(with_numbers_in_front(rebuild(node, tuple(map(self._done.__getitem__, node.children)))))
                if any(map(is_zero, new.children)):  # terms that have cancelled within it
                    new = simplify(new, self._done)
                found = self._collect_sum(with_weights_inside(new))
                seen = {found}
                while (turned := turn_sums(found)) not in seen:  # what is the same now may be common to more terms
                    found = self._collect_sum(turned)
                    seen |= {turned, found}
                self._done[node] = self._done[found] = with_opposite(found)
        return self._done[root]

    def _collect_sum(self, node: Node) -> Node:
        if not isinstance(node, Add):
            return node
        if not node.rank:
            return self._scalar_sum(node)
        smaller = self._on_fewer_axes(node)
        if smaller is not None:
            return smaller
        node = with_scalars_joined(node, self.collect)
        if isinstance(node, Add) and node.rank > 2:
            return join_outer_products(node, self._total)
        opened = with_like_terms_joined(node) if isinstance(node, Add) else node
        if opened != node:  # which may have left terms that differ in a number
            return self._collect_sum(opened)
        node = self._over_one_denominator(node) if isinstance(node, Add) else node
        return self._matrix_sum(node) if isinstance(node, Add) else node

    def _scalar_sum(self, node: Add) -> Node:
        found = self._quotients_joined(node)
        return (self._common_entries(found) or found) if _in_one_direction(found) else found

    def _quotients_joined(self, node: Node) -> Node:
        return self._over_one_denominator(with_like_terms_joined(node)) if isinstance(node, Add) else node

    def _on_fewer_axes(self, node: Add) -> Node | None:
        """`diag(u − v)` for `diag(u) − diag(v)`, and `(u − v) 1ᵀ` for `u 1ᵀ − v 1ᵀ`; None where no axis is spared."""
        axes = simple(range(node.rank))
        places = _places_of_diagonals(node)
        if places != axes and len(set(places)) < 3:
            kept = [place for place, (label,) in enumerate(places) if place == label]
            total = self.collect(add([_along(as_product(term), kept) for term in node.terms]))
            return contract(1, [plain(total, kept)], places, {place: node.shape[place] for place in kept})
        narrow = narrowed(Factor(node, axes))
        if narrow.node.rank == node.rank:
            return None
        total = Factor(self.collect(narrow.node), narrow.groups)
        return contract(1, [total], axes, dict(enumerate(node.shape)))

    def _matrix_sum(self, node: Add) -> Node:
        """A sum of vectors or matrices: what all terms share, else what some of them do."""
        items = list(map(self._read, node.terms))
        whole = self._common_entries(node) or self._common_vector(items) or self._common_to_all(items)
        if whole is not None:
            return whole
        done = self._with_pairs_joined(self._with_outers_joined(items))
        joined = add(done)
        whole = self._common_to_all(list(map(self._read, terms_of(joined)))) if len(done) > 1 else None
        return self._nested(joined) if whole is None else whole

    def _with_pairs_joined(self, items: Sequence[Term]) -> list[Node]:
        """The terms, of which those are one that differ in one matrix only."""
        done: list[Node] = []
        while items:
            first, *items = items
            for place, other in enumerate(items):
                joined = self._joined(first, other)
                if joined is not None:
                    items[place] = joined
                    break
            else:
                done.append(node_of(first))
        return done

    def _nested(self, node: Node) -> Node:
        """The sum with terms taken out of those that begin or end with them, if that makes it shorter."""
        if not isinstance(node, Add):
            return node
        before = items = [self._read_any(term) for term in self._with_sum_closed(node)]
        while (found := self._nested_once(items)) is not None:
            items = found
        if items is before:
            return node
        joined = turn_sums(add(list(map(node_of, items))))
        return self._collect_sum(joined) if factor_count(joined) < factor_count(node) else node

    def _with_sum_closed(self, node: Add) -> Sequence[Node]:
        """The terms, those of a sum with which another one begins or ends as that sum: of `A + B − P (A + B)` two."""
        for item in map(self._read, node.terms):
            ends = (item.chain.elements[0], item.chain.elements[-1]) if isinstance(item, ChainTerm) else ()
            for total in ends:
                for sign in (1, -1) if isinstance(total, Add) else ():
                    parts = [scaled(sign, part) for part in terms_of(total)]
                    if all(part in node.terms for part in parts):
                        return [*(term for term in node.terms if term not in parts), scaled(sign, total)]
        return node.terms

    def _nested_once(self, items: list[Term]) -> list[Term] | None:
        for place, other in combinations(range(len(items)), 2):
            joined = self._around(items[place], items[other]) or self._joined(items[place], items[other])
            if joined is not None:
                return [*items[:place], joined, *items[place + 1 : other], *items[other + 1 :]]
        return None

    def _around(self, left: Term, right: Term) -> ChainTerm | None:
        """`B A − C B A = (I − C) B A`: two chains of which one is the beginning or the end of the other."""
        if not isinstance(left, ChainTerm) or not isinstance(right, ChainTerm) or not has_same_number(left, right):
            return None
        inner, outer = sorted((left, right), key=lambda item: len(item.chain.elements))
        shared, longer = inner.chain.elements, outer.chain.elements
        count = len(longer) - len(shared)
        if not count or _only_places(shared, ()):
            return None
        if longer[count:] == shared and not _is_part(*longer[count - 1 : count + 1]):
            before, rest, behind = (), longer[:count], shared
        elif longer[: len(shared)] == shared and not _is_part(*longer[len(shared) - 1 : len(shared) + 1]):
            before, rest, behind = shared, longer[len(shared) :], ()
        else:
            return None
        if shared[-1].rank == 1 and count > 1:
            return None  # `A B x + x`: no product of matrices is written for one with a vector
        factor = product_of_chain(rest, rest[0])
        if factor.rank != 2:
            return None
        number = inner.coefficient
        total = add([identity(factor.shape[0]), scaled(outer.coefficient / number, factor)])
        chain = Chain(left.chain.scalar, (*before, self.collect(simplify(total, self._done)), *behind))
        return ChainTerm(number, chain, scaled(number, join(chain, left.node)))

    def _read(self, term: Node) -> Term:
        if term not in self._terms:
            self._terms[term] = read(term)
        return self._terms[term]

    def _read_any(self, term: Node) -> Term:
        """A term with a single matrix as a chain, too."""
        found = self._read(term)
        single = isinstance(found, Node) and sum(1 for f in as_product(found).factors if f.node.rank) == 1
        return read(term, shortest=1) if single else found

    def _common_to_all(self, items: Sequence[Term]) -> Node | None:
        """The sum with what all its terms share before and behind it; None if they share nothing."""
        chained = [item for item in items if isinstance(item, ChainTerm)]
        first = chained[0] if chained else None
        if first is None or len(chained) < max(len(items), 2):
            return None
        if any(i.chain.scalar != first.chain.scalar for i in chained):
            return None
        chains = [item.chain.elements for item in chained]
        shortest = min(map(len, chains))
        start = min(_common(chains[0], chain) for chain in chains)
        end = min(_common_end(chains[0][start:], chain[start:]) for chain in chains)
        # What is left of a term that is shared as a whole is the identity, at an end: `(I − U Uᵀ) A U`. Between two
        # matrices it reads well beside single ones: `Xᵀ (I − P) Y`, but `X (A − B K) S` and `A (x − P x)`.
        longest = max(chains, key=len)
        if start and end and start + end == shortest and (chains[0][-1].rank == 1 or len(longest) > shortest + 1):
            end -= 1
        while start and any(_takes_part_apart(chain, start, len(chain) - end) for chain in chains):
            start -= 1
        while end and any(_takes_part_apart(chain, start, len(chain) - end) for chain in chains):
            end -= 1
        if end and chains[0][-1].rank == 1 and any(len(chain) - start - end > 1 for chain in chains):
            end = 0  # `A B x + C x`: no product of matrices is written for one with a vector
        if _only_places(chains[0][:start], chains[0][len(chains[0]) - end :]):
            return None
        if chains[0][-1].rank == 1 and all(_only_places(c[start : len(c) - end], ()) for c in chains):
            return None  # [x; 2 x] for [I; 2 I] x
        middles = [product_of_chain(c[start : len(c) - end], longest[start]) for c in chains]
        multiples = zip((item.coefficient for item in chained), middles, strict=True)
        number, parts = with_shared_number(list(multiples))
        middle = self.collect(simplify(parts, self._done))
        chain = Chain(first.chain.scalar, (*chains[0][:start], middle, *chains[0][len(chains[0]) - end :]))
        return scaled(number, join(chain, first.node))

    def _over_one_denominator(self, node: Node) -> Node:
        """`a / s²` for `1 / s − x / s²` and s = x + a: quotients as one, if that makes the sum shorter."""
        if not isinstance(node, Add) or not self._join_quotients:
            return node
        axes = simple(range(node.rank))
        for below, above in over_one_denominator(node):
            above = self.collect(above)
            if factor_count(above) < factor_count(node):
                quotient = contract(1, [below, *self._cleared(above)], axes, dict(enumerate(node.shape)))
                return with_numbers_in_front(merge_powers(quotient))
        return node

    def _cleared(self, node: Node) -> list[Factor]:
        """What stands above a line, its quotients cleared where that is no longer: `(p − y) / p` for `1 − y / p`."""
        axes = simple(range(node.rank))
        for below, above in over_one_denominator(node, of_sums=False) if isinstance(node, Add) else ():
            if factor_count(above) + 1 <= factor_count(node):
                return [below, *self._cleared(above)]
        return [Factor(node, axes)]

    def _common_entries(self, node: Node) -> Node | None:
        """`A ∘ (B − C)` for `A ∘ B − C ∘ A`: what all terms are multiplied by entry by entry."""
        products = list(map(as_product, terms_of(node)))
        shared = shared_entrywise(products)
        if not shared or len(products) < 2:
            return None
        rest = [without(product, shared) for product in products]
        if any(is_pattern(multiple, shared) for multiple in rest):
            return None
        number, total = ONE, self.collect(add([scale(own, tensor) for own, tensor in rest]))
        if len({own.denominator for own, _ in rest}) == 1:
            number, total = self._total(rest)
        axes = simple(range(node.rank))
        powers = ((raise_to(kind[0], Fraction(times)), kind) for kind, times in shared.items())
        beside = [Factor(tensor, simple(order), conj) for tensor, (_, order, conj) in powers]
        return contract(number, [*beside, Factor(total, axes)], axes, dict(enumerate(node.shape)))

    def _common_vector(self, items: Sequence[Term]) -> Node | None:
        """`(x + y) zᵀ` for `x zᵀ + y zᵀ`: the vector that all of several outer products end or begin with."""
        outers = [item for item in items if isinstance(item, OuterTerm)]
        if len(outers) < max(len(items), 2):
            return None
        shared = next((end for end in (1, 0) if len({outer.keys[end] for outer in outers}) == 1), None)
        if shared is None:
            return None
        number, total = self._total([(outer.number, outer.vectors[1 - shared]) for outer in outers])
        vectors = [total, outers[0].vectors[1]] if shared else [outers[0].vectors[0], total]
        return scaled(number, product_of([(vector, (place,)) for place, vector in enumerate(vectors)], (0, 1)))

    def _joined(self, left: Term, right: Term) -> ChainTerm | None:
        """Two chains that differ in one matrix: one chain around the sum of the two."""
        if not isinstance(left, ChainTerm) or not isinstance(right, ChainTerm):
            return None
        a, b = left.chain.elements, right.chain.elements
        if not has_same_number(left, right):
            return None
        start = _common(a, b)
        end = _common_end(a[start:], b[start:])
        before, behind = a[:start], a[len(a) - end :]
        middles = a[start : len(a) - end], b[start : len(b) - end]
        if _only_places(before, behind) or any(len(middle) != 1 for middle in middles):
            return None
        if a[-1].rank == 1 and all(_only_places(middle, ()) for middle in middles):
            return None
        factors = zip((left, right), middles, strict=True)
        number, middle = self._total([(item.coefficient, product_of_chain(m, m[0])) for item, m in factors])
        chain = Chain(left.chain.scalar, (*before, middle, *behind))
        return ChainTerm(number, chain, scaled(number, join(chain, left.node)))

    def _total(self, multiples: Sequence[tuple[Fraction, Node]]) -> tuple[Fraction, Node]:
        """The number that some multiples of matrices share, and the sum behind it."""
        number, total = with_shared_number(multiples)
        return number, self.collect(total)

    def _with_outers_joined(self, items: list[Term]) -> list[Term]:
        """`A x yᵀ + A z yᵀ = A (x + z) yᵀ`: outer products that share a vector, the others together one product."""
        while True:
            before = items
            for shared, end in ((1, 0), (1, -1), (0, 0), (0, -1)):
                for group in self._alike(items, shared, end):
                    items = self._with_group_joined(items, group, shared)
            if items == before:
                return items

    def _alike(self, items: Sequence[Term], shared: int, end: int) -> list[list[OuterTerm]]:
        """The outer products that share a vector, the others of which begin, or end, with the same matrix."""
        groups: dict[Hashable, list[OuterTerm]] = {}
        for outer in items:
            other = self._read(outer.vectors[1 - shared]) if isinstance(outer, OuterTerm) else None
            if isinstance(outer, OuterTerm) and isinstance(other, ChainTerm):
                key = outer.keys[shared], other.chain.scalar, other.chain.elements[end]
                groups.setdefault(key, []).append(outer)
        return [group for group in groups.values() if len(group) > 1]

    def _with_group_joined(self, items: list[Term], group: Sequence[OuterTerm], shared: int) -> list[Term]:
        """The terms with a group of outer products as one, in the place of the last, if the sum of vectors is one."""
        total = self.collect(add([scaled(outer.number, outer.vectors[1 - shared]) for outer in group]))
        if isinstance(total, Add):
            return items
        both = (total, group[0].vectors[1]) if shared else (group[0].vectors[0], total)
        joined = as_outer(product_of([(vector, (place,)) for place, vector in enumerate(both)], (0, 1)))
        return [joined if item is group[-1] else item for item in items if item is group[-1] or item not in group]


def _in_one_direction(node: Node) -> bool:
    """Whether a scalar is no sum of differentials of several parts: these are read term by term, `2 s ds − s² dt`."""
    return len({frozenset(directions(term)) for term in terms_of(node)}) == 1


def _places_of_diagonals(node: Add) -> Groups:
    """For every axis the first with its label in all terms: `((0,), (0,))` for `diag(u) + diag(v)`, not for D + E."""
    products = [as_product(term) for term in node.terms]
    axes = range(node.rank)
    if any(len(set(f.groups)) < len(f.groups) for p in products for f in p.factors):
        return simple(axes)
    outputs = [product.output for product in products]
    return simple([next(first for first in axes if all(o[first] == o[axis] for o in outputs)) for axis in axes])


def _along(product: Contract, axes: Sequence[int]) -> Node:
    """The product with some of its axes, of which the others are repetitions."""
    output = tuple(product.output[axis] for axis in axes)
    return with_output(product, output)


def _only_places(before: tuple[Node, ...], behind: tuple[Node, ...]) -> bool:
    """Whether what terms share is nothing, or only that it is placed in the same rows or columns of blocks."""
    factors = [factor.node for element in (*before, *behind) for factor in as_product(element).factors]
    return all(isinstance(factor, Selection) for factor in factors)


def _takes_part_apart(chain: tuple[Node, ...], start: int, end: int) -> bool:
    """Whether what lies between two places, if anything, only picks rows or columns of the matrix beside it.

    `X[:, :k] + X[:, k:] B` is no `X [I; B]`.
    """
    if end - start > 1 or not _only_places(chain[start:end], ()):
        return False
    return any(_is_part(*pair) for pair in pairwise(chain[max(start - 1, 0) : end + 1]))


def _is_part(left: Node, right: Node) -> bool:
    """Whether a product picks columns or rows of a matrix out; the transpose of what picks them places them."""
    if _only_places((left,), ()) == _only_places((right,), ()):
        return False
    return isinstance(right, Selection) or (_only_places((left,), ()) and not isinstance(left, Selection))


def _common(a: tuple[Node, ...], b: tuple[Node, ...]) -> int:
    """How many elements two chains share at the beginning."""
    count = 0
    while count < min(len(a), len(b)) and a[count] == b[count]:
        count += 1
    return count


def _common_end(a: tuple[Node, ...], b: tuple[Node, ...]) -> int:
    """How many elements two chains share at the end; sums over an axis, which end in ones, share none."""
    summed = bool(a) and a[-1] == ones(a[-1].shape)
    return 0 if summed else _common(a[::-1], b[::-1])
