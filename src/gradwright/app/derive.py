"""What `gradwright derive` prints."""

from __future__ import annotations

from collections.abc import Sequence

from gradwright.api.derivation import Derivation
from gradwright.api.derivation import derive as derive_expression
from gradwright.api.expression import Expression, parse
from gradwright.api.presentation import ASCII, UNICODE, as_latex, as_text
from gradwright.core.declarations import split_commas
from gradwright.errors import DeclarationError, DerivationError


def declarations_of(texts: Sequence[str], option: str = "var") -> dict[str, str]:
    """The declarations of `--var 'A: n m'`; several in one, separated by commas, are allowed."""
    found: dict[str, str] = {}
    for text in texts:
        for part in split_commas(text):
            name, colon, rest = part.partition(":")
            if not colon:
                raise DeclarationError(
                    f"--{option} '{part.strip()}' is not a declaration: write a name, a colon and, with spaces, "
                    f"the dimensions, as in --{option} 'A: n m' (nothing after the colon for a scalar)"
                )
            if name.strip() in found:
                raise DeclarationError(f"'{name.strip()}' is declared twice")
            found[name.strip()] = rest.strip()
    return found


def expression_of(text: str, var: Sequence[str]) -> Expression:
    """The expression of a command line."""
    return parse(text, **declarations_of(var))


def derivation_of(text: str, wrt: Sequence[str], var: Sequence[str]) -> Derivation:
    """The derivation of a command line."""
    return differentiated(expression_of(text, var), wrt)


def differentiated(expression: Expression, wrt: Sequence[str]) -> Derivation:
    """The derivation by some variables, or by all; with one variable in all, it is differentiated by that."""
    names = [name.strip() for entry in wrt for name in entry.split(",")]
    if len(names) == 1 or (not names and len(expression.variables) == 1):
        return derive_expression(expression, names[0] if names else expression.variables[0])
    return derive_expression(expression, names or None)


def shown(derivation: Derivation, show: str, form: str, detail: str) -> str:
    """The derivation, or one of its results, in the wanted form: text, ascii, latex or json."""
    if form == "json":
        return derivation.to_json()
    if show not in ("steps", "all"):
        return "\n".join(_results(derivation, show, form))
    page = derivation.page(detail)
    written = as_latex(page) if form == "latex" else as_text(page, ASCII if form == "ascii" else UNICODE)
    return written if show == "steps" else "\n".join([written, "", *_tensors(derivation, form)])


def _results(derivation: Derivation, show: str, form: str) -> list[str]:
    if show == "hessian" and len(derivation.wrt) > 1:
        return [f"{row}, {column}: {_written(part, form)}" for (row, column), part in derivation.hessian.items()]
    found = {name: _written(getattr(derivation[name], show), form) for name in derivation.wrt}
    return list(found.values()) if len(found) == 1 else [f"{name}: {text}" for name, text in found.items()]


def _tensors(derivation: Derivation, form: str) -> list[str]:
    """The differential, and the Jacobian in every variable; of a scalar, which has a gradient, the Hessian."""
    rows = [("differential", _written(derivation.differential, form))]
    if derivation.expression.ndim:
        rows += [(f"Jacobian in {name}", _jacobian(derivation[name], form)) for name in derivation.wrt]
    else:
        rows += _hessians(derivation, form)
    width = max(len(title) for title, _ in rows)
    return [f"{title:{width}}   {text}" for title, text in rows]


def _jacobian(derivation: Derivation, form: str) -> str:
    """The Jacobian, or why there is none, which takes nothing from the rest."""
    try:
        return _written(derivation.jacobian, form)
    except DerivationError as error:
        return f"none: {error}"


def _hessians(derivation: Derivation, form: str) -> list[tuple[str, str]]:
    try:
        found = derivation.hessian
    except DerivationError as error:
        return [("Hessian", f"none: {error}")]
    if len(derivation.wrt) == 1:
        return [("Hessian", _written(found, form))]
    return [(f"Hessian in {row}, {column}", _written(part, form)) for (row, column), part in found.items()]


def _written(expression: Expression, form: str) -> str:
    if form == "latex":
        return expression.latex()
    return expression.ascii() if form == "ascii" else str(expression)
