"""Factors are taken out of sums where that saves work, and no matrix is filled in for it."""

from __future__ import annotations

import gradwright as gw


def test_what_is_only_placed_is_added_before_it_is_placed() -> None:
    """`S r / x₂ − e₂ (uᵀ r)` has the vector r in common, and a matrix with S in it would have to be filled in."""
    gradient = gw.derive(gw.parse("norm(x[:2] / x[2] - z)**2", x="3", z="2"), wrt="x").gradient
    source = gradient.compile("numpy").source
    assert "eye" not in source and "pad" not in source
