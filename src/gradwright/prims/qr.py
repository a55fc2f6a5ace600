"""The orthogonal factorisation `Q R = A`, for A with at least as many rows as columns.

The complete one has the columns of `complement(A)` beside those of the thin Q, and zeros below R.

With `dQ = Q Ω + K`, Ω skew and `Qᴴ K = 0`, the equation becomes `Ω + dR R⁻¹ = Qᴴ dA R⁻¹` and `K = (I − Q Qᴴ) dA R⁻¹`
(Walter & Lehmann 2010, arXiv:1001.1654).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradwright.core.build import concatenate, zeros
from gradwright.core.modular_numbers import objects
from gradwright.core.nodes import Node
from gradwright.core.primitive import KnownRule, Modular, Notation, Primitive, Sample
from gradwright.core.registry import Call, Function, Outputs, apply_overload, apply_primitive, register
from gradwright.prims.cholesky import modulo_prime as cholesky_modulo_prime
from gradwright.prims.complement import complement

if TYPE_CHECKING:
    from gradwright.core.modular import ModularArithmetic


def has_full_rank(inputs: tuple[np.ndarray, ...], outputs: tuple[np.ndarray, ...]) -> bool:
    """Whether no diagonal entry of R is a rounding error of its column."""
    A, pivots = inputs[0], np.abs(np.diagonal(outputs[1], axis1=-2, axis2=-1))
    return bool(np.all(pivots > 4 * np.finfo(A.dtype).eps * np.linalg.norm(A, axis=-2)[..., : pivots.shape[-1]]))


def modulo_prime(field: ModularArithmetic, A: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rᴴ is the Cholesky factor of `Aᴴ A`."""
    adjoint = field.conjugate(A).T
    lower = cholesky_modulo_prime(field, objects(adjoint @ A % field.prime))
    return field.conjugate(field.solve(lower, adjoint)).T, field.conjugate(lower).T


thin = Primitive(
    name="qr",
    signature="A: n m -> Q: n m stiefel, R: m m upper invertible",
    summary="A = Q R with orthonormal columns in Q, for A with at least as many rows as columns",
    identity=("Q @ R = A",),
    conditions=("{A} has full column rank",),
    regular=has_full_rank,
    gauge="the signs of the columns of Q and of the rows of R",
    numpy="numpy.linalg.qr",
    torch="torch.linalg.qr",
    jax="jax.numpy.linalg.qr",
    modular=Modular(modulo_prime),
    notation=Notation(name="qr"),
    samples=(Sample("A: n m"), Sample("A: n n")),
    known_rules=(
        KnownRule(
            "dQ",
            "Q @ (tril(X, -1) - tril(X, -1).T) + (dA - Q @ Q.T @ dA) @ inv(R)",
            "Walter & Lehmann 2010, arXiv:1001.1654, real matrices",
            ("X = Q.T @ dA @ inv(R)",),
        ),
        KnownRule(
            "dR",
            "(X - tril(X, -1) + tril(X, -1).T) @ R",
            "Walter & Lehmann 2010, arXiv:1001.1654, real matrices",
            ("X = Q.T @ dA @ inv(R)",),
        ),
        KnownRule(
            "vjp_A",
            "(G_Q + Q @ (tril(M) + tril(M, -1).T)) @ inv(R).T",
            "Seeger et al. 2017, arXiv:1710.08717, real matrices",
            ("M = R @ G_R.T - G_Q.T @ Q",),
        ),
    ),
    source="the definition; the result is Walter & Lehmann 2010, arXiv:1001.1654",
)


def _build(call: Call) -> Outputs:
    call.expect(1, 1, ("mode",), USAGE)
    complete = call.choice("mode", ("reduced", "complete")) == "complete"
    found = apply_overload((thin,), Call(call.function, call.positional, {}, call.written), USAGE)
    assert isinstance(found, Outputs)
    (A,) = call.nodes()
    rows, columns = A.shape
    if not complete or rows == columns:
        return found
    rest = apply_primitive(complement, (), (A,))
    assert isinstance(rest, Node)
    below = zeros((rows - columns, columns))
    return Outputs("qr", {"Q": concatenate([found["Q"], rest], 1), "R": concatenate([found["R"], below], 0)})


USAGE = "qr(A) or qr(A, mode='complete')"
qr = register(Function("qr", _build, USAGE, thin.summary, (thin,)))
