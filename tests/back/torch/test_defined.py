"""Functions that are defined by their identities, and functions with several outputs, as PyTorch modules."""

from __future__ import annotations

import pytest
import scipy.linalg
import torch
from numerics import ROUNDING
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck

import gradwright as gw
from gradwright.back.code.live import load_source

GENERATOR = torch.Generator().manual_seed(2)


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=GENERATOR)


def square(n: int = 3) -> Tensor:
    return (normal(n, n) / 2 + torch.diag(torch.linspace(1.5, 3, n).double())).requires_grad_()


def right(derivation: gw.Derivation, *inputs: Tensor) -> None:
    function = derivation.function("torch")
    assert gradcheck(function, inputs, check_forward_ad=True, nondet_tol=ROUNDING, fast_mode=True)
    assert gradgradcheck(function, inputs, check_fwd_over_rev=True, nondet_tol=ROUNDING, fast_mode=True)


def test_an_inverse_from_its_identity_alone_is_a_module() -> None:
    inverse = gw.define("left_inverse", "Y @ X = eye(n)", unknown="Y: n n", given="X: n n")
    derivation = gw.derive(inverse(gw.matrix("X", "n", "n")))
    X = square()
    right(derivation, X)
    function = load_source(derivation.source("torch"), "left_inverse")["left_inverse"]
    torch.testing.assert_close(function(torch.stack([X, 2 * X]))[1], torch.linalg.inv(2 * X))


@pytest.mark.slow
def test_factors_from_their_identity_alone() -> None:
    factors = gw.define("factors", "Q @ R = A", unknown={"Q": "n m stiefel", "R": "m m upper"}, given={"A": "n m"})
    found = factors(gw.matrix("A", "n", "m"))
    A = normal(4, 3).requires_grad_()
    right(gw.derive(found.R), A)


