"""Expressions as straight-line code of an array library: NumPy, PyTorch, JAX.

`lower` turns nodes into a `Program`, statements that a person would want to copy; `Library` is the
record of a dialect; `compile_program` makes a live function of a program.
"""

from gradwright.back.code.jax_library import JAX
from gradwright.back.code.library import Library
from gradwright.back.code.live import compile_program, load_source
from gradwright.back.code.lower import lower
from gradwright.back.code.numpy_library import NUMPY
from gradwright.back.code.program import Foreign, Program, Statement
from gradwright.back.code.torch_library import TORCH

LIBRARIES = {library.name: library for library in (NUMPY, TORCH, JAX)}

__all__ = ["JAX", "LIBRARIES", "NUMPY", "TORCH", "Foreign", "Library", "Program", "Statement", "compile_program",
           "load_source", "lower"]  # fmt: skip
