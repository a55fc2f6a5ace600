"""Formulas as text: mathematical notation in Unicode, and the text language itself.

Both walk the same tree; they differ in the signs, in superscripts against function calls, and in
that mathematical notation transposes a vector that stands on the left, `xᵀ A y`.
"""

from __future__ import annotations

from fractions import Fraction

from gradwright.back.algebra import multiplied, split_number, without_scalars
from gradwright.back.formula import (
    Block,
    Call,
    Cell,
    Conjugated,
    Formula,
    MatrixProduct,
    Name,
    Number,
    Permuted,
    Power,
    Roll,
    Scaled,
    TensorDot,
    TensorProduct,
    Transposed,
    filled,
    is_output,
)
from gradwright.back.numbers import decimal, number_text
from gradwright.back.writing import (
    ATOM,
    POWER,
    PRODUCT,
    SUM,
    TENSOR_PRODUCT,
    UNARY,
    MathematicalWriter,
    Writer,
    Written,
)
from gradwright.frozen import replace

SUPERSCRIPTS = str.maketrans("0123456789-+/,()", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ᐟ˒⁽⁾")
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
FRACTIONS = {
    Fraction(1, 2): "½", Fraction(1, 3): "⅓", Fraction(2, 3): "⅔", Fraction(1, 4): "¼", Fraction(3, 4): "¾",
    Fraction(1, 8): "⅛",
}  # fmt: skip
SPELLED = {"Ω": "Omega", "λ": "lambda", "Φ": "Phi", "∂": "d"}


def language(formula: Formula) -> str:
    """The text of the language, which parses back."""
    return _Language().run(formula)


def ascii_text(formula: Formula) -> str:
    """Like the text language, for every formula, in ASCII: Greek letters are spelled out."""
    text = language(formula)
    return text if text.isascii() else "".join(SPELLED.get(sign, sign) for sign in text)


def unicode(formula: Formula) -> str:
    """Mathematical notation in Unicode."""
    return _Unicode().run(formula)


class _Language(Writer):
    """The text language."""

    def block(self, formula: Block) -> str:
        bare = tuple(map(_without_cell, formula.entries))
        listed = [[self.write(entry)[0] for entry in row] for row in replace(formula, entries=bare).rows()]
        if formula.entries == bare and len(listed) == 1:
            return f"concatenate({', '.join(listed[0])}, axis=1)"
        if formula.entries == bare and len(listed[0]) == 1:
            return f"concatenate({', '.join(row[0] for row in listed)})"
        rows = [", ".join(row) for row in listed]
        return f"block([{', '.join(rows if formula.rank == 1 else [f'[{row}]' for row in rows])}])"

    def name(self, formula: Name) -> Written:
        text = formula.language or formula.text
        return text, ATOM

    def number(self, value: Fraction) -> Written:
        text = number_text(value)
        return text, PRODUCT if "/" in text else ATOM if value >= 0 else UNARY

    def scaled(self, formula: Scaled) -> Written:
        c = formula.coefficient
        split = decimal(abs(c)) is None
        front = Fraction(abs(c.numerator)) if split else abs(c)
        numerator = [] if front == 1 else [number_text(front)]
        tensors = sum(f.rank > 0 for f in formula.factors)
        ordered = [*formula.scalars(), *(f for f in formula.factors if f.rank)]
        for place, factor in enumerate(ordered):
            alone = not numerator and place == 0
            needs = PRODUCT if alone and not isinstance(factor, MatrixProduct) else POWER
            if isinstance(factor, MatrixProduct) and tensors <= 1 and place == len(ordered) - 1:
                needs = PRODUCT
            numerator.append(self.inside(factor, needs))
        text = " * ".join(numerator) or "1"
        for divisor in formula.divisors:
            text += f" / {self.inside(divisor, POWER)}"
        if split and c.denominator != 1:
            text += f" / {c.denominator}"
        return (f"-{text}", UNARY - 1) if c < 0 else (text, PRODUCT)

    def matrix_product(self, factors: tuple[Formula, ...]) -> Written:
        runs: list[tuple[Formula, int]] = []
        for factor in factors:
            if runs and runs[-1][0] == factor and factor.rank == 2:
                runs[-1] = (factor, runs[-1][1] + 1)
            else:
                runs.append((factor, 1))
        parts: list[str] = []
        for factor, count in runs:
            if count >= 3:
                parts.append(f"matrix_power({self.write(factor)[0]}, {count})")
            else:
                parts += [self.inside(factor, POWER)] * count
        return " @ ".join(parts), PRODUCT if len(parts) > 1 else ATOM

    def power(self, formula: Power) -> Written:
        base = self.write(formula.base)[0]
        if formula.matrix:
            return f"matrix_power({base}, {formula.exponent})", ATOM
        if formula.exponent == Fraction(1, 2):
            return f"sqrt({base})", ATOM
        if formula.exponent == -1:
            return f"1 / {self.inside(formula.base, POWER)}", PRODUCT
        exponent = str(formula.exponent)
        shown = exponent if formula.exponent.denominator == 1 and formula.exponent > 0 else f"({exponent})"
        return f"{self.inside(formula.base, ATOM)} ** {shown}", POWER

    def call(self, formula: Call) -> Written:
        if formula.name == "equals":
            return " == ".join(self.write(side)[0] for side in formula.arguments), SUM
        if formula.name == "variable_power":
            return " ** ".join(self.inside(part, ATOM) for part in formula.arguments), POWER
        listed = [self.write(argument)[0] for argument in formula.arguments]
        listed += [formula.keywords] if formula.keywords else []
        output = f".{formula.output}" if formula.output else ""
        return f"{formula.name}({', '.join(listed)}){output}", ATOM

    def turned(self, formula: Transposed | Conjugated) -> Written:
        if isinstance(formula, Conjugated):
            return f"conj({self.write(formula.inner)[0]})", ATOM
        return f"{self.inside(formula.inner, ATOM)}.{'H' if formula.conj else 'T'}", ATOM

    def outer(self, left: Formula, right: Formula) -> Written:
        return f"outer({self.write(left)[0]}, {self.write(right)[0]})", ATOM

    def tensor(self, formula: Formula) -> Written:
        """The tensor algebra, as the calls of Python that make it."""
        match formula:
            case TensorProduct(factors=factors):
                text = self.write(factors[0])[0]
                for factor in factors[1:]:
                    text = f"outer({text}, {self.write(factor)[0]})"
            case Roll(inner=inner, start=start, end=end):
                text = f"roll({self.write(inner)[0]}, {start}, {end})"
            case Permuted(inner=inner, order=order):
                text = f"permute({self.write(inner)[0]}, {', '.join(map(str, order))})"
            case TensorDot(left=left, right=right, shown=shown):
                axes = f", axes={list(shown)}" if shown else ""
                text = f"tensordot({self.write(left)[0]}, {self.write(right)[0]}{axes})"
            case _:
                raise AssertionError(type(formula).__name__)
        return text, ATOM


def _without_cell(entry: Formula) -> Formula:
    """What `block` takes for an entry: a number and a vector as they are."""
    number, scalars, divisors, cell = without_scalars(entry)
    if not isinstance(cell, Cell):
        return entry
    return multiplied(number, (*scalars, cell.inner), divisors, cell.inner.rank)


def _as_number(term: Formula) -> Formula:
    """`3` for `3 1`: a number beside a tensor goes to every entry."""
    number, tensor = split_number(term)
    is_ones = isinstance(tensor, Name) and tensor.text == "1"
    return Number(term.rank, True, number) if is_ones else term


class _Unicode(MathematicalWriter):
    """Mathematical notation."""

    minus = "−"

    def sum(self, terms: tuple[Formula, ...]) -> str:
        return super().sum(tuple(map(_as_number, terms)))

    def block(self, formula: Block) -> str:
        rows = (", ".join(self.write(entry)[0] for entry in row) for row in formula.rows())
        return f"[{'; '.join(rows)}]"

    def name(self, formula: Name) -> Written:
        return formula.text, ATOM

    def number(self, value: Fraction) -> Written:
        text = self.digits(abs(value))
        precedence = PRODUCT if "/" in text else ATOM
        return (f"−{text}", SUM + 1) if value < 0 else (text, precedence)

    def digits(self, value: Fraction) -> str:
        return FRACTIONS.get(value) or number_text(value)

    def scaled(self, formula: Scaled) -> Written:
        c = formula.coefficient
        number = abs(c)
        split = decimal(number) is None and (bool(formula.divisors) or number.denominator > 8)
        front = Fraction(number.numerator) if split else number
        texts = [] if front == 1 and formula.factors else [self.digits(front)]
        tensors = [f for f in formula.factors if f.rank]
        scalars = formula.scalars()
        alone = len(formula.factors) == 1 and not formula.divisors
        bare = [] if tensors else formula.ending()
        texts += [self.inside(f, PRODUCT if alone or f in bare else PRODUCT + 1) for f in scalars]
        if tensors:
            needs = PRODUCT if len(tensors) == 1 else PRODUCT + 1
            texts.append(" ∘ ".join(self.inside(f, needs) for f in tensors))
        text = " ".join(texts)
        under = [self.inside(d, PRODUCT + 1) for d in formula.divisors if not d.rank]
        entrywise = [self.inside(d, PRODUCT + 1) for d in formula.divisors if d.rank]
        under += [" ∘ ".join(entrywise)] if entrywise else []
        if split and number.denominator != 1:
            under.insert(0, str(number.denominator))
        if under:
            below = " ".join(under)
            text += f" / {below if len(under) == 1 and len(entrywise) <= 1 else '(' + below + ')'}"
        return (f"−{text}", SUM + 1) if c < 0 else (text, PRODUCT)

    def raised(self, base: Formula, mark: str) -> str:
        """A base with a superscript, which joins one that is there already: `X⁻ᵀ`, `X^(−½)`."""
        text, precedence = self.write(base)
        if mark in ("ᵀ", "ᴴ") and text.endswith("⁻¹") and precedence == POWER:
            return text[:-1] + mark
        if mark.isdigit() and text.endswith("⁻¹") and precedence == POWER:
            return text[:-1] + mark
        if mark == "⁻¹" and text.endswith(("ᵀ", "ᴴ")) and not text.endswith(("⁻ᵀ", "⁻ᴴ")) and precedence == POWER:
            return f"{text[:-1]}⁻{text[-1]}"
        if mark == "⁻¹" and text.endswith("^½") and precedence == POWER:
            return f"{text[:-1]}(−½)"
        if mark in ("ᵀ", "ᴴ") and text.endswith("^(−½)") and precedence == POWER:
            return f"({text[:-4]}½)⁻{mark}"
        return f"{text}{mark}" if precedence >= ATOM else f"({text}){mark}"

    def power(self, formula: Power) -> Written:
        if formula.exponent == Fraction(1, 2) and not formula.matrix:
            return f"√{self.inside(formula.base, ATOM)}", POWER
        if formula.exponent == -1 and not formula.matrix:
            return f"1 / {self.inside(formula.base, PRODUCT + 1)}", PRODUCT
        whole = formula.exponent.denominator == 1
        exponent = str(formula.exponent).translate(SUPERSCRIPTS) if whole else f"^({formula.exponent})"
        elementwise = "" if formula.matrix or not formula.rank else "∘"
        return self.raised(formula.base, elementwise + exponent), POWER

    def call(self, formula: Call) -> Written:
        template = formula.text or self._default(formula)
        if template == "{0}":
            return self.write(formula.arguments[0])
        bracketed = "(" in template or template.startswith(("|", "‖", "⟨", "["))
        suffix = template.startswith("{0}") and not bracketed and len(formula.arguments) == 1
        if suffix:
            return self.raised(formula.arguments[0], template[3:]), POWER
        needs = 0 if bracketed or formula.name == "equals" else POWER
        if " " in template and needs:
            needs = PRODUCT + 1

        def write(place: int, mark: str) -> str:
            argument = formula.arguments[place]
            return self.raised(argument, mark) if mark else self.inside(argument, ATOM if "^{" in template else needs)

        text = filled(template, write, "[⁻⁺¹²³½]*")
        if is_output(formula) and not formula.binds:
            text += f".{formula.output}"
        return text, ATOM if bracketed else POWER if "^{" in template else PRODUCT

    def _default(self, formula: Call) -> str:
        listed = [f"{{{place}}}" for place in range(len(formula.arguments))]
        listed += [formula.keywords] if formula.keywords else []
        return f"{formula.name}({', '.join(listed)})"

    def turned(self, formula: Transposed | Conjugated) -> Written:
        if isinstance(formula, Conjugated):
            return self.raised(formula.inner, "*"), POWER
        return self.raised(formula.inner, "ᴴ" if formula.conj else "ᵀ"), POWER

    def tensor(self, formula: Formula) -> Written:
        match formula:
            case TensorProduct(factors=factors):
                return " ⊗ ".join(self.inside(f, SUM + 1) for f in factors), TENSOR_PRODUCT
            case Roll(inner=inner, start=start, end=end):
                places = f"{start}→{end}".translate(SUBSCRIPTS)
                return f"roll{places}({self.write(inner)[0]})", ATOM
            case Permuted(inner=inner, order=order):
                places = ",".join(map(str, order)).translate(SUBSCRIPTS)
                return f"permute₍{places}₎({self.write(inner)[0]})", ATOM
            case TensorDot(left=left, right=right, shown=shown):
                mark = ",".join(map(str, shown)).translate(SUPERSCRIPTS)
                return f"{self.inside(left, POWER)} ·_T{mark} {self.inside(right, POWER)}", TENSOR_PRODUCT
            case _:
                raise AssertionError(type(formula).__name__)
