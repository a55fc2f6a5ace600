"""Functions of torch ↔ texts of the language: what is traced equals what the text says."""

import math

import pytest
import torch
import torch.nn.functional as F

import gradwright as gw
from gradwright.check.tracing import trace_forward

MATRICES = {
    "X": "n n",
    "A": "n m",
    "B": "n m",
    "K": "n n spd",
    "x": "n",
    "y": "n",
    "z": "m",
    "a": "",
    "p": "n positive",
}


def expression(text, names):
    return gw.parse(text, **{name: MATRICES[name] for name in names.split()})


def traced(function, names):
    return trace_forward(function, {}, {name: MATRICES[name] for name in names.split()})


def _on_the_diagonal(x):
    matrix = torch.zeros(len(x), len(x), dtype=x.dtype)
    matrix[range(len(x)), range(len(x))] = x
    return matrix


PROVED = [
    # products
    ("X A", lambda X, A: X @ A, "X @ A"),
    ("X x", lambda X, x: X @ x, "X @ x"),
    ("x X", lambda x, X: x @ X, "x @ X"),
    ("x y", lambda x, y: x @ y, "x @ y"),
    ("x y", torch.dot, "dot(x, y)"),
    ("x z", torch.outer, "outer(x, z)"),
    ("X x y", lambda X, x, y: torch.addmv(y, X, x, beta=2, alpha=3), "2 * y + 3 * X @ x"),
    ("X A B", lambda X, A, B: torch.addmm(B, X, A), "B + X @ A"),
    ("A B", lambda A, B: torch.einsum("ij,ij->", A, B), "sum(A * B)"),
    ("A X", lambda A, X: torch.einsum("ij,ik->jk", A, X), "A.T @ X"),
    ("X A", torch.kron, "kron(X, A)"),
    ("X", lambda X: torch.linalg.multi_dot([X, X, X]), "X @ X @ X"),
    ("X", lambda X: torch.linalg.matrix_power(X, 3), "matrix_power(X, 3)"),
    ("X", lambda X: torch.linalg.matrix_power(X, -2), "matrix_power(X, -2)"),
    ("X A", lambda X, A: F.linear(A.mT, X), "A.T @ X.T"),
    ("X A x", lambda X, A, x: F.linear(A.T, X, x), "A.T @ X.T + outer(ones(m), x)"),
    ("X A", lambda X, A: torch.tensordot(X, A, dims=1), "X @ A"),
    ("X A", lambda X, A: torch.vmap(lambda v: X @ v, in_dims=1, out_dims=1)(A), "X @ A"),
    # sums, means, broadcasting
    ("A", lambda A: A.sum(0), "sum(A, axis=0)"),
    ("A", lambda A: A.mean(-1), "mean(A, axis=1)"),
    ("A", lambda A: A.sum() / A.numel(), "mean(A)"),
    ("A", lambda A: A / A.shape[0], "A / n"),
    ("A", lambda A: A * (1 / A.shape[1]) + 5, "A / m + 5"),
    ("A", lambda A: A / A.shape[1] ** 0.5, "A / sqrt(size(m))"),
    ("A x", lambda A, x: A + x[:, None], "A + outer(x, ones(m))"),
    ("A z", lambda A, z: A * z, "A @ diag(z)"),
    ("A", lambda A: A - A.mean(0, keepdim=True), "A - outer(ones(n), mean(A, axis=0))"),
    ("x", torch.prod, "det(diag(x))"),
    ("A", lambda A: A[:, :2].prod(1), "A[:, 0] * A[:, 1]"),
    ("x", lambda x: x.var(), "sum((x - mean(x)) ** 2) / (n - 1)"),
    ("A", lambda A: A.var(0, unbiased=False), "mean((A - outer(ones(n), mean(A, axis=0))) ** 2, axis=0)"),
    ("A", lambda A: (A - A.mean(0)).T @ (A - A.mean(0)) / (len(A) - 1),
     "(A - outer(ones(n), mean(A, axis=0))).T @ (A - outer(ones(n), mean(A, axis=0))) / (n - 1)"),
    ("A", lambda A: torch.cov(A.T),
     "(A - outer(ones(n), mean(A, axis=0))).T @ (A - outer(ones(n), mean(A, axis=0))) / (n - 1)"),
    ("X A", lambda X, A: ((X @ A - A) ** 2).mean(), "mean((X @ A - A) ** 2)"),
    ("A B", F.mse_loss, "mean((A - B) ** 2)"),
    ("a X", lambda a, X: a * X - 0.5, "a * X - 1/2"),
    ("X", lambda X: 1 / X + 2 / 3, "1 / X + 2/3"),
    # shapes
    ("A", lambda A: A.T.reshape(-1), "vec(A)"),
    ("A", lambda A: A.flatten(), "vec(A.T)"),
    ("A", lambda A: A.reshape(-1).view(A.shape[0], -1), "A"),
    ("A", lambda A: A[0], "A[0, :]"),
    ("A", lambda A: A[:, -1], "A[:, -1]"),
    ("A", lambda A: A[1:], "A[1:, :]"),
    ("x", lambda x: x[:-1] - x[1:], "x[:-1] - x[1:]"),
    ("x z", lambda x, z: torch.cat([x, z]), "concatenate(x, z)"),
    ("A B", lambda A, B: torch.cat([A, B], 1), "block([[A, B]])"),
    ("x y", lambda x, y: torch.stack([x, y], 1)[:, 1], "y"),
    ("x", torch.diag, "diag(x)"),
    ("X", torch.diag, "diagonal(X)"),
    ("X", lambda X: X.diagonal().sum(), "trace(X)"),
    ("X", torch.trace, "trace(X)"),
    ("x", torch.diag_embed, "diag(x)"),
    ("X", torch.tril, "tril(X)"),
    ("X", lambda X: torch.triu(X, 1), "triu(X, 1)"),
    ("X", lambda X: X * torch.ones_like(X).tril(-1), "tril(X, -1)"),
    ("X", lambda X: X.masked_fill(torch.ones_like(X).triu(1).bool(), 0.0), "tril(X)"),
    ("X", lambda X: X.masked_fill(torch.eye(len(X), dtype=torch.bool), 2.0), "tril(X, -1) + triu(X, 1) + 2 * eye(n)"),
    ("X", lambda X: torch.where(torch.ones_like(X).tril().bool(), X, X * X), "tril(X) + triu(X * X, 1)"),
    ("X", lambda X: X + torch.eye(X.shape[0], dtype=X.dtype), "X + eye(n)"),
    ("X", lambda X: X * (torch.arange(len(X))[:, None] >= torch.arange(len(X))), "tril(X)"),
    ("x", lambda x: x.cumsum(0), "cumsum(x)"),
    ("x", lambda x: x.flip(0).cumsum(0).flip(0), "triu(ones(n, n)) @ x"),
    ("x", lambda x: x.flip(0).logcumsumexp(0).flip(0), "log(triu(ones(n, n)) @ exp(x))"),
    ("x", lambda x: x * torch.arange(1, len(x) + 1), "x * cumsum(ones(n))"),
    ("x z", lambda x, z: x.unsqueeze(1) * z.unsqueeze(0), "outer(x, z)"),
    ("x z", lambda x, z: (x[:, None] * z).sum(1, keepdim=True).squeeze(1), "x * sum(z)"),
    ("x", lambda x: x.repeat(2), "concatenate(x, x)"),
    ("A", lambda A: A.expand(2, *A.shape).sum(0), "2 * A"),
    ("A", lambda A: sum(A.unbind(0)[:2]), "A[0, :] + A[1, :]"),
    ("x", lambda x: x[torch.tensor([0, 2])], "concatenate(x[0:1], x[2:3])"),
    ("X", lambda X: X[tuple(torch.triu_indices(len(X), len(X)))], "vech(X.T)"),
    ("X", lambda X: X[tuple(torch.triu_indices(len(X), len(X)).flip(0))], "vech(X)"),
    ("X", lambda X: X.clone().fill_diagonal_(0), "X - diag(diagonal(X))"),
    ("x", lambda x: _on_the_diagonal(x), "diag(x)"),
    ("X x", lambda X, x: X[None].diagonal_scatter(x[None], dim1=1, dim2=2)[0], "X - diag(diagonal(X)) + diag(x)"),
    ("A", lambda A: torch.exp(-torch.cdist(A, A) ** 2),
     'exp(-einsum("ijk->ij", einsum("ik,j->ijk", A, ones(n)) ** 2 + einsum("jk,i->ijk", A, ones(n)) ** 2'
     ' - 2 * einsum("ik,jk->ijk", A, A)))'),
    # linear algebra
    ("X", torch.linalg.inv, "inv(X)"),
    ("X A", torch.linalg.solve, "solve(X, A)"),
    ("X x", torch.linalg.solve, "solve(X, x)"),
    ("X A", lambda X, A: torch.linalg.solve(X, A.T, left=False), "A.T @ inv(X)"),
    ("X A", lambda X, A: torch.linalg.lu_solve(*torch.linalg.lu_factor(X), A), "solve(X, A)"),
    ("X A", lambda X, A: torch.linalg.lu_solve(*torch.linalg.lu_factor(X), A, adjoint=True), "solve(X.T, A)"),
    ("X", torch.linalg.det, "det(X)"),
    ("K", torch.logdet, "logdet(K)"),
    ("K", torch.linalg.cholesky, "cholesky(K)"),
    ("K", lambda K: torch.linalg.cholesky(K, upper=True), "cholesky(K).T"),
    ("K A", lambda K, A: torch.cholesky_solve(A, torch.linalg.cholesky(K)), "cholesky_solve(A, cholesky(K))"),
    ("K", lambda K: torch.cholesky_inverse(torch.linalg.cholesky(K)), "inv(K)"),
    ("X A", lambda X, A: torch.linalg.solve_triangular(X, A, upper=False), "solve(tril(X), A)"),
    ("X A", lambda X, A: torch.linalg.solve_triangular(X, A, upper=True), "solve(triu(X), A)"),
    ("X A", lambda X, A: torch.linalg.solve_triangular(X, A, upper=False, unitriangular=True),
     "solve(tril(X, -1) + eye(n), A)"),
    ("A", lambda A: torch.linalg.pinv(A), "pinv(A)"),
    ("A", lambda A: torch.linalg.norm(A), "norm(A)"),
    ("A", lambda A: A.norm(dim=0), "norm(A, axis=0)"),
    ("A", lambda A: (A**2).sum().sqrt(), "norm(A)"),
    ("x", lambda x: F.normalize(x, dim=0, eps=0), "x / norm(x)"),
    ("A", lambda A: F.scaled_dot_product_attention(A, A, A), "softmax(A @ A.T / sqrt(size(m)), axis=1) @ A"),
    ("K y", lambda K, y: -0.5 * (y @ torch.linalg.solve(K, y) + torch.logdet(K) + len(y) * math.log(2 * math.pi)),
     "-y @ solve(K, y) / 2 - logdet(K) / 2 - n * log(2 * pi) / 2"),
    ("x A", lambda x, A: torch.func.grad(lambda v: ((A.T @ v) ** 2).sum())(x), "2 * A @ A.T @ x"),
    # elementwise
    ("x", torch.exp, "exp(x)"),
    ("p", torch.log, "log(p)"),
    ("p", torch.sqrt, "sqrt(p)"),
    ("p", torch.rsqrt, "1 / sqrt(p)"),
    ("x", lambda x: x**3 - x.square() + x.pow(-1), "x ** 3 - x ** 2 + 1 / x"),
    ("x", torch.sigmoid, "sigmoid(x)"),
    ("x", torch.tanh, "tanh(x)"),
    ("A", lambda A: torch.var_mean(A, 0, correction=0)[0], "mean(A ** 2, axis=0) - mean(A, axis=0) ** 2"),
    ("A", lambda A: torch.var_mean(A, 1)[1], "mean(A, axis=1)"),
    ("x", lambda x: x * torch.sigmoid(x), "x * sigmoid(x)"),
    ("x", F.silu, "x * sigmoid(x)"),
    ("x", F.softplus, "softplus(x)"),
    ("x", lambda x: -F.logsigmoid(-x), "softplus(x)"),
    ("x", lambda x: torch.softmax(x, 0), "softmax(x)"),
    ("A", lambda A: torch.softmax(A, -1), "softmax(A, axis=1)"),
    ("A", lambda A: torch.log_softmax(A, 0), "log_softmax(A, axis=0)"),
    ("A", lambda A: torch.logsumexp(A, 1), "logsumexp(A, axis=1)"),
    ("A", lambda A: torch.logsumexp(A, (0, 1)), "logsumexp(A)"),
    ("x", lambda x: F.layer_norm(x, x.shape, eps=0), "(x - mean(x)) / sqrt(mean((x - mean(x)) ** 2))"),
    ("x y", lambda x, y: torch.addcmul(x, x, y, value=2), "x + 2 * x * y"),
    ("x y", lambda x, y: torch.lerp(x, y, 0.25), "3/4 * x + y / 4"),
    ("x y a", lambda x, y, a: torch.where(torch.zeros_like(x, dtype=torch.bool), x, a * y), "a * y"),
]  # fmt: skip

