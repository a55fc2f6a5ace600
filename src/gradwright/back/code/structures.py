"""The projections on declared sets, with which emitted functions begin: derivatives are then those along the set."""

from __future__ import annotations

from gradwright.back.code.library import Library
from gradwright.core.nodes import Direction, Symbol
from gradwright.core.spaces import Space, tangent_space
from gradwright.linear.projection import turns


def projected(name: str, leaf: Symbol | Direction, library: Library) -> str:
    """The code of the projection on a declared set; empty for a free variable.

    No formula leads onto the matrices with orthonormal columns: JAX projects their directions alone, and what is
    written for the others has rules that do.

    Args:
        name: what the code calls the tensor.
        leaf: the variable, or a direction, which lies in the tangent space of the set.
        library: what the code is written for: PyTorch's may have leading axes.
    """
    space = tangent_space(leaf.facts)
    if space is Space.FREE and turns(leaf.facts):
        return f"{ALONG_ORTHONORMAL}({name})" if library.name == "jax" else ""
    template = _PROJECTIONS[library.name].get(space, "")
    fixed = f" + {library.eye}" if "unit_diagonal" in leaf.facts else ""
    return (template + fixed).format(x=name, n=f"{name}.shape[-1]", like=name)


ALONG_ORTHONORMAL = "_along_orthonormal"
ALONG_ORTHONORMAL_TEXT = '''
@jax.custom_jvp
def _along_orthonormal(Q):
    """Q itself, whose directions are projected on those in which its columns stay orthonormal."""
    return Q


@_along_orthonormal.defjvp
def _projected_direction(primals, tangents):
    (Q,), (dQ,) = primals, tangents
    Q = _along_orthonormal(Q)
    product = Q.conj().T @ dQ
    return Q, dQ - Q @ (product + product.conj().T) / 2
'''
_NUMPY = {
    Space.DIAGONAL: "np.diag(np.diag({x}))",
    Space.LOWER: "np.tril({x})",
    Space.STRICTLY_LOWER: "np.tril({x}, -1)",
    Space.UPPER: "np.triu({x})",
    Space.STRICTLY_UPPER: "np.triu({x}, 1)",
    Space.SYMMETRIC: "0.5 * ({x} + {x}.T)",
    Space.HERMITIAN: "0.5 * ({x} + {x}.conj().T)",
    Space.SKEW: "0.5 * ({x} - {x}.T)",
}
_PROJECTIONS = {
    "numpy": _NUMPY,
    "jax": {space: text.replace("np.", "jnp.") for space, text in _NUMPY.items()},
    "torch": {
        Space.DIAGONAL: "torch.diag_embed({x}.diagonal(dim1=-2, dim2=-1))",
        Space.LOWER: "{x}.tril()",
        Space.STRICTLY_LOWER: "{x}.tril(-1)",
        Space.UPPER: "{x}.triu()",
        Space.STRICTLY_UPPER: "{x}.triu(1)",
        Space.SYMMETRIC: "0.5 * ({x} + {x}.mT)",
        # Not .mH: in forward mode under vmap, PyTorch 2.13 cannot make a view of a conjugate.
        Space.HERMITIAN: "0.5 * ({x} + {x}.mT.conj_physical())",
        Space.SKEW: "0.5 * ({x} - {x}.mT)",
    },
}
