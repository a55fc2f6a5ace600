"""What `gradwright define` prints: the derivative of a function that is known by the equations it satisfies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gradwright.api.definition import define
from gradwright.api.derivation import Derivation
from gradwright.api.expression import parse
from gradwright.app.derive import declarations_of, differentiated, shown
from gradwright.errors import DeclarationError, DerivationError


def derivations_of(
    identity: Sequence[str],
    unknown: Sequence[str],
    given: Sequence[str],
    wrt: Sequence[str],
    of: str | None,
    name: str,
    start: str | None,
    forward: str | None,
    gauge: Sequence[str],
) -> dict[str, Derivation]:
    """The derivation of each unknown, or of the one that is asked for."""
    unknowns, givens = (declarations_of(texts, option) for texts, option in ((unknown, "unknown"), (given, "given")))
    if of is not None and of not in unknowns:
        raise DeclarationError(f"there is no unknown '{of}', but {', '.join(unknowns)}")
    define(name, list(identity), unknown=unknowns, given=givens, start=start, forward=forward, gauge=gauge)
    call = f"{name}({', '.join(givens)})"
    wanted = [output for output in unknowns if of in (None, output)]
    texts = {output: f"{call}.{output}" if len(unknowns) > 1 else call for output in wanted}
    return {output: differentiated(parse(text, **givens), wrt) for output, text in texts.items()}


def shown_together(found: Mapping[str, Derivation], show: str, form: str, detail: str) -> str:
    """What is shown of each unknown, one after the other; what has no heading of its own gets one."""
    if len(found) > 1 and form == "json":
        raise DerivationError("a record is of one unknown: choose it with --of")
    headed = len(found) > 1 and show not in ("steps", "all")
    pages = {output: shown(derivation, show, form, detail) for output, derivation in found.items()}
    return "\n\n".join(f"{output}:\n{page}" if headed else page for output, page in pages.items())
