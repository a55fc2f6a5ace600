"""Determinants, their logarithms, and the adjugate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradwright.core.build import trace
from gradwright.core.facts import Facts
from gradwright.core.modular_numbers import shaped
from gradwright.core.nodes import Apply, Node, Parameter, is_apply
from gradwright.core.primitive import ErrorSample, KnownRule, Modular, Notation, Primitive, Sample
from gradwright.core.registry import register_primitive
from gradwright.prims.exponential import exp
from gradwright.prims.matrix_exp import matrix_exp
from gradwright.prims.precision import require_finite

if TYPE_CHECKING:
    from gradwright.core.modular import ModularArithmetic


def log_determinant(X: np.ndarray) -> np.ndarray:
    """The logarithm of a positive determinant; NaN for a negative one."""
    sign, logabs = np.linalg.slogdet(X)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(sign) + logabs


def adjugate_matrix(X: np.ndarray) -> np.ndarray:
    """The adjugate from the singular value decomposition, which exists for singular matrices too."""
    require_finite(X)
    U, s, Vh = np.linalg.svd(X)
    n = s.shape[-1]
    others = np.stack([np.prod(np.delete(s, k, axis=-1), axis=-1) for k in range(n)], axis=-1)
    phase = np.linalg.det(U) * np.linalg.det(Vh)
    return (
        np.conj(np.swapaxes(Vh, -1, -2)) * (phase[..., None] * others)[..., None, :] @ np.conj(np.swapaxes(U, -1, -2))
    )


def _determinant_facts(index: int, parameters: tuple[Parameter, ...], facts: tuple[Facts, ...]) -> set[str]:
    """The determinant of a matrix is that of its transpose, and so real if that is its conjugate."""
    found = {"real_valued"} if "hermitian" in facts[0] else set[str]()
    return found | ({"positive"} if "positive_determinant" in facts[0] else set[str]())


def modulo_prime(field: ModularArithmetic, X: np.ndarray) -> np.ndarray:
    """By elimination, matrix by matrix."""
    n = X.shape[-1]
    return shaped([field.determinant(part) for part in X.reshape(-1, n, n)], X.shape[:-2])


def of_exponential(node: Apply) -> Node:
    """`det(e^X) = e^(tr X)`, and the logarithm of it for a real X: that of a complex one is told but for 2 π i."""
    (X,) = node.arguments
    if X.rank != 2 or not is_apply(X, matrix_exp):
        return node
    exponent = trace(X.arguments[0])
    if node.primitive is det:
        return Apply(exp, (), (exponent,))
    return exponent if X.real else node


LOGDET_IN_JAX = '''
def logdet(X):
    """The logarithm of a positive determinant; NaN for a negative one."""
    sign, logabs = jnp.linalg.slogdet(X)
    return jnp.log(sign) + logabs
'''

ADJUGATE_IN_JAX = '''
def adjugate(X):
    """The transposed matrix of cofactors, from the singular values; X may be singular."""
    U, s, Vh = jnp.linalg.svd(X)
    diagonal = jnp.eye(s.shape[-1], dtype=bool)
    others = jnp.where(diagonal, 1, s[..., None, :]).prod(-1)
    phase = jnp.linalg.det(U) * jnp.linalg.det(Vh)
    return (Vh.conj().mT * (phase[..., None] * others)[..., None, :]) @ U.conj().mT
'''

det = Primitive(
    name="det",
    signature="X: ... n n -> y: ...",
    summary="the determinant",
    # Jacobi: the derivative of det in the entry (i, j) is its cofactor, det(X) X⁻ᵀ[i, j].
    differential=("y * trace(inv(X) @ dX)",),
    conditions=("{X} is invertible",),
    fact_rule=_determinant_facts,
    simpler=of_exponential,
    numpy="numpy.linalg.det",
    torch="torch.linalg.det",
    jax="jax.numpy.linalg.det",
    modular=Modular(modulo_prime),
    notation=Notation(name="det"),
    samples=(Sample("X: n n"), Sample("X: n n complex")),
    error_samples=(ErrorSample("det(A)", "A: n m", "square"),),
    known_rules=(
        KnownRule(
            "vjp_X",
            "conj(y) * G * inv(X).H",
            "Giles 2008, An extended collection of matrix derivative results, 2.2.4",
        ),
    ),
    source="Jacobi's formula; Magnus & Neudecker, Matrix Differential Calculus (3rd ed.), 8.3",
)

logdet = Primitive(
    name="logdet",
    signature="X: ... n n -> y: ...",
    summary="the logarithm of the determinant",
    definition=("log(det(X))",),
    differential=("trace(inv(X) @ dX)",),
    conditions=("det({X}) > 0",),
    fact_rule=lambda index, parameters, facts: {"real_valued"} if "hermitian" in facts[0] else set(),
    simpler=of_exponential,
    numpy=log_determinant,
    torch="torch.logdet",
    jax=LOGDET_IN_JAX,
    notation=Notation(name="logdet", text="log det {X}", latex=r"\log\det {X}"),
    samples=(Sample("X: n n spd"),),
    known_rules=(
        KnownRule(
            "vjp_X",
            "G * inv(X).H",
            "Petersen & Pedersen 2012, The Matrix Cookbook, eq. 57",
        ),
    ),
    source="Magnus & Neudecker, Matrix Differential Calculus (3rd ed.), 8.4",
)

slogdet = Primitive(
    name="slogdet",
    signature="X: ... n n -> sign: ..., logabsdet: ...",
    summary="the sign, and the logarithm of the absolute value, of the determinant",
    definition=("det(X) / abs(det(X))", "log(abs(det(X)))"),
    # The imaginary part of d log det X turns the sign. Written without the unit it is 0, and real, where X is real.
    differential=(
        "sign * (trace(inv(X) @ dX) - real(trace(inv(X) @ dX)))",
        "real(trace(inv(X) @ dX))",
    ),
    conditions=("{X} is invertible",),
    field=("same", "real"),
    numpy="numpy.linalg.slogdet",
    torch="torch.linalg.slogdet",
    jax="jax.numpy.linalg.slogdet",
    notation=Notation(
        outputs=(
            ("sign det {X}", r"\operatorname{sign} \det {X}"),
            ("log |det {X}|", r"\log |\det {X}|"),
        )
    ),
    samples=(Sample("X: n n"), Sample("X: n n complex")),
    source="Jacobi's formula; Magnus & Neudecker, Matrix Differential Calculus (3rd ed.), 8.3",
)

ADJUGATE_IN_TORCH = '''
def adjugate_matrix(X: torch.Tensor) -> torch.Tensor:
    """The adjugate from the singular value decomposition, which exists for singular matrices too."""
    U, S, Vh = torch.linalg.svd(X)
    n = S.shape[-1]
    others = torch.stack([S[..., [j for j in range(n) if j != k]].prod(-1) for k in range(n)], -1)
    phase = torch.linalg.det(U) * torch.linalg.det(Vh)
    return (Vh.mH * (phase[..., None] * others)[..., None, :]) @ U.mH
'''

adjugate = Primitive(
    name="adjugate",
    signature="X: ... n n -> Y: ... n n",
    summary="the transposed matrix of cofactors, det(X) X⁻¹",
    definition=("det(X) * inv(X)",),
    conditions=("{X} is invertible",),
    preserves=("symmetric", "hermitian", "lower", "upper", "diagonal"),
    commutes=True,
    numpy=adjugate_matrix,
    torch=ADJUGATE_IN_TORCH,
    jax=ADJUGATE_IN_JAX,
    notation=Notation(name="adj"),
    samples=(Sample("X: n n"),),
    source="Horn & Johnson, Matrix Analysis (2nd ed.), 0.8.2",
)

for _primitive in (det, logdet, slogdet, adjugate):
    register_primitive(_primitive)
