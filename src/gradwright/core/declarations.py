"""Declarations: `X: n n symmetric` gives a name, dimensions and facts.

The same small grammar serves variables, the unknowns and givens of `define`, and the signatures of
primitives. A dimension is a name, a number, or a product or sum of these written without spaces
(`n*m`, `n+1`).
"""

from __future__ import annotations

import ast
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from keyword import iskeyword

from gradwright.core.dims import Dim, minimum
from gradwright.core.facts import FACTS, MATRIX_FACTS, Facts, closure
from gradwright.core.greek import latex_of_name, text_of_name
from gradwright.core.syntax import raised_sign
from gradwright.errors import DeclarationError
from gradwright.frozen import frozen, replace

_OUTPUT_FACTS = ("real",)
_NOT_OPEN = "declare 'symmetric' (a derivative needs a neighbourhood, which a semidefinite matrix has within these)"
# Words for properties, which nobody means as the name of a dimension: what is declared for them.
_OTHER_WORDS = {
    "psd": _NOT_OPEN,
    "semidefinite": _NOT_OPEN,
    "posdef": "declare 'spd'",
    "positive_definite": "declare 'spd'",
    "definite": "declare 'spd'",
    "triangular": "declare 'lower' or 'upper'",
    "tril": "declare 'lower'",
    "triu": "declare 'upper'",
    "sym": "declare 'symmetric'",
    "antisymmetric": "declare 'skew'",
    "orthonormal": "declare 'orthogonal', or 'stiefel' for orthonormal columns",
    "rotation": "declare 'orthogonal'",
    "nonsingular": "declare 'invertible'",
    "square": "give the two axes one name, as in 'n n'",
    "scalar": "leave everything out after the colon",
    "nonnegative": "declare 'positive', or nothing",
    "simplex": "write it as softmax of a free vector",
    "toeplitz": "write the matrix as an expression of the vector that it is made from",
    "circulant": "write the matrix as an expression of the vector that it is made from",
}


@frozen
class Declaration:
    """A name with its dimensions and facts.

    Attributes:
        name: the name.
        shape: the dimensions.
        facts: everything that follows from the declared words, for a real tensor.
        batched: whether further leading axes may stand before.
        words: the facts as they were declared.
    """

    name: str
    shape: tuple[Dim, ...]
    facts: Facts
    batched: bool = False
    words: tuple[str, ...] = ()

    @property
    def after_colon(self) -> str:
        """What is declared: the dimensions, and the fewest facts that imply the others."""
        return " ".join([*(str(dim).replace(" ", "") for dim in self.shape), *declared_facts(self.facts)])

    def __str__(self) -> str:
        return f"{self.name}: {self.after_colon}".rstrip()


def declared_facts(facts: Facts) -> list[str]:
    """The shortest list of declarable facts that implies the given ones, in a fixed order."""
    words = [fact for fact in _MOST_TELLING_FIRST if fact in facts]
    for fact in reversed(words):
        without = [other for other in words if other != fact]
        if closure(without) == closure(words):
            words = without
    return words


_MOST_TELLING_FIRST = tuple(
    dict.fromkeys(("spd", "diagonal", "unit_lower", "unit_upper", "orthogonal", "unitary", *FACTS))
)


def parse_declaration(name: str, text: str) -> Declaration:
    """Read what stands after the colon."""
    check_name(name)
    words = text.split()
    batched = words[:1] == ["..."]
    dims = [word for word in words[batched:] if word not in FACTS and word not in _OUTPUT_FACTS]
    facts = [word for word in words[batched:] if word in FACTS or word in _OUTPUT_FACTS]
    for word in dims:
        _check_not_a_slip(name, text, word)
    shape = tuple(parse_dim(word, name) for word in dims)
    _check_facts(name, text, shape, facts)
    known = tuple(fact for fact in facts if fact not in _OUTPUT_FACTS)
    return Declaration(as_read(name), shape, closure(known), batched, known)


def in_its_field(declared: Declaration) -> Declaration:
    """A variable as it was declared: Hermitian or unitary ones are complex.

    Of a real matrix it is said that it is symmetric or orthogonal. In the record of a function both are one.
    """
    words = set(declared.words)
    if not words & {"hermitian", "unitary"} or words & {"complex", "symmetric", "orthogonal"}:
        return declared
    known = (*declared.words, "complex")
    return replace(declared, facts=closure(known), words=known)


