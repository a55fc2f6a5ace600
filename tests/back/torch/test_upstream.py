"""Derivatives that PyTorch gets wrong, or does not have, by the number of the report.

The truth is reverse over reverse, which gradgradcheck confirms by differences.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from numerics import ROUNDING
from torch import Tensor
from torch.func import jacfwd, jacrev

import gradwright as gw

GENERATOR = torch.Generator().manual_seed(5)


@pytest.fixture(autouse=True)
def _same_numbers() -> None:
    """Every test has its own numbers, whichever ran before it."""
    GENERATOR.manual_seed(5)


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=GENERATOR)


def square(n: int = 4) -> Tensor:
    return normal(n, n) / 2 + torch.diag(torch.linspace(1.5, 3, n, dtype=torch.float64))


def emitted(text: str, **declared: str) -> Callable[..., Tensor]:
    return gw.derive(gw.parse(text, **declared)).function("torch")


def weighed(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def total(*inputs: Tensor) -> Tensor:
        value = function(*inputs)
        return (value * torch.cos(torch.arange(value.numel()).double()).reshape(value.shape)).sum()

    return total


@pytest.mark.parametrize(
    ("text", "declared"),
    [("det(X)", {}), ("logdet(X)", {"X": "n n"}), ("slogdet(X).logabsdet", {}), ("solve(X, B)", {"B": "n m"})],
)
def test_nested_forward_mode_198017_192540(text: str, declared: dict[str, str]) -> None:
    function = emitted(text, **{"X": "n n", **declared})
    inputs = (square(), *((normal(4, 3),) if declared.get("B") else ()))
    f = weighed(function)
    wanted = jacrev(jacrev(f))(*inputs)
    for outer, inner in ((jacfwd, jacfwd), (jacrev, jacfwd), (jacfwd, jacrev)):
        torch.testing.assert_close(outer(inner(f))(*inputs), wanted)


def test_forward_mode_of_cholesky_solve_with_a_batched_factor_196694() -> None:
    function = emitted("cholesky_solve(B, L)", B="n m", L="n n lower")
    L = torch.stack([square().tril(), square().tril()])
    B = normal(2, 4, 3).requires_grad_()
    assert torch.autograd.gradcheck(function, (B, L.requires_grad_()), check_forward_ad=True, nondet_tol=ROUNDING)


def test_forward_mode_of_a_custom_function_nests_197867() -> None:
    f = weighed(emitted("inv(X)"))
    X = square()
    torch.testing.assert_close(jacfwd(jacfwd(f))(X), jacrev(jacrev(f))(X))
    torch.testing.assert_close(jacfwd(jacrev(jacfwd(f)))(X), jacrev(jacrev(jacrev(f)))(X))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "declared", "shapes"),
    [
        ("sqrtm(X)", {}, [(3, 3)]),
        ("logm(X)", {}, [(3, 3)]),
        ("signm(X)", {}, [(3, 3)]),
        ("sylvester(A, B, C)", {"A": "n n", "B": "m m", "C": "n m"}, [(3, 3), (2, 2), (3, 2)]),
        ("lyapunov(A, Q)", {"A": "n n", "Q": "n n"}, [(3, 3), (3, 3)]),
        ("stein(A / 9, Q)", {"A": "n n", "Q": "n n"}, [(3, 3), (3, 3)]),
        ("polar(A).U", {"A": "n m"}, [(4, 3)]),
    ],
)
def test_functions_that_are_missing_have_two_derivatives(
    text: str, declared: dict[str, str], shapes: list[tuple[int, int]]
) -> None:
    function = emitted(text, **declared)
    inputs = tuple((square(a) if a == b else normal(a, b)).requires_grad_() for a, b in shapes)
    assert torch.autograd.gradcheck(function, inputs, check_forward_ad=True, nondet_tol=ROUNDING)
    assert torch.autograd.gradgradcheck(function, inputs, check_fwd_over_rev=True, nondet_tol=ROUNDING)


@pytest.mark.slow
@pytest.mark.parametrize("text", ["care(A, B, Q, R)", "dare(A, B, Q, R)"])
def test_riccati_equations(text: str) -> None:
    function = emitted(text, A="n n", B="n m", Q="n n spd", R="m m spd")
    A, B, Q, R = square(3), normal(3, 2), normal(3, 3), normal(2, 2)
    inputs = (A, B, Q @ Q.mT + torch.eye(3), R @ R.mT + torch.eye(2))
    assert torch.autograd.gradcheck(
        function, tuple(x.requires_grad_() for x in inputs), eps=1e-5, check_forward_ad=True, nondet_tol=ROUNDING
    )


@pytest.mark.parametrize("text", ["sum(exp(eigvalsh(S)))", "sum(log(1 + svdvals(S)**2))"])
def test_equal_eigenvalues_and_singular_values(text: str) -> None:
    function = emitted(text, S="n n symmetric" if "eigvalsh" in text else "n n")
    S = 2 * torch.eye(3, dtype=torch.float64)
    inputs = (S.requires_grad_(),)
    assert torch.autograd.gradcheck(function, inputs, check_forward_ad=True, nondet_tol=ROUNDING)
    assert torch.autograd.gradgradcheck(function, inputs, nondet_tol=ROUNDING)


def test_a_function_of_a_matrix_at_equal_eigenvalues() -> None:
    function = emitted("eigh(S).eigenvectors @ diag(exp(eigh(S).eigenvalues)) @ eigh(S).eigenvectors.T",
                       S="n n symmetric")  # fmt: skip
    S = torch.diag(torch.tensor([1.0, 1.0, 2.0]).double()).requires_grad_()
    assert torch.autograd.gradcheck(function, (S,), check_forward_ad=True, nondet_tol=ROUNDING)
    (slope,) = torch.autograd.grad(function(S).sum(), S)
    torch_slope = torch.autograd.functional.jacobian(lambda X: torch.linalg.matrix_exp((X + X.mT) / 2).sum(), S)
    torch.testing.assert_close(slope, torch_slope)


@pytest.mark.slow
@pytest.mark.parametrize("text", ["pinv(X)", "lstsq(X, B)", "lstsq(X, b)", "complement(X)"])
def test_complex_pseudoinverses_keep_their_conjugates_when_compiled_198118_197084(text: str) -> None:
    declared = {"X": "n m complex", "B": "n k complex", "b": "n complex"}
    function = emitted(text, **{name: words for name, words in declared.items() if name in text.split("(")[1]})
    inputs = tuple(torch.complex(x, normal(*x.shape)).requires_grad_() for x in (normal(5, 3), normal(5, 2), normal(5)))
    given = {"pinv": (0,), "lstsq": (0, 1) if "B" in text else (0, 2), "complement": (0,)}[text.partition("(")[0]]
    chosen = tuple(inputs[place] for place in given)
    compiled = torch.compile(function, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(*chosen), function(*chosen))
    wanted, found = (torch.autograd.grad(f(*chosen).abs().cos().sum(), chosen) for f in (function, compiled))
    torch.testing.assert_close(found, wanted)


@pytest.mark.sampled
@pytest.mark.parametrize(
    "text",
    [
        "inv(X)[0]",
        "inv(X)[:, 1]",
        "sin(X)[0, 1]",
        "diagonal(inv(X))",
        "log_softmax(sin(X), axis=0)",
        "sin(X).T",
        "complement(X[:, 0:3])",
        "einsum('ij,ik,il->jkl', sin(X), X, X)",
    ],
)
def test_a_part_of_a_result_or_its_transpose_has_forward_mode(text: str) -> None:
    """PyTorch stops with an assertion of its own where `forward` returns a view."""
    function, X = emitted(text, X="4 4"), square().requires_grad_()
    assert torch.autograd.gradcheck(function, X, check_forward_ad=True, nondet_tol=ROUNDING)
    assert torch.autograd.gradgradcheck(function, X, check_fwd_over_rev=True, nondet_tol=ROUNDING)


@pytest.mark.parametrize("text", ["norm(Z)**2", "imag(inv(Z))", "conj(inv(Z))"])
def test_a_part_or_the_conjugate_of_a_complex_result_has_forward_mode(text: str) -> None:
    function, Z = emitted(text, Z="3 3 complex"), torch.complex(square(3), normal(3, 3)).requires_grad_()
    assert torch.autograd.gradcheck(function, Z, check_forward_ad=True, nondet_tol=ROUNDING)
