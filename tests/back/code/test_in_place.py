"""Live functions that write over their temporaries: the same numbers, and nothing else written to."""

from __future__ import annotations

import ast
import tracemalloc
import warnings
from collections.abc import Callable
from inspect import signature
from typing import Any

import numpy as np
import pytest

import gradwright as gw
from gradwright.api.compiled import CompiledFunction, library_of
from gradwright.back.code.in_place import InPlace, sites_of
from gradwright.back.code.live import load_source

N = 4


def over(source: str) -> list[str]:
    """The operations of a function that may be written over an operand, each with that operand."""
    function = ast.parse(source).body[0]
    assert isinstance(function, ast.FunctionDef)
    found = {(s.line, s.column, s.end): s.place for s in sites_of(function)}
    operations = [node for node in ast.walk(function) if isinstance(node, ast.BinOp | ast.UnaryOp | ast.Call)]
    places = [(found.get((o.lineno, o.col_offset, o.end_col_offset or 0)), o) for o in operations]
    return [f"{ast.unparse(o)} over {ast.unparse(operands_of(o)[k])}" for k, o in places if k is not None]


def operands_of(operation: ast.BinOp | ast.UnaryOp | ast.Call) -> list[ast.expr]:
    if isinstance(operation, ast.BinOp):
        return [operation.left, operation.right]
    return [operation.operand] if isinstance(operation, ast.UnaryOp) else operation.args


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return (A @ B - C) * D", ["(A @ B - C) * D over A @ B - C", "A @ B - C over A @ B"]),
        ("return C * (A @ B)", ["C * (A @ B) over A @ B"]),
        ("return C - A @ B", ["C - A @ B over A @ B"]),
        ("return 1 / (C * D)", ["1 / (C * D) over C * D"]),
        ("t = A @ B\n    return C * D + t", ["C * D + t over t"]),
        ("return C * D", []),
        ("t = A @ B\n    return t + C", ["t + C over t"]),
        ("t = A @ B\n    return t - (t * C).sum(-1)[:, None]", ["t - (t * C).sum(-1)[:, None] over t"]),
        ("t = A @ B\n    return t * t", []),
        ("t = A @ B\n    return t - t.T", []),
        ("t = A @ B\n    return (t + C) @ t", []),
        ("t = A @ B\n    u = t * C\n    return u + t", ["u + t over u"]),
        ("t = A @ B\n    u = t.T\n    return (t + C) @ u", []),
        ("t = A @ B\n    u = t\n    return t + u", []),
        ("t = A @ B\n    u = t[0]\n    v = t + C\n    return v * u", ["v * u over v"]),
        ("t = A @ B\n    u = np.exp(t.T)\n    return t + u", ["t + u over t"]),
        ("t = A\n    return t + C", []),
        ("return np.exp(-(A @ B))", ["np.exp(-(A @ B)) over -(A @ B)", "-(A @ B) over A @ B"]),
        ("t = A @ B\n    return np.exp(t) * t", ["np.exp(t) * t over np.exp(t)"]),
        ("return np.exp(A)", []),
        ("return np.linalg.inv(A @ B)", []),
        ("t, u = np.linalg.eigh(A)\n    return t + C", []),
        ("t = np.broadcast_to(A, C.shape)\n    return t + C", []),
        ("t = A @ B\n    t = C\n    return t + A", []),
        ("f = lambda x: x + 1\n    return f(A @ B + C)", []),
        ("if A.ndim:\n        return A @ B + C", []),
    ],
)
def test_only_what_nobody_else_reads_is_written_over(body: str, expected: list[str]) -> None:
    assert sorted(over(f"def f(A, B, C, D):\n    {body}\n")) == sorted(expected)


