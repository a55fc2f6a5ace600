"""The user's computation as a straight-line program, recorded while it runs.

Every PyTorch function that is called is noted with its operands, and can be run again on other values
with one operation replaced. Loops and branches are recorded as they went, so a program stands for one
size; operations in place, and views, mean the same when it is run again.
"""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch.overrides import TorchFunctionMode

from gradwright.check.diagnosis.operations import COMPARISONS, POWERS
from gradwright.frozen import frozen, replace

SAME = ("view_as", "clone", "contiguous")
Values = dict[int, Any]
Place = tuple[Any, ...]


class Slot(NamedTuple):
    """A reference to a value of the program."""

    index: int


@frozen
class Instruction:
    """One call.

    Attributes:
        slot: the number of its result.
        function: what is called.
        arguments, keywords: its operands, with slots for tensors.
        line: the line of the user's code, as text.
        call: the place in the user's code, which is the same in every pass of a loop.
    """

    slot: int
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    keywords: Mapping[str, Any]
    line: str = ""
    call: tuple[int, int] = (0, 0)

    @property
    def name(self) -> str:
        """The name of the function."""
        return name_of(self.function)

    @property
    def in_place(self) -> bool:
        """Whether it changes one of its operands."""
        name = getattr(self.function, "__name__", "")
        return name == "__setitem__" or "out" in self.keywords or (name.endswith("_") and not name.endswith("__"))

    @property
    def changed(self) -> Any:
        """What an operation in place changes."""
        return self.keywords.get("out", self.arguments[0] if self.arguments else None)

    @cached_property
    def operands(self) -> tuple[tuple[Place, int], ...]:
        """The places of the tensors among the arguments, and which values stand there."""
        return (*_operands(self.arguments, ()), *_operands(dict(self.keywords), ()))

    @cached_property
    def _flat(self) -> bool:
        """Whether no operand stands inside of another, as in a list: then they are looked up at once."""
        return not self.keywords and not any(type(given) in (tuple, list, dict, slice) for given in self.arguments)

    def run(self, values: Values, instead: Mapping[Place, Any] | None = None) -> Any:
        """Call it on the values; `instead` has values for some places."""
        if self._flat and not instead:
            return self.function(*[values[a.index] if type(a) is Slot else a for a in self.arguments])
        arguments = _filled(self.arguments, values, instead or {}, ())
        keywords = _filled(dict(self.keywords), values, instead or {}, ())
        return self.function(*arguments, **keywords)


