"""What belongs to an expression that is a derivative, beside its node and its variables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradwright.core.nodes import Direction, Node, Symbol
from gradwright.frozen import frozen

# What needs SciPy is imported where it is used: the import of the package is light.
if TYPE_CHECKING:
    from gradwright.back.operators.split import Split
    from gradwright.diff.gauge import GaugeTest


@frozen
class Provenance:
    """What a derivative comes from, and what that asks for where it is evaluated.

    Attributes:
        optional: the directions and cotangents that may be given though it no longer contains them (the differential
            of a constant is 0 in every direction).
        zero_if_absent: whether those of them that are not given are zero, as the cotangents of several outputs.
        gauge: what tells whether it depends on a choice that nothing determines.
        origins: the functions that it is a derivative of; where one of them has no value, it has none either.
        split: for a Jacobian or a Hessian, which axes are the rows of the operator that it is.
    """

    optional: tuple[Symbol | Direction, ...] = ()
    zero_if_absent: bool = False
    gauge: tuple[GaugeTest, ...] = ()
    origins: tuple[Node, ...] = ()
    split: Split | None = None


NO_DERIVATIVE = Provenance()
