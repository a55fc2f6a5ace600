"""The Moore–Penrose inverse, defined by Penrose's four equations.

Where the rank is constant its differential is the formula of Golub & Pereyra, which the tests hold against the
equations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradwright.core.primitive import KnownRule, Modular, Notation, Primitive, Sample
from gradwright.core.registry import register_primitive

if TYPE_CHECKING:
    from gradwright.core.modular import ModularArithmetic


def has_clear_rank(inputs: tuple[np.ndarray, ...], outputs: tuple[np.ndarray, ...]) -> bool:
    """Whether no singular value is hardly more, or hardly less, than a rounding error."""
    values = np.linalg.svd(inputs[0], compute_uv=False)
    relative = values / np.max(values, axis=-1, keepdims=True, initial=1e-300)
    rounding = np.finfo(inputs[0].dtype).eps
    return not bool(np.any((relative > 4 * rounding) & (relative < 1e3 * rounding)))


def by_singular_values(name: str, parameters: str, summary: str, result: str) -> str:
    """A function for PyTorch that forms a result from `U diag(S) Vᴴ = A`, with S infinite where it is rounding error.

    Not by `torch.linalg.pinv`: of a complex matrix that is wrong under `torch.compile` (pytorch #198118).
    """
    return f'''
def {name}({parameters}) -> torch.Tensor:
    """{summary}; singular values that are rounding errors count as zero."""
    U, S, Vh = torch.linalg.svd(A, full_matrices=False)
    smallest = max(A.shape[-2:]) * torch.finfo(S.dtype).eps * S[..., :1]
    S = torch.where(S > smallest, S, torch.inf)
    return {result}
'''


def modulo_prime(field: ModularArithmetic, X: np.ndarray) -> np.ndarray:
    """Full rank: `(Xᴴ X)⁻¹ Xᴴ` for a tall matrix, and its adjoint for a wide one."""
    adjoint = field.conjugate(X).T
    if X.shape[0] < X.shape[1]:
        return field.conjugate(modulo_prime(field, adjoint)).T
    return field.solve((adjoint @ X) % field.prime, adjoint)


pinv = Primitive(
    name="pinv",
    signature="X: n m -> Y: m n",
    summary="the Moore–Penrose inverse",
    differential=("-Y @ dX @ Y + Y @ Y.H @ dX.H @ (eye(n) - X @ Y) + (eye(m) - Y @ X) @ dX.H @ Y.H @ Y",),
    conditions=("{X} has constant rank",),
    # Penrose's equations, the last two of them also in products that they make shorter.
    laws=(
        "X @ Y @ X = X",
        "Y @ X @ Y = Y",
        "(X @ Y).H = X @ Y",
        "(Y @ X).H = Y @ X",
        "X.H @ X @ Y = X.H",
        "Y @ X @ X.H = X.H",
        "Y @ Y.H @ X.H = Y",
        "X.H @ Y.H @ Y = Y",
    ),
    regular=has_clear_rank,
    preserves=("symmetric", "hermitian", "diagonal", "spd", "psd"),
    numpy="numpy.linalg.pinv",
    torch=by_singular_values(
        "pseudoinverse", "A: torch.Tensor", "The Moore–Penrose inverse", "(Vh.mH / S[..., None, :]) @ U.mH"
    ),
    jax="jax.numpy.linalg.pinv",
    modular=Modular(modulo_prime),
    notation=Notation(text="{X}⁺", latex="{X}^{+}", name="pinv"),
    samples=(Sample("X: n m"), Sample("X: m n"), Sample("X: n m complex")),
    known_rules=(
        KnownRule(
            "vjp_X",
            "-Y.H @ G @ Y.H + (eye(n) - X @ Y) @ G.H @ Y @ Y.H + Y.H @ Y @ G.H @ (eye(m) - Y @ X)",
            "Golub & Pereyra 1973, eq. 4.12, transposed",
        ),
    ),
    source="Golub & Pereyra, SIAM J. Numer. Anal. 10 (1973) 413-432, eq. 4.12",
)

register_primitive(pinv)