@frozen
class Program:
    """A recorded computation.

    Attributes:
        inputs: the names of the first values, in order.
        constants: tensors that came from elsewhere.
        instructions: the calls, in order.
        result: the number of the result.
        apart: the same as it ran, if some value is computed twice there, and once here.
        idle: the calls that do not reach the result, in order.
        twice: in what is `apart`, the values that are computed more than once; all others are here, too.
    """

    inputs: tuple[str, ...]
    constants: Mapping[int, torch.Tensor]
    instructions: tuple[Instruction, ...]
    result: int
    apart: Program | None = None
    idle: tuple[Instruction, ...] = ()
    twice: frozenset[int] = frozenset()

    @cached_property
    def by_slot(self) -> dict[int, Instruction]:
        """The instruction that makes each value."""
        return {instruction.slot: instruction for instruction in self.instructions}

    @cached_property
    def whole(self) -> frozenset[int]:
        """The result, and what it is the same as; no input, which has a name."""
        found = [self.result]
        while (maker := self.by_slot.get(found[-1])) is not None and maker.name in SAME:
            found.append(maker.operands[0][1])
        return frozenset(found) - frozenset(range(len(self.inputs)))

    @cached_property
    def pure(self) -> bool:
        """Whether no operand is changed in place."""
        return not any(instruction.in_place for instruction in self.instructions)

    def is_written_to(self, slot: int) -> bool:
        """Whether a value is changed in place, as that of `A[i]` by `A[i] += b`."""
        return any(user.in_place and user.changed == Slot(slot) for user in self.users.get(slot, ()))

    @cached_property
    def sources(self) -> dict[int, set[int]]:
        """The values that each instruction depends on."""
        reached: dict[int, set[int]] = {}
        for instruction in self.instructions:
            operands = {slot for _, slot in instruction.operands}
            reached[instruction.slot] = operands.union(*(reached.get(s, set()) for s in operands))
        return reached

    @cached_property
    def dependents(self) -> dict[int, tuple[Instruction, ...]]:
        """The instructions that depend on each value, in order."""
        slots = (*range(len(self.inputs)), *self.constants, *self.by_slot)
        return {s: tuple(i for i in self.instructions if s in self.sources[i.slot]) for s in slots}

    @cached_property
    def users(self) -> dict[int, tuple[Instruction, ...]]:
        """The instructions that each value is an operand of, in order."""
        found: dict[int, dict[int, Instruction]] = {}
        for instruction in self.instructions:
            for _, slot in instruction.operands:
                found.setdefault(slot, {})[instruction.slot] = instruction
        return {slot: tuple(users.values()) for slot, users in found.items()}

    def rerun(self, *slots: int) -> tuple[Instruction, ...]:
        """The instructions that have to be run again where some values are others, in order."""
        if not self.pure:
            return self.instructions
        if len(slots) == 1:
            return (*(self.by_slot[s] for s in slots if s in self.by_slot), *self.dependents[slots[0]])
        return tuple(i for i in self.instructions if i.slot in slots or not self.sources[i.slot].isdisjoint(slots))

    def calls(self, *slots: int) -> int:
        """How many calls it takes where some values are others."""
        return len(self.rerun(*slots))

    @cached_property
    def masks(self) -> frozenset[int]:
        """The results of comparisons, and the values that nothing but comparisons use."""
        return self._used_for(lambda user, place: False, {i.slot for i in self.instructions if i.name in COMPARISONS})

    @cached_property
    def exponents(self) -> frozenset[int]:
        """The values that are used in exponents alone."""
        return self._used_for(lambda user, place: user.name in POWERS and place == (1,), set())

    def _used_for(self, is_such: Callable[[Instruction, Place], bool], found: set[int]) -> frozenset[int]:
        """Some values, and those that nothing but such places, and the values found, use."""
        users: dict[int, list[tuple[Instruction, Place]]] = {}
        for instruction in self.instructions:
            for place, slot in instruction.operands:
                users.setdefault(slot, []).append((instruction, place))
        for slot in sorted(users, reverse=True):
            if slot != self.result and all(is_such(u, place) or u.slot in found for u, place in users[slot]):
                found.add(slot)
        return frozenset(found)

    @cached_property
    def skeleton(self) -> tuple[tuple[str, tuple[tuple[Place, int], ...]], ...]:
        """What two recordings of the same code at different sizes have in common."""
        return tuple((i.name, i.operands) for i in self.instructions)

    @cached_property
    def numbers(self) -> str:
        """The operands that are no tensors, as text."""
        return repr([(i.arguments, dict(i.keywords)) for i in self.instructions])

    def start(self, inputs: Mapping[str, torch.Tensor]) -> Values:
        """The values before the first instruction."""
        values: Values = {place: inputs[name].clone() for place, name in enumerate(self.inputs)}
        values.update({slot: value.clone() for slot, value in self.constants.items()})
        return values

    def run(self, inputs: Mapping[str, torch.Tensor]) -> Values:
        """All values of the program at some inputs."""
        values = self.start(inputs)
        for instruction in self.instructions:
            values[instruction.slot] = instruction.run(values)
        return values

    def as_made(self, inputs: Mapping[str, torch.Tensor]) -> Values:
        """All values as they were when they were made, whatever was written into them later."""
        if self.pure:
            return self.run(inputs)
        values = self.start(inputs)
        made = {slot: _copied(value) for slot, value in values.items()}
        for instruction in self.instructions:
            values[instruction.slot] = instruction.run(values)
            made[instruction.slot] = _copied(values[instruction.slot])
        return made

    def as_used(self, inputs: Mapping[str, torch.Tensor]) -> dict[tuple[int, Place], torch.Tensor]:
        """What was written into since it was made, as it was when it was used: by the instruction and the place."""
        made, values = self.as_made(inputs), self.start(inputs)
        found: dict[tuple[int, Place], torch.Tensor] = {}
        for instruction in self.instructions:
            for place, source in instruction.operands:
                value = values[source]
                if isinstance(value, torch.Tensor) and not torch.equal(value, made[source]):
                    found[instruction.slot, place] = value.clone()
            values[instruction.slot] = instruction.run(values)
        return found


