"""Compiled functions: how they are called, what they refuse, and results written in place."""

from __future__ import annotations

import copy
import pickle
import traceback

import jax
import numpy as np
import pytest
import torch

import gradwright as gw
from gradwright.errors import ConditionError, EvaluationError, UnsupportedError

RNG = np.random.default_rng(3)
X = RNG.normal(size=(4, 4)) + 5 * np.eye(4)
B = RNG.normal(size=(4, 3))


def test_inputs_go_by_name_or_by_place_in_the_declared_order() -> None:
    function = gw.parse("inv(X) @ B", X="n n", B="n m").compile()
    assert np.allclose(function(X, B), np.linalg.solve(X, B))
    assert np.allclose(function(B=B, X=X), function(X, B=B))
    assert gw.parse("inv(X) @ B", X="n n", B="n m").compile() is function


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("text", "declared"),
    [
        ("inv(X)", "n n"),
        ("svd(X).U", "m n complex"),
        ("eigh(X).eigenvectors", "n n hermitian"),
        ("care(X, X, X, X)", "n n"),
    ],
)
def test_compiled_functions_are_pickled(text: str, declared: str) -> None:
    vjp = gw.derive(gw.parse(text, X=declared), wrt="X").vjp
    for library in ("numpy", "torch", "jax"):
        function = vjp.compile(library, hints={"n": 30})
        again = pickle.loads(pickle.dumps(function))
        assert again.source == function.source
        assert copy.deepcopy(function).source == function.source


@pytest.mark.parametrize("library", ["numpy", "torch", "jax"])
def test_a_derivative_that_is_zero_takes_its_direction(library: str) -> None:
    product = gw.derive(gw.parse("a @ x", a="n", x="n"), wrt="x").hvp.compile(library)
    convert = {"numpy": np.asarray, "torch": torch.asarray, "jax": jax.numpy.asarray}[library]
    a, x, dx = (convert(B[:, i]) for i in range(3))
    with pytest.raises(EvaluationError, match="'dx'"):
        product(a=a, x=x, dx=dx[:2])
    assert np.array_equal(np.asarray(product(a=a, x=x, dx=dx)), np.zeros(4))
    assert np.array_equal(np.asarray(product(a, x, dx)), np.zeros(4))


def test_wrong_inputs_are_refused() -> None:
    function = gw.parse("inv(X) @ B", X="n n", B="n m").compile()
    with pytest.raises(EvaluationError, match="'B' is missing"):
        function(X)
    with pytest.raises(EvaluationError, match="no input 'C'"):
        function(X, B, C=B)
    with pytest.raises(EvaluationError, match="given twice"):
        function(X, X=X)
    with pytest.raises(EvaluationError, match="3 inputs"):
        function(X, B, B)
    with pytest.raises(EvaluationError, match="'B' is declared as n × m with n = 4"):
        function(X, B[:3])
    with pytest.raises(EvaluationError, match="has 1 dimension"):
        function(X, B[:, 0])


@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize("text", ["inv(X) @ B", "outer(solve(X.T, B[:, 0]), solve(X, B[:, 1]))"])
def test_a_violated_condition_is_named(library: str, text: str) -> None:
    function = gw.parse(text, X="n n", B="n m").compile(library)
    with pytest.raises(ConditionError, match=r"(?i)singular"):
        function(np.zeros((4, 4)), B)


@pytest.mark.parametrize(("text", "structure"), [("solve(K, x)", "spd"), ("solve_triangular(K, x)", "lower")])
@pytest.mark.parametrize("entry", [np.nan, np.inf])
def test_right_sides_that_are_not_finite_go_through_systems(text: str, structure: str, entry: float) -> None:
    function = gw.parse(text, K=f"n n {structure}", x="n").compile()
    assert not np.isfinite(function(np.diag([1.0, 2, 3]), np.array([1, entry, 2]))[1])


def test_lists_and_whole_numbers_become_arrays() -> None:
    function = gw.parse("x @ y / 2", x="n", y="n").compile()
    assert function([1, 2], [3, 4]) == 5.5
    assert function([1, 2], [3, 4]).shape == ()
    assert gw.parse("x @ y / 2", x="n", y="n").compile("torch")([1, 2], [3, 4]) == 5.5


@pytest.mark.parametrize("library", ["numpy", "torch", "jax"])
def test_numbers_and_lists_have_the_precision_of_the_arrays_beside_them(library: str) -> None:
    convert = {"numpy": np.asarray, "torch": torch.asarray, "jax": jax.numpy.asarray}[library]
    function = gw.parse("a * X @ x", a="", X="n n", x="n").compile(library)
    single, x = convert(X.astype(np.float32)), B[:, 0].tolist()
    with jax.enable_x64(True):
        assert str(function(a=2.0, X=single, x=x).dtype).endswith("float32")
        assert np.allclose(function(a=2, X=single, x=convert(np.array(x))), 2 * X @ x, rtol=1e-5)


