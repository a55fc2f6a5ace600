"""Derivations on paper: text, LaTeX and HTML, from the same steps."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape

from gradwright.api.steps import Meaning, Statement, Step
from gradwright.core.greek import GREEK, latex_of_name, text_of_name
from gradwright.frozen import frozen, replace

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
    "chain rule": "Chain rule, for a function f of this result g: J_g = ∂f/∂g",
    "pairing": "Result",
    "gradient": "Result",
    "projection": "Result",
}
# A statement of at most this width has its rule on the same line, a longer one below it.
ONE_LINE = 64
WIDEST_LINE = 112
INDENT = " " * 9


@frozen
class Result:
    """A derivative at the end of a page: the formula and its letters, in Unicode, in ASCII and in LaTeX.

    Attributes:
        kind: what stands before the variable: `∇_` for a gradient, `vjp in `.
        variable: what it is in.
    """

    kind: str
    variable: str
    text: str
    ascii: str
    latex: str
    letters: tuple[Meaning, ...]

    @property
    def name(self) -> str:
        """What it is called: `∇_X` or `vjp in X`."""
        return f"{self.kind}{text_of_name(self.variable)}"

    @property
    def told(self) -> str:
        """The formula and what its letters stand for, in one line."""
        return f"{self.text}, where {UNICODE.where(self.letters)}" if self.letters else self.text


@frozen
class Page:
    """What is shown of a derivation.

    Attributes:
        title: what is differentiated, by what.
        declarations: the variables.
        steps: the steps that are shown, in order.
        results: the derivatives.
        remarks: conditions, conventions, gauge and notation, in words.
        needs: the conditions, with formulas of LaTeX between dollar signs.
        notes: the other remarks, with formulas between dollar signs.
    """

    title: str
    declarations: tuple[str, ...]
    steps: tuple[Step, ...]
    results: tuple[Result, ...]
    remarks: tuple[str, ...]
    needs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def chosen_steps(steps: Iterable[Step], detail: str, parts: Sequence[str] | None) -> tuple[Step, ...]:
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
        found.append(replace(step, letters=tuple(m for m in step.letters if not told.issuperset(m.names))))
        told.update(name for meaning in step.letters for name in meaning.names)
        told.add(step.statement.text.partition(" = ")[0])
    return tuple(found)


# What notation means, by the sign that shows that it came up; formulas stand between dollar signs.
GLOSSARY = {
    "Φ(": "$Φ(M)$ is the lower triangle of $M$ with half of its diagonal.",
    "off(": "$off(M)$ is $M$ without its diagonal.",
    "sylvester(": "$sylvester(A, B, C)$ is the $X$ with $A X + X B = C$.",
    "lyapunov(": "$lyapunov(A, Q)$ is the $X$ with $A X + X {adjoint} = Q$.",
    "stein(": "$stein(A, Q)$ is the $X$ with $X − A X {adjoint} = Q$.",
    "exp[": "$exp[X, Y](E)$ is the upper right block of the exponential of $[X, E; 0, Y]$.",
    "log[": "$log[X, Y](E)$ is the upper right block of the logarithm of $[X, E; 0, Y]$.",
}


def glossary(title: str, steps: Iterable[Step], results: Iterable[Result], real: bool) -> Iterator[str]:
    """What the notation means that came up on the way, as opposed to what was asked about."""
    texts = [*(f"{step.statement} {step.where}" for step in steps), *(result.told for result in results)]
    for sign, meaning in GLOSSARY.items():
        written = re.compile(rf"(?<!log ){re.escape(sign)}")  # log Φ(x) is that of the normal distribution
        if sign not in title and any(map(written.search, texts)):
            yield meaning.replace("{adjoint}", "Aᵀ" if real else "Aᴴ")


@frozen
class Notation:
    """In which signs a page is written.

    Attributes:
        field: the rendering of statements and results: `text` or `ascii`.
        confirmed, refuted: the marks behind a step.
    """

    field: str
    confirmed: str
    refuted: str

    def write(self, item: Statement | Meaning | Result) -> str:
        """A statement, a letter's meaning or a result."""
        return getattr(item, self.field)

    def where(self, letters: Iterable[Meaning]) -> str:
        """What letters stand for."""
        return ", ".join(map(self.write, letters))

    def plain(self, text: str) -> str:
        """Words, in the same signs."""
        return text if self.field == "text" else "".join(_IN_ASCII.get(sign, sign) for sign in text)


