"""From a text to its syntax tree, or to a message that names the place, the cause and what to write.

The standard library's `ast` parses; what it refuses is examined again, for what people write on paper or in
other languages: signs, superscripts, products without an operator, equations.
"""

from __future__ import annotations

import ast
import re
import unicodedata
import warnings
from collections import Counter
from collections.abc import Container
from keyword import iskeyword

from gradwright.errors import LanguageError

LONGEST_TEXT = 100_000
# Keywords that expressions of Python contain: where one stands in the wrong place it was hardly meant as a name.
EXPRESSION_WORDS = {"and", "or", "not", "in", "is", "if", "else", "for", "await", "async", "None", "True", "False"}
_PRODUCT = "write * for the product entry by entry, @ for that of matrices"
# What is written for signs that are not of the language.
_SIGNS = {
    **dict.fromkeys("·⋅×∗", _PRODUCT),
    **dict.fromkeys("∘⊙", "write *, which works entry by entry"),
    **dict.fromkeys("−–—", "write -"),
    **dict.fromkeys("‖∥|", "write norm(x), abs(x) or det(X)"),
    **dict.fromkeys("⟨⟩", "write x @ y for the inner product of vectors, sum(A * B) for that of matrices"),
    **dict.fromkeys("∂∇", "write the function alone, which is then differentiated"),
    **dict.fromkeys("†′", "the transpose is X.T, the conjugate transpose X.H"),
    **dict.fromkeys("½⅓¼¾⅔", "write a fraction such as 1/2"),
    "⊗": "write outer(A, B) for the tensor product, kron(A, B) for Kronecker's",
    "√": "write sqrt(x)", "∑": "write sum(x)", "÷": "write /", "≤": "write <=", "≥": "write >=",
    "{": "write parentheses", "!": "write the product out", "$": "the text is not LaTeX: write log(x), A @ B",
    "\\": "the text is not LaTeX: write log(x), A @ B, and solve(A, b) for MATLAB's division",
    ";": "write one expression, and block([[A, B], [C, D]]) for a matrix of blocks",
}  # fmt: skip
_RAISED = "write ** for a power, inv(X), X.T and X.H for the inverse and the transposes, and x[0] for an entry"
# What MATLAB writes for entries; 2.*x is a product of Python.
_DOTTED = re.compile(r"(?:\b[^\W\d]\w*|[)\]])(\s?\.[*/^])")
_TOKEN = re.compile(r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?j?)|(?P<name>[^\W\d]\w*)|(?P<sign>\S))")


def parse_text(text: str, functions: Container[str]) -> ast.expr:
    """The syntax tree of an expression, or an error that says where the text stops making sense.

    Args:
        text: the expression; a comment ends with its line.
        functions: the names that are functions, for the words of an error.
    """
    stripped = without_comments(text)
    if not stripped:
        raise LanguageError("the expression is empty: write something such as inv(X) @ A")
    if len(stripped) > LONGEST_TEXT:
        raise LanguageError(f"the text has {len(stripped)} characters; at most {LONGEST_TEXT} are read")
    _refuse_raised(stripped)
    _refuse_in_names(stripped)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            return ast.parse(stripped, mode="eval").body
    except SyntaxError as error:
        raise LanguageError(_syntax_message(stripped, error, functions)) from None
    except (RecursionError, MemoryError):
        raise LanguageError(
            "the expression is nested too deeply to be read: name its parts and write it in pieces"
        ) from None
    except ValueError as error:
        raise LanguageError(f"the text cannot be read: {error}") from None


def without_comments(text: str) -> str:
    """The text whose places those of the syntax tree are: without comments, in one line."""
    return re.sub(r"#[^\n]*", " ", text).strip().replace("\n", " ")


def raised_sign(text: str) -> re.Match[str] | None:
    """The first superscript or subscript, which Python would read as the plain letter: `Xᵀ` as `XT`."""
    return re.search("|".join(c for c in dict.fromkeys(text) if _is_raised(c)) or "(?!)", text)


