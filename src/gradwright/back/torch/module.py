"""The text of a PyTorch module: a public function, its `autograd.Function`, and the functions these need.

The module is written by a work list. The function that was asked for comes first; a primitive that its rules
call and that PyTorch lacks, or differentiates wrongly, becomes another function of the module, with rules of its
own; and so on, until nothing new is called. Primitives are closed under differentiation, so this ends.
"""

from __future__ import annotations

import json
import re
import sys
from _blake2 import blake2b
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from gradwright.back.code import Foreign
from gradwright.back.code.module import escaped
from gradwright.back.code.names import unused
from gradwright.back.code.numpy_source import is_import
from gradwright.back.code.wrapping import wrapped
from gradwright.back.render import readable
from gradwright.back.torch.autograd import (
    BY_POSITION,
    FIRST_ORDER,
    GIVEN_PRECISION,
    OR_ZEROS,
    VALUE_ONLY,
    class_lines,
    indented,
)
from gradwright.back.torch.checks import (
    BROADCAST,
    CHECK_TYPES,
    broadcast_lines,
    names_text,
    shape_checks,
)
from gradwright.back.torch.field import rules_in_both_fields
from gradwright.back.torch.kernels import NAMESPACE, Bound, kernel_text
from gradwright.back.torch.names import IMPORTED, OUTPUTS
from gradwright.back.torch.programs import Programs, write_programs
from gradwright.back.torch.registry import Functions, Key, class_name, kernel_name, key_of
from gradwright.back.torch.rules import Rules, derive_rules
from gradwright.core.nodes import Apply, Node, Symbol
from gradwright.core.primitive import variable_text
from gradwright.core.registry import FUNCTIONS
from gradwright.core.templates import formals
from gradwright.errors import EmissionError, UnsupportedError
from gradwright.frozen import frozen

LOCALS = ("ctx", "info", "in_dims", "inputs", "output", "batches", "batch")


@frozen
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
    outputs: tuple[tuple[str, Node], ...]
    title: str
    derivation: str


def module_text(asked: Asked, bound: Bound | None = None) -> str:
    """The whole module.

    Args:
        asked: what it is written for.
        bound: takes the functions that the module finds defined, if it is to run in this process; None for a
            file.

    Raises:
        EmissionError: a part of the function cannot be written in PyTorch.
    """
    defined = _definitions(asked)
    texts, helpers, functions = list(defined.texts), defined.helpers, defined.functions
    kernels: list[str] = []
    for key, foreign in functions.kernels.items():
        name = functions.names[key]
        kernels += kernel_text(foreign, kernel_name(name), class_name(name), bound)
    kernels = _in_names_of_their_own(kernels, helpers)
    if any("custom_op(" in text for text in kernels):
        digest = blake2b(repr([*texts, *kernels]).encode(), digest_size=4).hexdigest()
        kernels = ["import re", NAMESPACE.replace("{digest}", digest), *kernels]
    texts += kernels
    texts += [*helpers.values(), CHECK_TYPES]
    texts += [BROADCAST] if any("_broadcast(" in text for text in texts) else []
    texts += [OR_ZEROS] if any("_or_zeros(" in text for text in texts) else []
    texts += [FIRST_ORDER] if any("_is_first_order(" in text for text in texts) else []
    imports = [text for text in texts if is_import(text)]
    body = "\n\n\n".join(dict.fromkeys(text.strip("\n") for text in texts if not is_import(text)))
    _require_one_of_each_name(asked.name, body)
    return wrapped(f"{_head(asked, body, imports)}\n\n\n{body}\n")


@frozen
class _Definitions:
    """What a module defines, but for what it computes by libraries other than PyTorch.

    Attributes:
        texts: the public function, its class, and the functions that its rules call.
        helpers: the helper functions, by name.
        functions: all functions, with the kernels that they call.
    """

    texts: tuple[str, ...]
    helpers: Mapping[str, str]
    functions: Functions


