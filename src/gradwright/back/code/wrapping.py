"""Generated source in the layout of Black and Ruff: no line is longer than 120 characters, spaces as they put them.

Generated statements are written on one line each. One that is too long is broken as those formatters do: after
the last bracket before which the line fits, or else in parentheses before the operators that bind least; then the
parts again. Long lines of docstrings are continued. Only spaces and line breaks change,
and commas after the last of several lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

WIDTH = 120
INDENT = "    "
# From what binds least to what binds most; all of these stand between spaces in generated text.
_LEVELS = ((" if ", " else "), (" for ", " if "), (" or ",), (" and ",),
           (" == ", " != ", " < ", " <= ", " > ", " >= "), (" + ", " - "),
           (" * ", " / ", " // ", " @ "))  # fmt: skip
_HEAD = re.compile(r"(return |raise |if |elif |while |(?:[\w, .*()\[\]]+?) = )")
_SIMPLE = r"(?:[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*|\d+(?:\.\d+)?)"
_POWER = re.compile(rf"(?<![\w.)\]])({_SIMPLE}) \*\* (-?{_SIMPLE})(?![\w.(\[])")
_SLICE = re.compile(r"(?<=[\[ ])(\w*(?: [-+*/]+ \w+)*):(\w*(?: [-+*/]+ \w+)*)(?=[,\]])")


def wrapped(source: str) -> str:
    """The source, laid out."""
    lines: list[str] = []
    inside = False
    for line in source.split("\n"):
        quotes = line.count('"""')
        lines += _prose(line) if inside or quotes else statement(line)
        inside ^= quotes % 2 == 1
    return "\n".join(lines)


def _prose(line: str) -> list[str]:
    """A line of a docstring, continued further in where it is too long."""
    lines: list[str] = []
    indent = " " * (len(line) - len(line.lstrip()) + 8)
    while len(line) > WIDTH and (cut := line.rfind(" ", len(indent), WIDTH)) > 0:
        lines.append(line[:cut].rstrip())
        line = indent + line[cut:].strip()
    return [*lines, line]


def statement(line: str) -> list[str]:
    """The lines of a statement that was written on one line."""
    line = _POWER.sub(r"\1**\2", _SLICE.sub(_spaced, line))
    code, mark, comment = line.partition("  # ")
    if mark and len(line) > WIDTH:
        *before, last = statement(code)
        return [*before, f"{last}{mark}{comment}"]
    if len(line) <= WIDTH or not _is_balanced(line) or "#" in line:
        return [line]
    text = line.lstrip()
    indent = line[: len(line) - len(text)]
    if text.endswith(","):  # an entry of what is on several lines already
        return _fitted(indent, text.removesuffix(","), ",")
    if text.startswith("def "):
        return _in_brackets(indent, text, _matching(text)[0])
    head = _HEAD.match(text)
    start = head.end() if head else 0
    end = len(text) - (text.endswith(":") and 1)
    return _broken(indent, text[:start], text[start:end], text[end:])


def in_block(line: str, indent: int = len(INDENT)) -> list[str]:
    """The lines of a statement in a block that stands so many columns from the left, without those columns."""
    return [text[indent:] for text in statement(" " * indent + line)]


def _spaced(match: re.Match[str]) -> str:
    """A slice with a sum in it has spaces around its colon."""
    low, high = match.groups()
    if " " not in low + high:
        return match.group()
    return f"{low} : {high}".strip() if low and high else f"{low} :{f' {high}' if high else ''}".lstrip()


def _broken(indent: str, head: str, text: str, tail: str) -> list[str]:
    """An expression after a head, broken inside brackets of its own, or in new parentheses."""
    commas, pieces = _pieces(text, ((", ",),)), _pieces(text, _LEVELS)
    if len(commas) == 1 and len(pieces) <= 2:
        for pair in reversed(_matching(text)):
            fits = len(indent + head) + pair[0] + 1 <= WIDTH and len(indent) + len(text + tail) - pair[1] <= WIDTH
            if fits and _can_stay_open(text, pair, pieces):
                return _in_brackets(indent, head + text + tail, (len(head) + pair[0], len(head) + pair[1]))
    return [f"{indent}{head}(", *_content(indent + INDENT, text, len(commas) > 1, True), f"{indent}){tail}"]


