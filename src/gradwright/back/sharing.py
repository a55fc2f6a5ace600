"""Letters for what is repeated: `½ L⁻ᵀ (P + Pᵀ) L⁻¹, where P = Φ(Lᵀ G)`.

Sharing works on formulas, so that it sees what a reader sees. A part is found again in its transpose, a
sum also with the opposite sign, and a product within longer ones: of `A − B K` and `K B − Aᵀ`, for
symmetric K, the second is minus the transpose of the first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from math import inf

from gradwright.back.algebra import (
    linear,
    negated,
    opened,
    scaled,
    sign_in_front,
    split_number,
    transposed,
    transposed_factors,
    transposes,
)
from gradwright.back.formula import (
    Block,
    Call,
    Formula,
    MatrixProduct,
    Name,
    OuterProduct,
    Power,
    Scaled,
    Sum,
    Transposed,
    is_output,
    postorder,
)
from gradwright.back.names import name_formula
from gradwright.back.text import unicode
from gradwright.diff.steps.letters import OUTPUT_LETTERS
from gradwright.frozen import fields, frozen, replace

LEAST_SAVING = 12
SHORTEST = 8
SHORTEST_KNOWN = 5
SHORT_VALUE = 12
LONG_VALUE = 20
MOST_LETTERS = 4
LONGEST = 1500  # written parts of what is shown together; past that, it gets more letters
SHORTENING = 0.975  # while each of them leaves less than this part of it
MEASURED = 500  # written parts of what is written out to know how long it is
LARGEST = 2000
WIDEST = 64
LINEAR = frozenset(("sum", "mean", "diagonal", "diag", "trace"))
"""Functions that have numbers and scalars in front of them: `−sum(A ∘ S)`."""
ALPHABETS = {0: "stcab", 1: "rzuvhpq", 2: "PSMCEKBN"}


@frozen
class Letter:
    """A name and what it stands for; `output` if that is an output of a function."""

    name: Formula
    value: Formula

    @property
    def is_output(self) -> bool:
        """Whether the letter stands for one of several outputs of a function."""
        return isinstance(self.value, Call) and bool(self.value.output)


@frozen
class Shared:
    """Formulas in letters, and the letters that are new in them, inner ones first."""

    formulas: tuple[Formula, ...]
    letters: tuple[Letter, ...]


def share(
    formulas: Sequence[Formula], known: Sequence[Letter], taken: set[str], hidden: frozenset[str] = frozenset()
) -> Shared:
    """Put known letters for their values, and new ones for what is repeated.

    Args:
        formulas: what is shown together.
        known: letters that have been introduced, inner ones first.
        taken: names that are in use; those of new letters are added.
        hidden: names that may not occur in the value of a new letter.
    """
    current = [put_all(_gathered(formula), nested(known)) for formula in _in_one_order(formulas)]
    taken |= bound_names(current)
    new: list[Letter] = []
    written = inf
    while True:
        shown = [*current, *(letter.value for letter in new)]
        before, sizes = written, _sizes(shown)
        written = sum(sizes[formula.key] for formula in shown)
        # Of what is nested and occurs twice at every level, the text doubles with every level; a long sum stays long.
        if len(new) >= MOST_LETTERS and (written <= LONGEST or written > SHORTENING * before):
            break
        found = _most_repeated(shown, hidden)
        if found is None:
            break
        found = _upright(found)
        letter = Letter(_fresh_name(found, taken), found)
        current = [put(formula, letter) for formula in current]
        new = [Letter(other.name, put(other.value, letter)) for other in new] + [letter]
    told = [Letter(letter.name, _scattered(letter.value)) for letter in in_order(new)]
    return Shared(tuple(map(_scattered, current)), tuple(told))


def _in_one_order(formulas: Sequence[Formula]) -> list[Formula]:
    """The formulas with `xᵀ y` for `yᵀ x`, and `xᵀ A y` for `yᵀ Aᵀ x`, where that comes first."""
    seen = set[bytes]()
    turned: dict[bytes, Formula] = {}
    for part in (part for formula in formulas for part in postorder(formula)):
        if isinstance(part, MatrixProduct) and not part.rank:
            mirror = replace(part, factors=transposed_factors(part.factors))
            if mirror.key in seen:
                turned[part.key] = mirror
            else:
                seen.add(part.key)
    return [replaced(formula, turned) for formula in formulas] if turned else list(formulas)


def _gathered(formula: Formula) -> Formula:
    """`A − B + (A − B)ᵀ` with the first two terms as one: a reader sees a matrix and its transpose."""
    return _in_every_sum(formula, _beside_their_transpose)


def _scattered(formula: Formula) -> Formula:
    """The formula without sums as terms of sums."""
    return _in_every_sum(formula, lambda terms: _letters_upright_first(opened(terms)))


def _letters_upright_first(terms: tuple[Formula, ...]) -> tuple[Formula, ...]:
    """`P + Pᵀ` for `Pᵀ + P`, where P stands for a product."""
    found = list(terms)
    for k, (left, right) in enumerate(pairwise(terms)):
        if isinstance(split_number(left)[1], Transposed) and transposed(left) == right:
            found[k], found[k + 1] = right, left
    return tuple(found)


def _in_every_sum(formula: Formula, change: Callable[[tuple[Formula, ...]], tuple[Formula, ...]]) -> Formula:
    done: dict[bytes, Formula] = {}
    for part in postorder(formula):
        rebuilt = _rebuilt(part, done)
        if isinstance(rebuilt, Sum):
            terms = change(rebuilt.terms)
            rebuilt = rebuilt if terms == rebuilt.terms else replace(rebuilt, terms=terms)
        done[part.key] = rebuilt
    return done[formula.key]


def _beside_their_transpose(terms: tuple[Formula, ...]) -> tuple[Formula, ...]:
    for term in terms:
        _, turned = split_number(term)
        inner = turned.inner if isinstance(turned, Transposed) else None
        if isinstance(inner, Sum) and len(inner.terms) < len(terms) and set(inner.terms) <= set(terms):
            rest = [other for other in terms if other not in inner.terms]
            rest.insert(min(terms.index(part) for part in inner.terms), inner)
            return tuple(rest)
    return terms


def share_result(formula: Formula, known: Sequence[Letter], taken: set[str]) -> tuple[Formula, tuple[Letter, ...]]:
    """A result in letters, those of the derivation first; a short value that is used once is put back."""
    known = [letter for letter in known if len(unicode(letter.value)) >= SHORTEST_KNOWN]
    shared = share([formula], known, taken)
    (written,), told = shared.formulas, in_order(_in_parts(nested(known)))
    letters = [*(Letter(x.name, put_all(x.value, shared.letters)) for x in told), *shared.letters]
    letters = used_letters([written], letters)
    for name in [letter.name for letter in reversed(letters)]:
        letter = next(x for x in letters if x.name == name)
        rest = [x for x in letters if x.name != name]
        uses = sum(_occurrences(part, name) for part in [written, *(x.value for x in rest)])
        if uses > 1 or letter.is_output or len(unicode(letter.value)) > LONG_VALUE:
            continue
        candidate = _put_back(written, letter)
        shorter = [Letter(x.name, _put_back(x.value, letter)) for x in rest]
        short = len(unicode(letter.value)) <= SHORT_VALUE
        if short or all(len(unicode(part)) <= WIDEST for part in (candidate, *(x.value for x in shorter))):
            written, letters = candidate, shorter
    return written, tuple(in_order(letters))


def nested(letters: Sequence[Letter]) -> list[Letter]:
    """The letters, each value in terms of the letters before it."""
    found: list[Letter] = []
    for letter in letters:
        found.append(Letter(letter.name, put_all(letter.value, found)))
    return found


def _in_parts(letters: Sequence[Letter]) -> list[Letter]:
    """The letters, each value in terms of those whose values are smaller, told before it or after."""
    sizes = _sizes([letter.value for letter in letters])
    return [
        Letter(x.name, put_all(x.value, [y for y in letters if sizes[y.value.key] < sizes[x.value.key]]))
        for x in letters
    ]


def in_order(letters: Sequence[Letter]) -> list[Letter]:
    """The letters, each after those that its value contains."""
    rest, done = list(letters), list[Letter]()
    while rest:
        pending = {letter.name.key for letter in rest}
        ready = next((x for x in rest if not pending & ({p.key for p in postorder(x.value)} - {x.name.key})), rest[0])
        rest.remove(ready)
        done.append(ready)
    return done


def put(formula: Formula, letter: Letter) -> Formula:
    """The formula with a letter for its value, wherever that occurs, also transposed or negated."""
    # The first guise counts: a skew matrix is minus its transpose, too.
    names = {form.key: name for form, name in reversed(list(_guises(letter.value, letter.name)))}
    found = _put_within_products(replaced(formula, names), letter)
    return _multiplied_by(found, letter) if letter.value.rank and _is_reciprocal(letter.value) else found


def _put_within_products(formula: Formula, letter: Letter) -> Formula:
    """The formula with a letter for neighbours in longer products: `r rᵀ A` for `A x rᵀ A` where r is A x."""
    if not isinstance(letter.value, MatrixProduct) or not letter.value.rank:
        return formula
    if letter.value.rank == 2 and len(unicode(letter.value)) < SHORTEST:
        return formula
    runs = [(letter.value.factors, letter.name)]
    mirror = transposed_factors(letter.value.factors)
    if mirror != letter.value.factors:
        runs.append((mirror, letter.name if letter.value.rank == 1 else transposed(letter.name)))
    while True:
        changed = {
            part.key: shorter
            for part in postorder(formula)
            if isinstance(part, MatrixProduct) and (shorter := _with_run_replaced(part, runs)) is not None
        }
        if not changed:
            return formula
        formula = replaced(formula, changed)


def _with_run_replaced(product: MatrixProduct, runs: Sequence[tuple[Sequence[Formula], Formula]]) -> Formula | None:
    """The product with a name for the first of some runs of factors that it contains; None if there is none."""
    factors = product.factors
    for run, name in runs:
        for start in range(len(factors) - len(run) + 1):
            if factors[start : start + len(run)] == run and len(run) < len(factors):
                return replace(product, factors=(*factors[:start], name, *factors[start + len(run) :]))
    return None


def _multiplied_by(formula: Formula, letter: Letter) -> Formula:
    """The formula with `F ∘ M` for `M / D` where F is 1 / D."""
    assert isinstance(letter.value, Scaled)
    (divisor,) = letter.value.divisors
    changed: dict[bytes, Formula] = {}
    for part in postorder(formula):
        if isinstance(part, Scaled) and divisor in part.divisors and part.factors:
            kept = tuple(d for d in part.divisors if d != divisor)
            changed[part.key] = replace(part, factors=(letter.name, *part.factors), divisors=kept)
    return replaced(formula, changed) if changed else formula


def put_all(formula: Formula, letters: Sequence[Letter]) -> Formula:
    """The formula with letters for their values, one after the other."""
    for letter in letters:
        formula = put(formula, letter)
    return formula


def _put_back(formula: Formula, letter: Letter) -> Formula:
    return replaced(formula, {letter.name.key: letter.value})


def replaced(formula: Formula, replacements: Mapping[bytes, Formula]) -> Formula:
    """The formula with others for some of its parts; the outermost part that is replaced counts."""
    done: dict[bytes, Formula] = {}
    for part in postorder(formula):
        if part.key not in done:
            found = replacements.get(part.key)
            done[part.key] = found if found is not None else _rebuilt(part, done)
    return done[formula.key]


def _rebuilt(formula: Formula, done: Mapping[bytes, Formula]) -> Formula:
    changed: dict[str, object] = {}
    for name in fields(formula):
        value = getattr(formula, name)
        if isinstance(value, Formula):
            if done[value.key] is not value:
                changed[name] = done[value.key]
        elif isinstance(value, tuple) and any(isinstance(item, Formula) for item in value):
            parts = tuple(done[item.key] for item in value)
            if any(a is not b for a, b in zip(parts, value, strict=True)):
                changed[name] = parts
    if not changed:
        return formula
    if isinstance(formula, Transposed) and not formula.conj:
        (inner,) = changed.values()
        assert isinstance(inner, Formula)
        return transposed(inner)
    rebuilt = replace(formula, **changed)
    if isinstance(rebuilt, Call) and rebuilt.name in LINEAR:
        return linear(lambda inside: replace(rebuilt, arguments=(inside,)), rebuilt.arguments[0])
    return sign_in_front(_flat(rebuilt))


def _flat(formula: Formula) -> Formula:
    """The formula, if it is a product, without products as factors."""
    if not isinstance(formula, MatrixProduct) or not any(isinstance(f, MatrixProduct) for f in formula.factors):
        return formula
    first, *rest = formula.factors
    if isinstance(first, MatrixProduct) and first.rank == 1:  # a row: (A x)ᵀ B = xᵀ Aᵀ B
        first = replace(first, factors=transposed_factors(first.factors))
    factors = (
        part for f in (first, *rest) for part in (f.factors if isinstance(f, MatrixProduct) and f.rank else (f,))
    )
    return replace(formula, factors=tuple(factors))


def _upright(value: Formula) -> Formula:
    """The value or its transpose, whichever is written with fewer transposes."""
    mirror = _mirror(value)
    return mirror if mirror is not None and transposes(mirror) < transposes(value) else value


def _guises(value: Formula, name: Formula) -> Iterator[tuple[Formula, Formula]]:
    """The forms in which a value may occur, with what is written for each."""
    yield value, name
    mirror = _mirror(value)
    if mirror is not None:
        yield mirror, transposed(name)
    if isinstance(value, Sum):
        minus = Fraction(-1)
        yield negated(value), scaled(minus, name)
        if isinstance(mirror, Sum):
            yield negated(mirror), scaled(minus, transposed(name))


def _mirror(value: Formula) -> Formula | None:
    """The transpose with its parts transposed, as it is written inside other formulas."""
    if value.rank != 2 or value.symmetric:
        return None
    if isinstance(value, Sum):
        return replace(value, terms=tuple(transposed(term) for term in value.terms))
    if isinstance(value, MatrixProduct | Scaled | OuterProduct | Power):
        turned = transposed(value)
        return None if isinstance(turned, Transposed) else turned
    return None


def _most_repeated(formulas: Sequence[Formula], hidden: frozenset[str]) -> Formula | None:
    """The part whose repetition costs most; an output of a function as soon as it, or another one, occurs beside it."""
    unique, uses = _uses(formulas)
    if len(unique) > LARGEST:
        return None
    bound, sizes = bound_names(formulas), _sizes(formulas)
    best, saving = None, LEAST_SAVING - 1
    counted: set[bytes] = set()
    outputs = [part for part in unique.values() if isinstance(part, Call) and is_output(part)]
    functions = Counter(map(whole_of, outputs))
    for key, part in unique.items():
        if key in counted or not _is_worth_a_letter(part):
            continue
        guises = [form.key for form, _ in _guises(part, part)]
        counted.update(guises)
        count = sum(uses[guise] for guise in dict.fromkeys(guises))
        whole = part in formulas
        beside = isinstance(part, Call) and functions[whole_of(part)] > 1 and not whole
        saved = _saving(part, count, sizes[key], whole, is_output(part) and (count > 1 or beside))
        if saved <= saving or any(isinstance(p, Name) and p.text in hidden for p in postorder(part)):
            continue
        if not bound or not _leaves_its_equation(part, bound):
            best, saving = part, saved
    if isinstance(best, Power) and uses[best.base.key] > uses[best.key]:
        return best.base  # `s² … s³` for `s … s xᵀ B x`
    return best


def whole_of(output: Call) -> Hashable:
    """What has several outputs: a function and its arguments, or equations, whose first operand is the one meant."""
    return output.name, tuple(argument.key for argument in output.arguments[bool(output.binds) :])


def _saving(part: Formula, count: int, size: int, whole: bool, as_output: bool) -> int:
    """What a letter saves of the text; what is told in any case, such as a long reciprocal, saves the least."""
    told_anyway = part.rank == 2 and _is_reciprocal(part)
    if count < 2 and not told_anyway and not as_output:
        return 0
    length = max(size, len(unicode(part)) if size <= MEASURED else 0)
    saved = (count - 1) * length if length >= SHORTEST else 0
    if as_output:
        saved += 10 * LEAST_SAVING
    return max(saved, LEAST_SAVING) if told_anyway and length > SHORT_VALUE and not whole else saved


def bound_names(formulas: Iterable[Formula]) -> frozenset[str]:
    """The unknowns of equations that are written out: names that mean nothing outside of them."""
    return frozenset(name for f in formulas for part in postorder(f) if isinstance(part, Call) for name in part.binds)


def _leaves_its_equation(part: Formula, bound: frozenset[str]) -> bool:
    """Whether an unknown occurs in a part that does not contain the whole equation for it."""
    pending = [(part, bound)]
    while pending:
        current, names = pending.pop()
        if isinstance(current, Name) and current.text in names:
            return True
        if isinstance(current, Call):
            names = names.difference(current.binds)
        pending.extend((child, names) for child in (current.parts if names else ()))
    return False


def _is_worth_a_letter(part: Formula) -> bool:
    if split_number(part)[1] is not part:
        return False
    # A product or sum that contains a direction is what a differential is about: it stays in sight.
    return isinstance(part, Call) or (
        isinstance(part, Sum | MatrixProduct | Scaled | OuterProduct | Power | Block) and not part.has_direction
    )


def _uses(formulas: Sequence[Formula]) -> tuple[dict[bytes, Formula], Counter[bytes]]:
    """Every distinct part with the number of places where it is written."""
    unique: dict[bytes, Formula] = {}
    for formula in formulas:
        for part in postorder(formula):
            unique.setdefault(part.key, part)
    uses: Counter[bytes] = Counter(formula.key for formula in formulas)
    for part in reversed(list(unique.values())):
        for child in part.parts:
            uses[child.key] += uses[part.key]
    for formula in formulas:
        uses[formula.key] -= 1
    return unique, uses


def _sizes(formulas: Sequence[Formula]) -> dict[bytes, int]:
    """How many parts each part is written with, itself included: at most the number of its characters."""
    sizes: dict[bytes, int] = {}
    for formula in formulas:
        for part in postorder(formula):
            sizes[part.key] = 1 + sum(sizes[child.key] for child in part.parts)
    return sizes


def used_letters(formulas: Sequence[Formula], letters: Sequence[Letter]) -> list[Letter]:
    """The letters that formulas need, directly or in the value of another."""
    kept: list[Letter] = []
    wanted = {part.key for formula in formulas for part in postorder(formula)}
    for letter in reversed(letters):
        if letter.name.key in wanted:
            kept.insert(0, letter)
            wanted.update(part.key for part in postorder(letter.value))
    return kept


def _occurrences(formula: Formula, name: Formula) -> int:
    _, uses = _uses([formula])
    return uses[name.key] + (formula.key == name.key)


def _fresh_name(value: Formula, taken: set[str]) -> Formula:
    """A free letter: that of the output, F for reciprocals, else one that suits the rank."""
    wanted = [OUTPUT_LETTERS.get(value.output, value.output)] if isinstance(value, Call) and value.output else []
    if value.rank == 2 and _is_reciprocal(value):
        wanted.append("F")
    name = next(name for name in _names(wanted, value.rank) if name not in taken)
    taken.add(name)
    return name_formula(name, value.rank, value.symmetric)


def _is_reciprocal(value: Formula) -> bool:
    return isinstance(value, Scaled) and not value.factors and len(value.divisors) == 1 and value.coefficient == 1


def _names(wanted: Iterable[str], rank: int) -> Iterator[str]:
    yield from wanted
    alphabet = ALPHABETS.get(rank, "TRW")
    yield from alphabet
    number = 1
    while True:
        yield from (f"{letter}{number}" for letter in alphabet)
        number += 1
