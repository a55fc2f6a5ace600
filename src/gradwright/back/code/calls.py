"""Calls of functions: an operator, the library's own function, one that the code defines, or one that it is given.

What the record of the function says about the library is a template, a dotted name, or the text of a function.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from gradwright.back.code.library import Library
from gradwright.back.code.program import Foreign
from gradwright.back.code.text import Code, fill
from gradwright.core.nodes import Apply, Node, Parameter
from gradwright.prims.power import base_and_exponent

if TYPE_CHECKING:
    from gradwright.back.code.lower import Lowering


def write_call(lowering: Lowering, node: Apply, arguments: Sequence[Code]) -> Code:
    """A call of the library's function, an operator, or a call of a function that the library lacks."""
    primitive = node.primitive
    if primitive.operator is not None:
        template = (node.rank and _quick_power(node, lowering.library)) or primitive.operator(*node.parameters)
        arguments = repeated_named(lowering, template, node, arguments)
        filled = fill(_with_module(lowering.library.name, template, arguments), arguments)
        return Code(filled.text, filled.kind, all(code.number for code in arguments))
    template = lowering.library.implementation(primitive)
    if not isinstance(template, str):
        return _foreign_call(lowering, node, arguments)
    if template.lstrip().startswith(("def ", "@")):
        return _defined_call(lowering, template.strip(), arguments, node.parameters)
    text = lowering.library.shortened(_call_template(template, len(arguments)))
    numbers = (Code(repr(parameter), number=True) for parameter in node.parameters)
    return fill(text, [*repeated_named(lowering, text, node, arguments), *numbers])


def _quick_power(node: Apply, library: Library) -> str | None:
    """The library's own function for a power of an array, where operators take longer."""
    return library.powers.get(base_and_exponent(node)[1])


def repeated_named(lowering: Lowering, template: str, node: Apply, arguments: Sequence[Code]) -> list[Code]:
    """The arguments of a call; one that the template has twice is computed once, under a name."""
    repeated = [template.count(f"{{{place}}}") > 1 for place in range(len(arguments))]
    triples = zip(repeated, arguments, node.arguments, strict=True)
    return [_named(lowering, code, inner) if twice else code for twice, code, inner in triples]


def _named(lowering: Lowering, code: Code, node: Node) -> Code:
    return code if code.text.isidentifier() or code.number else lowering.named(node, code)


def _with_module(library: str, template: str, arguments: Sequence[Code]) -> str:
    if all(code.number for code in arguments):
        return template.replace("{sqrt}({0})", "{0} ** 0.5")
    root = {"numpy": "np.sqrt", "torch": "torch.sqrt", "jax": "jnp.sqrt"}[library]
    return template.replace("{sqrt}", root)


def _defined_call(lowering: Lowering, text: str, arguments: Sequence[Code], parameters: Sequence[Parameter]) -> Code:
    """A call of a function whose text the record gives; it takes the parameters last."""
    own = text.partition("def ")[2].partition("(")[0]
    name = next((known for known, found in lowering.defined.items() if found == text), None)
    if name is None:
        name = own if own in lowering.library.helpers else lowering.names.fresh(own)
        lowering.defined[name] = text
        called = {h: code for h, code in lowering.library.helpers.items() if f" {h}(" in text}
        lowering.writer.helpers.update({**called, name: re.sub(rf"(?<![\w.]){own}(?=[(.])", name, text)})
    numbers = (str(float(p) if isinstance(p, Fraction) else p) for p in parameters)
    return Code(f"{name}({', '.join([*(code.text for code in arguments), *numbers])})")


def _foreign_call(lowering: Lowering, node: Apply, arguments: Sequence[Code]) -> Code:
    key = (node.primitive.token, node.parameters)
    if key not in lowering.foreign:
        name = lowering.names.fresh(node.primitive.name)
        lowering.foreign[key] = Foreign(name, node.primitive, node.parameters)
    if lowering.batched and lowering.varies(node):
        pairs = zip(node.arguments, arguments, strict=True)
        arguments = [code if lowering.varies(a) else lowering.over_batch(code, a) for a, code in pairs]
    return Code(f"{lowering.foreign[key].name}({', '.join(code.text for code in arguments)})")


def _call_template(implementation: str, count: int) -> str:
    """A template for a dotted name: a call with all arguments in order."""
    if "{" in implementation:
        return implementation
    return f"{implementation}({', '.join(f'{{{place}}}' for place in range(count))})"
