"""Every derivative of a collection of expressions against reverse-mode differentiation and central differences."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import assume, given, reject, settings  # noqa: E402
from strategies import Case, cases  # noqa: E402
from torch_reference import Reference, generic, project  # noqa: E402

import gradwright as gw  # noqa: E402
from gradwright.core.declarations import parse_declarations  # noqa: E402

COLLECTION = Path(__file__).with_name("data") / "expressions.txt"
SIZES = {"n": 4, "m": 3, "k": 5, "p": 6, "d": 2}
TOLERANCE = 1e-8


@dataclass(frozen=True)
class Entry:
    """An expression of the collection, with the variable to differentiate it by."""

    family: str
    text: str
    declared: str
    wrt: str

    @property
    def declarations(self) -> dict[str, str]:
        """What stands after the colon, by name."""
        parts = (part.partition(":") for part in self.declared.split(","))
        return {name.strip(): words.strip() for name, _, words in parts}

    def __str__(self) -> str:
        return f"{self.family}: {self.text} by {self.wrt}"


@cache
def entries() -> list[Entry]:
    found, family = [], ""
    for line in COLLECTION.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            family = line[2:]
            continue
        text, _, declared = line.rpartition(" | ")
        found += [Entry(family, text, declared, name) for name in Entry(family, text, declared, "").declarations]
    return found


def reference(entry: Entry) -> Reference:
    """The expression at a generic point."""
    generator = np.random.default_rng(sum(map(ord, entry.text)))
    values = {}
    for declared in parse_declarations(entry.declared):
        shape = tuple(dim.evaluate(SIZES) for dim in declared.shape)
        values[declared.name] = generic(shape, declared.words, generator)
    words = parse_declarations(f"{entry.wrt}: {entry.declarations[entry.wrt]}")[0].words
    return Reference(entry.text, values, SIZES, entry.wrt, words)


def inputs(entry: Entry, known: Reference, **more: torch.Tensor) -> dict[str, np.ndarray]:
    return {name: value.detach().numpy() for name, value in {**known.values, **more}.items()}


def kinds(entry: Entry) -> tuple[str, ...]:
    scalar = not derivation(entry).expression.shape
    return ("value", "gradient", "jvp", "jacobian", "hessian", "hvp") if scalar else ("value", "vjp", "jvp", "jacobian")


@cache
def derivation(entry: Entry) -> gw.Derivation:
    return gw.derive(gw.parse(entry.text, **entry.declarations), wrt=entry.wrt)


def random_like(value: torch.Tensor, seed: int) -> torch.Tensor:
    generator = np.random.default_rng(seed)
    real = generator.normal(size=tuple(value.shape))
    return torch.tensor(real + 1j * generator.normal(size=tuple(value.shape)) if value.is_complex() else real)


def compare(entry: Entry, kind: str) -> None:
    """Raise unless one derivative agrees with the reference."""
    known, D = reference(entry), derivation(entry)
    dX = project(random_like(known.point, 1), known.facts, known.point)
    G = random_like(known.value(), 2)
    moved = {f"d{entry.wrt}": dX}
    match kind:
        case "value":
            close(D.expression.evaluate(**inputs(entry, known)), known.value())
        case "vjp":
            close(D.vjp.evaluate(**inputs(entry, known, G=G)), known.vjp(G))
        case "gradient":
            close(D.gradient.evaluate(**inputs(entry, known)), known.gradient())
        case "jvp":
            close(D.jvp.evaluate(**inputs(entry, known, **moved)), known.jvp(dX))
            close(known.difference(dX), known.jvp(dX), 1e-5)
        case "jacobian" | "hessian" | "hvp" if known.point.is_complex():
            check_complex(entry, kind, known, dX)
        case "jacobian":
            close(D.jacobian.evaluate(**inputs(entry, known)), known.jacobian())
        case "hessian":
            close(D.hessian.evaluate(**inputs(entry, known)), known.hessian())
        case _:
            close(D.hvp.evaluate(**inputs(entry, known, **moved)), torch.tensordot(known.hessian(), dX, dX.ndim))


def check_complex(entry: Entry, kind: str, known: Reference, dX: torch.Tensor) -> None:
    """A Jacobian exists where the function is linear over the complex numbers; else it is refused in words."""
    try:
        J = getattr(derivation(entry), kind)
    except gw.DerivationError as error:
        assert "jvp" in str(error) or "vjp" in str(error)
        return
    if kind == "jacobian":
        close(J.evaluate(**inputs(entry, known)), known.jacobian())


def close(got: object, wanted: torch.Tensor, tolerance: float = TOLERANCE) -> None:
    left, right = np.asarray(got), wanted.detach().resolve_conj().resolve_neg().numpy()
    assert left.shape == right.shape, (left.shape, right.shape)
    scale = max(np.abs(right).max(initial=0), 1e-3)
    assert np.abs(left - right).max(initial=0) <= tolerance * scale, np.abs(left - right).max() / scale


@pytest.mark.parametrize("entry", entries()[::3], ids=str)
@pytest.mark.slow
def test_derivatives_agree_with_reverse_mode(entry: Entry) -> None:
    for kind in kinds(entry):
        compare(entry, kind)


@pytest.mark.parametrize("entry", [e for i, e in enumerate(entries()) if i % 3], ids=str)
@pytest.mark.full
def test_derivatives_of_the_rest_agree_with_reverse_mode(entry: Entry) -> None:
    for kind in kinds(entry):
        compare(entry, kind)


def test_the_collection_covers_every_family() -> None:
    assert len({e.text for e in entries()}) >= 250
    assert len({e.family for e in entries()}) == 18


def drawn(case: Case) -> tuple[Entry, Reference]:
    """A random expression by its first variable, at a point where the reference has a moderate value."""
    assume(case.declarations)
    declared = ", ".join(f"{name}: {words}" for name, words in case.declarations.items())
    entry = Entry("random", case.text, declared, next(iter(case.declarations)))
    known = reference(entry)
    try:
        value = known.value()
    except (KeyError, torch.linalg.LinAlgError):  # a function that the reference lacks, a singular matrix
        reject()
    assume(bool((value.abs() < 1e6).all()))
    return entry, known


@pytest.mark.slow
@given(cases())
@settings(max_examples=150)
def test_random_expressions_agree_with_reverse_mode(case: Case) -> None:
    """The value, and what a cotangent gives: the reference reads the same text, and knows nothing of our core."""
    entry, known = drawn(case)
    for kind in ("value", "vjp" if known.value().dim() else "gradient"):
        try:
            compare(entry, kind)
        except (gw.UnknownNameError, gw.DerivationError, gw.EvaluationError, gw.ConditionError):
            reject()
