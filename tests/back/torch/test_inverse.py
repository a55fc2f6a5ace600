"""The whole way for the inverse: the module, its tests, its messages, and the live function."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from numerics import ROUNDING

import gradwright as gw

DERIVATION = gw.derive(gw.parse("inv(X)"), wrt="X")
inverse = DERIVATION.function("torch")


def generic(n: int = 20) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(n, n, dtype=torch.float64, generator=generator) + 8 * torch.eye(n, dtype=torch.float64)


def test_the_module_holds_the_derivation_and_one_formula() -> None:
    source = DERIVATION.source("torch")
    assert "d(X⁻¹) = −X⁻¹ dX X⁻¹" in source
    assert "return -(Y.mH @ G @ Y.mH)" in source
    assert "return -(Y @ dX @ Y)" in source


def test_gradients_of_a_large_generic_matrix() -> None:
    X = generic().requires_grad_()
    assert torch.autograd.gradcheck(inverse, (X,), check_forward_ad=True, check_batched_grad=True, nondet_tol=ROUNDING)
    small = generic(5).requires_grad_()
    assert torch.autograd.gradgradcheck(inverse, (small,), check_fwd_over_rev=True, nondet_tol=ROUNDING)


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (torch.ones(3), ValueError, "Input X to inv has 1 dimension(s), expected 2"),
        (torch.ones(3, 4), ValueError, "Input X to inv is not square, got dimensions (3, 4)"),
        (torch.ones(3, 3).long(), TypeError, "dtype torch.int64"),
        ([[1.0]], TypeError, "is a list, expected a tensor"),
        (torch.zeros(3, 3), torch.linalg.LinAlgError, "singular"),
    ],
)
def test_bad_input_is_refused_with_count_and_shape(bad: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        inverse(bad)
    assert message in str(caught.value)


@pytest.mark.parametrize("text", ["inv(X) @ A", "solve(X, A)"])
def test_a_singular_system_is_refused_in_these_words(text: str) -> None:
    function = gw.derive(gw.parse(text, X="n n", A="n m"), wrt="X").function("torch")
    with pytest.raises(torch.linalg.LinAlgError, match="singular"):
        function(torch.ones(3, 3), torch.ones(3, 2))


@pytest.mark.parametrize(
    ("text", "shapes", "told"),
    [
        ("inv(X) @ A", {"X": (3, 2, 2), "A": (4, 2, 3)}, "function cannot be broadcast: X (3,), A (4,)"),
        ("a * inv(X)", {"a": (2, 5), "X": (4, 2, 2)}, "function cannot be broadcast: a (2, 5), X (4,)"),
        ("sylvester(X, Y, A)", {"X": (3, 2, 2), "Y": (2, 1, 3, 3), "A": (4, 2, 3)}, "X (3,), Y (2, 1), A (4,)"),
    ],
)
def test_batch_dimensions_that_do_not_fit_are_refused(text: str, shapes: dict[str, tuple[int]], told: str) -> None:
    declared = {"a": "", "X": "n n", "Y": "m m", "A": "n m"}
    function = gw.derive(gw.parse(text, **{name: declared[name] for name in shapes})).function("torch")
    with pytest.raises(ValueError) as caught:
        function(**{name: torch.rand(shape) for name, shape in shapes.items()})
    assert told in str(caught.value)


def test_the_live_function_is_cached_takes_keywords_and_shows_its_lines() -> None:
    assert gw.derive(gw.parse("inv(X)"), wrt="X").function("torch") is inverse
    X = generic(3)
    assert torch.equal(inverse(X=X), inverse(X))
    with pytest.raises(ValueError, match="not square") as caught:
        inverse(torch.ones(2, 3))
    assert "raise ValueError(" in str(caught.traceback[-1].statement)


def test_an_unknown_target_and_a_module_that_cannot_be_imported_are_refused() -> None:
    with pytest.raises(gw.GradwrightError, match="target"):
        DERIVATION.source("tensorflow")
    with pytest.raises(gw.GradwrightError, match="imported"):
        DERIVATION.tests("torch", module="my-module")


@pytest.mark.slow
def test_the_emitted_tests_pass_and_catch_a_wrong_backward(tmp_path: Path) -> None:
    source = DERIVATION.source("torch")
    (tmp_path / "inverse.py").write_text(source, encoding="utf-8")
    (tmp_path / "wrong.py").write_text(source.replace("-(Y.mH @ G @ Y.mH)", "-(Y @ G @ Y)"), encoding="utf-8")
    for module in ("inverse", "wrong"):
        (tmp_path / f"test_{module}.py").write_text(DERIVATION.tests("torch", module=module), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"]
    right, wrong = (
        subprocess.run([*command, f"test_{m}.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
        for m in ("inverse", "wrong")
    )
    assert right.returncode == 0, right.stdout
    assert "FAILED test_wrong.py::test_gradients" in wrong.stdout
