"""Mistakes that come together, and mistakes in what a mask compares, are named by what they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import gradwright as gw

Function = Callable[..., Tensor]
SQUARE = {"A": "n n", "X": "n n", "Y": "n n"}
RELU_OF_DIFFERENCE = "relu(X @ Y - X @ Y.T)"


def _softmax_rows(G: Tensor, X: Tensor) -> Tensor:
    P = torch.softmax(X, 1)
    return P * (G - (G * P).sum(1, keepdim=True))


def _neighbours(G: Tensor, X: Tensor) -> Tensor:
    M = torch.zeros_like(X)
    M[1:] += X[:-1]
    M[1:] += X[1:]
    return G * M


def _overwritten(G: Tensor, X: Tensor) -> Tensor:
    Y = torch.exp(X)
    Y.add_(1)
    return G * Y / (1 + Y)


def _logarithm(G: Tensor, X: Tensor) -> Tensor:
    w, V = torch.linalg.eigh(X)
    D = w[:, None] - w[None]
    D.fill_diagonal_(1)
    K = (w.log()[:, None] - w.log()[None]) / D
    K.diagonal().copy_(w)
    return V @ (K * (V.mT @ G @ V)) @ V.mT


def _pinv_without_the_last_term(G: Tensor, X: Tensor) -> Tensor:
    P = torch.linalg.pinv(X)
    return -P.mT @ G @ P.mT + (torch.eye(len(X), dtype=X.dtype) - X @ P) @ G.mT @ P @ P.mT


CASES: dict[str, tuple[Function, Function, str, dict[str, str], set[str]]] = {
    "a sign in what a mask compares": (
        lambda X, Y: torch.relu(X @ Y - X @ Y.mT),
        lambda G, X, Y: (G * (X @ Y + X @ Y.mT > 0)) @ (Y.mT - Y),
        RELU_OF_DIFFERENCE, {"X": "n n", "Y": "n n"}, {"wrong_mask"},
    ),
    "a mask without the bias that is added first": (
        lambda X, b: torch.relu(X + b).sum(1),
        lambda G, X, b: G[:, None] * (X > 0),
        "sum(relu(X + outer(ones(n), b)), axis=1)", {"X": "n m", "b": "m"}, {"wrong_mask"},
    ),
    "a constant that is added to every entry": (
        torch.logdet,
        lambda G, X: G * torch.linalg.inv(X).mT + G * torch.ones_like(X),
        "logdet(X)", {"X": "n n"}, {"extra_term"},
    ),
    "the transpose for the inverse": (
        lambda X, A, y: y @ torch.linalg.inv(X) @ A @ y,
        lambda G, X, A, y: -G * torch.outer((X.mT).mT @ y, X.mT @ (A @ y)),
        "y @ inv(X) @ A @ y", {"X": "n n", "A": "n n", "y": "n"}, {"uses_input_instead_of_output"},
    ),
    "an input for a value at some of its places": (
        lambda X: X / X.norm(),
        lambda G, X: G / X - X * (X @ G) / X**3,
        "X / norm(X)", {"X": "n"}, {"uses_input_instead_of_output"},
    ),
    "an input for a product at some of its places": (
        lambda X, y: torch.log(1 + (X @ y) @ (X @ y)),
        lambda G, X, y: 2 * G * torch.outer(y, y) / (1 + y @ y),
        "log(1 + y @ X.T @ X @ y)", {"X": "n n", "y": "n"}, {"uses_input_instead_of_output"},
    ),
    "a matrix of one of several terms": (
        lambda X: X @ X @ X,
        lambda G, X: G + X.mT @ G @ X.mT + (X @ X).mT @ G,
        "X @ X @ X", {"X": "n n"}, {"missing_chain_factor"},
    ),
    "a matrix times a vector entry by entry": (
        lambda X, A: A @ X,
        lambda G, X, A: A.mT * G,
        "A @ X", {"X": "n", "A": "m n"}, {"elementwise_instead_of_matrix_product"},
    ),
    "two products of entries for two products of matrices": (
        lambda A, X, Y: A @ X @ Y,
        lambda G, A, X, Y: A.mT * G * Y.mT,
        "A @ X @ Y", SQUARE, {"elementwise_instead_of_matrix_product"},
    ),
    "a transpose and a factor": (
        torch.linalg.inv,
        lambda G, X: -3 * torch.linalg.inv(X) @ G @ torch.linalg.inv(X).mT,
        "inv(X)", {"X": "n n"}, {"missing_transpose", "wrong_factor"},
    ),
    "a transpose, a factor and a sign": (
        torch.linalg.inv,
        lambda G, X: 3 * torch.linalg.inv(X) @ G @ torch.linalg.inv(X).mT,
        "inv(X)", {"X": "n n"}, {"missing_transpose", "wrong_factor", "wrong_sign"},
    ),
    "twice one term for the sum of it and its mirror image": (
        lambda X: X.mT @ X,
        lambda G, X: 2 * X @ G,
        "X.T @ X", {"X": "n m"}, {"not_symmetrised"},
    ),
    "the last of several samples, in two terms": (
        lambda X, W: torch.softmax(W @ X, 1),
        lambda G, X, W: torch.outer(W[-1], _softmax_rows(G, W @ X)[-1]),
        "softmax(W @ X, axis=1)", {"X": "n m", "W": "p n"}, {"missing_trace_or_sum_over_batch"},
    ),
    "a term that vanishes for tall matrices": (
        torch.linalg.pinv,
        lambda G, X: _pinv_without_the_last_term(G, X),
        "pinv(X)", {"X": "m n"}, {"missing_term"},
    ),
    "the wrong axis and a sign": (
        lambda X: torch.softmax(X, 1),
        lambda G, X: torch.softmax(X, 1) * (G + (G * torch.softmax(X, 1)).sum(0, keepdim=True)),
        "softmax(X, axis=1)", {"X": "n n"}, {"wrong_axis", "wrong_sign"},
    ),
    "one axis for another in three operations": (
        lambda X: X.cumsum(1),
        lambda G, X: G.flip(0).cumsum(0).flip(0),
        "cumsum(X, axis=1)", {"X": "n m"}, {"wrong_axis"},
    ),
    "two stages at once that are not differentiated": (
        lambda X: torch.sqrt(X.logdet() ** 2 + 1),
        lambda G, X: G * torch.linalg.inv(X),
        "sqrt(logdet(X) ** 2 + 1)", {"X": "n n spd"}, {"missing_chain_factor"},
    ),
    "n - 1 for n in a variance": (
        lambda X: (X - X.mean()) / ((X - X.mean()) ** 2).mean().sqrt(),
        lambda G, X: (G - G.mean()) / X.std(correction=0)
        - (X - X.mean()) * (G @ (X - X.mean())) / X.std(correction=0) ** 3 / (len(X) - 1),
        "(X - mean(X)) / sqrt(mean((X - mean(X)) ** 2))", {"X": "n"}, {"wrong_factor"},
    ),
    "the operands of an outer product": (
        lambda X, A, Y: Y @ X @ A @ Y,
        lambda G, X, A, Y: G * torch.outer(A @ Y, Y),
        "Y @ X @ A @ Y", {"X": "n n", "A": "n n", "Y": "n"}, {"swapped_factors"},
    ),
    "both halves of a symmetric part, not halved": (
        lambda X, A: (X + A).logdet(),
        lambda G, X, A: G * (torch.linalg.inv(X + A) + torch.linalg.inv(X + A).mT),
        "logdet(X + A)", {"X": "n n spd", "A": "n n spd"}, {"wrong_factor"},
    ),
    "a root that is forgotten in a denominator": (
        lambda A, X: (torch.sqrt(1 + (A @ X) ** 2) - 1).sum(),
        lambda G, A, X: G * A.mT @ (A @ X / (1 + (A @ X) ** 2)),
        "sum(sqrt(1 + (A @ X) ** 2) - 1)", {"A": "m n", "X": "n"}, {"wrong_power"},
    ),
    "a vector that is not centred": (
        lambda X, Y: (X - X.mean()) @ (Y - Y.mean()) / len(X),
        lambda G, X, Y: G * Y / len(X),
        "(X - mean(X)) @ (Y - mean(Y)) / n", {"X": "n", "Y": "n"}, {"missing_projection"},
    ),
    "rows that are not normalised": (
        lambda X, Y: torch.logsumexp(X, 1) @ Y,
        lambda G, X, Y: G * torch.exp(X) * Y[:, None],
        "logsumexp(X, axis=1) @ Y", {"X": "n m", "Y": "n"}, {"missing_chain_factor"},
    ),
    "matrices that have changed places, each in one of two terms": (
        lambda A, B, C, D, X: A @ X @ B + C @ X @ D,
        lambda G, A, B, C, D, X: D.mT @ G @ B.mT + C.mT @ G @ A.mT,
        "A @ X @ B + C @ X @ D", {"A": "n n", "B": "n n", "C": "n n", "D": "n n", "X": "n n"}, {"swapped_factors"},
    ),
    "some of the rows": (
        lambda X: (X * X).sum(), lambda G, X: 2 * G * X[:2], "sum(X * X)", {"X": "n m"}, {"wrong_mask"},
    ),
    "a number of entries that is nothing": (
        lambda X: X[0:0].sum() + X.sum(), lambda G, X: -G * torch.ones_like(X),
        "sum(X[0:0, :]) + sum(X)", {"X": "n m"}, {"wrong_sign"},
    ),
    "the argument of a function of torch.special": (
        lambda X: torch.lgamma(X**2), lambda G, X: 2 * G * X * torch.special.digamma(X),
        "lgamma(X**2)", {"X": "n positive"}, {"uses_input_instead_of_output"},
    ),
    "a power of a matrix beside a vector": (
        lambda X, A: A @ A @ A @ X,
        lambda G, X, A: A @ A @ A @ G,
        "matrix_power(A, 3) @ X", {"X": "n", "A": "n n"}, {"missing_transpose"},
    ),
    "a matrix of a Kronecker product": (
        lambda X, A, B: torch.kron(A, B) @ X,
        lambda G, X, A, B: torch.kron(A, B.mT.contiguous()) @ G,
        "kron(A, B) @ X", {"X": "n*m", "A": "n n", "B": "m m"}, {"missing_transpose"},
    ),
    "a range that is added to": (
        lambda X: (X[1:] * X[:-1]).sum(), _neighbours, "X[1:] @ X[:n - 1]", {"X": "n"}, {"wrong_mask"},
    ),
    "a value that is overwritten": (
        lambda X: torch.log1p(torch.exp(X)), _overwritten, "log(1 + exp(X))", {"X": "n"}, {"stale_saved_value"},
    ),
    "a diagonal that is copied in, and a symmetric part": (
        lambda X: X, _logarithm, "logm(X)", {"X": "n n spd"}, {"wrong_power", "not_symmetrised"},
    ),
    "a triangle with the diagonal": (
        lambda X, A: X @ A,
        lambda G, X, A: torch.tril(G @ A.mT),
        "X @ A", {"X": "n n unit_lower", "A": "n m"}, {"wrong_mask"},
    ),
    "a sum that is not spread": (
        lambda X: X.sum(1) ** 2,
        lambda G, X: 2 * G * X.sum(1),
        "sum(X, axis=1) ** 2", {"X": "n m"}, {"missing_chain_factor"},
    ),
    "a number of the wrong sign, and a sum that is a constant": (
        lambda X: X * torch.log(X / X.sum()),
        lambda G, X: G * (torch.log(X / X.sum()) - 1),
        "X * log(X / sum(X))", {"X": "n positive"}, {"missing_term", "wrong_sign"},
    ),
    "the norm of all entries for those of the rows": (
        lambda X: X.norm(dim=1).sum(),
        lambda G, X: G * X / X.norm(),
        "sum(sqrt(sum(X ** 2, axis=1)))", {"X": "n m"}, {"wrong_axis"},
    ),
    "a size that is missing beside a mask": (
        lambda X, A: torch.relu(A @ X).mean(0),
        lambda G, X, A: torch.einsum("bnm,bnk,nk->mk", A, (A @ X > 0).to(G.dtype), G),
        "einsum('bij->ij', relu(einsum('bij,jk->bik', A, X))) / b", {"X": "m k", "A": "b n m"}, {"wrong_factor"},
    ),
    "another factor in a power": (
        lambda X, e: X / (X.norm() + e),
        lambda G, X, e: G / (X.norm() + e) - X * (X @ G) / (X.norm() + e) ** 3,
        "X / (norm(X) + e)", {"X": "n", "e": "positive"}, {"stale_saved_value"},
    ),
    "nothing": (
        torch.linalg.inv, lambda G, X: (X - X) @ G, "inv(X)", {"X": "n n"}, {"missing_term"},
    ),
    "no mistake": (lambda X: X.mT @ X, lambda G, X: X @ (G + G.mT), "X.T @ X", {"X": "n m"}, set()),
}  # fmt: skip


@pytest.mark.sampled
@pytest.mark.parametrize("name", CASES)
def test_the_labels_of_a_backward(name: str) -> None:
    forward, backward, text, variables, labels = CASES[name]
    report = gw.check((forward, backward), text, variables=variables, wrt="X")
    assert report.labels == labels
    assert report.right is not bool(labels)


@pytest.mark.parametrize(
    ("text", "backward", "words"),
    [
        ("sum(X ** 2)", lambda G, X: 3 * G * X, "the number 3 should be 2 "),
        ("sum(X)", lambda G, X: 2 * G * torch.ones_like(X), "the whole gradient is 2 times what it should be "),
        ("X[1:] @ X[:n - 1]", _neighbours, "the range 1: of what is written to should be :-1 "),
        ("sqrt(sum(X ** 2) + 1)", lambda G, X: G * X / X.norm(), "the term 1 of ‖X‖² + 1 is missing "),
    ],
)
def test_the_words_for_a_mistake(text: str, backward: Function, words: str) -> None:
    (finding, *_) = gw.check((None, backward), text, variables={"X": "n"}).findings
    assert finding.words.startswith(words), str(finding)


def test_a_gradient_off_by_a_scalar_is_not_written_like_the_right_one() -> None:
    def backward(G: Tensor, x: Tensor) -> Tensor:
        z = torch.exp(x)
        return z * (G - G @ z / z.sum())

    (finding, *_) = gw.check((None, backward), "exp(x) / sum(exp(x))", variables={"x": "n"}).findings
    assert finding.labels == ("missing_chain_factor",)
    assert finding.written_formula != finding.right_formula


def test_the_defaults_that_a_method_passes_on_are_not_shown() -> None:
    shown = gw.check((None, lambda G, x: -G * x / x.norm()), "norm(x)", variables={"x": "n"}).findings[0].code
    assert "norm(x)" in shown and "p=" not in shown


@pytest.mark.parametrize(
    ("text", "backward", "words"),
    [
        ("sum((X - mean(X)) ** 2) / (n * m - 1)", lambda G, X: 2 * G * (X - X.mean()) / (X.numel() - 1), None),
        ("sum(X ** 2) / (n - 1)", lambda G, X: 2 * G * X / len(X), "n stands where n − 1 is due"),
        ("sum(X ** 2) / m", lambda G, X: 2 * G * X / len(X), "n stands where m is due"),
        (
            "mean(X)",
            lambda G, X: G * torch.ones_like(X) / (2 * X.shape[0] + X.shape[1] ** 3),
            "the whole gradient is 12/35 (where n = 4, m = 3) or 6/35 (where n = 3, m = 4) times",
        ),
    ],
)
def test_a_size_in_the_code(text: str, backward: Function, words: str | None) -> None:
    (finding, *_) = gw.check((None, backward), text, variables={"X": "n m"}).findings
    assert finding.verdict == "held" if words is None else finding.words.startswith(words), str(finding)


@pytest.mark.parametrize(
    ("number", "written"), [(-2.0, "−2 Aᵀ G"), (1 / 9, "Aᵀ G / 9"), (2.0, "2 Aᵀ G"), (-1 / 3, "−⅓ Aᵀ G")]
)
def test_a_gradient_off_by_a_number_is_written_with_that_number(number: float, written: str) -> None:
    report = gw.check((None, lambda G, A, X: number * A.mT @ G), "A @ X", wrt="X", variables={"A": "m n", "X": "n p"})
    (finding,) = report.findings
    assert finding.written_formula == written
    assert "the whole gradient" in finding.words


class _Ridge(torch.autograd.Function):
    """The solution of (Aᵀ A + a I) x = Aᵀ b, with two mistakes in the backward, and a forward that works in place."""

    @staticmethod
    def forward(ctx: Any, A: Tensor, b: Tensor, a: Tensor) -> Tensor:
        ctx.save_for_backward(A, a)
        M = A.mT @ A
        M.diagonal().add_(a)
        return torch.linalg.solve(M, A.mT @ b)

    @staticmethod
    def backward(ctx: Any, G: Tensor) -> tuple[None, Tensor, None]:  # type: ignore[override]
        A, a = ctx.saved_tensors
        return None, A @ torch.linalg.solve(A.mT @ A - a, G), None


@pytest.mark.slow
def test_what_a_forward_does_in_place_hides_no_mistakes_of_the_backward() -> None:
    variables = {"A": "m n", "b": "m", "a": ""}
    report = gw.check(_Ridge, "solve(A.T @ A + a * eye(n), A.T @ b)", wrt="b", variables=variables)
    assert report.labels == {"wrong_sign", "missing_mask"}, str(report)
    assert "solve(A.T @ A - «a», G)" in str(report)


class _Exponential(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, X: Tensor, v: Tensor) -> Tensor:
        E = torch.linalg.matrix_exp(X)
        ctx.save_for_backward(E)
        return E @ v

    @staticmethod
    def backward(ctx: Any, G: Tensor) -> tuple[None, Tensor]:  # type: ignore[override]
        (E,) = ctx.saved_tensors
        return None, E.mT * G


def test_what_pytorch_sums_down_without_a_word_is_recorded() -> None:
    report = gw.check(_Exponential, "matrix_exp(X) @ v", wrt="v", variables={"X": "n n", "v": "n"})
    assert report.labels == {"elementwise_instead_of_matrix_product"}, str(report)


class _Affine(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, shift: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return x * weight + bias + torch.sin(shift)

    @staticmethod
    def backward(ctx: Any, G: Tensor) -> Any:  # type: ignore[override]
        x, weight = ctx.saved_tensors
        return G * weight, G.sum(0), (G * x).sum(0), G.sum(0)


def test_gradients_that_are_exchanged_are_no_missing_factors() -> None:
    report = gw.check(_Affine, variables={"x": "n d", "weight": "d", "bias": "d", "shift": "d"})
    labels = {finding.question: finding.labels for finding in report.findings if finding.labels}
    swapped = ("wrong_argument_gradient_swapped",)
    assert labels.pop("backward of shift") == ("missing_chain_factor",), str(report)
    assert labels == {"backward of weight": swapped, "backward of bias": swapped}, str(report)


def normalised(written: str) -> set[str]:
    """The labels of a backward of a norm along the rows, as it is written."""
    names: dict[str, Any] = {"torch": torch}
    source = f"""
