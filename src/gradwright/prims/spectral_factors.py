"""Eigenvalues, singular values, polar factors."""

from __future__ import annotations

import numpy as np

from gradwright.core.build import transpose
from gradwright.core.contraction import conjugate
from gradwright.core.nodes import Node
from gradwright.core.primitive import Notation, Primitive, Sample
from gradwright.core.registry import (
    Call,
    Function,
    Outputs,
    apply_overload,
    formula,
    register,
    register_primitive,
)


def thin_svd(A: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`A = U diag(S) Vᴴ`, thin, with V itself."""
    U, S, Vh = np.linalg.svd(A, full_matrices=False)
    return U, S, np.conj(np.swapaxes(Vh, -1, -2))


def polar_factors(A: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`A = U P` with orthonormal columns in U and P positive semidefinite."""
    U, S, V = thin_svd(A)
    adjoint = np.conj(np.swapaxes(V, -1, -2))
    return U @ adjoint, (V * S[..., None, :]) @ adjoint


def general_eigen(A: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Complex eigenvalues and eigenvectors of unit length."""
    values, vectors = np.linalg.eig(A)
    return values.astype(complex), vectors.astype(complex)


def generalised_eigen(A: np.ndarray, B: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`A V = B V Λ` with `Vᴴ B V = I`, eigenvalues ascending."""
    from scipy.linalg import eigh as generalised

    return generalised(A, B)


_eigh = Primitive(
    name="eigh",
    signature="A: n n hermitian -> eigenvalues: n real, eigenvectors: n n unitary",
    summary="eigenvalues, ascending, and orthonormal eigenvectors of a Hermitian matrix",
    identity=("A @ eigenvectors = eigenvectors @ diag(eigenvalues)",),
    conditions=("the eigenvalues of {A} are distinct",),
    gauge="the sign, or phase, of each eigenvector",
    argument_facts=("symmetric",),
    field=("real", "same"),
    numpy="numpy.linalg.eigh",
    torch="torch.linalg.eigh",
    jax="jax.numpy.linalg.eigh",
    notation=Notation(name="eigh"),
    samples=(Sample("A: n n symmetric"), Sample("A: n n hermitian complex")),
    source="the definition; the result is Giles 2008, An extended collection of matrix derivative results, 3.1",
)
_generalised = Primitive(
    name="eigh",
    signature=("A: n n hermitian, B: n n spd -> eigenvalues: n real, eigenvectors: n n invertible"),
    summary="the generalised eigenvalue problem A V = B V Λ, Vᴴ B V = I",
    identity=(
        "A @ eigenvectors = B @ eigenvectors @ diag(eigenvalues)",
        "eigenvectors.H @ B @ eigenvectors = eye(n)",
    ),
    conditions=("the eigenvalues are distinct", "{B} is positive definite"),
    gauge="the sign, or phase, of each eigenvector",
    argument_facts=("symmetric", "spd"),
    field=("real", "same"),
    numpy=generalised_eigen,
    notation=Notation(name="eigh"),
    samples=(Sample("A: n n symmetric, B: n n spd"),),
)
_eig = Primitive(
    name="eig",
    signature="A: n n -> eigenvalues: n complex, eigenvectors: n n invertible complex",
    summary="eigenvalues and eigenvectors of unit length of a square matrix",
    identity=(
        "A @ eigenvectors = eigenvectors @ diag(eigenvalues)",
        "diagonal(eigenvectors.H @ eigenvectors) = ones(n)",
    ),
    conditions=("the eigenvalues of {A} are distinct",),
    gauge="the phase of each eigenvector",
    field="complex",
    numpy=general_eigen,
    torch="torch.linalg.eig",
    jax="jax.numpy.linalg.eig",
    notation=Notation(name="eig"),
    samples=(Sample("A: n n"),),
    source="the definition; Boeddeker et al. 2017, arXiv:1701.00392",
)
_svd = Primitive(
    name="svd",
    signature=("A: n m -> U: n min(n,m) stiefel, S: min(n,m) real, V: m min(n,m) stiefel"),
    summary="the thin singular value decomposition A = U diag(S) Vh, S descending",
    identity=("U @ diag(S) @ V.H = A",),
    conditions=("the singular values of {A} are distinct and not zero",),
    gauge="the common sign, or phase, of each pair of singular vectors",
    field=("same", "real", "same"),
    fact_rule=lambda index, parameters, facts: {"nonnegative"} if index == 1 else set(),
    numpy=thin_svd,
    notation=Notation(name="svd"),
    samples=(Sample("A: n m"), Sample("A: m n"), Sample("A: n n")),
    source="the definition; the result is Townsend 2016, Differentiating the singular value decomposition",
)
_polar = Primitive(
    name="polar",
    signature="A: n m -> U: n m stiefel, P: m m hermitian invertible",
    summary="A = U P with orthonormal columns in U and P positive semidefinite",
    identity=("U @ P = A",),
    conditions=("{A} has full column rank",),
    fact_rule=lambda index, parameters, facts: {"psd"} if index == 1 else set(),
    numpy=polar_factors,
    notation=Notation(name="polar"),
    samples=(Sample("A: n m"), Sample("A: n n")),
)


def _build_svd(call: Call) -> Outputs:
    found = apply_overload((_svd,), call, "svd(A)")
    assert isinstance(found, Outputs)
    adjoint = conjugate(transpose(found["V"]))
    return Outputs("svd", {"U": found["U"], "S": found["S"], "Vh": adjoint, "V": found["V"]})


def _build_eigh(call: Call) -> Node | Outputs:
    overload = _generalised if len(call.positional) == 2 else _eigh
    return apply_overload((overload,), call, "eigh(A) or eigh(A, B)")


eigh = register(Function("eigh", _build_eigh, "eigh(A)", _eigh.summary, (_eigh, _generalised)))
svd = register(Function("svd", _build_svd, "svd(A)", _svd.summary, (_svd,)))
eig = register_primitive(_eig)
polar = register_primitive(_polar)


@formula("eigvalsh", "eigvalsh(A)", "the eigenvalues of a Hermitian matrix, ascending")
def eigvalsh(call: Call) -> Node:
    """The eigenvalues of `eigh`."""
    found = _build_eigh(call)
    assert isinstance(found, Outputs)
    return found["eigenvalues"]


@formula("svdvals", "svdvals(A)", "the singular values, descending")
def svdvals(call: Call) -> Node:
    """The singular values of `svd`."""
    return _build_svd(call)["S"]
