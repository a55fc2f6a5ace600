"""Assertions for the tests of hand-written gradients.

from gradwright.testing import assert_gradient

def test_my_inverse():
assert_gradient(MyInverse.apply, "inv(X)")
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradwright.api.expression import Expression
    from gradwright.check.report import Report


def assert_gradient(
    function: Any,
    expression: str | Expression | None = None,
    /,
    *,
    wrt: str | Sequence[str] | None = None,
    variables: Mapping[str, str] | str | None = None,
    **example_inputs: Any,
) -> Report:
    """Assert that a function and its gradient are right; the arguments are those of `gradwright.check`.

    Returns:
        The report, in which notes may stand.

    Raises:
        AssertionError: something is wrong; the message is the report.
    """
    from gradwright.api.checking import check

    report = check(function, expression, wrt=wrt, variables=variables, **example_inputs)
    if not report.right:
        raise AssertionError(f"\n{report}")
    return report