def _is_raised(sign: str) -> bool:
    return not sign.isascii() and unicodedata.decomposition(sign).startswith(("<super>", "<sub>"))


def _refuse_raised(text: str) -> None:
    found = raised_sign(text)
    if found:
        near = _near(text, found.start())
        raise LanguageError(f"the text is not an expression near '{near}': '{found.group()}' is not read; {_RAISED}")


def _refuse_in_names(text: str) -> None:
    """Refuse a sign that is not of the language, and that Python reads as a letter: `x·y` is a name there."""
    for place, sign in enumerate(text):
        if sign in _SIGNS and f"x{sign}".isidentifier():
            near = _near(text, place)
            raise LanguageError(
                f"the text is not an expression near '{near}': '{sign}' is not in the language; {_SIGNS[sign]}"
            )


def _near(text: str, place: int) -> str:
    return " ".join(text[max(place - 12, 0) : place + 12].split())


def _syntax_message(text: str, error: SyntaxError, functions: Container[str]) -> str:
    reason = (error.msg or "invalid syntax").split(". ")[0]
    if "too many nested parentheses" in reason:
        return "the expression has more than 200 nested parentheses: write it in pieces"
    place = max((error.offset or 1) - 1, 0)
    keywords = [word for word in re.findall(r"\w+", text) if iskeyword(word) and word not in EXPRESSION_WORDS]
    if keywords:
        return (
            f"the text is not an expression near '{_near(text, place)}': '{keywords[0]}' is a keyword of Python and "
            f"cannot be the name of a variable; choose another name, such as '{keywords[0]}_'"
        )
    found = _paper_sign(text) or _equation(text) or _missing_operator(text, functions) or _missing_operand(text)
    if found:
        place, words = found
        return f"the text is not an expression near '{_near(text, place)}': {words}"
    return f"the text is not an expression near '{_near(text, place)}': {reason}"


def _paper_sign(text: str) -> tuple[int, str] | None:
    """A sign that is not of the language."""
    dotted = _DOTTED.search(text)
    if dotted:
        return dotted.start(1), f"'{dotted.group(1).strip()}' is not in the language; *, / and ** work entry by entry"
    for place, sign in enumerate(text):
        if sign in _SIGNS:
            return place, f"'{sign}' is not in the language; {_SIGNS[sign]}"
        if sign in "'\"" and text.count(sign) % 2:
            return place, f"a text that begins with {sign} does not end; the transpose is X.T"
    return None


def _equation(text: str) -> tuple[int, str] | None:
    """An equals sign outside of all parentheses."""
    words = "an equation has no place here; write one of its sides, or their difference (`define` takes equations)"
    for found in re.finditer(r"(?<![=<>!:])=(?!=)", text):
        before = Counter(text[: found.start()])
        if before["("] + before["["] == before[")"] + before["]"]:
            return found.start(), words
    return None


def _missing_operator(text: str, functions: Container[str]) -> tuple[int, str] | None:
    """Two operands side by side: `2 X`, `A B`, `sin x`."""
    before = None
    for token in _TOKEN.finditer(text):
        if token["name"] in EXPRESSION_WORDS:
            before = None
            continue
        starts = token["sign"] is None or (token["sign"] == "(" and before is not None and before["number"])
        if starts and before is not None and (before["sign"] or ")") in ")]":
            left, right = before[0].strip(), token[0].strip()
            if before["name"] and before["name"] in functions:
                return token.start(), f"the argument of {left} stands in parentheses, as in {left}({right})"
            return token.start(), f"an operator is missing between '{left}' and '{right}'; {_PRODUCT}"
        before = token
    return None


def _missing_operand(text: str) -> tuple[int, str] | None:
    """An operator at the beginning or at the end."""
    last = re.search(r"(\*\*|[-+*/@,])\s*$", text)
    if last:
        return last.start(), f"something is missing after '{last[1]}'"
    first = re.match(r"(\*\*|[*/@,])", text)
    return (0, f"something is missing before '{first[1]}'") if first else None
