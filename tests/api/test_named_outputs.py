"""The outputs of functions that have several, as attributes."""

from __future__ import annotations

import pytest

import gradwright as gw


def test_a_missing_output_is_a_missing_attribute() -> None:
    outputs = gw.svd(gw.matrix("A", "n", "m"))
    assert hasattr(outputs, "U")
    assert not hasattr(outputs, "Q")
    with pytest.raises(gw.UnknownNameError, match=r"svd has the outputs U, S, .*, and no 'Q'"):
        _ = outputs.Q