def test_what_has_no_numbers_to_read_is_told() -> None:
    product = gw.parse("X @ x", X="n n", x="n")
    T = torch.tensor(X)
    for value in (product.evaluate, product.compile("numpy")):
        with pytest.raises(EvaluationError, match=r"compile\('jax'\)"):
            jax.jit(lambda A, value=value: value(X=A, x=B[:, 0]))(X)
        with pytest.raises(EvaluationError, match=r"compile\('torch'\)"):
            torch.func.vmap(lambda A, value=value: value(X=A, x=B[:, 0]))(T[None])
        with pytest.raises(EvaluationError, match=r"compile\('torch'\)"):
            value(X=T.to("meta"), x=B[:, 0])
        with pytest.raises(EvaluationError, match="an expression is no array"):
            value(X=gw.matrix("A", "n", "n"), x=B[:, 0])
        assert np.allclose(value(X=torch.complex(T, T).conj().imag, x=B[:, 0]), -X @ B[:, 0])


def test_an_array_that_cannot_be_written_into_is_an_input_of_pytorch_code() -> None:
    fixed = X.copy()
    fixed.flags.writeable = False
    assert np.allclose(gw.parse("2 * X", X="n n").compile("torch")(X=fixed), 2 * X)


@pytest.mark.parametrize("text", ["X[9, :]", "X[:, 2:5]", "X[0, :] * X[4, :]"])
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_a_place_outside_an_axis_is_refused(library: str, text: str) -> None:
    expression = gw.parse(text, X="n m")
    for function in (expression.compile(library), expression.evaluate):
        with pytest.raises(EvaluationError, match="outside an axis of length"):
            function(X=B)


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_single_precision_stays_single(library: str) -> None:
    texts = [
        "inv(X) + eye(n)",
        "softmax(X, axis=1) / n",
        "X * pi + 1/3",
        "tril(X) @ ones(n)",
        "sqrt(n) * X",
        "trace(X)",
    ]
    for text in texts:
        value = gw.parse(text, X="n n").compile(library)(X.astype(np.float32))
        assert np.asarray(value).dtype == np.float32, text
        slope = gw.derive(gw.parse(text, X="n n"), wrt="X").jacobian.compile(library)(X.astype(np.float32))
        assert np.asarray(slope).dtype == np.float32, text


@pytest.mark.parametrize("text", ["stein(X, B)", "lyapunov(X, B)", "sylvester(X, X.T, B)", "sqrtm(X)", "logm(X)"])
@pytest.mark.parametrize("kind", ["float32", "complex64"])
def test_matrices_that_need_another_algorithm_for_their_size_stay_single(text: str, kind: str) -> None:
    point = {name: np.eye(12, dtype=kind) + RNG.normal(size=(12, 12)).astype(kind) / 20 for name in "XB"}
    field = "complex" if kind == "complex64" else ""
    for derived in (expression := gw.parse(text, X=f"n n {field}", B=f"n n {field}"), gw.derive(expression, "X").vjp):
        value = derived.compile()(**point, **({"G": point["B"]} if derived is not expression else {}))
        assert value.dtype == kind


@pytest.mark.parametrize("library", ["numpy", "torch", "jax"])
@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_a_constant_has_the_precision_of_the_inputs(library: str, kind: str) -> None:
    import jax

    slope = gw.derive(gw.parse("a + trace(X)", X="n n", a=""), wrt="a").gradient.compile(library)
    a = np.asarray(2.0, dtype=kind)
    with jax.enable_x64(True):
        value = slope(a=torch.from_numpy(a) if library == "torch" else a, X=B[:3])
        assert (value, np.asarray(value).dtype) == (1, kind)
        assert slope() == 1


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_directions_and_cotangents_that_drop_out_are_taken_all_the_same(library: str) -> None:
    derivation = gw.derive(gw.parse("sign(X)", X="n m"), wrt="X")
    with pytest.raises(EvaluationError, match="'G' is declared as n × m with n = 4"):
        derivation.vjp.compile(library)(X=B, G=B[:2])
    assert np.array_equal(derivation.vjp.compile(library)(X=B, G=B), np.zeros_like(B))
    assert np.array_equal(derivation.jvp.compile(library)(B, B), np.zeros_like(B))


