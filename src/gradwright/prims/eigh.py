"""Eigenvalues and orthonormal eigenvectors of a Hermitian matrix, defined by `A V = V Λ`.

With `dV = V Ω`, Ω skew, the equation becomes `Ω Λ − Λ Ω + dΛ = Vᴴ dA V`: its diagonal is dΛ, the rest is Ω divided
by differences of eigenvalues (Giles 2008, An extended collection of matrix derivative results, 3.1).
With a second matrix it is the generalised problem of `generalised_eigh`.
"""

from __future__ import annotations

from gradwright.core.modular_spectra import eigen_system
from gradwright.core.nodes import Node
from gradwright.core.primitive import Freedom, KnownRule, Modular, Notation, Primitive, Sample
from gradwright.core.registry import Call, Function, Outputs, apply_overload, register
from gradwright.prims.generalised_eigh import generalised_eigh

standard_eigh = Primitive(
    name="eigh",
    signature="A: n n hermitian -> eigenvalues: n real, eigenvectors: n n unitary",
    summary="eigenvalues, ascending, and orthonormal eigenvectors of a Hermitian matrix",
    identity=("A @ eigenvectors = eigenvectors @ diag(eigenvalues)",),
    conditions=("the eigenvalues of {A} are distinct",),
    gauge="the sign, or phase, of each eigenvector",
    freedom=Freedom("K: n n", ("", "eigenvectors @ K")),
    argument_facts=("symmetric",),
    field=("real", "same"),
    fact_rule=lambda index, parameters, facts: (
        set() if index else {"positive"} if "spd" in facts[0] else {"nonnegative"} if "psd" in facts[0] else set()
    ),
    numpy="numpy.linalg.eigh",
    torch="torch.linalg.eigh",
    jax="jax.numpy.linalg.eigh",
    modular=Modular(eigen_system, exact=False, spectral=True),
    notation=Notation(name="eigh"),
    samples=(Sample("A: n n symmetric"), Sample("A: n n hermitian complex")),
    known_rules=(
        KnownRule(
            "deigenvalues",
            "diagonal(eigenvectors.H @ dA @ eigenvectors)",
            "Giles 2008, An extended collection of matrix derivative results, 3.1",
        ),
        KnownRule(
            "deigenvectors",
            "eigenvectors @ mask(eigenvectors.H @ dA @ eigenvectors / E, 1, 0, 1)",
            "Giles 2008, 3.1",
            ("E = outer(ones(n), eigenvalues) - outer(eigenvalues, ones(n)) + eye(n)",),
        ),
        KnownRule(
            "vjp_A",
            "1/2 * eigenvectors @ (M + M.H) @ eigenvectors.H",
            "Giles 2008, 3.1, symmetrised",
            (
                "E = outer(ones(n), eigenvalues) - outer(eigenvalues, ones(n)) + eye(n)",
                "M = diag(G_eigenvalues) + mask(eigenvectors.H @ G_eigenvectors / E, 1, 0, 1)",
            ),
        ),
    ),
    source="the definition; the result is Giles 2008, An extended collection of matrix derivative results, 3.1",
)


def _build(call: Call) -> Node | Outputs:
    overload = generalised_eigh if len(call.positional) == 2 else standard_eigh
    return apply_overload((overload,), call, "eigh(A) or eigh(A, B)")


eigh = register(Function("eigh", _build, "eigh(A)", standard_eigh.summary, (standard_eigh, generalised_eigh)))
