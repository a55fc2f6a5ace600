"""Variables: `matrix("A", "n", "m")`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gradwright.api.dimensions import dim
from gradwright.api.expression import Expression
from gradwright.core.dims import Dim
from gradwright.core.facts import FACTS
from gradwright.core.signature import Signature
from gradwright.errors import DeclarationError
from gradwright.front.parsing import read_declaration


def tensor(name: str, /, *dims: Dim | str | int, facts: str = "", field: str = "real") -> Expression:
    """A variable with the given dimensions.

    Args:
        name: an identifier.
        *dims: dimension names, numbers, or dimensions made by `dim`.
        facts: declared facts, such as `"spd"`.
        field: `"real"` or `"complex"`.
    """
    if field not in ("real", "complex"):
        raise DeclarationError(f"the field is 'real' or 'complex', not '{field}'")
    if not isinstance(name, str):
        raise DeclarationError(f"the name of a variable is a text, and this is {type(name).__name__}")
    words = [str(dim(d)).replace(" ", "") for d in dims]
    for fact in facts.split():
        if fact not in FACTS:
            raise DeclarationError(f"'{fact}' is no fact about '{name}'; the facts are {', '.join(FACTS)}")
    words += facts.split() + (["complex"] if field == "complex" else [])
    signature = Signature((read_declaration(name, " ".join(words)),))
    return Expression(signature.symbols[0], signature)


def matrix(name: str, /, *rows_and_columns: Dim | str | int, **options: str) -> Expression:
    """A matrix variable, `matrix("A", "n", "m")`; `facts` and `field` as in `tensor`."""
    return _with_rank("matrix", name, rows_and_columns, 2, options)


def vector(name: str, /, *length: Dim | str | int, **options: str) -> Expression:
    """A vector variable, `vector("x", "n")`; `facts` and `field` as in `tensor`."""
    return _with_rank("vector", name, length, 1, options)


def scalar(name: str, /, *nothing: Dim | str | int, **options: str) -> Expression:
    """A scalar variable, `scalar("a")`; `facts` and `field` as in `tensor`."""
    return _with_rank("scalar", name, nothing, 0, options)


_USUAL_NAMES = {"matrix": "A", "vector": "x", "scalar": "a"}


def _with_rank(
    kind: str, name: str, dims: Sequence[Dim | str | int], rank: int, options: Mapping[str, str]
) -> Expression:
    """A variable of a kind, which has so many dimensions."""
    if len(dims) != rank:
        usual = name if isinstance(name, str) and name.isidentifier() else _USUAL_NAMES[kind]
        example = ", ".join(f'"{word}"' for word in (usual, *("n", "n")[:rank]))
        wanted = {0: "no dimension", 1: "one dimension", 2: "two dimensions, rows and columns"}[rank]
        raise DeclarationError(f"a {kind} has {wanted}, and {len(dims)} are given: write {kind}({example})")
    return tensor(name, *dims, **options)
