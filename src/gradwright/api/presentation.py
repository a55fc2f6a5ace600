"""Derivations on paper: text, LaTeX and HTML, from the same steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape

from gradwright.api.steps import Meaning, Step
from gradwright.back.translate import latex_of_name

DETAILS = ("brief", "normal", "full")
PARTS = {
    "brief": ("gradient", "projection"),
    "normal": ("differential", "gradient", "projection"),
    "full": ("differential", "algebra", "jacobian", "chain rule", "pairing", "gradient", "projection"),
}
HEADINGS = {
    "differential": "Differential",
    "algebra": "Differential",
    "jacobian": "Jacobian",
    "chain rule": "Chain rule, for f with J_g = ∂f/∂g",
    "pairing": "Result",
    "gradient": "Result",
    "projection": "Result",
}
# A statement of at most this width has its rule on the same line, a longer one below it.
ONE_LINE = 64
WIDEST_LINE = 112
INDENT = " " * 9


@dataclass(frozen=True)
class Result:
    """A derivative at the end of a page: its name, the formula and its letters, in Unicode and in LaTeX."""

    name: str
    text: str
    latex: str
    letters: tuple[Meaning, ...]

    @property
    def where(self) -> str:
        """What the letters stand for, as text."""
        return ", ".join(meaning.text for meaning in self.letters)

    @property
    def told(self) -> str:
        """The formula and what its letters stand for, in one line."""
        return f"{self.text}, where {self.where}" if self.letters else self.text


@dataclass(frozen=True)
class Page:
    """What is shown of a derivation.

    Attributes:
        title: what is differentiated, by what.
        declarations: the variables.
        steps: the steps that are shown, in order.
        results: the derivatives.
        remarks: conditions, conventions and gauge, in words.
    """

    title: str
    declarations: tuple[str, ...]
    steps: tuple[Step, ...]
    results: tuple[Result, ...]
    remarks: tuple[str, ...]


def chosen_steps(steps: Iterable[Step], detail: str, parts: Sequence[str] | None = None) -> tuple[Step, ...]:
    """The steps for a level of detail; a brief derivation keeps the first and the last of them."""
    wanted = parts if parts is not None else PARTS[detail]
    kept = [step for step in steps if step.part in wanted]
    if detail == "brief" and parts is None:
        told = [step for step in steps if step.part == "differential"]
        kept = [*told[:1], *told[-1:], *kept[-1:]] if len(told) > 1 else [*told, *kept[-1:]]
    return _told_once(kept)


def _told_once(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Every letter explained where it is first used."""
    told: set[str] = set()
    found: list[Step] = []
    for step in steps:
        found.append(replace(step, letters=tuple(m for m in step.letters if m.name not in told)))
        told.update(meaning.name for meaning in step.letters)
    return tuple(found)


GLOSSARY = {
    "Φ(": "Φ(M) is the lower triangle of M with half of its diagonal.",
    "off(": "off(M) is M without its diagonal.",
    "sylvester(": "sylvester(A, B, C) is the X with A X + X B = C.",
    "lyapunov(": "lyapunov(A, Q) is the X with A X + X Aᵀ = Q.",
    "stein(": "stein(A, Q) is the X with X − A X Aᵀ = Q.",
    "exp[": "exp[X, Y](E) is the upper right block of the exponential of [X, E; 0, Y].",
    "log[": "log[X, Y](E) is the upper right block of the logarithm of [X, E; 0, Y].",
}


def glossary(title: str, steps: Iterable[Step], results: Iterable[Result]) -> Iterator[str]:
    """What the notation means that came up on the way, as opposed to what was asked about."""
    texts = [*(f"{step.statement} {step.where}" for step in steps), *(result.told for result in results)]
    for sign, meaning in GLOSSARY.items():
        if sign not in title and any(sign in text for text in texts):
            yield meaning


def as_text(page: Page) -> str:
    """The page in Unicode."""
    lines = [page.title, *(f"  {d}" for d in page.declarations), ""]
    lines += _step_lines(page.steps)
    lines += ["", *(line for result in page.results for line in _result_lines(result, page.results))]
    lines += ["", *page.remarks] if page.remarks else []
    return "\n".join(lines).rstrip()


