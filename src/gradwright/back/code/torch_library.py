"""How PyTorch is written: every operation keeps leading batch axes, the type and the device."""

from fractions import Fraction

from gradwright.back.code.library import Library
from gradwright.optimise.powers import HIGHEST

_WEIGHTED = '''
def weighted(M: torch.Tensor, below: float, on: float, above: float) -> torch.Tensor:
    """M with its entries below, on and above the diagonal multiplied by numbers."""
    return below * M.tril(-1) + on * M.tril().triu() + above * M.triu(1)
'''
_SCALE_DIAGONAL = '''
def scale_diagonal(M: torch.Tensor, factor: float) -> torch.Tensor:
    """M, a new matrix, with its diagonal multiplied by a number in place."""
    M.diagonal(dim1=-2, dim2=-1).mul_(factor)
    return M
'''
_ADD_TO_DIAGONAL = '''
def add_to_diagonal(M: torch.Tensor, d: torch.Tensor | float) -> torch.Tensor:
    """M, a new matrix, with d added to its diagonal, in place unless one of them may be a batch (torch.func.vmap)."""
    if torch._C._are_functorch_transforms_active():
        entries = torch.as_tensor(d, dtype=M.dtype, device=M.device)
        return M + entries[..., None] * torch.eye(M.shape[-1], dtype=M.dtype, device=M.device)
    M.diagonal(dim1=-2, dim2=-1).add_(d)
    return M
'''
_HAS_NUMBERS = '''
def has_numbers(x: torch.Tensor) -> bool:
    """Whether the entries of a tensor can be looked at: not where PyTorch traces, and not in its transforms."""
    if torch.compiler.is_compiling() or torch.jit.is_tracing() or torch._C._len_torch_dispatch_stack():
        return False
    return type(x) is torch.Tensor and not x.is_meta and not torch._C._are_functorch_transforms_active()
'''
_FROM_TRIANGLE = '''
def from_triangle(v: torch.Tensor, n: int) -> torch.Tensor:
    """The lower triangular matrix with the entries v, column by column."""
    columns, rows = torch.triu_indices(n, n, device=v.device)
    place = torch.zeros(n, n, dtype=torch.long, device=v.device)
    place[rows, columns] = torch.arange(len(rows), device=v.device)
    return v[..., place].tril()
'''
_TO_TRIANGLE = '''
def to_triangle(M: torch.Tensor) -> torch.Tensor:
    """The entries of the lower triangle of M, column by column."""
    columns, rows = torch.triu_indices(M.shape[-1], M.shape[-1], device=M.device)
    return M[..., rows, columns]
'''
_WITH_LAST_AXES = '''
def with_last_axes(x: torch.Tensor, count: int, *sizes: int) -> torch.Tensor:
    """The last axes, so many of them, as axes of the given sizes; all other axes stay."""
    return x.reshape(*x.shape[: x.dim() - count], *sizes)
'''
# torch.einsum has no rule for is_grads_batched=True, with which autograd and gradcheck take several gradients at once.
_EINSUM = '''
def einsum(pattern: str, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """torch.einsum of two tensors, as a matrix product: gradients of batches (is_grads_batched) know `@` alone."""
    inputs, result = pattern.replace("...", "").split("->")
    left, right = inputs.split(",")
    batch = [x for x in left if x in right and x in result]
    inner = [x for x in left if x in right and x not in result]
    rows, columns = [x for x in left if x not in right], [x for x in right if x not in left]
    sizes = dict(zip(left, a.shape[-len(left) :], strict=True))
    sizes.update(zip(right, b.shape[-len(right) :], strict=True))

    def as_matrices(x: torch.Tensor, labels: str, *groups: list[str]) -> torch.Tensor:
        order = [labels.index(label) - len(labels) for group in (batch, *groups) for label in group]
        x = x.movedim(order, list(range(-len(labels), 0)))
        lengths = [math.prod(sizes[label] for label in group) for group in groups]
        return x.reshape(*x.shape[: x.dim() - len(labels) + len(batch)], *lengths)

    product = as_matrices(a, left, rows, inner) @ as_matrices(b, right, inner, columns)
    found = [*batch, *rows, *columns]
    product = product.reshape(*product.shape[: product.dim() - len(batch) - 2], *(sizes[x] for x in found))
    order = [found.index(x) - len(found) for x in result]
    return product.movedim(order, list(range(-len(result), 0)))
'''
_MATVEC = '''
def matvec(A: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """A x, for a matrix and a vector or for batches of them."""
    return A @ x if x.dim() == 1 else (A @ x[..., None])[..., 0]
'''

# The odd powers of a root have no derivative at 0, where these have one.
_HALF_ODD = frozenset(Fraction(k, 2) for k in range(3, 2 * HIGHEST, 2))

TORCH = Library(
    name="torch",
    implementation=lambda primitive: primitive.torch,
    aliases=(),
    imports=(("torch.", "import torch"), ("math.", "import math")),
    scalar_conjugate="{x}.conj()",
    transpose="{x}.T",
    adjoint="{x}.mH",
    batch_transpose="{x}.mT",
    batch_adjoint="{x}.mH",
    permute="{x}.permute({axes})",
    movedim="{x}.movedim(({source}), ({target}))",
    diagonal="{x}.diagonal(dim1={a}, dim2={b})",
    diag="torch.diag_embed({x}, dim1={a}, dim2={b})",
    matrix_diag="torch.diag_embed({x})",
    zeros="torch.zeros({shape}, dtype={like}.dtype, device={like}.device)",
    ones="torch.ones({shape}, dtype={like}.dtype, device={like}.device)",
    eye="torch.eye({n}, dtype={like}.dtype, device={like}.device)",
    bare_zeros="torch.zeros({shape})",
    bare_ones="torch.ones({shape})",
    bare_eye="torch.eye({n})",
    scalar="torch.as_tensor({x}, dtype={like}.dtype, device={like}.device)",
    bare_scalar="torch.as_tensor({x}, dtype=torch.get_default_dtype())",
    einsum='torch.einsum("{pattern}", {operands})',
    trace="torch.trace({x})",
    tril="torch.tril({x}, {k})",
    triu="torch.triu({x}, {k})",
    cumsum="torch.cumsum({x}, {axis})",
    flip="torch.flip({x}, ({axis},))",
    concatenate="torch.cat(({parts}), {axis})",
    stack="torch.stack(({parts}), {axis})",
    pad="torch.nn.functional.pad({x}, ({widths}))",
    broadcast="{x}.expand({shape})",
    imaginary_unit="1j",
    complex_of="{x} + 0j",
    batch_dot="torch.linalg.vecdot({x}, {y})",
    copy="{x}.clone()",
    sum_with_product="torch.addmm({rest}, {left}, {right}{scales})",
    powers={Fraction(-1): "torch.reciprocal({0})", Fraction(-1, 2): "torch.rsqrt({0})"},
    quick_powers=_HALF_ODD | {Fraction(k, 2) for k in (-4, -2, -1, 1, 4, 6)},
    transposes_cost=False,
    shapes_are_tuples=False,
    quiet="",
    helpers={
        "weighted": _WEIGHTED,
        "scale_diagonal": _SCALE_DIAGONAL,
        "add_to_diagonal": _ADD_TO_DIAGONAL,
        "has_numbers": _HAS_NUMBERS,
        "from_triangle": _FROM_TRIANGLE,
        "to_triangle": _TO_TRIANGLE,
        "with_last_axes": _WITH_LAST_AXES,
        "einsum": _EINSUM,
        "matvec": _MATVEC,
    },
)
