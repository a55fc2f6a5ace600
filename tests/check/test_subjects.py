"""What a function under check may do, and what is said of one that does something else."""

import random
import warnings
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import torch

import gradwright as gw
from gradwright.errors import CheckError, GradwrightError


class Inverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, X: torch.Tensor) -> torch.Tensor:
        Y = torch.linalg.inv(X)
        ctx.save_for_backward(Y)
        return Y

    @staticmethod
    def backward(ctx: Any, G: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        (Y,) = ctx.saved_tensors
        return -Y.mT @ G @ Y.mT


class Untransposed(Inverse):
    @staticmethod
    def backward(ctx: Any, G: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        (Y,) = ctx.saved_tensors
        return -Y.mT @ G @ Y


class KeepsAView(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, X: torch.Tensor) -> torch.Tensor:
        Y = torch.linalg.inv(X)
        ctx.inverse = Y.mT
        return Y

    @staticmethod
    def backward(ctx: Any, G: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return -ctx.inverse @ G @ ctx.inverse


def words_of(function: Any, expression: str, **more: Any) -> str:
    report = gw.check(function, expression, **more)
    assert not report.right
    return str(report)


SQUARE = {"variables": {"X": "n n"}}


@pytest.mark.slow
def test_a_right_function_is_right_in_every_respect() -> None:
    report = gw.check(Inverse.apply, "inv(X)")
    assert report.right and not report.labels
    assert all(finding.verdict == "held" for finding in report.findings)
    assert len(report.findings) == 9


@pytest.mark.slow
def test_a_class_may_stand_for_its_apply() -> None:
    assert gw.check(Inverse, "inv(X)").right


def test_the_missing_transpose_of_a_function_is_named_and_marked() -> None:
    report = gw.check(Untransposed.apply, "inv(X)")
    (finding,) = [f for f in report.findings if f.labels]
    assert report.labels == {"missing_transpose"}
    assert finding.words == "the factor on the right is X⁻¹; it should be X⁻ᵀ (a transpose is missing)"
    assert (finding.right_formula, finding.written_formula) == ("−X⁻ᵀ G X⁻ᵀ", "−X⁻ᵀ G X⁻¹")
    assert "«inv(X)»" in finding.code


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backward", "told"),
    [
        (lambda G, X: -torch.linalg.inv(X) @ G @ torch.linalg.inv(X).mH, "inv(X)ᴴ is due: a conjugate transpose"),
        (lambda G, X: -torch.linalg.inv(X).mT @ G @ torch.linalg.inv(X).mH, "a conjugate is missing"),
        (
            lambda G, X: -torch.linalg.inv(X).conj() @ G @ torch.linalg.inv(X).mH,
            "is (X⁻¹)*; it should be X⁻ᴴ (a transpose",
        ),
    ],
)
def test_transposes_and_conjugates_of_complex_matrices_are_told_apart(backward: Any, told: str) -> None:
    report = gw.check((torch.linalg.inv, backward), gw.parse("inv(X)", X="n n complex"))
    assert not report.right
    assert told in str(report)


@pytest.mark.slow
def test_a_view_of_the_output_on_the_context_leaks_and_loses_the_second_derivative() -> None:
    report = gw.check(KeepsAView.apply, "inv(X)")
    assert report.labels == {"second_order_only"}
    assert "kept for ever" in str(report)


def test_functions_that_pytorch_differentiates_are_checked_too() -> None:
    assert gw.check(lambda x: x / x.norm(), "x / norm(x)", variables={"x": "n"}).right


def test_what_pytorch_differentiates_itself_is_compared_in_the_tangent_space() -> None:
    variables = {"S": "n n symmetric", "B": "n m"}
    assert gw.check(lambda S, B: S @ B, "S @ B", variables=variables).right


def test_a_wrapper_of_a_custom_function_is_not_excused() -> None:
    class Product(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, S: torch.Tensor, B: torch.Tensor) -> torch.Tensor:
            ctx.save_for_backward(S, B)
            return S @ B

        @staticmethod
        def backward(ctx: Any, G: torch.Tensor) -> Any:  # type: ignore[override]
            S, B = ctx.saved_tensors
            return G @ B.mT, S.mT @ G

    def wrapper(S: torch.Tensor, B: torch.Tensor) -> torch.Tensor:
        return 1.0 * Product.apply(S, B)

    variables = {"S": "n n symmetric", "B": "n m"}
    assert gw.check(wrapper, "S @ B", variables=variables).labels == {"not_symmetrised"}


def test_several_outputs() -> None:
    assert "returns a tuple of 2: check one output at a time" in words_of(lambda X: (X, X), "inv(X)")


def test_declarations_may_be_a_text() -> None:
    declared = "P: n n symmetric, x: n"
    assert gw.check((None, lambda G, x, P: 2 * G * P @ x), "x @ P @ x", wrt="x", variables=declared).right
    with pytest.raises(gw.DeclarationError, match="declarations are a mapping"):
        gw.check(torch.linalg.inv, "inv(X)", variables=["X: n n"])  # type: ignore[arg-type]


def test_no_output() -> None:
    assert "returns None" in words_of(lambda X: None, "inv(X)")
    assert "the function does not use b" in words_of(lambda a: a * a, "a * b", variables={"a": "n", "b": "n"})


def test_no_gradient() -> None:
    assert "the gradient of X is None" in words_of((None, lambda G, X: None), "2 * X", **SQUARE)


def test_an_input_that_is_changed() -> None:
    assert "changes its input X in place" in words_of(lambda X: X.mul_(2), "2 * X", **SQUARE)
    assert "changes its input X in place" in words_of((None, lambda G, X: X.copy_(2 * G)), "2 * X", **SQUARE)


def test_a_random_function() -> None:
    assert "it is random" in words_of(lambda X: X + torch.rand(()), "2 * X", **SQUARE)
    assert "it is random" in words_of((None, lambda G, X: G * random.random()), "2 * X", **SQUARE)


def test_a_wrong_shape() -> None:
    report = gw.check((None, lambda G, X: torch.sin(G) @ X[1:2].mT), "2 * X", **SQUARE)
    assert "it is 3 × 1, and the variable is 3 × 3" in str(report)
    assert "the shape (3, 1) and not (3, 3) at" in str(report)
    assert "shape" in words_of(lambda X: X[0], "2 * X", **SQUARE)


def test_a_function_of_no_inputs() -> None:
    assert "takes no inputs" in words_of(lambda: torch.ones(3), "2 * X", **SQUARE)


def test_a_function_that_fails_at_generic_points_is_tried_at_narrower_ones() -> None:
    def by_cholesky(X: torch.Tensor) -> torch.Tensor:
        if not torch.equal(X, X.mT):
            raise ValueError("X is not symmetric")
        return torch.cholesky_inverse(torch.linalg.cholesky(X))

    words = words_of(by_cholesky, "inv(X)")
    assert "X is not symmetric" in words and "declare" in words and "'spd'" in words


def test_a_function_of_single_precision() -> None:
    def single(X: torch.Tensor) -> torch.Tensor:
        if X.dtype != torch.float32:
            raise TypeError("expected float32")
        return 2 * X

    report = gw.check(single, "2 * X", **SQUARE)
    assert report.right and "float32 only" in str(report)


def test_a_detached_output() -> None:
    assert "PyTorch sees no dependence" in words_of(lambda X: (2 * X).detach(), "2 * X", **SQUARE)


def _under_no_grad(x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        middle, size = x.mean(), x.norm()
    return (x - middle) / size


@pytest.mark.parametrize(
    ("function", "text", "told"),
    [
        (lambda x: x / x.norm().detach(), "x / norm(x)", "the forward detaches ‖x‖ "),
        (lambda x: x / x.norm().item(), "x / norm(x)", "the forward detaches a quantity that depends on x "),
        (_under_no_grad, "(x - mean(x)) / norm(x)", "the forward detaches mean(x) and ‖x‖ "),
    ],
)
def test_what_a_forward_detaches_is_named(function: Any, text: str, told: str) -> None:
    report = gw.check(function, text, variables={"x": "n"})
    assert report.labels == {"detached_dependency"}
    assert report.findings[-1].words.startswith(told), str(report)


def test_another_forward() -> None:
    words = words_of(lambda A, x: A.mT @ x, "A @ x", variables={"A": "n n", "x": "n"})
    assert "it is not A @ x: Aᵀ stands where A is due" in words


def test_what_is_no_function() -> None:
    with pytest.raises(CheckError, match="a pair"):
        gw.check(3, "inv(X)")
    with pytest.raises(CheckError, match="callables"):
        gw.check((None, None), "inv(X)")


def _numpy_inverse(G: Any, X: Any) -> Any:
    Y = np.linalg.inv(X)
    return -Y.T @ G @ Y.T


def test_a_function_of_arrays_alone_has_no_gradient_to_check() -> None:
    with pytest.raises(CheckError, match=r"inv has no gradient to check.*the pair \(inv, backward\).*backward\(G, X\)"):
        gw.check(np.linalg.inv, "inv(X)")
    with pytest.raises(CheckError, match=r"returns a float, not a tensor.*the pair \(forward, backward\)"):
        gw.check(lambda x: float(x.sum()), "sum(x)", variables={"x": "n"})


def test_a_pair_of_functions_of_arrays_is_checked_but_for_its_second_derivative() -> None:
    report = gw.check((np.linalg.inv, _numpy_inverse), "inv(X)")
    assert report.right, str(report)
    assert "computes in NumPy" in str(report)
    wrong = gw.check((np.linalg.inv, lambda G, X: _numpy_inverse(G, X.copy()).T), "inv(X)")
    assert wrong.labels == {"missing_transpose"}


def test_the_methods_of_arrays_are_those_of_numpy() -> None:
    def backward(G: Any, x: Any) -> Any:
        centred = x - np.mean(x)
        return G * centred / (len(x) * x.std())  # of PyTorch's tensors it would be another deviation

    report = gw.check((None, backward), "sqrt(mean((x - mean(x)) ** 2))", variables={"x": "n"})
    assert report.right, str(report)


def test_an_imaginary_part_that_pytorch_drops_is_no_mistake_anywhere() -> None:
    variables = {"A": "n n complex", "X": "n m"}
    report = gw.check((None, lambda G, A, X: A.mH @ G), "A @ X", wrt="X", variables=variables)
    assert report.right, str(report)


@pytest.mark.slow
def test_a_view_that_needs_contiguous_tensors_is_seen() -> None:
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, X: torch.Tensor) -> torch.Tensor:
            ctx.save_for_backward(X)
            return X * X

        @staticmethod
        def backward(ctx: Any, G: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
            (X,) = ctx.saved_tensors
            return 2 * (G.view(-1) * X.reshape(-1)).reshape(X.shape)

    assert "view size is not compatible" in words_of(Square.apply, "X * X", variables={"X": "n m"})


def test_a_gradient_that_bends_sharply_is_differentiated_again_at_a_short_step() -> None:
    def backward(G: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return 200 * G * torch.cos(200 * x)

    report = gw.check((None, backward), "sin(200 * x)", variables={"x": "n"})
    assert report.right, str(report)


def test_the_declarations_that_are_suggested_are_those_that_check_takes() -> None:
    with pytest.raises(GradwrightError, match=r"declare it, variables=\{'A': 'n'\} or variables=\{'A': 'n m'\}"):
        gw.check(torch.matmul, "A @ B")
    with pytest.raises(CheckError, match=r"for instance variables=\{'X': 'n n'\}"):
        gw.check(torch.linalg.inv)


def test_a_gradient_that_pytorch_sums_down_is_right_and_said_to_be_summed() -> None:
    report = gw.check((None, lambda G, X, b: G * X), "X @ diag(b)", wrt="b", variables={"X": "n m", "b": "m"})
    assert report.right and "right once it is summed down from the shape (4, 3)" in str(report)


def test_what_is_no_variable() -> None:
    with pytest.raises(GradwrightError, match="does not occur"):
        gw.check(torch.linalg.inv, "inv(X)", wrt="Y")
    with pytest.raises(CheckError, match="no variable 'Z'"):
        gw.check(torch.linalg.inv, "inv(X)", Z=torch.eye(3))


def test_without_an_expression_the_forward_is_traced() -> None:
    example = torch.randn(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for report in (gw.check(Untransposed.apply, **SQUARE), gw.check(Untransposed.apply, X=example)):
        assert report.labels == {"missing_transpose"}
        assert "the forward was traced, and computes X⁻¹" in str(report)


def test_the_function_is_still_the_function_after_its_package_is_imported() -> None:
    import gradwright.check.report  # noqa: F401

    assert callable(gw.check) and not hasattr(gw.check, "__path__")


def test_a_backward_outside_of_pytorch_is_diagnosed_by_its_numbers() -> None:
    def backward(G: torch.Tensor, X: torch.Tensor) -> torch.Tensor:
        Y = torch.linalg.inv(X).numpy()
        return torch.from_numpy(Y.T @ G.numpy() @ Y.T)

    assert gw.check((None, backward), "inv(X)").labels == {"wrong_sign"}


def test_a_loss_of_precision_is_told() -> None:
    report = gw.check((None, lambda G, X: (2 * G).float()), "2 * X", **SQUARE)
    assert report.right and "was given float64 and returns float32" in str(report)
    report = gw.check((lambda X: 2 * X, lambda G, X: 2 * G.float().double()), "2 * X", **SQUARE)
    assert report.right and "to the digits of single precision alone" in str(report)


def test_numbers_that_are_none() -> None:
    words = words_of((None, lambda G, X: G / 0), "2 * X", **SQUARE)
    assert "9 of 9 entries are no finite numbers" in words


def test_a_function_of_numpy_alone_is_tried_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert gw.check((None, lambda G, X: G * np.exp(X)), "exp(X)", **SQUARE).right


@pytest.mark.slow
def test_generic_points_of_a_function_that_insists_on_symmetric_arguments() -> None:
    def backward(G: torch.Tensor, A: torch.Tensor, B: torch.Tensor, Q: torch.Tensor, R: torch.Tensor) -> torch.Tensor:
        P = torch.from_numpy(scipy.linalg.solve_continuous_are(A.numpy(), B.numpy(), Q.numpy(), R.numpy()))
        closed, unit = A - B @ torch.linalg.solve(R, B.T @ P), torch.eye(len(A), dtype=A.dtype)
        operator = torch.kron(closed, unit) + torch.kron(unit, closed)
        found = torch.linalg.solve(operator, -G.reshape(-1)).reshape(G.shape)
        return found + found.T

    variables = {"A": "n n", "B": "n m", "Q": "n n spd", "R": "m m spd"}
    assert gw.check((None, backward), "care(A, B, Q, R)", wrt="Q", variables=variables).labels == {"wrong_factor"}


def test_a_mask_that_stands_in_several_products_may_be_wrong_in_all() -> None:
    def backward(G: np.ndarray, A: np.ndarray) -> np.ndarray:
        L = np.linalg.cholesky(A)
        M = np.linalg.inv(L).T @ np.tril(L.T @ G) @ np.linalg.inv(L)
        return (M + M.T) / 2

    assert gw.check((np.linalg.cholesky, backward), "cholesky(A)", variables={"A": "n n spd"}).labels == {
        "wrong_factor"
    }


def test_a_gradient_of_truth_values_is_diagnosed() -> None:
    assert gw.check((None, lambda G, X: X > 0), "sum(relu(X))", **SQUARE).labels == {"missing_chain_factor"}


def test_a_gradient_of_another_shape_with_the_right_entries() -> None:
    words = words_of((None, lambda G, X: (2 * G).reshape(-1)), "2 * X", **SQUARE)
    assert "the right gradient as a vector, row by row" in words


class OverwritesCotangent(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, X: torch.Tensor) -> torch.Tensor:
        return 2 * X

    @staticmethod
    def backward(ctx: Any, G: torch.Tensor) -> torch.Tensor:
        return G.mul_(2)


@pytest.mark.parametrize("function", [(None, lambda G, X: G.mul_(2)), OverwritesCotangent])
def test_the_cotangent_is_not_to_be_changed(function: Any) -> None:
    assert "cotangent in place" in words_of(function, "2 * X", **SQUARE)


def _least_squares(G: torch.Tensor, A: torch.Tensor, b: torch.Tensor, sign: float) -> torch.Tensor:
    P = torch.linalg.pinv(A)
    return -torch.outer(P.mT @ G, P @ b) + sign * torch.outer(b - A @ (P @ b), P @ P.mT @ G)


@pytest.mark.slow
@pytest.mark.parametrize(("sign", "label"), [(1.0, "missing_term"), (-1.0, "wrong_sign")])
def test_a_formula_for_tall_matrices(sign: float, label: str) -> None:
    """It lacks a term for wide ones, which is said; a mistake that is there for tall ones comes first."""
    report = gw.check(
        (None, lambda G, A, b: _least_squares(G, A, b, sign)), "lstsq(A, b)", wrt="A", variables={"A": "n m", "b": "n"}
    )
    assert report.labels == {label}
    assert ("where n = 4, m = 3 it is right" in str(report)) == (sign > 0)


def test_a_formula_that_fails_at_other_sizes_is_told_so() -> None:
    """Aᵀ A is singular for wide matrices: the right gradient at full column rank is none there."""
    variables = {"A": "n m", "b": "n"}

    def backward(G: torch.Tensor, A: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        if A.shape[0] < A.shape[1]:
            raise ValueError("singular")
        return A @ torch.linalg.solve(A.mT @ A, G)

    report = gw.check((None, backward), "lstsq(A, b)", wrt="b", variables=variables)
    assert not report.right and not report.labels
    (sizes, *others) = report.findings
    assert sizes.question == "sizes" and "where n = 4, m = 3 it works: if sizes like these alone" in sizes.words
    assert all(finding.verdict == "held" for finding in others)
    assert gw.check((None, backward), "lstsq(A, b)", wrt="b", variables={"A": "4 3", "b": "4"}).right
    example = {"A": torch.randn(5, 3, dtype=torch.float64), "b": torch.randn(5, dtype=torch.float64)}
    assert gw.check((None, backward), "lstsq(A, b)", wrt="b", variables=variables, **example).right


@pytest.mark.parametrize(
    ("backward", "told"),
    [
        (lambda G, x: (G * torch.exp(x)).clamp(-100, 100), "only where G is large"),
        (lambda G, x: G * torch.exp(x.clamp(max=20)), "only where x is large"),
    ],
)
def test_what_is_clipped_beyond_generic_points_is_wrong(backward: Any, told: str) -> None:
    assert told in words_of((None, backward), "exp(x)", variables={"x": "n"})


def test_what_is_clipped_at_small_inputs_is_wrong() -> None:
    words = words_of((None, lambda G, x: G / x.clamp(min=0.1)), "log(x)", variables={"x": "n positive"})
    assert "only where x is small" in words


def test_what_vanishes_at_large_inputs_is_right_to_rounding_there() -> None:
    def backward(G: torch.Tensor, X: torch.Tensor, W: torch.Tensor) -> torch.Tensor:
        P, D = torch.softmax(X @ W @ X.mT, 1), G @ X.mT
        return X.mT @ (P * (D - (D * P).sum(1, keepdim=True))) @ X

    variables = {"X": "n m", "W": "m m"}
    assert gw.check((None, backward), "softmax(X @ W @ X.T, axis=1) @ X", wrt="W", variables=variables).right


class ChangesWhatItKeeps(Inverse):
    @staticmethod
    def forward(ctx: Any, X: torch.Tensor) -> torch.Tensor:
        ctx.inverse = torch.linalg.inv(X)
        return ctx.inverse.clone()

    @staticmethod
    def backward(ctx: Any, G: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        Y = ctx.inverse.clone()
        ctx.inverse.neg_().mul_(2)
        return -Y.mT @ G @ Y.mT


@pytest.mark.slow
def test_a_second_backward_through_one_graph() -> None:
    assert "a second backward through the same graph gives other gradients" in words_of(ChangesWhatItKeeps, "inv(X)")


class KeepsOnTheClass(torch.autograd.Function):
    kept: torch.Tensor

    @staticmethod
    def forward(ctx: Any, X: torch.Tensor) -> torch.Tensor:
        KeepsOnTheClass.kept = X
        return X**2

    @staticmethod
    def backward(ctx: Any, G: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return 2 * G * KeepsOnTheClass.kept


def test_another_call_before_the_backward() -> None:
    words = words_of(lambda X: KeepsOnTheClass.apply(X), "X ** 2", **SQUARE)  # type: ignore[misc]
    assert "after another call, the backward of the first gives other gradients" in words


def with_rules(sign: float, number: complex) -> Any:
    """The inverse with a `jvp` that is right for the sign −1, and a `vmap` that is for the number 1."""

    class Inverse(torch.autograd.Function):
        @staticmethod
        def forward(X: torch.Tensor) -> torch.Tensor:
            return torch.linalg.inv(X)

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.save_for_backward(output)
            ctx.save_for_forward(output)

        @staticmethod
        def backward(ctx: Any, G: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
            (Y,) = ctx.saved_tensors
            return -Y.mT @ G @ Y.mT

        @staticmethod
        def jvp(ctx: Any, dX: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
            (Y,) = ctx.saved_tensors
            return sign * (Y @ dX @ Y)

        @staticmethod
        def vmap(info: Any, in_dims: Any, X: torch.Tensor) -> Any:
            return number * Inverse.apply(X.movedim(in_dims[0], 0)), 0  # type: ignore[misc]

    return Inverse


def test_what_is_wrong_with_a_rule_for_forward_mode_is_named() -> None:
    class Inverse(with_rules(-1, 1)):
        @staticmethod
        def jvp(ctx: Any, dX: torch.Tensor) -> torch.Tensor:
            (Y,) = ctx.saved_tensors
            return -Y @ dX @ Y.mT

    (found,) = (finding for finding in gw.check(Inverse, "inv(X)").findings if finding.verdict == "wrong")
    assert found.question == "jvp" and found.labels == ("extra_transpose",)
    assert (found.right_formula, found.written_formula) == ("−X⁻¹ dX X⁻¹", "−X⁻¹ dX X⁻ᵀ")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sign", "number", "told"),
    [
        (-1, 1, []),
        (1, 1, ["the derivative by X in forward mode is wrong: the whole derivative has the wrong sign"]),
        (-2, 1, ["the derivative by X in forward mode is wrong: the whole derivative is 2 times what it should"]),
        (np.nan, 1, ["the derivative by X in forward mode is wrong"]),
        (-1, 2, ["torch.vmap of it gives other"]),
        (-1, 1j, ["torch.vmap of it gives the shape"]),
    ],
)
def test_the_rules_for_forward_mode_and_for_batches(sign: float, number: complex, told: list[str]) -> None:
    report = gw.check(with_rules(sign, number), "inv(X)")
    found = [finding.words for finding in report.findings if finding.verdict == "wrong"]
    assert len(found) == len(told) and all(f.startswith(t) for f, t in zip(found, told, strict=True)), str(report)


class NeedsBoth(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, A: torch.Tensor, B: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(A, B)
        return A @ B

    @staticmethod
    def backward(ctx: Any, G: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:  # type: ignore[override]
        A, B = ctx.saved_tensors
        scale = 1 if ctx.needs_input_grad[0] else 2
        return G @ B.mT, scale * A.mT @ G


@pytest.mark.slow
def test_every_input_alone() -> None:
    words = words_of(NeedsBoth, "A @ B", variables={"A": "n m", "B": "m p"})
    assert "where B alone requires a gradient, that of B is silently wrong" in words


def test_sizes_of_one_that_squeeze_takes_away() -> None:
    variables = {"A": "m n", "x": "n"}
    report = gw.check((None, lambda G, A, x: torch.outer(G, x.squeeze())), "A @ x", wrt="A", variables=variables)
    assert report.right and "where n = 1 it fails: the backward raises" in str(report)

    def backward(G: torch.Tensor, A: torch.Tensor) -> torch.Tensor:
        return G[:, None] * (A if A.shape[1] > 1 else torch.ones_like(A))

    words = words_of((None, backward), "sum(A ** 2, axis=1) / 2", variables={"A": "m n"})
    assert "where n = 1 the gradient is silently wrong" in words


def test_what_is_zero_at_the_size_one_is_right_to_rounding_there() -> None:
    def backward(G: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return G / x.norm() - x * (x @ G) / x.norm() ** 3

    report = gw.check((None, backward), "x / norm(x)", variables={"x": "n"})
    assert report.right and "sizes of one" not in str(report)


class _Quotient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, X: torch.Tensor, A: torch.Tensor) -> torch.Tensor:
        Y = torch.linalg.solve(X, A)
        ctx.save_for_backward(X, Y)
        return Y

    @staticmethod
    def backward(ctx: Any, G: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:  # type: ignore[override]
        X, Y = ctx.saved_tensors
        W = torch.linalg.solve(X.mT, G)
        return -W @ Y.mT, W


@pytest.mark.slow
def test_the_inputs_of_a_function_go_by_their_names_whatever_the_order_of_their_declarations() -> None:
    variables = {"A": "n m", "X": "n n"}
    assert gw.check(_Quotient.apply, "inv(X) @ A", variables=variables).right
    assert gw.check(_Quotient, variables=variables).right


def test_a_gradient_that_is_zero_everywhere() -> None:
    """The determinant of an orthogonal matrix is constant along the set of such matrices."""
    for number, right in ((0, True), (1, False)):
        report = gw.check((None, lambda G, Q, k=number: k * G * Q), "det(Q)", variables={"Q": "n n orthogonal"})
        assert report.right == right


def test_zeros_that_take_no_memory_are_zeros() -> None:
    """PyTorch gives the derivative of a sign as such zeros, which NumPy refuses."""
    assert gw.check(torch.abs, "abs(x)", variables={"x": "n"}).right
    signs = (None, lambda G, x, y: G * torch.sgn(x - y))
    assert gw.check(signs, "sum(abs(x - y))", wrt="x", variables={"x": "n", "y": "n"}).right


def test_a_sign_that_pytorch_has_put_off() -> None:
    conjugated = (None, lambda G, x, Z: (G * Z).conj().imag)
    declared = {"x": "n", "Z": "n complex"}
    assert gw.check(conjugated, "-x * imag(Z)", wrt="x", variables=declared).right
    assert gw.check(conjugated, "x * imag(Z)", wrt="x", variables=declared).labels == {"wrong_sign"}


def test_a_sparse_gradient() -> None:
    sparse = (None, lambda G, A, x: (A.mT @ G).to_sparse())
    assert gw.check(sparse, "A @ x", wrt="x", variables={"A": "m n", "x": "n"}).right


class Tanh:
    """A layer that keeps its output."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.y = torch.tanh(x)
        return self.y

    def backward(self, G: torch.Tensor) -> torch.Tensor:
        return G * (1 - self.y**2)

    def wrong(self, G: torch.Tensor) -> torch.Tensor:
        return G * (1 - self.y)


def test_the_methods_of_an_object_that_keeps_what_its_backward_needs() -> None:
    layer = Tanh()
    assert gw.check((layer.forward, layer.backward), "tanh(x)", variables={"x": "n"}).right
    assert gw.check((layer.forward, layer.wrong), "tanh(x)", variables={"x": "n"}).labels == {"wrong_power"}


def test_a_gradient_that_pytorch_has_to_eight_digits_is_right_in_every_call() -> None:
    text = "where(x > 3, 1, where(x > -3, x / 6 + 1/2, 0))"  # PyTorch's sixth is one of single precision
    report = gw.check(torch.nn.functional.hardsigmoid, text, variables={"x": "n"})
    assert [finding.question for finding in report.findings if finding.verdict == "wrong"] == [
        "second derivative, of the gradient of x"  # PyTorch has none
    ]


def test_a_variable_that_is_declared_and_does_not_occur_is_given_to_the_function() -> None:
    report = gw.check(torch.linalg.inv, "inv(X)", variables={"X": "n n", "Y": "n"})
    assert "Y is declared and does not occur in inv(X)" in report.findings[0].words


@pytest.mark.parametrize(
    "backward",
    [
        lambda G, **given: given["A"].mT @ G,
        lambda G, A, **others: A.mT @ G,
        lambda G, *given: given[0].mT @ G,
        lambda G, A, *others, scale=1.0: scale * A.mT @ G,
    ],
)
def test_inputs_are_given_by_any_name_or_in_order(backward: Any) -> None:
    assert gw.check((None, backward), "A @ x", wrt="x", variables={"A": "m n", "x": "n"}).right


def test_a_constant_of_single_precision() -> None:
    """It is told as what it is: no small mistake in the formula explains a difference in the eighth digit."""
    pi = torch.tensor(3.141592653589793)  # which PyTorch rounds to float32
    report = gw.check((None, lambda G, x: G * pi * torch.cos(pi * x)), "sin(pi * x)", variables={"x": "n"})
    assert "single precision alone" in report.findings[0].words and not report.labels
