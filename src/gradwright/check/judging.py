"""Judging a test point: which mistakes could not have been seen there, and a point at which they show.

Every mutant of the right gradient is evaluated at the user's point and at a generic one. A mutant that
is right at the first and wrong at the second is a mistake that a test there passes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from gradwright.check.diagnosis.candidates import mutants_of
from gradwright.check.labels import LABELS
from gradwright.check.report import Finding, held, note
from gradwright.check.truth import Point, Truth, difference, usable_points
from gradwright.core.arithmetic import Array
from gradwright.core.dims import lengths
from gradwright.core.facts import Facts
from gradwright.core.nodes import Symbol
from gradwright.errors import GradwrightError

SAME = 1e-9
DIFFERENT = 1e-6
MOST_NAMED = 4
QUESTION = "your test point"


def judged(truth: Truth, example: Mapping[str, Array], sizes: Mapping[str, int]) -> Finding:
    """What a test at the user's own inputs could not have seen.

    Args:
        truth: the expression.
        example: the user's inputs, and their cotangent if they have one.
        sizes: the sizes of the dimensions there.
    """
    point = _own_point(truth, example, sizes)
    generic = next(iter(usable_points(truth, 1)), None)
    if generic is None or not point.usable:
        return note(QUESTION, "the expression or its gradient has no finite value there: a test there says nothing")
    blind = list(_unseen(truth, point, generic))
    special = "; ".join(_special(truth, example, sizes))
    why = f"{special}: " if special else ""
    if not blind:
        return held(QUESTION, f"{why}it shows every mistake that was tried")
    labels = list(dict.fromkeys(label for label, _ in blind))
    cases = "; ".join(words for _, words in blind[:MOST_NAMED])
    more = f"; and {len(blind) - MOST_NAMED} more" if len(blind) > MOST_NAMED else ""
    words = (
        f"{why}a test there cannot see {len(blind)} of the mistakes that were tried "
        f"({', '.join(labels)}), such as: {cases}{more}. Test at a generic point: {recipe(truth, generic.sizes)}"
    )
    return note(QUESTION, words)


def _own_point(truth: Truth, example: Mapping[str, Array], sizes: Mapping[str, int]) -> Point:
    drawn = truth.point(1, sizes)
    values = {name: example.get(name, value) for name, value in drawn.values.items()}
    cotangent = example.get(truth.cotangent.name, drawn.cotangent)
    return Point(truth, sizes, values, np.asarray(cotangent))


def _unseen(truth: Truth, point: Point, generic: Point) -> Iterator[tuple[str, str]]:
    """The mutants that are right at the point and wrong at a generic one: label, and words."""
    seen: set[tuple[str, str]] = set()
    for name in truth.wrt:
        for mutant in mutants_of(truth, name):
            try:
                here = difference(point.varied(mutant.node), point.gradients[name])
                there = difference(generic.varied(mutant.node), generic.gradients[name])
            except (GradwrightError, ArithmeticError, ValueError, np.linalg.LinAlgError):
                continue
            if here < SAME and there > DIFFERENT and (mutant.label, mutant.words) not in seen:
                seen.add((mutant.label, mutant.words))
                yield mutant.label, mutant.words or LABELS[mutant.label]


def _special(truth: Truth, example: Mapping[str, Array], sizes: Mapping[str, int]) -> Iterator[str]:
    """What is not generic about the point."""
    for symbol in truth.signature.symbols:
        if symbol.name in example:
            yield from _of_matrix(symbol, np.asarray(example[symbol.name]))
    yield from _commuting(truth, example)
    ones = [name for name, size in sizes.items() if size == 1]
    if ones:
        yield f"{' and '.join(ones)} = 1"
    cotangent = example.get(truth.cotangent.name)
    if cotangent is not None and np.ndim(cotangent) and np.all(np.asarray(cotangent) == np.ravel(cotangent)[0]):
        yield "every entry of the cotangent is the same"


def _of_matrix(symbol: Symbol, value: Array) -> Iterator[str]:
    if value.ndim != 2 or value.shape[0] != value.shape[1] or value.shape[0] < 2:
        return
    name, unit = symbol.name, np.eye(len(value))
    if np.allclose(value, value[0, 0] * unit):
        yield f"{name} is a multiple of the identity"
    elif np.allclose(value, np.diag(np.diag(value))) and "diagonal" not in symbol.facts:
        yield f"{name} is diagonal"
    elif np.allclose(value, value.conj().T) and not {"symmetric", "hermitian"} & symbol.facts:
        yield f"{name} is symmetric, so that it cannot tell {name} from {name}ᵀ"
    elif np.allclose(value @ value.conj().T, unit) and "unitary" not in symbol.facts:
        yield f"{name} is orthogonal, so that it cannot tell {name}⁻¹ from {name}ᵀ"


def _commuting(truth: Truth, example: Mapping[str, Array]) -> Iterator[str]:
    square = [
        (symbol.name, np.asarray(example[symbol.name]))
        for symbol in truth.signature.symbols
        if symbol.name in example and symbol.is_square
    ]
    for place, (left, a) in enumerate(square):
        for right, b in square[place + 1 :]:
            if a.shape == b.shape and len(a) > 1 and np.allclose(a @ b, b @ a):
                yield f"{left} and {right} commute"


def recipe(truth: Truth, sizes: Mapping[str, int]) -> str:
    """A generic point as PyTorch code."""
    drawn = [f"{s.name} = {_drawn(s.facts, _shape(s, sizes))}" for s in truth.signature.symbols]
    cotangent = _shape(truth.cotangent, sizes)
    if cotangent:
        drawn.append(f"{truth.cotangent.name} = {_normal(cotangent, truth.cotangent.facts)}")
    return "; ".join(drawn)


def _shape(symbol: Symbol, sizes: Mapping[str, int]) -> tuple[int, ...]:
    return lengths(symbol.shape, sizes)


def _normal(shape: tuple[int, ...], facts: Facts) -> str:
    kind = "complex128" if "complex" in facts else "float64"
    listed = ", ".join(map(str, shape)) or "()"
    return f"torch.randn({listed}, dtype=torch.{kind})"


def _drawn(facts: Facts, shape: tuple[int, ...]) -> str:
    """Code for a random tensor of a declared set."""
    normal = _normal(shape, facts)
    if "positive" in facts:
        return f"0.5 + torch.rand({', '.join(map(str, shape)) or '()'}, dtype=torch.float64)"
    if "unitary" in facts or "stiefel" in facts:
        return f"torch.linalg.qr({normal}).Q"
    if len(shape) != 2 or shape[0] != shape[1]:
        return normal
    unit = f"torch.eye({shape[0]}, dtype=torch.float64)"
    for fact, code in (
        ("diagonal", f"torch.diag(1.5 + torch.rand({shape[0]}, dtype=torch.float64))"),
        ("spd", f"(M := {normal}) @ M.mH + {unit}"),
        ("lower", f"torch.tril({normal}) + 2 * {unit}"),
        ("upper", f"torch.triu({normal}) + 2 * {unit}"),
        ("skew", f"(M := {normal}) - M.mT"),
        ("hermitian", f"(M := {normal}) + M.mH + 4 * {unit}"),
    ):
        if fact in facts:
            return code
    return f"2.2 * {unit} + 0.5 * {normal}"
