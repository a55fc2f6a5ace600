"""Derivations on paper: text, LaTeX and HTML, from the same steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from gradwright.api.steps import Step
from gradwright.back.translate import latex_of_name

DETAILS = ("brief", "normal", "full")
PARTS = {
    "brief": ("gradient",),
    "normal": ("differential", "gradient"),
    "full": ("differential", "jacobian", "chain rule", "gradient"),
}
HEADINGS = {
    "differential": "Differential",
    "jacobian": "Jacobian",
    "chain rule": "Chain rule, for f with J_g = ∂f/∂g",
    "gradient": "Result",
}


@dataclass(frozen=True)
class Page:
    """What is shown of a derivation.

    Attributes:
        title: what is differentiated, by what.
        declarations: the variables.
        steps: the steps that are shown, in order.
        results: the derivatives, each with its name, in Unicode and in LaTeX.
        remarks: conditions, conventions and gauge, in words.
    """

    title: str
    title_latex: str
    declarations: tuple[str, ...]
    steps: tuple[Step, ...]
    results: tuple[tuple[str, str, str], ...]
    remarks: tuple[str, ...]


def chosen_steps(steps: Iterable[Step], detail: str, parts: Sequence[str] | None = None) -> tuple[Step, ...]:
    """The steps for a level of detail; a brief derivation keeps the first and the last of them."""
    wanted = parts if parts is not None else PARTS[detail]
    kept = [step for step in steps if step.part in wanted]
    if detail == "brief" and parts is None:
        told = [step for step in steps if step.part == "differential"]
        kept = [*told[:1], *told[-1:], *kept] if len(told) > 1 else [*told, *kept]
    return tuple(kept)


def as_text(page: Page) -> str:
    """The page in Unicode, one line a step."""
    lines = [page.title, *(f"  {d}" for d in page.declarations), ""]
    lines += _step_lines(page.steps)
    if page.results:
        width = max(len(name) for name, *_ in page.results)
        lines += ["", *(f"{name.ljust(width)}   {text}" for name, text, _ in page.results)]
    lines += ["", *page.remarks] if page.remarks else []
    return "\n".join(lines).rstrip()


def _step_lines(steps: Sequence[Step]) -> list[str]:
    if not steps:
        return []
    texts = [_statement(step) for step in steps]
    width = min(max(len(text) for text in texts), 64)
    several = len({step.part for step in steps}) > 2
    lines: list[str] = []
    part = ""
    for number, (step, text) in enumerate(zip(steps, texts, strict=True), 1):
        if several and step.part != part:
            part = step.part
            lines += ["", HEADINGS[part]] if lines else [HEADINGS[part]]
        mark = "✓" if step.check.passed else "✗ not confirmed numerically"
        lines.append(f"{number:>3}. {text.ljust(width)}   {_reason(step)} {mark}")
    return lines


def _statement(step: Step) -> str:
    text = str(step.statement)
    return f"{text}   where {step.where}" if step.where else text


def _reason(step: Step) -> str:
    return f"[{step.rule}: {step.reason}]" if step.reason and step.reason != "differentiate" else f"[{step.rule}]"


def as_latex(page: Page) -> str:
    """An `align*` environment with the steps, and the results below it."""
    rows = [_latex_row(step) for step in page.steps]
    body = " \\\\\n".join(rows)
    parts = [f"\\begin{{align*}}\n{body}\n\\end{{align*}}"] if rows else []
    if page.results:
        results = " \\\\\n".join(rf"  {_result_name(name)} &: \; {latex}" for name, _, latex in page.results)
        parts.append(f"\\begin{{align*}}\n{results}\n\\end{{align*}}")
    return "\n".join(parts)


def _result_name(name: str) -> str:
    if name.startswith("∇_"):
        return rf"\nabla_{{{latex_of_name(name[2:])}}}"
    return rf"\text{{{_plain(name)}}}"


def _latex_row(step: Step) -> str:
    left, _, right = step.statement.latex.partition(" = ")
    reason = _plain(step.rule)
    return rf"  {left} &= {right} && \text{{{reason}}}"


def _plain(text: str) -> str:
    return text.replace("_", r"\_").replace("&", r"\&")


def as_html(page: Page) -> str:
    """A table for notebooks; the formulas are LaTeX between dollar signs."""
    rows = "".join(
        f"<tr><td>{number}</td><td style='text-align:left'>${step.statement.latex}$</td>"
        f"<td style='text-align:left'>{escape(_reason(step))}</td><td>{'✓' if step.check.passed else '✗'}</td></tr>"
        for number, step in enumerate(page.steps, 1)
    )
    results = "".join(
        f"<tr><td></td><td style='text-align:left'>${latex}$</td>"
        f"<td style='text-align:left'>{escape(name)}</td><td></td></tr>"
        for name, _, latex in page.results
    )
    remarks = "".join(f"<p>{escape(remark)}</p>" for remark in page.remarks)
    return f"<p>{escape(page.title)}</p><table>{rows}{results}</table>{remarks}"
