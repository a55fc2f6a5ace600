"""First derivatives that people write by hand: losses, likelihoods, filters, layers."""

from __future__ import annotations

from typing import Any

from benchmarks.case import Arrays, Case, Goal

GROUP = "First derivatives"
SHARED = Goal(autodiff=0.5, jax=0.5)


def least_squares(X: Any, w: Any, y: Any) -> Any:
    return X.T @ (X @ w).sub_(y).mul_(2)


def logistic(X: Any, y: Any, w: Any, a: Any) -> Any:
    import torch

    s = torch.sigmoid((X @ w).mul_(-y)).mul_(-y)
    return torch.addmv(w, X.T, s, beta=float(a))


def gaussian_process(K: Any, y: Any) -> Any:
    """½(K⁻¹ − α αᵀ) with α = K⁻¹ y, all from one Cholesky factor."""
    import torch

    L = torch.linalg.cholesky(K)
    alpha = torch.cholesky_solve(y[:, None], L)
    return torch.addmm(torch.cholesky_inverse(L), alpha, alpha.T, beta=0.5, alpha=-0.5)


def gaussian_process_value(K: Any, y: Any) -> Any:
    import torch

    L = torch.linalg.cholesky(K)
    alpha = torch.cholesky_solve(y[:, None], L)[:, 0]
    return y @ alpha / 2 + L.diagonal().log().sum()


def gaussian_process_jax(K: Any, y: Any) -> Any:
    import jax.numpy as jnp
    import jax.scipy.linalg as linalg

    factor = linalg.cho_factor(K, lower=True)
    return y @ linalg.cho_solve(factor, y) / 2 + jnp.sum(jnp.log(jnp.diag(factor[0])))


def covariance(S: Any, Z: Any) -> Any:
    """½(m S⁻¹ − S⁻¹ Zᵀ Z S⁻¹) from one Cholesky factor; Zᵀ Z is small."""
    import torch

    inverse = torch.cholesky_inverse(torch.linalg.cholesky(S))
    return torch.addmm(inverse, inverse @ (Z.T @ Z), inverse, beta=len(Z) / 2, alpha=-0.5)


def covariance_value(S: Any, Z: Any) -> Any:
    import torch

    L = torch.linalg.cholesky(S)
    white = torch.linalg.solve_triangular(L, Z.T, upper=False)
    return len(Z) * L.diagonal().log().sum() + (white * white).sum() / 2


def covariance_jax(S: Any, Z: Any) -> Any:
    import jax.numpy as jnp
    import jax.scipy.linalg as linalg

    L = jnp.linalg.cholesky(S)
    white = linalg.solve_triangular(L, Z.T, lower=True)
    return len(Z) * jnp.sum(jnp.log(jnp.diag(L))) + jnp.sum(white * white) / 2


def quadratic_form(A: Any, x: Any, y: Any) -> Any:
    """−A⁻ᵀ x yᵀ A⁻ᵀ: two solves with one LU, and an outer product."""
    import torch

    LU, pivots, _ = torch.linalg.lu_factor_ex(A)
    left = torch.linalg.lu_solve(LU, pivots, x[:, None], adjoint=True)
    right = torch.linalg.lu_solve(LU, pivots, y[:, None])
    return left.neg_() @ right.T


def kalman(P: Any, H: Any, R: Any, G: Any) -> Any:
    """The covariance update P − P Hᵀ S⁻¹ H P, S = H P Hᵀ + R: with M = I − Hᵀ S⁻¹ H P, sym(M G Mᵀ)."""
    import torch

    HP = H @ P
    L = torch.linalg.cholesky(torch.addmm(R, HP, H.T))
    gain = torch.cholesky_solve(HP, L)
    middle = torch.addmm(G, G @ gain.T, H, alpha=-1)
    full = torch.addmm(middle, H.T, gain @ middle, alpha=-1)
    return (full + full.T).mul_(0.5)


def kalman_value(P: Any, H: Any, R: Any) -> Any:
    import torch

    HP = H @ P
    return P - HP.T @ torch.linalg.solve(HP @ H.T + R, HP)


def kalman_jax(P: Any, H: Any, R: Any) -> Any:
    import jax.numpy as jnp

    HP = H @ P
    return P - HP.T @ jnp.linalg.solve(HP @ H.T + R, HP)


def attention(Q: Any, K: Any, V: Any, G: Any) -> Any:
    import torch

    scale = Q.shape[-1] ** -0.5
    weights = torch.softmax((Q @ K.T).mul_(scale), dim=-1)
    slope = torch._softmax_backward_data(G @ V.T, weights, -1, weights.dtype)
    return (slope @ K).mul_(scale)


def layer_norm(X: Any, G: Any) -> Any:
    import torch

    variance, mean = torch.var_mean(X, dim=-1, correction=0, keepdim=True)
    rstd = (variance + 1e-5).rsqrt_()
    white = (X - mean).mul_(rstd)
    along = (G * white).mean(-1, keepdim=True)
    return (G - G.mean(-1, keepdim=True)).sub_(white.mul_(along)).mul_(rstd)


def layer_norm_kernel(X: Any, G: Any) -> Any:
    import torch

    shape = X.shape[-1:]
    _, mean, rstd = torch.native_layer_norm(X, shape, None, None, 1e-5)
    return torch.ops.aten.native_layer_norm_backward(G, X, shape, mean, rstd, None, None, [True, False, False])[0]


