"""Only the gaps between eigenvalues that something is divided by have to be there."""

from __future__ import annotations

import re

import numpy as np
import pytest

import gradwright as gw

GENERATOR = np.random.default_rng(9)
FRAME = np.linalg.qr(GENERATOR.normal(size=(4, 4)))[0]
LARGEST, SMALLEST = "max(eigvalsh(S))", "eigvalsh(S)[0]"
DERIVED = {text: gw.derive(gw.parse(text, S="n n symmetric"), wrt="S") for text in (LARGEST, SMALLEST)}
E = GENERATOR.normal(size=(4, 4))
E = E + E.T


def with_eigenvalues(*values: float) -> np.ndarray:
    S = FRAME @ np.diag(values) @ FRAME.T
    return (S + S.T) / 2


def second_derivative(text: str, way: str, S: np.ndarray) -> np.ndarray:
    D = DERIVED[text]
    if way == "evaluate":
        return D.hvp.evaluate(S=S, dS=E)
    if way == "operator":
        return D.hessian.operator(S=S) @ E
    tensor = pytest.importorskip("torch").tensor if way == "torch" else np.asarray
    return np.asarray(D.hvp.compile(way)(S=tensor(S), dS=tensor(E)))


@pytest.mark.slow
@pytest.mark.parametrize("scale", [1, 1e-13])
@pytest.mark.parametrize("way", ["evaluate", "operator", "numpy", "torch"])
def test_equal_eigenvalues_matter_where_a_derivative_divides_by_their_difference(way: str, scale: float) -> None:
    for text, values in ((LARGEST, (1, 1, 2, 3)), (LARGEST, (0, 0, 2, 3)), (SMALLEST, (1, 2, 3, 3))):
        S = scale * with_eigenvalues(*values)
        eigenvalues, vectors = np.linalg.eigh(S)
        place = 3 if text == LARGEST else 0
        v = vectors[:, place]
        moved = np.linalg.pinv(eigenvalues[place] * np.eye(4) - S, rcond=1e-6) @ E @ np.outer(v, v)
        assert np.allclose(second_derivative(text, way, S) * scale, (moved + moved.T) * scale)
    with pytest.raises(gw.ConditionError, match=re.escape("the eigenvalues of S are distinct")):
        second_derivative(LARGEST, way, scale * with_eigenvalues(1, 2, 3, 3))


@pytest.mark.slow
def test_a_singular_value_that_is_zero_is_no_gap_beside_the_largest() -> None:
    A, B = GENERATOR.normal(size=(4, 2)), GENERATOR.normal(size=(2, 3))
    D = gw.derive(gw.parse("max(svdvals(A @ B))", A="n k", B="k m"), wrt="A")
    assert np.allclose(D.hessian.evaluate(A=A, B=B), D.hessian.compile()(A=A, B=B))


@pytest.mark.slow
@pytest.mark.parametrize("library", ["numpy", "torch", "jax"])
def test_compiled_code_refuses_a_gap_that_is_lost_at_every_call(library: str) -> None:
    torch = pytest.importorskip("torch")
    derived = gw.derive(gw.parse("sum(svdvals(V)**3)", V="m n stiefel"), wrt="V").hvp.compile(library)
    V = torch.tensor(FRAME[:, :3]) if library == "torch" else FRAME[:, :3]
    for value in (V, V, V.requires_grad_() if library == "torch" else V):
        with pytest.raises(gw.ConditionError, match=r"divides by .* the singular values of V are distinct"):
            derived(V=value, dV=0 * V)


def test_code_that_looks_at_gaps_writes_over_temporaries_where_nothing_is_recorded() -> None:
    torch = pytest.importorskip("torch")
    derived = gw.derive(gw.parse("eigh(S).eigenvectors", S="n n symmetric"), wrt="S").vjp.compile("torch")
    S, G = torch.tensor(GENERATOR.normal(size=(2, 130, 130)))
    S = S + S.T

    def slopes() -> list:
        given = [x.clone().requires_grad_() for x in (S, G)]
        return torch.autograd.grad((derived(*given) * G).sum(), given)

    before, wanted = slopes(), derived(S, G)
    for _ in range(3):
        assert torch.allclose(derived(S, G), wanted, rtol=1e-10)
    assert derived.in_place.forms
    assert all(map(torch.allclose, slopes(), before))
    with pytest.raises(gw.ConditionError, match="a gap that is lost"):
        derived(torch.eye(130, dtype=torch.float64), G)


@pytest.mark.slow
@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize("facts", ["spd", ""])
def test_a_root_is_not_inverted_where_its_matrix_is_singular(library: str, facts: str) -> None:
    """The root of the rounding error that an eigenvalue is, 10⁻⁸, looks like one."""
    tensor = pytest.importorskip("torch").tensor if library == "torch" else np.asarray
    B, names = GENERATOR.normal(size=(4, 2)), ("S", "A")
    derived = gw.derive(gw.parse("trace(A @ sqrtm(S))", S=f"n n {facts}", A="n n"), wrt="S").gradient
    for function in (derived.compile(library), lambda **inputs: derived.evaluate(**inputs)):
        regular, singular = (
            dict(zip(names, map(tensor, (S, E)), strict=True)) for S in (B @ B.T + 1e-9 * np.eye(4), B @ B.T)
        )
        assert np.isfinite(np.asarray(function(**regular))).all()
        with pytest.raises(gw.ConditionError):
            function(**singular)


@pytest.mark.slow
def test_under_transforms_no_gap_is_looked_at() -> None:
    torch = pytest.importorskip("torch")
    derived = gw.derive(gw.parse("sum(svdvals(X)**3)", X="m n"), wrt="X").hvp.compile("torch")
    X, out = torch.tensor(GENERATOR.normal(size=(2, 4, 3))), torch.empty(4, 3, dtype=torch.float64)
    assert derived(X=X[0], dX=X[0], out=out) is out
    assert torch.allclose(out, torch.vmap(lambda x: derived(X=x, dX=x))(X)[0])
