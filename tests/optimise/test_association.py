"""Products in the order that costs least, selections among the factors."""

from __future__ import annotations

import re

import gradwright as gw


def test_parts_of_a_kronecker_product_are_cut_before_everything_is_multiplied() -> None:
    """All other factors were multiplied first: a tensor with 14 axes, and minutes for matrices of order four."""
    derivation = gw.derive(gw.parse("norm(kron(A, F)[:n, :m])", A="n m", F="k k"), wrt="F")
    source = derivation.hvp.compile("numpy").source
    patterns = re.findall(r'"([a-zA-Z,]+)->', source)
    assert patterns and max(len(labels) for p in patterns for labels in p.split(",")) <= 4