def _can_stay_open(text: str, pair: tuple[int, int], pieces: list[str]) -> bool:
    """Whether what stands in these brackets is worth lines of its own, and they belong to the last operand.

    Where that one ends in no bracket, and the first begins with one, they may belong to either.
    """
    if len(pieces) == 2 and (pair[0] < len(pieces[0]) if text.endswith(")") else not text.startswith("(")):
        return False
    return pair[1] - pair[0] > 1


def _in_brackets(indent: str, text: str, pair: tuple[int, int]) -> list[str]:
    """A line broken after one of its opening brackets and before the closing one."""
    inner = text[pair[0] + 1 : pair[1]]
    is_call = pair[0] > 0 and (text[pair[0] - 1].isalnum() or text[pair[0] - 1] in "_)]")
    is_tuple = text[pair[0]] in "([" and not is_call
    content = _content(indent + INDENT, inner, (text[pair[0]] == "(" and is_call) or is_tuple, is_tuple)
    return [indent + text[: pair[0] + 1], *content, indent + text[pair[1] :]]


def _content(indent: str, text: str, trailing: bool, is_tuple: bool) -> list[str]:
    """What stands in brackets: on one line if it fits, else one element or one operand a line."""
    elements = _pieces(text, ((", ",),))
    if len(indent + text) <= WIDTH and not (is_tuple and len(elements) > 1):
        return [indent + text]
    if len(elements) > 1:
        ends = [","] * (len(elements) - 1) + ["," if trailing else ""]
        parts = zip((e.removesuffix(",") for e in elements), ends, strict=True)
        return [line for part, end in parts for line in _fitted(indent, part.strip(), end)]
    return _fitted(indent, text, "")


def _fitted(indent: str, text: str, end: str) -> list[str]:
    """One element, broken before its operators if it is too long."""
    if len(indent + text + end) <= WIDTH:
        return [indent + text + end]
    pieces = _pieces(text, _LEVELS)
    if len(pieces) == 1:
        for pair in reversed(_matching(text)):
            if pair[1] - pair[0] > 1 and len(indent) + pair[0] + 1 <= WIDTH:
                return _in_brackets(indent, text + end, pair)
        return _halves(indent, text, end)
    ends = [""] * (len(pieces) - 1) + [end]
    return [line for piece, e in zip(pieces, ends, strict=True) for line in _fitted(indent, piece, e)]


def _halves(indent: str, text: str, end: str) -> list[str]:
    """A literal too long for a line as two that stand one after the other."""
    cut = text.rfind(", got ", 0, WIDTH - len(indent))
    if cut < 0 or not text.startswith('f"'):
        return [indent + text + end]
    return [f'{indent}{text[:cut]}, "', f'{indent}f"{text[cut + 2 :]}{end}']


def _pieces(text: str, levels: tuple[tuple[str, ...], ...]) -> list[str]:
    """The text cut before the operators outside brackets that bind least (after them, for commas)."""
    outside = [place for place, depth in _depths(text) if depth == 0 and text[place] in " ,"]
    for operators in levels:
        cuts = [p for p in outside for o in operators if text.startswith(o, p)]
        if cuts:
            bounds = [0, *sorted(set(cuts)), len(text)]
            pieces = [text[a:b].strip() for a, b in pairwise(bounds)]
            return [piece.removeprefix(",").strip() for piece in pieces] if operators == (", ",) else pieces
    return [text]


def _matching(text: str) -> list[tuple[int, int]]:
    """The places of the outermost pairs of brackets."""
    pairs: list[tuple[int, int]] = []
    for place, depth in _depths(text):
        if text[place] in "([{" and depth == 1:
            pairs.append((place, place))
        elif text[place] in ")]}" and depth == 0:
            pairs[-1] = (pairs[-1][0], place)
    return pairs


def _is_balanced(line: str) -> bool:
    return sum(line.count(c) for c in "([{") == sum(line.count(c) for c in ")]}")


def _depths(text: str) -> Iterator[tuple[int, int]]:
    """Places outside string literals, each with the number of brackets open after it."""
    depth, quote = 0, ""
    for place, c in enumerate(text):
        if quote:
            quote = "" if c == quote else quote
            continue
        quote = c if c in "\"'" else ""
        depth += (c in "([{") - (c in ")]}")
        if not quote:
            yield place, depth
