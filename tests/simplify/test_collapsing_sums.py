"""Terms of a sum that a probability vector adds up to a number."""

import pytest

import gradwright as gw


@pytest.mark.parametrize(
    ("text", "variables", "wrt", "gradient"),
    [
        ("softmax(r) @ (M - 2 * outer(ones(k), x)) @ y", "M: k n, r: k, x: n, y: n", "y", "Mᵀ softmax(r) − 2 x"),
        ("sum(softmax(X, axis=1) @ (C + outer(ones(k), c)) * Y)", "X: m k, C: k n, c: n, Y: m n", "Y",
         "softmax(X, axis=1) C + 1 cᵀ"),
    ],
)  # fmt: skip
def test_what_is_summed_up_stands_alone(text: str, variables: str, wrt: str, gradient: str) -> None:
    declared = dict(part.split(": ") for part in variables.split(", "))
    D = gw.derive(gw.parse(text, **declared), wrt=wrt)
    assert str(D.gradient) == gradient
    assert D.verify()


def test_the_hessian_of_a_mixture_has_the_covariance_of_its_weights() -> None:
    expression = gw.parse("logsumexp(c - (norm(x)**2 * ones(k) - 2 * M @ x) / 2)", M="k n", c="k", x="n")
    hessian = str(gw.derive(expression, wrt="x").hessian)
    assert hessian.startswith("Mᵀ (diag(r) − r rᵀ) M − I, where r = softmax(")
