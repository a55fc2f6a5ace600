"""How JAX is written: pure functions, so that `jit`, `vmap` and `grad` go through."""

from gradwright.back.code.library import Library

_WEIGHTED = '''
def weighted(M, below, on, above):
    """M with its entries below, on and above the diagonal multiplied by numbers."""
    return below * jnp.tril(M, -1) + on * jnp.triu(jnp.tril(M)) + above * jnp.triu(M, 1)
'''
_ON_DIAGONAL = '''
def on_diagonal(x, a, b):
    """Zeros, but for x on the diagonal of the new axes a and b, counted from the end."""
    n = x.shape[-1]
    return jnp.moveaxis(x[..., None] * jnp.eye(n, dtype=x.dtype), (-2, -1), (a, b))
'''
_FROM_TRIANGLE = '''
def from_triangle(v, n):
    """The lower triangular matrix with the entries v, column by column."""
    columns, rows = jnp.triu_indices(n)
    return jnp.zeros((*v.shape[:-1], n, n), dtype=v.dtype).at[..., rows, columns].set(v)
'''
_TO_TRIANGLE = '''
def to_triangle(M):
    """The entries of the lower triangle of M, column by column."""
    columns, rows = jnp.triu_indices(M.shape[-1])
    return M[..., rows, columns]
'''

JAX = Library(
    name="jax",
    implementation=lambda primitive: primitive.jax,
    aliases=(("jax.numpy.", "jnp."),),
    imports=(
        ("jnp.", "import jax.numpy as jnp"),
        ("jax.scipy.", "import jax.scipy"),
        ("jax.nn.", "import jax"),
        ("jax.lax.", "import jax"),
    ),
    transpose="{x}.T",
    adjoint="{x}.conj().T",
    batch_transpose="{x}.mT",
    batch_adjoint="{x}.conj().mT",
    permute="{x}.transpose({axes})",
    movedim="jnp.moveaxis({x}, ({source}), ({target}))",
    diagonal="{x}.diagonal(axis1={a}, axis2={b})",
    diag="on_diagonal({x}, {a}, {b})",
    matrix_diag="jnp.diag({x})",
    zeros="jnp.zeros({shape}, dtype={like}.dtype)",
    ones="jnp.ones({shape}, dtype={like}.dtype)",
    eye="jnp.eye({n}, dtype={like}.dtype)",
    bare_zeros="jnp.zeros({shape})",
    bare_ones="jnp.ones({shape})",
    bare_eye="jnp.eye({n})",
    scalar="jnp.asarray({x}, dtype={like}.dtype)",
    bare_scalar="jnp.asarray({x}, dtype=float)",
    einsum='jnp.einsum("{pattern}", {operands})',
    trace="jnp.trace({x})",
    tril="jnp.tril({x}, {k})",
    triu="jnp.triu({x}, {k})",
    cumsum="jnp.cumsum({x}, {axis})",
    flip="jnp.flip({x}, {axis})",
    concatenate="jnp.concatenate(({parts}), {axis})",
    stack="jnp.stack(({parts}), {axis})",
    pad="jnp.pad({x}, ({widths}))",
    broadcast="jnp.broadcast_to({x}, {shape})",
    imaginary_unit="1j",
    complex_of="",
    sum_with_product="",
    shapes_are_tuples=True,
    helpers={
        "weighted": _WEIGHTED,
        "on_diagonal": _ON_DIAGONAL,
        "from_triangle": _FROM_TRIANGLE,
        "to_triangle": _TO_TRIANGLE,
    },
)
