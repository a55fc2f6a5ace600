"""The singular value decomposition, defined by `U diag(S) Vᴴ = A`, thin; `complement` completes the bases.

With `dU = U Ω + K` and `dV = V Ψ + N` the equation is split into its symmetric and skew parts (Townsend 2016,
Differentiating the singular value decomposition; Giles 2008, 3.2 for the singular values).
"""

from __future__ import annotations

import numpy as np

from gradwright.core.build import adjoint, concatenate
from gradwright.core.modular_spectra import singular_system
from gradwright.core.nodes import Node
from gradwright.core.primitive import Freedom, KnownRule, Modular, Notation, Primitive, Sample
from gradwright.core.registry import Call, Function, Outputs, apply_overload, apply_primitive, register
from gradwright.prims.complement import complement
from gradwright.prims.precision import require_finite


def thin_svd(A: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`A = U diag(S) Vᴴ`, thin, with V itself."""
    require_finite(A)
    U, S, Vh = np.linalg.svd(A, full_matrices=False)
    return U, S, np.conj(np.swapaxes(Vh, -1, -2))


IN_JAX = '''
def thin_svd(A):
    """A = U diag(S) Vᴴ, thin; V itself."""
    U, S, Vh = jnp.linalg.svd(A, full_matrices=False)
    return U, S, Vh.conj().mT
'''

IN_TORCH = '''
def thin_svd(A: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A = U diag(S) Vᴴ, thin; V itself."""
    U, S, Vh = torch.linalg.svd(A, full_matrices=False)
    return U, S, Vh.mH.contiguous()
'''

thin = Primitive(
    name="svd",
    signature=("A: n m -> U: n min(n,m) stiefel, S: min(n,m) real, V: m min(n,m) stiefel"),
    summary="the thin singular value decomposition A = U diag(S) Vh, S descending",
    identity=("U @ diag(S) @ V.H = A",),
    conditions=("the singular values of {A} are distinct and not zero",),
    gauge="the common sign, or phase, of each pair of singular vectors",
    freedom=Freedom("K: min(n,m) min(n,m)", ("U @ K", "", "V @ K")),
    field=("same", "real", "same"),
    fact_rule=lambda index, parameters, facts: {"nonnegative"} if index == 1 else set(),
    numpy=thin_svd,
    torch=IN_TORCH,
    jax=IN_JAX,
    modular=Modular(singular_system, exact=False, spectral=True),
    notation=Notation(name="svd"),
    samples=(Sample("A: n m"), Sample("A: m n"), Sample("A: n n")),
    known_rules=(
        KnownRule(
            "dS",
            "real(diagonal(U.H @ dA @ V))",
            "Giles 2008, An extended collection of matrix derivative results, 3.2",
        ),
        KnownRule(
            "dU",
            "U @ mask((P @ diag(S) + diag(S) @ P.T) / E, 1, 0, 1) + (dA - U @ U.T @ dA) @ V @ diag(1 / S)",
            "Townsend 2016, Differentiating the singular value decomposition, real matrices",
            (
                "P = U.T @ dA @ V",
                "o = S / S",
                "E = outer(o, S**2) - outer(S**2, o) + diag(o)",
            ),
        ),
        KnownRule(
            "dV",
            "V @ mask((diag(S) @ P + P.T @ diag(S)) / E, 1, 0, 1) + (dA.T - V @ V.T @ dA.T) @ U @ diag(1 / S)",
            "Townsend 2016, real matrices",
            (
                "P = U.T @ dA @ V",
                "o = S / S",
                "E = outer(o, S**2) - outer(S**2, o) + diag(o)",
            ),
        ),
        KnownRule(
            "vjp_A",
            "U @ M @ V.T + (G_U - U @ U.T @ G_U) @ diag(1 / S) @ V.T + U @ diag(1 / S) @ (G_V.T - G_V.T @ V @ V.T)",
            "Townsend 2016, real matrices",
            (
                "o = S / S",
                "E = outer(o, S**2) - outer(S**2, o) + diag(o)",
                "J = mask((U.T @ G_U - G_U.T @ U) / E, 1, 0, 1)",
                "K = mask((V.T @ G_V - G_V.T @ V) / E, 1, 0, 1)",
                "M = J @ diag(S) + diag(G_S) + diag(S) @ K",
            ),
        ),
    ),
    source="the definition; the result is Townsend 2016, Differentiating the singular value decomposition",
)


def _build(call: Call) -> Outputs:
    call.expect(1, 1, ("full_matrices",), USAGE)
    full = call.choice("full_matrices", (False, True))
    found = apply_overload((thin,), Call(call.function, call.positional, {}, call.written), USAGE)
    assert isinstance(found, Outputs)
    left, right = (_completed(found[x]) if full else found[x] for x in "UV")
    return Outputs("svd", {"U": left, "S": found["S"], "Vh": adjoint(right), "V": right})


def _completed(vectors: Node) -> Node:
    """All of an orthonormal basis that begins with some singular vectors."""
    if vectors.shape[0] == vectors.shape[1]:
        return vectors
    rest = apply_primitive(complement, (), (vectors,))
    assert isinstance(rest, Node)
    return concatenate([vectors, rest], 1)


USAGE = "svd(A) or svd(A, full_matrices=True)"
svd = register(Function("svd", _build, USAGE, thin.summary, (thin,)))