UNICODE = Notation("text", "✓", "✗ not confirmed numerically")
ASCII = Notation("ascii", "ok", "NOT confirmed numerically")
_IN_ASCII = {
    "×": "x", "−": "-", "·": ".", "⊗": "(x)", "∂": "d", "∇": "grad", "Ω": "Omega", "λ": "lambda", "Φ": "Phi", "⁻": "^-",
    "¹": "1", "²": "2", "³": "3", "ᵀ": "^T", "ᴴ": "^H", "≠": "!=", "≥": ">=", "π": "pi", "σ": "sigma", "½": "1/2",
    "∘": "*", "√": "sqrt ", "‖": "||", "↦": "->", "⟨": "<", "⟩": ">", "⁺": "^+",
    **{letter: name for name, letter in GREEK.items()},
}  # fmt: skip


def as_text(page: Page, notation: Notation = UNICODE) -> str:
    """The page as lines of text."""
    blocks = [
        [page.title, *(f"  {notation.plain(d)}" for d in page.declarations)],
        _step_lines(page.steps, notation),
        [line for result in page.results for line in _result_lines(result, page.results, notation)],
        [notation.plain(remark) for remark in page.remarks],
    ]
    return "\n\n".join("\n".join(lines) for lines in blocks if lines)


def _result_lines(result: Result, results: Sequence[Result], notation: Notation) -> Iterator[str]:
    name = notation.plain(result.name).ljust(max(len(notation.plain(r.name)) for r in results))
    text, where = notation.write(result), notation.where(result.letters)
    line = f"{name}   {text}, where {where}" if where else f"{name}   {text}"
    if len(line) <= WIDEST_LINE or not where:
        yield line
    else:
        yield f"{name}   {text}"
        yield f"{' ' * len(name)}   where {where}"


def _step_lines(steps: Sequence[Step], notation: Notation) -> list[str]:
    statements = [_statement(step, notation) for step in steps]
    width = max((len(text) for text in statements if len(text) <= ONE_LINE), default=0)
    several = len({HEADINGS[step.part] for step in steps}) > 2
    lines: list[str] = []
    heading = ""
    for number, (step, statement) in enumerate(zip(steps, statements, strict=True), 1):
        if several and HEADINGS[step.part] != heading:
            heading = HEADINGS[step.part]
            lines += ["", notation.plain(heading)] if lines else [notation.plain(heading)]
        if len(statement) <= ONE_LINE:
            lines.append(f"{number:>3}. {statement.ljust(width)}   {_verdict(step, notation)}")
        else:
            lines += _long_lines(number, step, notation)
    return lines


def _long_lines(number: int, step: Step, notation: Notation) -> list[str]:
    """The statement, then its letters and its rule, in one line if they fit."""
    first, verdict = f"{number:>3}. {notation.write(step.statement)}", _verdict(step, notation)
    if not step.letters:
        return [first, f"{INDENT}{verdict}"]
    where = f"{INDENT}where {notation.where(step.letters)}"
    if len(where) + 3 + len(verdict) <= WIDEST_LINE:
        return [first, f"{where}   {verdict}"]
    return [first, where, f"{INDENT}{verdict}"]


def _verdict(step: Step, notation: Notation) -> str:
    return f"[{notation.plain(step.told)}] {notation.confirmed if step.check.passed else notation.refuted}"


def _statement(step: Step, notation: Notation) -> str:
    text = notation.write(step.statement)
    return f"{text}   where {notation.where(step.letters)}" if step.letters else text


def as_latex(page: Page) -> str:
    """An `align*` environment with the steps, the results below it, what they need, and the notes; a paragraph each."""
    steps = [row for step in page.steps for row in _latex_rows(step)]
    results = [row for result in page.results for row in _latex_result(result)]
    words = _words_in_latex(page)
    return "\n".join([*(_aligned(rows) for rows in (steps, results) if rows), *(["\n\n".join(words)] if words else [])])


