"""The text of a PyTorch module: a public function, its `autograd.Function`, and the functions these need.

The module is written by a work list. The function that was asked for comes first; a primitive that its rules
call and that PyTorch lacks, or differentiates wrongly, becomes another function of the module, with rules of its
own; and so on, until nothing new is called. Primitives are closed under differentiation, so this ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
import re

from gradwright.back.render import unicode_of
from gradwright.back.torch.autograd import FIRST_ORDER, class_lines, indented
from gradwright.back.torch.checks import CHECK_TYPES, broadcast_lines, shape_checks, structure_lines
from gradwright.back.torch.programs import Programs, write_programs
from gradwright.back.torch.field import rules_for_both_fields
from gradwright.back.torch.rules import Rules, unused
from gradwright.core.declarations import declared_facts
from gradwright.core.nodes import Node, Symbol
from gradwright.core.primitive import shape_text

IMPORTED = ("torch", "Tensor", "Any", "NamedTuple", "forward_ad", "inspect", "np", "math")
LOCALS = ("ctx", "info", "in_dims", "inputs", "output", "batches", "batch")


@dataclass(frozen=True)
class Asked:
    """What a module is written for.

    Attributes:
        name: the name of the public function.
        inputs: the variables, in order.
        outputs: the outputs by name; one called "" if there is only one.
        title, derivation: what the docstring tells.
    """

    name: str
    inputs: tuple[Symbol, ...]
    outputs: Mapping[str, Node]
    title: str
    derivation: str


def module_text(asked: Asked) -> str:
    """The whole module."""
    outputs = _output_names(asked)
    rules, both = rules_for_both_fields(asked.inputs, dict(zip(outputs, asked.outputs.values(), strict=True)))
    programs = write_programs(rules, _taken(asked))
    main = Written(asked.name, programs, _public(asked, rules, programs, both))
    functions = [main, *_further(programs)]
    parts = [part for written in functions for part in written.parts()]
    parts += [text.strip("\n") for written in functions for text in written.programs.helpers.values()]
    parts += _support("\n".join(parts))
    body = "\n\n\n".join(dict.fromkeys(parts))
    return f"{_head(asked, body)}\n\n\n{body}\n"


@dataclass(frozen=True)
class Written:
    """A function of the module, with its programs and the lines of what is called."""

    name: str
    programs: Programs
    public: list[str]

    def parts(self) -> list[str]:
        """The texts of the function and of its class."""
        summary = f"`{self.name}` and its derivatives."
        return ["\n".join(self.public), "\n".join(class_lines(class_name(self.name), summary, self.programs))]


def class_name(function: str) -> str:
    """`_CholeskySolve` for `cholesky_solve`."""
    return "_" + "".join(part[:1].upper() + part[1:] for part in function.strip("_").split("_"))


def _further(programs: Programs) -> list[Written]:
    return []


def _taken(asked: Asked) -> tuple[str, ...]:
    return (*IMPORTED, *LOCALS, asked.name, class_name(asked.name))


def _head(asked: Asked, body: str) -> str:
    docstring = f'"""{escaped(asked.title)}\n\n{escaped(asked.derivation)}\n"""'
    typing = [name for name in ("Any", "NamedTuple") if re.search(rf"\b{name}\b", body)]
    lines = [docstring, "", f"from typing import {', '.join(typing)}", ""]
    lines += ["import numpy as np"] if re.search(r"\bnp\.", body) else []
    lines += ["import torch", "from torch import Tensor", "from torch.autograd import forward_ad", ""]
    return "\n".join([*lines, f'__all__ = ["{asked.name}"]'])


def _support(text: str) -> list[str]:
    found = [CHECK_TYPES.strip("\n")]
    if "_is_first_order(" in text:
        found.append(FIRST_ORDER.strip("\n"))
    return found


def _public(asked: Asked, rules: Rules, programs: Programs, both: bool) -> list[str]:
    ids = dict(zip((s.name for s in rules.inputs), programs.inputs, strict=True))
    several = len(programs.outputs) > 1
    numbers = "a floating-point or complex one" if both else "a floating-point one"
    given = ", ".join(f"{s.name}={ids[s.name]}" for s in rules.inputs)
    lines = [f'_check_types("{asked.name}", "{numbers}", {given})']
    lines += shape_checks(asked.name, rules.inputs, ids)
    lines += structure_lines(rules.inputs, ids)
    lines += broadcast_lines(rules.inputs, ids)
    applied = f"{class_name(asked.name)}.apply({', '.join(programs.inputs)})"
    if several:
        lines.append(f"return Outputs(*{applied}{f'[:{len(programs.outputs)}]' if programs.carried else ''})")
    else:
        lines.append(f"return {applied}{'[0]' if programs.carried else ''}")
    parameters = ", ".join(f"{name}: Tensor" for name in programs.inputs)
    head = f"def {asked.name}({parameters}) -> {'Outputs' if several else 'Tensor'}:"
    return [head, *indented([*_docstring(asked, rules, programs), *lines])]


def _docstring(asked: Asked, rules: Rules, programs: Programs) -> list[str]:
    first = unicode_of(next(iter(asked.outputs.values()))) if len(asked.outputs) == 1 else ", ".join(asked.outputs)
    lines = [f'"""{escaped(first)}.', "", "Args:"]
    lines += [f"    {name}: {escaped(_described(s))}" for s, name in zip(asked.inputs, programs.inputs, strict=True)]
    batch = "Batch dimensions may stand before these"
    return [*lines, "", f"{batch}; those of the inputs are broadcast." if len(rules.inputs) > 1 else f"{batch}.", '"""']


def _output_names(asked: Asked) -> list[str]:
    taken = {s.name for s in asked.inputs}
    names: list[str] = []
    for name, node in asked.outputs.items():
        names.append(unused(name or ("Y" if node.rank > 1 else "y"), {*taken, *names}))
    return names


def _described(symbol: Symbol) -> str:
    return ", ".join([shape_text(symbol.shape), *declared_facts(symbol.facts)])


def escaped(text: str) -> str:
    """Text for the inside of a docstring."""
    return text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