EXPRESSIONS = [
    ("softmax(X @ Y, axis=1) * X", {"X": "n n", "Y": "n n"}, "vjp"),
    ("sum((X - Y @ Z)**2 * exp(X))", {"X": "n n", "Y": "n n", "Z": "n n"}, "gradient"),
    ("inv(X) @ Y * sigmoid(X @ Y)", {"X": "n n", "Y": "n n"}, "vjp"),
    ("(X - outer(mean(X, axis=1), ones(n))) / outer(sqrt(mean(X**2, axis=1) + 1), ones(n)) * X", {"X": "n n"}, "vjp"),
    ("sum(log(1 + exp(-X * Y)))", {"X": "n n", "Y": "n n"}, "hvp"),
    ("X @ X * X - X", {"X": "n n complex"}, "vjp"),
    ("abs(X @ Y) * real(X)", {"X": "n n complex", "Y": "n n"}, "vjp"),
    ("trace(inv(X) @ Y) * X", {"X": "n n", "Y": "n n"}, "jvp"),
    ("norm(X @ Y - outer(sum(X, axis=1), sum(Y, axis=1)))**2", {"X": "n n", "Y": "n n"}, "gradient"),
    ("norm(X[1:, :] - 2 * X[:n - 1, :])**2 + sum(X[:, :n - 2]**2 * X[:, 2:])", {"X": "n n"}, "gradient"),
]


def compiled(text: str, declared: dict[str, str], kind: str, library: str) -> tuple[Any, dict[str, np.ndarray]]:
    generator = np.random.default_rng(0)
    function = getattr(gw.derive(gw.parse(text, **declared), wrt="X"), kind).compile(library)
    is_complex = any("complex" in words for words in declared.values())
    given = {}
    for name in (*declared, {"vjp": "G", "gradient": "", "hvp": "dX", "jvp": "dX"}[kind]):
        if name:
            real = generator.normal(size=(N, N))
            complex_here = "complex" in declared.get(name, "complex" if is_complex and name == "dX" else "")
            given[name] = real + 1j * generator.normal(size=(N, N)) if complex_here else real
    return function, given


def fitted(function: CompiledFunction, arrays: dict[str, Any]) -> tuple[Callable[..., Any], Any]:
    """The function rewritten for some arrays, however small they are, and the value that was watched at them."""
    plain = load_source(function.source, "value")["value"]
    form, value = InPlace(function.source, "value", {}, least=1).fitted(
        [arrays[name] for name in signature(plain).parameters], plain
    )
    assert form is not plain
    return form, value


@pytest.mark.sampled
@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize(("text", "declared", "kind"), EXPRESSIONS, ids=[e[0] for e in EXPRESSIONS])
def test_values_and_inputs_stay(text: str, declared: dict[str, str], kind: str, library: str) -> None:
    function, given = compiled(text, declared, kind, library)
    convert = _tensor if library == "torch" else np.array
    arrays = {name: convert(value) for name, value in given.items()}
    first = function(**arrays)
    value_of, again = fitted(function, arrays)
    for result in (again, value_of(**arrays)):
        np.testing.assert_allclose(np.asarray(result), np.asarray(first), rtol=1e-12, atol=1e-12)
    for name, value in given.items():
        np.testing.assert_array_equal(np.asarray(arrays[name]), value)


@pytest.mark.parametrize(
    ("returned", "added"),
    [
        ("t + A * B", "product"),
        ("t - B * (A @ t)", "product"),
        ("t - t * t.T", ""),
        ("A - A * B", "product_beside"),
        ("A - A * t", ""),
        ("A + 2 * t", ""),
        ("t * (1 - A * B)", "product_beside"),
        ("A - t", ""),
        ("1 + A / (A + t)", ""),
        ("t + pad(A, (1, 0, 0, 1))", "padded"),
        ("t - pad(t[1:], (0, 0, 1, 0))", ""),
    ],
)
def test_what_is_added_may_not_be_computed_but_never_looks_at_the_sum(returned: str, added: str) -> None:
    torch = pytest.importorskip("torch")
    source = f"import torch\ndef f(A, B):\n    t = B @ B\n    return {returned}\n".replace(
        "pad(", "torch.nn.functional.pad("
    )
    plain = load_source(source, "f")["f"]
    A, B = torch.arange(1.0, 10.0).reshape(3, 3), torch.arange(9.0).reshape(3, 3)
    A = A[:2, :2] if "pad(A" in returned else A
    forms = InPlace(source, "f", {}, least=1)
    form, value = forms.fitted([A, B], plain)
    assert torch.equal(form(A, B), value)
    assert {name[5:-1] for name in form.__globals__ if name.startswith(("_add_", "_sub_"))} == {added}


@pytest.mark.parametrize("returned", ["A * (B * A)", "A / (B * A)", "A - A / (B * A)"])
def test_what_is_multiplied_or_divided_by_a_product_is_not_added_to_it(returned: str) -> None:
    torch = pytest.importorskip("torch")
    source = f"def f(A, B):\n    return {returned}\n"
    A, B = torch.arange(1.0, 10.0).reshape(3, 3), torch.arange(1.0, 10.0).reshape(3, 3).T
    form, value = InPlace(source, "f", {}, least=1).fitted([A, B], load_source(source, "f")["f"])
    assert torch.equal(form(A, B), value)


