"""Derivations as a whole: steps, levels of detail, several variables and outputs, renderings."""

from __future__ import annotations

import copy
import json
import pickle
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import gradwright as gw
from gradwright.core.nodes import Node
from gradwright.core.sums import scaled
from gradwright.errors import ConditionError, DerivationError, GradwrightError
from gradwright.simplify.pipeline import simplify

TEXTBOOK = {
    "inverse": ("inv(X)", {}, "X"),
    "least squares": ("norm(X @ w - y)**2", {"X": "n m", "w": "m", "y": "n"}, "w"),
    "attention": ("softmax(Q @ K.T / 2, axis=1) @ V", {"Q": "n m", "K": "k m", "V": "k p"}, "Q"),
    "Cholesky": ("cholesky(K)", {"K": "n n spd"}, "K"),
    "QR": ("qr(A).Q", {"A": "n m"}, "A"),
    "LU": ("lu(A).U", {"A": "n n"}, "A"),
    "eigenvectors": ("eigh(S).eigenvectors", {"S": "n n symmetric"}, "S"),
    "general eigenvectors": ("eig(A).eigenvectors", {"A": "n n"}, "A"),
    "singular vectors": ("svd(A).Vh", {"A": "n m"}, "A"),
    "Riccati": ("care(A, B, Q, R)", {"A": "n n", "B": "n m", "Q": "n n spd", "R": "m m spd"}, "A"),
    "discrete Riccati": ("dare(A, B, Q, R)", {"A": "n n", "B": "n m", "Q": "n n spd", "R": "m m spd"}, "Q"),
    "trace of R": ("trace(qr(A).R)", {"A": "n m"}, "A"),
}


@pytest.mark.sampled
@pytest.mark.parametrize("name", TEXTBOOK)
def test_a_derivation_is_confirmed_and_fits_on_a_blackboard(name: str) -> None:
    text, declarations, wrt = TEXTBOOK[name]
    derivation = gw.derive(gw.parse(text, **declarations), wrt=wrt)
    assert all(step.check.passed for step in derivation.steps), [s.rule for s in derivation.steps if not s.check]
    assert len(derivation.page().steps) <= 10
    assert len(derivation.page("brief").steps) <= 3
    assert len(derivation.page("full").steps) >= len(derivation.page().steps)


@pytest.mark.slow
def test_every_letter_is_explained_once_and_before_it_is_used() -> None:
    for text, declarations, wrt in TEXTBOOK.values():
        derivation = gw.derive(gw.parse(text, **declarations), wrt=wrt)
        for detail in ("brief", "normal", "full"):
            meanings = [meaning for step in derivation.page(detail).steps for meaning in step.letters]
            told = [name for meaning in meanings for name in meaning.names]
            assert len(told) == len(set(told)), (text, detail, told)


def test_the_chain_rule_in_tensor_notation_has_the_six_steps() -> None:
    steps = [step for step in gw.derive(gw.parse("inv(X)"), wrt="X").steps if step.part == "chain rule"]
    assert [(step.rule, str(step.statement)) for step in steps] == [
        ("definition of df", "df = J_g ·_T d(X⁻¹)"),
        ("substitute", "df = J_g ·_T ((−X⁻¹ ⊗ X⁻¹) ·_T²˒³ dX)"),
        ("associativity", "df = (J_g ·_T¹˒⁴ (−X⁻¹ ⊗ X⁻¹)) ·_T dX"),
        ("transpose invariance", "df = (J_g ·_T²˒³ (−X⁻ᵀ ⊗ X⁻ᵀ)) ·_T dX"),
        ("commutativity", "df = ((−X⁻ᵀ ⊗ X⁻ᵀ) ·_T²˒³ J_g) ·_T dX"),
        ("back to matrices", "df = (−X⁻ᵀ J_g X⁻ᵀ) ·_T dX"),
    ]


