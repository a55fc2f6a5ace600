"""Emitted modules as text: laid out as the formatter would, with nothing undefined, right for what they accept."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from numerics import ROUNDING
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck
from work import calls

import gradwright as gw
from gradwright.back.code.live import load_source

GENERATOR = torch.Generator().manual_seed(5)
EXPRESSIONS = {
    "ridge": ("norm(X @ w - y)**2 / (2*n) + a * sum(w**2)", {"X": "n m", "w": "m", "y": "n", "a": ""}),
    "marginal": ("logdet(K + s**2 * eye(n)) + y @ inv(K + s**2 * eye(n)) @ y", {"K": "n n spd", "y": "n", "s": ""}),
    "clipped": ("where(x > 0, x**2, sin(x) * y) + maximum(x, y) + max(x * y)", {"x": "n", "y": "n"}),
    "blocks": (
        "sum(concatenate(x, y)**2) * x[0] + block([[A, B], [C, D]])[0, :] @ concatenate(x, y)",
        {"x": "n", "y": "n", "A": "n n", "B": "n n", "C": "n n", "D": "n n"},
    ),
    "spectral": ("svd(A).U @ diag(exp(svd(A).S)) @ svd(A).Vh", {"A": "n m"}),
    "exponential": ("eigh(S).eigenvectors @ diag(exp(eigh(S).eigenvalues)) @ eigh(S).eigenvectors.T",
                    {"S": "n n symmetric"}),
    "powers": ("det(A * B) * trace(A) ** c", {"A": "n n", "B": "n n", "c": ""}),
    "orthogonal_factor": ("polar(A).U", {"A": "n n"}),
    "matrix_exponential": ("matrix_exp(A)", {"A": "n n"}),
    "logarithm": ("logm(S)", {"S": "n n spd"}),
    "matrix": ("X", {"X": "n m"}),
    "attention": ("softmax(Q @ K.T / sqrt(d), axis=1) @ V", {"Q": "n d", "K": "m d", "V": "m d"}),
}  # fmt: skip


def normal(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, dtype=dtype, generator=GENERATOR)


@pytest.mark.slow
def test_modules_and_their_tests_are_laid_out(tmp_path: Path) -> None:
    for name, (text, variables) in EXPRESSIONS.items():
        derivation = gw.derive(gw.parse(text, **variables))
        (tmp_path / f"{name}.py").write_text(derivation.source("torch"), encoding="utf-8")
        (tmp_path / f"test_{name}.py").write_text(derivation.tests("torch", module=name), encoding="utf-8")
    ruff = [sys.executable, "-m", "ruff"]
    options = ["--isolated", "--line-length=120", str(tmp_path)]
    for command in (["format", "--diff"], ["check", "--select=E,F,UP,B"]):
        done = subprocess.run([*ruff, *command, *options], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_an_input_that_cancels_has_a_gradient_of_zeros() -> None:
    function = gw.derive(gw.parse("trace(D @ A @ inv(D))", D="n n", A="n n")).function("torch")
    inputs = [(normal(3, 3) + 3 * torch.eye(3)).requires_grad_() for _ in range(2)]
    first, *_ = torch.autograd.grad(function(*inputs), inputs)
    assert torch.equal(first, torch.zeros(3, 3, dtype=torch.float64))
    assert gradcheck(function, inputs, check_forward_ad=True, check_batched_grad=True, nondet_tol=ROUNDING)
    assert gradgradcheck(function, inputs, check_fwd_over_rev=True, nondet_tol=ROUNDING)


def test_a_new_array_has_the_type_of_an_input_not_of_a_result_to_come() -> None:
    Z = normal(3, 3, dtype=torch.complex128).requires_grad_()
    function = gw.derive(gw.parse("sum(real(Z @ ones(n)))", Z="n n complex")).function("torch")
    assert gradcheck(function, [Z], check_forward_ad=True, nondet_tol=ROUNDING)


@pytest.mark.slow
@pytest.mark.parametrize("text", ["lyapunov(A, B)", "stein(A, B)", "trace(inv(eye(n) + A @ A.T) @ B)"])
def test_an_algorithm_for_real_matrices_refuses_complex_ones(text: str) -> None:
    function = gw.derive(gw.parse(text, A="n n", B="n n")).function("torch")
    A, B = normal(2, 3, 3, dtype=torch.complex128)
    with pytest.raises(TypeError, match=r"has dtype torch.complex128, expected a floating-point one"):
        function(A, B)


@pytest.mark.parametrize(
    "text",
    ["norm(x)**2 + sum(y)", "abs(x)**2 * y", "norm(x - y)**2", "log(exp(x) - exp(y))", "log(1 - tanh(x)**2) * y",
     "(x**(5/2))**(3/2) * y", "(exp(x)**2)**(1/2) * y"],
)  # fmt: skip
def test_what_is_simplified_for_real_numbers_refuses_complex_ones(text: str) -> None:
    function = gw.derive(gw.parse(text, x="n", y="n")).function("torch")
    x, y = normal(2, 3, dtype=torch.complex128)
    with pytest.raises(TypeError, match=r"has dtype torch.complex128, expected a floating-point one"):
        function(x, y)


def test_a_formula_that_means_the_same_takes_complex_matrices() -> None:
    function = gw.derive(gw.parse("trace(inv(A) @ B)", A="n n", B="n n")).function("torch")
    A, B = (2 * torch.eye(3) + normal(3, 3, dtype=torch.complex128) / 2 for _ in range(2))
    assert gradcheck(function, [A.requires_grad_(), B.requires_grad_()], check_forward_ad=True, nondet_tol=ROUNDING)


@pytest.mark.parametrize(
    "text", ["sum(exp(x) * y)", "sum(outer(x - y, y**2))", "sum(solve(outer(x, y) + eye(n), 1 + x))"]
)
def test_the_forward_has_no_conjugates_of_complex_numbers(text: str) -> None:
    x, y = normal(2, 3, dtype=torch.complex128)
    value = gw.parse(text, x="n complex", y="n complex").evaluate(x=x, y=y)
    torch.testing.assert_close(gw.derive(gw.parse(text, x="n", y="n")).function("torch")(x, y), value)


def test_the_tests_bring_the_functions_that_the_definition_calls() -> None:
    text = gw.derive(gw.parse("svd(A).S", A="n m")).tests("torch", module="math")
    plain = load_source(text.replace("from math import svd_S", ""), "plain")["plain"]
    A = normal(4, 3)
    torch.testing.assert_close(plain(A), torch.linalg.svdvals(A))


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("text", "variables", "shape", "words"),
    [
        ("qr(A).R", {"A": "n m"}, (2, 4), "n ≥ m, got n = 2, m = 4"),
        ("polar(A).U", {"A": "n m"}, (2, 4), "n ≥ m, got n = 2, m = 4"),
        ("complement(A)", {"A": "n m"}, (2, 4), "n ≥ m, got n = 2, m = 4"),
        ("qr(A).R", {"A": "4 n"}, (4, 6), "4 ≥ n, got n = 6"),
        ("norm(Q @ Q.T)", {"Q": "n m stiefel"}, (2, 4), "n ≥ m, got n = 2, m = 4"),
        ("norm(Q @ Q.T)", {"Q": "n 3 stiefel"}, (2, 3), "n ≥ 3, got n = 2"),
        ("sum(x[0:5]) * x[2]", {"x": "n"}, (3,), "n ≥ 5, got n = 3"),
    ],
)
def test_sizes_at_which_there_is_no_such_function_are_refused(
    text: str, variables: dict[str, str], shape: tuple[int, ...], words: str
) -> None:
    derivation = gw.derive(gw.parse(text, **variables))
    (name,) = variables
    with pytest.raises(ValueError, match=words):
        derivation.function("torch")(normal(*shape))
    with pytest.raises(gw.EvaluationError):
        derivation.expression.evaluate(**{name: normal(*shape).numpy()})
    with pytest.raises(gw.EvaluationError):
        derivation.expression.compile("numpy")(**{name: normal(*shape).numpy()})


@pytest.mark.parametrize(
    ("text", "variables", "shapes", "words"),
    [
        ("A @ kron(B, C)", {"A": "n*m n*m", "B": "n n", "C": "m m"}, [(6, 5), (2, 2), (3, 3)],
         "A to function is not square, got dimensions (6, 5)"),
        ("A @ kron(B, C)", {"A": "n*m n*m", "B": "n n", "C": "m m"}, [(5, 5), (2, 2), (3, 3)],
         "A to function is not m*n × m*n with m = 3, n = 2, got dimensions (5, 5)"),
        ("sum(x) * sum(y)", {"x": "2*n+1", "y": "n+1"}, [(7,), (5,)],
         "y to function is not n + 1 with n = 3, got dimensions (5,)"),
        ("sum(x) * sum(y)", {"x": "2*n+1", "y": "n+1"}, [(6,), (3,)],
         "x to function is not 2*n + 1 with n = 2, got dimensions (6,)"),
        ("inv(X)", {"X": "3 3"}, [(3, 2)], "X to inv is not square, got dimensions (3, 2)"),
        ("inv(X)", {"X": "3 3"}, [(2, 2)], "X to inv is not 3 × 3, got dimensions (2, 2)"),
    ],
)  # fmt: skip
def test_composed_and_fixed_sizes_are_checked(
    text: str, variables: dict[str, str], shapes: list[tuple[int, ...]], words: str
) -> None:
    with pytest.raises(ValueError) as caught:
        gw.derive(gw.parse(text, **variables)).function("torch")(*(normal(*shape) for shape in shapes))
    assert words in str(caught.value)


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("trace(stein(A / 4, B))", {"A": "n n", "B": "n n"}),
        ("trace(sylvester(A, B, C))", {"A": "n n", "B": "n n", "C": "n n"}),
        ("sylvester(eye(n), A, B)", {"A": "n n", "B": "n n"}),
        ("trace(sqrtm(A) @ lyapunov(B, eye(n)))", {"A": "n n", "B": "n n"}),
    ],
)
def test_a_constant_is_spread_over_the_batch(text: str, variables: dict[str, str]) -> None:
    """SciPy's algorithms take one item of a batch after another, and of every argument."""
    function = gw.derive(gw.parse(text, **variables)).function("torch")
    inputs = tuple((normal(2, 3, 3) / 4 + torch.diag(torch.tensor([2.0, 3, 4]))).requires_grad_() for _ in variables)
    value = function(*inputs)
    cotangent = normal(*value.shape)
    for place in range(2):
        item = tuple(x[place] for x in inputs)
        torch.testing.assert_close(value[place], function(*item))
        wanted = torch.autograd.grad(function(*item), item, cotangent[place])
        found = torch.autograd.grad(value, inputs, cotangent, retain_graph=True)
        again = torch.autograd.grad(value, inputs, cotangent, create_graph=True)
        torch.testing.assert_close(tuple(x[place] for x in found), wanted)
        torch.testing.assert_close(tuple(x[place] for x in again), wanted)


