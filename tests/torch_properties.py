"""What a function for PyTorch has to do, one property a function.

Each takes a function of tensors and a point, and raises AssertionError where the property fails. Nothing is
compared with another implementation: first and second derivatives are held to differences by gradcheck and
gradgradcheck, and every other way to the same derivative to reverse mode, which these two confirm.
"""

from __future__ import annotations

import copy
import gc
import itertools
import tracemalloc
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from numerics import ROUNDING
from torch import Tensor
from torch.autograd import forward_ad

Function = Callable[..., Any]
Property = Callable[["Case"], None]
PROPERTIES: dict[str, Property] = {}
# Each compiles several graphs, in seconds.
COMPILED: set[str] = set()


@dataclass(frozen=True)
class Case:
    """A function and a point.

    Attributes:
        function: a function of tensors to a tensor, or to a tuple of them.
        inputs: double precision, without batch axes.
        tolerance: relative.
        single: whether it is accurate in single precision at this point.
        parametrise: from free tensors to the declared set of each input.
    """

    function: Function
    inputs: tuple[Tensor, ...]
    tolerance: float = 1e-7
    single: bool = True
    parametrise: tuple[Callable[[Tensor], Tensor] | None, ...] = field(default=())

    @property
    def places(self) -> tuple[int, ...]:
        """The positions of the inputs."""
        return tuple(range(len(self.inputs)))

    @property
    def is_complex(self) -> bool:
        """Whether an input or an output is complex; a Jacobian is then not one tensor."""
        return any(x.is_complex() for x in (*self.inputs, *_flat(self.function(*self.inputs))))

    def free(self) -> Function:
        """The function of free tensors: what is not in an input's declared set is projected first."""
        if not self.parametrise:
            return self.function
        return lambda *inputs: self.function(
            *(x if p is None else p(x) for x, p in zip(inputs, self.parametrise, strict=True))
        )

    def fresh(self, *, grad: bool = True) -> tuple[Tensor, ...]:
        """New leaves."""
        return tuple(x.detach().clone().requires_grad_(grad) for x in self.inputs)

    def scalar(self) -> Function:
        """A real number that weighs the entries of all outputs differently."""
        return lambda *inputs: _weighed(self.function(*inputs))

    def close(self, got: Any, wanted: Any, tolerance: float | None = None) -> None:
        """Refuse tensors, or nested tuples of them, that differ."""
        for a, b in zip(_flat(got), _flat(wanted), strict=True):
            assert a.shape == b.shape, f"{tuple(a.shape)} is not {tuple(b.shape)}"
            scale = max(1.0, float(b.abs().max()) if b.numel() else 1.0)
            error = float((a - b).abs().max()) / scale if b.numel() else 0.0
            assert error <= (tolerance or self.tolerance), f"relative error {error:.1e}"


