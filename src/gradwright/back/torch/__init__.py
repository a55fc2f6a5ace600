"""PyTorch modules: a function with its derivatives as an `autograd.Function`, and a pytest file for it.

`rules` derives what has to be computed, `safety` says in which operations, `programs` writes that as code, `autograd`
makes the class of it, and `module` puts the file together; `pytest_file` writes the tests. What PyTorch lacks becomes a
function of the emitted module: `kernels`, `spectral_kernels`.
"""

from gradwright.back.torch.module import Asked, module_text
from gradwright.back.torch.names import function_name, require_free
from gradwright.back.torch.pytest_file import tests_text

__all__ = ["Asked", "function_name", "module_text", "require_free", "tests_text"]