@lru_cache(maxsize=128)
def _definitions(asked: Asked) -> _Definitions:
    """The definitions; kept, since a module is often read first and then run."""
    plan = _plan(asked)
    functions, programs = plan.functions, plan.programs
    texts = [_outputs_class(asked)] if len(asked.outputs) > 1 else []
    texts += ["\n".join(_public(asked, plan)), GIVEN_PRECISION, BY_POSITION, _class_text(asked.name, programs)]
    helpers = dict(programs.helpers)
    done = {key_of(plan.own)} if plan.own is not None else set[Key]()
    while len(done) < len(functions.called):
        key = next(key for key in functions.called if key not in done)
        done.add(key)
        text, more = _helper(functions.called[key], functions)
        texts += text
        helpers.update(more)
    return _Definitions(tuple(texts), helpers, functions)


def _in_names_of_their_own(kernels: Sequence[str], helpers: Iterable[str]) -> list[str]:
    """Texts of NumPy functions that are not called as a helper of PyTorch's is, which does the same to tensors."""
    defined = {name for text in kernels for name in re.findall(r"^def (\w+)", text, re.MULTILINE)}
    twice = "|".join(defined.intersection(helpers))
    return [re.sub(rf"(?<![\w.])({twice})\(", r"\1_in_numpy(", text) if twice else text for text in kernels]


def _require_one_of_each_name(function: str, body: str) -> None:
    """Refuse a function that is called like one of those that its rules need."""
    names = re.findall(r"^(?:def|class) (\w+)", body, re.MULTILINE)
    twice = next((name for name, times in Counter(names).items() if times > 1), None)
    if twice is not None:
        raise EmissionError(
            f"the module of '{function}' would define '{twice}' twice: give the function that is defined by an "
            f"equation another name"
        )


@frozen
class _Plan:
    """The main function of a module.

    Attributes:
        rules, programs: its derivatives, as nodes and as code.
        functions: those of the module, with what the programs call.
        own: the primitive that the function is, if it is one.
        may_be_complex: the inputs that take complex numbers.
    """

    rules: Rules
    programs: Programs
    functions: Functions
    own: Foreign | None
    may_be_complex: tuple[str, ...]


def _plan(asked: Asked) -> _Plan:
    """For complex input too where that changes nothing for real input."""
    values = {name: node for name, (_, node) in zip(_output_names(asked), asked.outputs, strict=True)}
    rules = derive_rules(asked.inputs, values)
    wider = rules_in_both_fields(rules, values)
    if wider is not None:
        plan = _planned(asked, wider, tuple(s.name for s in asked.inputs), rules)
        # `x + 0j` makes an operand of a product complex for real input too, which would then be slower.
        if "0j" not in plan.programs.text:
            return plan
    return _planned(asked, rules, tuple(s.name for s in asked.inputs if not s.real))


def _planned(asked: Asked, rules: Rules, may_be_complex: tuple[str, ...], for_real: Rules | None = None) -> _Plan:
    functions = Functions({*IMPORTED, *LOCALS, OUTPUTS, asked.name, *(s.name for s in asked.inputs)})
    own = _own_primitive(rules)
    functions.names[("", ())] = asked.name
    if own is not None:
        functions.names[key_of(own)] = asked.name
        functions.called[key_of(own)] = own
    private = (s.name for s in asked.inputs if s.name.startswith("_"))
    programs = write_programs(rules, functions, (*_reserved(functions), *private), for_real)
    return _Plan(rules, programs, functions, own, may_be_complex)


def _outputs_class(asked: Asked) -> str:
    fields = [f"    {name}: Tensor" for name, _ in asked.outputs]
    return "\n".join([f"class {OUTPUTS}(NamedTuple):", f'    """The outputs of `{asked.name}`."""', "", *fields])


def _own_primitive(rules: Rules) -> Foreign | None:
    """The primitive that the whole function is, applied to its inputs in order, which may be any tensors."""
    value = rules.values[0]
    if not isinstance(value, Apply) or value.arguments != rules.inputs or len(value.primitive.outputs) > 1:
        return None
    return None if any(s.facts - {"complex"} for s in rules.inputs) else Foreign("", value.primitive, value.parameters)


