"""Modules of plain NumPy and JAX functions."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
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


@pytest.mark.parametrize(("text", "wrt", "variables"), TENSORS, ids=[row[0] for row in TENSORS])
def test_tensor_functions_of_the_numpy_module_have_their_values(text: str, wrt: str, variables: dict) -> None:
    derivation = gw.derive(gw.parse(text, **variables), wrt=wrt)
    value = derivation.function("numpy")
    inputs = inputs_of(derivation.expression)
    found = value(**inputs)
    assert close(found, derivation.expression.evaluate(**inputs))
    G = np.sin(np.arange(1, found.size + 1.0)).reshape(found.shape)
    assert close(value.vjp(**inputs, G=G), derivation.vjp.evaluate(**inputs, G=G))


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
