"""The page of the documentation that the benchmarks write."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks import settings
from benchmarks.table import Row, sections, shortfalls

TEMPLATE = """# Benchmarks

Written by `make bench`. {machine}

How it is measured. Every contestant gets the same inputs and one thread on one core; every case has three processes of
its own, whose turns are put together. The results are compared first: who returns something else is not timed. Then
every round runs each of them once, in a random order, those of microseconds several times, after one call that does not
count; the time is processor time, which other processes on the machine do not lengthen. Memory that is freed stays with
the process, for everybody. The first column is the median for gradwright's emitted PyTorch code, compiled with the
sizes as hints; the others say how many times as long the contestant takes in the same rounds (above 1: gradwright is
faster). A contestant that needs more than a second has one turn in each process.

*Hand-written* is PyTorch by somebody who knows the tricks: one factorisation for everything, fused and in-place
operations, nothing materialised that need not be. *torch* is eager autograd for first derivatives and `torch.func`
for the rest. *In NumPy* is gradwright's function for NumPy arrays; its OpenBLAS multiplies a matrix by a vector
faster than PyTorch's MKL does on AMD's processors, and so does XLA. *In JAX* is its function for JAX arrays; *jax.jit
/ in JAX* says how many times as long JAX's own derivative takes, in the same library. *Module* is the emitted
`autograd.Function` under autograd, its forward and its backward, in general for batches and without the sizes; *torch
/ module* says how many times as long the plain function takes under autograd, which computes the value and records as
well. Peak memory is that of a process of its own in a second run, above the inputs and the code that a first run loads,
in the order gradwright / hand-written / torch / jax.jit, the last by XLA's own account.

{sections}
## Where the goals are not reached

The goals: within 1.1 times the hand-written code; faster than automatic differentiation, twice as fast where a
factorisation can be shared; Hessians eight times as fast as `torch.func.hessian`; products and Newton steps five times
as fast; no more memory.

{shortfalls}

## Cost against size

Milliseconds over n, both logarithmic, for gradwright's emitted code, hand-written code and torch.

{plots}

## Start-up and derivation

{startup}

## Not compared

torch.compile is left out unless `python -m benchmarks --compile` is run: it compiles for a minute a case.
tensorgrad 0.3.0 does not run with PyTorch 2.13: it takes and returns named tensors, which PyTorch no longer has.
"""


def page(rows: Sequence[Row], startup: str, plots: Sequence[str] = ()) -> str:
    """The page."""
    return TEMPLATE.format(
        machine=settings.described(), sections=sections(rows), shortfalls=shortfalls(rows), startup=startup,
        plots="\n".join(f"![{name}](benchmarks/{name}.svg)" for name in plots),
    )  # fmt: skip
