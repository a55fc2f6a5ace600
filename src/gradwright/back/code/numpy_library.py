"""How NumPy is written, and with another module's name whatever has its interface."""

from fractions import Fraction

from gradwright.back.code.library import Library

_WEIGHTED = '''
def weighted(M, below, on, above):
    """M with its entries below, on and above the diagonal multiplied by numbers."""
    return below * np.tril(M, -1) + on * np.triu(np.tril(M)) + above * np.triu(M, 1)
'''
_ON_DIAGONAL = '''
def on_diagonal(x, a, b):
    """Zeros, but for x on the diagonal of the new axes a and b, counted from the end."""
    result = np.zeros((*x.shape, x.shape[-1]), dtype=x.dtype)
    np.einsum("...ii->...i", result)[...] = x
    return np.moveaxis(result, (-2, -1), (a, b))
'''
_SCALE_DIAGONAL = '''
def scale_diagonal(M, factor):
    """M, a new matrix, with its diagonal multiplied by a number in place."""
    np.einsum("...ii->...i", M)[...] *= factor
    return M
'''
_ADD_TO_DIAGONAL = '''
def add_to_diagonal(M, d):
    """M, a new matrix, with d added to its diagonal in place."""
    np.einsum("...ii->...i", M)[...] += d
    return M
'''
_FROM_TRIANGLE = '''
def from_triangle(v, n):
    """The lower triangular matrix with the entries v, column by column."""
    columns, rows = np.triu_indices(n)
    result = np.zeros((*v.shape[:-1], n, n), dtype=v.dtype)
    result[..., rows, columns] = v
    return result
'''
_TO_TRIANGLE = '''
def to_triangle(M):
    """The entries of the lower triangle of M, column by column."""
    columns, rows = np.triu_indices(M.shape[-1])
    return M[..., rows, columns]
'''

NUMPY = Library(
    name="numpy",
    implementation=lambda primitive: primitive.numpy,
    aliases=(("numpy.", "np."),),
    imports=(
        ("np.", "import numpy as np"),
        ("scipy.linalg.", "import scipy.linalg"),
        ("scipy.special.", "import scipy.special"),
    ),
    scalar_conjugate="{x}.conjugate()",
    transpose="{x}.T",
    adjoint="{x}.conj().T",
    batch_transpose="{x}.swapaxes(-1, -2)",
    batch_adjoint="{x}.conj().swapaxes(-1, -2)",
    permute="{x}.transpose({axes})",
    movedim="np.moveaxis({x}, ({source}), ({target}))",
    diagonal="{x}.diagonal(axis1={a}, axis2={b})",
    diag="on_diagonal({x}, {a}, {b})",
    matrix_diag="np.diag({x})",
    zeros="np.zeros({shape}, dtype={like}.dtype)",
    ones="np.ones({shape}, dtype={like}.dtype)",
    eye="np.eye({n}, dtype={like}.dtype)",
    bare_zeros="np.zeros({shape})",
    bare_ones="np.ones({shape})",
    bare_eye="np.eye({n})",
    scalar="np.asarray({x}, dtype={like}.dtype)",
    bare_scalar="np.asarray({x}, dtype=float)",
    einsum='np.einsum("{pattern}", {operands}, optimize={fast})',
    trace="np.trace({x})",
    tril="np.tril({x}, {k})",
    triu="np.triu({x}, {k})",
    cumsum="np.cumsum({x}, {axis})",
    flip="np.flip({x}, {axis})",
    concatenate="np.concatenate(({parts}), {axis})",
    stack="np.stack(({parts}), {axis})",
    pad="np.pad({x}, ({widths}))",
    broadcast="np.broadcast_to({x}, {shape})",
    imaginary_unit="1j",
    complex_of="",
    batch_dot="",
    copy="np.array({x})",
    sum_with_product="",
    powers={},
    quick_powers=frozenset({Fraction(-1), Fraction(1, 2), Fraction(2)}),
    transposes_cost=False,
    shapes_are_tuples=True,
    quiet='@np.errstate(divide="ignore", invalid="ignore", over="ignore")',
    helpers={
        "weighted": _WEIGHTED,
        "scale_diagonal": _SCALE_DIAGONAL,
        "add_to_diagonal": _ADD_TO_DIAGONAL,
        "on_diagonal": _ON_DIAGONAL,
        "from_triangle": _FROM_TRIANGLE,
        "to_triangle": _TO_TRIANGLE,
    },
)
