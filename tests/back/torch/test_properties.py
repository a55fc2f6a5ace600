"""The matrix of functions and properties: every sample of every primitive, and every property.

A short selection runs always; all of it is marked `full`.
"""

from __future__ import annotations

import pytest
import torch_samples
from torch_properties import COMPILED, PROPERTIES
from torch_samples import case_of

pytestmark = pytest.mark.filterwarnings(
    "ignore:Converting a tensor with requires_grad=True to a scalar:UserWarning",
    "ignore:.*There is a performance drop.*:UserWarning",
    # What torch's own compiler says of itself.
    "ignore:Torchinductor does not support code generation for complex operators.*:UserWarning",
    "ignore:`torch._prims_common.check` is deprecated.*:FutureWarning",
)

NAMES = list(torch_samples.examples())
QUICK = ("trace(A @ inv(X))", "logdet(K) + x @ inv(K) @ x", "inv(X): X: n n complex", "sum(exp(eigvalsh(S)))",
         "polar(A): A: n m", "sqrtm(X): X: n n")  # fmt: skip
assert set(QUICK) <= set(NAMES)
SLOW = {"nothing_leaks", "compile_with_inductor"}


def check(name: str, property_name: str) -> None:
    PROPERTIES[property_name](case_of(name))


@pytest.mark.sampled
@pytest.mark.parametrize("property_name", [p for p in PROPERTIES if p not in COMPILED | SLOW])
@pytest.mark.parametrize("name", QUICK)
def test_a_selection(name: str, property_name: str) -> None:
    check(name, property_name)


@pytest.mark.slow
@pytest.mark.parametrize("property_name", [*sorted(COMPILED - SLOW), "nothing_leaks"])
def test_a_selection_compiled(property_name: str) -> None:
    check("trace(A @ inv(X))", property_name)


@pytest.mark.full
@pytest.mark.parametrize("property_name", PROPERTIES)
@pytest.mark.parametrize("name", NAMES)
def test_everything(name: str, property_name: str) -> None:
    check(name, property_name)
