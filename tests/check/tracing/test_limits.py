"""What cannot be traced is named, what is held at one size is said, what is detached is seen."""

import numpy as np
import pytest
import torch

import gradwright as gw
from gradwright.check.tracing import trace_backward, trace_forward, trace_gradient
from gradwright.check.tracing.recording import calls_of
from gradwright.core.declarations import parse_declaration
from gradwright.core.signature import symbol_of

SQUARE = {"X": "n n"}
MOST_RUNS_OF_A_LOOP = 12  # at one size; at other sizes it takes other steps, which one run each shows
WEIGHT = torch.randn(4, 4, dtype=torch.double, generator=torch.Generator().manual_seed(1))


def through_numpy(X):
    return torch.from_numpy(np.tanh(X.detach().numpy())) * X


def through_item(X):
    return X * X.sum().item()


def branching(X):
    return X if X.sum() > 0 else -X


def random(X):
    return X + torch.rand_like(X)


def in_place(X):
    X.mul_(2)
    return X


def of_a_parameter(X):
    return X @ WEIGHT


def nothing(X):
    X.sum()


def several(X):
    return X, X.T


def places_of_sorted_entries(X):
    return X.gather(0, X.argsort(0))


def running_products(X):
    return X.cumprod(0)


def raising(X):
    raise ValueError("only on Sundays")


def logic_of_numbers(X):
    return torch.where(torch.logical_not(X), X, 2 * X)


def at_single_points(X):
    return torch.where(X == 1, X, 2 * X)


def sparse(X):
    return X.to_sparse()


def reversed_parts(X):
    return X.flip(0)[1:] @ X


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("function", "words"),
    [
        (through_numpy, "leaves PyTorch"),
        (through_item, "depends on the values of a tensor (line"),
        (branching, "`return X if X.sum() > 0 else -X`"),
        (random, "randomness: aten.rand_like"),
        (in_place, "changes one of its inputs in place"),
        (of_a_parameter, "constant tensor (4 × 4)"),
        (nothing, "returns None"),
        (several, "returns 2 results"),
        (places_of_sorted_entries, "places of the entries that are sorted"),
        (running_products, "aten.cumprod"),
        (raising, "raises ValueError (line"),
        (logic_of_numbers, "tensors that are no conditions"),
        (sparse, "a sparse tensor"),
        (reversed_parts, "reversed axis (flip)"),
    ],
)  # fmt: skip
def test_what_cannot_be_traced_is_named(function, words):
    inputs = {"X": torch.eye(4, dtype=torch.double) + 1} if function is of_a_parameter else {}
    found = trace_forward(function, inputs, SQUARE)
    assert found.node is None
    assert words in found.text


def test_a_condition_that_holds_at_single_points_only_is_no_expression_of_the_example():
    ones = torch.ones(3, dtype=torch.double)
    assert "single points" in trace_forward(at_single_points, {"X": ones}, {"X": "n"}).text


def test_single_precision_inside_a_function_does_not_hide_its_expression():
    assert trace_forward(lambda X: X.float() @ X.float(), {}, SQUARE).text == "X²"


def test_a_reduction_of_a_scalar_along_its_last_axis_is_the_scalar():
    assert trace_forward(lambda a: a.sum(-1) + a.mean(0), {}, {"a": ""}).text == "2 a"


def test_a_loop_over_an_axis_holds_that_dimension_at_one_size():
    def rows(A):
        total = 0
        for k, row in enumerate(A):
            total = total + (k + 1) * row
        return total

    found = trace_forward(rows, {"A": torch.ones(3, 5, dtype=torch.double)}, {"A": "n m"})
    assert found.fixed == {"n": 3}
    assert found.signature["A"].shape[1].name == "m"
    text = gw.parse("A[0, :] + 2 * A[1, :] + 3 * A[2, :]", A="3 m")
    assert gw.equal(gw.Expression(found.node, found.signature), text)


