"""Whether the code of a derivation computes what the expression says, as the reference evaluator has it at a point.

The evaluator takes the expression as it was written, node by node; the code has been simplified, rearranged and
lowered. Derivatives of the code are held to differences of the evaluator, so that nothing is compared with itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from gradwright.core.arithmetic import Array
from gradwright.core.nodes import Symbol, field_of
from gradwright.core.points import choose_sizes, dimension_names, sample
from gradwright.diff.steps.trial import Trial
from gradwright.errors import EmissionError

if TYPE_CHECKING:
    from gradwright.api.derivation import Derivation

# The value and, for a cotangent, the gradients by name.
Ran = tuple[Array, Mapping[str, Array]]
Function = Callable[["Derivation", Mapping[str, Array], Array], Ran]


def runs(derivation: Derivation, targets: Iterable[str]) -> dict[str, Callable[[Trial, Symbol], Ran]]:
    """For the name of each library, what runs the code at a point: NumPy's compiled functions, PyTorch's module.

    Raises:
        EmissionError: the code for a library cannot be verified.
    """
    asked = tuple(dict.fromkeys(("numpy", *targets)))
    for target in asked:
        if target not in _RUN:
            raise EmissionError(f"the code for {' and '.join(_RUN)} can be verified, and '{target}' is neither")
    return {_RUN[target][0]: partial(_run, derivation, _RUN[target][1]) for target in asked}


def _run(derivation: Derivation, function: Function, trial: Trial, cotangent: Symbol) -> Ran:
    with np.errstate(all="ignore"):
        return function(derivation, _inputs(derivation, trial), trial.values[cotangent])


def _inputs(derivation: Derivation, trial: Trial) -> dict[str, Array]:
    """The point; a declared variable that does not occur is of any value."""
    symbols = derivation.signature.symbols
    sizes = {**choose_sizes(dimension_names(symbols)), **trial.sizes}
    generator = np.random.default_rng(trial.seed)
    return {s.name: trial.values[s] if s in trial.values else sample(_free(s), sizes, generator) for s in symbols}


def _free(symbol: Symbol) -> Symbol:
    """Without its facts, which may demand other sizes than those of what occurs."""
    return Symbol(symbol.name, symbol.shape, field_of(symbol))


def _run_numpy(derivation: Derivation, inputs: Mapping[str, Array], cotangent: Array) -> Ran:
    ((key, expression),) = derivation.outputs.items()
    value = expression.compile("numpy")(**inputs)
    given = {**inputs, derivation.question.cotangent(key).name: cotangent}
    pulled = {name: derivation[name].vjp.compile("numpy") for name in derivation.wrt}
    return value, {name: function(**given) for name, function in pulled.items()}


def _run_torch(derivation: Derivation, inputs: Mapping[str, Array], cotangent: Array) -> Ran:
    import torch

    tensors = {name: torch.from_numpy(np.array(value)).requires_grad_() for name, value in inputs.items()}
    value = derivation.function("torch")(**tensors)
    asked = [tensors[name] for name in derivation.wrt]
    slopes = torch.autograd.grad(value, asked, torch.from_numpy(np.array(cotangent)).to(value.dtype))
    found = {name: slope.numpy() for name, slope in zip(derivation.wrt, slopes, strict=True)}
    return value.detach().numpy(), found


# Libraries that may choose other signs of factors than the evaluator does; it calls NumPy's routines.
CHOOSING = frozenset({"PyTorch"})
_RUN: Mapping[str, tuple[str, Function]] = {"numpy": ("NumPy", _run_numpy), "torch": ("PyTorch", _run_torch)}
