"""What modules make of their inputs: those that do not occur, mixed fields, many, and sizes solved from axes."""

from collections import Counter
from itertools import combinations
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import gradwright as gw


def function(text: str, **declarations: str) -> Any:
    return gw.derive(gw.parse(text, **declarations)).function("torch")


def random(*shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(0), requires_grad=True)


def test_a_real_input_that_does_not_occur_has_a_real_gradient() -> None:
    z, s = random(3, dtype=torch.complex128), random()
    value = function("exp(z)", z="n complex", s="")(z, s)
    slopes = torch.autograd.grad(value, [z, s], torch.ones_like(value), create_graph=True)
    assert slopes[1].dtype == torch.float64 and slopes[1] == 0
    torch.testing.assert_close(slopes[0], torch.exp(z).conj())


def test_real_inputs_beside_a_complex_one_that_does_not_occur_are_real() -> None:
    t, s, z = random(), random(), random(3, dtype=torch.complex128)
    scale = function("t * s", t="", s="", z="n complex")
    assert scale(t, s, z) == t * s
    with pytest.raises(TypeError, match="expected a floating-point one"):
        scale(t + 0j, s, z)


@pytest.mark.slow
def test_a_module_of_many_inputs_can_be_run() -> None:
    names = [f"a_long_name_of_a_vector_{k}" for k in range(12)]
    inputs = [random(3) for _ in names]
    value = function(f"sin({' * '.join(names)})", **dict.fromkeys(names, "n"))(*inputs)
    slopes = torch.autograd.grad(value.sum(), inputs)
    wanted = torch.autograd.grad(torch.sin(torch.stack(inputs).prod(0)).sum(), inputs)
    torch.testing.assert_close(slopes, wanted)


@pytest.mark.parametrize("text", ["x[:n]", "x[1:] * x[:n]", "sin(x[1:])", "outer(x[1:], ones(n))"])
def test_a_size_is_solved_from_the_axis_of_an_input(text: str) -> None:
    value = function(text, x="n+1")
    assert torch.autograd.gradcheck(value, random(4))
    assert torch.autograd.gradgradcheck(value, random(4))


class Counted(TorchDispatchMode):
    """How often each operation is called."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.calls[func.overloadpacket.__name__] += 1
        return func(*args, **(kwargs or {}))


@pytest.mark.sampled
@pytest.mark.parametrize("asked", [set(c) for k in range(1, 6) for c in combinations("AxByo", k)])
def test_backward_computes_what_is_asked(asked: set[str]) -> None:
    """The softmax is in the gradients of A, x, B, y alone, and 1 − tanh² in those of B and y."""
    declared = {"A": "n m", "x": "m", "B": "n k", "y": "k", "o": ""}
    sizes = {"n": 4, "m": 3, "k": 5}
    shapes = {name: [sizes[d] for d in dims.split()] for name, dims in declared.items()}
    inputs = [random(*shape).requires_grad_(name in asked) for name, shape in shapes.items()]
    value = function("o * logsumexp(A @ x + tanh(B @ y))", **declared)(*inputs)
    with Counted() as counted:
        value.backward()
    assert counted.calls["_softmax"] == bool(asked & set("AxBy"))
    assert counted.calls["rsub"] == bool(asked & set("By"))
    assert all((x.grad is not None) == (name in asked) for name, x in zip(declared, inputs, strict=True))


@pytest.mark.parametrize("text", ["x[n - 4:]", "x[-4]", "x[3:]"])
def test_a_range_of_places_has_to_be_there(text: str) -> None:
    """A slice of Python begins elsewhere where its start is before the beginning."""
    with pytest.raises(ValueError, match=r"Inputs to function need n ≥ [34], got n = 2"):
        function(text, x="n")(random(2))
