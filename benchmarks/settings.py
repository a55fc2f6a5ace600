"""The same conditions for everybody: one thread, one core, double precision, memory that stays."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

SINGLE = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_PLATFORMS": "cpu",
}
# Freed memory stays with the process (glibc), which asks for a gigabyte at once. Otherwise it depends on what lies
# beside a result in the heap, and not on who computes it, whether every call fetches its memory from the system anew.
KEPT = {
    "MALLOC_TRIM_THRESHOLD_": "2000000000",
    "MALLOC_MMAP_THRESHOLD_": "33554432",
    "MALLOC_TOP_PAD_": "1000000000",
}
# Every large block comes straight from the system and goes back to it, so that none is reused from before.
FRESH = {"MALLOC_TRIM_THRESHOLD_": "65536", "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TOP_PAD_": "0"}


def prepare(heap: Mapping[str, str] = KEPT) -> None:
    """Set the number of threads and the precision; pin the process to one core where the system can.

    The environment has to be set before the libraries are loaded: the process starts itself again.

    Args:
        heap: what becomes of freed memory.
    """
    wanted = {**SINGLE, **heap}
    if any(os.environ.get(name) != value for name, value in wanted.items()):
        os.environ.update(wanted)
        os.execv(sys.executable, [sys.executable, "-m", *_module(), *sys.argv[1:]])
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    import jax
    import torch

    torch.set_num_threads(1)
    jax.config.update("jax_enable_x64", True)


def _module() -> list[str]:
    spec = sys.modules["__main__"].__spec__
    assert spec is not None
    return [spec.name.removesuffix(".__main__")]


def described() -> str:
    """The machine and the versions, in a sentence."""
    names = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "torch", "jax"))
    return f"Python {platform.python_version()}, {names}; {_processor()}, one core, double precision."


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