def test_a_captured_constant_of_one_size_holds_the_dimension():
    found = trace_forward(lambda x: x * torch.tensor([1.0, 2.0, 0.5]), {"x": torch.ones(3, dtype=torch.double)})
    assert found.fixed == {"n": 3}
    assert gw.equal(gw.Expression(found.node, found.signature)[1], gw.parse("2 * x[1]", x="3"))


def test_what_follows_no_pattern_over_named_dimensions_is_traced_at_one_size():
    found = trace_forward(lambda x: torch.roll(x, 1, 0), {}, {"x": "n"})
    assert found.fixed == {"n": 3}
    value = gw.Expression(found.node, found.signature).evaluate(x=np.array([1.0, 2.0, 3.0]))
    assert value.tolist() == [3.0, 1.0, 2.0]


def test_entries_assigned_by_index_are_put_in_place():
    def swapped(x):
        result = x.clone()
        result[torch.tensor([0, 2])] = x[torch.tensor([2, 0])]
        return result

    found = trace_forward(swapped, {}, {"x": "n"})
    assert found.node is not None, found.text
    value = gw.Expression(found.node, found.signature).evaluate(x=np.array([1.0, 2.0, 3.0, 4.0]))
    assert value.tolist() == [3.0, 2.0, 1.0, 4.0]


def test_a_number_that_equals_a_size_by_accident_stays_a_number():
    found = trace_forward(lambda A: 3 * A / A.shape[0], {"A": torch.ones(3, 5, dtype=torch.double)})
    assert gw.equal(gw.Expression(found.node, found.signature), gw.parse("3 * A / n", A="n m"))


def test_without_declarations_equal_sizes_are_one_dimension():
    inputs = {"X": torch.eye(4, dtype=torch.double), "A": torch.ones(4, 2, dtype=torch.double)}
    found = trace_forward(torch.linalg.solve, inputs)
    assert [str(d) for d in found.signature] == ["X: n n", "A: n m"]
    assert found.text == "X⁻¹ A"


def test_a_function_that_fails_at_generic_values_is_traced_near_the_example():
    example = torch.eye(4, dtype=torch.double) * 3 + 1
    found = trace_forward(lambda X: torch.linalg.cholesky(X @ X.T) @ X, {"X": example})
    assert found.node is not None
    found = trace_forward(lambda x: torch.log(x).sum(), {"x": torch.rand(4, dtype=torch.double) + 0.1})
    assert found.text == "sum(log(x))"


def test_inputs_that_nobody_declared_are_what_the_examples_are_where_that_is_needed():
    example = torch.eye(4, dtype=torch.double) * 3 + 1
    found = trace_forward(torch.linalg.cholesky, {"K": example})
    assert found.text == "chol(K)"
    assert str(found.signature["K"]) == "K: n n spd"
    assert str(trace_forward(torch.linalg.inv, {"K": example}).signature["K"]) == "K: n n"


def test_a_function_of_positive_entries_is_traced_without_saying_so():
    found = trace_forward(lambda X: torch.log(X) @ X, {}, {"X": "n n"})
    assert (found.text, str(found.signature["X"])) == ("log(X) X", "X: n n")


class Inverse(torch.autograd.Function):
    """The inverse, with one transpose missing in its backward."""

    @staticmethod
    def forward(ctx, X):
        Y = torch.linalg.inv(X)
        ctx.save_for_backward(Y)
        return Y

    @staticmethod
    def backward(ctx, G):
        (Y,) = ctx.saved_tensors
        return -Y.T @ G @ Y


