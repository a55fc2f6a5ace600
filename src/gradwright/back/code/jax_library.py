"""How JAX is written: as NumPy is, but in pure functions, so that `jit`, `vmap` and `grad` go through."""

from collections.abc import Iterable

from gradwright.back.code.numpy_library import NUMPY
from gradwright.core.nodes import Apply, Node
from gradwright.core.walks import postorder
from gradwright.frozen import replace
from gradwright.optimise import are_in_eigenvectors
from gradwright.prims.eigenvalue_forms import EQUATION_IN_JAX

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
_NUMPY = NUMPY.in_module("np", "jnp")

JAX = replace(
    _NUMPY,
    name="jax",
    implementation=lambda primitive: primitive.jax,
    aliases=(("jax.numpy.", "jnp."),),
    imports=(
        ("jnp.", "import jax.numpy as jnp"),
        ("jax.scipy.", "import jax.scipy"),
        ("jax.nn.", "import jax"),
        ("jax.lax.", "import jax"),
        ("jax.custom_jvp", "import jax"),
    ),
    batch_transpose="{x}.mT",
    batch_adjoint="{x}.conj().mT",
    copy="",
    transposes_cost=True,  # on processors XLA takes five times as long for X.T @ x as for x @ X
    powers={},
    quick_powers=frozenset(),
    quiet="",
    einsum='jnp.einsum("{pattern}", {operands})',
    helpers={
        "weighted": _NUMPY.helpers["weighted"],
        "on_diagonal": _ON_DIAGONAL,
        "from_triangle": _FROM_TRIANGLE,
        "to_triangle": _NUMPY.helpers["to_triangle"],
        "hermitian_sylvester": EQUATION_IN_JAX,
    },
)


def jax_differentiates(roots: Iterable[Node]) -> bool:
    """Whether JAX has the derivatives of all that optimised expressions call, also where eigenvalues are equal."""
    called = [node.primitive for node in postorder(*roots) if isinstance(node, Apply)]
    return not are_in_eigenvectors(roots) and all(primitive.jax_differentiates for primitive in called)
