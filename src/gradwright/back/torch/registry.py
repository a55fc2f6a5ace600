"""The functions of a module by name: which primitives it defines, and what the programs call them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from gradwright.back.code import Foreign, Program
from gradwright.core.nodes import Parameter
from gradwright.frozen import replace

Key = tuple[str, tuple[Parameter, ...]]


def key_of(foreign: Foreign) -> Key:
    """What tells a function from every other one."""
    return foreign.primitive.token, foreign.parameters


@dataclass
class Functions:
    """The names of the functions that a module defines, in the order in which they are first called.

    Attributes:
        taken: identifiers that a function must not have.
        names: the name of each function.
        called: the functions that were asked for, as differentiable functions or as kernels.
        kernels: those of which the bare computation is called.
    """

    taken: set[str]
    names: dict[Key, str] = field(default_factory=dict[Key, str])
    called: dict[Key, Foreign] = field(default_factory=dict[Key, Foreign])
    kernels: dict[Key, Foreign] = field(default_factory=dict[Key, Foreign])

    def name(self, foreign: Foreign) -> str:
        """The name of a function; a new one the first time."""
        key = key_of(foreign)
        if key not in self.names:
            base, count = foreign.primitive.name, 1
            candidate = base
            while candidate in self.taken:
                count += 1
                candidate = f"{base}_{count}"
            self.taken.add(candidate)
            self.names[key] = candidate
        return self.names[key]

    def calling_functions(self, program: Program) -> Program:
        """The program with its foreign calls by the names of differentiable functions."""
        for foreign in program.foreign:
            self.called.setdefault(key_of(foreign), foreign)
        return _renamed(program, {f.name: self.name(f) for f in program.foreign})

    def calling_kernels(self, program: Program) -> Program:
        """The program with its foreign calls by the names of bare computations."""
        for foreign in program.foreign:
            if foreign.primitive.differentiable:
                self.called.setdefault(key_of(foreign), foreign)
            self.kernels.setdefault(key_of(foreign), foreign)
        return _renamed(program, {f.name: kernel_name(self.name(f)) for f in program.foreign})


def kernel_name(function: str) -> str:
    """The name of a function's bare computation."""
    return f"_{function.strip('_')}_kernel"


def class_name(function: str) -> str:
    """`_CholeskySolve` for `cholesky_solve`."""
    return "_" + "".join(part[:1].upper() + part[1:] for part in function.split("_"))


def _renamed(program: Program, names: Mapping[str, str]) -> Program:
    if not names:
        return program
    statements = tuple(replace(s, expression=_calls(s.expression, names)) for s in program.statements)
    results = {name: _calls(text, names) for name, text in program.results.items()}
    return replace(program, statements=statements, results=results)


def _calls(text: str, names: Mapping[str, str]) -> str:
    pattern = rf"(?<![\w.])({'|'.join(map(re.escape, names))})\("
    return re.sub(pattern, lambda match: f"{names[match.group(1)]}(", text)
