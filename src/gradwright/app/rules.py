"""The catalogue of functions: what each is, and what defines it."""

from __future__ import annotations

import gradwright.prims  # noqa: F401  (registers the functions)
from gradwright.core.primitive import Primitive
from gradwright.core.registry import FUNCTIONS, Function, lookup


def catalogue(name: str | None) -> str:
    """All functions, one line each; or everything about one."""
    if name is not None:
        return _entry(lookup(name))
    width = max(len(f.usage) for f in FUNCTIONS.values() if len(f.usage) <= 36)
    lines = [f"{f.usage.ljust(width)}  {f.summary}" for _, f in sorted(FUNCTIONS.items())]
    return "\n".join(lines)


def _entry(function: Function) -> str:
    lines = [f"{function.usage}: {function.summary}"]
    for primitive in function.primitives:
        lines += _details(primitive)
    if not function.primitives:
        lines.append("  given by a formula in other functions")
    return "\n".join(lines)


def _details(primitive: Primitive) -> list[str]:
    lines = [f"  signature     {primitive.signature}"]
    lines += [f"  identity      {equation}" for equation in primitive.identity]
    if primitive.definition and not callable(primitive.definition):
        lines += [f"  definition    {formula}" for formula in primitive.definition]
    if primitive.differential and not callable(primitive.differential):
        lines += [f"  differential  {formula}" for formula in primitive.differential]
    lines += [f"  needs         {_plain(condition)}" for condition in primitive.conditions]
    lines += [f"  gauge         {primitive.gauge}"] if primitive.gauge else []
    lines += [f"  note          {primitive.note}"] if primitive.note else []
    lines += [f"  source        {primitive.source}"] if primitive.source else []
    return lines


def _plain(condition: str) -> str:
    return condition.replace("{", "").replace("}", "")
