"""Mistakes in the gradient as a whole: its sign, a number, its transpose, the projection at the end."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from gradwright.check.diagnosis.mutants.mutant import Mutant
from gradwright.check.truth import Truth
from gradwright.core.build import adjoint, masked, number, ones, product_of, size, transpose
from gradwright.core.contraction import conjugate, zero
from gradwright.core.dims import Dim
from gradwright.core.language import divide
from gradwright.core.nodes import Mask, Node, Symbol, field_of
from gradwright.core.sums import add, negate, scaled
from gradwright.core.walks import substitute
from gradwright.diff.derivatives import vjps
from gradwright.errors import GradwrightError
from gradwright.linear.projection import is_structured

FACTORS = tuple(map(Fraction, ("1/2", "2", "1/4", "4", "3", "1/3")))


def whole(truth: Truth, name: str) -> Iterator[Mutant]:
    """The right gradient, changed as a whole."""
    right = truth.gradients[name]
    yield Mutant(zero(right.shape), "missing_term", "the gradient is zero", 1.5)
    unweighted = substitute(right, {truth.cotangent: ones(truth.cotangent.shape)})
    words = f"the cotangent {truth.cotangent.name} is not multiplied in, as if it were 1"
    yield Mutant(unweighted, "missing_chain_factor", words, 1.0)
    yield Mutant(negate(right), "wrong_sign", "the whole gradient has the wrong sign", 1.0)
    for factor in FACTORS:
        cost = 1.0 + 0.02 * (factor.numerator**2 + factor.denominator)
        words = f"the whole gradient is {factor} times what it should be"
        yield Mutant(scaled(factor, right), "wrong_factor", words, cost)
    yield from _sized(truth, right)
    if not right.real:
        yield Mutant(conjugate(right), "missing_conj", "the whole gradient has to be conjugated", 1.2)
    if right.is_square:
        yield Mutant(transpose(right), "missing_transpose", "the whole gradient has to be transposed", 1.5)
        yield from _structured(truth, name, right)


def _sized(truth: Truth, right: Node) -> Iterator[Mutant]:
    labels = list(range(right.rank))
    for dim in truth.signature.dims:
        length = size(Dim.of(dim))
        for factor, words in ((length, dim), (divide(number(1), length), f"1/{dim}")):
            node = product_of([(factor, ()), (right, labels)], labels)
            yield Mutant(node, "wrong_factor", f"the whole gradient is {words} times what it should be", 1.3)


def _structured(truth: Truth, name: str, right: Node) -> Iterator[Mutant]:
    facts = truth.signature.symbol(name).facts
    if "symmetric" in facts:
        outside = masked(right, 1, 0, 1)
        words = "the off-diagonal entries are twice too large"
        yield Mutant(add([right, outside]), "doubled_off_diagonal", words, 0.9)
        diagonal = Mask(Fraction(1), Fraction(2), Fraction(1), right.shape)
        doubled = product_of([(diagonal, (0, 1)), (right, (0, 1))], (0, 1))
        yield Mutant(doubled, "wrong_factor", "the diagonal is twice too large", 1.3)
    free = _free(truth, name) if is_structured(facts) else None
    if free is None:
        return
    if {"diagonal", "lower", "upper"} & facts:
        yield Mutant(free, "missing_mask", "entries outside the declared pattern are not zero", 0.9)
    elif {"unitary", "stiefel"} & facts:
        yield Mutant(free, "missing_projection", "the component normal to the set is not removed", 0.9)
    else:
        is_skew = "skew" in facts
        kind = "skew-symmetric" if is_skew else "symmetric" if truth.signature.symbol(name).real else "Hermitian"
        mirrored = scaled(-1 if is_skew else 1, adjoint(free))
        yield Mutant(free, "not_symmetrised", f"{name} is {kind}, and the gradient is not", 0.9)
        yield Mutant(add([free, mirrored]), "wrong_factor", f"the {kind} part has to be halved", 1.1)


def _free(truth: Truth, name: str) -> Node | None:
    """The gradient that ignores what is declared of the variable."""
    variable = truth.signature.symbol(name)
    kept = field_of(variable)
    free = Symbol(f"__{name}", variable.shape, kept)
    try:
        found = vjps((substitute(truth.simple, {variable: free}),), (free,), (truth.cotangent,))[free]
    except GradwrightError:
        return None
    return substitute(found, {free: variable})