def name_of(function: Any) -> str:
    """The name of a function, without what is peculiar to PyTorch's naming."""
    name = getattr(function, "__name__", "")
    if name == "__get__":
        return getattr(getattr(function, "__self__", None), "__name__", "")
    return name.removeprefix("linalg_").removeprefix("special_")


def record(function: Callable[[Mapping[str, torch.Tensor]], Any], inputs: Mapping[str, torch.Tensor]) -> Program | None:
    """Record a function of named inputs; None if its result does not come from recorded operations."""
    recorder = _Recorder(inputs)
    with recorder:
        result = function(inputs)
    if not isinstance(result, torch.Tensor) or id(result) not in recorder.slots:
        return None
    recorder.note(torch.Tensor.view_as, (result, result), {}, result.view_as(result))
    last = recorder.instructions[-1]
    program = Program(tuple(inputs), recorder.constants, tuple(recorder.instructions), last.slot)
    return _shared(_needed(program, recorder.memory))


def _needed(program: Program, memory: Mapping[int, int]) -> Program:
    """Without the instructions that do not reach the result, by a value or by what they change in place.

    Args:
        program: what was recorded.
        memory: where each value is kept; views of one tensor share their place.
    """
    wanted = {program.result}
    places = {memory.get(program.result)}
    kept: list[Instruction] = []
    for instruction in reversed(program.instructions):
        changed = instruction.changed
        apart = isinstance(changed, Slot) and memory.get(changed.index) not in places
        if instruction.slot in wanted or (instruction.in_place and not apart):
            kept.append(instruction)
            wanted |= {slot for _, slot in instruction.operands}
            places |= {memory.get(slot) for _, slot in instruction.operands}
    needed = tuple(reversed(kept))
    idle = tuple(i for i in program.instructions if i not in needed) if len(kept) < len(program.instructions) else ()
    return Program(program.inputs, program.constants, needed, program.result, idle=idle)


def _shared(program: Program) -> Program:
    """With what is computed twice computed once: a mistake in it is then one mistake."""
    if not program.pure:
        return program
    first: dict[str, int] = {}
    same: dict[int, int] = {}
    kept: list[Instruction] = []
    for instruction in program.instructions:
        arguments = _renamed(instruction.arguments, same)
        keywords = _renamed(dict(instruction.keywords), same)
        key = repr((instruction.function, arguments, keywords))
        same[instruction.slot] = first.setdefault(key, instruction.slot)
        if same[instruction.slot] == instruction.slot:
            kept.append(replace(instruction, arguments=arguments, keywords=keywords))
    copies = {original for slot, original in same.items() if slot != original}
    twice = frozenset(slot for slot, original in same.items() if original in copies)
    apart = replace(program, twice=twice) if twice else None
    idle = tuple(
        replace(i, arguments=_renamed(i.arguments, same), keywords=_renamed(dict(i.keywords), same))
        for i in program.idle
    )
    return Program(program.inputs, program.constants, tuple(kept), same[program.result], apart, idle)


def _renamed(value: Any, same: Mapping[int, int]) -> Any:
    if isinstance(value, Slot):
        return Slot(same.get(value.index, value.index))
    if isinstance(value, dict):
        return {key: _renamed(item, same) for key, item in value.items()}
    if isinstance(value, slice):
        return slice(*(_renamed(part, same) for part in (value.start, value.stop, value.step)))
    if type(value) in (tuple, list):
        return type(value)(_renamed(item, same) for item in value)
    return value


