"""The sign and the size of determinants of complex matrices."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw

GRADIENTS = [
    ("slogdet(Z).logabsdet", {"Z": "n n complex"}, "Z", "inv(Z).H"),
    ("slogdet(eye(n) + A @ A.H).logabsdet", {"A": "n m complex"}, "A", "2 * inv(eye(n) + A @ A.H) @ A"),
    ("slogdet(X).logabsdet", {"X": "n n"}, "X", "inv(X).T"),
    ("slogdet(X).sign * trace(X)", {"X": "n n"}, "X", "slogdet(X).sign * eye(n)"),
]


@pytest.mark.parametrize(("text", "declarations", "name", "closed"), GRADIENTS)
def test_the_gradient_is_that_of_the_textbook(text: str, declarations: dict[str, str], name: str, closed: str) -> None:
    D = gw.derive(gw.parse(text, **declarations), wrt=name)
    assert gw.equal(D.gradient, gw.parse(closed, **declarations)).status == "proved"
    assert D.verify().right


def test_the_sign_of_a_complex_determinant_turns() -> None:
    D = gw.derive(gw.parse("slogdet(Z).sign", Z="n n complex"), wrt="Z")
    assert D.verify().right
    Z = np.array([[1 + 2j, 0.5], [0.3j, 2 - 1j]])
    assert D.expression.evaluate(Z=Z) == pytest.approx(np.linalg.slogdet(Z)[0])


def test_a_module_has_second_derivatives_of_the_logarithm_inside_an_expression() -> None:
    torch = pytest.importorskip("torch")
    function = gw.derive(gw.parse("slogdet(X).logabsdet * trace(X)", X="n n")).function("torch")
    assert torch.autograd.gradgradcheck(function, torch.tensor(np.vander([1.2, -0.7, 2.1]), requires_grad=True))


@pytest.mark.slow
def test_the_adjugate_of_a_skew_matrix_of_odd_size_has_no_derivative_by_way_of_its_inverse() -> None:
    """The gradient is zero at even sizes; at odd ones, where there is no inverse, it is not, and was zero, too."""
    torch = pytest.importorskip("torch")
    D = gw.derive(gw.parse("trace(adjugate(W))", W="n n skew"), wrt="W")
    odd, even = (np.subtract(A, A.T) for A in map(np.triu, (np.ones((3, 3)), np.ones((4, 4)))))
    assert D.verify().right
    assert D.expression.evaluate(W=odd) == pytest.approx(3)
    for gradient in (D.gradient.evaluate, D.gradient.compile()):
        assert not np.any(gradient(W=even))
        with pytest.raises(gw.ConditionError, match="skew matrix, which has none at the odd size n = 3"):
            gradient(W=odd)
    assert float(D.function("torch")(torch.tensor(even))) == pytest.approx(0)
    assert D.function("numpy")(odd) == pytest.approx(3)
    for function in (D.function("numpy").gradient, lambda W: D.function("torch")(torch.tensor(W))):
        with pytest.raises(ValueError, match="need an even n: a skew matrix of odd size has no inverse, got n = 3"):
            function(odd)