@pytest.mark.parametrize("library", ["numpy", "torch", "jax"])
def test_complex_numbers_for_a_real_variable_are_refused(library: str) -> None:
    function = gw.derive(gw.parse("norm(X)**2", X="n n"), wrt="X").gradient.compile(library)
    with pytest.raises(EvaluationError, match="declared real"):
        function(torch.from_numpy(X + 1j) if library == "torch" else X + 1j)


@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize(
    "text", ["inv(X)", "X @ A @ X", "trace(X.T @ A @ X @ A)", "X * n", "-X", "A + X * 2", "tril(X)"]
)
def test_results_are_written_into_a_given_array(library: str, text: str) -> None:
    derivation = gw.derive(gw.parse(text, X="n n", A="n n"), wrt="X")
    inputs = {"X": X, "A": X.T + 1}
    for derived in (derivation.expression, derivation.jacobian):
        function = derived.compile(library)
        wanted = np.asarray(function(**inputs))
        out = np.empty(wanted.shape) if library == "numpy" else torch.empty(wanted.shape, dtype=torch.float64)
        assert function(**inputs, out=out) is out
        assert np.allclose(out, wanted)
    with pytest.raises(EvaluationError, match="out has shape"):
        function(**inputs, out=out[..., :2])
    for unfit in (np.empty(wanted.shape, int), torch.empty(wanted.shape, dtype=torch.int64), 3.0):
        with pytest.raises(EvaluationError, match="out"):
            function(**inputs, out=unfit)


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_a_result_may_be_written_over_an_input(library: str) -> None:
    function = gw.parse("X @ x", X="n n", x="n").compile(library)
    x = np.arange(1.0, 5)
    inputs = {"X": X, "x": x.copy()} if library == "numpy" else {"X": torch.tensor(X), "x": torch.tensor(x)}
    assert np.allclose(function(**inputs, out=inputs["x"]), X @ x)


def test_a_traceback_shows_the_generated_line() -> None:
    function = gw.parse("inv(X) @ B", X="n n", B="n m").compile()
    try:
        function(np.zeros((4, 4)), B)
    except ConditionError as error:
        assert "np.linalg.solve(X, B)" in "".join(traceback.format_exception(error))


def test_variables_may_be_called_like_modules_and_builtins() -> None:
    for name in ("np", "torch", "scipy", "float", "len", "weighted", "lambda_", "self", "text", "out"):
        expression = gw.parse(f"softmax({name}) + {name} / n", **{name: "n"})
        for library in ("numpy", "torch"):
            value = np.asarray(expression.compile(library)(**{name: B[:, 0]}))
            assert np.allclose(value, expression.evaluate(**{name: B[:, 0]})), name


@pytest.mark.parametrize(
    "text",
    [
        "trace(X) * X - X @ X",
        "X @ X + trace(X) * X.T",
        "X @ Y + trace(Y) * X.T",
        "diag(diagonal(X)) @ Y + X @ Y",
        "2 * X.T @ Y - 3 * trace(X @ Y) * Y",
        "trace(1 / X) * Y",
        "trace(X**(-2)) * diagonal(Y)",
        "outer(X * Y, ones(4))",
    ],
)
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_a_product_is_that_of_the_matrices_meant(library: str, text: str) -> None:
    expression = gw.parse(text, X="n n", Y="n n")
    Y = RNG.normal(size=(4, 4))
    names = {"X": X, "Y": Y}
    functions = {
        "trace": np.trace,
        "diag": np.diag,
        "diagonal": np.diagonal,
        "outer": np.multiply.outer,
        "ones": np.ones,
    }
    value = eval(text, functions, names)
    inputs = {name: torch.from_numpy(array) if library == "torch" else array for name, array in names.items()}
    assert np.allclose(np.asarray(expression.compile(library)(**inputs)), value)


def test_what_pytorch_cannot_differentiate_is_refused_and_not_wrong() -> None:
    function = gw.parse("trace(sqrtm(X))", X="n n").compile("torch")
    tensor = torch.as_tensor(X).requires_grad_()
    with pytest.raises(UnsupportedError, match="function"):
        function(tensor).backward()


def test_what_is_computed_outside_pytorch_has_values_under_vmap_and_no_derivative_under_transforms() -> None:
    root = gw.parse("sqrtm(X) @ B", X="n n", B="n m").compile("torch")
    stack, beside = torch.tensor(np.stack([X, X @ X])), torch.tensor(B)
    found = torch.vmap(lambda x: root(X=x, B=beside))(stack)
    assert np.allclose(found[1], X @ B)
    with pytest.raises(UnsupportedError, match="sqrtm is computed outside PyTorch"):
        torch.func.grad(lambda x: root(X=x, B=beside).sum())(stack[0])
    with pytest.raises(UnsupportedError, match="sqrtm is computed outside PyTorch"):
        torch.func.jvp(lambda x: root(X=x, B=beside), (stack[0],), (stack[1],))