AGREEING = [
    ("x", torch.abs, "abs(x)"),
    ("x", torch.relu, "relu(x)"),
    ("x", torch.sign, "sign(x)"),
    ("x", torch.erf, "erf(x)"),
    ("x", torch.erfc, "1 - erf(x)"),
    ("x", lambda x: torch.lgamma(x) + torch.special.digamma(x), "lgamma(x) + digamma(x)"),
    ("p", lambda p: torch.polygamma(2, p) + p.polygamma(1), "polygamma(2, p) + polygamma(1, p)"),
    ("x", torch.special.log_ndtr, "log_ndtr(x)"),
    ("x", F.gelu, "x * (1 + erf(x / sqrt(2))) / 2"),
    ("p", lambda p: torch.lgamma(p) * torch.digamma(p), "lgamma(p) * digamma(p)"),
    ("x", torch.sin, "sin(x)"),
    ("x", torch.cos, "cos(x)"),
    ("x", torch.atan, "arctan(x)"),
    ("p", lambda p: torch.asin(p / (1 + p)), "arctan(p / (1 + p) / sqrt(1 - (p / (1 + p)) ** 2))"),
    ("p", lambda p: torch.acos(p / (1 + p)), "pi / 2 - arctan(p / (1 + p) / sqrt(1 - (p / (1 + p)) ** 2))"),
    ("x", lambda x: torch.atanh(torch.tanh(x)), "x"),
    ("p", lambda p: torch.acosh(torch.cosh(p)), "p"),
    ("x y", torch.maximum, "maximum(x, y)"),
    ("x", lambda x: x.clamp(min=0), "relu(x)"),
    ("x", lambda x: x.clamp(-1, 0.5), "minimum(maximum(x, -1), 1/2)"),
    ("x y", lambda x, y: torch.where(x > y, x, 2 * y), "where(x > y, x, 2 * y)"),
    ("x", lambda x: x * (x > 0), "relu(x)"),
    ("x", lambda x: x.masked_fill(x < 0, 0), "relu(x)"),
    ("x", lambda x: F.leaky_relu(x, 0.1), "where(x > 0, x, x / 10)"),
    ("x", lambda x: F.elu(x), "where(x > 0, x, expm1(x))"),
    ("x", lambda x: x.amax(), "max(x)"),
    ("A", lambda A: A.max(1).values, "max(A, axis=1)"),
    ("A", lambda A: A.abs().sum(1).amax(), "max(sum(abs(A), axis=1))"),
    ("A", lambda A: torch.linalg.norm(A, 1), "max(sum(abs(A), axis=0))"),
    ("A", lambda A: torch.linalg.norm(A, "nuc"), "sum(svdvals(A))"),
    ("A", lambda A: torch.linalg.norm(A, 2), "max(svdvals(A))"),
    ("x", lambda x: torch.linalg.norm(x, 1), "sum(abs(x))"),
    ("p", lambda p: torch.linalg.norm(p, 3), "sum(p ** 3) ** (1/3)"),
    ("x y", lambda x, y: F.huber_loss(x, y, reduction="sum"),
     "sum(where(abs(x - y) < 1, (x - y) ** 2 / 2, abs(x - y) - 1/2))"),
    ("X", torch.linalg.matrix_exp, "matrix_exp(X)"),
    ("X", lambda X: torch.linalg.slogdet(X).logabsdet, "slogdet(X).logabsdet"),
    ("K", torch.linalg.eigvalsh, "eigvalsh(K)"),
    ("K", lambda K: torch.linalg.eigh(K).eigenvectors.abs(), "abs(eigh(K).eigenvectors)"),
    ("A", torch.linalg.svdvals, "svdvals(A)"),
    ("A", lambda A: torch.linalg.qr(A).R.abs(), "abs(qr(A).R)"),
    ("X", lambda X: torch.linalg.eigvals(X).sum().real, "real(sum(eig(X).eigenvalues))"),
    ("A B", lambda A, B: torch.linalg.lstsq(A, B).solution, "lstsq(A, B)"),
    ("x y", lambda x, y: F.cosine_similarity(x, y, dim=0), "dot(x, y) / (norm(x) * norm(y))"),
    ("p y", torch.pow, "p ** y"),
    ("x", lambda x: torch.log2(2**x), "x"),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("names", "function", "text"), PROVED)
def test_a_function_is_traced_to_what_the_text_says(names, function, text):
    found = traced(function, names)
    assert found.node is not None, found.text
    if text is not None:
        assert gw.equal(gw.Expression(found.node, found.signature), expression(text, names)).status == "proved", (
            found.text
        )


@pytest.mark.slow
@pytest.mark.parametrize(("names", "function", "text"), AGREEING)
def test_a_function_without_a_value_modulo_a_prime_agrees_at_generic_points(names, function, text):
    found = traced(function, names)
    assert found.node is not None, found.text
    if text is not None:
        equality = gw.equal(gw.Expression(found.node, found.signature), expression(text, names))
        assert equality.status == "proved" or "agree to" in equality.reason, (found.text, equality)
