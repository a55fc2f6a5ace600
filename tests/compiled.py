"""Running compiled code at a point."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import torch
from numerics import Point

from gradwright.back.code import LIBRARIES, compile_program, lower
from gradwright.back.code.bindings import bound
from gradwright.core.nodes import Direction, Node, Symbol
from gradwright.optimise import optimise


@lru_cache(maxsize=512)
def optimised(roots: tuple[tuple[str, Node], ...]) -> dict[str, Node]:
    """The fast form of some expressions, found once for all libraries."""
    return optimise(dict(roots))


def run(roots: Mapping[str, Node], library: str, point: Point, batch: int = 0) -> dict[str, np.ndarray]:
    """The values that compiled code gives; with a batch, those of the last of several different items."""
    dialect = LIBRARIES[library]
    leaves = [leaf for leaf in point.values if isinstance(leaf, Symbol | Direction)]
    program = lower(optimised(tuple(roots.items())), dialect, inputs=leaves, batched=bool(batch))
    function = compile_program(program, dialect, "values", bound(program, dialect))
    arrays = [point.values[leaf] for leaf in leaves]
    if batch:
        arrays = [np.stack([array * (1 + 0.01 * k) for k in range(batch, -1, -1)]) for array in arrays]
    if library == "jax":
        import jax.numpy as jnp

        arrays = [jnp.asarray(a) for a in arrays]
    if library == "torch":
        arrays = [torch.as_tensor(np.array(a)) for a in arrays]
    with np.errstate(all="ignore"):
        found = function(*arrays)
    found = found if isinstance(found, tuple) else (found,)
    values = [np.asarray(value)[-1] if batch else np.asarray(value) for value in found]
    return dict(zip(roots, values, strict=True))
