"""The beginning of an emitted public function: what it refuses, and how batch axes meet.

Messages give the count and the shape: "Input X to inv is not square, got dimensions (3, 4)".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gradwright.back.code.size_checks import named_sizes, order_checks, size_text
from gradwright.core.dims import Dim
from gradwright.core.nodes import Node, Symbol
from gradwright.core.primitive import shape_text

CHECK_TYPES = '''
def _check_types(function: str, may_be_complex: tuple[str, ...], /, **inputs: Tensor) -> None:
    """Refuse what is not a tensor of numbers that the function takes, and inputs of different types."""
    if {getattr(x, "dtype", None) for x in inputs.values()} in ({torch.float64}, {torch.float32}):
        return
    for name, x in inputs.items():
        if not isinstance(x, Tensor):
            raise TypeError(f"Input {name} to {function} is a {type(x).__name__}, expected a tensor")
        if not (x.is_floating_point() or (x.is_complex() and name in may_be_complex)):
            allowed = "a floating-point or complex one" if name in may_be_complex else "a floating-point one"
            raise TypeError(f"Input {name} to {function} has dtype {x.dtype}, expected {allowed}")
    precisions = {x.element_size() // (2 if x.is_complex() else 1) for x in inputs.values()}
    if len(precisions) > 1 or len({inputs[name].is_complex() for name in may_be_complex}) > 1:
        dtypes = ", ".join(f"{name} {x.dtype}" for name, x in inputs.items())
        raise TypeError(f"Inputs to {function} have different dtypes: {dtypes}")
'''

# Called only where the batch shapes differ.
BROADCAST = '''
def _broadcast(function: str, /, **batches: torch.Size) -> torch.Size:
    """The batch shape that all inputs are spread over; shapes that do not fit together are refused."""
    try:
        return torch.broadcast_shapes(*batches.values())
    except RuntimeError as error:
        told = ", ".join(f"{name} {tuple(shape)}" for name, shape in batches.items())
        raise ValueError(f"The batch dimensions of the inputs to {function} cannot be broadcast: {told}") from error
'''


def names_text(names: Sequence[str]) -> str:
    """A tuple of strings."""
    quoted = ", ".join(f'"{name}"' for name in names)
    return f"({quoted},)" if len(names) == 1 else f"({quoted})"


def shape_checks(
    function: str, inputs: Sequence[Symbol], values: Sequence[Node], identifiers: Mapping[str, str]
) -> Iterator[str]:
    """The lines that refuse a wrong number of dimensions, what is not square, and sizes that do not fit.

    Args:
        function: what messages call the function.
        inputs: the variables, in order.
        values: the outputs, which may demand that one size is no less than another.
        identifiers: what the code calls the variables.
    """
    axes: list[tuple[Dim, str]] = []
    for symbol in inputs:
        name = identifiers[symbol.name]
        axes += zip(symbol.shape, _lengths(name, symbol), strict=True)
        if symbol.rank:
            yield f"if {name}.dim() < {symbol.rank}:"
            yield (
                f'    raise ValueError(f"Input {symbol.name} to {function} has {{{name}.dim()}} dimension(s), '
                f'expected {symbol.rank}")'
            )
    bound = named_sizes(axes)
    # First what sizes are read from: in `A: n*m n*m, B: n n, C: m m` those of A follow from B and C.
    for symbol in sorted(inputs, key=_is_composed):
        yield from _sizes(function, symbol, identifiers[symbol.name], bound)
    yield from order_checks(function, [*inputs, *values], bound)


def _lengths(name: str, symbol: Symbol) -> list[str]:
    """The lengths of a variable's axes as Python; batch axes stand before them."""
    return [f"{name}.shape[{place - symbol.rank}]" for place in range(symbol.rank)]


def _is_composed(symbol: Symbol) -> bool:
    """Whether a size is made of several names, which other inputs have to give."""
    return any(dim.name is None and dim.names for dim in symbol.shape)


def _sizes(function: str, symbol: Symbol, name: str, bound: Mapping[str, str]) -> Iterator[str]:
    if symbol.is_square:
        yield f"if {name}.shape[-1] != {name}.shape[-2]:"
        got = f"got dimensions {{tuple({name}.shape)}}"
        yield f'    raise ValueError(f"Input {symbol.name} to {function} is not square, {got}")'
    names = list(dict.fromkeys(n for dim in symbol.shape for n in dim.names))
    if not all(n in bound for n in names):
        return
    found = _lengths(name, symbol)
    pairs = list(zip(found, (size_text(dim, bound) for dim in symbol.shape), strict=True))
    told_apart = pairs[:1] if symbol.is_square else pairs
    wrong = [f"{length} != {wanted}" for length, wanted in told_apart if length != wanted]
    if not wrong:
        return
    told = ", ".join(f"{n} = {{{bound[n]}}}" for n in names if bound[n] not in found)
    told = f" with {told}" if told else ""
    yield f"if {' or '.join(wrong)}:"
    yield (
        f'    raise ValueError(f"Input {symbol.name} to {function} is not {shape_text(symbol.shape)}{told}, '
        f'got dimensions {{tuple({name}.shape)}}")'
    )


def broadcast_lines(function: str, inputs: Sequence[Symbol], identifiers: Mapping[str, str]) -> Iterator[str]:
    """The lines that give all inputs the same batch axes; `function` is what messages call the function."""
    if len(inputs) < 2:
        return
    names = [identifiers[s.name] for s in inputs]
    batches = [_batch(name, s.rank) for name, s in zip(names, inputs, strict=True)]
    spread = [
        f"{name}.expand(*batch, *{name}.shape[-{s.rank}:])" if s.rank else f"{name}.expand(batch)"
        for name, s in zip(names, inputs, strict=True)
    ]
    yield f"if {' != '.join(batches)}:" if len(batches) == 2 else f"if not {' == '.join(batches)}:"
    given = ", ".join(f"{s.name}={batch}" for s, batch in zip(inputs, batches, strict=True))
    yield f'    batch = _broadcast("{function}", {given})'
    for name, text in zip(names, spread, strict=True):
        yield f"    {name} = {text}"


def _batch(name: str, rank: int) -> str:
    return f"{name}.shape[:-{rank}]" if rank else f"{name}.shape"
