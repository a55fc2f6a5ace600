"""Checking a whole derivation: every step, every derivative against central differences, and the code."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from math import isnan

import numpy as np

from gradwright.api.code_checks import CHOOSING, Ran
from gradwright.api.evaluation import require_gaps
from gradwright.core.arithmetic import Array, inner, largest
from gradwright.core.build import number
from gradwright.core.nodes import Node, Symbol, field_of
from gradwright.diff.derivatives import full_jacobian, gradient, hessian, total_differential, vjps
from gradwright.diff.differential import direction
from gradwright.diff.gaps import divided_gaps
from gradwright.diff.gauge import gauge_tests, has_free_factors
from gradwright.diff.steps.differences import difference
from gradwright.diff.steps.trial import MEASURED, Named, Trial, generic_trial
from gradwright.errors import ConditionError, DerivationError, EmissionError, GaugeWarning, UnsupportedError
from gradwright.frozen import frozen, replace
from gradwright.simplify.branches import choose_branches

TOLERANCE = 1e-6
Run = Callable[[Trial, Symbol], Ran]


@frozen
class Finding:
    """One check: what was compared, whether it held, and by how much it missed."""

    name: str
    passed: bool
    residual: float

    def __str__(self) -> str:
        return f"{'✓' if self.passed else '✗'} {self.name}: residual {self.residual:.1e}"


@frozen
class Verification:
    """All checks of a derivation at a generic point.

    Attributes:
        findings: every check.
        point: the point, in words.
        remarks: whether what is differentiated depends on a choice that the inputs do not determine, and how much;
            and what could not be checked at the point.
    """

    findings: tuple[Finding, ...]
    point: str
    remarks: tuple[str, ...] = ()

    @property
    def right(self) -> bool:
        """Whether everything that was checked held."""
        return all(finding.passed for finding in self.findings)

    def __str__(self) -> str:
        # What has no value at the point is neither right nor wrong: f is then not defined there.
        undefined = not self.right and all(finding.passed or isnan(finding.residual) for finding in self.findings)
        verdict = "right" if self.right else "NOT CHECKED, for want of a value" if undefined else "WRONG"
        return "\n".join([f"{verdict}, at {self.point}", *map(str, self.findings), *self.remarks])


def verify(
    written: Node, root: Node, variables: tuple[Symbol, ...], steps: Iterable[Finding], run: Mapping[str, Run]
) -> Verification:
    """Check the steps and the derivatives of one expression, and its code.

    Args:
        written: the expression as it was given, whose value and differences everything is held to.
        root: the same, simplified: what is differentiated.
        variables: what it is differentiated by.
        steps: the findings of the steps.
        run: for the name of each library, what gives value and gradients of the code at a point, for a cotangent.
    """
    whole = Symbol("__whole", root.shape, field_of(root))
    trial = generic_trial(root, variables, (Named(whole, written),))
    cotangent = Symbol("__cotangent", root.shape, field_of(root))
    trial.cotangent(cotangent)
    findings = [
        *steps,
        _value(root, whole, trial),
        _jvp(root, variables, whole, trial),
        _vjp(root, variables, whole, cotangent, trial),
    ]
    findings += [f for v in variables for f in _jacobian(root, v, Named(whole, written), trial)]
    remarks = [*_choices(root, cotangent, trial)]
    for variable in variables if not root.rank else ():
        try:
            findings += _hessian(root, variable, whole, trial)
        except ConditionError as error:  # all points of a declared set may violate it: singular values in pairs
            remarks.append(f"the Hessian in {variable.name} is not checked: {error}")
    for library, code in run.items():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", GaugeWarning)  # there is a remark on it
                ran = code(trial, cotangent)
            found = list(_code(library, ran, (whole, cotangent), variables, trial))
        except (EmissionError, ConditionError) as error:
            remarks.append(f"the code for {library} is not checked: {error}")
            continue
        free = library in CHOOSING and has_free_factors(root)
        if free and not all(finding.passed for finding in found):
            remarks.append(f"the code for {library} is not checked: it differs, as with other signs of the factors")
        else:
            findings += found
    return Verification(tuple(findings), trial.description, tuple(remarks))


def together(of_each: Mapping[str, Verification]) -> Verification:
    """The verifications of several outputs as one."""
    findings = [replace(f, name=f"{name}, {f.name}") for name, found in of_each.items() for f in found.findings]
    points = dict.fromkeys(found.point for found in of_each.values())
    remarks = [f"{name}: {remark}" for name, found in of_each.items() for remark in found.remarks]
    return Verification(tuple(findings), " and ".join(points), tuple(remarks))


def _code(
    library: str, ran: Ran, symbols: tuple[Symbol, Symbol], variables: tuple[Symbol, ...], trial: Trial
) -> Iterable[Finding]:
    """The value of the code, and its gradients along the directions of the variables."""
    whole, cotangent = symbols
    value, slopes = ran
    yield _finding(f"code for {library}, value", value, trial.values[whole], trial.noise(whole))
    moves = {v.name: trial.values[direction(v)] for v in variables}
    pulled = sum(inner(slopes[name], move) for name, move in moves.items())
    yield _pulled(f"code for {library}, gradients against differences", np.asarray(pulled), whole, cotangent, trial)


def _choices(root: Node, cotangent: Symbol, trial: Trial) -> Iterable[str]:
    """A remark for each factorisation on whose free choice the scalar, or `Re⟨G, Y⟩` for a random G, depends."""
    for test in gauge_tests((root,), (cotangent if root.rank else number(1),)):
        rate = test.rate({node: trial.value(node) for node in test.nodes}, trial.sizes)
        if rate:
            yield test.remark(rate)


def _finding(name: str, got: np.ndarray, want: np.ndarray, noise: float) -> Finding:
    scale = max(largest(want), largest(got), noise, 1e-9)
    with np.errstate(invalid="ignore"):  # ∞ − ∞, where there is no value
        residual = largest(got - want) / scale
    return Finding(name, bool(residual < TOLERANCE), residual)


def _value(root: Node, whole: Symbol, trial: Trial) -> Finding:
    return _finding("value, simplified", trial.value(root), trial.values[whole], trial.noise(whole))


def _jvp(root: Node, variables: tuple[Symbol, ...], whole: Symbol, trial: Trial) -> Finding:
    got = trial.value(total_differential(root, variables))
    return _finding("jvp against differences", got, trial.values[direction(whole)], trial.noise(whole))


def _vjp(root: Node, variables: tuple[Symbol, ...], whole: Symbol, cotangent: Symbol, trial: Trial) -> Finding:
    found = vjps((root,), variables, (cotangent,))
    pulled = sum(inner(trial.value(found[v]), trial.values[direction(v)]) for v in variables)
    return _pulled("vjp against differences", np.asarray(pulled), whole, cotangent, trial)


def _pulled(name: str, pulled: Array, whole: Symbol, cotangent: Symbol, trial: Trial) -> Finding:
    """`⟨vjp, dX⟩` against ⟨G, dY⟩ with a measured dY."""
    pushed = inner(trial.values[cotangent], trial.values[direction(whole)])
    noise = trial.noise(whole) * float(np.sum(np.abs(trial.values[cotangent])))
    return _finding(name, pulled, np.asarray(pushed), noise)


def _jacobian(root: Node, variable: Symbol, whole: Named, trial: Trial) -> Iterable[Finding]:
    try:
        tensor = full_jacobian(root, variable)
    except DerivationError:  # a complex variable and its conjugate: there is none to check
        return
    move = trial.values[direction(variable)]
    _, want = difference(whole.node, trial.values, {variable: move}, trial.sizes)
    got = np.tensordot(trial.value(tensor), move, axes=variable.rank)
    yield _finding(f"Jacobian in {variable.name} against differences", got, want, trial.noise(whole.symbol))


def _hessian(root: Node, variable: Symbol, whole: Symbol, trial: Trial) -> Iterable[Finding]:
    try:
        (slope,) = choose_branches((gradient(root, variable),))
        tensor = hessian(root, variable, variable)
    except (DerivationError, UnsupportedError):  # there is none to check: asked for, it is refused with the reason
        return
    _, gaps = divided_gaps(tensor)
    require_gaps(gaps, {n: trial.value(n) for gap in gaps for n in gap.nodes}, tensor)
    move = trial.values[direction(variable)]
    value, want = difference(slope, trial.values, {variable: move}, trial.sizes)
    if "stiefel" not in variable.facts:
        got = np.tensordot(trial.value(tensor), move, axes=variable.rank)
        # A gradient that vanishes is computed from terms that do not, of the size of the value.
        noise = max(MEASURED * largest(value), trial.noise(whole))
        yield _finding(f"Hessian in {variable.name} against differences", got, want, noise)