def test_a_diagonal_of_the_direction_is_not_the_direction() -> None:
    D = gw.derive(gw.parse("einsum('ii,ij->ij', X, Z)", X="n n", Z="n m"), wrt="X")
    assert D.verify().right
    assert "tensor product" not in [step.rule for step in D.steps]


def test_the_projection_of_a_structured_gradient_is_a_step_of_its_own() -> None:
    derivation = gw.derive(gw.parse("trace(A @ S)", S="n n symmetric", A="n n"), wrt="S")
    assert [step.rule for step in derivation.page().steps][-2:] == ["gradient", "projection"]
    assert str(derivation.steps[-1].statement) == "df = ⟨½ (A + Aᵀ), dS⟩"


def test_several_variables_share_one_line() -> None:
    derivation = gw.derive(gw.parse("A @ B", A="n m", B="m k"))
    assert str(derivation.steps[-1].statement) == "⟨G, dY⟩ = ⟨G Bᵀ, dA⟩ + ⟨Aᵀ G, dB⟩"
    assert derivation.steps[-1].check.passed
    assert set(derivation.vjp) == {"A", "B"}
    assert str(derivation["A"].vjp) == "G Bᵀ"


def test_several_outputs_have_cotangents_of_their_own() -> None:
    A = gw.matrix("A", "n", "m")
    factors = gw.qr(A)
    derivation = gw.derive({"Q": factors.Q, "R": factors.R}, wrt="A")
    assert {"G_Q", "G_R"} <= {leaf for leaf in str(derivation.vjp).replace("(", " ").replace(")", " ").split()}
    with pytest.raises(DerivationError, match="one expression"):
        _ = derivation.steps


def test_several_outputs_are_told_one_after_the_other_each_in_the_variables_that_it_contains() -> None:
    outputs = {"f": gw.parse("x @ A @ x", A="n n", x="n"), "g": gw.parse("sum(A)", A="n n"), "h": gw.parse("eye(3)")}
    derivation = gw.derive(outputs)
    told = str(derivation)
    assert "g:\nDerivative of sum(A) with respect to A\n  A: n × n\n\n" in told
    assert told.endswith("h:\nDerivative of eye(3) with respect to A, x\n\nIt contains none of the variables: its "
                         "derivatives are zero.")  # fmt: skip
    assert told in derivation.source("numpy") and told in derivation.source("torch")
    assert "$g$:\n\\begin{align*}" in derivation.latex("brief")
    assert "<p>g:</p><p>Derivative of sum(A)" in derivation._repr_html_()
    verified = derivation.verify()
    assert verified.right
    assert {finding.name[:2] for finding in verified.findings} == {"f,", "g,"}


def test_a_zero_derivative_prints_zero() -> None:
    assert str(gw.derive(gw.parse("trace(X)", X="n n"), wrt="X").hessian) == "0"


def test_the_page_for_notebooks_has_every_formula_and_no_raw_markup() -> None:
    html = gw.derive(gw.parse("norm(X @ w - y)**2", X="n m", w="m", y="n"), wrt="w")._repr_html_()
    assert html.count("<tr>") == html.count("</tr>") == 5
    assert r"2 \, X^{\mathsf{T}} r" in html
    assert "where" in html
    assert html.startswith("<p>Derivative of norm(X @ w - y)**2 with respect to w<br>X: n × m<br>w: m<br>y: n</p>")
    inverse = gw.derive(gw.parse("inv(X)"), wrt="X")._repr_html_()
    assert inverse.endswith("<p>Needs: $X$ is invertible.</p>")


@pytest.mark.sampled
@pytest.mark.parametrize("text", ["inv(X)", "logdet(X) + trace(A @ X)", "qr(X).R", "softmax(x)"])
def test_a_record_is_replayed(text: str) -> None:
    declarations = {
        name: d for name, d in {"X": "n n", "A": "n n", "x": "n"}.items() if name in text.replace("max", "")
    }
    derivation = gw.derive(gw.parse(text, **declarations), wrt="x" if "x" in declarations else "X")
    replayed = gw.Derivation.from_json(derivation.to_json())
    assert replayed.to_json() == derivation.to_json()
    assert replayed in {derivation} and replayed != gw.derive(derivation.expression)