def test_the_backward_of_a_custom_function_is_what_its_gradient_shows():
    assert trace_gradient(Inverse.apply, "X", {}, SQUARE).text == "−X⁻ᵀ G X⁻¹"
    assert trace_forward(Inverse.apply, {}, SQUARE).text == "X⁻¹"


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("function", "text", "declarations"),
    [
        (torch.linalg.inv, "inv(X)", {"X": "n n"}),
        (torch.linalg.solve, "solve(X, A)", {"X": "n n", "A": "n m"}),
        (lambda X: torch.softmax(X, 1), "softmax(X, axis=1)", {"X": "n m"}),
        (lambda X: torch.log_softmax(X, 0), "log_softmax(X, axis=0)", {"X": "n m"}),
        (lambda X: torch.tanh(X @ X.T).sum(0), "sum(tanh(X @ X.T), axis=0)", {"X": "n m"}),
        (lambda X: torch.sigmoid(X).mean(), "mean(sigmoid(X))", {"X": "n m"}),
        (torch.linalg.det, "det(X)", {"X": "n n"}),
        (lambda X: X / X.norm(), "X / norm(X)", {"X": "n m"}),
        (lambda X: X.cumsum(0), "cumsum(X, axis=0)", {"X": "n m"}),
        (lambda X: X[1:, 0], "X[1:, 0]", {"X": "n m"}),
        (lambda X: X.diagonal() * 2, "2 * diagonal(X)", {"X": "n n"}),
        (lambda X: torch.tril(X) @ X, "tril(X) @ X", {"X": "n n"}),
        (torch.kron, "kron(X, A)", {"X": "n n", "A": "n m"}),
        (lambda Z: Z @ Z.mH, "Z @ Z.H", {"Z": "n m complex"}),
    ],
)  # fmt: skip
def test_the_gradient_that_pytorch_returns_equals_the_derived_one(function, text, declarations):
    wrt = next(iter(declarations))
    expression = gw.parse(text, **declarations)
    found = trace_gradient(function, wrt, {}, declarations)
    assert found.node is not None, found.text
    right = gw.derive(expression, wrt=wrt).vjp
    assert gw.equal(gw.Expression(found.node, found.signature), right), found.text


def detached(G, X):
    return -torch.linalg.inv(X.detach()).T @ G @ torch.linalg.inv(X).T


def under_no_grad(G, X):
    with torch.no_grad():
        Y = torch.linalg.inv(X)
    return -Y.T @ G @ Y.T


def data(G, X):
    Y = torch.linalg.inv(X).data
    return -Y.T @ G @ Y.T


def attached(G, X):
    Y = torch.linalg.inv(X)
    return -Y.T @ G @ Y.T


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("backward", "expected"),
    [(detached, ("X",)), (under_no_grad, ("X⁻¹",)), (data, ("X⁻¹",)), (attached, ())],
)
def test_what_a_backward_detaches_is_seen(backward, expected):
    cotangent = symbol_of(parse_declaration("G", "n n"))
    found = trace_backward(backward, cotangent, {}, SQUARE)
    assert found.detached[:1] == expected
    assert found.text == "−X⁻ᵀ G X⁻ᵀ"


def test_mutation_of_what_the_function_made_itself_is_followed():
    def assembled(A):
        result = torch.zeros_like(A)
        result[0] = A[1]
        result[1:] += 2 * A[1:]
        result[:, 1].mul_(3)
        return result

    found = trace_forward(assembled, {}, {"A": "n m"})
    assert found.node is not None, found.text
    A = torch.randn(4, 5, dtype=torch.double)
    value = gw.Expression(found.node, found.signature).evaluate(A=A)
    torch.testing.assert_close(value, assembled(A))


def test_roots_of_fractions_are_read_as_such() -> None:
    assert trace_forward(torch.nn.functional.gelu, {}, {"x": "n"}).text == "½ x ∘ (erf(√½ x) + 1)"


def test_the_calls_of_a_loop_tell_its_length() -> None:
    def entries(x: torch.Tensor) -> torch.Tensor:
        return sum((x[k] ** 2 for k in range(len(x))), x.sum())

    assert calls_of(entries, [torch.ones(4)]) != calls_of(entries, [torch.ones(3)])
    assert calls_of(raising, [torch.ones(3)]) is None


def test_a_loop_is_recorded_at_few_points() -> None:
    seen: list[int] = []

    def squares(x: torch.Tensor) -> torch.Tensor:
        seen.append(len(x))
        out = torch.zeros_like(x)
        for k in range(len(x)):
            out[k] = x[k] ** 2
        return out

    assert trace_forward(squares, {}, {"x": "n"}).fixed
    assert len(seen) <= MOST_RUNS_OF_A_LOOP
