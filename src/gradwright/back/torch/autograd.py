"""The text of a `torch.autograd.Function`: forward, backward, forward mode and vmap of one function.

The shape, and what each part is for:

* `allow_in_graph` on the class: without it `torch.compile` looks into `forward` and differentiates that.
* `apply` takes the inputs as they are. PyTorch's, of a Function with `setup_context`, inspects the signature of
  `forward` and binds them to it each time, which takes as long as several small products.
* `forward` is static and keeps batch axes. What backward reuses and is no output (a factorisation) is a
  further output, marked as not differentiable; `setup_context` saves inputs and outputs, nothing else. Cotangents
  that nobody has are then not filled with zeros: those of what is handed over may be large.
* `backward` has two ways to one derivative. While nothing differentiates it again, it uses the saved factors.
  Otherwise it is written in inputs and outputs, by operations whose own derivatives are right. Where that is the same
  code once the factors are computed again, it stands there once.
* Inputs with a declared linear structure are projected on it inside of each method, so that derivatives of all orders
  are those of the function of free entries, and a matrix that has the structure stays as it is. The first
  derivatives are in the tangent space as they are; PyTorch need not project them once more.
* `jvp` strips one level of dual numbers from what was saved (`level=0`: inside compiled forward mode there is
  only one), and lets tangents through, so that forward mode nests.
* `vmap` makes the mapped axis one more batch axis.
* `forward`, `backward` and `jvp` compute in the precision of their tensors. Autocast would lower the products in
  forward alone, so that backward, which runs outside it, would meet two types.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gradwright.back.code.program import Statement, statement_lines
from gradwright.back.code.wrapping import INDENT, WIDTH, in_block
from gradwright.back.torch.programs import Programs
from gradwright.back.torch.statements import Piece, is_size, needed

# How far from the left the statements of a method stand, and those of a block in it.
IN_METHOD = 2 * len(INDENT)
IN_BLOCK = 3 * len(INDENT)
RULE = ("@staticmethod", "@_in_given_precision")
FIRST_ORDER = '''
def _is_first_order(*tensors: Tensor) -> bool:
    """Whether nothing differentiates the derivative that is being computed."""
    if torch.is_grad_enabled():
        return False
    return forward_ad._current_level < 0 or all(forward_ad.unpack_dual(t).tangent is None for t in tensors)
'''
BY_POSITION = '''
class _ByPosition(torch.autograd.Function):
    """A Function of tensors, given by position: PyTorch's own `apply` looks up and binds their names at every call."""

    @classmethod
    def apply(cls, *inputs: Tensor) -> Any:
        """Apply the function, and record it."""
        if torch._C._are_functorch_transforms_active():
            return super().apply(*inputs)
        return super(torch.autograd.Function, cls).apply(*unwrap_dead_wrappers(inputs))  # type: ignore[misc]
'''
OR_ZEROS = '''
def _or_zeros(directions: tuple[Tensor | None, ...], *points: Tensor) -> tuple[Tensor, ...]:
    """The directions in which points move, with zeros for points that do not."""
    return tuple(torch.zeros_like(x) if dx is None else dx for x, dx in zip(points, directions, strict=True))
'''
GIVEN_PRECISION = '''
def _in_given_precision(rule: Callable[..., Any]) -> Callable[..., Any]:
    """A rule that computes in the precision of its tensors, where autocast would lower that of some operations."""

    @wraps(rule)
    def computed(*given: Any) -> Any:
        if torch._C._is_any_autocast_enabled():
            device = next(x for x in given if isinstance(x, Tensor)).device.type
            if torch.amp.is_autocast_available(device):
                with torch.autocast(device, enabled=False):
                    return rule(*given)
        return rule(*given)

    return computed