@pytest.mark.parametrize("text", ["x * x[0]", "outer(x, x) @ A"])
def test_a_record_is_replayed_whatever_the_order_of_factors(text: str) -> None:
    written = gw.parse(text, x="n", A="n n")
    for expression in (written, gw.Expression(written.node, written.signature)):
        record = gw.derive(expression, wrt="x").to_json()
        assert gw.Derivation.from_json(record).to_json() == record


def test_a_record_is_that_of_one_output() -> None:
    with pytest.raises(GradwrightError, match="a record is of one expression"):
        gw.derive({"a": gw.parse("sum(x)", x="n"), "b": gw.parse("norm(x)", x="n")}).to_json()


@pytest.mark.parametrize("record", ["", "{}", "[]", '{"format": "something"}'])
def test_what_is_no_record_is_refused(record: str) -> None:
    with pytest.raises(GradwrightError):
        gw.Derivation.from_json(record)


def test_a_record_without_its_statements_is_refused() -> None:
    record = json.loads(gw.derive(gw.parse("sum(x)", x="n"), wrt="x").to_json())
    for steps in (3, [{"number": 1}], [3]):
        with pytest.raises(DerivationError, match="the text is not the JSON of a derivation"):
            gw.Derivation.from_json(json.dumps({**record, "steps": steps}))


def test_directions_of_a_derivative_and_declared_ones_are_the_same() -> None:
    derivation = gw.derive(gw.parse("inv(X)"), wrt="X")
    stated = gw.parse("-inv(X) @ dX @ inv(X)", X="n n", dX="n n")
    assert gw.equal(derivation.jvp, stated).status == "proved"
    assert gw.equal(derivation.jvp, gw.parse("-inv(X) @ dX.T @ inv(X)", X="n n", dX="n n")).status == "refuted"


@pytest.mark.parametrize("text", ["0 * x", "sum(x - x)", "sum(x - x) + y"])
def test_the_derivative_in_a_variable_that_cancels_is_zero(text: str) -> None:
    derivation = gw.derive(gw.parse(text, x="n", y=""), wrt="x")
    assert derivation.vjp.is_zero
    assert derivation.jacobian.is_zero
    assert derivation.verify().right


def test_what_cancels_is_right_although_its_differences_are_rounding() -> None:
    traces = "trace(K @ inv(K + I) @ K @ inv(K + I)) - trace(K @ K @ inv(K + I) @ inv(K + I))".replace("I", "eye(n)")
    derivation = gw.derive(gw.parse(traces, K="n n spd"), wrt="K")
    assert derivation.gradient.is_zero
    assert derivation.verify().right


def test_a_variable_that_is_declared_but_not_written_is_refused() -> None:
    with pytest.raises(gw.DerivationError, match="'y' does not occur"):
        gw.derive(gw.parse("sum(x - x)", x="n", y=""), wrt="y")


def test_no_function_is_emitted_for_a_constant() -> None:
    with pytest.raises(gw.EmissionError, match="cancel"):
        gw.derive(gw.parse("sum(x - x)", x="n"), wrt="x").source("torch")


def test_expressions_and_derivations_may_be_copied() -> None:
    D = gw.derive(gw.parse("trace(inv(X) @ sqrtm(X))"), wrt="X")
    copied = copy.deepcopy(D)
    assert copied.expression == D.expression
    assert str(copied.gradient) == str(D.gradient)
    assert copy.copy(D.gradient) == copy.deepcopy(D.gradient) == D.gradient
    for tensor in (D.hessian, gw.derive(gw.parse("inv(X)"), wrt="X").jacobian, D):
        assert str(pickle.loads(pickle.dumps(tensor))) == str(tensor)