@dataclass
class _Recorder(TorchFunctionMode):
    """Notes every call that makes a tensor or changes one."""

    inputs: Mapping[str, torch.Tensor]
    slots: dict[int, int] = field(default_factory=dict)
    alive: list[Any] = field(default_factory=list)
    instructions: list[Instruction] = field(default_factory=list)
    constants: dict[int, torch.Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__()
        self.count = 0
        for value in self.inputs.values():
            self._place(value)

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        keywords = dict(kwargs or {})
        result = function(*args, **keywords)
        writes = getattr(function, "__name__", "") == "__setitem__" and not _is_there(*args)
        if writes or any(True for _ in _tensors(result)):
            self.note(function, args, keywords, result)
        return result

    def note(self, function: Any, args: Sequence[Any], keywords: Mapping[str, Any], result: Any) -> None:
        """Append an instruction, and one for each tensor inside a result that holds several."""
        arguments = self._encode(tuple(args))
        named = self._encode(dict(keywords))
        slot = self._place(result)
        self.instructions.append(Instruction(slot, function, arguments, named, *_user_call()))
        if isinstance(result, tuple | list):
            for place, item in enumerate(result):
                if isinstance(item, torch.Tensor):
                    inner = self._place(item)
                    self.instructions.append(Instruction(inner, _item, (Slot(slot), place), {}, *_user_call()))

    @property
    def memory(self) -> dict[int, int]:
        """Where the tensors are kept, by number."""
        tensors = {slot: value for slot, value in enumerate(self.alive) if isinstance(value, torch.Tensor)}
        return {slot: value.untyped_storage().data_ptr() for slot, value in tensors.items()}

    def _place(self, value: Any) -> int:
        slot, self.count = self.count, self.count + 1
        self.alive.append(value)
        self.slots[id(value)] = slot
        return slot

    def _encode(self, value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            if id(value) not in self.slots:
                self.constants[self._place(value)] = value.detach().clone()
            return Slot(self.slots[id(value)])
        if isinstance(value, slice):
            return slice(*map(self._encode, (value.start, value.stop, value.step)))
        if isinstance(value, dict):
            return {key: self._encode(item) for key, item in value.items()}
        if type(value) in (tuple, list):
            return type(value)(map(self._encode, value))
        return value


def _is_there(whole: torch.Tensor, index: Any, value: Any) -> bool:
    """Whether a value that is written is the part of the whole itself: `A[i] += b` adds in place before it writes."""
    if not isinstance(value, torch.Tensor) or value.untyped_storage().data_ptr() != whole.untyped_storage().data_ptr():
        return False
    part = whole[index]
    return (part.data_ptr(), part.shape, part.stride()) == (value.data_ptr(), value.shape, value.stride())


def _copied(value: Any) -> Any:
    return value.clone() if isinstance(value, torch.Tensor) else value


def _item(values: Sequence[Any], place: int) -> Any:
    return values[place]


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _tensors(item)


def _user_call() -> tuple[str, tuple[int, int]]:
    """The text of the line of the user's code that is running, and which call of it."""
    frame = sys._getframe(2)
    while frame is not None:
        module = frame.f_globals.get("__name__") or ""
        if not module.startswith(("torch.", "gradwright.check")) and module != "torch":
            line = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
            return line, (id(frame.f_code), frame.f_lasti)
        frame = frame.f_back
    return "", (0, 0)


def _operands(value: Any, place: Place) -> Iterator[tuple[Place, int]]:
    if isinstance(value, Slot):
        yield place, value.index
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _operands(item, (*place, key))
    elif type(value) in (tuple, list):
        for number, item in enumerate(value):
            yield from _operands(item, (*place, number))


def _filled(value: Any, values: Values, instead: Mapping[Place, Any], place: Place) -> Any:
    if place in instead:
        return instead[place]
    if isinstance(value, Slot):
        return values[value.index]
    if isinstance(value, slice):
        return slice(*(_filled(part, values, {}, ()) for part in (value.start, value.stop, value.step)))
    if isinstance(value, dict):
        return {key: _filled(item, values, instead, (*place, key)) for key, item in value.items()}
    if type(value) in (tuple, list):
        return type(value)(_filled(item, values, instead, (*place, n)) for n, item in enumerate(value))
    return value
