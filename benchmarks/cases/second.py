"""Hessians, and the Jacobian of the inverse."""

from __future__ import annotations

from typing import Any

from benchmarks.case import Arrays, Case, Goal
from benchmarks.cases.first import _softplus, signs

GROUP = "Hessians and Jacobians"
HESSIAN = Goal(autodiff=1 / 8, jax=1 / 1.5)


def logistic(X: Any, y: Any, w: Any, a: Any) -> Any:
    import torch

    p = torch.sigmoid((X @ w).mul_(y))
    weights = (1 - p).mul_(p).mul_(y).mul_(y)
    H = X.T @ (weights[:, None] * X)
    H.diagonal().add_(a)
    return H


def log_sum_exp(x: Any) -> Any:
    import torch

    s = torch.softmax(x, dim=0)
    H = torch.outer(-s, s)
    H.diagonal().add_(s)
    return H


def factorisation(U: Any, V: Any, X: Any) -> Any:
    """2 I ⊗ VᵀV: written into zeros along the diagonal."""
    n, k = U.shape
    H = U.new_zeros(n, k, n, k)
    H.diagonal(dim1=0, dim2=2).copy_((2 * (V.T @ V))[:, :, None].expand(k, k, n))
    return H


def quadratic(A: Any, x: Any) -> Any:
    return A + A.T


def log_determinant(X: Any) -> Any:
    """H[i, j, k, l] = −Y[j, k] Y[l, i]."""
    import torch

    Y = torch.linalg.inv(X)
    return (-Y)[None, :, :, None] * Y.T[:, None, None, :]


def inverse_jacobian(X: Any) -> Any:
    """J[i, j, k, l] = −Y[i, k] Y[l, j]."""
    import torch

    Y = torch.linalg.inv(X)
    return (-Y)[:, None, :, None] * Y.T[None, :, None, :]


def hyperparameters(t: Any, D: Any, y: Any) -> Any:
    """With Kᵢ = ∂K/∂tᵢ: Hᵢⱼ = ½ tr(K⁻¹ Kᵢⱼ) − ½ tr(K⁻¹ Kᵢ K⁻¹ Kⱼ) − ½ αᵀ Kᵢⱼ α + αᵀ Kᵢ K⁻¹ Kⱼ α.

    The noise is a multiple of the identity, so that only two products of matrices are needed.
    """
    import torch

    s, b, c = t.exp()
    E = torch.exp(-b * D).mul_(s)
    K = E.clone()
    K.diagonal().add_(c)
    L = torch.linalg.cholesky(K)
    Y = torch.cholesky_inverse(L)
    alpha = Y @ y
    B = (D * E).mul_(-b)
    BB = (D * B).mul_(-b).add_(B)
    YE, YB = Y @ E, Y @ B
    products = torch.stack([YE, YB, c * Y])
    first = torch.stack([E @ alpha, B @ alpha, c * alpha])
    traces = torch.einsum("aij,bji->ab", products, products)
    outer = Y / 2 - torch.outer(alpha, alpha) / 2
    second = torch.zeros_like(traces)
    second[0, 0], second[1, 1], second[2, 2] = (outer * E).sum(), (outer * BB).sum(), c * outer.diagonal().sum()
    second[0, 1] = second[1, 0] = (outer * B).sum()
    return second - traces / 2 + first @ Y @ first.T


def process_value(t: Any, D: Any, y: Any) -> Any:
    import torch

    K = torch.exp(t[0]) * torch.exp(-torch.exp(t[1]) * D) + torch.exp(t[2]) * torch.eye(len(y), dtype=y.dtype)
    L = torch.linalg.cholesky(K)
    return y @ torch.cholesky_solve(y[:, None], L)[:, 0] / 2 + L.diagonal().log().sum()


def process_jax(t: Any, D: Any, y: Any) -> Any:
    import jax.numpy as jnp
    import jax.scipy.linalg as linalg

    K = jnp.exp(t[0]) * jnp.exp(-jnp.exp(t[1]) * D) + jnp.exp(t[2]) * jnp.eye(len(y))
    factor = linalg.cho_factor(K, lower=True)
    return y @ linalg.cho_solve(factor, y) / 2 + jnp.sum(jnp.log(jnp.diag(factor[0])))


