"""The catalogue of functions: what each is, and what defines it."""

from __future__ import annotations

from gradwright.core.primitive import KnownRule, Primitive
from gradwright.core.registry import Function, lookup
from gradwright.front.functions import FUNCTIONS


def catalogue(name: str | None) -> str:
    """All functions, one line each; or everything about one."""
    if name is not None:
        return _entry(lookup(name))
    width = max(len(f.usage) for f in FUNCTIONS.values() if len(f.usage) <= 36)
    lines = [f"{f.usage.ljust(width)}  {f.summary}" for _, f in sorted(FUNCTIONS.items())]
    return "\n".join(lines)


def _entry(function: Function) -> str:
    lines = [f"{function.usage}: {function.summary}"]
    known = function.primitives or ((function.behind,) if function.behind is not None else ())
    for primitive in known:
        lines += [f"  {primitive.summary}:"] if primitive.summary != function.summary and len(known) > 1 else []
        lines += _details(primitive)
    if not known:
        lines.append("  given by a formula in other functions")
    return "\n".join(lines)


def _details(primitive: Primitive) -> list[str]:
    lines = [f"  signature     {primitive.signature}"]
    lines += [f"  identity      {equation}" for equation in primitive.identity]
    if primitive.definition and not callable(primitive.definition):
        lines += [f"  definition    {formula}" for formula in primitive.definition]
    if primitive.differential and not callable(primitive.differential):
        lines += [f"  differential  {formula}" for formula in primitive.differential]
    lines += [f"  needs         {condition}" for condition in primitive.needs]
    lines += [f"  gauge         {primitive.gauge}"] if primitive.gauge else []
    lines += [f"  note          {primitive.note}"] if primitive.note else []
    lines += [f"  source        {primitive.source}"] if primitive.source else []
    for rule in primitive.known_rules:
        lines += _stated(rule)
    return lines


def _stated(rule: KnownRule) -> list[str]:
    """A rule of the literature, its abbreviations, and where it is stated."""
    where = [f"where {text}" for text in rule.where]
    return [f"  known rule    {rule.result} = {rule.formula}", *(f"    {t}" for t in (*where, f"[{rule.source}]"))]
