"""The laws of the tensor algebra: when they hold, and that they fail where they should."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import DimensionMismatchError, ShapeError

A, B, C = gw.matrix("A", "k", "n"), gw.matrix("B", "n", "m"), gw.matrix("C", "m", "p")
S, X, Y = (gw.matrix(name, "n", "n") for name in "SXY")
T = gw.tensor("T", "n", "m", "k")
K = gw.outer(gw.matrix("P", "n", "n"), gw.matrix("Q", "n", "n"))
SIZES = {"n": 3, "m": 4, "k": 5, "p": 6}


def values(*expressions: gw.Expression) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(7)
    found = {}
    for expression in expressions:
        shape = tuple(SIZES[str(dim)] for dim in expression.shape)
        found[expression.variables[0]] = generator.standard_normal(shape)
    return found


def equal(left: gw.Expression, right: gw.Expression) -> str:
    return gw.equal(left, right).status


def test_the_outer_product_has_the_axes_of_both() -> None:
    at = values(A, C)
    assert np.allclose(gw.outer(A, C).evaluate(**at), np.multiply.outer(at["A"], at["C"]))


def test_tensordot_without_axes_is_that_of_numpy() -> None:
    at = values(T)
    M = gw.matrix("M", "m", "k")
    at["M"] = np.random.default_rng(1).standard_normal((4, 5))
    assert np.allclose(gw.tensordot(T, M).evaluate(**at), np.tensordot(at["T"], at["M"], 2))


@pytest.mark.parametrize("axes", [[2, 3], ([2, 3], [1, 2])])
def test_a_product_of_three_is_a_contraction_of_the_outer_two_with_the_middle_one(axes: object) -> None:
    assert equal(gw.tensordot(gw.outer(A, C), B, axes), A @ B @ C) == "proved"


def test_roll_moves_one_axis() -> None:
    at = values(A, C)
    rolled = gw.roll(gw.outer(A, C), 4, 2).evaluate(**at)
    assert np.allclose(rolled, np.einsum("ik,lj->ijkl", at["A"], at["C"]))
    assert gw.roll(gw.roll(T, 3, 1), 1, 3) == T


def test_permute_takes_axis_i_from_where_it_is_told() -> None:
    at = values(T)
    assert np.allclose(gw.permute(T, 3, 1, 2).evaluate(**at), np.transpose(at["T"], (2, 0, 1)))
    assert gw.permute(gw.permute(T, 3, 1, 2), 2, 3, 1) == T


def test_permute_takes_a_sequence_too() -> None:
    assert gw.permute(T, (3, 1, 2)) == gw.permute(T, [3, 1, 2]) == gw.permute(T, 3, 1, 2)
    with pytest.raises(ShapeError, match=r"\[1, 1, 2\] is no order"):
        gw.permute(T, [1, 1, 2])


def test_associativity_holds_when_axes_are_listed_for_where_they_stand() -> None:
    inner_first = gw.tensordot(S, gw.tensordot(K, X, [2, 3]))
    assert equal(inner_first, gw.tensordot(gw.tensordot(S, K, [1, 4]), X)) == "proved"


def test_associativity_fails_without_listed_axes_and_with_wrong_ones() -> None:
    inner_first = gw.tensordot(S, gw.tensordot(K, X, [2, 3]))
    assert equal(inner_first, gw.tensordot(gw.tensordot(S, K), X)) == "refuted"
    assert equal(inner_first, gw.tensordot(gw.tensordot(S, K, [4, 1]), X)) == "refuted"


def test_associativity_fails_where_both_want_the_same_axes() -> None:
    # (S ·^{2,3} K) leaves the axes 1 and 4 of K, which are not those that X is contracted with.
    inner_first = gw.tensordot(S, gw.tensordot(K, X, [2, 3]))
    assert equal(inner_first, gw.tensordot(gw.tensordot(S, K, [2, 3]), X)) == "refuted"


def test_commutativity_holds_if_one_operand_is_contracted_completely() -> None:
    assert equal(gw.tensordot(K, X, [2, 3]), gw.tensordot(X, K, [2, 3])) == "proved"
    assert equal(gw.tensordot(S, X), gw.tensordot(X, S)) == "proved"


def test_commutativity_fails_for_a_product_of_matrices() -> None:
    left, right = gw.tensordot(S, X, ([2], [1])), gw.tensordot(X, S, ([1], [2]))
    assert equal(left, S @ X) == "proved"
    assert equal(left, right) == "refuted"
    assert equal(left, right.T) == "proved"


def test_transpose_invariance_holds_for_a_permutation_that_takes_the_axes_along() -> None:
    left = gw.tensordot(K, X, [1, 4])
    turned = gw.permute(K, 2, 1, 4, 3)
    assert equal(left, gw.tensordot(turned, X, [2, 3])) == "proved"


def test_transpose_invariance_fails_if_the_axes_stay_or_what_is_left_is_exchanged() -> None:
    left = gw.tensordot(K, X, [1, 4])
    assert equal(left, gw.tensordot(gw.permute(K, 2, 1, 4, 3), X, [1, 4])) == "refuted"
    exchanged = gw.permute(K, 1, 3, 2, 4)  # keeps the contracted axes, exchanges those that are left
    assert equal(left, gw.tensordot(exchanged, X, [1, 4])) == "refuted"
    assert equal(left, gw.tensordot(exchanged, X, [1, 4]).T) == "proved"


def test_the_jacobian_of_the_inverse_is_a_rolled_outer_product() -> None:
    inverse = gw.inv(X)
    D = gw.derive(inverse, wrt="X")
    assert equal(D.jacobian, gw.roll(gw.outer(-inverse, inverse), 4, 2)) == "proved"
    assert equal(gw.tensordot(D.jacobian, gw.matrix("dX", "n", "n")), D.differential) == "proved"


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: gw.tensordot(A, C, ([1], [1])), DimensionMismatchError, "k and m are different dimensions"),
        (lambda: gw.tensordot(K, X, [2, 5]), ShapeError, "axis 5 does not exist"),
        (lambda: gw.tensordot(K, X, [2, 2]), ShapeError, "listed twice"),
        (lambda: gw.tensordot(K, X, [1, 2, 3]), ShapeError, "3 axes are listed"),
        (lambda: gw.roll(T, 4, 1), ShapeError, "axis 4 does not exist"),
        (lambda: gw.permute(T, 1, 1, 2), ShapeError, "no order of the axes"),
    ],
)
def test_wrong_axes_are_named(make, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make()
