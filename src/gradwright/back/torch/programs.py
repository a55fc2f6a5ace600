"""The programs of one function: forward, backward twice, forward mode, in one set of names.

The fast backward is lowered together with the values, so that both share what they can (one factorisation),
and is then cut off; the exact one is written in inputs and outputs, by operations that are differentiated
correctly at every order. Where the two come out the same, one is kept.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from types import EllipsisType

from gradwright.back.code import TORCH, Program, Statement, lower
from gradwright.back.code.library import Library
from gradwright.back.code.sizes import unreadable_size
from gradwright.back.code.structures import projected
from gradwright.back.torch.continuations import beginning
from gradwright.back.torch.registry import Functions
from gradwright.back.torch.rules import Rules
from gradwright.back.torch.safety import RULES, VALUES, in_complex_too, in_either_field, in_safe_functions
from gradwright.back.torch.statements import Piece, cut, rename, renamed
from gradwright.core.nodes import Contract, Direction, Node, Symbol, is_apply
from gradwright.core.walks import substitute
from gradwright.frozen import frozen
from gradwright.optimise import MODULE_PASSES, arrange, optimise
from gradwright.optimise.kernels import KERNELS, use_kernels
from gradwright.prims.complex import real_part
from gradwright.simplify.accurate import keep_digits
from gradwright.simplify.branches import choose_inside


@frozen
class _Halves:
    """The forward, what it hands over, the backward that takes it, and the helper functions that both call."""

    forward: Piece
    carried: tuple[str, ...]
    fast: Piece
    helpers: Mapping[str, str]


@frozen
class Programs:
    """The code of one function and its derivatives.

    Attributes:
        inputs: the identifiers of all inputs.
        moving: those of the inputs that occur.
        still: for the others, the code of their gradient: zeros of their shape, which depend on G as gradients do.
        outputs: the identifiers of the outputs.
        cotangents, directions: the identifiers of what the derivatives are applied to.
        projections: for inputs and directions in a declared linear set, the code of the projection on it.
        forward: the outputs.
        carried: what else the fast backward takes from the forward.
        fast: the backward that uses it, or None if it is the exact one.
        again: what computes once more what is carried, where the fast backward after it is the exact one.
        real_only: whether the fast backward is right for real tensors only.
        exact: the backward in inputs and outputs.
        jvp: forward mode.
        helpers: the text of the helper functions that are called.
    """

    inputs: tuple[str, ...]
    moving: tuple[str, ...]
    still: Mapping[str, str]
    outputs: tuple[str, ...]
    cotangents: tuple[str, ...]
    directions: Mapping[str, str]
    projections: Mapping[str, str]
    forward: Piece
    carried: tuple[str, ...]
    fast: Piece | None
    again: tuple[Statement, ...] | None
    real_only: bool
    exact: Piece
    jvp: Piece
    helpers: Mapping[str, str]

    @property
    def text(self) -> str:
        """All the code as one text."""
        pieces = (self.forward, self.exact, self.jvp, *([self.fast] if self.fast else []))
        return "\n".join(piece.text for piece in pieces)


def write_programs(
    rules: Rules,
    functions: Functions,
    taken: Iterable[str],
    for_real: Rules | None = None,
    either_field: bool = False,
) -> Programs:
    """Lower a function and its derivatives.

    Args:
        rules: the function.
        functions: those of the module.
        taken: identifiers that the programs must not use.
        for_real: the same function for real tensors, of which the fast backward is written if it is another one
            than the exact: real matrices share more.
        either_field: whether complex inputs may be given as real ones.
    """
    _require_sizes(rules)
    # Backward has gradients by name: a variable that is called like one, or like that of a name made free, is not.
    names = (*taken, *(f"{_gradient(s)}{end}" for s in rules.inputs for end in ("", "_")))
    values, right = (in_either_field(VALUES), in_either_field(RULES)) if either_field else (VALUES, RULES)
    joint = functions.calling_kernels(_joint(rules, values, names))
    exact = functions.calling_functions(_exact(rules, right, names))
    pushed = functions.calling_functions(_pushed(rules, right, names))
    ids = exact.parameters
    backward = Piece(exact.statements, tuple(exact.results.values()))
    halves, real_only = _cut(rules, joint, ids), False
    same = not halves.carried and beginning(backward, halves.fast, ()) is not None
    if for_real is not None and not same:
        of_real = functions.calling_kernels(_joint(for_real, in_complex_too(VALUES), names))
        halves_of_real = _cut(for_real, of_real, ids)
        if not _same_but_for_conjugates(halves_of_real, halves):
            halves, real_only = halves_of_real, True
    outputs = tuple(ids[s.name] for s in rules.outputs)
    return Programs(
        inputs=tuple(ids[s.name] for s in rules.inputs),
        moving=tuple(ids[s.name] for s in rules.vjp),
        still={ids[s.name]: _zeros(s, rules, ids) for s in rules.inputs if s not in rules.vjp},
        outputs=outputs,
        cotangents=tuple(ids[s.name] for s in rules.cotangents),
        directions={ids[s.name]: pushed.parameters[d.name] for s, d in rules.directions.items()},
        projections=_projections(rules, ids, pushed.parameters),
        forward=halves.forward,
        carried=halves.carried,
        fast=None if same else halves.fast,
        again=None if real_only else beginning(backward, halves.fast, [*halves.carried, *outputs]),
        real_only=real_only,
        exact=backward,
        jvp=Piece(pushed.statements, tuple(pushed.results.values())),
        helpers={**halves.helpers, **exact.helpers, **pushed.helpers},
    )


def _zeros(symbol: Symbol, rules: Rules, ids: Mapping[str, str]) -> str:
    """The gradient of an input that nothing depends on; that of a real one is real."""
    cotangent = rules.cotangents[0]
    part = ".real" if symbol.real and not cotangent.real else ""
    return f"{ids[cotangent.name]}{part}.sum() * torch.zeros_like({ids[symbol.name]})"


def _projections(rules: Rules, inputs: Mapping[str, str], directions: Mapping[str, str]) -> dict[str, str]:
    points = {inputs[s.name]: projected(inputs[s.name], s, TORCH) for s in rules.inputs}
    moves = {directions[d.name]: projected(directions[d.name], d, TORCH) for d in rules.directions.values()}
    return {name: text for name, text in {**points, **moves}.items() if text}


def _require_sizes(rules: Rules) -> None:
    """Refuse an output with a dimension that no input has: backward could read its size off the output, forward not."""
    known = {name for symbol in rules.inputs for dim in symbol.shape for name in dim.names}
    for name in (name for output in rules.outputs for dim in output.shape for name in dim.names):
        if name not in known:
            raise unreadable_size(name)


def _joint(rules: Rules, library: Library, names: Sequence[str]) -> Program:
    """Values and their cotangents in one program, without reference to the outputs."""
    known = dict(rules.value_of)
    roots = {o.name: value for o, value in zip(rules.outputs, rules.values, strict=True)}
    roots |= {_gradient(s): substitute(slope, known) for s, slope in rules.vjp.items()}
    leaves = (*rules.inputs, *rules.outputs, *rules.cotangents)
    shown = dict(zip(roots, _in_fast_form(tuple(roots.values())), strict=True))
    # The forward has no outputs yet.
    return lower(shown, library, inputs=leaves, names=names, batched=True, sized=rules.inputs)


# Both kept: modules define the same functions again and again, under names that depend on the module.
@lru_cache(maxsize=128)
def _in_fast_form(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """What is fastest where nothing is differentiated."""
    found = optimise({str(place): node for place, node in enumerate(nodes)}, passes=MODULE_PASSES)
    return use_kernels(tuple(found.values()), KERNELS)


@lru_cache(maxsize=256)
def _in_safe_form(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """What PyTorch differentiates correctly at every order."""
    return arrange(in_safe_functions(choose_inside(keep_digits(nodes))))


def _exact(rules: Rules, library: Library, names: Sequence[str]) -> Program:
    roots = {_gradient(s): slope for s, slope in rules.vjp.items()}
    return _lowered(roots, rules, library, rules.cotangents, names)


def _pushed(rules: Rules, library: Library, names: Sequence[str]) -> Program:
    roots = dict(zip(map(_tangent, rules.outputs), rules.jvp, strict=True))
    return _lowered(roots, rules, library, tuple(rules.directions.values()), names)


def _lowered(
    roots: Mapping[str, Node], rules: Rules, library: Library, more: Sequence[Symbol | Direction], names: Sequence[str]
) -> Program:
    nodes = _in_safe_form(tuple(roots.values()))
    leaves, shown = (*rules.inputs, *rules.outputs, *more), dict(zip(roots, nodes, strict=True))
    # An output that only gives a size would be kept for it.
    return lower(shown, library, inputs=leaves, names=names, batched=True, sized=(*rules.inputs, *more))


def _gradient(symbol: Symbol) -> str:
    return f"grad_{symbol.name}"


def _tangent(symbol: Symbol) -> str:
    return f"tangent_{symbol.name}"


def _cut(rules: Rules, joint: Program, ids: Mapping[str, str]) -> _Halves:
    """The two halves of a joint program, in the names of the others."""
    count = len(rules.outputs)
    results = list(joint.results.values())
    values, slopes = results[:count], results[count:]
    new_names: dict[str, str] = {}
    for symbol, text in zip(rules.outputs, values, strict=True):
        if text.isidentifier() and text not in joint.parameters.values() and text not in new_names:
            new_names[text] = ids[symbol.name]
    statements = [renamed(s, new_names) for s in joint.statements]
    values = [rename(text, new_names) for text in values]
    slopes = [rename(text, new_names) for text in slopes]
    halves = cut(statements, values, slopes, ids.values())
    outputs = [ids[s.name] for s in rules.outputs]
    written = {s.target: s.expression for s in statements}
    returned = tuple(_fresh(text, node, written) for text, node in zip(values, rules.values, strict=True))
    carried = tuple(name for name in halves.carried if name not in outputs)
    return _Halves(Piece(halves.first, returned), carried, Piece(halves.second, tuple(slopes)), joint.helpers)


def _same_but_for_conjugates(one: _Halves, other: _Halves) -> bool:
    texts = ("\n".join([halves.forward.text, halves.fast.text, *halves.carried]) for halves in (one, other))
    first, second = (re.sub(r"\.conj(_physical)?\(\)", "", text).replace(".mH", ".mT") for text in texts)
    return first == second


def _fresh(text: str, node: Node, written: Mapping[str, str]) -> str:
    """A new tensor: what `forward` returns must not be an input, nor a view.

    PyTorch's forward mode keeps the tangent of a view with the tensor that it is a view of; where the tangent is laid
    out otherwise, it stops with an internal assertion.
    """
    plain = isinstance(node, Contract) and node.coefficient == 1 and len(node.children) < 2
    looks = plain or is_apply(node, real_part)
    looked_at = node.children if looks else (node,)
    same = all(isinstance(inner, Symbol) for inner in looked_at)
    return f"{text}.clone()" if same or _is_view(written.get(text, text)) else text


def _is_view(text: str) -> bool:
    """Whether the outermost operation is one of those that move nothing: turning, or picking from, axes."""
    match ast.parse(text, mode="eval").body:
        case ast.Attribute(attr="mT" | "mH"):
            return True
        case ast.Call(
            func=ast.Attribute(attr="movedim" | "diagonal" | "conj" | "real" | "imag") | ast.Name(id="einsum")
        ):
            return True  # the module's own einsum turns the axes of a matrix product
        case ast.Subscript(value=whole, slice=ast.Tuple(elts=[ast.Constant(value=EllipsisType()), *_])):
            # `(A @ x[..., None])[..., 0]` drops an axis of one entry: nothing else is kept with it.
            return not isinstance(whole, ast.BinOp)
        case _:
            return False
