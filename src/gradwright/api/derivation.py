"""Derivations: an expression, what to differentiate it by, and everything that follows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from keyword import iskeyword
from typing import TYPE_CHECKING, Any

from gradwright.api.expression import Expression
from gradwright.api.presentation import DETAILS, Page, Result, as_html, as_latex, as_text, chosen_steps, glossary
from gradwright.api.provenance import Provenance
from gradwright.api.steps import Step, Told, meanings, tell
from gradwright.back.formula import Name
from gradwright.back.latex import latex
from gradwright.back.operators.split import hessian_split, jacobian_split
from gradwright.back.render import latex_of, unicode_of
from gradwright.back.sharing import Letter, share_result
from gradwright.back.tensors import tensor_formula
from gradwright.back.text import ascii_text, unicode
from gradwright.back.translate import Translator, unflattened
from gradwright.core.build import number
from gradwright.core.declarations import Declaration, as_read, declared_facts
from gradwright.core.nodes import Contract, Direction, Node, Symbol, field_of
from gradwright.core.primitive import variable_text
from gradwright.core.signature import Signature
from gradwright.core.walks import free_leaves
from gradwright.diff.conditions import conditions_of, gauges_of, notes_of
from gradwright.diff.derivatives import (
    full_jacobian,
    gradients,
    hessian,
    hessian_product,
    require_scalar,
    total_differential,
    vjps,
)
from gradwright.diff.differential import direction
from gradwright.diff.gauge import gauge_tests
from gradwright.diff.steps.narrate import Narration, narrate, narrate_in_full
from gradwright.errors import DerivationError, UnknownNameError
from gradwright.linear.collect import collect
from gradwright.simplify.pipeline import simplify

# What is not needed to derive is imported where it is used: a first result should come quickly.
if TYPE_CHECKING:
    from gradwright.api.verification import Verification


Narrator = Callable[[Node, tuple[Symbol, ...], set[str], Symbol | None], Narration]


class Derivation:
    """The derivatives of an expression, with the steps that lead to them.

    Made by `derive`. With one variable the properties are expressions; with several they are mappings
    by name, and `D["X"]` is the derivation for one of them.
    """

    def __init__(
        self, outputs: Mapping[str, Expression], signature: Signature, wrt: tuple[str, ...], single: bool
    ) -> None:
        self._outputs = dict(outputs)
        self._signature = signature
        self._wrt = wrt
        self._single = single

    @property
    def expression(self) -> Any:
        """What was asked, as it was written; a mapping if there are several outputs."""
        return self._only if self._has_one_output else dict(self._outputs)

    @property
    def wrt(self) -> tuple[str, ...]:
        """The variables of the derivation."""
        return self._wrt

    @property
    def outputs(self) -> Mapping[str, Expression]:
        """The expressions by name; the only one of a derivation with one output is called ""."""
        return self._outputs

    @property
    def signature(self) -> Signature:
        """The declared variables, in order."""
        return self._signature

    @property
    def variables(self) -> tuple[str, ...]:
        """All declared variables."""
        return self._signature.names

    def __getitem__(self, name: str) -> Derivation:
        if name not in self._wrt:
            raise UnknownNameError(f"'{name}' is no variable of this derivation: {', '.join(self._wrt)}")
        return Derivation(self._outputs, self._signature, (name,), True)

    @property
    def differential(self) -> Any:
        """The differential, linear in the directions `dX`, …."""
        moves = tuple(map(direction, self._symbols))
        values = {
            name: self._expression(total_differential(simplify(e.node), self._symbols), moves)
            for name, e in self._outputs.items()
        }
        return values[""] if self._has_one_output else values

    @property
    def jvp(self) -> Any:
        """The Jacobian-vector product: the differential, as a function of the directions."""
        return self.differential

    @cached_property
    def vjp(self) -> Any:
        """The vector-Jacobian product for the cotangent `G` (or `G_Q`, … for several outputs)."""
        cotangents = tuple(self._cotangents.values())
        several = not self._has_one_output
        nodes = tuple(simplify(e.node) for e in self._outputs.values())
        gauge = gauge_tests(nodes, cotangents)
        return self._by_variable(self._vjps, optional=cotangents, zero_if_absent=several, gauge=gauge)

    @cached_property
    def gradient(self) -> Any:
        """The gradient of a scalar."""
        gauge = gauge_tests((self._scalar("gradient"),), (number(1),))
        return self._by_variable(self._slopes, gauge=gauge)

    @cached_property
    def jacobian(self) -> Any:
        """The tensor of partial derivatives: the output's axes, then the variable's."""
        found = {name: self._named(self._jacobians(simplify(e.node))) for name, e in self._outputs.items()}
        return found[""] if self._has_one_output else found

    @cached_property
    def hessian(self) -> Any:
        """The Jacobian of the gradient; with several variables a mapping by pairs of names."""
        node = self._scalar("Hessian")
        pairs = {
            (row.name, column.name): self._expression(
                hessian(node, row, column), split=hessian_split(node, row, column)
            )
            for row in self._symbols
            for column in self._symbols
        }
        return next(iter(pairs.values())) if self._single else pairs

    @cached_property
    def hvp(self) -> Any:
        """The Hessian applied to the direction `dX`."""
        node = self._scalar("Hessian")
        moves = tuple(map(direction, self._symbols))
        return self._by_variable({s.name: hessian_product(node, s) for s in self._symbols}, moves)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The derivation, step by step, each with its numerical check."""
        return self._told_in_full.steps

    @cached_property
    def _told_in_full(self) -> Told:
        return self._tell(narrate_in_full)

    @cached_property
    def _told(self) -> Told:
        return self._tell(narrate)

    def _tell(self, narrator: Narrator) -> Told:
        written = self._require_one("step").node
        node = simplify(written)
        cotangent = Symbol(self.cotangent_name(""), node.shape, field_of(node)) if node.rank else None
        narration = narrator(node, self._symbols, self._taken, cotangent)
        return tell(written, node, self._symbols, narration, self._signature, self._taken)

    @property
    def _taken(self) -> set[str]:
        """The names that no letter may have."""
        return {*self._signature.names, *self._signature.dims, *(("G",) if self._only.node.rank else ())}

    @property
    def conditions(self) -> tuple[str, ...]:
        """What the expression and its derivatives need of the inputs, in words."""
        return self._conditions(unicode_of)

    def _conditions(self, written: Callable[[Node], str]) -> tuple[str, ...]:
        nodes = tuple(simplify(e.node) for e in self._outputs.values())
        return conditions_of(nodes, tuple(self._slopes.values()), lambda node: written(_as_matrix(node)))

    @property
    def notes(self) -> tuple[str, ...]:
        """Conventions that the derivatives rest on: subgradients at kinks, freedom of signs."""
        roots = [e.node for e in self._outputs.values()]
        return tuple(dict.fromkeys(note for root in roots for note in (*notes_of(root), *gauges_of(root))))

    def layout(self, name: str) -> Any:
        """The Jacobian in another layout: `numerator`, `denominator`, `vec`, `vech`, or `tensor`.

        Each is the same tensor rearranged; `gradwright.equal` proves it.
        """
        from gradwright.api.layouts import arranged

        node = simplify(self._require_one("layout").node)
        return self._by_variable(
            {s.name: collect(simplify(arranged(full_jacobian(node, s), node.rank, name, s))) for s in self._symbols}
        )

    def verify(self, *targets: str) -> Verification:
        """Check every step, every derivative against central differences, and the code, at a generic point.

        The code is that of the functions compiled for NumPy; its value is held to the expression as it was written,
        evaluated node by node, and its gradients to differences of that.

        Args:
            targets: `torch`, to check the PyTorch module in the same way.

        Raises:
            EmissionError: the code for such a library cannot be verified.
        """
        from gradwright.api.code_checks import runs
        from gradwright.api.verification import Finding, verify

        written = self._require_one("verification").node
        found = [
            Finding(f"step {step.number}, {step.rule}", step.check.passed, step.check.residual) for step in self.steps
        ]
        return verify(written, simplify(written), self._symbols, found, runs(self, targets))

    def source(self, target: str = "torch", *, name: str | None = None) -> str:
        """The text of a module with the function and its derivatives.

        Args:
            target: the library: `torch`, or `numpy` or `jax` for plain functions.
            name: what a PyTorch function is called; without it `inv` for `inv(X)`, and `function` for an expression.

        Raises:
            EmissionError: the function cannot be written in that library, or have that name.
        """
        from gradwright.api import emission

        return emission.source(self, target, name)

    def tests(self, target: str = "torch", *, module: str, name: str | None = None) -> str:
        """The text of a pytest file for the module, which is imported under the given name.

        Args:
            target: the library of the module: `torch`.
            module: the name under which it is imported.
            name: what its function is called, as for `source`.
        """
        from gradwright.api import emission

        return emission.tests(self, target, module, name)

    def function(self, target: str = "torch", *, name: str | None = None) -> Callable[..., Any]:
        """The function of the module that `source` writes, live.

        It takes the inputs by position, in the declared order, or by keyword; is differentiable in all of
        them; and takes batch axes before the declared ones. For `numpy` and `jax` it is the plain function
        `value`, which has the others of its module, such as `gradient`, as attributes. `name` is what messages call
        a PyTorch function, as for `source`.
        """
        from gradwright.api import emission

        return emission.function(self, target, name)

    def page(self, detail: str = "normal", parts: Sequence[str] | None = None) -> Page:
        """What is shown of the derivation.

        Args:
            detail: `brief` (three lines), `normal`, or `full` (with the Jacobian and the chain rule).
            parts: the parts of the steps to show, instead of those of the level of detail.
        """
        if detail not in DETAILS:
            raise DerivationError(f"the detail is one of {', '.join(DETAILS)}, not '{detail}'")
        expression = self._require_one("page")
        title = f"Derivative of {expression.written} with respect to {', '.join(self._wrt)}"
        told = self._told_in_full if detail == "full" or parts is not None else self._told
        steps, results = chosen_steps(told.steps, detail, parts), tuple(self._results(told.letters))
        real = all(symbol.real for symbol in self._signature.symbols)
        notes = (*self.notes, *glossary(title, steps, results, real))
        notes = tuple(f"Note: {note.removesuffix('.')}." for note in notes)
        remarks = (*_needs(self.conditions), *(note.replace("$", "") for note in notes))
        needs = self._conditions(lambda node: f"${latex_of(node)}$")
        return Page(title, tuple(map(_declared, self._signature)), steps, results, remarks, needs, notes)

    def text(self, detail: str = "normal") -> str:
        """The derivation as text."""
        return as_text(self.page(detail))

    def latex(self, detail: str = "normal") -> str:
        """The derivation in LaTeX."""
        return as_latex(self.page(detail))

    def to_json(self) -> str:
        """The derivation as JSON: what it is of, and its steps; `from_json` replays and compares it.

        Raises:
            DerivationError: there are several outputs.
        """
        from gradwright.api.records import derivation_to_json, readable

        if not self._has_one_output:
            raise DerivationError("a record is of one expression: derive one of the outputs")
        text, expression = readable(self._only)
        same = expression == self._only
        return derivation_to_json(self if same else derive(expression, self._wrt), text)

    @staticmethod
    def from_json(text: str) -> Derivation:
        """Replay a derivation from its JSON.

        Raises:
            DerivationError: the text is no derivation, or replaying it gives other steps.
        """
        from gradwright.api.records import check_replay, read_json

        expression, wrt, recorded = read_json(text)
        found = derive(expression, wrt)
        check_replay(found, recorded)
        return found

    def __str__(self) -> str:
        if not self._has_one_output:
            return "\n\n".join(f"{name}:\n{derive(e, self._wrt)}" for name, e in self._outputs.items())
        return self.text()

    def __repr__(self) -> str:
        names = ", ".join(self._wrt)
        what = self._only.written if self._has_one_output else ", ".join(self._outputs)
        return f"<derivation of {what} in {names}>"

    def _repr_html_(self) -> str:
        return as_html(self.page())

    def _require_one(self, kind: str) -> Expression:
        if not self._has_one_output:
            raise DerivationError(f"a {kind} is of one expression: derive one of the outputs")
        return self._only

    def _results(self, known: Sequence[Letter]) -> Iterator[Result]:
        node = simplify(self._only.node)
        taken = {*self._taken, *(letter.name.text for letter in known if isinstance(letter.name, Name))}
        for symbol in self._symbols:
            slope = tensor_formula(self._slopes[symbol.name], Translator())
            written, letters = share_result(slope, known, set(taken))
            kind = "vjp in " if node.rank else "∇_"
            yield Result(kind, symbol.name, unicode(written), ascii_text(written), latex(written), meanings(letters))

    @property
    def _symbols(self) -> tuple[Symbol, ...]:
        return tuple(self._signature.symbol(name) for name in self._wrt)

    @property
    def _has_one_output(self) -> bool:
        return list(self._outputs) == [""]

    @property
    def _only(self) -> Expression:
        return self._outputs[""]

    def _scalar(self, kind: str) -> Node:
        if not self._has_one_output:
            raise DerivationError(f"a {kind} is asked of several outputs: derive one of them")
        require_scalar(self._only.node, kind)
        return simplify(self._only.node)

    @cached_property
    def _vjps(self) -> dict[str, Node]:
        nodes = tuple(simplify(e.node) for e in self._outputs.values())
        found = vjps(nodes, self._symbols, tuple(self._cotangents.values()))
        return {s.name: found[s] for s in self._symbols}

    @cached_property
    def _slopes(self) -> dict[str, Node]:
        """The gradients of a scalar, in which no cotangent occurs; else the vector-Jacobian products."""
        if not self._has_one_output or self._only.node.rank:
            return self._vjps
        found = gradients(simplify(self._only.node), self._symbols)
        return {s.name: found[s] for s in self._symbols}

    @property
    def _cotangents(self) -> dict[str, Symbol]:
        return {
            name: Symbol(self.cotangent_name(name), e.node.shape, field_of(e.node)) for name, e in self._outputs.items()
        }

    def cotangent_name(self, output: str) -> str:
        """The name of an output's cotangent."""
        name = f"G_{output}" if output else "G"
        if name in self._signature:
            raise DerivationError(
                f"the cotangent of the output would be called '{name}', and so is a variable; "
                f"give the variable another name"
            )
        return name

    def _expression(self, node: Node, optional: tuple[Symbol | Direction, ...] = (), **more: Any) -> Expression:
        origins = tuple(e.node for e in self._outputs.values())
        return Expression(node, self._signature, provenance=Provenance(optional, origins=origins, **more))

    def _jacobians(self, node: Node) -> dict[str, Expression]:
        return {s.name: self._expression(full_jacobian(node, s), split=jacobian_split(node, s)) for s in self._symbols}

    def _by_variable(
        self, nodes: Mapping[str, Node], optional: tuple[Symbol | Direction, ...] = (), **more: Any
    ) -> Any:
        return self._named({name: self._expression(node, optional, **more) for name, node in nodes.items()})

    def _named(self, found: Mapping[str, Expression]) -> Any:
        return next(iter(found.values())) if self._single else dict(found)


