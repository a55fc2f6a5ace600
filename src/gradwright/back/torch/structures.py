"""The projections on declared linear sets, with which the rules of an emitted function begin."""

from __future__ import annotations

from gradwright.core.nodes import Symbol


def projected(name: str, symbol: Symbol, moved: bool = False) -> str:
    """The code of the projection on a declared linear set; empty for a free variable, or a curved set.

    Args:
        name: what the code calls the tensor.
        symbol: the variable.
        moved: whether the tensor is a direction, in the tangent space of the set.
    """
    facts = symbol.facts
    ones = "" if moved else f" + torch.eye({name}.shape[-1], dtype={name}.dtype, device={name}.device)"
    if "diagonal" in facts:
        return f"torch.diag_embed({name}.diagonal(dim1=-2, dim2=-1))"
    if "unit_lower" in facts:
        return f"{name}.tril(-1){ones}"
    if "unit_upper" in facts:
        return f"{name}.triu(1){ones}"
    if "lower" in facts or "upper" in facts:
        return f"{name}.tril()" if "lower" in facts else f"{name}.triu()"
    if "skew" in facts:
        return f"({name} - {name}.mT) / 2"
    if "symmetric" in facts or "hermitian" in facts:
        # Not .mH: in forward mode under vmap, PyTorch 2.13 cannot make a view of a conjugate.
        mirror = "mT" if "symmetric" in facts else "mT.conj_physical()"
        return f"({name} + {name}.{mirror}) / 2"
    return ""
