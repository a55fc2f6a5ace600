"""Derivations: an expression, what to differentiate it by, and everything that follows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any

from gradwright.api.expression import Expression
from gradwright.api.presentation import Page, as_html, as_latex, as_text
from gradwright.api.provenance import Provenance
from gradwright.api.question import Question, as_question
from gradwright.api.steps import Step, Told, tell
from gradwright.back.operators.split import hessian_split, jacobian_split
from gradwright.back.render import unicode_of
from gradwright.back.translate import unflattened
from gradwright.core.build import number
from gradwright.core.greek import latex_of_name
from gradwright.core.nodes import Contract, Direction, Node, Symbol
from gradwright.core.signature import Signature
from gradwright.diff.conditions import conditions_of
from gradwright.diff.derivatives import (
    full_jacobian,
    hessian,
    hessian_product,
    total_differential,
)
from gradwright.diff.differential import direction
from gradwright.diff.gauge import gauge_tests
from gradwright.diff.notes import gauges_of, notes_of
from gradwright.diff.steps.narrate import narrate, narrate_in_full
from gradwright.linear.collect import collect
from gradwright.prims.cholesky import cholesky_factors
from gradwright.simplify.pipeline import simplify, simplify_all

# What is not needed to derive is imported where it is used: a first result should come quickly.
if TYPE_CHECKING:
    from gradwright.api.verification import Verification


class Derivation:
    """The derivatives of an expression, with the steps that lead to them.

    Made by `derive`. With one variable the properties are expressions; with several they are mappings
    by name, and `D["X"]` is the derivation for one of them. Derivations of equal expressions in the same variables are
    equal.

    Attributes:
        question: what was asked, as nodes, for what else is made of a derivation.
    """

    def __init__(self, question: Question) -> None:
        self.question = question
        self._stories: dict[bool, Told] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Derivation) and self.question.asked == other.question.asked

    def __hash__(self) -> int:
        return hash(self.question.asked)

    @property
    def expression(self) -> Any:
        """What was asked, as it was written; a mapping if there are several outputs."""
        return self._of_each(lambda output: output)

    @property
    def wrt(self) -> tuple[str, ...]:
        """The variables of the derivation."""
        return self.question.wrt

    @property
    def outputs(self) -> Mapping[str, Expression]:
        """The expressions by name; the only one of a derivation with one output is called ""."""
        return self.question.outputs

    @property
    def signature(self) -> Signature:
        """The declared variables, in order."""
        return self.question.signature

    @property
    def variables(self) -> tuple[str, ...]:
        """All declared variables."""
        return self.question.signature.names

    def __getitem__(self, name: str) -> Derivation:
        return Derivation(self.question.by(name))

    @property
    def differential(self) -> Any:
        """The differential, linear in the directions `dX`, …."""
        symbols = self.question.symbols
        moves = tuple(map(direction, symbols))
        return self._of_each(lambda e: self._expression(total_differential(simplify(e.node), symbols), moves))

    @property
    def jvp(self) -> Any:
        """The Jacobian-vector product: the differential, as a function of the directions."""
        return self.differential

    @cached_property
    def vjp(self) -> Any:
        """The vector-Jacobian product for the cotangent `G` (or `G_Q`, … for several outputs)."""
        cotangents, several = self.question.cotangents, not self.question.has_one_output
        gauge = gauge_tests(self.question.nodes, cotangents)
        return self._by_variable(self.question.vjps, optional=cotangents, zero_if_absent=several, gauge=gauge)

    @cached_property
    def gradient(self) -> Any:
        """The gradient of a scalar."""
        gauge = gauge_tests((self.question.scalar("gradient"),), (number(1),))
        return self._by_variable(self.question.slopes, gauge=gauge)

    @cached_property
    def jacobian(self) -> Any:
        """The tensor of partial derivatives: the output's axes, then the variable's."""
        return self._of_each(lambda output: self._named(self._jacobians(simplify(output.node))))

    @cached_property
    def hessian(self) -> Any:
        """The Jacobian of the gradient; with several variables a mapping by pairs of names."""
        node = self.question.scalar("Hessian")
        pairs = {
            (x.name, y.name): self._expression(hessian(node, x, y), split=hessian_split(node, x, y))
            for x, y in product(self.question.symbols, repeat=2)
        }
        return self._named(pairs)

    @cached_property
    def hvp(self) -> Any:
        """The Hessian applied to the direction `dX`."""
        node, symbols = self.question.scalar("Hessian"), self.question.symbols
        moves = tuple(map(direction, symbols))
        return self._by_variable({s.name: hessian_product(node, s) for s in symbols}, moves)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The derivation, step by step, each with its numerical check."""
        return self.told(in_full=True).steps

    def told(self, in_full: bool) -> Told:
        """The checked steps, and the letters that they give to parts: all of them, or those that are shown."""
        if in_full not in self._stories:
            question = self.question
            written, (node, *_) = question.only("step").node, question.nodes
            cotangent = question.cotangent("") if node.rank else None
            narrator = narrate_in_full if in_full else narrate
            narration = narrator(node, question.symbols, question.taken, cotangent)
            self._stories[in_full] = tell(
                written, node, question.symbols, narration, question.signature, question.taken
            )
        return self._stories[in_full]

    @property
    def conditions(self) -> tuple[str, ...]:
        """What the expression and its derivatives need of the inputs, in words."""
        return self.conditions_in(unicode_of)

    def conditions_in(self, written: Callable[[Node], str]) -> tuple[str, ...]:
        """The conditions, with a notation for what they speak of."""
        slopes = tuple(self.question.slopes.values())
        # The code of derivatives relies on these, also where they are no longer in them.
        factors = simplify_all(cholesky_factors(self.origins))
        return conditions_of((*self.question.nodes, *factors), slopes, lambda node: written(_as_matrix(node)))

    @property
    def origins(self) -> tuple[Node, ...]:
        """What is differentiated, and what that is a derivative of: where one has no value, no derivative has one."""
        return tuple(n for e in self.outputs.values() for n in (e.node, *e.provenance.origins))

    @property
    def notes(self) -> tuple[str, ...]:
        """Conventions that the derivatives rest on: subgradients at kinks, freedom of signs."""
        roots = [e.node for e in self.outputs.values()]
        return tuple(dict.fromkeys(note for root in roots for note in (*notes_of(root), *gauges_of(root))))

    def layout(self, name: str) -> Any:
        """The Jacobian in another layout: `numerator`, `denominator`, `vec`, `vech`, or `tensor`.

        Each is the same tensor rearranged; `gradwright.equal` proves it.
        """
        from gradwright.api.layouts import arranged

        self.question.only("layout")
        (node,), symbols = self.question.nodes, self.question.symbols
        return self._by_variable(
            {s.name: collect(simplify(arranged(full_jacobian(node, s), node.rank, name, s))) for s in symbols}
        )

    def verify(self, *targets: str) -> Verification:
        """Check every step, every derivative against central differences, and the code, at a generic point.

        The code is that of the functions compiled for NumPy; its value is held to the expression as it was written,
        evaluated node by node, and its gradients to differences of that. Several outputs are checked one by one.

        Args:
            targets: `torch`, to check the PyTorch module in the same way.

        Raises:
            EmissionError: the code for such a library cannot be verified.
        """
        from gradwright.api.code_checks import runs
        from gradwright.api.verification import Finding, together, verify

        if not self.question.has_one_output:
            return together({name: alone.verify(*targets) for name, alone in self.of_each_output().items()})
        written = self.outputs[""].node
        found = [
            Finding(f"step {step.number}, {step.rule}", step.check.passed, step.check.residual) for step in self.steps
        ]
        return verify(written, self.question.nodes[0], self.question.symbols, found, runs(self, targets))

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

    def of_each_output(self) -> dict[str, Derivation]:
        """Each output by itself, in those of the variables that occur in it; what contains none of them is left out."""
        occurring = {name: [v for v in self.wrt if e.mentions(v)] for name, e in self.outputs.items()}
        return {name: derive(self.outputs[name], wrt) for name, wrt in occurring.items() if wrt}

    def page(self, detail: str = "normal", parts: Sequence[str] | None = None) -> Page:
        """What is shown of the derivation.

        Args:
            detail: `brief` (three lines), `normal`, or `full` (with the Jacobian and the chain rule).
            parts: the parts of the steps to show, instead of those of the level of detail.
        """
        from gradwright.api.pages import page_of

        return page_of(self, detail, parts)

    def text(self, detail: str = "normal") -> str:
        """The derivation as text; that of several outputs one after the other."""
        return "\n\n".join(f"{name}:\n{as_text(page)}" if name else as_text(page) for name, page in self._pages(detail))

    def latex(self, detail: str = "normal") -> str:
        """The derivation in LaTeX; that of several outputs one after the other."""
        titles = {name: f"${latex_of_name(name)}$:\n" if name else "" for name in self.outputs}
        return "\n\n".join(titles[name] + as_latex(page) for name, page in self._pages(detail))

    def to_json(self) -> str:
        """The derivation as JSON: what it is of, and its steps; `from_json` replays and compares it.

        Raises:
            DerivationError: there are several outputs.
        """
        from gradwright.api.records import derivation_to_json, readable

        written = self.question.only("record")
        text, expression = readable(written)
        return derivation_to_json(self if expression == written else derive(expression, self.wrt), text)

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
        return self.text()

    def __repr__(self) -> str:
        what = self.outputs[""].written if self.question.has_one_output else ", ".join(self.outputs)
        return f"<derivation of {what} in {', '.join(self.wrt)}>"

    def _repr_html_(self) -> str:
        return "".join((f"<p>{name}:</p>" if name else "") + as_html(page) for name, page in self._pages("normal"))

    def _pages(self, detail: str) -> Iterable[tuple[str, Page]]:
        """What is shown of each output, by its name."""
        from gradwright.api.pages import pages_of

        return [("", self.page(detail))] if self.question.has_one_output else pages_of(self, detail)

    def _expression(self, node: Node, optional: tuple[Symbol | Direction, ...] = (), **more: Any) -> Expression:
        return Expression(node, self.signature, provenance=Provenance(optional, origins=self.origins, **more))

    def _jacobians(self, node: Node) -> dict[str, Expression]:
        symbols = self.question.symbols
        return {s.name: self._expression(full_jacobian(node, s), split=jacobian_split(node, s)) for s in symbols}

    def _by_variable(
        self, nodes: Mapping[str, Node], optional: tuple[Symbol | Direction, ...] = (), **more: Any
    ) -> Any:
        return self._named({name: self._expression(node, optional, **more) for name, node in nodes.items()})

    def _named(self, found: Mapping[Any, Expression]) -> Any:
        return next(iter(found.values())) if self.question.single else dict(found)

    def _of_each(self, derived: Callable[[Expression], Any]) -> Any:
        """What there is of the output; a mapping by name if there are several."""
        found = {name: derived(output) for name, output in self.outputs.items()}
        return found[""] if self.question.has_one_output else found


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
    return Derivation(as_question(expression, wrt))


def _as_matrix(node: Node) -> Node:
    """A part as it is written in a condition: a matrix, where all of its entries are taken as one vector."""
    opened = unflattened(node) if isinstance(node, Contract) else None
    return node if opened is None else opened