def _reserved(functions: Functions) -> tuple[str, ...]:
    """Identifiers that no program may use for a value: those of the module, and of every function it may define.

    Classes, kernels and helpers of the module have names with an underscore in front, which no value has.
    """
    return tuple({*IMPORTED, *LOCALS, OUTPUTS, *functions.names.values(), *FUNCTIONS})


def _helper(foreign: Foreign, functions: Functions) -> tuple[list[str], dict[str, str]]:
    """A function that the rules call: its texts, and the helper functions that it needs."""
    primitive = foreign.primitive
    name = functions.name(foreign)
    inputs = formals(primitive).inputs
    taken = {s.name for s in inputs}
    values = {
        unused(declared.name, taken): Apply(primitive, foreign.parameters, inputs, place)
        for place, declared in enumerate(primitive.outputs)
    }
    try:
        rules = _rules_of(inputs, tuple(values.items()))
    except UnsupportedError as error:
        return _value_only(foreign, name, inputs, functions, str(error)), {}
    programs = write_programs(rules, functions, _reserved(functions), either_field=True)
    ids = dict(zip((s.name for s in inputs), programs.inputs, strict=True))
    parameters = ", ".join(f"{x}: Tensor" for x in programs.inputs)
    count = len(programs.outputs)
    applied = f"{class_name(name)}.apply({', '.join(programs.inputs)})"
    applied += f"[{0 if count == 1 else f':{count}'}]" if programs.carried else ""
    lines = [
        f"def {name}({parameters}) -> {'Tensor' if count == 1 else 'tuple[Tensor, ...]'}:",
        f'    """{primitive.summary[:1].upper()}{escaped(primitive.summary[1:])}."""',
        *indented([*_made_complex(foreign, programs), *broadcast_lines(name, inputs, ids), f"return {applied}"]),
    ]
    return ["\n".join(lines), _class_text(name, programs)], dict(programs.helpers)


@lru_cache(maxsize=128)
def _rules_of(inputs: tuple[Symbol, ...], values: tuple[tuple[str, Node], ...]) -> Rules:
    """The rules of a primitive; kept, since many modules call the same ones."""
    return derive_rules(inputs, dict(values))


def _made_complex(foreign: Foreign, programs: Programs) -> list[str]:
    """A function with complex outputs takes complex inputs, so that a real one's gradient is the real part."""
    if foreign.primitive.field != "complex":
        return []
    return [f"{name} = {name}.to(torch.promote_types({name}.dtype, torch.complex64))" for name in programs.inputs]


def _value_only(foreign: Foreign, name: str, inputs: Sequence[Symbol], functions: Functions, reason: str) -> list[str]:
    """A function whose derivative is refused: the end of a family of derivatives that goes on for ever."""
    functions.kernels.setdefault(key_of(foreign), foreign)
    parameters = ", ".join(f"{s.name}: Tensor" for s in inputs)
    names = ", ".join(s.name for s in inputs)
    parts = {"name": class_name(name), "parameters": parameters, "kernel": kernel_name(name), "names": names}
    return [
        f"def {name}({parameters}) -> Tensor:\n"
        f'    """{escaped(foreign.primitive.summary)}, as a value."""\n'
        f"    return {class_name(name)}.apply({names})",
        VALUE_ONLY.format(**parts, reason=_quoted(reason)),
    ]


def _quoted(text: str) -> str:
    """A literal in double quotes."""
    return json.dumps(text, ensure_ascii=False)


def _class_text(name: str, programs: Programs) -> str:
    return "\n".join(class_lines(class_name(name), f"`{name}` and its derivatives.", programs))