def test_the_dimension_of_a_variable_that_does_not_occur_is_a_number() -> None:
    D = gw.derive(gw.parse("sum(x) / k", x="n", C="m k"), wrt="x")
    assert "∇_x   1 / k" in str(D)
    assert D.gradient.evaluate(x=[1.0, 2.0, 3.0], C=[[1.0, 2.0]]) == pytest.approx([0.5] * 3)
    with pytest.raises(gw.EvaluationError, match="the size of the dimension 'k' is not known"):
        D.gradient.evaluate(x=[1.0, 2.0, 3.0])


@pytest.mark.sampled
@pytest.mark.parametrize("text", ["qr(Z).Q", "qr(Z).R", "qr(Z).Q @ qr(Z).Q.H"])
@pytest.mark.parametrize("shape", ["k m", "n n"])
def test_a_complex_qr_is_confirmed_with_the_real_diagonal_that_it_has(text: str, shape: str) -> None:
    assert gw.derive(gw.parse(text, Z=f"{shape} complex"), wrt="Z").verify().right


@pytest.mark.slow
def test_the_matrix_of_reciprocals_of_a_complex_spectrum_is_complex() -> None:
    D = gw.derive(gw.parse("eig(Z).eigenvectors", Z="n n complex"), wrt="Z")
    assert D.verify().right
    assert "off(F*)" in str(D)


def test_a_complex_scalar_has_the_gradient_of_its_real_part() -> None:
    D = gw.derive(gw.parse("det(Z)", Z="n n complex"), wrt="Z")
    assert D.verify().right
    assert "Re(df) = ⟨det(Z)* Z⁻ᴴ, dZ⟩" in str(D)
    assert "where the values are complex, the gradient is that of their real part" in D.notes
    of_real_values = gw.derive(gw.parse("trace(Z.H @ Z)", Z="n m complex"), wrt="Z")
    assert "Re(df)" not in str(of_real_values) and not of_real_values.notes


def test_a_derivation_is_checked_where_the_derivative_is_not_zero() -> None:
    found = gw.derive(gw.parse("signm(X)", X="n n"), wrt="X").verify()
    assert found.right
    # With all eigenvalues on one side, as at the first point, the sign is a constant.
    assert "seed 0" not in found.point


def test_what_has_no_value_is_not_called_wrong() -> None:
    found = gw.derive(gw.parse("sqrt(-x @ x - 1)", x="n"), wrt="x").verify()
    assert not found.right
    assert str(found).startswith("NOT CHECKED")


def test_a_hermitian_variable_is_complex() -> None:
    H = np.array([[1, 1j], [-1j, 3]])
    slope = gw.derive(gw.parse("real(trace(A @ inv(H)))", A="n n complex", H="n n hermitian"), wrt="H").gradient
    A = np.array([[1, 2 + 1j], [3j, 4]])
    raw = -np.linalg.inv(H) @ A.conj().T @ np.linalg.inv(H)
    assert np.allclose(slope.evaluate(A=A, H=H), (raw + raw.conj().T) / 2)
    assert gw.parse("H", H="n n hermitian").text() == "H"
    assert gw.equal(gw.parse("H.H", H="n n hermitian"), gw.parse("H", H="n n hermitian"))


def test_a_power_of_a_dimension_reads_back() -> None:
    J = gw.derive(gw.parse("vec(inv(X))", X="n n"), wrt="X").jacobian
    back = gw.parse(J.text(), X="n n")
    X = np.diag([1.0, 2, 3]) + np.arange(9).reshape(3, 3) / 10
    assert np.allclose(back.evaluate(X=X), J.evaluate(X=X))


