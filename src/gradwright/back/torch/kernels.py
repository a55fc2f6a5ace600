"""The bare computation of a function that PyTorch lacks: text of an operator for an emitted module.

NumPy or SciPy computes, one matrix after another, inside a `torch.library.custom_op`: so `torch.compile` and
`torch.export` see one operator, of which they know the shapes, and do not look into it. It is called in the
`forward` of a Function only; `register_autograd` serves exported programs, which have lost the Function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradwright.back.code import Foreign
from gradwright.back.code.module import foreign_texts
from gradwright.back.code.newton_source import newton_texts
from gradwright.back.code.numpy_source import is_written, numpy_function
from gradwright.back.code.size_checks import size_text
from gradwright.back.torch.spectral_kernels import spectral_kernel
from gradwright.core.primitive import Primitive
from gradwright.errors import EmissionError
from gradwright.front.newton import NewtonSolver

ON_ARRAYS = '''
def _on_arrays(function: Callable[..., Any], inputs: tuple[Tensor, ...], ranks: tuple[int, ...], outputs: Any) -> Any:
    """A function of NumPy arrays applied to one member of the batch after another, in double precision."""
    double = [x.to(torch.complex128 if x.is_complex() else torch.float64) for x in inputs]
    arrays = [x.detach().resolve_conj().resolve_neg().cpu().numpy() for x in double]
    filled = outputs if isinstance(outputs, tuple) else (outputs,)
    for index in np.ndindex(*inputs[0].shape[: inputs[0].dim() - ranks[0]]):
        found = function(*(array[index] for array in arrays))
        for target, value in zip(filled, found if isinstance(found, tuple) else (found,), strict=True):
            if np.iscomplexobj(value) and not target.is_complex():
                raise ValueError("the result is complex at this real input, and a real tensor cannot hold it")
            target[index] = torch.from_numpy(np.array(value))
    return outputs
'''


NAMESPACE = """
# PyTorch keeps one operator of a name in a process, the youngest: a copy of this file has its own.
_NAMESPACE = "gradwright_{digest}_" + re.sub(r"\\W", "_", __name__, flags=re.ASCII)
"""


Bound = dict[str, Callable[..., Any]]


def kernel_text(foreign: Foreign, name: str, class_name: str, bound: Bound | None) -> list[str]:
    """The texts that define the kernel of a function, under a name of the module; imports among them.

    Args:
        foreign: the function.
        name: what the kernel is called.
        class_name: the `autograd.Function` whose forward it is.
        bound: where to put functions that only this process has, by the names under which the text calls
            them; None if the text has to stand alone.

    Raises:
        EmissionError: the function is a callable that only this process has.
    """
    primitive = foreign.primitive
    native = spectral_kernel(primitive)
    if native:
        return [text.replace("{name}", name) for text in native]
    implementation = primitive.numpy
    if implementation is None:
        raise EmissionError(f"{primitive.name} has no implementation")
    if isinstance(implementation, NewtonSolver) and (bound is None or implementation.start is None):
        function = f"{name}_in_numpy"
        texts = newton_texts(implementation, function, foreign_texts)
    elif bound is None or is_written(implementation):
        texts, function = numpy_function(primitive, implementation)
    else:
        assert callable(implementation)
        texts, function = [], f"{name}_in_numpy"
        bound[function] = implementation
    return [*texts, ON_ARRAYS, _like(primitive, name), _operator(foreign, name, function),
            _registered(primitive, name, class_name)]  # fmt: skip


def _like(primitive: Primitive, name: str) -> str:
    """A function that makes the empty outputs."""
    arguments = ", ".join(f"{d.name}: Tensor" for d in primitive.inputs)
    first = primitive.inputs[0]
    batch = f"{first.name}.shape[:-{len(first.shape)}]" if first.shape else f"{first.name}.shape"
    sizes = {dim.name: f"{d.name}.shape[{k - len(d.shape)}]" for d in primitive.inputs for k, dim in
             reversed(list(enumerate(d.shape))) if dim.name}  # fmt: skip
    outputs: list[str] = []
    for place, declared in enumerate(primitive.outputs):
        own = [size_text(dim, sizes) for dim in declared.shape]
        shape = ", ".join(["*batch", *own]) if own else "batch"
        outputs.append(f"{_made_like(primitive, place)}({shape})")
    head = f"def {name}_outputs({arguments}) -> {_returned(primitive)}:"
    told = '    """Empty tensors for the results."""'
    return "\n".join([head, told, f"    batch = {batch}", f"    return {', '.join(outputs)}"])


def _made_like(primitive: Primitive, place: int) -> str:
    first = primitive.inputs[0].name
    kind = primitive.field if isinstance(primitive.field, str) else primitive.field[place]
    if kind == "real":
        return f"{first}.real.new_empty"
    if kind == "complex":
        return f"torch.complex({first}.real, {first}.real).new_empty"
    if len(primitive.inputs) == 1:
        return f"{first}.new_empty"
    # One entry of each, added: the type that they have together.
    together = " + ".join(f"{d.name}.new_zeros(())" for d in primitive.inputs)
    return f"({together}).new_empty"


def _returned(primitive: Primitive) -> str:
    count = len(primitive.outputs)
    return "Tensor" if count == 1 else f"tuple[{', '.join(['Tensor'] * count)}]"


def _operator(foreign: Foreign, name: str, function: str) -> str:
    primitive = foreign.primitive
    arguments = ", ".join(f"{d.name}: Tensor" for d in primitive.inputs)
    names = ", ".join(d.name for d in primitive.inputs)
    ranks = ", ".join(str(len(d.shape)) for d in primitive.inputs)
    comma = "," if len(primitive.inputs) == 1 else ""
    called = function
    if foreign.parameters:
        constants = ", ".join(repr(p) for p in foreign.parameters)
        called = f"lambda *arrays: {function}(*arrays, {constants})"
    return "\n".join(
        [
            f'@torch.library.custom_op(f"{{_NAMESPACE}}::{name.strip("_")}", mutates_args=())',
            f"def {name}({arguments}) -> {_returned(primitive)}:",
            '    """The function itself, computed by NumPy and SciPy."""',
            f"    return _on_arrays({called}, ({names}{comma}), ({ranks}{comma}), {name}_outputs({names}))",
        ]
    )


def _registered(primitive: Primitive, name: str, class_name: str) -> str:
    registered = f"{name}.register_fake({name}_outputs)"
    if not primitive.differentiable:
        return registered
    rules = f"{class_name}.backward, setup_context={class_name}.setup_context"
    return f"{registered}\n{name}.register_autograd({rules})"