COMPLEX = {
    "a number": ("z**2 + b * z + c = 0", "z: complex", {"b": "complex", "c": "complex"},
                 lambda z, b, c: z**2 + b * z + c),
    "definite": ("Y @ Y = A @ A.H", "Y: n n complex spd", {"A": "n n complex"}, lambda Y, A: Y @ Y - A @ A.mH),
    "unitary": ("U.H @ A = A.H @ U", "U: n n unitary complex", {"A": "n n complex"}, lambda U, A: U.mH @ A - A.mH @ U),
    "a phase": (["z = r * u", "u * conj(u) = 1"], "u: complex, r: positive", {"z": "complex"},
                lambda u, z: u[0] * u[1] - z),
    "real inputs": (["real(z) = a", "imag(z) = b"], "z: n complex", {"a": "n", "b": "n"},
                    lambda z, a, b: z - a - 1j * b),
    "a real matrix": ("S @ x + x = b", "x: n complex", {"S": "n n", "b": "n complex"},
                      lambda x, S, b: S.to(b.dtype) @ x + x - b),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", COMPLEX)
def test_complex_unknowns_are_solved_by_newton_s_method_in_a_file(name: str) -> None:
    identity, unknown, given, gap = COMPLEX[name]
    solved = gw.define("solved", identity, unknown=unknown, given=given)
    found = solved(*(gw.parse(key, **{key: text}) for key, text in given.items()))
    derivation = gw.derive({"u": found.u, "r": found.r} if name == "a phase" else found)
    function = load_source(derivation.source("torch"), "solved")["solved"]
    shapes = {key: [3] * len(text.replace("complex", "").split()) for key, text in given.items()}
    types = [torch.complex128 if "complex" in text else torch.float64 for text in given.values()]
    drawn = zip(shapes.values(), types, strict=True)
    inputs = [torch.randn(s, dtype=t, generator=GENERATOR).requires_grad_() for s, t in drawn]
    assert gap(function(*inputs), *inputs).abs().max() < 1e-8
    assert gradcheck(function, inputs)


@pytest.mark.slow
@pytest.mark.parametrize("forward", ["scipy.linalg.sqrtm", scipy.linalg.sqrtm])
def test_a_forward_function_by_name_or_as_an_object(forward: object) -> None:
    root = gw.define("root", "Y @ Y = A", unknown="Y: n n", given="A: n n", forward=forward)
    derivation = gw.derive(root(gw.matrix("A", "n", "n")))
    A = square()
    right(derivation, A)
    if isinstance(forward, str):
        assert "scipy.linalg.sqrtm" in derivation.source("torch")
    else:
        with pytest.raises(gw.GradwrightError, match="dotted name"):
            derivation.source("torch")


@pytest.mark.slow
def test_a_fixed_point() -> None:
    equilibrium = gw.fixed_point("equilibrium", "tanh(W @ y + b)", unknown="y: n", given="W: n n, b: n")
    derivation = gw.derive(equilibrium(gw.matrix("W", "n", "n"), gw.vector("b", "n")))
    W, b = normal(3, 3) / 4, normal(3)
    right(derivation, W.requires_grad_(), b.requires_grad_())


@pytest.mark.slow
def test_the_exponential_of_an_unknown() -> None:
    product_log = gw.define("product_log", "Y @ matrix_exp(Y) = A", unknown="Y: n n", given="A: n n")
    derivation = gw.derive(product_log(gw.matrix("A", "n", "n")))
    right(derivation, square())
    assert "def exponential(" in derivation.source("torch") and "def exponential(" in derivation.source("jax")


def test_a_number_from_its_equation_alone() -> None:
    kepler = gw.define("kepler", "E - e * sin(E) = M", unknown="E: ", given="e: , M: ")
    derivation = gw.derive(kepler(gw.scalar("e"), gw.scalar("M")))
    e, M = torch.tensor(0.3).double().requires_grad_(), torch.tensor([1.2, 0.4]).double().requires_grad_()
    right(derivation, e, M[0])
    E = derivation.function("torch")(e, M)
    torch.testing.assert_close(E - e * torch.sin(E), M)


@pytest.mark.slow
def test_several_outputs_have_names_and_a_missing_cotangent_is_zero() -> None:
    A = gw.matrix("A", "n", "m")
    function = gw.derive({"Q": gw.qr(A).Q, "R": gw.qr(A).R}).function("torch")
    X = normal(4, 3).requires_grad_()
    found = function(X)
    torch.testing.assert_close(found.Q @ found.R, X)
    (slope,) = torch.autograd.grad(found.R.sum(), X)
    (alone,) = torch.autograd.grad(gw.derive(gw.qr(A).R).function("torch")(X).sum(), X)
    torch.testing.assert_close(slope, alone)


def test_gradients_lie_in_the_declared_set() -> None:
    S = gw.matrix("S", "n", "n", facts="symmetric")
    A = gw.matrix("A", "n", "n")
    function = gw.derive(gw.trace(A @ S @ S)).function("torch")
    inputs = {"A": square(), "S": (square() + square().T).detach().requires_grad_()}
    (slope,) = torch.autograd.grad(function(**inputs), inputs["S"])
    torch.testing.assert_close(slope, slope.T)


@pytest.mark.sampled
@pytest.mark.parametrize("names", [("torch", "Tensor"), ("ctx", "inputs"), ("self", "info"), ("np", "Y"), ("t", "G_")])
def test_a_variable_may_have_the_name_of_anything_in_the_module(names: tuple[str, str]) -> None:
    matrix, right_side = names
    function = gw.derive(gw.parse(f"inv({matrix}) @ {right_side}", **{matrix: "n n", right_side: "n m"}))
    A, B = square(), normal(3, 2)
    value = function.function("torch")(**{matrix: A, right_side: B})
    torch.testing.assert_close(value, torch.linalg.inv(A) @ B)
    assert torch.autograd.grad(value.sum(), A)[0].shape == A.shape


@pytest.mark.slow
def test_a_number_from_its_identity() -> None:
    kepler = gw.define("kepler", "M = E - e * sin(E)", unknown="E: ", given="M: , e: ")
    derivation = gw.derive(kepler(gw.parse("M", M=""), gw.parse("e", e="")))
    right(derivation, torch.tensor(0.7).double().requires_grad_(), torch.tensor(0.3).double().requires_grad_())


@pytest.mark.slow
def test_newton_steps_with_functions_of_scipy() -> None:
    fitted = gw.optimum("fitted", "sum(log(1 + exp(-t * (X @ w)))) + norm(w)**2", over="w: m", given="X: n m, t: n")
    derivation = gw.derive(fitted(gw.matrix("X", "n", "m"), gw.vector("t", "n")))
    X, t = normal(5, 3), torch.tensor([1.0, -1, 1, 1, -1]).double()
    function = load_source(derivation.source("torch"), "fitted")["fitted"]
    w = function(X, t)
    torch.testing.assert_close(2 * w, X.T @ (t * torch.sigmoid(-t * (X @ w))))


@pytest.mark.slow
def test_newton_steps_with_a_function_that_another_one_makes() -> None:
    """The derivative of the logarithm is its divided difference, which is made from the logarithm."""
    given = {"A": "n n spd", "B": "n n spd"}
    gw.define("log_mean", "logm(Y) = (logm(A) + logm(B)) / 2", unknown="Y: n n spd", given=given)
    derivation = gw.derive(gw.parse("log_mean(A, B)", **given))
    A, B = (square().detach() for _ in range(2))
    A, B = A @ A.mT, B @ B.mT
    wanted = gw.parse("matrix_exp((logm(A) + logm(B)) / 2)", **given).evaluate(A=A.numpy(), B=B.numpy())
    found = load_source(derivation.source("torch"), "log_mean")["log_mean"](A, B)
    torch.testing.assert_close(found, torch.tensor(wanted))


@pytest.mark.slow
@pytest.mark.parametrize("target", ["torch", "numpy", "jax"])
def test_a_starting_point_with_a_name_is_part_of_the_file(target: str) -> None:
    import jax

    cube = gw.define("cube_of", "Y @ Y @ Y = A", unknown="Y: n n", given="A: n n", start="numpy.copy")
    derivation = gw.derive(cube(gw.matrix("A", "n", "n")))
    scope = load_source(derivation.source(target), "from_a_name")
    A = square()
    with jax.enable_x64(True):
        function = scope["cube_of" if target == "torch" else "value"]
        Y = torch.as_tensor(function(A) if target == "torch" else function(A.detach().numpy()).copy())
    assert torch.allclose(Y @ Y @ Y, A)
    if target == "torch":
        right(derivation, A)


@pytest.mark.slow
def test_several_unknowns_start_from_a_name() -> None:
    factors = gw.define(
        "factors_of", "Q @ R = A", unknown="Q: n n orthogonal, R: n n upper", given="A: n n", start="scipy.linalg.qr"
    )
    text = gw.derive(factors(gw.matrix("A", "n", "n")).R).source("torch")
    assert text.count("import numpy as np") == 1
    A = square()
    R = load_source(text, "from_qr")["factors_of_R"](A)
    assert torch.allclose(R.mT @ R, A.mT @ A)


def test_what_of_newton_no_file_can_contain_is_refused() -> None:
    cube = gw.define("cube_in", "Y @ Y @ Y = A", unknown="Y: n n", given="A: n n", start=lambda A: A)
    with pytest.raises(gw.EmissionError, match=r'from a starting point that is a Python object.* function."torch". in'):
        gw.derive(cube(gw.matrix("A", "n", "n"))).source("torch")
