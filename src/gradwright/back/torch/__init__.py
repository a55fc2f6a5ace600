"""PyTorch modules: a function with its derivatives as an `autograd.Function`, and a pytest file for it."""

from gradwright.back.torch.module import Asked, module_text
from gradwright.back.torch.names import function_name
from gradwright.back.torch.pytest_file import tests_text

__all__ = ["Asked", "function_name", "module_text", "tests_text"]
