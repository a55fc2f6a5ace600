"""Functions of a Hermitian matrix through its eigenvalues, and their divided differences, as PyTorch code.

The formulas are those of `gradwright.diff.scalar_functions`: points that are close, or equal, are taken by their limit,
so that equal eigenvalues are no exception.
"""

from __future__ import annotations

from gradwright.back.code import TORCH, lower
from gradwright.core.primitive import Primitive
from gradwright.diff.scalar_functions import ARGUMENT, ScalarFunction

DIVIDED_DIFFERENCE = '''
def _divided_difference(functions: tuple[Callable[[Tensor], Tensor], ...], points: Tensor) -> tuple[Tensor, Tensor]:
    """g[x₀, …, x_k] along the last axis, for g and its derivatives, and an estimate of its error.

    The limit where the points are close, which is for g to say: the limit or the difference, whichever is more exact.
    """
    order, precision = points.shape[-1] - 1, torch.finfo(points.dtype).eps
    if order == 0:
        value = functions[0](points[..., 0])
        return value, precision * value.abs()
    ordered = points.sort(-1).values
    above, error_above = _divided_difference(functions, ordered[..., 1:])
    below, error_below = _divided_difference(functions, ordered[..., :-1])
    places = (ordered[..., 0], ordered.mean(-1), ordered[..., -1])
    lowest, limit, highest = (functions[order](place) / math.factorial(order) for place in places)
    gap = ordered[..., -1] - ordered[..., 0]
    apart = torch.where(gap == 0, 1, gap)
    error = ((lowest + highest) / 2 - limit).abs() / (order + 2) + precision * limit.abs()
    rounding = (error_above + error_below) / apart
    near = (gap == 0) | (error <= rounding)
    return torch.where(near, limit, (above - below) / apart), torch.where(near, error, rounding)
'''


def spectral_kernel(primitive: Primitive) -> list[str]:
    """The texts of a spectral function's kernel; none for any other primitive."""
    if primitive.scalar is None:
        return []
    order = len(primitive.inputs) - 1
    functions = _functions(ScalarFunction(primitive.scalar), order)
    names = [declared.name for declared in primitive.inputs]
    head = f"def {{name}}({', '.join(f'{x}: Tensor' for x in names)}) -> Tensor:"
    body = _map_body() if order == 0 else _difference_body(order)
    called = f"    functions = ({', '.join(f'_g{k}_{{name}}' for k in range(order + 1))}{',' if not order else ''})"
    kernel = "\n".join([head, f'    """{primitive.summary[:1].upper()}{primitive.summary[1:]}."""', called, *body])
    return [*functions, *([DIVIDED_DIFFERENCE] if order else []), kernel]


def _functions(function: ScalarFunction, order: int) -> list[str]:
    texts: list[str] = []
    for k in range(order + 1):
        program = lower({"y": function.body}, TORCH, inputs=[ARGUMENT], batched=True)
        lines = [f"    {line}" for line in program.body()]
        texts.append("\n".join([f"def _g{k}_{{name}}(x: Tensor) -> Tensor:", *lines]))
        texts += program.helpers.values()
        function = function.derivative()
    return texts


def _map_body() -> list[str]:
    return [
        "    eigenvalues, V = torch.linalg.eigh(A)",
        "    return (V * functions[0](eigenvalues)[..., None, :]) @ V.mH",
    ]


def _difference_body(order: int) -> list[str]:
    """`Σ g[λᵢ, λ_p, …, λⱼ] Ẽ₁[i, p] … Ẽ_k[…, j]`, with an axis for each of i, p, …, j."""
    grid = ", ".join(f"eigenvalues[..., {_axes(order, k)}]" for k in range(order + 1))
    lines = [
        "    eigenvalues, V = torch.linalg.eigh(A)",
        f"    points = torch.stack(torch.broadcast_tensors({grid}), -1)",
        "    total = _divided_difference(functions, points)[0].to(V.dtype)",
    ]
    for k in range(order):
        axes = f"[..., {_axes(order, k, k + 1)}]" if order > 1 else ""
        lines.append(f"    total = total * (V.mH @ E{k + 1} @ V){axes}")
    inner = ", ".join(str(-axis) for axis in range(2, order + 1))
    total = f"total.sum({f'({inner})' if order > 2 else inner})" if inner else "total"
    return [*lines, f"    return V @ {total} @ V.mH"]


def _axes(order: int, *kept: int) -> str:
    """An index that puts the last axes of a tensor in some places of `order + 1`, and new axes in the others."""
    return ", ".join(":" if place in kept else "None" for place in range(order + 1))