def parse_declarations(text: str) -> tuple[Declaration, ...]:
    """Read `A: n m, B: m k lower`."""
    found: list[Declaration] = []
    for part in split_commas(text):
        name, colon, rest = part.partition(":")
        if not colon:
            raise DeclarationError(
                f"'{part.strip()}' is not a declaration: write a name, a colon and the dimensions, "
                f"as in 'X: n n symmetric' (a scalar has nothing after the colon)"
            )
        found.append(parse_declaration(name.strip(), rest))
    check_distinct(found)
    return tuple(found)


def as_read(name: str) -> str:
    """A name in the form in which Python reads those of a text: `ϵ` is `ε`."""
    return name if name.isascii() else unicodedata.normalize("NFKC", name)  # the latter is not traced by torch.compile


def check_name(name: str) -> None:
    """Refuse what cannot be a variable's name."""
    if not name.isidentifier() or raised_sign(name):
        raise DeclarationError(
            f"'{name}' cannot be the name of a variable: a name has letters, digits and _, and no digit first"
        )
    if iskeyword(name):
        raise DeclarationError(
            f"'{name}' cannot be the name of a variable: it is a keyword of Python; "
            f"choose another name, such as '{name}_'"
        )


def parse_dim(text: str, owner: str) -> Dim:
    """Read one dimension."""
    try:
        return dim_of(ast.parse(text, mode="eval").body, Dim.of)
    except (SyntaxError, ValueError) as error:
        near = _nearest_fact(text, 0.6)
        hint = f"; did you mean '{near}'?" if near else ""
        if any(sign in text for sign in ",;()[]×") or re.fullmatch(r"\d+x\d+", text):
            hint = ": separate dimensions by spaces, and declarations by commas"
        raise DeclarationError(
            f"'{text}' in the declaration of '{owner}' is neither a dimension (a name, a positive number, "
            f"or a sum or product of these such as n*m) nor a fact ({', '.join(FACTS)}){hint}"
        ) from error


def dim_of(tree: ast.expr, named: Callable[[str], Dim]) -> Dim:
    """The dimension that a syntax tree is.

    Raises:
        ValueError: it is no sum or product of names and positive numbers.
    """
    match tree:
        case ast.Name(id=name) if not iskeyword(name):
            return named(name)
        case ast.Constant(value=int(value)) if value > 0 and not isinstance(value, bool):
            return Dim.of(value)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return dim_of(left, named) + dim_of(right, named)
        case ast.BinOp(left=left, op=ast.Sub(), right=right):
            return dim_of(left, named) - dim_of(right, named)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return dim_of(left, named) * dim_of(right, named)
        case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=int(power))) if 0 < power <= 8:
            base = result = dim_of(left, named)
            for _ in range(power - 1):
                result = result * base
            return result
        case ast.BinOp(left=left, op=ast.Div(), right=ast.Constant(value=int(value))) if value > 0:
            return dim_of(left, named) * Fraction(1, value)
        case ast.Call(func=ast.Name(id="min"), args=[left, right], keywords=[]):
            return minimum(dim_of(left, named), dim_of(right, named))
        case _:
            raise ValueError("not a dimension")


