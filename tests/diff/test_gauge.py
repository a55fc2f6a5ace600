"""Cotangents that depend on the phases of complex factors are reported with their size."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest

import gradwright as gw

GENERATOR = np.random.default_rng(5)


def complex_normal(*shape: int) -> np.ndarray:
    return GENERATOR.normal(size=shape) + 1j * GENERATOR.normal(size=shape)


SQUARE, TALL, G = complex_normal(4, 4), complex_normal(5, 3), complex_normal(4, 4)
HERMITIAN = SQUARE + SQUARE.conj().T
POSITIVE = SQUARE @ SQUARE.conj().T + np.eye(4)
VECTORS = np.linalg.eigh(HERMITIAN)[1]
INPUTS = {"H": HERMITIAN, "A": TALL, "X": SQUARE, "S": HERMITIAN.real, "P": POSITIVE}
DECLARED = {
    "H": "n n hermitian complex", "A": "n m complex", "X": "n n complex", "S": "n n symmetric", "P": "n n spd complex",
}  # fmt: skip


def reported(text: str, variable: str, G: np.ndarray | None = None) -> list[float]:
    """The sizes that evaluating the vjp, or the gradient, warns of."""
    derivation = gw.derive(gw.parse(text, **{v: d for v, d in DECLARED.items() if f"({v}" in text}), wrt=variable)
    slope = derivation.gradient if G is None else derivation.vjp
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        slope.evaluate(**{variable: INPUTS[variable]}, **({} if G is None else {"G": G}))
    assert all(issubclass(w.category, gw.GaugeWarning) and w.filename == __file__ for w in found)
    return [float(re.findall(r"up to (\S+);", str(w.message))[0]) for w in found]


def test_the_size_is_the_imaginary_part_of_the_diagonal() -> None:
    wanted = np.max(np.abs(np.imag(np.diag(VECTORS.conj().T @ G))))
    assert reported("eigh(H).eigenvectors", "H", G) == [pytest.approx(wanted, rel=0.05)]
    U, _, Vh = np.linalg.svd(TALL, full_matrices=False)
    wanted = np.max(np.abs(np.imag(np.diag(U.conj().T @ complex_like(U)))))
    assert reported("svd(A).U", "A", complex_like(U)) == [pytest.approx(wanted, rel=0.05)]
    wanted = np.max(np.abs(np.imag(np.diag(Vh.conj() @ np.ones((3, 3))))))
    assert reported("real(sum(svd(A).Vh))", "A") == [pytest.approx(wanted, rel=0.05)]


def complex_like(value: np.ndarray) -> np.ndarray:
    return np.sin(1 + np.arange(value.size)).reshape(value.shape) * (1 + 2j)


NESTED = (
    "eigh(eigh(H).eigenvectors @ diag(exp(eigh(H).eigenvalues)) @ eigh(H).eigenvectors.H + eye(n)).eigenvectors[:, 0]"
)


@pytest.mark.parametrize("text", ["eigh(H).eigenvectors[:, 0]", "exp(eigh(H).eigenvectors[:, 1])", NESTED])
def test_a_part_that_depends_on_phases_is_reported(text: str) -> None:
    assert len(reported(text, "H", G[0])) == 1


@pytest.mark.parametrize("text", ["eig(X).eigenvectors", "eig(S).eigenvectors"])
def test_general_eigenvectors_are_complex_for_real_matrices_too(text: str) -> None:
    assert len(reported(text, text[4], G)) == 1


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("text", "variable"),
    [
        ("sum(abs(eigh(H).eigenvectors)**4)", "H"),
        ("sum(abs(eig(X).eigenvectors)**4)", "X"),
        ("sum(abs(outer(svd(A).U[:, 0], svd(A).Vh[0, :]))**4)", "A"),
        ("sum(exp(eigh(H).eigenvalues))", "H"),
        ("sum(eigh(S).eigenvectors)", "S"),
        ("sum(abs(qr(A).Q)**4) + real(sum(qr(A).R))", "A"),
        ("real(sum(cholesky(P)))", "P"),
    ],
)
def test_what_does_not_depend_on_phases_is_not_reported(text: str, variable: str) -> None:
    assert reported(text, variable) == []


def test_a_cotangent_without_a_part_along_the_phases_is_not_reported() -> None:
    assert reported("eigh(H).eigenvectors", "H", 2 * VECTORS) == []
    projector = "eigh(H).eigenvectors @ diag(1 / (2 + eigh(H).eigenvalues**2)) @ eigh(H).eigenvectors.H"
    assert reported(projector, "H", G) == []


def test_several_outputs_are_judged_together() -> None:
    outputs = {name: gw.parse(f"svd(A).{name}", A=DECLARED["A"]) for name in ("U", "Vh")}
    derivation = gw.derive(outputs, wrt="A")
    U, _, Vh = np.linalg.svd(TALL, full_matrices=False)
    cancelling = {"G_U": 1j * U, "G_Vh": 1j * Vh}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        derivation.vjp.evaluate(A=TALL, **cancelling)
    with pytest.warns(gw.GaugeWarning):
        derivation.vjp.evaluate(A=TALL, G_U=1j * U)


def test_verify_reports_the_size() -> None:
    report = gw.derive(gw.parse("real(sum(eigh(H).eigenvectors))", H=DECLARED["H"]), wrt="H").verify()
    assert report.right
    assert len(report.remarks) == 1
    assert report.remarks[0] in str(report)
    assert not gw.derive(gw.parse("sum(abs(eigh(H).eigenvectors)**4)", H=DECLARED["H"]), wrt="H").verify().remarks


@pytest.mark.slow
def test_complex_singular_vectors_are_differentiated_with_the_same_phases_that_they_are_measured_with() -> None:
    assert gw.derive(gw.parse("svd(A).U", A=DECLARED["A"]), wrt="A").verify().right


def test_compiled_code_reports_it_too() -> None:
    pulled = gw.derive(gw.parse("eigh(H).eigenvectors", H=DECLARED["H"]), wrt="H").vjp.compile()
    with pytest.warns(gw.GaugeWarning):
        pulled(H=HERMITIAN, G=G)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pulled(H=HERMITIAN, G=2 * VECTORS)


HORIZONTAL = {"gauge": "Y.T @ dY = dY.T @ Y"}


@pytest.mark.slow
def test_a_user_may_choose_among_free_directions() -> None:
    factor = gw.define("factor", "Y @ Y.T = A", unknown="Y: n n", given="A: n n spd", **HORIZONTAL)
    A = gw.matrix("A", "n", "n", facts="spd")
    derivation = gw.derive(factor(A), wrt="A")
    assert derivation.verify().right
    assert "[gauge: of the directions that are free, these are taken]" in str(derivation)
    value = np.real(POSITIVE)
    Y = derivation.expression.evaluate(A=value)
    skew = Y.T @ np.real(G) - np.real(G).T @ Y
    with pytest.warns(gw.GaugeWarning, match=r"the choice that Y\.T @ dY = dY\.T @ Y makes"):
        derivation.vjp.evaluate(A=value, G=np.real(G))
    assert np.abs(skew).max() > 0.1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gradient = gw.derive(gw.sum(factor(A) @ factor(A).T * gw.matrix("B", "n", "n")), wrt="A").gradient
        found = gradient.evaluate(A=value, B=np.real(G))
    assert np.allclose(found, (np.real(G) + np.real(G).T) / 2)


@pytest.mark.parametrize(
    ("gauge", "unknown", "words"),
    [
        ("Y.T @ Y = eye(n)", "Y: n n", "linear in directions"),
        ("Y.T @ dY = dY.T @ Y", "Y: n n lower", "has nothing to fix"),
        ("dY = zeros(n, n)", "Y: n n", "what fixes the gauge' cannot be kept"),
        ("trace(dY) = 0", "Y: n n", "2 of 9 directions are left free"),
    ],
)
def test_a_gauge_that_does_not_fix_what_is_free_is_refused(gauge: str, unknown: str, words: str) -> None:
    with pytest.raises(gw.GradwrightError, match=words):
        gw.define("factor", "Y @ Y.T = A", unknown=unknown, given="A: n n spd", gauge=gauge)


@pytest.mark.slow
def test_hermitian_eigenvectors_with_a_chosen_phase_are_told_by_their_frame() -> None:
    vectors = gw.define("vectors", "A @ V = V @ diag(w)", unknown="V: n n unitary, w: n", given="A: n n hermitian",
                        forward=lambda A: np.linalg.eigh(A)[::-1], gauge="diagonal(V.H @ dV) = zeros(n)")  # fmt: skip
    derived = gw.derive(vectors(gw.parse("A", A="n n hermitian")).V)
    text = str(derived)
    assert "dV = −V ((Vᴴ dA V) ∘ off(F))" in text and "✗" not in text
