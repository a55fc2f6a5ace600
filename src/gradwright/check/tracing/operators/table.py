"""The table of rules, by the names of the operators."""

from __future__ import annotations

from collections.abc import Callable

from gradwright.check.tracing.arguments import Rule

RULES: dict[str, Rule] = {}

# Operators that read no entries of their tensors: their results are constants.
IGNORING = frozenset(
    f"aten.{name}"
    for name in (
        "zeros_like", "ones_like", "full_like", "empty_like", "new_zeros", "new_ones", "new_full", "new_empty",
        "new_empty_strided",
    )
)  # fmt: skip
RANDOM = frozenset(
    f"aten.{name}"
    for name in (
        "rand", "randn", "randint", "randperm", "rand_like", "randn_like", "randint_like", "bernoulli", "multinomial",
        "normal", "normal_functional", "uniform", "exponential", "native_dropout", "poisson", "rrelu_with_noise",
    )
)  # fmt: skip


def operator(*names: str) -> Callable[[Rule], Rule]:
    """Make the decorated function the rule of some operators."""

    def register(rule: Rule) -> Rule:
        for name in names:
            RULES[name if "." in name or name == "getitem" else f"aten.{name}"] = rule
        return rule

    return register