def _check_facts(name: str, text: str, shape: tuple[Dim, ...], facts: Iterable[str]) -> None:
    needs_matrix = [fact for fact in facts if fact in MATRIX_FACTS]
    if needs_matrix and len(shape) != 2:
        raise DeclarationError(
            f"'{name}: {text.strip()}' has {len(shape)} dimension(s), and '{needs_matrix[0]}' is "
            f"said of matrices: give two dimensions"
        )
    square = [fact for fact in needs_matrix if fact not in ("stiefel",)]
    if square and shape[0] != shape[1]:
        raise DeclarationError(
            f"'{name}: {text.strip()}' is {shape[0]} × {shape[1]}, and '{square[0]}' is said of "
            f"square matrices: give the same dimension twice"
        )
    if "skew" in facts and {"symmetric", "spd", "diagonal", "positive"} & set(facts):
        raise DeclarationError(f"'{name}: {text.strip()}' contradicts itself: only 0 is both")
    if {"positive", "complex"} <= set(facts):
        raise DeclarationError(f"'{name}: {text.strip()}' contradicts itself: positive entries are real")
    sparse = [fact for fact in facts if fact in _WITH_OTHER_ENTRIES]
    if "positive" in facts and sparse:
        raise DeclarationError(
            f"'{name}: {text.strip()}' contradicts itself: '{sparse[0]}' matrices have entries that are not positive; "
            f"declare a vector p as positive and write diag(p) for a diagonal matrix, or say spd of eigenvalues"
        )
    _check_one_structure(f"{name}: {text.strip()}", facts)
    if "stiefel" in facts and shape[0].is_smaller_than(shape[1]):
        raise DeclarationError(
            f"'{name}: {text.strip()}' has fewer rows than columns, which then cannot be orthonormal"
        )


def _check_one_structure(written: str, facts: Iterable[str]) -> None:
    """A set whose tangent space lies in that of another may be declared with it; others not."""
    structures = [fact for fact in facts if fact in _NARROWER]
    for fact in structures:
        for other in structures:
            if fact != other and other not in _NARROWER[fact] and fact not in _NARROWER[other]:
                raise DeclarationError(
                    f"'{written}' declares two structures, '{fact}' and '{other}': a variable moves in one set; "
                    f"declare one of them, and build the other from it in the expression"
                )


_WITH_OTHER_ENTRIES = frozenset(
    {"diagonal", "lower", "upper", "unit_lower", "unit_upper", "orthogonal", "unitary", "stiefel"}
)
_SYMMETRIC = ("symmetric", "hermitian", "spd")
_UNITARY = ("orthogonal", "unitary", "stiefel")
# For each structure, those that it may be declared with: sets that contain it, or the same under another name.
_NARROWER: dict[str, tuple[str, ...]] = {
    "symmetric": _SYMMETRIC, "hermitian": _SYMMETRIC, "spd": _SYMMETRIC, "skew": (),
    "lower": (), "upper": (), "unit_lower": ("lower",), "unit_upper": ("upper",),
    "diagonal": (*_SYMMETRIC, "lower", "upper"),
    "orthogonal": _UNITARY, "unitary": _UNITARY, "stiefel": _UNITARY,
}  # fmt: skip


def check_distinct(found: Sequence[Declaration]) -> None:
    """Refuse a name that is declared twice, and two that are printed alike, as `gamma` and `γ`, or `x1` and `x_1`."""
    names = [declaration.name for declaration in found]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise DeclarationError(f"'{repeated}' is declared twice; declare every name once")
    for written in (text_of_name, latex_of_name):
        shown: dict[str, str] = {}
        for name in names:
            other = shown.setdefault(written(name), name)
            if other != name:
                raise DeclarationError(
                    f"'{other}' and '{name}' are printed alike, as {written(name)}; give one of them another name"
                )


def split_commas(text: str) -> list[str]:
    """The declarations in one text, without those commas that stand in parentheses, as in `min(n,m)`."""
    parts = re.split(r",(?![^(]*\))", text)
    return [part for part in parts if part.strip()]


def _check_not_a_slip(name: str, text: str, word: str) -> None:
    """A dimension may have any name, but not one that is a fact but for a letter, or that names a property."""
    remedy = _OTHER_WORDS.get(word)
    if remedy:
        raise DeclarationError(
            f"'{word}' in '{name}: {text.strip()}' is not a fact that can be declared, and would be the name of a "
            f"dimension: {remedy}"
        )
    near = _nearest_fact(word.lower(), 0.8)
    if near:
        raise DeclarationError(
            f"'{word}' in '{name}: {text.strip()}' would be the name of a dimension; did you mean the fact '{near}'? "
            f"(give the dimension a shorter name if not)"
        )


def _nearest_fact(text: str, similarity: float) -> str:
    """The fact that a word looks like; short words look like none."""
    if len(text) < 3:
        return ""
    from difflib import get_close_matches

    return next(iter(get_close_matches(text, FACTS, n=1, cutoff=similarity)), "")