def _result_lines(result: Result, results: Sequence[Result]) -> Iterator[str]:
    name = result.name.ljust(max(len(r.name) for r in results))
    line = f"{name}   {result.told}"
    if len(line) <= WIDEST_LINE or not result.letters:
        yield line
    else:
        yield f"{name}   {result.text}"
        yield f"{' ' * len(name)}   where {result.where}"


def _step_lines(steps: Sequence[Step]) -> list[str]:
    fitting = [len(_statement(step)) for step in steps if len(_statement(step)) <= ONE_LINE]
    several = len({HEADINGS[step.part] for step in steps}) > 2
    lines: list[str] = []
    heading = ""
    for number, step in enumerate(steps, 1):
        if several and HEADINGS[step.part] != heading:
            heading = HEADINGS[step.part]
            lines += ["", heading] if lines else [heading]
        lines += _lines_of(number, step, max(fitting, default=0))
    return lines


def _lines_of(number: int, step: Step, width: int) -> list[str]:
    """One line, if the statement, its letters and the rule fit; else the last of them below it."""
    mark = "✓" if step.check.passed else "✗ not confirmed numerically"
    reason = f"{_reason(step)} {mark}"
    statement = _statement(step)
    if len(statement) <= ONE_LINE:
        return [f"{number:>3}. {statement.ljust(width)}   {reason}"]
    first = f"{number:>3}. {step.statement}"
    if not step.letters:
        return [first, f"{INDENT}{reason}"]
    if len(INDENT) + len(step.where) + len(reason) + 9 <= WIDEST_LINE:
        return [first, f"{INDENT}where {step.where}   {reason}"]
    return [first, f"{INDENT}where {step.where}", f"{INDENT}{reason}"]


def _statement(step: Step) -> str:
    text = str(step.statement)
    return f"{text}   where {step.where}" if step.letters else text


def _reason(step: Step) -> str:
    return f"[{step.rule}: {step.reason}]" if step.reason else f"[{step.rule}]"


def as_latex(page: Page) -> str:
    """An `align*` environment with the steps, and the results below it."""
    rows = [row for step in page.steps for row in _latex_rows(step)]
    parts = [_aligned(rows)] if rows else []
    parts.append(_aligned([row for result in page.results for row in _latex_result(result)]))
    return "\n".join(parts)


def _aligned(rows: Sequence[str]) -> str:
    return "\\begin{align*}\n" + " \\\\\n".join(rows) + "\n\\end{align*}"


def _latex_rows(step: Step) -> Iterator[str]:
    left, _, right = step.statement.latex.partition(" = ")
    yield rf"  {left} &= {right} && \text{{{_plain(step.rule)}}}"
    if step.letters:
        yield rf"  &\quad \text{{where }} {_latex_where(step.letters)}"


def _latex_result(result: Result) -> Iterator[str]:
    yield rf"  {_result_name(result.name)} &: \; {result.latex}"
    if result.letters:
        yield rf"  &\quad \text{{where }} {_latex_where(result.letters)}"


def _latex_where(letters: Iterable[Meaning]) -> str:
    return r", \; ".join(meaning.latex for meaning in letters)


def _result_name(name: str) -> str:
    if name.startswith("∇_"):
        return rf"\nabla_{{{latex_of_name(name[2:])}}}"
    return rf"\text{{{_plain(name)}}}"


def _plain(text: str) -> str:
    return text.replace("_", r"\_").replace("&", r"\&")


def as_html(page: Page) -> str:
    """A table for notebooks; the formulas are LaTeX between dollar signs."""
    rows = "".join(
        _html_row(
            str(number),
            step.statement.latex,
            _latex_where(step.letters),
            f"{step.rule}: {step.reason}" if step.reason else step.rule,
            "✓" if step.check.passed else "✗",
        )
        for number, step in enumerate(page.steps, 1)
    )
    results = "".join(_html_row("", r.latex, _latex_where(r.letters), r.name, "") for r in page.results)
    remarks = "".join(f"<p>{escape(remark)}</p>" for remark in page.remarks)
    return f"<p>{escape(page.title)}</p><table>{rows}{results}</table>{remarks}"


def _html_row(number: str, formula: str, where: str, words: str, mark: str) -> str:
    told = rf" where ${escape(where)}$" if where else ""
    cells = (number, f"${escape(formula)}$" + told, escape(words), mark)
    return "<tr>" + "".join(f"<td style='text-align:left'>{cell}</td>" for cell in cells) + "</tr>"
