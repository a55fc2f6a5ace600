"""`gradwright check` from the command line, and the assertion for tests."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from gradwright.app.main import main
from gradwright.errors import GradwrightError
from gradwright.testing import assert_gradient

SOURCE = """
import torch

print("printed while it is imported")


def right(X):
    return torch.linalg.inv(X)


wrong = (None, lambda G, X: torch.linalg.inv(X).T @ G @ torch.linalg.inv(X).T)

number = 3


def backward(G, X, A):
    Y = torch.linalg.inv(X)
    return -Y @ G @ (Y @ A).T
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "my_functions.py"
    path.write_text(SOURCE, encoding="utf-8")
    return path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["check", *arguments])


def test_exit_code_0_for_what_is_right(file: Path) -> None:
    result = run(f"{file}:right", "inv(X)")
    assert result.exit_code == 0, result.output
    assert "right as inv(X), by X: right" in result.stdout


def test_exit_code_1_for_what_is_wrong(file: Path) -> None:
    result = run(f"{file}:wrong", "inv(X)")
    assert result.exit_code == 1
    assert "wrong_sign" in result.stdout


def test_a_function_of_the_cotangent_is_a_backward(file: Path) -> None:
    result = run(f"{file}:backward", "inv(X) @ A", "--var", "A: n m", "--wrt", "X")
    assert result.exit_code == 1 and "[missing_transpose]" in result.stdout
    result = run(f"{file}:backward", "--var", "X: n n", "--var", "A: n m")
    assert "a backward alone is no forward to be traced" in str(result.exception)


def test_json_is_all_that_is_printed(file: Path) -> None:
    result = run(f"{file}:wrong", "inv(X)", "--json")
    report = json.loads(result.stdout)
    assert report["labels"] == ["wrong_sign"] and not report["right"]
    assert report["findings"][0]["right_formula"] == "−X⁻ᵀ G X⁻ᵀ"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("{file}:wrongg", "did you mean 'wrong'"),
        ("{file}:other", "it has right, wrong, number, backward"),
        ("{file}", "names no function"),
        ("{file}x:wrong", "does not import|no file"),
        ("no.such.module:f", "does not import"),
        ("{file.parent}:wrong", "is a folder: name the file in it"),
        ("{file}:number", "is of type int: name a function"),
    ],
)
def test_what_cannot_be_found_is_a_usage_error(file: Path, target: str, message: str) -> None:
    result = run(target.format(file=file), "inv(X)")
    assert isinstance(result.exception, GradwrightError)
    with pytest.raises(GradwrightError, match=message):
        raise result.exception


@pytest.mark.parametrize("text", ["def f(:\n", "import no_such_module\n", "1 / 0\n", "raise SystemExit(3)\n"])
def test_a_file_that_does_not_import(tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken.py"
    path.write_text(text, encoding="utf-8")
    result = run(f"{path}:f", "inv(X)")
    assert isinstance(result.exception, GradwrightError)
    assert "does not import" in str(result.exception)
    sys.modules.pop("__gradwright_checked__", None)


@pytest.mark.parametrize(("ending", "code"), [("sys.exit(0)", 2), ("raise KeyboardInterrupt", 130)])
def test_what_ends_the_program_is_no_verdict(tmp_path: Path, ending: str, code: int) -> None:
    path = tmp_path / "ending.py"
    path.write_text(f"import sys\n\ndef function(X):\n    {ending}\n", encoding="utf-8")
    result = run(f"{path}:function", "inv(X)")
    assert (2 if isinstance(result.exception, GradwrightError) else result.exit_code) == code
    sys.modules.pop("__gradwright_checked__", None)


def test_the_assertion_returns_the_report_or_raises_it() -> None:
    assert assert_gradient(torch.linalg.inv, "inv(X)").right
    with pytest.raises(AssertionError, match="wrong_sign"):
        assert_gradient((None, lambda G, X, W: X.mT @ G), "-X @ W", wrt="W", variables={"X": "n n", "W": "n n"})


WITHOUT_TORCH = """
import sys
from gradwright.app.main import run

sys.argv = ["gradwright", "check", *sys.argv[1:]]
try:
    run()
finally:
    print("torch" in sys.modules)
"""


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [("missing.py:f", "inv(X)"), ("missing.py:f", "inv(X"), ("missing", "inv(X)")])
def test_what_is_asked_wrongly_is_said_without_waiting_for_pytorch(arguments: tuple[str, ...]) -> None:
    command = [sys.executable, "-c", WITHOUT_TORCH, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2 and result.stdout == "False\n", result.stderr
