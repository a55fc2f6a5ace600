"""What a text is in simpler form, as it is printed, after both forms were compared in numbers."""

from __future__ import annotations

from collections.abc import Mapping

from numerics import close, generic_point

import gradwright as gw
from gradwright.simplify.pipeline import simplify


def simplified(text: str, declared: Mapping[str, str]) -> str:
    """The simpler form of a text; of the variables that are declared it may contain some."""
    expression = gw.parse(text, **{name: facts for name, facts in declared.items() if name in text})
    simpler = simplify(expression.node)
    assert close(*generic_point(expression.node, simpler).at(expression.node, simpler))
    return str(gw.Expression(simpler, expression.signature))