def backward(G, x, w):
    mean = x.mean(-1, keepdim=True)
    std = ((x - mean).square().mean(-1, keepdim=True) + 1).sqrt()
    y, g = (x - mean) / std, G * w
    along = (g * y).mean(-1, keepdim=True)
    return {written}
"""
    exec(source, names)
    variables = {"x": "n d", "w": "d"}
    return gw.check((_normalise, names["backward"]), wrt="x", variables=variables).labels


def _normalise(x: Tensor, w: Tensor) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + 1).sqrt() * w


@pytest.mark.slow
@pytest.mark.parametrize(
    ("written", "label"),
    [
        ("(g - g.mean(-1, keepdim=True) - y * along) / std", None),
        ("(g - g.mean(-1, keepdim=True) - along) / std", "missing_chain_factor"),
        ("(g - g.mean(-1, keepdim=True)) / std + std ** -1.5 * (mean - x) * along", "wrong_power"),
    ],
    ids=["nothing", "a factor that spreads a number of each row", "the power of a variance for that of a deviation"],
)
def test_a_norm_along_the_rows(written: str, label: str | None) -> None:
    assert normalised(written) == ({label} if label else set())


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("text", "variables", "backward", "label"),
    [
        ("inv(X)", {"X": "n n"}, lambda G, X: -X.inverse().mT @ G.mT @ X.inverse().mT, "extra_transpose"),
        ("a * tanh(x)", {"x": "n", "a": ""}, lambda G, x, a: a * G * (1 - torch.tanh(x)), "wrong_power"),
        ("sum(matrix_exp(S) * A)", {"S": "n n symmetric", "A": "n n"}, lambda G, S, A: G * (A + A.mT) / 2,
         "missing_chain_factor"),
        ("logdet(K) + trace(K @ A)", {"K": "n n spd", "A": "n n symmetric"}, lambda G, K, A: G * (K + A),
         "uses_input_instead_of_output"),
        ("softmax(Q @ K.T, axis=1)", {"Q": "n d", "K": "m d"}, lambda G, Q, K: _unweighted(G, Q @ K.mT) @ K,
         "missing_chain_factor"),
    ],
    ids=["a transposed cotangent", "a square", "the tangent part", "the inverse", "a factor at one of its places"],
)  # fmt: skip
def test_the_name_of_a_mistake(text: str, variables: dict[str, str], backward: Any, label: str) -> None:
    report = gw.check((None, backward), text, wrt=next(iter(variables)), variables=variables)
    assert report.labels == {label}, str(report)


def _unweighted(G: Tensor, scores: Tensor) -> Tensor:
    """The pullback of softmax along the rows, without the weights inside of the sum."""
    return torch.softmax(scores, 1) * (G - G.sum(1, keepdim=True))


class _Rectified(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, W: Tensor) -> Tensor:
        h = W @ x
        h.clamp_(min=0)
        ctx.save_for_backward(x, W, h)
        return h

    @staticmethod
    def backward(ctx: Any, G: Tensor) -> Any:  # type: ignore[override]
        _, W, h = ctx.saved_tensors
        g = G.clone()
        g[h <= 0] = 0
        return W.mT @ g, torch.outer(g, h)


@pytest.mark.slow
def test_what_a_repaired_computation_writes_in_place_spoils_no_quantity() -> None:
    report = gw.check(_Rectified, variables={"x": "n", "W": "n n"})
    assert report.labels == {"stale_saved_value"}, str(report)


@pytest.mark.slow
def test_what_is_computed_and_not_used_may_be_written_in_place() -> None:
    def backward(G: Tensor, T: Tensor, B: Tensor) -> Tensor:
        Y = torch.linalg.solve(T, B)
        unused = torch.zeros_like(B)
        unused.add_(torch.linalg.solve(T.mT, G))
        unused = 2 * unused
        return -Y @ Y.mT

    report = gw.check((None, backward), "inv(T) @ B", wrt="T", variables={"T": "n n", "B": "n m"})
    assert not report.right and "no small mistake" in str(report)