def test_a_live_function_changes_over_at_its_second_call() -> None:
    torch = pytest.importorskip("torch")
    function = gw.derive(gw.parse("sum(exp(X) * X)", X="n m"), wrt="X").gradient.compile("torch")
    X = torch.linspace(-1, 1, 32768, dtype=torch.float64).reshape(128, 256)
    results = [function(X=X) for _ in range(4)]
    assert len(function.in_place.forms) == 1
    assert all(torch.equal(result, results[0]) for result in results)
    assert len({result.data_ptr() for result in results}) == 4


def test_variables_are_computed_late_and_given_back() -> None:
    X, dX = np.random.default_rng(0).normal(size=(2, 150, 3))
    squares = "outer(sum(X**2, axis=1), ones(n))"
    kernel = gw.parse(f"logdet(exp(X @ X.T - ({squares} + {squares}.T) / 2) + eye(n))", X="n d")
    function = gw.derive(kernel, wrt="X").hvp.compile("numpy")
    peaks = list[float]()
    for _ in range(4):
        tracemalloc.start()
        function(X=X, dX=dX)
        peaks.append(tracemalloc.get_traced_memory()[1] / (X.shape[0] ** 2 * X.itemsize))
        tracemalloc.stop()
    assert peaks[-1] < peaks[0] - 0.9


@pytest.mark.parametrize("transform", ["autograd", "vmap", "grad", "jvp", "grad of vmap"])
def test_what_leaves_a_graph_is_not_written_over(transform: str) -> None:
    torch = pytest.importorskip("torch")
    function = gw.derive(gw.parse("sum(exp(X) * X)", X="n m"), wrt="X").gradient.compile("torch")
    X = torch.linspace(-1, 1, 32768, dtype=torch.float64).reshape(128, 256)
    wanted = (X + 2) * X.exp()
    for _ in range(3):
        function(X=X)

    def total(Y: Any) -> Any:
        return function(X=Y).sum()

    def by_autograd() -> Any:
        Y = X.clone().requires_grad_()
        return torch.autograd.grad(total(Y), Y)[0]

    runs: dict[str, Callable[[], Any]] = {
        "autograd": by_autograd,
        "vmap": lambda: torch.vmap(lambda Y: function(X=Y))(torch.stack([X, X]))[1] + X.exp(),
        "grad": lambda: torch.func.grad(total)(X),
        "jvp": lambda: torch.func.jvp(lambda Y: function(X=Y), (X,), (torch.ones_like(X),))[1],
        "grad of vmap": lambda: torch.func.grad(lambda Y: torch.vmap(lambda Z: function(X=Z))(Y[None]).sum())(X),
    }
    torch.testing.assert_close(runs[transform](), wanted)


@pytest.mark.parametrize(
    "text",
    ["logdet(U @ U.T + s * eye(n))", "logdet(A + s * eye(n))", "logdet(s * eye(n) + A.T)", "s * A @ A + 0.1 * eye(n)"],
)
def test_a_diagonal_that_vmap_maps_over_is_added(text: str) -> None:
    """A batch of numbers cannot be added in place to a matrix that is no batch."""
    torch = pytest.importorskip("torch")
    generator = np.random.default_rng(0)
    given = {"U": torch.tensor(generator.normal(size=(3, 2))), "A": torch.eye(3, dtype=torch.float64)}
    function = gw.parse(text, **{name: words for name, words in {"U": "n k", "A": "n n"}.items() if name in text}, s="")
    function, given = function.compile("torch"), {name: value for name, value in given.items() if name in text}
    numbers = torch.tensor([0.5, 2.0], dtype=torch.float64)
    mapped = torch.vmap(lambda s: function(**given, s=s))(numbers)
    torch.testing.assert_close(mapped, torch.stack([function(**given, s=s) for s in numbers]), rtol=0, atol=1e-12)
    assert torch.equal(given.get("A", torch.eye(3)), torch.eye(3, dtype=given.get("A", torch.eye(3)).dtype))