def _flat(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    return [tensor for part in value for tensor in _flat(part)]


def _weighed(outputs: Any) -> Tensor:
    total: Tensor | None = None
    for place, output in enumerate(_flat(outputs)):
        weights = torch.cos(torch.arange(output.numel(), dtype=torch.float64) + place).reshape(output.shape)
        parts = output.real + 0.5 * output.imag if output.is_complex() else output
        part = (weights.to(parts.dtype) * parts).sum()
        total = part if total is None else total + part
    assert total is not None
    return total


def a_property(function: Property) -> Property:
    """Enter a property in the list, by its name in words."""
    PROPERTIES[function.__name__] = function
    return function


def compiled(function: Property) -> Property:
    """Enter a property that compiles."""
    COMPILED.add(function.__name__)
    return a_property(function)


def reverse(case: Case) -> tuple[Tensor, ...]:
    """The gradients of the weighed outputs."""
    inputs = case.fresh()
    return torch.autograd.grad(case.scalar()(*inputs), inputs)


@a_property
def gradcheck(case: Case) -> None:
    assert torch.autograd.gradcheck(case.free(), case.fresh(), check_batched_grad=True, **_tolerances(case))


@a_property
def gradcheck_in_forward_mode(case: Case) -> None:
    assert torch.autograd.gradcheck(
        case.free(), case.fresh(), check_forward_ad=True, check_backward_ad=False, check_batched_forward_grad=True,
        **_tolerances(case),
    )  # fmt: skip


@a_property
def gradgradcheck(case: Case) -> None:
    assert torch.autograd.gradgradcheck(
        case.free(), case.fresh(), check_fwd_over_rev=True, check_batched_grad=True, **_tolerances(case)
    )


def _tolerances(case: Case) -> dict[str, float]:
    # SciPy solves Riccati equations to ten digits or so: a step of 1e-6 would show their last ones.
    return {"eps": 1e-5, "atol": 1e-5, "rtol": 1e-4, "nondet_tol": ROUNDING}


@a_property
def grad_and_jacobians(case: Case) -> None:
    places = case.places
    case.close(torch.func.grad(case.scalar(), places)(*case.inputs), reverse(case))
    if case.is_complex:
        return
    case.close(
        torch.func.jacfwd(case.function, places)(*case.inputs), torch.func.jacrev(case.function, places)(*case.inputs)
    )


@a_property
def orders_of_second_derivatives(case: Case) -> None:
    if case.is_complex:
        return
    places, f = case.places, case.scalar()
    rev, fwd = torch.func.jacrev, torch.func.jacfwd
    wanted = rev(rev(f, places), places)(*case.inputs)
    for outer, inner in ((fwd, rev), (rev, fwd), (fwd, fwd)):
        case.close(outer(inner(f, places), places)(*case.inputs), wanted)


@a_property
def third_derivatives(case: Case) -> None:
    if case.is_complex:
        return
    f, inputs = case.scalar(), case.inputs
    moves = tuple(torch.cos(torch.arange(x.numel(), dtype=x.dtype)).reshape(x.shape) for x in inputs)

    def along(function: Function) -> Function:
        return lambda *xs: torch.func.jvp(function, xs, moves)[1]

    def against(function: Function) -> Function:
        def slope(*xs: Tensor) -> Tensor:
            slopes = torch.func.grad(function, case.places)(*xs)
            return sum(((g * m).sum() for g, m in zip(slopes, moves, strict=True)), torch.zeros((), dtype=xs[0].dtype))

        return slope

    wanted = against(against(against(f)))(*inputs)
    for a, b, c in itertools.product((along, against), repeat=3):
        case.close(a(b(c(f)))(*inputs), wanted, 100 * case.tolerance)


@a_property
def forward_mode_over_first_order_reverse(case: Case) -> None:
    """Tangents go through a backward for which no graph is built."""
    f = case.scalar()
    moves = tuple(torch.ones_like(x) for x in case.inputs)
    inputs = case.fresh()
    slopes = torch.autograd.grad(f(*inputs), inputs, create_graph=True)
    wanted = [torch.func.jvp(lambda *xs: torch.func.grad(f, case.places)(*xs), case.inputs, moves)[1]]
    with forward_ad.dual_level():
        duals = [forward_ad.make_dual(x.requires_grad_(), m) for x, m in zip(case.fresh(), moves, strict=True)]
        found = torch.autograd.grad(f(*duals), duals)
        parts = [forward_ad.unpack_dual(g) for g in found]
        case.close([torch.zeros_like(p.primal) if p.tangent is None else p.tangent for p in parts], wanted)
        case.close([p.primal for p in parts], slopes)


def _stack(case: Case, count: int) -> tuple[Tensor, ...]:
    """Different points along a first axis: each keeps its structure."""
    return tuple(torch.stack([x * (1 + 0.1 * k) for k in range(count)]) for x in case.inputs)


def _loop(function: Function, batches: Sequence[Tensor]) -> Any:
    results = [function(*parts) for parts in zip(*batches, strict=True)]
    if isinstance(results[0], Tensor):
        return torch.stack(results)
    return tuple(torch.stack(parts) for parts in zip(*results, strict=True))


@a_property
def batch_axes(case: Case) -> None:
    batches = _stack(case, 3)
    wanted = _loop(case.function, batches)
    case.close(case.function(*batches), wanted)
    double = tuple(x.unflatten(0, (1, 3)) for x in batches)
    case.close([part[0] for part in _flat(case.function(*double))], wanted)
    leaves = [x.clone().requires_grad_() for x in batches]
    slopes = torch.autograd.grad(_batch_total(case.function(*leaves)), leaves)
    parts = [
        torch.autograd.grad(_weighed(case.function(*xs)), xs)
        for xs in (tuple(x[k].clone().requires_grad_() for x in batches) for k in range(3))
    ]
    case.close(slopes, [torch.stack(p) for p in zip(*parts, strict=True)])


def _batch_total(outputs: Any) -> Tensor:
    flat = _flat(outputs)
    return sum((_weighed([part[k] for part in flat]) for k in range(len(flat[0]))), torch.zeros(()).double())


@a_property
def batch_axes_are_broadcast(case: Case) -> None:
    for place in case.places:
        inputs = list(case.inputs)
        inputs[place] = _stack(case, 3)[place]
        wanted = _loop(case.function, [x if k == place else x.expand(3, *x.shape) for k, x in enumerate(inputs)])
        case.close(case.function(*inputs), wanted)
        leaves = [x.clone().requires_grad_() for x in inputs]
        for x, slope in zip(leaves, torch.autograd.grad(_batch_total(case.function(*leaves)), leaves), strict=True):
            assert slope.shape == x.shape


@a_property
def zero_batch(case: Case) -> None:
    leaves = [x.new_zeros(0, *x.shape).requires_grad_() for x in case.inputs]
    outputs = _flat(case.function(*leaves))
    single = _flat(case.function(*case.inputs))
    assert [tuple(y.shape) for y in outputs] == [(0, *y.shape) for y in single]
    slopes = torch.autograd.grad([y.abs().sum() for y in outputs], leaves)
    assert [g.shape for g in slopes] == [x.shape for x in leaves]


@a_property
def vmap_over_any_axis(case: Case) -> None:
    batches = _stack(case, 3)
    wanted = _loop(case.function, batches)
    for axis in (0, -1):
        moved = tuple(x.movedim(0, axis) for x in batches)
        case.close(torch.vmap(case.function, in_dims=axis)(*moved), wanted)
    outputs = torch.vmap(case.function, out_dims=-1)(*batches)
    case.close([y.movedim(-1, 0) for y in _flat(outputs)], wanted)
    for place in case.places:
        dims = tuple(0 if k == place else None for k in case.places)
        some = [x if k == place else x[0] for k, x in enumerate(batches)]
        repeated = [x if k == place else x[:1].expand_as(x) for k, x in enumerate(batches)]
        case.close(torch.vmap(case.function, in_dims=dims)(*some), _loop(case.function, repeated))


@a_property
def vmap_nested_and_of_derivatives(case: Case) -> None:
    batches = _stack(case, 4)
    squares = tuple(x.unflatten(0, (2, 2)) for x in batches)
    outputs = torch.vmap(torch.vmap(case.function, in_dims=0), in_dims=1, out_dims=1)(*squares)
    case.close([y.flatten(0, 1) for y in _flat(outputs)], _loop(case.function, batches))
    slope = torch.func.grad(case.scalar(), case.places)
    case.close(torch.vmap(slope)(*batches), _loop(slope, batches))

    def along(*xs: Tensor) -> Any:
        return torch.func.jvp(case.function, xs, xs)[1]

    case.close(torch.vmap(along)(*batches), _loop(along, batches))


@a_property
def requires_grad_on_any_subset(case: Case) -> None:
    wanted = reverse(case)
    for wants in itertools.product((True, False), repeat=len(case.inputs)):
        inputs = tuple(x.detach().clone().requires_grad_(w) for x, w in zip(case.inputs, wants, strict=True))
        value = case.scalar()(*inputs)
        assert value.requires_grad == any(wants)
        if any(wants):
            found = torch.autograd.grad(value, [x for x, w in zip(inputs, wants, strict=True) if w])
            case.close(found, [g for g, w in zip(wanted, wants, strict=True) if w])


@a_property
def graphs_used_once_and_kept(case: Case) -> None:
    inputs = case.fresh()
    value = case.scalar()(*inputs)
    first = torch.autograd.grad(value, inputs, retain_graph=True)
    case.close(torch.autograd.grad(value, inputs, retain_graph=True), first)
    value.backward()
    case.close([x.grad for x in inputs], first)
    try:
        value.backward()
    except RuntimeError as error:
        assert "second time" in str(error)
    else:
        raise AssertionError("a graph was used twice that was not kept")


@a_property
def not_contiguous(case: Case) -> None:
    wanted, slopes = case.function(*case.inputs), reverse(case)
    for spread in (_every_other, _transposed):
        inputs = tuple(spread(x).requires_grad_() for x in case.inputs)
        value = case.function(*inputs)
        case.close(value, wanted)
        case.close(torch.autograd.grad(_weighed(value), inputs), slopes)


def _every_other(x: Tensor) -> Tensor:
    wide = x.new_zeros(*x.shape[:-1], 2 * x.shape[-1]) if x.dim() else x.new_zeros(2)
    wide[..., ::2] = x
    return wide[..., ::2] if x.dim() else wide[0]


def _transposed(x: Tensor) -> Tensor:
    return x.detach().mT.contiguous().mT if x.dim() > 1 else x.detach().clone()


@a_property
def precision_is_kept(case: Case) -> None:
    exact, slopes = _flat(case.function(*case.inputs)), reverse(case)
    lower = {torch.float64: torch.float32, torch.complex128: torch.complex64}
    inputs = tuple(x.to(lower[x.dtype]).requires_grad_() for x in case.inputs)
    outputs = _flat(case.function(*inputs))
    found = torch.autograd.grad(_weighed(outputs), inputs)
    assert [y.dtype for y in outputs] == [lower[y.dtype] for y in exact]
    assert [g.dtype for g in found] == [x.dtype for x in inputs]
    if case.single:
        case.close([y.to(e.dtype) for y, e in zip(outputs, exact, strict=True)], exact, 1e-3)
        case.close([g.to(s.dtype) for g, s in zip(found, slopes, strict=True)], slopes, 1e-2)


@a_property
def nothing_leaks(case: Case) -> None:
    def once() -> None:
        inputs = case.fresh()
        case.scalar()(*inputs).backward()

    sizes: list[int] = []
    tracemalloc.start()
    try:
        for _ in range(4):
            for _ in range(500):
                once()
            gc.collect()
            sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    # The first calls fill caches, and now and then one grows; a leak goes on.
    growth = min(b - a for a, b in itertools.pairwise(sizes))
    assert growth < 20_000, f"{growth} bytes more after 500 calls"
    inputs = case.fresh()
    outputs = _flat(case.function(*inputs))
    kept = [weakref.ref(y) for y in outputs]
    del outputs
    gc.collect()
    assert all(reference() is None for reference in kept)


@a_property
def deep_copies(case: Case) -> None:
    class Module(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.parts = torch.nn.ParameterList([torch.nn.Parameter(x) for x in case.fresh(grad=False)])

        def forward(self) -> Any:
            return case.function(*self.parts)

    module = Module()
    twin = copy.deepcopy(module)
    _weighed(twin()).backward()
    case.close([p.grad for p in twin.parts], reverse(case))
    assert all(p.grad is None for p in module.parts)
    case.close([copy.deepcopy(y.detach()) for y in _flat(twin())], [y.detach() for y in _flat(module())])


@a_property
def autocast_is_left_alone(case: Case) -> None:
    """In single precision, which autocast lowers: it leaves doubles alone by itself."""
    lower = {torch.float64: torch.float32, torch.complex128: torch.complex64}
    inputs = tuple(x.detach().to(lower[x.dtype]).requires_grad_() for x in case.inputs)
    wanted = case.function(*inputs)
    slopes = torch.autograd.grad(_weighed(wanted), inputs)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = case.function(*inputs)
        case.close(value, wanted)
        case.close(torch.autograd.grad(_weighed(value), inputs, retain_graph=True), slopes)
        assert torch.is_autocast_enabled("cpu")
    assert [y.dtype for y in _flat(value)] == [y.dtype for y in _flat(wanted)]
    case.close(torch.autograd.grad(_weighed(value), inputs), slopes)


@a_property
def meta_tensors(case: Case) -> None:
    inputs = tuple(x.detach().to("meta").requires_grad_() for x in case.inputs)
    outputs, real = _flat(case.function(*inputs)), _flat(case.function(*case.inputs))
    assert [(y.device.type, y.shape, y.dtype) for y in outputs] == [("meta", y.shape, y.dtype) for y in real]
    slopes = torch.autograd.grad(outputs, inputs, [torch.empty_like(y) for y in outputs])
    assert [g.shape for g in slopes] == [x.shape for x in inputs]


@a_property
def no_graph_where_none_is_wanted(case: Case) -> None:
    inputs = case.fresh()
    with torch.no_grad():
        assert not any(y.requires_grad for y in _flat(case.function(*inputs)))
    with torch.inference_mode():
        case.close(case.function(*inputs), case.function(*case.inputs))


@a_property
def inputs_changed_in_place_are_noticed(case: Case) -> None:
    leaves = case.fresh()
    inputs = tuple(x * 1 for x in leaves)
    value = case.scalar()(*inputs)
    with torch.no_grad():
        for x in inputs:
            x.mul_(2)
    try:
        found = torch.autograd.grad(value, leaves)
    except RuntimeError as error:
        assert "inplace" in str(error)
    else:
        case.close(found, reverse(case))


def _compile(function: Function, backend: str = "aot_eager", dynamic: bool | None = None) -> Function:
    torch._dynamo.reset()
    return torch.compile(function, fullgraph=True, backend=backend, dynamic=dynamic)


@compiled
def compile_with_backward(case: Case) -> None:
    wanted, slopes = case.function(*case.inputs), reverse(case)
    for dynamic in (False, True):
        f = _compile(case.function, dynamic=dynamic)
        inputs = case.fresh()
        value = f(*inputs)
        case.close(value, wanted)
        case.close(torch.autograd.grad(_weighed(value), inputs), slopes)


@compiled
def compile_some_inputs(case: Case) -> None:
    wanted = reverse(case)
    for place in case.places:
        inputs = [x.detach().clone().requires_grad_(k == place) for k, x in enumerate(case.inputs)]
        value = _compile(case.function)(*inputs)
        case.close(torch.autograd.grad(_weighed(value), inputs[place]), (wanted[place],))


@compiled
def compile_grad_and_vmap(case: Case) -> None:
    slope = torch.func.grad(case.scalar(), case.places)
    case.close(_compile(slope)(*case.inputs), reverse(case))
    batches = _stack(case, 2)
    case.close(_compile(torch.vmap(slope))(*batches), _loop(slope, batches))


@compiled
def compile_jvp_and_hessian(case: Case) -> None:
    if case.is_complex:
        return
    moves = tuple(torch.ones_like(x) for x in case.inputs)

    def along(*xs: Tensor) -> Any:
        return torch.func.jvp(case.function, xs, moves)[1]

    case.close(_compile(along)(*case.inputs), along(*case.inputs))
    for transform in (torch.func.jacrev, torch.func.hessian):
        derived = transform(case.scalar(), case.places)
        case.close(_compile(derived)(*case.inputs), derived(*case.inputs))


@compiled
def compile_with_inductor(case: Case) -> None:
    inputs = case.fresh()
    value = _compile(case.function, "inductor")(*inputs)
    case.close(value, case.function(*case.inputs))
    case.close(torch.autograd.grad(_weighed(value), inputs), reverse(case))


class _Module(torch.nn.Module):
    def __init__(self, function: Function) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor) -> Any:
        return self.function(*inputs)


@compiled
def export_and_run(case: Case) -> None:
    exported = torch.export.export(_Module(case.function), case.inputs).module()
    case.close(exported(*case.inputs), case.function(*case.inputs))
