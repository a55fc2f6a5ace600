"""Names that emitted modules and their tests may be given: of variables, dimensions, functions, outputs and files."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from numerics import ROUNDING
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck

import gradwright as gw

GENERATOR = torch.Generator().manual_seed(3)


def normal(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=GENERATOR)


def loaded(path: Path, text: str) -> ModuleType:
    """A module from a file with a text, imported by the file's name."""
    path.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def run_tests(derivation: gw.Derivation, folder: Path, name: str) -> list[str]:
    """Run what is emitted, in this process; the names of the tests that ran. Compiling is left to other tests."""
    loaded(folder / f"{name}.py", derivation.source("torch"))
    tests = vars(loaded(folder / f"test_{name}.py", derivation.tests("torch", module=name)))
    ran = [name for name, test in tests.items() if name.startswith("test_") and callable(test)]
    ran.remove("test_compiled")
    for test in ran:
        tests[test]()
    return ran


@pytest.mark.sampled
@pytest.mark.parametrize(
    "name",
    ["function", "_Function", "_check_types", "_broadcast", "_is_first_order", "_function", "_", "Outputs", "grad_K"],
)
def test_a_variable_may_be_called_like_what_is_private_to_the_module(name: str) -> None:
    function = gw.derive(gw.parse(f"logdet(K) * norm({name})", K="n n spd", **{name: "n"})).function("torch")
    factor = normal(3, 3)
    inputs = ((factor @ factor.T + torch.eye(3)).requires_grad_(), normal(3).requires_grad_())
    assert gradcheck(function, inputs, check_forward_ad=True, nondet_tol=ROUNDING)
    assert gradgradcheck(function, inputs, nondet_tol=ROUNDING)


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("a * sin(b)", {"a": "", "b": ""}),
        ("matrix_exp(a * A) @ x", {"a": "", "A": "n n", "x": "n"}),
        ('einsum("ijk,jl->lik", T, A)', {"T": "i j k", "A": "j l"}),
        ("norm(torch) * sum(Tensor)", {"torch": "pytest", "Tensor": "test_value"}),
        ("trace(turned.T @ half @ turned)", {"turned": "plain GENERATOR stiefel", "half": "plain plain"}),
        ("trace(ORIGIN @ math @ ORIGIN.T)", {"ORIGIN": "normal normal orthogonal", "math": "normal normal symmetric"}),
        ("norm(function) * sum(point)", {"function": "leaves", "point": "gradcheck"}),
    ],
)
def test_the_emitted_tests_pass_for_scalars_and_with_any_names(
    text: str, variables: dict[str, str], tmp_path: Path
) -> None:
    assert "test_value" in run_tests(gw.derive(gw.parse(text, **variables)), tmp_path, "any_names")


def test_a_function_may_be_called_like_what_the_tests_call_their_own(tmp_path: Path) -> None:
    normal = gw.define("normal", "Y @ Y = X", unknown="Y: n n", given="X: n n", forward="scipy.linalg.sqrtm")
    assert "test_gradients" in run_tests(gw.derive(normal(gw.matrix("X", "n", "n"))), tmp_path, "any_function")


@pytest.mark.parametrize("name", ["my_loss", "point", "batch"])
def test_a_function_has_the_name_that_is_asked_for(name: str, tmp_path: Path) -> None:
    D = gw.derive(gw.parse("sum(softplus(X @ w))", X="n m", w="m"))
    module = loaded(tmp_path / f"named_{name}.py", D.source(name=name))
    assert module.__all__ == [name]
    assert f"import {name}" in D.tests(module=f"named_{name}", name=name)
    with pytest.raises(ValueError, match=f"Input w to {name} is not m"):
        D.function(name=name)(normal(4, 3), normal(4))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("X", "which is something else in its module"),
        ("torch", "which is something else"),
        ("a b", "such as my_function"),
    ],
)
def test_a_name_that_a_function_cannot_have_is_refused(name: str, message: str) -> None:
    with pytest.raises(gw.GradwrightError, match=message):
        gw.derive(gw.parse("inv(X)")).source(name=name)


def test_a_function_called_like_one_that_its_rules_need_is_refused() -> None:
    principal = gw.define("principal", "X @ Y = eye(n)", unknown="Y: n n", given="X: n n")
    X = gw.matrix("X", "n", "n")
    with pytest.raises(gw.EmissionError, match="'principal' twice"):
        gw.derive(gw.parse("sqrtm(X)", X="n n") @ principal(X)).source("torch")


def test_the_points_of_the_emitted_tests_do_not_depend_on_what_ran_before(tmp_path: Path) -> None:
    derivation = gw.derive(gw.parse("inv(X) @ a", X="n n", a="n"))
    loaded(tmp_path / "same_points.py", derivation.source("torch"))
    tests = loaded(tmp_path / "test_same_points.py", derivation.tests("torch", module="same_points"))
    for first, second in zip(tests.point(), tests.point(), strict=True):
        assert torch.equal(first, second)


def test_a_copy_of_a_module_that_was_changed_has_operators_of_its_own(tmp_path: Path) -> None:
    text = gw.derive(gw.parse("sqrtm(X)", X="n n")).source("torch")
    changed = text.replace("Y = principal(sqrtm, X)", "Y = -principal(sqrtm, X)")
    assert changed != text
    first, second = loaded(tmp_path / "root_one.py", text), loaded(tmp_path / "root_two.py", changed)
    X = torch.tensor([[1.0, 3, 0], [0, 4, 5], [0, 0, 9]], dtype=torch.float64)
    torch.testing.assert_close(first.sqrtm(X) @ first.sqrtm(X), X)
    torch.testing.assert_close(second.sqrtm(X), -first.sqrtm(X))


@pytest.mark.parametrize("name", ["class", "_first", "two words"])
def test_an_output_that_cannot_be_a_field_is_refused(name: str) -> None:
    x = gw.vector("x", "n")
    for outputs in ({name: gw.sum(x), "second": 2 * x}, {name: x}):
        with pytest.raises(gw.DerivationError, match="an output cannot be called"):
            gw.derive(outputs)


def test_a_dimension_of_the_output_that_no_input_has_is_refused() -> None:
    with pytest.raises(gw.EmissionError, match="the dimension 'm' cannot be read off the shape of any input"):
        gw.derive(gw.parse("outer(x, ones(m))", x="n")).source("torch")