def distances(arrays: Arrays) -> Arrays:
    """Squared distances of points on a line, and moderate hyperparameters."""
    import numpy as np

    points = np.sort(arrays["y"])
    return {**arrays, "D": (points[:, None] - points[None, :]) ** 2, "t": np.array([0.2, -0.3, -1.0])}


def _torch(formula: Any) -> Any:
    def value(**inputs: Any) -> Any:
        import torch

        return formula(torch, **inputs)

    return value


def _jax(formula: Any) -> Any:
    def value(**inputs: Any) -> Any:
        import jax.numpy as jnp

        return formula(jnp, **inputs)

    return value


def _both(formula: Any) -> dict[str, Any]:
    return {"plain": _torch(formula), "plain_jax": _jax(formula)}


def _logistic(lib: Any, X: Any, y: Any, w: Any, a: Any) -> Any:
    return _softplus(lib, -y * (X @ w)).sum() + a / 2 * (w @ w)


def _log_sum_exp(lib: Any, x: Any) -> Any:
    if lib.__name__ == "torch":
        return lib.logsumexp(x, dim=0)
    import jax

    return jax.nn.logsumexp(x)


LOGISTIC = {
    "group": GROUP, "text": "sum(softplus(-y * (X @ w))) + a/2 * dot(w, w)",
    "declarations": {"X": "m n", "y": "m", "w": "n", "a": ""}, "wrt": "w", "kind": "hessian", "hand": logistic,
    "prepare": signs, "goal": HESSIAN,
}  # fmt: skip

CASES = (
    Case(name="logistic loss, 1000 × 100", sizes={"m": 1000, "n": 100}, **LOGISTIC, **_both(_logistic)),
    Case(name="logistic loss, 1000 × 300", sizes={"m": 1000, "n": 300}, **LOGISTIC, **_both(_logistic)),
    Case(
        name="log-sum-exp, n = 500", group=GROUP, text="logsumexp(x)", declarations={"x": "n"}, wrt="x",
        kind="hessian", sizes={"n": 500}, hand=log_sum_exp, goal=HESSIAN, **_both(_log_sum_exp),
    ),
    Case(
        name="matrix factorisation in U, 100 × 80, rank 8", group=GROUP, text="sum((X - U @ V.T)**2)",
        declarations={"U": "n k", "V": "m k", "X": "n m"}, wrt="U", kind="hessian",
        sizes={"n": 100, "m": 80, "k": 8}, hand=factorisation, goal=HESSIAN,
        **_both(lambda lib, U, V, X: ((X - U @ V.T) ** 2).sum()),
    ),
    Case(
        name="trace(A x xᵀ), n = 512", group=GROUP, text="trace(A @ outer(x, x))",
        declarations={"A": "n n", "x": "n"}, wrt="x", kind="hessian", sizes={"n": 512}, hand=quadratic, goal=HESSIAN,
        **_both(lambda lib, A, x: lib.trace(A @ lib.outer(x, x))),
    ),
    Case(
        name="log-determinant, n = 40", group=GROUP, text="logdet(X)", declarations={"X": "n n invertible"}, wrt="X",
        kind="hessian", sizes={"n": 40}, hand=log_determinant, goal=HESSIAN,
        **_both(lambda lib, X: lib.linalg.slogdet(X)[1]),
    ),
    Case(
        name="Gaussian process in 3 hyperparameters, n = 200", group=GROUP,
        text="y @ cholesky_solve(y, cholesky(exp(t[0]) * exp(-exp(t[1]) * D) + exp(t[2]) * eye(n)))/2 "
        "+ sum(log(diagonal(cholesky(exp(t[0]) * exp(-exp(t[1]) * D) + exp(t[2]) * eye(n)))))",
        declarations={"t": "3", "D": "n n symmetric", "y": "n"}, wrt="t", kind="hessian", sizes={"n": 200},
        hand=hyperparameters, plain=process_value, plain_jax=process_jax, prepare=distances, goal=HESSIAN,
    ),
    Case(
        name="Jacobian of the inverse, n = 60", group=GROUP, text="inv(X)", declarations={"X": "n n"}, wrt="X",
        kind="jacobian", sizes={"n": 60}, hand=inverse_jacobian, goal=Goal(autodiff=1 / 4, jax=None),
        **_both(lambda lib, X: lib.linalg.inv(X)),
    ),
)  # fmt: skip