'''
VALUE_ONLY = '''
@torch.compiler.allow_in_graph
class {name}(_ByPosition):
    """A value without a derivative."""

    @staticmethod
    def forward({parameters}) -> Tensor:
        return {kernel}({names})

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Any) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, G: Tensor) -> Tensor:
        raise NotImplementedError({reason})

    @staticmethod
    def jvp(ctx: Any, *directions: Tensor) -> Tensor:
        raise NotImplementedError({reason})

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Tensor) -> tuple[Any, Any]:
        batches = (
            x.expand(info.batch_size, *x.shape) if d is None else x.movedim(d, 0)
            for x, d in zip(inputs, in_dims, strict=True)
        )
        return {name}.apply(*batches), 0
'''


def class_lines(name: str, summary: str, programs: Programs) -> list[str]:
    """The lines of the class."""
    body = [
        f'"""{summary}"""',
        "",
        *_forward(programs),
        "",
        *_setup_context(programs),
        "",
        *_backward(programs),
        "",
        *_jvp(programs),
        "",
        *_vmap(name, programs),
    ]
    return ["@torch.compiler.allow_in_graph", f"class {name}(_ByPosition):", *indented(body)]


def indented(lines: Sequence[str]) -> list[str]:
    """Lines one level further in; empty ones stay empty."""
    return [INDENT + line if line else "" for line in lines]


def _unpacked(parts: Sequence[str]) -> str:
    """The left side of an assignment from a tuple."""
    return f"({parts[0]},)" if len(parts) == 1 else ", ".join(parts)


def _returns(count: int) -> str:
    return "Tensor" if count == 1 else "tuple[Tensor, ...]"


def _returning(piece: Piece, indent: int, more: Sequence[str] = ()) -> list[str]:
    """The statements and the `return`; a value that is computed last is returned without a name."""
    statements, values = list(piece.statements), [*piece.results, *more]
    if statements and values == [statements[-1].target]:
        values = [statements.pop().expression]
    return [*statement_lines(statements, indent), *in_block(f"return {', '.join(values)}", indent)]


def _forward(programs: Programs) -> Iterator[str]:
    parameters = ", ".join(f"{name}: Tensor" for name in programs.inputs)
    count = len(programs.outputs) + len(programs.carried)
    yield from RULE
    yield f"def forward({parameters}) -> {_returns(count)}:"
    yield from indented(_returning(_projecting(programs, programs.forward), IN_METHOD, programs.carried))


def _projecting(programs: Programs, piece: Piece) -> Piece:
    """A piece that first projects what it reads on the sets that are declared."""
    return Piece((*_projections(programs, piece.reads_entries_of), *piece.statements), piece.results)


def _projections(programs: Programs, names: set[str]) -> list[Statement]:
    return [Statement(name, text) for name, text in programs.projections.items() if name in names]


def _saved_for_backward(programs: Programs) -> list[str]:
    reads = set(programs.exact.reads) | (programs.fast.reads if programs.fast else set()) | set(programs.still)
    everything = (*programs.inputs, *programs.outputs, *programs.carried)
    return [name for name in everything if name in reads]


def _leaves_none(programs: Programs) -> bool:
    """Whether cotangents and directions that do not exist come as None instead of zeros."""
    return bool(programs.carried) and len(programs.outputs) == 1


def _saved_for_forward(programs: Programs) -> list[str]:
    reads = programs.jvp.reads | ({*programs.directions} if _leaves_none(programs) else set[str]())
    return [name for name in (*programs.inputs, *programs.outputs) if name in reads]


def _setup_context(programs: Programs) -> Iterator[str]:
    backward, forward = _saved_for_backward(programs), _saved_for_forward(programs)
    saved = {*backward, *forward}
    inputs, outputs = programs.inputs, (*programs.outputs, *programs.carried)
    yield "@staticmethod"
    yield "def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Any) -> None:"
    lines: list[str] = []
    if saved.intersection(inputs):
        lines.append(f"{_unpacked([n if n in saved else '_' for n in inputs])} = inputs")
    if len(outputs) == 1 and saved.intersection(outputs):
        lines.append(f"{outputs[0]} = output")
    elif saved.intersection(outputs):
        lines.append(f"{_unpacked([n if n in {*saved, *programs.carried} else '_' for n in outputs])} = output")
    if programs.carried:
        lines.append(f"ctx.mark_non_differentiable({', '.join(programs.carried)})")
    if _leaves_none(programs):
        lines.append("ctx.set_materialize_grads(False)")
    if backward:
        lines.append(f"ctx.save_for_backward({', '.join(backward)})")
    if forward:
        lines.append(f"ctx.save_for_forward({', '.join(forward)})")
    yield from indented(lines or ["pass"])


def _backward(programs: Programs) -> Iterator[str]:
    saved = _saved_for_backward(programs)
    given = "Tensor | None" if _leaves_none(programs) else "Tensor"
    ignored = [f"*_: {given}"] if programs.carried else []
    cotangents = ", ".join([*(f"{name}: {given}" for name in programs.cotangents), *ignored])
    yield from RULE
    yield f"def backward(ctx: Any, {cotangents}) -> {_gradients_type(programs)}:"
    lines: list[str] = []
    if _leaves_none(programs):
        nothing = ", ".join(["None"] * len(programs.inputs))
        lines += [f"if {programs.cotangents[0]} is None:", f"{INDENT}return {nothing}"]
    lines += [f"{_unpacked(saved)} = ctx.saved_tensors"] if saved else []
    if programs.fast is None:
        lines += _gradients(programs, programs.exact, IN_METHOD)
    else:
        tracked = [*programs.cotangents, *(n for n in saved if n not in programs.carried)]
        kind = next((name for name in programs.moving if name in saved), programs.cotangents[0])
        real = f" and not {kind}.is_complex()" if programs.real_only else ""
        first_order = f"_is_first_order({', '.join(tracked)}){real}"
        if programs.again is None:
            lines += [f"if {first_order}:", *indented(_gradients(programs, programs.fast, IN_BLOCK))]
            lines += _gradients(programs, programs.exact, IN_METHOD)
        else:
            lines += _resumed(programs, programs.again, programs.fast, f"if not {first_order}:")
    yield from indented(lines)


def _resumed(programs: Programs, again: Sequence[Statement], fast: Piece, condition: str) -> list[str]:
    """The fast backward, before which what is carried is computed again under a condition."""
    inside = _projecting(programs, Piece(tuple(again), ())).statements
    return [condition, *indented(statement_lines(inside, IN_BLOCK)), *_gradients(programs, fast, IN_METHOD)]


def _gradients_type(programs: Programs) -> str:
    single = "Tensor | None" if _leaves_none(programs) else "Tensor"
    return single if len(programs.inputs) == 1 else "tuple[Tensor | None, ...]"


def _gradients(programs: Programs, piece: Piece, indent: int) -> list[str]:
    """The statements of a backward; what the inputs that are asked for do not need is left out."""
    piece = _projecting(programs, piece)
    if len(programs.inputs) == 1:
        return _returning(piece, indent) if programs.moving else [f"return {programs.still[programs.inputs[0]]}"]
    shares = [needed(piece.statements, [text]) for text in piece.results]
    owners = {s: tuple(n for n, share in zip(programs.moving, shares, strict=True) if s in share)
              for s in piece.statements}  # fmt: skip
    common = [s for s in piece.statements if len(owners[s]) > 1]
    lines = _common(programs, common, owners, indent)
    lines += _nothing_yet(programs, indent)
    for name, share, text in zip(programs.moving, shares, piece.results, strict=True):
        own = [s for s in share if s not in common]
        if own and own[-1].target == text:
            text = own.pop().expression
        lines.append(f"if ctx.needs_input_grad[{programs.inputs.index(name)}]:")
        inside = indent + len(INDENT)
        lines += indented([*statement_lines(own, inside), *in_block(f"{_gradient(name)} = {text}", inside)])
    for name, zeros in programs.still.items():
        lines.append(f"if ctx.needs_input_grad[{programs.inputs.index(name)}]:")
        lines.append(f"{INDENT}{_gradient(name)} = {zeros}")
    lines += in_block(f"return {', '.join(map(_gradient, programs.inputs))}", indent)
    return lines


def _common(
    programs: Programs, common: Sequence[Statement], owners: Mapping[Statement, tuple[str, ...]], indent: int
) -> list[str]:
    """What several gradients share; what not all of them need is computed if one that does is asked for."""
    everywhere = [s for s in common if owners[s] == programs.moving or is_size(s)]
    lines = statement_lines(everywhere, indent)
    groups = dict.fromkeys(owners[s] for s in common if s not in everywhere)
    for group in sorted(groups, key=len, reverse=True):  # what more gradients need is used by what fewer do
        asked = " or ".join(f"ctx.needs_input_grad[{programs.inputs.index(name)}]" for name in group)
        lines += in_block(f"if {asked}:", indent)
        own = [s for s in common if owners[s] == group and s not in everywhere]
        lines += indented(statement_lines(own, indent + len(INDENT)))
    return lines


def _nothing_yet(programs: Programs, indent: int) -> list[str]:
    """Every gradient is None until it is asked for; what stands before the last `=` cannot be put in brackets."""
    names = [_gradient(name) for name in programs.inputs]
    lines: list[str] = []
    while names:
        count = next(k for k in range(len(names), 0, -1) if k == 1 or indent + len(_none(names[:k])) <= WIDTH)
        lines.append(_none(names[:count]))
        names = names[count:]
    return lines


def _none(names: Sequence[str]) -> str:
    return f"{' = '.join(names)} = None"


def _gradient(name: str) -> str:
    return f"grad_{name}"


def _jvp(programs: Programs) -> Iterator[str]:
    saved = _saved_for_forward(programs)
    directions = [programs.directions.get(name, f"_d{name}") for name in programs.inputs]
    given = "Tensor | None" if _leaves_none(programs) else "Tensor"
    parameters = ", ".join(f"{name}: {given}" for name in directions)
    nothing = ["None"] * len(programs.carried)
    count = len(programs.outputs)
    returned = "Tensor" if count == 1 and not nothing else "tuple[Tensor | None, ...]"
    yield from RULE
    yield f"def jvp(ctx: Any, {parameters}) -> {returned}:"
    lines = ["with forward_ad._set_fwd_grad_enabled(True):"]
    if saved:
        primal = "forward_ad.unpack_dual(saved, level=0).primal for saved in ctx.saved_tensors"
        lines.append(f"{INDENT}{_unpacked(saved)} = ({primal})")
    if _leaves_none(programs) and programs.directions:
        moves = _unpacked([*programs.directions.values()])
        listed = moves if moves.startswith("(") else f"({moves})"
        lines.append(f"{INDENT}{moves} = _or_zeros({listed}, {', '.join(programs.directions)})")
    lines += indented(_returning(_projecting(programs, programs.jvp), IN_BLOCK, nothing))
    yield from indented(lines)


def _vmap(name: str, programs: Programs) -> Iterator[str]:
    count = len(programs.outputs) + len(programs.carried)
    outputs = "0" if count == 1 else f"({', '.join(['0'] * count)})"
    yield "@staticmethod"
    if len(programs.inputs) == 1:
        (x,) = programs.inputs
        yield f"def vmap(info: Any, in_dims: tuple[int], {x}: Tensor) -> tuple[Any, Any]:"
        yield f"{INDENT}return {name}.apply({x}.movedim(in_dims[0], 0)), {outputs}"
        return
    yield "def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Tensor) -> tuple[Any, Any]:"
    yield f"{INDENT}batches = ("
    yield f"{INDENT}    x.expand(info.batch_size, *x.shape) if d is None else x.movedim(d, 0)"
    yield f"{INDENT}    for x, d in zip(inputs, in_dims, strict=True)"
    yield f"{INDENT})"
    yield f"{INDENT}return {name}.apply(*batches), {outputs}"
