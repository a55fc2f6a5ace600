"""What is asked of a derivation, and its answers as nodes: which outputs, differentiated by which variables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from keyword import iskeyword
from typing import Any

from gradwright.api.expression import Expression
from gradwright.core.declarations import Declaration, as_read, declared_facts
from gradwright.core.nodes import Node, Symbol, field_of
from gradwright.core.signature import Signature
from gradwright.core.walks import free_leaves
from gradwright.diff.derivatives import gradients, require_scalar, vjps
from gradwright.errors import DerivationError, UnknownNameError
from gradwright.frozen import frozen
from gradwright.simplify.pipeline import simplify


@frozen(eq=False)
class Question:
    """Expressions, and the variables to differentiate them by.

    Attributes:
        outputs: the expressions by name; a single one is called "".
        signature: the declared variables, in order.
        wrt: the variables to differentiate by.
        single: whether one variable was named, whose derivatives come without its name.
    """

    outputs: Mapping[str, Expression]
    signature: Signature
    wrt: tuple[str, ...]
    single: bool

    @property
    def asked(self) -> tuple[Any, ...]:
        """What tells it from other questions."""
        return tuple(self.outputs.items()), self.wrt, self.single

    def by(self, name: str) -> Question:
        """The same of one of its variables.

        Raises:
            UnknownNameError: it is none of them.
        """
        if name not in self.wrt:
            raise UnknownNameError(f"'{name}' is no variable of this derivation: {', '.join(self.wrt)}")
        return Question(self.outputs, self.signature, (name,), True)

    @property
    def has_one_output(self) -> bool:
        """Whether one expression was given, without a name."""
        return list(self.outputs) == [""]

    def only(self, kind: str) -> Expression:
        """The one expression.

        Raises:
            DerivationError: there are several outputs, of which there is no such `kind` of thing.
        """
        if not self.has_one_output:
            raise DerivationError(f"a {kind} is of one expression: derive one of the outputs")
        return self.outputs[""]

    def scalar(self, kind: str) -> Node:
        """The one expression, simplified, which has to be a number."""
        if not self.has_one_output:
            raise DerivationError(f"a {kind} is asked of several outputs: derive one of them")
        require_scalar(self.outputs[""].node, kind)
        return self.nodes[0]

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """The outputs, simplified."""
        return tuple(simplify(e.node) for e in self.outputs.values())

    @cached_property
    def symbols(self) -> tuple[Symbol, ...]:
        """The variables to differentiate by."""
        return tuple(map(self.signature.symbol, self.wrt))

    @property
    def taken(self) -> set[str]:
        """The names that no letter in the steps may have."""
        cotangent = ("G",) if self.only("step").node.rank else ()
        return {*self.signature.names, *self.signature.dims, *cotangent}

    def cotangent(self, output: str) -> Symbol:
        """The cotangent of an output.

        Raises:
            DerivationError: a variable has its name.
        """
        name = f"G_{output}" if output else "G"
        if name in self.signature:
            raise DerivationError(
                f"the cotangent of the output would be called '{name}', and so is a variable; "
                f"give the variable another name"
            )
        node = self.outputs[output].node
        return Symbol(name, node.shape, field_of(node))

    @property
    def cotangents(self) -> tuple[Symbol, ...]:
        """Those of all outputs."""
        return tuple(map(self.cotangent, self.outputs))

    @cached_property
    def vjps(self) -> dict[str, Node]:
        """The vector-Jacobian products, by variable."""
        found = vjps(self.nodes, self.symbols, self.cotangents)
        return {s.name: found[s] for s in self.symbols}

    @cached_property
    def slopes(self) -> dict[str, Node]:
        """The gradients of a scalar, in which no cotangent occurs; else the vector-Jacobian products."""
        if not self.has_one_output or self.outputs[""].node.rank:
            return self.vjps
        found = gradients(self.nodes[0], self.symbols)
        return {s.name: found[s] for s in self.symbols}


def as_question(
    expression: Expression | Mapping[str, Expression], wrt: str | Expression | Sequence[str | Expression] | None
) -> Question:
    """The question that arguments of `derive` ask.

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
    return Question(outputs, signature, names, isinstance(wrt, str | Expression))


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
