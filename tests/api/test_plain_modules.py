"""Modules of plain NumPy and JAX functions."""

from __future__ import annotations

import subprocess
import sys

import jax
import numpy as np
import pytest
import torch
from numerics import close, generic_point

import gradwright as gw
from gradwright.core.nodes import Symbol

SCALARS = [
    ("norm(X @ w - y)**2 / 2", "w", {"X": "n d", "w": "d", "y": "n"}),
    ("logdet(K) + y @ inv(K) @ y", "K", {"K": "n n spd", "y": "n"}),
    ("trace(matrix_exp(X) @ A)", "X", {"X": "n n", "A": "n n"}),
    ("trace(sqrtm(X) @ A)", "X", {"X": "n n", "A": "n n"}),
    ("trace(logm(K) @ S)", "K", {"K": "n n spd", "S": "n n symmetric"}),
]
# Through eigenvalues.
SPECTRAL = [
    ("sum(exp(eigvalsh(S)))", "S", {"S": "n n symmetric"}),
    ("sum(sqrt(1 + svdvals(X)**2))", "X", {"X": "n m"}),
]
SKEW = np.array([[0, 1.0, 2, 3], [-1, 0, 4, 2], [-2, -4, 0, 5], [-3, -2, -5, 0]])
TENSORS = [
    ("inv(X) @ A", "X", {"X": "n n", "A": "n m"}),
    ("softmax(X @ w)", "w", {"X": "n d", "w": "d"}),
    ("cholesky(K)", "K", {"K": "n n spd"}),
    ("sylvester(A, B, C)", "A", {"A": "n n", "B": "m m", "C": "n m"}),
    ("polar(A).U", "A", {"A": "n m"}),
]


def inputs_of(expression: gw.Expression) -> dict[str, np.ndarray]:
    symbols = expression.signature.symbols
    point = generic_point(expression.node, symbols=symbols)
    return {s.name: point.values[s] for s in symbols if isinstance(s, Symbol)}


@pytest.mark.sampled
@pytest.mark.parametrize(("text", "wrt", "variables"), SCALARS + SPECTRAL, ids=[r[0] for r in SCALARS + SPECTRAL])
def test_scalar_functions_of_the_numpy_module_have_their_values(text: str, wrt: str, variables: dict) -> None:
    derivation = gw.derive(gw.parse(text, **variables), wrt=wrt)
    value = derivation.function("numpy")
    inputs = inputs_of(derivation.expression)
    move = {f"d{wrt}": np.cos(np.arange(inputs[wrt].size)).reshape(inputs[wrt].shape)}
    if {"spd", "symmetric"} & set(variables[wrt].split()):
        move = {f"d{wrt}": move[f"d{wrt}"] + move[f"d{wrt}"].T}
    assert close(value(**inputs), derivation.expression.evaluate(**inputs))
    assert close(value.gradient(**inputs), derivation.gradient.evaluate(**inputs))
    assert close(value.hvp(**inputs, **move), derivation.hvp.evaluate(**inputs, **move))
    assert close(value.jvp(**inputs, **move), derivation.jvp.evaluate(**inputs, **move))


@pytest.mark.sampled
@pytest.mark.parametrize(("text", "wrt", "variables"), TENSORS, ids=[row[0] for row in TENSORS])
def test_tensor_functions_of_the_numpy_module_have_their_values(text: str, wrt: str, variables: dict) -> None:
    derivation = gw.derive(gw.parse(text, **variables), wrt=wrt)
    value = derivation.function("numpy")
    inputs = inputs_of(derivation.expression)
    found = value(**inputs)
    assert close(found, derivation.expression.evaluate(**inputs))
    G = np.sin(np.arange(1, found.size + 1.0)).reshape(found.shape)
    assert close(value.vjp(**inputs, G=G), derivation.vjp.evaluate(**inputs, G=G))