@pytest.mark.filterwarnings("error::UserWarning")
def test_a_rule_for_either_field_keeps_real_matrices_real() -> None:
    function = gw.derive(gw.parse("ldl(A).D", A="n n spd")).function("torch")
    factor = normal(3, 3)
    A = (factor @ factor.T + torch.eye(3)).requires_grad_()
    assert gradgradcheck(function, (A,), nondet_tol=ROUNDING)


@pytest.mark.slow
def test_an_identity_matrix_is_written_as_one() -> None:
    for target, written in (("torch", ".eye(n, "), ("numpy", "add_to_diagonal("), ("jax", ".eye(n, ")):
        text = gw.derive(gw.parse("eigh(S).eigenvectors", S="n n symmetric")).source(target)
        assert written in text and "diag(jnp.ones" not in text and "diag_embed(torch.ones" not in text


@pytest.mark.slow
@pytest.mark.parametrize("target", ["torch", "numpy"])
def test_a_module_imports_at_its_head_and_says_what_its_solvers_solve(target: str) -> None:
    text = gw.derive(gw.parse("trace(sqrtm(A) @ B)", A="n n", B="n n")).source(target)
    assert text.count("import scipy.linalg") == 1 and "\nimport scipy.linalg" in text
    if target == "torch":
        assert '"""The solution X of A X + X B = C."""' in text
        assert "grad_A = sylvester(" in text


