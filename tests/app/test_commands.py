"""The command line: what it prints, its exit codes and its errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import gradwright as gw
from gradwright.app.main import main
from gradwright.errors import GradwrightError

SNAPSHOTS = Path(__file__).with_name("snapshots")
PRINTED = {
    "inverse": ["derive", "inv(X)"],
    "inverse-brief": ["derive", "inv(X)", "--brief"],
    "inverse-full": ["derive", "inv(X)", "--full"],
    "inverse-ascii": ["derive", "inv(X)", "--full", "--ascii"],
    "inverse-latex": ["derive", "inv(X)", "--full", "--format", "latex"],
    "product-all": ["derive", "inv(X) @ A", "--var", "A: n m", "--wrt", "X", "--show", "all"],
    "two-variables": ["derive", "trace(A @ inv(X))", "--var", "A: n n, X: n n"],
    "projection": ["derive", "trace(A @ S @ S)", "--var", "S: n n symmetric", "--var", "A: n n", "--wrt", "S"],
    "rules-qr": ["rules", "qr"],
    "define": [
        "define",
        "Y @ inv(A) @ Y = B",
        "--unknown",
        "Y: n n spd",
        "--given",
        "A: n n spd, B: n n spd",
        "--wrt",
        "B",
    ],
}


def run(*arguments: str) -> str:
    result = CliRunner().invoke(main, list(arguments))
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


@pytest.mark.parametrize("name", PRINTED)
def test_a_command_prints_its_snapshot(name: str) -> None:
    """Set UPDATE_SNAPSHOTS to write what is printed now, and read the difference."""
    printed, snapshot = run(*PRINTED[name]), SNAPSHOTS / f"{name}.txt"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        snapshot.write_text(printed, encoding="utf-8")
    assert printed == snapshot.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("show", "shown"),
    [
        ("vjp", "−X⁻ᵀ G Aᵀ X⁻ᵀ"),
        ("jacobian", "roll₄→₂(−X⁻¹ ⊗ X⁻¹ A)"),
    ],
)
def test_one_derivative_alone(show: str, shown: str) -> None:
    assert run("derive", "inv(X) @ A", "--var", "A: n m", "--wrt", "X", "--show", show).strip() == shown


def test_unknowns_of_an_identity_alone_or_together() -> None:
    question = (
        "define",
        "Q @ R = A",
        "--unknown",
        "Q: n m stiefel, R: m m upper",
        "--given",
        "A: n m",
        "--show",
        "vjp",
    )
    both, one = run(*question), run(*question, "--of", "R")
    assert both.startswith("Q:\n") and both.endswith(f"\n\nR:\n{one}") and one.startswith("Q (tril(R Gᵀ")
    for wrong, said in ((("--of", "S"), "there is no unknown 'S'"), (("--format", "json"), "choose it with --of")):
        with pytest.raises(GradwrightError, match=said):
            run(*question, *wrong)


def test_derivatives_of_a_scalar_alone() -> None:
    question = ("derive", "norm(X @ w - y)**2", "--var", "X: n m, w: m, y: n", "--wrt", "w")
    assert run(*question, "--show", "gradient").strip() == "2 Xᵀ (X w − y)"
    assert run(*question, "--show", "hessian").strip() == "2 Xᵀ X"
    assert run(*question, "--show", "hessian", "--ascii").strip() == "2 * X.T @ X"


def test_without_wrt_every_variable_is_told() -> None:
    assert run("derive", "A @ B", "--var", "A: n m, B: m k", "--show", "vjp").splitlines() == ["A: G Bᵀ", "B: Aᵀ G"]


def test_an_expression_may_begin_with_a_minus() -> None:
    assert run("derive", "-x @ x / 2", "--var", "x: n", "--show", "gradient").strip() == "−x"
    assert run("derive", "--show", "gradient", "-2 * x @ x", "--var", "x: n").strip() == "−4 x"
    assert "No such option '-y'" in run("derive", "-y", "x @ x", "--var", "x: n")


def test_json_is_replayed() -> None:
    text = run("derive", "cholesky(K)", "--var", "K: n n spd", "--format", "json")
    record = json.loads(text)
    assert [step["passed"] for step in record["steps"]] == [True] * len(record["steps"])
    assert [str(step.statement) for step in gw.Derivation.from_json(text).steps] == [
        step["statement"] for step in record["steps"]
    ]


def test_a_changed_record_is_not_replayed() -> None:
    text = run("derive", "inv(X)", "--format", "json")
    with pytest.raises(GradwrightError, match="step 4 says"):
        gw.Derivation.from_json(text.replace("d(X⁻¹) = −X⁻¹ dX X⁻¹", "d(X⁻¹) = X⁻¹ dX X⁻¹", 1))


def test_all_shows_the_hessian_of_a_scalar_by_pairs_of_variables() -> None:
    lines = run("derive", "x @ A @ y", "--var", "A: n m, x: n, y: m", "--wrt", "x,y", "--show", "all").splitlines()
    hessians = ["Hessian in x, x   0", "Hessian in x, y   A", "Hessian in y, x   Aᵀ", "Hessian in y, y   0"]
    assert lines[-5:] == ["differential      yᵀ Aᵀ dx + xᵀ A dy", *hessians]
    shown = run("derive", "x @ A @ y", "--var", "A: n m, x: n, y: m", "--wrt", "x,y", "--show", "hessian")
    assert shown.splitlines() == ["x, x: 0", "x, y: A", "y, x: Aᵀ", "y, y: 0"]


def test_all_says_why_there_is_no_jacobian() -> None:
    assert "\nJacobian in z   none: the differential contains both" in run(
        "derive", "abs(z)", "--var", "z: n complex", "--show", "all"
    )


@pytest.mark.parametrize("command", ["derive", "emit", "rules"])
def test_help_ends_with_examples(command: str) -> None:
    printed = run(command, "--help")
    assert f"\n  Examples:\n    gradwright {command}" in printed


WRONG = [
    (["derive", "X ^ 2", "--var", "X: n n"], "'^' is not a power here"),
    (["derive", "inve(X)"], "did you mean inv"),
    (["derive", "A @ B", "--var", "A: n m, B: n m"], "n × m"),
    (["derive", "inv(A)", "--var", "A: n m"], "square"),
    (["derive", "x @ inv(X) @ y"], "does not say whether"),
    (["derive", "inv(X)", "--wrt", "Z"], "'Z' does not occur"),
    (["derive", "inv(X)", "--var", "X n n"], "is not a declaration"),
    (["derive", "inv(X)", "--var", "X: n n", "--var", "X: m m"], "declared twice"),
    (["derive", "inv(X)", "--show", "gradient"], "only a scalar has a gradient"),
    (["derive", ""], "empty"),
    (["derive", "X.__class__", "--var", "X: n n"], "is not in the language"),
    (["derive", "[x for x in X]", "--var", "X: n n"], ""),
    (["rules", "invv"], "did you mean"),
    (["emit", "inv(X)", "-o", "not-a-name.py"], "cannot be imported"),
    (["emit", "inv(X)", "-o", "class.py"], "cannot be imported"),
    (["emit", "inv(X)", "-o", "torch.py"], "in place of the module 'torch'"),
    (["emit", "inv(X)", "-o", "math.py", "--target", "numpy"], "in place of the module 'math'"),
    (["emit", "inv(X)", "-o", "no_such_folder/inverse.py"], "does not exist"),
]


@pytest.mark.parametrize(("arguments", "words"), WRONG, ids=[" ".join(a)[:40] for a, _ in WRONG])
def test_a_question_that_cannot_be_understood_is_one_paragraph(arguments: list[str], words: str) -> None:
    with pytest.raises(GradwrightError) as caught:
        run(*arguments)
    message = str(caught.value)
    assert words in message
    assert "\n" not in message
    assert "Traceback" not in message


def test_files_that_exist_are_written_over_only_when_that_is_asked_for(tmp_path: Path) -> None:
    module, tests = tmp_path / "inverse.py", tmp_path / "test_inverse.py"
    tests.write_text("# by hand\n", encoding="utf-8")
    with pytest.raises(GradwrightError, match=r"'.*test_inverse.py' exists already: .*--force"):
        run("emit", "inv(X)", "-o", str(module))
    assert tests.read_text(encoding="utf-8") == "# by hand\n" and not module.exists()
    run("emit", "inv(X)", "-o", str(module), "--force")
    assert "test_gradients" in tests.read_text(encoding="utf-8")
    assert run("emit", "inv(X)", "-o", str(module)).startswith(f"wrote {module}")


def test_a_file_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "test_inverse.py").mkdir()
    with pytest.raises(GradwrightError, match="is a folder"):
        run("emit", "inv(X)", "-o", str(tmp_path / "inverse.py"))
    assert not (tmp_path / "inverse.py").exists()
    (tmp_path / "no_folder").touch()
    with pytest.raises(GradwrightError, match="cannot be written"):
        run("emit", "inv(X)", "-o", str(tmp_path / "no_folder" / "inverse.py"), "--target", "numpy")


def test_exit_codes_and_errors_of_the_program_itself() -> None:
    program = [sys.executable, "-m", "gradwright.app.main"]
    wrong = subprocess.run([*program, "derive", "inv(X"], capture_output=True, text=True, check=False)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.startswith("gradwright: the text is not an expression")
    assert wrong.stderr.count("\n") == 1
    usage = subprocess.run([*program, "derive"], capture_output=True, text=True, check=False)
    assert usage.returncode == 2


def test_formulas_are_written_where_the_encoding_has_no_signs_for_them() -> None:
    windows = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    command = [sys.executable, "-m", "gradwright.app.main", "derive", "inv(X)", "--show", "vjp"]
    done = subprocess.run(command, capture_output=True, check=True, env=windows)
    assert done.stdout.decode("utf-8").strip() == "−X⁻ᵀ G X⁻ᵀ"


def test_two_levels_of_detail_exclude_each_other() -> None:
    result = CliRunner().invoke(main, ["derive", "inv(X)", "--brief", "--full"])
    assert result.exit_code == 2
    assert "exclude each other" in result.output