def _plain(name: str) -> Any:
    """The same formula in PyTorch and in JAX, where it reads the same."""

    def torch_value(**inputs: Any) -> Any:
        import torch

        return FORMULAS[name](torch, **inputs)

    def jax_value(**inputs: Any) -> Any:
        import jax.numpy as jnp

        return FORMULAS[name](jnp, **inputs)

    return {"plain": torch_value, "plain_jax": jax_value}


def _softplus(library: Any, z: Any) -> Any:
    if library.__name__ == "torch":
        return library.nn.functional.softplus(z)
    return library.logaddexp(z, 0.0)


def _softmax(library: Any, z: Any) -> Any:
    if library.__name__ == "torch":
        return library.softmax(z, dim=-1)
    import jax

    return jax.nn.softmax(z, axis=-1)


def _norm(library: Any, X: Any) -> Any:
    if library.__name__ == "torch":
        return library.nn.functional.layer_norm(X, X.shape[-1:])
    centred = X - X.mean(-1, keepdims=True)
    return centred / library.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)


FORMULAS: dict[str, Any] = {
    "least squares": lambda lib, X, w, y: ((X @ w - y) ** 2).sum(),
    "logistic": lambda lib, X, y, w, a: _softplus(lib, -y * (X @ w)).sum() + a / 2 * (w @ w),
    "quadratic form": lambda lib, A, x, y: x @ lib.linalg.solve(A, y),
    "attention": lambda lib, Q, K, V: _softmax(lib, Q @ K.T / Q.shape[-1] ** 0.5) @ V,
    "layer norm": lambda lib, X: _norm(lib, X),
}


def signs(arrays: Arrays) -> Arrays:
    """Labels of ±1, and a weight of the penalty."""
    import numpy as np

    return {**arrays, "y": np.sign(arrays["y"]), "a": np.asarray(0.1)}


CASES = (
    Case(
        name="least squares, 2000 × 200", group=GROUP, text="norm(X @ w - y)**2",
        declarations={"X": "m n", "w": "n", "y": "m"}, wrt="w", kind="gradient", sizes={"m": 2000, "n": 200},
        hand=least_squares, **_plain("least squares"),
    ),
    Case(
        name="logistic loss, 2000 × 200", group=GROUP, text="sum(softplus(-y * (X @ w))) + a/2 * dot(w, w)",
        declarations={"X": "m n", "y": "m", "w": "n", "a": ""}, wrt="w", kind="gradient", sizes={"m": 2000, "n": 200},
        hand=logistic, prepare=signs, **_plain("logistic"),
    ),
    Case(
        name="Gaussian process likelihood in K, n = 300", group=GROUP, text="dot(y, solve(K, y))/2 + logdet(K)/2",
        declarations={"K": "n n spd", "y": "n"}, wrt="K", kind="gradient", sizes={"n": 300}, hand=gaussian_process,
        plain=gaussian_process_value, plain_jax=gaussian_process_jax, goal=SHARED,
    ),
    Case(
        name="Gaussian likelihood in the covariance, n = 100, m = 1000", group=GROUP,
        text="m/2 * logdet(S) + trace(Z @ inv(S) @ Z.T)/2", declarations={"S": "n n spd", "Z": "m n"}, wrt="S",
        kind="gradient", sizes={"n": 100, "m": 1000}, hand=covariance, plain=covariance_value,
        plain_jax=covariance_jax, goal=SHARED,
    ),
    Case(
        name="quadratic form xᵀ A⁻¹ y in A, n = 300", group=GROUP, text="x @ inv(A) @ y",
        declarations={"A": "n n", "x": "n", "y": "n"}, wrt="A", kind="gradient", sizes={"n": 300},
        hand=quadratic_form, **_plain("quadratic form"), goal=Goal(autodiff=0.95),
    ),
    Case(
        name="Kalman covariance update in P, n = 100, m = 40", group=GROUP,
        text="P - P @ H.T @ inv(H @ P @ H.T + R) @ H @ P",
        declarations={"P": "n n spd", "H": "m n", "R": "m m spd"}, wrt="P", kind="vjp", sizes={"n": 100, "m": 40},
        hand=kalman, plain=kalman_value, plain_jax=kalman_jax,
    ),
    Case(
        name="attention in Q, 256 × 64", group=GROUP, text="softmax(Q @ K.T / sqrt(d), axis=1) @ V",
        declarations={"Q": "n d", "K": "m d", "V": "m d"}, wrt="Q", kind="vjp", sizes={"n": 256, "m": 256, "d": 64},
        hand=attention, **_plain("attention"),
    ),
    Case(
        name="layer norm, 512 × 256", group=GROUP,
        text="(X - outer(mean(X, axis=1), ones(n))) * "
        "outer((mean((X - outer(mean(X, axis=1), ones(n)))**2, axis=1) + 0.00001)**(-1/2), ones(n))",
        declarations={"X": "b n"}, wrt="X", kind="vjp", sizes={"b": 512, "n": 256}, hand=layer_norm,
        others={"torch's kernel": layer_norm_kernel}, **_plain("layer norm"),
    ),
)  # fmt: skip