@pytest.mark.slow
def test_a_minus_sign_before_a_minus_sign_is_left_out() -> None:
    text = gw.derive(gw.parse("dare(A, B, Q, R)", A="n n", B="n m", Q="n n spd", R="m m spd")).source("numpy")
    assert "-(-" not in text and "--" not in text


def test_a_long_value_is_wrapped_before_its_comment() -> None:
    text = gw.derive(gw.parse("D @ x", D="n n diagonal", x="n")).tests("torch", module="m")
    assert "        ),  # D" in text and max(map(len, text.splitlines())) <= 120


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("concatenate(x, A @ x, ones(1))", {"x": "m", "A": "n m"}),
        ("concatenate(ones(n), 2 * x, s * ones(1))", {"x": "n", "s": ""}),
        ("block([[cos(t), -sin(t)], [sin(t), cos(t)]]) @ x", {"t": "", "x": "2"}),
        ("block([[A, x], [zeros(1, n), eye(1)]])", {"A": "n n", "x": "n 1"}),
    ],
)
def test_parts_that_fill_a_whole_are_joined(text: str, variables: dict[str, str]) -> None:
    """Nothing is padded and added, and constants are spread over the batch."""
    derivation = gw.derive(gw.parse(text, **variables))
    forward = derivation.source("torch").partition("def forward(")[2].partition("def setup_context")[0]
    assert "pad(" not in forward and ("torch.cat(" in forward or "torch.stack(" in forward)
    sizes = {"n": 3, "m": 4}
    function = derivation.function("torch")
    shapes = [tuple(sizes.get(d) or int(d) for d in dims.split()) for dims in variables.values()]
    points = [[normal(1, *shape)[0] for shape in shapes] for _ in range(2)]
    batch = function(*(torch.stack(parts) for parts in zip(*points, strict=True)))
    value = gw.parse(text, **variables)
    for found, point in zip(batch, points, strict=True):
        inputs = {name: x.numpy() for name, x in zip(variables, point, strict=True)}
        torch.testing.assert_close(found, torch.as_tensor(value.evaluate(**inputs)))
    assert gradcheck(function, [x.requires_grad_() for x in points[0]], nondet_tol=ROUNDING)


def test_emitted_tests_choose_sizes_at_which_there_is_a_value() -> None:
    """B diag(w) Bᵀ has an inverse where B has no more rows than columns."""
    quadratic = gw.parse("b @ solve(B @ diag(w) @ B.T, b)", B="n k", w="k positive", b="n")
    sizes = dict(re.findall(r"^([nk]) = (\d+)", gw.derive(quadratic).tests("torch", module="m"), flags=re.MULTILINE))
    assert int(sizes["n"]) < int(sizes["k"])


def test_what_a_module_shares_with_others_and_with_its_function_is_derived_once() -> None:
    one, other = (
        gw.derive(gw.parse(f"trace({name} @ sqrtm(A))", A="n n", **{name: "n n"}), wrt="A") for name in ("B", "C")
    )
    assert str(one) and str(other) and one.source()
    assert calls(one.source) < 60_000
    assert calls(other.source) < 230_000