@pytest.mark.slow
def test_the_module_runs_without_gradwright(tmp_path) -> None:
    text = gw.derive(gw.parse("trace(sqrtm(X) @ inv(X))", X="n n"), wrt="X").source("numpy")
    (tmp_path / "emitted.py").write_text(text, encoding="utf-8")
    program = (
        "import emitted, numpy, sys; emitted.gradient(numpy.diag([1.0, 2, 3])); print('gradwright' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    assert text.startswith('"""trace(sqrtm(X) @ inv(X)), with its derivatives.')


def test_an_unknown_target_is_refused() -> None:
    with pytest.raises(gw.EmissionError, match="numpy and jax"):
        gw.derive(gw.parse("inv(X)", X="n n")).source("julia")
    with pytest.raises(gw.EmissionError, match="numpy, torch, jax"):
        gw.parse("inv(X)", X="n n").compile("julia")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "wrt", "variables"), [*SCALARS, *SPECTRAL, *TENSORS], ids=[r[0] for r in [*SCALARS, *SPECTRAL, *TENSORS]]
)
def test_the_jax_module_works_under_jit_and_grad(text: str, wrt: str, variables: dict) -> None:
    import jax
    import jax.numpy as jnp

    with jax.enable_x64(True):
        derivation = gw.derive(gw.parse(text, **variables), wrt=wrt)
        value = derivation.function("jax")
        inputs = {name: jnp.asarray(x) for name, x in inputs_of(derivation.expression).items()}
        listed, place = list(inputs.values()), list(inputs).index(wrt)
        found = jax.jit(value)(*listed)
        assert close(found, derivation.expression.evaluate(**inputs))
        G = np.sin(np.arange(1, found.size + 1.0)).reshape(found.shape)
        pulled = jax.jit(jax.vjp(value, *listed)[1])(jnp.asarray(G))[place]
        wanted = derivation.vjp.evaluate(**inputs, G=G)
        if {"spd", "symmetric"} & set(variables[wrt].split()):
            pulled = (pulled + pulled.T) / 2
        assert close(pulled, wanted)
        batch = [jnp.stack([x, 1.1 * x]) for x in listed]
        assert close(jax.vmap(value)(*batch)[0], found)


def test_a_function_of_complex_variables_has_all_but_the_hessian() -> None:
    derivation = gw.derive(gw.parse("norm(A @ x)**2", A="n m complex", x="m complex"))
    function = derivation.function("numpy")
    generator = np.random.default_rng(1)
    A, x, dx = (generator.normal(size=(*s, 2)) @ [1, 1j] for s in ((3, 4), (4,), (4,)))
    assert close(function.gradient(A=A, x=x)[1], 2 * A.conj().T @ A @ x)
    assert close(function.hvp(A=A, x=x, dA=0 * A, dx=dx)[1], 2 * A.conj().T @ A @ dx)
    assert not hasattr(function, "hessian")
    assert "There is no function `hessian`: the differential contains both dx" in derivation.source("numpy")


def test_a_scalar_function_may_have_a_variable_called_like_a_cotangent() -> None:
    derivation = gw.derive(gw.parse("logdet(K) * norm(G)", K="n n spd", G="n"))
    G = np.array([3.0, 0.0, 4.0])
    assert close(derivation.function("numpy").gradient(K=2 * np.eye(3), G=G)[1], np.log(8) * G / 5)


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("kron(A, B) @ vec(C)", {"A": "n m", "B": "k l", "C": "l m"}),
        ("where(x > 0, x * y, y)", {"x": "n", "y": "n"}),
        ("x[2] * sum(x)", {"x": "n"}),
    ],
)
@pytest.mark.parametrize("target", ["numpy", "jax"])
def test_modules_have_nothing_unused_and_no_long_line(
    text: str, variables: dict[str, str], target: str, tmp_path
) -> None:
    (tmp_path / "module.py").write_text(gw.derive(gw.parse(text, **variables)).source(target), encoding="utf-8")
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--line-length=120", "--select=E,F,I,B,C4,UP"]
    done = subprocess.run([*ruff, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("library", ["numpy", "jax"])
@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.ones((2, 4, 4)), np.ones(3), r"Input X to \w+ has 3 dimension\(s\), expected 2"),
        (np.ones((2, 4)), np.ones(3), r"Input X to \w+ is not n × n with n = 2, got dimensions \(2, 4\)"),
        (np.ones((4, 4)), np.ones(5), r"Input y to \w+ is not 3, got dimensions \(5,\)"),
    ],
)
def test_other_shapes_than_declared_are_refused(library: str, x: np.ndarray, y: np.ndarray, message: str) -> None:
    value = gw.derive(gw.parse("a * sum(X * X) + sum(y)", X="n n", y="3", a=""), wrt="X").function(library)
    for function in (value, value.gradient):
        with pytest.raises(ValueError, match=message):
            function(x, y, 2.0)


@pytest.mark.parametrize("library", ["numpy", "jax"])
def test_sizes_that_are_made_of_others_are_held_to_them(library: str) -> None:
    value = gw.derive(gw.parse("kron(P, Q) @ A", A="n*m k", P="n n", Q="m m"), wrt="A").function(library)
    assert value(np.ones((6, 4)), np.ones((2, 2)), np.ones((3, 3))).shape == (6, 4)
    with pytest.raises(
        ValueError, match=r"Input A to value is not m\*n × k with m = 3, n = 2, got dimensions \(5, 4\)"
    ):
        value(np.ones((5, 4)), np.ones((2, 2)), np.ones((3, 3)))
    value = gw.derive(gw.parse("sum(x) * sum(y)", x="2*n+1", y="n+1")).function(library)
    with pytest.raises(ValueError, match=r"Input y to value is not n \+ 1 with n = 3, got dimensions \(5,\)"):
        value(np.ones(7), np.ones(5))


