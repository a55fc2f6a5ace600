"""Common factors taken out of sums: `B x + Bᵀ x = (B + Bᵀ) x`.

This is for reading, and is applied once to a result. What all terms share, chains of matrices with a common
beginning or end, stands before or behind the whole sum. Of some of the terms it is taken out only where single
matrices are left, as in `(B + Bᵀ) x + b`: `dX X² + X dX X + X² dX` reads better than `(dX X + X dX) X + X² dX`. A term
that another one begins or ends with leaves the identity, if that makes the sum shorter: `A − A B − C A + C A B` is
`(I − C) A (I − B)`. Tensors with more axes are sums of outer products, of which those that share a part are joined.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from fractions import Fraction
from itertools import combinations
from math import gcd, lcm, prod

from gradwright.core.build import identity, multiply, ones, product_of
from gradwright.core.canonical import as_product, rough_key
from gradwright.core.connected import connected
from gradwright.core.contraction import ONE, contract, is_zero, scale, simple, split_coefficient, with_factors
from gradwright.core.inference import is_symmetric
from gradwright.core.nodes import Add, Contract, Factor, Mask, Node, Selection
from gradwright.core.scalars import scalars_of, shared_number
from gradwright.core.sums import add, coefficient_of, distributed, like_key, scaled, terms_of, value_key
from gradwright.core.walks import postorder, rebuild
from gradwright.frozen import frozen
from gradwright.linear.chains import Chain, chain_of, join, product_of_chain
from gradwright.linear.separated import join_outer_products
from gradwright.prims.piecewise import is_indicator, opposite
from gradwright.simplify.broadcasts import narrowed
from gradwright.simplify.pipeline import simplify
from gradwright.simplify.sums import turn_sums


@frozen
class _Item:
    """A term that is a chain of matrices."""

    coefficient: Fraction
    chain: Chain
    node: Node


@frozen
class _Outer:
    """A term that is a number times an outer product of two vectors; `keys` say what they are."""

    number: Fraction
    vectors: tuple[Node, Node]
    keys: tuple[Hashable, Hashable]
    node: Node


_Term = _Item | _Outer | Node


def collect(root: Node) -> Node:
    """Take common factors out of every sum."""
    return collect_all((root,))[0]


def collect_all(roots: tuple[Node, ...]) -> tuple[Node, ...]:
    """Take common factors out of every sum of several expressions."""
    return tuple(map(_Collector().collect, roots))


class _Collector:
    """Sums with their common factors taken out, each once.

    What is left between common factors is a new sum of parts that are done, of which only the top is looked at.
    """

    def __init__(self) -> None:
        self._done: dict[Node, Node] = {}
        self._terms: dict[Node, _Term] = {}

    def collect(self, root: Node) -> Node:
        for node in postorder(root, given=self._done):
            if node not in self._done:
                new = turn_sums(
                    _with_numbers_in_front(rebuild(node, tuple(map(self._done.__getitem__, node.children))))
                )
                if any(map(is_zero, new.children)):  # terms that have cancelled within it
                    new = simplify(new, self._done)
                found = self._collect_sum(new)
                while (turned := turn_sums(found)) != found:  # what is the same now may be common to more terms
                    found = self._collect_sum(turned)
                self._done[node] = self._done[found] = _with_opposite(found)
        return self._done[root]

    def _collect_sum(self, node: Node) -> Node:
        if not isinstance(node, Add) or not node.rank:
            return node
        axes = simple(range(node.rank))
        narrow = narrowed(Factor(node, axes))
        if narrow.node.rank < node.rank:  # (u − v) 1ᵀ for u 1ᵀ − v 1ᵀ
            total = Factor(self.collect(narrow.node), narrow.groups)
            return contract(1, [total], axes, dict(enumerate(node.shape)))
        node = _with_scalars_joined(node)
        if not isinstance(node, Add):
            return node
        if node.rank > 2:
            return join_outer_products(node, self._total)
        node = _with_like_terms_joined(node)
        items = list(map(self._read, terms_of(node)))
        whole = self._common_entries(node) or self._common_vector(items) or self._common_to_all(items)
        if whole is not None:
            return whole
        items = self._with_outers_joined(items)
        done: list[Node] = []
        while items:
            first, *items = items
            for place, other in enumerate(items):
                joined = self._joined(first, other)
                if joined is not None:
                    items[place] = joined
                    break
            else:
                done.append(_node(first))
        joined = add(done)
        whole = self._common_to_all(list(map(self._read, terms_of(joined)))) if len(done) > 1 else None
        return self._nested(joined) if whole is None else whole

    def _nested(self, node: Node) -> Node:
        """The sum with terms taken out of those that begin or end with them, if that makes it shorter."""
        if not isinstance(node, Add):
            return node
        before = items = [self._read_any(term) for term in node.terms]
        while (found := self._nested_once(items)) is not None:
            items = found
        if items is before:
            return node
        joined = turn_sums(add(list(map(_node, items))))
        return self._collect_sum(joined) if _length(joined) < _length(node) else node

    def _nested_once(self, items: list[_Term]) -> list[_Term] | None:
        for place, other in combinations(range(len(items)), 2):
            joined = self._around(items[place], items[other]) or self._joined(items[place], items[other])
            if joined is not None:
                return [*items[:place], joined, *items[place + 1 : other], *items[other + 1 :]]
        return None

    def _around(self, left: _Term, right: _Term) -> _Item | None:
        """`B A − C B A = (I − C) B A`: two chains of which one is the beginning or the end of the other."""
        if not isinstance(left, _Item) or not isinstance(right, _Item) or not _same_number(left, right):
            return None
        inner, outer = sorted((left, right), key=lambda item: len(item.chain.elements))
        shared, longer = inner.chain.elements, outer.chain.elements
        count = len(longer) - len(shared)
        if not count or _only_places(shared, ()):
            return None
        if longer[count:] == shared:
            before, rest, behind = (), longer[:count], shared
        elif longer[: len(shared)] == shared:
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
        return _Item(number, chain, scaled(number, join(chain, left.node)))

    def _read(self, term: Node) -> _Term:
        if term not in self._terms:
            self._terms[term] = _read(term)
        return self._terms[term]

    def _read_any(self, term: Node) -> _Term:
        """A term with a single matrix as a chain, too."""
        found = self._read(term)
        single = isinstance(found, Node) and sum(1 for f in as_product(found).factors if f.node.rank) == 1
        return _read(term, shortest=1) if single else found

    def _common_to_all(self, items: Sequence[_Term]) -> Node | None:
        """The sum with what all its terms share before and behind it; None if they share nothing."""
        read = [item for item in items if isinstance(item, _Item)]
        first = read[0] if read else None
        if first is None or len(read) < max(len(items), 2):
            return None
        if any(i.chain.scalar != first.chain.scalar for i in read):
            return None
        chains = [item.chain.elements for item in read]
        shortest = min(map(len, chains))
        start = min(_common(chains[0], chain) for chain in chains)
        end = min(_common_end(chains[0][start:], chain[start:]) for chain in chains)
        # What is left of a term that is shared as a whole is the identity, at an end: `(I − U Uᵀ) A U`. Between two
        # matrices it reads well beside single ones: `Xᵀ (I − P) Y`, but `X (A − B K) S` and `A (x − P x)`.
        longest = max(chains, key=len)
        if start and end and start + end == shortest and (chains[0][-1].rank == 1 or len(longest) > shortest + 1):
            end -= 1
        if end and chains[0][-1].rank == 1 and any(len(chain) - start - end > 1 for chain in chains):
            end = 0  # `A B x + C x`: no product of matrices is written for one with a vector
        if _only_places(chains[0][:start], chains[0][len(chains[0]) - end :]):
            return None
        middles = [product_of_chain(c[start : len(c) - end], longest[start]) for c in chains]
        number, parts = _shared([(item.coefficient, middle) for item, middle in zip(read, middles, strict=True)])
        middle = self.collect(simplify(parts, self._done))
        chain = Chain(first.chain.scalar, (*chains[0][:start], middle, *chains[0][len(chains[0]) - end :]))
        return scaled(number, join(chain, first.node))

    def _common_entries(self, node: Node) -> Node | None:
        """`A ∘ (B − C)` for `A ∘ B − C ∘ A`: what all terms are multiplied by entry by entry."""
        products = list(map(as_product, terms_of(node)))
        shared = _entrywise(products[0])
        for product in products[1:]:
            shared &= _entrywise(product)
        if not shared or len(products) < 2:
            return None
        rest = [_without(product, shared) for product in products]
        if any(map(_is_pattern, rest)):
            return None
        number, total = ONE, self.collect(add([scale(own, tensor) for own, tensor in rest]))
        if len({own.denominator for own, _ in rest}) == 1:
            number, total = self._total(rest)
        axes = simple(range(node.rank))
        beside = [Factor(tensor, simple(order), conj) for tensor, order, conj in shared.elements()]
        return contract(number, [*beside, Factor(total, axes)], axes, dict(enumerate(node.shape)))

    def _common_vector(self, items: Sequence[_Term]) -> Node | None:
        """`(x + y) zᵀ` for `x zᵀ + y zᵀ`: the vector that all of several outer products end or begin with."""
        outers = [item for item in items if isinstance(item, _Outer)]
        if len(outers) < max(len(items), 2):
            return None
        shared = next((end for end in (1, 0) if len({outer.keys[end] for outer in outers}) == 1), None)
        if shared is None:
            return None
        number, total = self._total([(outer.number, outer.vectors[1 - shared]) for outer in outers])
        vectors = [total, outers[0].vectors[1]] if shared else [outers[0].vectors[0], total]
        return scaled(number, product_of([(vector, (place,)) for place, vector in enumerate(vectors)], (0, 1)))

    def _joined(self, left: _Term, right: _Term) -> _Item | None:
        """Two chains that differ in one matrix: one chain around the sum of the two."""
        if not isinstance(left, _Item) or not isinstance(right, _Item):
            return None
        a, b = left.chain.elements, right.chain.elements
        if not _same_number(left, right):
            return None
        start = _common(a, b)
        end = _common_end(a[start:], b[start:])
        before, behind = a[:start], a[len(a) - end :]
        middles = a[start : len(a) - end], b[start : len(b) - end]
        if _only_places(before, behind) or any(len(middle) != 1 for middle in middles):
            return None
        factors = zip((left, right), middles, strict=True)
        number, middle = self._total([(item.coefficient, product_of_chain(m, m[0])) for item, m in factors])
        chain = Chain(left.chain.scalar, (*before, middle, *behind))
        return _Item(number, chain, scaled(number, join(chain, left.node)))

    def _total(self, multiples: Sequence[tuple[Fraction, Node]]) -> tuple[Fraction, Node]:
        """The number that some multiples of matrices share, and the sum behind it."""
        number, total = _shared(multiples)
        return number, self.collect(total)

    def _with_outers_joined(self, items: list[_Term]) -> list[_Term]:
        """`A x yᵀ + A z yᵀ = A (x + z) yᵀ`: outer products that share a vector, the others together one product."""
        while True:
            before = items
            for shared, end in ((1, 0), (1, -1), (0, 0), (0, -1)):
                for group in self._alike(items, shared, end):
                    items = self._with_group_joined(items, group, shared)
            if items == before:
                return items

    def _alike(self, items: Sequence[_Term], shared: int, end: int) -> list[list[_Outer]]:
        """The outer products that share a vector, the others of which begin, or end, with the same matrix."""
        groups: dict[Hashable, list[_Outer]] = {}
        for outer in items:
            other = self._read(outer.vectors[1 - shared]) if isinstance(outer, _Outer) else None
            if isinstance(outer, _Outer) and isinstance(other, _Item):
                key = outer.keys[shared], other.chain.scalar, other.chain.elements[end]
                groups.setdefault(key, []).append(outer)
        return [group for group in groups.values() if len(group) > 1]

    def _with_group_joined(self, items: list[_Term], group: Sequence[_Outer], shared: int) -> list[_Term]:
        """The terms with a group of outer products as one, in the place of the last, if the sum of vectors is one."""
        total = self.collect(add([scaled(outer.number, outer.vectors[1 - shared]) for outer in group]))
        if isinstance(total, Add):
            return items
        both = (total, group[0].vectors[1]) if shared else (group[0].vectors[0], total)
        joined = _outer(product_of([(vector, (place,)) for place, vector in enumerate(both)], (0, 1)))
        return [joined if item is group[-1] else item for item in items if item is group[-1] or item not in group]


def _with_opposite(node: Node) -> Node:
    """`[x ≤ 1]` for `1 − [x > 1]`."""
    if not isinstance(node, Add) or len(node.terms) != 2:
        return node
    compared = next((t for t in node.terms if any(map(is_indicator, t.children)) and coefficient_of(t) == -1), None)
    if compared is None or ones(node.shape) not in node.terms:
        return node
    found = opposite(scaled(-1, compared))
    return node if found is None else found


def _with_numbers_in_front(node: Node) -> Node:
    """`U (A + 2 B)` for `½ U (2 A + 4 B)`: the number that the terms of a sum within a product share."""
    if not isinstance(node, Contract) or not any(isinstance(f.node, Add) for f in node.factors):
        return node
    numbers, factors = zip(*map(_without_number, node.factors), strict=True)
    if set(numbers) == {1}:
        return node
    return scaled(prod(numbers), with_factors(node, factors))


def _without_number(factor: Factor) -> tuple[Fraction, Factor]:
    numbers = [coefficient_of(term) for term in terms_of(factor.node)] if isinstance(factor.node, Add) else [ONE]
    shared = _common_number(numbers) if len({number.denominator for number in numbers}) == 1 else ONE
    return shared, factor if shared == 1 else Factor(scaled(1 / shared, factor.node), factor.groups, factor.conj)


def _common_number(numbers: Sequence[Fraction]) -> Fraction:
    """The largest number of which all are whole multiples."""
    return Fraction(gcd(*(n.numerator for n in numbers)), lcm(*(n.denominator for n in numbers)))


def _with_scalars_joined(node: Add) -> Node:
    """`2 x + a x = (2 + a) x`: terms that differ in the scalars in front."""
    split = list(map(scalars_of, node.terms))
    rough = [rough_key(rest) for _, rest in split]
    if len(set(rough)) == len(rough):
        return node
    groups: dict[Hashable, list[tuple[Node, Node]]] = {}
    for key, (scalar, rest) in zip(rough, split, strict=True):
        exact = key if rough.count(key) == 1 else value_key(rest)
        groups.setdefault(exact, []).append((scalar, rest))
    if len(groups) == len(node.terms):
        return node
    joined: list[Node] = []
    for group in groups.values():
        number, total = _shared([split_coefficient(scalar) for scalar, _ in group])
        joined.append(scaled(number, multiply(total, group[0][1])))
    return add(joined)


def _with_like_terms_joined(node: Add) -> Node:
    """`U (A + ½ B) + ½ U B = U A + U B`: a product is opened where that makes no more terms."""
    opened = [_opened(term) for term in node.terms]
    products = [place for place, parts in enumerate(opened) if len(parts) > 1]
    kinds = {place: frozenset(map(rough_key, opened[place])) for place in products}
    whole = set(map(rough_key, node.terms)) if products else set[Hashable]()
    for place in products:
        parts = opened[place]
        if whole.isdisjoint(kinds[place]) or set(map(like_key, node.terms)).isdisjoint(map(like_key, parts)):
            continue
        total = add([*node.terms[:place], *parts, *node.terms[place + 1 :]])
        if len(terms_of(total)) <= len(node.terms):
            return _with_like_terms_joined(total) if isinstance(total, Add) else total
    for first, second in combinations(products, 2):
        if len(kinds[first] ^ kinds[second]) > 2:  # what one of them has alone, no term of the other is like
            continue
        total = add([*opened[first], *opened[second]])
        if len(terms_of(total)) <= 2:
            others = [term for place, term in enumerate(node.terms) if place not in (first, second)]
            joined = add([*node.terms[:first], total, *others[first:]])
            return _with_like_terms_joined(joined) if isinstance(joined, Add) else joined
    return node


def _opened(term: Node) -> Sequence[Node]:
    """The terms of a product with one sum in it, numbers aside; else the term."""
    product = as_product(term)
    sums = [place for place, factor in enumerate(product.factors) if isinstance(factor.node, Add)]
    places = [place for place in sums if product.factors[place].node.rank]
    if len(places) != 1 or len(product.factors) == 1:
        return (term,)
    return distributed(product, places[0])


def _node(term: _Term) -> Node:
    return term if isinstance(term, Node) else term.node


def _same_number(left: _Item, right: _Item) -> bool:
    """Whether the same stands in front of two terms, signs aside."""
    return left.chain.scalar == right.chain.scalar and abs(left.coefficient) == abs(right.coefficient)


def _length(node: Node) -> int:
    """How many tensors are written for a sum of products."""
    if isinstance(node, Add):
        return sum(map(_length, node.terms))
    return sum(_length(f.node) for f in node.factors) or 1 if isinstance(node, Contract) else 1


def _read(term: Node, shortest: int = 2) -> _Term:
    coefficient, rest = split_coefficient(term)
    chain = chain_of(rest, with_ones=True)
    if chain is None or len(chain.elements) < shortest:
        return _outer(term)
    numbers, elements = zip(*map(shared_number, chain.elements), strict=True)
    return _Item(coefficient * prod(numbers), Chain(chain.scalar, elements), term)


def _shared(multiples: Sequence[tuple[Fraction, Node]]) -> tuple[Fraction, Node]:
    """The number that some multiples share, and the sum behind it.

    The number is negative if all are, or that of the identity is: `−(I − A A⁺)`. The sum begins with a positive term,
    if there is one: `(I − A) B` for `B − A B`, whichever comes first.
    """
    numbers = [number for number, _ in multiples]
    shared = _common_number(numbers)
    if max(numbers) < 0 or any(number < 0 and _is_identity(matrix) for number, matrix in multiples):
        shared = -shared
    parts = [scaled(number / shared, tensor) for number, tensor in multiples]
    return shared, add(
        sorted(parts, key=lambda part: coefficient_of(part) < 0) if coefficient_of(parts[0]) < 0 else parts
    )


Entrywise = tuple[Node, tuple[int, ...], bool]
"""A tensor that a product is multiplied by entry by entry, the order of its axes, and whether it is conjugated."""


def _entrywise(product: Contract) -> Counter[Entrywise]:
    """What a product is multiplied by entry by entry; masks, which are written around it, left out."""
    return Counter(kind for f in product.factors if (kind := _kind(f, product)) is not None)


def _kind(factor: Factor, product: Contract) -> Entrywise | None:
    if isinstance(factor.node, Mask) or sorted(factor.groups) != sorted(product.output):
        return None
    order = tuple(product.output.index(group) for group in factor.groups)
    return factor.node, tuple(sorted(order)) if is_symmetric(factor.node) else order, factor.conj


def _is_pattern(multiple: tuple[Fraction, Node]) -> bool:
    """Whether a tensor is ones or a mask: `A + tril(A)` reads better than A times ones and twos, entry by entry."""
    return all(isinstance(factor.node, Mask) for factor in as_product(multiple[1]).factors)


def _without(product: Contract, shared: Counter[Entrywise]) -> tuple[Fraction, Node]:
    """The number in front of a product, and what is left of it without some factors."""
    rest = list[Factor]()
    left = Counter(shared)
    for factor in product.factors:
        kind = _kind(factor, product)
        if kind is not None and left[kind]:
            left[kind] -= 1
        else:
            rest.append(factor)
    return product.coefficient, contract(1, rest, product.output, dict(enumerate(product.dims)))


def _is_identity(matrix: Node) -> bool:
    return matrix.rank == 2 and matrix == identity(matrix.shape[0])


def _outer(term: Node) -> _Outer | Node:
    """A term as an outer product x yᵀ; any other as it is."""
    if term.rank != 2:
        return term
    product = as_product(term)
    if any(len(group) != 1 for group in product.output) or product.output[0] == product.output[1]:
        return term
    (row,), (column,) = product.output
    parts = connected(product.factors)
    behind = [part for part in parts if any(column in f.labels for f in part)]
    if len(behind) != 1 or any(row in f.labels for f in behind[0]):
        return term
    before = [f for part in parts if part is not behind[0] for f in part]
    if not any(row in f.labels for f in before):
        return term
    first, second = (
        contract(1, factors, ((end,),), {x: product.dims[x] for f in factors for x in f.labels})
        for factors, end in ((before, row), (behind[0], column))
    )
    return _Outer(product.coefficient, (first, second), (value_key(first), value_key(second)), term)


def _only_places(before: tuple[Node, ...], behind: tuple[Node, ...]) -> bool:
    """Whether what terms share is nothing, or only that it is placed in the same rows or columns of blocks."""
    factors = [factor.node for element in (*before, *behind) for factor in as_product(element).factors]
    return all(isinstance(factor, Selection) for factor in factors)


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