@pytest.mark.parametrize("text", ["sqrtm(X)", "sqrtm(X) @ X"])
def test_a_matrix_without_a_square_root_is_refused(text: str) -> None:
    expression = gw.parse(text, X="n n")
    for X_there in (np.eye(3, k=1), np.array([[1.0, 2, 0], [2, 4, 1], [0, 0, 0]])):
        for function in (expression.compile(), expression.evaluate):
            with pytest.raises(ConditionError, match="has no square root"):
                function(X=X_there)


@pytest.mark.parametrize("library", ["numpy", "torch", "jax"])
@pytest.mark.parametrize("text", ["sqrtm(X)", "trace(logm(X))"])
def test_a_function_of_a_real_matrix_is_real_or_refused(library: str, text: str) -> None:
    with pytest.raises(ConditionError, match="a real matrix has an eigenvalue at which its function is not real"):
        gw.parse(text, X="n n").compile(library)(X=np.diag([-1.0, 2.0, 3.0]))


def test_sizes_are_read_off_sums_and_products_of_dimensions() -> None:
    expression = gw.parse("sum(x) / n", x="2*n")
    assert np.isclose(expression.compile()(np.ones(6)), 2.0)


@pytest.mark.slow
@pytest.mark.parametrize("text", ["trace(sqrtm(X) @ X)", "sum(softmax(X, axis=1) * X.T)", "trace(inv(X))"])
def test_jax_code_works_under_jit_grad_and_vmap(text: str) -> None:
    import jax
    import jax.numpy as jnp

    with jax.enable_x64(True):
        function = gw.parse(text, X="n n").compile("jax")
        wanted = gw.derive(gw.parse(text, X="n n"), wrt="X").gradient.evaluate(X=X)
        assert np.allclose(jax.jit(jax.grad(function))(jnp.asarray(X)), wanted)
        both = jax.vmap(jax.grad(function))(jnp.stack([X, X]))
        assert np.allclose(both[1], wanted)


def test_jax_code_transposes_no_matrix_to_multiply_a_vector() -> None:
    D = gw.derive(gw.parse("norm(A @ X.T @ y)**2", A="n n", X="m n", y="m"), wrt="y")
    assert ".T" not in D.gradient.compile("jax").source


def test_jax_code_compiled_at_its_second_call_is_the_same_function() -> None:
    with jax.enable_x64(True):
        x = jax.numpy.asarray([0.3, -0.7, 1.9])
        function = gw.parse("sum(tanh(x)**2)", x="n").compile("jax")
        first, *later = (function(x) for _ in range(3))
        assert np.allclose(later, first)
        slopes = [jax.vmap(jax.grad(function))(jax.numpy.stack([x, 2 * x])) for _ in range(2)]
        assert np.allclose(slopes[1], slopes[0])
        root = gw.parse("sqrtm(X)", X="n n").compile("jax")
        assert np.allclose(root(jax.numpy.asarray(X)), root(jax.numpy.asarray(X)))
        for _ in range(2):
            with pytest.raises(ConditionError, match="at which its function is not real"):
                root(-jax.numpy.asarray(X @ X.T))


def test_the_logarithm_of_a_determinant_keeps_its_precision() -> None:
    logdet = gw.parse("logdet(A)", A="n n").compile("numpy")
    for A, value in ((2 * np.eye(2), np.log(4)), (np.diag([1, -1]), np.nan), (np.zeros((2, 2)), -np.inf)):
        found = logdet(A=A.astype(np.float32))
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, value, rtol=1e-6)


@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize(
    ("text", "wanted"),
    [("log(sigmoid(x))", [-1e4, 0]), ("log(1 + exp(x))", [0, 1e4]), ("exp(x) / sum(exp(x))", [0, 1]),
     ("log(sum(exp(x)))", 1e4), ("sinh(x) / cosh(x)", [-1, 1])],
)  # fmt: skip
def test_compiled_code_does_not_overflow_where_the_value_does_not(text: str, wanted: object, library: str) -> None:
    x = np.array([-1e4, 1e4])
    value = gw.parse(text, x="n").compile(library)
    assert np.allclose(value(x=torch.tensor(x) if library == "torch" else x), wanted)


@pytest.mark.parametrize("library", ["numpy", "torch", "jax"])
def test_a_complex_number_that_depends_on_no_input_is_compiled(library: str) -> None:
    gradient = gw.derive(gw.parse("imag(conj(t) + conj(t))", t="complex"), wrt="t").gradient
    t = np.complex64(1 + 2j)
    found = gradient.compile(library)(t=torch.tensor(t) if library == "torch" else np.asarray(t))
    assert complex(found) == -2j