def derive(
    expression: Expression | Mapping[str, Expression], wrt: str | Expression | Sequence[str | Expression] | None = None
) -> Derivation:
    """Differentiate an expression.

    Args:
        expression: a scalar, vector, matrix or tensor expression; or several, by name.
        wrt: a variable, by name or as an expression; several; or None for all.

    Raises:
        DerivationError: a variable does not occur, or a derived name would collide with a variable.
    """
    outputs = dict(expression) if isinstance(expression, Mapping) else {"": expression}
    signature = Signature()
    for name, output in outputs.items():
        if not isinstance(output, Expression):
            remedy = f": write derive(parse({output!r}), …)" if isinstance(output, str) else ""
            raise DerivationError(f"derive takes expressions, and {name or 'this'} is {type(output).__name__}{remedy}")
        signature = signature.merged(output.signature).with_declarations(_further_variables(output))
        if isinstance(expression, Mapping):
            _check_output_name(name)
    names = _variables(outputs, signature, wrt)
    _check_names(signature, names)
    return Derivation(outputs, signature, names, single=isinstance(wrt, str | Expression))


def _check_output_name(name: object) -> None:
    """An output's name is part of its cotangent's, and becomes a field of what an emitted function returns."""
    if not isinstance(name, str) or not name.isidentifier() or iskeyword(name) or name.startswith("_"):
        raise DerivationError(f"an output cannot be called {name!r}: its name has to be an identifier, such as 'Q'")