@pytest.mark.parametrize("function", ["exp", "relu", "sqrt", "tanh", "inv", "matrix_exp"])
def test_what_a_derivative_is_computed_from_is_not_written_over(function: str) -> None:
    """The derivative of exp(X) is exp(X), which PyTorch keeps."""
    torch = pytest.importorskip("torch")
    value_of = gw.parse(f"{function}(X) + diag(x)", X="n n", x="n").compile("torch")
    X = (torch.eye(3, dtype=torch.float64) + torch.arange(1.0, 10.0).reshape(3, 3) / 20).requires_grad_()
    x = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda X, x: value_of(X=X, x=x), (X, x))


@pytest.mark.slow
@pytest.mark.parametrize("text", ["sum(exp(X) * X)", "sum(X[2:, 0]) * X[3, 1]"])
def test_a_live_function_is_traced_in_one_graph(text: str) -> None:
    torch = pytest.importorskip("torch")
    function = gw.derive(gw.parse(text, X="n m"), wrt="X").gradient.compile("torch")
    X = torch.linspace(-1, 1, 32768, dtype=torch.float64).reshape(128, 256)
    for _ in range(3):
        torch._dynamo.reset()
        traced = torch.compile(lambda Y: function(X=Y), backend="aot_eager", fullgraph=True)
        torch.testing.assert_close(traced(X), function(X=X))


@pytest.mark.parametrize("text", ["conj(X @ X + X)", "(X @ X + X).H", "imag(conj(X @ X + X))"])
def test_results_with_a_pending_conjugate_are_compared(text: str) -> None:
    torch = pytest.importorskip("torch")
    function = gw.parse(text, X="n n complex").compile("torch")
    X = torch.complex(torch.linspace(-1, 1, 19600), torch.linspace(0, 1, 19600)).reshape(140, 140)
    value_of, first = fitted(function, {"X": X})
    assert all(torch.allclose(result, first) for result in (function(X=X), value_of(X)))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
def test_results_of_low_precision_are_compared(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    function = gw.parse("exp(X) * X + X", X="n m").compile("torch")
    X = torch.linspace(-1, 1, 32768, dtype=getattr(torch, dtype)).reshape(128, 256)
    value_of, first = fitted(function, {"X": X})
    for result in (function(X=X), value_of(X)):
        torch.testing.assert_close(result, first)


@pytest.mark.sampled
@pytest.mark.parametrize("kind", ["meta", "fake", "subclass", "dual", "dispatch mode", "jit", "proxy", "symbolic"])
def test_what_is_not_plain_numbers_runs_as_printed(kind: str) -> None:
    torch = pytest.importorskip("torch")
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.autograd import forward_ad
    from torch.fx.experimental.proxy_tensor import make_fx
    from torch.utils.flop_counter import FlopCounterMode

    class Marked(torch.Tensor):
        pass

    derived = gw.derive(gw.parse("sum(exp(X @ X) * X)", X="n n"), wrt="X")
    function = CompiledFunction(derived.gradient.node, derived.expression.signature, library_of("torch"), None)
    X = torch.linspace(-1, 1, 19600, dtype=torch.float64).reshape(140, 140)

    def value(Y: Any) -> Any:
        return function(X=Y)

    def in_fake() -> Any:
        with FakeTensorMode() as mode:
            return value(mode.from_tensor(X)).shape

    def with_tangent() -> Any:
        with forward_ad.dual_level():
            return forward_ad.unpack_dual(value(forward_ad.make_dual(X, X))).tangent is not None

    def counted() -> Any:
        with FlopCounterMode(display=False) as mode:
            value(X)
        return mode.get_total_flops()

    runs: dict[str, Callable[[], Any]] = {
        "meta": lambda: value(X.to("meta")).shape,
        "fake": in_fake,
        "subclass": lambda: type(value(X.as_subclass(Marked))),
        "dual": with_tangent,
        "dispatch mode": counted,
        "jit": lambda: len(list(torch.jit.trace(value, (X,), check_trace=False).graph.nodes())),
        "proxy": lambda: len(make_fx(value)(X).graph.nodes),
        "symbolic": lambda: len(make_fx(value, tracing_mode="symbolic")(X).graph.nodes),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing by torch.jit is deprecated, and looks at the sizes
        found = [runs[kind]() for _ in range(4)]
    assert all(one == found[0] for one in found)
    assert function.in_place is not None and not function.in_place.forms


def _tensor(value: np.ndarray) -> Any:
    return pytest.importorskip("torch").tensor(value)