@pytest.mark.slow
@pytest.mark.parametrize("text", ["real(trace(sqrtm(Z) @ A))", "real(trace(inv(Z) @ A))"])
def test_jax_gradients_of_complex_variables_are_conjugates_of_the_derived_ones(text: str) -> None:
    """As `jax.grad` has them of its own functions, whether JAX differentiates or the derived rule does."""
    import jax

    derivation = gw.derive(gw.parse(text, Z="n n complex", A="n n complex"), wrt="Z")
    inputs = inputs_of(derivation.expression)
    with jax.enable_x64(True):
        found = jax.grad(derivation.function("jax"))(*map(jax.numpy.asarray, inputs.values()))
    assert close(found, derivation.gradient.evaluate(**inputs).conj())


@pytest.mark.slow
@pytest.mark.parametrize(
    "structure", ["symmetric", "skew", "lower", "unit_upper", "diagonal", "orthogonal", "hermitian"]
)
def test_gradients_of_jax_lie_in_the_tangent_space(structure: str) -> None:
    """Also of a derivative, and at a matrix that is not of the set, which is projected on it."""
    text, kind = ("trace(A @ inv(S))", "") if structure != "hermitian" else ("real(trace(A @ inv(S)))", " complex")
    derivation = gw.derive(gw.parse(text, S=f"n n {structure}{kind}", A="n n"), wrt="S")
    inputs = inputs_of(derivation.expression) if structure != "skew" else {"S": SKEW, "A": np.eye(4) + SKEW**2}
    with jax.enable_x64(True):
        value = derivation.function("jax")
        moved, A = jax.numpy.asarray(inputs["S"]), jax.numpy.asarray(inputs["A"])
        assert close(jax.grad(value)(moved, A), derivation.gradient.evaluate(**inputs).conj())
        if structure not in ("orthogonal", "hermitian"):  # the projection depends on the point; there is no Hessian
            assert close(jax.hessian(value)(moved, A), derivation.hessian.evaluate(**inputs))
            normal = moved + np.array([[0, 2.0], [1, 0]])[np.ix_(*2 * [np.arange(len(moved)) % 2])]
            assert close(jax.grad(value)(normal, A), derivation.function("numpy").gradient(normal, A))
            assert close(
                value(normal, A), derivation.function("torch")(*map(torch.tensor, (np.asarray(normal), inputs["A"])))
            )


@pytest.mark.slow
def test_a_local_name_of_one_function_is_no_function_of_the_module() -> None:
    text = "sum(eigvalsh(S) ** 3) * logsumexp(eigvalsh(S + A))"
    derivation = gw.derive(gw.parse(text, S="n n symmetric", A="n n symmetric"), wrt="S")
    inputs = inputs_of(derivation.expression)
    assert close(derivation.function("numpy").hessian(**inputs), derivation.hessian.evaluate(**inputs))
    with jax.enable_x64(True):
        assert close(derivation.function("jax").hessian(**inputs), derivation.hessian.evaluate(**inputs))


@pytest.mark.slow
def test_functions_that_jax_lacks_take_batches_in_hessians() -> None:
    import jax

    derivation = gw.derive(gw.parse("trace(logm(S) @ A)", S="n n spd", A="n n"), wrt="S")
    inputs = {"S": np.diag([1.0, 2, 3]) + 0.1, "A": np.arange(9.0).reshape(3, 3)}
    with jax.enable_x64(True):
        assert close(derivation.function("jax").hessian(**inputs), derivation.hessian.evaluate(**inputs))


def test_a_derivative_that_is_zero_takes_its_direction_and_its_cotangent() -> None:
    linear = gw.derive(gw.parse("a @ x", a="n", x="n"), wrt="x").function("numpy")
    a, x, dx = np.array([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]])
    assert close(linear.hvp(a, x, dx), np.zeros(3))
    steps = gw.derive(gw.parse("a * sign(x)", a="n", x="n"), wrt="x").function("numpy")
    assert close(steps.vjp(a, x, G=dx), np.zeros(3))
    assert close(steps.jvp(a, x, dx=dx), np.zeros(3))


def test_a_constant_of_complex_variables_has_a_module() -> None:
    derivation = gw.derive(gw.parse("sin(Z) @ triu(s * eye(n), 1)", Z="n n complex", s=""))
    value = derivation.function("numpy")
    assert not value(np.eye(3) + 1j, 2.0).any()
    assert [slope.shape for slope in value.vjp(np.eye(3) + 1j, 2.0, np.ones((3, 3)))] == [(3, 3), ()]