def _further_variables(output: Expression) -> Iterator[Declaration]:
    """The cotangents in a derivative: to differentiate it, they are variables as all others."""
    for leaf in free_leaves(output.node):
        if isinstance(leaf, Symbol) and leaf.name not in output.signature:
            yield Declaration(leaf.name, leaf.shape, leaf.facts, words=tuple(declared_facts(leaf.facts)))


def _variables(
    outputs: Mapping[str, Expression],
    signature: Signature,
    wrt: str | Expression | Sequence[str | Expression] | None,
) -> tuple[str, ...]:
    occurring = {name for name in signature.names if any(e.mentions(name) for e in outputs.values())}
    if wrt is None:
        found = tuple(name for name in signature.names if name in occurring)
        if not found:
            raise DerivationError("the expression contains no variable to differentiate by")
        return found
    given = (wrt,) if isinstance(wrt, str) or not isinstance(wrt, Sequence) else wrt
    names = tuple(map(_variable_name, given))
    for name in names:
        if name not in occurring:
            known = ", ".join(n for n in signature.names if n in occurring) or "no variable"
            raise DerivationError(f"'{name}' does not occur in the expression, which contains {known}")
    if not names:
        raise DerivationError("wrt names no variable")
    if len(set(names)) < len(names):
        raise DerivationError(f"wrt names a variable twice: {', '.join(names)}")
    return names


def _variable_name(variable: Any) -> str:
    if isinstance(variable, Expression) and isinstance(variable.node, Symbol):
        return variable.node.name
    if isinstance(variable, Expression):
        raise DerivationError(f"wrt takes a variable, or several, and {variable.text()} is none: give it a name")
    if not isinstance(variable, str):
        raise DerivationError(f"wrt takes the name of a variable, or several, and this is {type(variable).__name__}")
    return as_read(variable)


def _check_names(signature: Signature, names: Sequence[str]) -> None:
    for name in names:
        if f"d{name}" in signature:
            raise DerivationError(
                f"the direction of '{name}' would be called 'd{name}', and so is a variable; "
                f"give one of them another name"
            )


def _needs(conditions: Sequence[str]) -> list[str]:
    return [f"Needs: {'; '.join(conditions)}."] if conditions else []


def _as_matrix(node: Node) -> Node:
    """A part as it is written in a condition: a matrix, where all of its entries are taken as one vector."""
    opened = unflattened(node) if isinstance(node, Contract) else None
    return node if opened is None else opened


def _declared(declaration: Declaration) -> str:
    """`X: n × n, symmetric`."""
    return f"{declaration.name}: {variable_text(declaration.shape, declaration.facts)}"
