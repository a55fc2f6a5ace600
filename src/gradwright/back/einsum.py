"""Products that have no matrix notation: `einsum("abd,dc->abc", T, X)`; entry by entry `exp(T) ∘ T`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import count
from string import ascii_letters

from gradwright.back.algebra import multiplied, reshaped, transposes, without_scalars
from gradwright.back.formula import Call, Einsum, Formula, Power
from gradwright.back.notation import identity, norm_of, ones
from gradwright.core.contraction import is_simple, simple, subproduct
from gradwright.core.inference import is_real_valued
from gradwright.core.nodes import Contract, Factor, Node, Selection, labels_of
from gradwright.errors import UnsupportedError
from gradwright.frozen import frozen
from gradwright.simplify.powers import connected

Written = Callable[[Factor], tuple[Formula, bool]]
"""A factor's formula, and whether it stands below the line."""


@frozen
class _Operand:
    """Factors of a product as one tensor with some of its labels."""

    labels: tuple[int, ...]
    factors: tuple[Factor, ...]

    @property
    def is_matrix_or_vector(self) -> bool:
        return len(self.labels) <= 2 and len(set(self.labels)) == len(self.labels)

    @property
    def picks_one_entry(self) -> bool:
        nodes = [factor.node for factor in self.factors if factor.labels == self.labels]
        return any(isinstance(node, Selection) and node.part is None for node in nodes)


def einsum_formula(node: Contract, written: Written, formula: Callable[[Node], Formula]) -> Formula:
    """Letters for labels; what has a matrix notation within the product is one operand: `A B` for `"ab,bc"`."""
    independent = _independent(node)
    if len(independent) > 1:
        return multiplied(node.coefficient, tuple(map(formula, independent)), (), node.rank)
    entries = _sum_of_entries(node, written)
    if entries is not None:
        return entries
    output = node.free_labels
    operands = _joined([_Operand(f.labels, (f,)) for f in node.factors], output)
    scalars = list[Formula]()
    if [operand.labels for operand in operands] == [tuple(output)] and len(set(output)) == len(output):
        tensor = _entrywise(operands[0].factors, len(output), written)
    else:
        inputs = list[tuple[tuple[int, ...], Formula]]()
        for operand in operands:
            labels, whole = _written(operand, node, written, formula)
            number, above, under, bare = without_scalars(whole)
            scalars.append(multiplied(number, above, under, 0))
            inputs.append((labels, bare))
        tensor = _einsum(node, output, inputs)
    if not is_simple(node.output):
        tensor = reshaped(tensor, tuple(map(str, node.shape)))
    return multiplied(node.coefficient, (*scalars, tensor), (), node.rank)


def _independent(node: Contract) -> list[Node]:
    """The factors that share no label with the others or the output: numbers, as `sum(x∘³)`; and the rest."""
    output = set(node.free_labels)
    joined, found = set(output), list[Node]()
    for part in connected(node.factors, range(len(node.dims))):
        labels = labels_of(part)
        if labels & output:
            joined |= labels
        else:
            found.append(subproduct(node, part, ()))
    if output:
        rest = [factor for factor in node.factors if joined.intersection(factor.labels)]
        found.append(subproduct(node, rest, node.output))
    return found


def _joined(operands: Sequence[_Operand], output: Sequence[int]) -> list[_Operand]:
    """Products entry by entry, of what has the same labels, and those of matrices over labels that only they have."""
    current = _with_products_of_entries(operands)
    for label in dict.fromkeys(label for operand in current for label in operand.labels):
        around = [operand for operand in current if label in operand.labels]
        ends = tuple(dict.fromkeys(x for operand in around for x in operand.labels if x != label))
        if label not in output and ends and _is_product_of_matrices(around, ends):
            whole = _Operand(ends, tuple(factor for operand in around for factor in operand.factors))
            return _joined([whole if x is around[0] else x for x in current if x not in around[1:]], output)
    return current