@pytest.mark.parametrize("kind", ["gradient", "hessian", "differential", "vjp"])
@pytest.mark.parametrize(
    ("text", "declared", "value", "reason"),
    [
        ("sum(log(x))", "n", np.array([-2.0, 1.0, 3.0]), r"log\(x\) is not a number .* x > 0"),
        ("sum(log1p(x - 1))", "n", np.array([4.0, -1.0, 9.0]), r"log1p\(x − 1\) is not a number"),
    ],
)
def test_where_the_function_has_no_value_there_is_no_derivative(
    kind: str, text: str, declared: str, value: np.ndarray, reason: str
) -> None:
    """`1 / x` has values where log(x) has none."""
    derivative = getattr(gw.derive(gw.parse(text, x=declared), wrt="x"), kind)
    more = {"differential": {"dx": np.ones(value.shape)}, "vjp": {"G": 1.0}}.get(kind, {})
    assert np.all(np.isfinite(derivative.evaluate(x=abs(value), **more)))
    with pytest.raises(ConditionError, match=reason):
        derivative.evaluate(x=value, **more)


@pytest.mark.parametrize("text", ["x @ x", "sin(x)", "inv(outer(x, x) + eye(n))"])
def test_what_is_checked_is_the_expression_as_it_was_written(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A simplification that changes the value is found, though the derivative of what it made is right."""
    derivation = gw.derive(gw.parse(text, x="n"), wrt="x")
    assert derivation.verify().right
    wrong = gw.derive(gw.parse(text, x="n"), wrt="x")
    monkeypatch.setattr("gradwright.api.question.simplify", lambda node: scaled(Fraction(3), simplify(node)))
    assert not all(step.check for step in wrong.steps)
    failed = {finding.name for finding in wrong.verify().findings if not finding.passed}
    assert {"jvp against differences", "vjp against differences", "Jacobian in x against differences"} <= failed


@pytest.mark.parametrize(
    ("text", "declared", "wrt"),
    [
        ("sum(sign(Y) @ x)", {"x": "n", "Y": "n n symmetric"}, "Y"),  # differences at some points run over a jump
        ("logdet(2 * L @ K @ L.T)", {"L": "n n lower", "K": "n n unit_lower"}, "K"),  # the gradient is rounding alone
    ],
)
def test_what_does_not_move_is_confirmed(text: str, declared: dict[str, str], wrt: str) -> None:
    verification = gw.derive(gw.parse(text, **declared), wrt=wrt).verify()
    assert verification.right, str(verification)


@pytest.mark.slow
def test_what_has_no_value_anywhere_is_not_called_wrong() -> None:
    verification = gw.derive(gw.parse("logdet(triu(Y, 1))", Y="n n"), wrt="Y").verify()
    assert str(verification).startswith("NOT CHECKED, for want of a value")


def test_what_cancels_within_a_norm_is_not_called_wrong() -> None:
    """With more columns than rows nothing is left of the residual, and its gradient is rounding."""
    derived = gw.derive(gw.parse("norm(b - A @ lstsq(A, b))**2", A="n m", b="n"), wrt="b")
    assert derived.verify().right


def test_a_variable_is_named_by_its_expression_too() -> None:
    X, A = gw.matrix("X", "n", "n"), gw.matrix("A", "n", "m")
    product = gw.inv(X) @ A
    assert gw.derive(product, wrt=X).vjp == gw.derive(product, wrt="X").vjp
    assert gw.derive(product, wrt=[A, "X"]).wrt == ("A", "X")
    with pytest.raises(DerivationError, match=r"wrt takes a variable, or several, and X @ A is none"):
        gw.derive(product, wrt=X @ A)


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("text", "declared", "solved"),
    [
        ("svd(A).S", "m n", ()),
        ("eigh(A).eigenvalues", "n n symmetric", ()),
        ("ldl(A).D", "n n symmetric", ()),
        ("qr(A).R", "m n", ("Ω",)),
        ("lu(A).L", "n n", ("M_L",)),
        ("svd(A).Vh", "m n", ("Ω_V",)),
    ],
)
def test_only_what_the_result_needs_is_solved_for(text: str, declared: str, solved: tuple[str, ...]) -> None:
    D = gw.derive(gw.parse(text, A=declared), wrt="A")
    lefts = [step.statement.text.partition(" = ")[0] for step in D.steps if step.part == "differential"]
    assert [left for left in lefts if left in ("Ω", "M", "M_L", "M_U", "Ω_U", "Ω_V")] == list(solved)
    assert D.verify().right


def test_a_diagonal_is_compared_where_that_gives_the_result() -> None:
    text = str(gw.derive(gw.parse("svd(A).S", A="m n"), wrt="A"))
    assert "Ω_U diag(S) + diag(dS) − diag(S) Ω_V = Uᵀ dA V" in text
    assert "dS = diagonal(Uᵀ dA V)" in text and "[compare entries: the diagonal part]" in text


@pytest.mark.slow
def test_a_hessian_whose_condition_no_point_of_the_set_fulfils_is_not_called_wrong() -> None:
    found = gw.derive(gw.parse("sum(svdvals(K - eye(n)))", K="n n skew"), wrt="K").verify()
    assert found.right
    assert any(
        remark.startswith("the Hessian in K is not checked: the derivative divides by") for remark in found.remarks
    )


def test_whole_numbers_that_no_float_holds_are_read_and_told() -> None:
    expression = gw.parse("x * 910**9**3", x="")
    assert gw.parse(f"x * {910**729}", x="") == expression
    derivation = gw.derive(expression)
    assert derivation.text() and derivation.source("torch")


def test_the_inverse_of_a_stack_of_matrices_is_told_by_its_differential() -> None:
    D = gw.derive(gw.parse("inv(X)", X="k n n"), wrt="X")
    assert D.steps[0].rule == "differential of inv"
    assert D.verify().right


def test_verify_holds_code_to_the_expression(monkeypatch: pytest.MonkeyPatch) -> None:
    """What optimising or lowering gets wrong consistently, in a value and its gradients, is seen."""
    derivation = gw.derive(gw.parse("sin(t) * sum((s * ones(m))[1:])", s="", t="", A="m"))
    report = derivation.verify("torch")
    assert report.right
    names = [finding.name for finding in report.findings if finding.name.startswith("code")]
    kinds = ("value", "gradients against differences")
    assert names == [f"code for {library}, {kind}" for library in ("NumPy", "PyTorch") for kind in kinds]

    def halved(roots: Any, *_: Any, **__: Any) -> dict[str, Node]:
        return {name: scaled(Fraction(1, 2), node) for name, node in roots.items()}

    monkeypatch.setattr("gradwright.api.compiled._CACHE", {})
    monkeypatch.setattr("gradwright.api.compiled.optimise", halved)
    monkeypatch.setattr("gradwright.api.forms.optimise", halved)
    wrong = [finding.name for finding in derivation.verify().findings if not finding.passed]
    assert wrong == names[:2]
    free = gw.derive(gw.parse("eigh(S).eigenvectors", S="n n symmetric")).verify()
    assert [finding.name for finding in free.findings if not finding.passed] == names[:2]


@pytest.mark.slow
def test_verify_knows_the_code_that_it_can_try() -> None:
    with pytest.raises(gw.errors.EmissionError, match="'fortran' is neither"):
        gw.derive(gw.parse("inv(X)")).verify("fortran")
    choice = gw.derive(gw.parse("eigh(S).eigenvectors", S="n n symmetric")).verify()
    assert choice.right and not choice.remarks
    # NumPy's factors are the evaluator's; PyTorch normalises eigenvectors in its own way.
    other = gw.derive(gw.parse("eig(A).eigenvectors", A="n n")).verify("torch")
    assert other.right and "code for PyTorch is not checked" in other.remarks[-1]
    assert any(finding.name.startswith("code for NumPy") for finding in other.findings)
