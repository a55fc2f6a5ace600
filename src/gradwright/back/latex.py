"""Formulas as LaTeX, for `amsmath` or KaTeX."""

from __future__ import annotations

from fractions import Fraction

from gradwright.back.formula import (
    Block,
    Call,
    Conjugated,
    Einsum,
    Formula,
    Indexed,
    MaskMatrix,
    MatrixProduct,
    Name,
    Number,
    OuterProduct,
    Part,
    Permuted,
    Power,
    Roll,
    Scaled,
    Sum,
    TensorDot,
    TensorProduct,
    Transposed,
    filled,
    postorder,
    transposed,
)
from gradwright.back.masks import alone
from gradwright.back.text import positive_first

SUM, PRODUCT, POWER, ATOM = range(1, 5)
Written = tuple[str, int]


def latex(formula: Formula) -> str:
    """The formula in LaTeX's mathematics mode."""
    return _Latex().run(formula)


class _Latex:
    """The walk: each formula becomes a text and its precedence."""

    def __init__(self) -> None:
        self._written: dict[int, Written] = {}

    def run(self, root: Formula) -> str:
        """The text of a formula: parts first, so that a deep one does not exhaust the stack."""
        for part in postorder(root):
            self._written[part.key] = self._write(part)
        return self.write(root)[0]

    def write(self, formula: Formula) -> Written:
        """The text of a formula and its precedence."""
        found = self._written.get(formula.key)
        return found if found is not None else self._write(formula)

    def _write(self, formula: Formula) -> Written:
        match formula:
            case Name():
                return formula.latex or formula.text, ATOM
            case Number(value=value):
                return self.number(value)
            case Sum(terms=terms):
                return self.sum(terms), SUM
            case Scaled():
                return self.scaled(formula)
            case MatrixProduct(factors=factors):
                return self.matrix_product(factors)
            case Power():
                return self.power(formula)
            case Call():
                return self.call(formula)
            case Transposed(inner=inner, conj=conj):
                return self.raised(inner, r"\mathsf{H}" if conj else r"\mathsf{T}"), POWER
            case Conjugated(inner=inner):
                return rf"\overline{{{self.write(inner)[0]}}}", ATOM
            case OuterProduct(left=left, right=right):
                entrywise = isinstance(left, Scaled) and sum(f.rank > 0 for f in left.factors) > 1
                return f"{self.inside(left, PRODUCT + entrywise)} {self.row(right)}", PRODUCT
            case Indexed(inner=inner, places=places):
                listed = ", ".join(places)
                return f"{self.inside(inner, ATOM)}_{{{listed}}}", POWER
            case Part(whole=whole):
                return self.write(whole)
            case MaskMatrix():
                return self.write(alone(formula))
            case Block():
                rows = (" & ".join(self.write(entry)[0] for entry in row) for row in formula.rows())
                inside = " \\\\ ".join(rows)
                return rf"\begin{{bmatrix}} {inside} \end{{bmatrix}}", ATOM
            case _:
                return self.tensor(formula)

    def inside(self, formula: Formula, precedence: int) -> str:
        """The text, in parentheses if it binds less tightly than asked."""
        text, own = self.write(formula)
        return text if own >= precedence else rf"\left({text}\right)"

    def number(self, value: Fraction) -> Written:
        text = self.digits(abs(value))
        return (f"-{text}", SUM + 1) if value < 0 else (text, ATOM)

    def digits(self, value: Fraction) -> str:
        return str(value) if value.denominator == 1 else rf"\tfrac{{{value.numerator}}}{{{value.denominator}}}"

    def sum(self, terms: tuple[Formula, ...]) -> str:
        text = ""
        for part in positive_first([self.inside(term, SUM + 1) for term in terms], "-"):
            if not text:
                text = part
            else:
                text += f" - {part[1:]}" if part.startswith("-") else f" + {part}"
        return text

    def scaled(self, formula: Scaled) -> Written:
        c = formula.coefficient
        divided = bool(formula.divisors)
        front = Fraction(abs(c.numerator)) if divided else abs(c)
        parts = [] if front == 1 and formula.factors else [self.digits(front)]
        scalars = formula.scalars()
        tensors = [f for f in formula.factors if f.rank]
        alone = len(formula.factors) == 1
        bare = [] if tensors else formula.ending()
        parts += [self.inside(f, PRODUCT if alone or f in bare else PRODUCT + 1) for f in scalars]
        if tensors:
            needs = PRODUCT if len(tensors) == 1 else PRODUCT + 1
            parts.append(r" \odot ".join(self.inside(f, needs) for f in tensors))
        text = r" \, ".join(parts)
        if divided:
            below = [str(c.denominator)] if c.denominator != 1 else []
            needs = PRODUCT if len(formula.divisors) == 1 else PRODUCT + 1
            below += [self.inside(d, needs) for d in formula.divisors if not d.rank]
            entrywise = [self.inside(d, needs) for d in formula.divisors if d.rank]
            below += [r" \odot ".join(entrywise)] if entrywise else []
            text = rf"\frac{{{text}}}{{{' '.join(below)}}}"
        return (f"-{text}", SUM + 1) if c < 0 else (text, PRODUCT)

    def matrix_product(self, factors: tuple[Formula, ...]) -> Written:
        parts: list[str] = []
        place = 0
        while place < len(factors):
            factor, count = factors[place], 1
            while place + count < len(factors) and factors[place + count] == factor and factor.rank == 2:
                count += 1
            if factor.rank == 1 and place == 0:
                parts.append(self.row(factor))
            elif count > 1:
                parts.append(self.raised(factor, str(count)))
            else:
                joined = isinstance(factor, Call) and factor.product
                parts.append(self.inside(factor, PRODUCT if joined else PRODUCT + 1))
            place += count
        return " ".join(parts), PRODUCT if len(parts) > 1 else POWER

    def row(self, vector: Formula) -> str:
        """A vector as a row."""
        if isinstance(vector, MatrixProduct) and vector.factors[-1].rank == 1:
            turned = [transposed(f) for f in reversed(vector.factors[:-1])]
            return " ".join([self.row(vector.factors[-1]), *(self.inside(f, PRODUCT + 1) for f in turned)])
        if isinstance(vector, Conjugated):
            return self.raised(vector.inner, r"\mathsf{H}")
        return self.raised(vector, r"\mathsf{T}")

    def raised(self, base: Formula, mark: str) -> str:
        """A base with a superscript, which joins one that is there already."""
        text, precedence = self.write(base)
        if mark.startswith(r"\mathsf") and text.endswith("^{-1}") and precedence == POWER:
            return f"{text[:-5]}^{{-{mark}}}"
        if mark.isdigit() and text.endswith("^{-1}") and precedence == POWER:
            return f"{text[:-5]}^{{-{mark}}}"
        for turn in (r"\mathsf{T}", r"\mathsf{H}"):
            if mark == "-1" and text.endswith(f"^{{{turn}}}") and precedence == POWER:
                return f"{text.removesuffix(f'^{{{turn}}}')}^{{-{turn}}}"
        return f"{text}^{{{mark}}}" if precedence >= ATOM else rf"\left({text}\right)^{{{mark}}}"

    def power(self, formula: Power) -> Written:
        if formula.exponent == Fraction(1, 2) and not formula.matrix:
            return rf"\sqrt{{{self.write(formula.base)[0]}}}", ATOM
        if formula.exponent == -1 and not formula.matrix:
            return rf"\frac{{1}}{{{self.write(formula.base)[0]}}}", PRODUCT
        mark = str(formula.exponent)
        if formula.rank and not formula.matrix:
            mark = rf"\odot {mark}"
        return self.raised(formula.base, mark), POWER

    def call(self, formula: Call) -> Written:
        if not formula.latex:
            return self.named_call(formula), ATOM
        if formula.latex == "{0}":
            return self.write(formula.arguments[0])
        if formula.latex.startswith("{0}^") and len(formula.arguments) == 1:
            return self.raised(formula.arguments[0], formula.latex[5:-1]), POWER
        bracketed = r"\left" in formula.latex
        spaced = " " in formula.latex and not bracketed
        needs = 0 if bracketed or formula.name == "equals" else (PRODUCT + 1 if spaced else POWER)

        def write(place: int, mark: str) -> str:
            argument = formula.arguments[place]
            return f" {self.raised(argument, mark[2:-1]) if mark else self.inside(argument, needs)} "

        text = filled(formula.latex, write, r"(?:\^\{[^{}]*\})?")
        return " ".join(text.split()), ATOM if bracketed else POWER if "^{{" in formula.latex else PRODUCT

    def named_call(self, formula: Call) -> str:
        name = formula.text.partition("(")[0] if "(" in formula.text else formula.name
        if "{" in name or not name:
            name = formula.name
        shown = name if name in _OWN_NAMES else rf"\operatorname{{{_escaped(name)}}}"
        shown = _OWN_NAMES.get(name, shown)
        listed = [self.write(argument)[0] for argument in formula.arguments]
        listed += [rf"\text{{{_escaped(formula.keywords)}}}"] if formula.keywords else []
        output = rf"_{{\text{{{_escaped(formula.output)}}}}}" if formula.output else ""
        return rf"{shown}{output}\left({', '.join(listed)}\right)"

    def tensor(self, formula: Formula) -> Written:
        match formula:
            case TensorProduct(factors=factors):
                return r" \otimes ".join(self.inside(f, SUM + 1) for f in factors), PRODUCT - 1
            case Roll(inner=inner, start=start, end=end):
                inside = self.write(inner)[0]
                return rf"\operatorname{{roll}}_{{{start} \to {end}}}\left({inside}\right)", ATOM
            case Permuted(inner=inner, order=order):
                listed = ",".join(map(str, order))
                return rf"\operatorname{{permute}}_{{{listed}}}\left({self.write(inner)[0]}\right)", ATOM
            case TensorDot(left=left, right=right, shown=shown):
                mark = f"^{{{','.join(map(str, shown))}}}" if shown else ""
                return rf"{self.inside(left, POWER)} \cdot_T{mark} {self.inside(right, POWER)}", PRODUCT - 1
            case Einsum(pattern=pattern, operands=operands):
                listed = ", ".join(self.write(o)[0] for o in operands)
                shown = pattern.replace("->", r"\to ")
                return rf"\operatorname{{einsum}}_{{{shown}}}\left({listed}\right)", ATOM
            case _:
                raise AssertionError(type(formula).__name__)


_OWN_NAMES = {
    "exp": r"\exp", "log": r"\log", "sin": r"\sin", "cos": r"\cos", "tan": r"\tan", "tanh": r"\tanh",
    "sinh": r"\sinh", "cosh": r"\cosh", "arctan": r"\arctan", "det": r"\det", "max": r"\max", "min": r"\min",
    "σ": r"\sigma", "Φ": r"\Phi", "Re": r"\operatorname{Re}", "adj": r"\operatorname{adj}",
}  # fmt: skip


def _escaped(text: str) -> str:
    return text.replace("_", r"\_")
