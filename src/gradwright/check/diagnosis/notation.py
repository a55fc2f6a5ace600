"""A recorded computation as one line of text, in the notation of the text language.

Operators, transposes and the functions of the language are written as a person would; what else was
called, by its name with its operands.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping

import torch

from gradwright.check.diagnosis.program import Instruction, Place, Program, Slot
from gradwright.frozen import frozen

LONGEST = 240
KEPT = 2_000  # of a value that others are made of: what an iteration computes is otherwise twice as long in every step
INFIX = {
    "add": ("+", 1), "sub": ("-", 1), "mul": ("*", 2), "div": ("/", 2), "matmul": ("@", 2), "mm": ("@", 2),
    "mv": ("@", 2), "dot": ("@", 2), "pow": ("**", 4), "multiply": ("*", 2), "true_divide": ("/", 2),
    "eq": ("==", 0), "__eq__": ("==", 0), "ne": ("!=", 0), "__ne__": ("!=", 0),
    "gt": (">", 0), "lt": ("<", 0), "ge": (">=", 0), "le": ("<=", 0),
}  # fmt: skip
SWAPPED = {"rsub": "sub", "rdiv": "div", "__rpow__": "pow", "__rsub__": "sub", "__rdiv__": "div", "__rtruediv__": "div"}
SUFFIX = {"T": ".T", "mT": ".T", "t": ".T", "H": ".H", "mH": ".H", "adjoint": ".H"}
SILENT = ("view_as", "clone", "detach", "contiguous", "data", "to", "type_as", "double", "resolve_conj", "expand_as")


def sign_of(instruction: Instruction) -> str:
    """What a person writes for an operation: `*` for `mul`, or its name."""
    name = SWAPPED.get(instruction.name, instruction.name)
    return INFIX[name][0] if name in INFIX else name


@frozen
class _Marked:
    text: str


class Printer:
    """Writes the values of a program; one of them, or one operand of it, may be marked."""

    def __init__(self, program: Program, marked: int | None = None, place: Place = ()) -> None:
        self.program = program
        self.marked = marked
        self.place = place
        self.texts: dict[int, tuple[str, int]] = {s: (name, 9) for s, name in enumerate(program.inputs)}
        self.texts.update({slot: (_constant(value), 9) for slot, value in program.constants.items()})
        for slot in list(self.texts):
            self._mark(slot)
        for instruction in sorted((*program.instructions, *program.idle), key=lambda i: i.slot):
            text, level = self._written(instruction)
            self.texts[instruction.slot] = _shortened(text, KEPT), level
            self._mark(instruction.slot)

    def text(self, slot: int) -> str:
        """One value, shortened in the middle where it is long, or around what is marked."""
        return _shortened(self.texts[slot][0], LONGEST)

    def _mark(self, slot: int) -> None:
        if slot == self.marked and not self.place:
            self.texts[slot] = (f"«{self.texts[slot][0]}»", 9)

    def _written(self, instruction: Instruction) -> tuple[str, int]:
        name, arguments = instruction.name, list(instruction.arguments)
        if instruction.slot == self.marked and self.place and self.place[0] in range(len(arguments)):
            arguments[self.place[0]] = _Marked(f"«{self._piece(arguments[self.place[0]])}»")
        if name in SWAPPED:
            name, arguments = SWAPPED[name], arguments[1::-1]
        if name in SILENT:
            return self._piece(arguments[0]), self._level(arguments[0])
        if name in SUFFIX or (name in ("transpose", "swapaxes") and sorted(arguments[1:]) in ([0, 1], [-2, -1])):
            return self._within(arguments[0], 8) + SUFFIX.get(name, ".T"), 8
        if name == "neg":
            return f"-{self._within(arguments[0], 2)}", 2
        if name in INFIX and len(arguments) == 2 and not instruction.keywords:
            return self._infix(name, arguments)
        if name == "__getitem__":
            return f"{self._within(arguments[0], 8)}[{self._index(arguments[1])}]", 8
        if name == "_item":
            return f"{self._within(arguments[0], 8)}[{arguments[1]}]", 8
        return f"{name}({', '.join(self._arguments(arguments, _stated(instruction)))})", 9

    def _infix(self, name: str, arguments: list[object]) -> tuple[str, int]:
        symbol, level = INFIX[name]
        left = self._within(arguments[0], level)
        right = self._within(arguments[1], level + (1 if symbol != "+" else 0))
        return f"{left} {symbol} {right}", level

    def _arguments(self, arguments: Iterable[object], keywords: Mapping[str, object]) -> Iterable[str]:
        yield from (self._piece(argument) for argument in arguments)
        yield from (f"{key}={self._piece(value)}" for key, value in keywords.items() if key not in ("dtype", "device"))

    def _within(self, value: object, level: int) -> str:
        text = self._piece(value)
        return f"({text})" if self._level(value) < level else text

    def _level(self, value: object) -> int:
        return self.texts[value.index][1] if isinstance(value, Slot) and value.index in self.texts else 9

    def _piece(self, value: object) -> str:
        if isinstance(value, Slot):
            return self.texts.get(value.index, ("…", 9))[0]
        if isinstance(value, _Marked):
            return value.text
        if isinstance(value, tuple | list):
            return f"[{', '.join(map(self._piece, value))}]"
        if isinstance(value, torch.dtype):
            return str(value).removeprefix("torch.")
        return repr(value)

    def _index(self, places: object) -> str:
        listed = places if type(places) is tuple else (places,)  # a slot is a tuple, too
        return ", ".join(map(self._one_index, listed))

    def _one_index(self, place: object) -> str:
        if isinstance(place, slice):
            return ":".join("" if bound is None else self._piece(bound) for bound in (place.start, place.stop))
        return "…" if place is Ellipsis else self._piece(place)


def _shortened(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    start, half = text.find("«"), longest // 2
    stop = text.find("»", start) + 1
    if start < 0 or stop == 0:
        return f"{text[:half]} … {text[-half:]}"
    if stop - start > longest:
        text = f"{text[:start]}«{_shortened(text[start + 1 : stop - 1], longest)}»{text[stop:]}"
        stop = text.index("»", start) + 1
    room = max(0, longest - (stop - start)) // 2
    before, after = text[max(0, start - room) : start], text[stop : stop + room]
    cut = "… " if len(before) < start else "", " …" if stop + len(after) < len(text) else ""
    return f"{cut[0]}{before}{text[start:stop]}{after}{cut[1]}"


def _stated(instruction: Instruction) -> dict[str, object]:
    """The keywords without those that have their default, which a method of PyTorch's passes on."""
    try:
        defaults = {p.name: p.default for p in inspect.signature(instruction.function).parameters.values()}
    except (TypeError, ValueError):
        return dict(instruction.keywords)
    return {key: value for key, value in instruction.keywords.items() if value is not defaults.get(key, ...)}


def _constant(value: torch.Tensor) -> str:
    return f"{value.item():g}" if value.dim() == 0 and not value.is_complex() else "a constant"