def _is_product_of_matrices(around: Sequence[_Operand], ends: Sequence[int]) -> bool:
    """Whether what has a label is a matrix, vector or number in the others; an entry of each is no product."""
    if not all(operand.is_matrix_or_vector for operand in around) or len(ends) > 2:
        return False
    return len(around) == 2 or not any(operand.picks_one_entry for operand in around)


def _with_products_of_entries(operands: Sequence[_Operand]) -> list[_Operand]:
    """Operands with the same labels as one, matrices and their transposes as well."""
    groups: dict[tuple[int, ...], list[_Operand]] = {}
    for operand in operands:
        key = tuple(sorted(operand.labels)) if operand.is_matrix_or_vector else operand.labels
        groups.setdefault(key, []).append(operand)
    return [_Operand(own[0].labels, tuple(f for x in own for f in x.factors)) for own in groups.values()]


def _entrywise(factors: Sequence[Factor], rank: int, written: Written) -> Formula:
    sides: dict[bool, list[Formula]] = {False: [], True: []}
    for factor in factors:
        formula, divides = written(factor)
        sides[divides].append(formula)
    return multiplied(Fraction(1), tuple(sides[False]), tuple(sides[True]), rank)


def _written(
    operand: _Operand, node: Contract, written: Written, formula: Callable[[Node], Formula]
) -> tuple[tuple[int, ...], Formula]:
    """The labels of an operand, in the order that needs fewer transposes, and its formula."""
    labels, factors = operand.labels, operand.factors
    if len(labels) > 2 or [factor.labels for factor in factors] == [labels]:
        return labels, _entrywise(factors, len(labels), written)
    orders = [labels, labels[::-1]] if len(labels) == 2 else [labels]
    found = [(order, formula(subproduct(node, factors, simple(order)))) for order in orders]
    return min(found, key=lambda each: transposes(each[1]))


def _einsum(node: Contract, output: Sequence[int], operands: Sequence[tuple[tuple[int, ...], Formula]]) -> Formula:
    """The operands with their letters; axes that share an index are joined by an identity, new ones are ones."""
    used = dict.fromkeys([*output, *sorted({label for own, _ in operands for label in own})])
    names = {label: _letter(place) for place, label in enumerate(used)}
    inputs = ["".join(names[label] for label in own) for own, _ in operands]
    tensors, result, seen = [formula for _, formula in operands], "", set[int]()
    fresh = map(_letter, count(len(names)))
    carried = {label for own, _ in operands for label in own}
    for label in output:
        letter = names[label]
        if label in seen:
            letter = next(fresh)
            tensors.append(identity(node.dims[label]))
            inputs.append(names[label] + letter)
        elif label not in carried and output.count(label) == 1:
            tensors.append(ones([node.dims[label]]))
            inputs.append(letter)
        seen.add(label)
        result += letter
    return Einsum(len(output), False, f"{','.join(inputs)}->{result}", tuple(tensors))


def _letter(place: int) -> str:
    """The letter of a label: a to z, then A to Z, as many as `einsum` has."""
    if place >= len(ascii_letters):
        raise UnsupportedError(
            f"a tensor product with more than {len(ascii_letters)} indices has no notation; give its factors names"
        )
    return ascii_letters[place]


def _sum_of_entries(node: Contract, written: Written) -> Formula | None:
    """`sum(S ∘ T)` and `‖T‖²` of tensors with the same axes."""
    alike = {factor.labels for factor in node.factors}
    if node.output or len(alike) != 1 or any(len(set(labels)) < len(labels) for labels in alike):
        return None
    (first, divides), *others = map(written, node.factors)
    if others == [(first, divides)] and not divides and is_real_valued(node.factors[0].node):
        total: Formula = Power(0, True, norm_of(first), Fraction(2))
    else:
        total = Call(0, True, "sum", (_entrywise(node.factors, node.factors[0].node.rank, written),))
    return multiplied(node.coefficient, (total,), (), 0)