def _words_in_latex(page: Page) -> list[str]:
    """What the derivatives need, and the notes, with formulas between dollar signs."""
    needs = [f"Needs: {'; '.join(map(_condition_in_latex, page.needs))}."] if page.needs else []
    return [*needs, *map(_note_in_latex, page.notes)]


def _aligned(rows: Sequence[str]) -> str:
    return "\\begin{align*}\n" + " \\\\\n".join(rows) + "\n\\end{align*}"


def _latex_rows(step: Step) -> Iterator[str]:
    left, _, right = step.statement.latex.partition(" = ")
    yield rf"  {left} &= {right} && \text{{{_plain(step.rule)}}}"
    if step.letters:
        yield rf"  &\quad \text{{where }} {_latex_where(step.letters)}"


def _latex_result(result: Result) -> Iterator[str]:
    yield rf"  {_result_name(result)} &: \; {result.latex}"
    if result.letters:
        yield rf"  &\quad \text{{where }} {_latex_where(result.letters)}"


def _latex_where(letters: Iterable[Meaning]) -> str:
    return r", \; ".join(meaning.latex for meaning in letters)


def _result_name(result: Result) -> str:
    variable = latex_of_name(result.variable)
    return rf"\nabla_{{{variable}}}" if result.kind == "∇_" else rf"\text{{{result.kind}}} {variable}"


def _condition_in_latex(condition: str) -> str:
    """A condition, in which relations and determinants are parts of the formulas."""
    condition = re.sub(r"det\(\$(.*?)\$\)", r"$\\det\\left(\1\\right)$", condition)
    condition = re.sub(r"^1 \+ \$", "$1 + ", condition)
    condition = re.sub(r"\$ ([>≥≠]) 0$", r"$ $\1 0$", condition)
    condition = re.sub(r" ↦ ", r" $\\mapsto$ ", condition)
    signs = {"≥": r"\ge", "≠": r"\ne"}
    return re.sub("[≥≠]", lambda sign: signs[sign[0]], condition).replace("$ $", " ")


def _note_in_latex(note: str) -> str:
    """A note, in which every other piece is a formula."""
    words = note.split("$")
    words[::2] = map(_plain, words[::2])
    words[1::2] = (f"${_formula_in_latex(formula)}$" for formula in words[1::2])
    return "".join(words)


_LATEX_SIGNS = {"ᵀ": r"^{\mathsf{T}}", "ᴴ": r"^{\mathsf{H}}", "−": "-", "Φ": r"\Phi"}


def _formula_in_latex(formula: str) -> str:
    """A formula of the glossary, with the names of its functions and its blocks."""
    if ";" in formula:
        rows = formula.strip("[]").replace(",", " &").replace(";", r" \\")
        return rf"\begin{{bmatrix}} {rows} \end{{bmatrix}}"
    named = re.sub(r"\b(off|sylvester|lyapunov|stein)\b", r"\\operatorname{\1}", formula)
    return "".join(_LATEX_SIGNS.get(sign, sign) for sign in re.sub(r"\b(exp|log)\[", r"\\\1[", named))


def _plain(text: str) -> str:
    return text.replace("_", r"\_").replace("&", r"\&")


def as_html(page: Page) -> str:
    """The declarations, a table and the words for notebooks; the formulas are LaTeX between dollar signs."""
    rows = "".join(
        _html_row(
            str(number),
            step.statement.latex,
            _latex_where(step.letters),
            step.told,
            "✓" if step.check.passed else "✗",
        )
        for number, step in enumerate(page.steps, 1)
    )
    results = "".join(_html_row("", r.latex, _latex_where(r.letters), r.name, "") for r in page.results)
    declared = "".join(f"<br>{escape(declaration)}" for declaration in page.declarations)
    remarks = "".join(f"<p>{escape(words)}</p>" for words in _words_in_latex(page))
    return f"<p>{escape(page.title)}{declared}</p><table>{rows}{results}</table>{remarks}"


def _html_row(number: str, formula: str, where: str, words: str, mark: str) -> str:
    told = rf" where ${escape(where)}$" if where else ""
    cells = (number, f"${escape(formula)}$" + told, escape(words), mark)
    return "<tr>" + "".join(f"<td style='text-align:left'>{cell}</td>" for cell in cells) + "</tr>"
