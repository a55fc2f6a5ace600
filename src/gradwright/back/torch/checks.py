"""The beginning of an emitted public function: what it refuses, and how batch axes meet.

Messages give the count and the shape: "Input X to inv is not square, got dimensions (3, 4)".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gradwright.back.code.size_checks import order_checks, size_text
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
    bound: dict[str, str] = {}
    for symbol in inputs:
        name = identifiers[symbol.name]
        if symbol.rank:
            yield f"if {name}.dim() < {symbol.rank}:"
            yield (
                f'    raise ValueError(f"Input {symbol.name} to {function} has {{{name}.dim()}} dimension(s), '
                f'expected {symbol.rank}")'
            )
    # First what sizes are read from: in `A: n*m n*m, B: n n, C: m m` those of A follow from B and C.
    for symbol in sorted(inputs, key=_is_composed):
        yield from _sizes(function, symbol, identifiers, bound)
    yield from order_checks(function, [*inputs, *values], bound)


def _is_composed(symbol: Symbol) -> bool:
    """Whether a size is made of several names, which other inputs have to give."""
    return any(dim.name is None and dim.names for dim in symbol.shape)


def _sizes(function: str, symbol: Symbol, identifiers: Mapping[str, str], bound: dict[str, str]) -> Iterator[str]:
    name = identifiers[symbol.name]
    plain = [d.name for d in symbol.shape]
    square = symbol.rank == 2 and symbol.shape[0] == symbol.shape[1]
    if square:
        yield f"if {name}.shape[-1] != {name}.shape[-2]:"
        got = f"got dimensions {{tuple({name}.shape)}}"
        yield f'    raise ValueError(f"Input {symbol.name} to {function} is not square, {got}")'
    new = {d.name: f"{name}.shape[{place - symbol.rank}]" for place, d in enumerate(symbol.shape) if d.name}
    fresh = {dim: text for dim, text in new.items() if dim not in bound}
    bound.update(fresh)
    if all(d.name in fresh for d in symbol.shape) and (square or len(set(plain)) == len(plain)):
        return
    if not all(atom in bound for d in symbol.shape for atom in d.names):
        return
    known = dict.fromkeys(n for d in symbol.shape for n in d.names if n not in fresh)
    told = ", ".join(f"{dim} = {{{bound[dim]}}}" for dim in known)
    found = [f"{name}.shape[{place - symbol.rank}]" for place in range(symbol.rank)]
    pairs = zip(found, (size_text(d, bound) for d in symbol.shape), strict=True)
    yield f"if {' or '.join(f'{size} != {wanted}' for size, wanted in pairs if size != wanted)}:"
    told = f" with {told}" if told else ""
    yield (
        f'    raise ValueError(f"Input {symbol.name} to {function} is not {shape_text(symbol.shape)}{told}, '
        f'got dimensions {{tuple({name}.shape)}}")'
    )


def projected(name: str, symbol: Symbol, moved: bool = False) -> str:
    """The code of the projection on a declared linear set; empty for a free variable, or a curved set.

    Args:
        name: what the code calls the tensor.
        symbol: the variable.
        moved: whether the tensor is a direction, in the tangent space of the set.
    """
    facts = symbol.facts
    ones = "" if moved else f" + torch.eye({name}.shape[-1], dtype={name}.dtype, device={name}.device)"
    if "diagonal" in facts:
        return f"torch.diag_embed({name}.diagonal(dim1=-2, dim2=-1))"
    if "unit_lower" in facts:
        return f"{name}.tril(-1){ones}"
    if "unit_upper" in facts:
        return f"{name}.triu(1){ones}"
    if "lower" in facts or "upper" in facts:
        return f"{name}.tril()" if "lower" in facts else f"{name}.triu()"
    if "skew" in facts:
        return f"({name} - {name}.mT) / 2"
    if "symmetric" in facts or "hermitian" in facts:
        # Not .mH: in forward mode under vmap, PyTorch 2.13 cannot make a view of a conjugate.
        mirror = "mT" if "symmetric" in facts else "mT.conj_physical()"
        return f"({name} + {name}.{mirror}) / 2"
    return ""


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
