"""The projections on declared linear sets, with which the rules of an emitted function begin."""

from __future__ import annotations

from gradwright.core.nodes import Symbol
from gradwright.core.spaces import Space, tangent_space


def projected(name: str, symbol: Symbol, moved: bool = False) -> str:
    """The code of the projection on a declared linear set; empty for a free variable, or a curved set.

    Args:
        name: what the code calls the tensor.
        symbol: the variable.
        moved: whether the tensor is a direction, in the tangent space of the set.
    """
    ones = f" + torch.eye({name}.shape[-1], dtype={name}.dtype, device={name}.device)"
    fixed = ones if "unit_diagonal" in symbol.facts and not moved else ""
    return _PROJECTIONS.get(tangent_space(symbol.facts), "").replace("X", name) + fixed


_PROJECTIONS = {
    Space.DIAGONAL: "torch.diag_embed(X.diagonal(dim1=-2, dim2=-1))",
    Space.LOWER: "X.tril()",
    Space.STRICTLY_LOWER: "X.tril(-1)",
    Space.UPPER: "X.triu()",
    Space.STRICTLY_UPPER: "X.triu(1)",
    Space.SYMMETRIC: "(X + X.mT) / 2",
    # Not .mH: in forward mode under vmap, PyTorch 2.13 cannot make a view of a conjugate.
    Space.HERMITIAN: "(X + X.mT.conj_physical()) / 2",
    Space.SKEW: "(X - X.mT) / 2",
}