def _head(asked: Asked, body: str, imports: Iterable[str]) -> str:
    """The docstring and the imports, in the order of the import sorters."""
    docstring = f'"""{escaped(asked.title)}\n\n{escaped(asked.derivation)}\n"""'
    typing = [name for name in ("Any", "NamedTuple") if re.search(rf"\b{name}\b", body)]
    imports = {*imports, *(["import math"] if re.search(r"\bmath\.", body) else [])}
    standard = sorted(line for line in imports if line.split()[1].split(".")[0] in sys.stdlib_module_names)
    collections = [name for name in ("Callable", "Iterator") if re.search(rf"\b{name}\b", body)]
    standard += [f"from collections.abc import {', '.join(collections)}"] if collections else []
    standard += ["from functools import wraps", f"from typing import {', '.join(typing)}"]
    further = ["import numpy as np"] if re.search(r"\bnp\.", body) else []
    further += sorted(line for line in imports if line not in standard)
    further += ["import torch", "from torch import Tensor"]
    further += ["from torch._functorch.utils import unwrap_dead_wrappers", "from torch.autograd import forward_ad"]
    return "\n".join([docstring, "", *standard, "", *dict.fromkeys(further), "", f'__all__ = ["{asked.name}"]'])


def _public(asked: Asked, plan: _Plan) -> list[str]:
    rules, programs = plan.rules, plan.programs
    ids = dict(zip((s.name for s in rules.inputs), programs.inputs, strict=True))
    several = len(programs.outputs) > 1
    given = ", ".join(f"{s.name}={ids[s.name]}" for s in rules.inputs)
    lines = [f'_check_types("{asked.name}", {names_text(plan.may_be_complex)}, {given})']
    for symbol in asked.inputs:
        if not symbol.real:
            name = ids[symbol.name]
            lines.append(f"{name} = {name}.to(torch.promote_types({name}.dtype, torch.complex64))")
    lines += shape_checks(asked.name, rules.inputs, [node for _, node in asked.outputs], ids)
    lines += broadcast_lines(asked.name, rules.inputs, ids)
    applied = f"{class_name(asked.name)}.apply({', '.join(programs.inputs)})"
    if several:
        lines.append(f"return {OUTPUTS}(*{applied}{f'[:{len(programs.outputs)}]' if programs.carried else ''})")
    else:
        lines.append(f"return {applied}{'[0]' if programs.carried else ''}")
    parameters = ", ".join(f"{name}: Tensor" for name in programs.inputs)
    returned = OUTPUTS if several else "Tensor"
    docstring = _docstring(asked, rules)
    declared = [symbol.name for symbol in rules.inputs]
    if declared == list(programs.inputs):
        return [f"def {asked.name}({parameters}) -> {returned}:", *indented([*docstring, *lines])]
    # A variable has the name of something in the module: only the outermost function calls it so.
    own = ", ".join(f"{name}: Tensor" for name in declared)
    inner = unused(f"_{asked.name}", {*declared, class_name(asked.name)})
    return [
        f"def {asked.name}({own}) -> {returned}:",
        *indented([*docstring, f"return {inner}({', '.join(declared)})"]),
        "",
        "",
        f"def {inner}({parameters}) -> {returned}:",
        *indented(lines),
    ]


def _docstring(asked: Asked, rules: Rules) -> list[str]:
    names = ", ".join(name for name, _ in asked.outputs)
    first = readable(asked.outputs[0][1], set()) if len(asked.outputs) == 1 else names
    lines = [f'"""{escaped(first)}.', "", "Args:"]
    lines += [f"    {s.name}: {escaped(variable_text(s.shape, s.facts))}" for s in asked.inputs]
    batch = "Batch dimensions may stand before these"
    return [*lines, "", f"{batch}; those of the inputs are broadcast." if len(rules.inputs) > 1 else f"{batch}.", '"""']


def _output_names(asked: Asked) -> list[str]:
    taken = {s.name for s in asked.inputs}
    names: list[str] = []
    for name, node in asked.outputs:
        names.append(unused(name or ("Y" if node.rank > 1 else "y"), {*taken, *names}))
    return names
