"""Formulas as LaTeX, for `amsmath` or KaTeX."""

from __future__ import annotations

from fractions import Fraction

from gradwright.back.formula import (
    Block,
    Call,
    Conjugated,
    Formula,
    Name,
    Permuted,
    Power,
    Roll,
    Scaled,
    TensorDot,
    TensorProduct,
    Transposed,
    filled,
)
from gradwright.back.numbers import decimal
from gradwright.back.writing import ATOM, POWER, PRODUCT, SUM, TENSOR_PRODUCT, MathematicalWriter, Written
from gradwright.core.greek import escaped


def latex(formula: Formula) -> str:
    """The formula in LaTeX's mathematics mode."""
    return _Latex().run(formula)


class _Latex(MathematicalWriter):
    """Mathematics mode."""

    transpose = r"\mathsf{T}"
    adjoint = r"\mathsf{H}"
    bars = True

    def in_parentheses(self, text: str) -> str:
        return rf"\left({text}\right)"

    def name(self, formula: Name) -> Written:
        return formula.latex or formula.text, ATOM

    def turned(self, formula: Transposed | Conjugated) -> Written:
        if isinstance(formula, Conjugated):
            return rf"\overline{{{self.write(formula.inner)[0]}}}", ATOM
        return self.raised(formula.inner, self.adjoint if formula.conj else self.transpose), POWER

    def indexed(self, inner: Formula, places: str) -> Written:
        return f"{self.inside(inner, ATOM)}_{{{places}}}", POWER

    def einsum(self, pattern: str, operands: str) -> str:
        shown = pattern.replace("->", r"\to ")
        return rf"\operatorname{{einsum}}_{{{shown}}}\left({operands}\right)"

    def block(self, formula: Block) -> str:
        rows = (" & ".join(self.write(entry)[0] for entry in row) for row in formula.rows())
        inside = " \\\\ ".join(rows)
        return rf"\begin{{bmatrix}} {inside} \end{{bmatrix}}"

    def number(self, value: Fraction) -> Written:
        text = self.digits(abs(value))
        return (f"-{text}", SUM + 1) if value < 0 else (text, ATOM)

    def digits(self, value: Fraction) -> str:
        found = decimal(value)
        if found is not None:
            digits, exponent = found
            power = f"10^{{{exponent}}}" if exponent else ""
            return power if digits == "1" and power else rf"{digits} \cdot {power}" if power else digits
        return str(value) if value.denominator == 1 else rf"\tfrac{{{value.numerator}}}{{{value.denominator}}}"

    def scaled(self, formula: Scaled) -> Written:
        c = formula.coefficient
        divided = bool(formula.divisors)
        split = divided and decimal(abs(c)) is None
        front = Fraction(abs(c.numerator)) if split else abs(c)
        parts = [] if front == 1 and formula.factors else [self.digits(front)]
        scalars = formula.scalars()
        tensors = [f for f in formula.factors if f.rank]
        alone = len(formula.factors) == 1
        enclosed = alone and divided and not parts
        bare = [] if tensors else formula.ending()
        parts += [self.inside(f, 0 if enclosed else PRODUCT if alone or f in bare else PRODUCT + 1) for f in scalars]
        if tensors:
            needs = 0 if enclosed else PRODUCT if len(tensors) == 1 else PRODUCT + 1
            parts.append(r" \odot ".join(self.inside(f, needs) for f in tensors))
        text = r" \, ".join(parts)
        if divided:
            below = [str(c.denominator)] if split and c.denominator != 1 else []
            needs = PRODUCT + 1 if len(formula.divisors) > 1 else PRODUCT if below else 0
            below += [self.inside(d, needs) for d in formula.divisors if not d.rank]
            entrywise = [self.inside(d, needs) for d in formula.divisors if d.rank]
            below += [r" \odot ".join(entrywise)] if entrywise else []
            text = rf"\frac{{{text}}}{{{' '.join(below)}}}"
        return (f"-{text}", SUM + 1) if c < 0 else (text, PRODUCT)

    def raised(self, base: Formula, mark: str) -> str:
        """A base with a superscript, which joins one that is there already."""
        text, precedence = self.write(base)
        if mark.startswith(r"\mathsf") and text.endswith("^{-1}") and precedence == POWER:
            return f"{text[:-5]}^{{-{mark}}}"
        if mark.isdigit() and text.endswith("^{-1}") and precedence == POWER:
            return f"{text[:-5]}^{{-{mark}}}"
        if mark == "-1" and text.endswith("^{1/2}") and precedence == POWER:
            return f"{text[:-5]}{{-1/2}}"
        if mark.startswith(r"\mathsf") and text.endswith("^{-1/2}") and precedence == POWER:
            return rf"\left({text[:-6]}{{1/2}}\right)^{{-{mark}}}"
        for turn in (self.transpose, self.adjoint):
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
        shown = name if name in _OWN_NAMES else rf"\operatorname{{{escaped(name)}}}"
        shown = _OWN_NAMES.get(name, shown)
        listed = [self.write(argument)[0] for argument in formula.arguments]
        listed += [rf"\text{{{escaped(formula.keywords)}}}"] if formula.keywords else []
        output = rf"_{{\text{{{escaped(formula.output)}}}}}" if formula.output else ""
        return rf"{shown}{output}\left({', '.join(listed)}\right)"

    def tensor(self, formula: Formula) -> Written:
        match formula:
            case TensorProduct(factors=factors):
                return r" \otimes ".join(self.inside(f, SUM + 1) for f in factors), TENSOR_PRODUCT
            case Roll(inner=inner, start=start, end=end):
                inside = self.write(inner)[0]
                return rf"\operatorname{{roll}}_{{{start} \to {end}}}\left({inside}\right)", ATOM
            case Permuted(inner=inner, order=order):
                listed = ",".join(map(str, order))
                return rf"\operatorname{{permute}}_{{{listed}}}\left({self.write(inner)[0]}\right)", ATOM
            case TensorDot(left=left, right=right, shown=shown):
                mark = f"^{{{','.join(map(str, shown))}}}" if shown else ""
                return rf"{self.inside(left, POWER)} \cdot_T{mark} {self.inside(right, POWER)}", TENSOR_PRODUCT
            case _:
                raise AssertionError(type(formula).__name__)


_OWN_NAMES = {
    "exp": r"\exp", "log": r"\log", "sin": r"\sin", "cos": r"\cos", "tan": r"\tan", "tanh": r"\tanh",
    "sinh": r"\sinh", "cosh": r"\cosh", "arctan": r"\arctan", "det": r"\det", "max": r"\max", "min": r"\min",
    "σ": r"\sigma", "Φ": r"\Phi", "Re": r"\operatorname{Re}", "adj": r"\operatorname{adj}",
}  # fmt: skip
