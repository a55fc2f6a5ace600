"""The record of a primitive: one function of tensors, and everything that is known about it.

A record is data. What defines the function is either an identity (equations that its outputs
satisfy, solved on first use by `gradwright.diff`), or a formula in other functions, or an explicit
differential; where several are given they are independent statements that check one another. All of
them are texts of the language, in the names of the signature:

    inv = Primitive(
        name="inv",
        signature="X: ... n n -> Y: ... n n invertible",
        identity=("Y @ X = eye(n)",),
        numpy="numpy.linalg.inv",
        ...
    )
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Self

import numpy as np

from gradwright.core.declarations import Declaration, declared_facts, parse_declarations, parse_dim
from gradwright.core.dims import Dim, substituted
from gradwright.core.facts import Facts
from gradwright.core.nodes import Apply, Node, Parameter, Shape
from gradwright.errors import DeclarationError, DimensionMismatchError, ShapeError, UnsupportedError
from gradwright.frozen import frozen

USERS = " #"  # how the origin begins of what a user defined
Implementation = str | Callable[..., object]
Texts = tuple[str, ...] | Callable[..., tuple[str, ...]]
FactRule = Callable[[int, tuple[Parameter, ...], tuple[Facts, ...]], set[str]]


@frozen
class Notation:
    """How a primitive is written: a suffix (`X⁻¹`), or a name before its arguments.

    Attributes:
        text: a template in Unicode, such as `{X}⁻¹`; empty for the function call. Parameters are `{0}`, `{1}`, ….
        latex: the same for LaTeX.
        name: the name in front of the arguments in mathematical text, such as `chol`.
        left_division: whether the function is A⁻¹ B of its two arguments, and written as that product.
        outputs: of a function with several outputs, the two templates of each that is not written `name(…).output`.
        from_number: the two templates where the first of two arguments is a number and the second is not: `|x| ≤ 1`.
    """

    text: str = ""
    latex: str = ""
    name: str = ""
    left_division: bool = False
    outputs: tuple[tuple[str, str], ...] = ()
    from_number: tuple[str, str] = ("", "")


@frozen
class Sample:
    """Arguments at which a primitive is tried: declarations of the inputs, and parameters.

    Parameters are constants. They are written before the arguments, and implementations take them last.
    """

    declarations: str
    parameters: tuple[Parameter, ...] = ()


@frozen
class ErrorSample:
    """Text that has to be refused, and a part of the message that it gets."""

    text: str
    declarations: str
    message: str


@frozen
class Freedom:
    """A continuous freedom of the outputs, which the inputs do not determine.

    It is that of phases `exp(iθ)`, where outputs are complex, or that of a rotation.

    Attributes:
        generator: the declaration of its generator, such as `K: n n`: the diagonal imaginary matrix `diag(iθ)`, or any
            skew(-Hermitian) matrix.
        moves: the direction of each output, linear in that matrix; empty where it stands still.
        rotation: whether it is a rotation.
    """

    generator: str
    moves: tuple[str, ...]
    rotation: bool = False


@frozen
class KnownRule:
    """A derivative as the literature states it: held to what the record leads to, and never used for it.

    Attributes:
        result: `dY`, the differential of the output Y, or `vjp_X`, the cotangent of the input X; where X is known
            to be structured, its projection on the tangent space is meant.
        formula: the formula, in the record's names; the cotangent of the only output is `G`, of several `G_Y`, ….
        source: where it is stated.
        where: abbreviations in the formula, each of which may use those before it: `S = lyapunov(A, G)`.
    """

    result: str
    formula: str
    source: str
    where: tuple[str, ...] = ()


@frozen
class Modular:
    """How a function is computed modulo a prime (`gradwright.core.modular`), where the record does not define it.

    Attributes:
        compute: the output, or the tuple of outputs, from the field, the arguments and the parameters; None where they
            are not known, and may be anything.
        exact: whether it has every property of the function that equations between polynomials express. Where it has
            not, two sides that differ modulo a prime may be equal nevertheless.
        spectral: whether the outputs are known where eigenvalues, or singular values, are numbers modulo the prime.
    """

    compute: Callable[..., np.ndarray | tuple[np.ndarray, ...] | None]
    exact: bool = True
    spectral: bool = False


@frozen(eq=False, kw_only=True)
class Primitive:
    """One function of tensors.

    Attributes:
        name: the name in the language.
        signature: `inputs -> outputs`, as declarations. A leading `...` allows batch axes; an input
            without dimensions and with `...` makes the function elementwise.
        summary: one line for the catalogue.
        identity: equations between inputs and outputs that define the outputs.
        laws: further equations that hold, by which products of inputs and outputs become shorter.
        definition: a formula for each output, in other functions.
        differential: a formula for each output's differential, in the inputs, the outputs and the
            directions (`dX` for the input X).
        conditions: what the function, or its derivative, needs of its inputs, in words.
        gauge: the freedom that the outputs have, in words.
        freedom: its continuous part, as directions of the outputs.
        gauge_fixing: equations between the outputs and their directions which choose the derivative where the
            identity leaves directions free.
        note: a convention that a derivation has to state, such as the subgradient at a kink.
        preserves: facts that the output has when the first input has them.
        fact_rule: further facts of the outputs.
        field: `same` if the outputs are complex exactly when an input is, else `real` or `complex`,
            for all outputs or one by one.
        real_only: whether complex arguments are refused.
        differential_of: the differential of an application as a node, from the differentials of its
            arguments, for functions that a text cannot state.
        scalar: for a function of a matrix through its eigenvalues, the function of one number.
        linear_in: the inputs in which the function is linear, by position.
        adjoint: the cotangent of such an input, from the application, its position and the cotangent
            of the output.
        turned: an application that is the transpose of another, for a function that is linear in some matrices.
        simpler: an application in a simpler form, where its arguments allow one.
        inverse: for a function of matrices, the name of the inverse function.
        commutes: whether the output commutes with all that the first input does, as a polynomial in a matrix does.
        of_entries: for a function of matrices, the same function of numbers, entry by entry.
        of_matrix: for a function of entries, the name of the same function of a matrix, which may have been meant.
        size_orders: pairs of a dimension name and another, or a sum of others, which has to be the smaller one.
        argument_facts: facts that an undeclared argument is taken to have, by position.
        numpy, torch, jax: the function in each library: a dotted name, an expression with `{0}`, `{1}`, …
            for the arguments, the text of a function (`def …`), or (numpy only) a callable, which
            takes the parameters last.
        torch_differentiates: whether PyTorch's own derivatives of `torch` are right at every order and in every nesting
            of forward and reverse mode, so that it may stand in a rule; those of an elementwise function always may.
        jax_differentiates: whether JAX has a derivative of `jax`; else code has the derived rule in its place.
        value_name: what code calls a value of the function, where that is not the function's name.
        operator: how an application is written with Python's operators, from the parameters; `{sqrt}`
            stands for the library's square root.
        comparison: of a function that is 1 where its entries compare so and 0 elsewhere, Python's operator.
        beside_numbers: whether the texts for the libraries take Python numbers for all inputs but one.
        regular: whether outputs in numbers are more than rounding errors, from the inputs and the outputs: the
            test of the conditions at a point, which may also be an error that says what is violated.
        parity: "odd" or "even" for such a function of entries: of a skew matrix it is skew, or symmetric.
        modular: how it is computed modulo a prime, for proofs; by its identity or its definition otherwise.
        notation: how it is written.
        samples, error_samples: arguments to test it at, and texts that must be refused.
        source: where the mathematics comes from.
        known_rules: derivatives as the literature states them.
        origin: distinguishes primitives of one name that were defined differently.
        maker: of a function that is made on demand, as one for each scalar function is, what makes it and from what;
            copies in other processes are made so.
        witnesses: values of inputs and outputs, by name, for which the identity holds, at some generic points: what a
            differential that is derived from it is held to.
    """

    name: str
    signature: str
    summary: str
    identity: tuple[str, ...] = ()
    laws: tuple[str, ...] = ()
    definition: Texts = ()
    differential: Texts = ()
    conditions: tuple[str, ...] = ()
    gauge: str = ""
    freedom: Freedom | None = None
    gauge_fixing: tuple[str, ...] = ()
    note: str = ""
    preserves: tuple[str, ...] = ()
    fact_rule: FactRule | None = None
    field: str | tuple[str, ...] = "same"
    real_only: bool = False
    differential_of: Callable[[Apply, tuple[Node, ...]], Node] | None = None
    scalar: Node | None = None
    linear_in: tuple[int, ...] = ()
    adjoint: Callable[[Apply, int, Node], Node] | None = None
    turned: Callable[[Apply], Apply] | None = None
    simpler: Callable[[Apply], Node] | None = None
    inverse: str = ""
    commutes: bool = False
    of_entries: Callable[[Node], Node] | None = None
    of_matrix: str = ""
    size_orders: tuple[tuple[str, str], ...] = ()
    argument_facts: tuple[str, ...] = ()
    numpy: Implementation | None = None
    torch: Implementation | None = None
    jax: Implementation | None = None
    torch_differentiates: bool = False
    jax_differentiates: bool = True
    value_name: str = ""
    operator: Callable[..., str] | None = None
    comparison: str = ""
    beside_numbers: bool = False
    regular: Callable[[tuple[np.ndarray, ...], tuple[np.ndarray, ...]], bool] | None = None
    parity: str = ""
    modular: Modular | None = None
    notation: Notation = Notation()
    samples: tuple[Sample, ...] = ()
    error_samples: tuple[ErrorSample, ...] = ()
    source: str = ""
    known_rules: tuple[KnownRule, ...] = ()
    origin: str = ""
    maker: tuple[Callable[..., Primitive], tuple[object, ...]] | None = None
    witnesses: tuple[Mapping[str, np.ndarray], ...] = ()

    @cached_property
    def inputs(self) -> tuple[Declaration, ...]:
        """The formal inputs."""
        return parse_declarations(self.signature.partition("->")[0])

    @cached_property
    def outputs(self) -> tuple[Declaration, ...]:
        """The outputs by name."""
        given, arrow, outputs = self.signature.partition("->")
        if not arrow:
            raise DeclarationError(f"the signature of {self.name} has no output: write '{given.strip()} -> Y: …'")
        return parse_declarations(outputs)

    @cached_property
    def orders(self) -> tuple[tuple[Dim, Dim], ...]:
        """Pairs of dimensions, the first no smaller than the second: those stated, and rows and orthonormal columns."""
        orthonormal = [d.shape[-2:] for d in self.outputs if "stiefel" in d.facts and "unitary" not in d.facts]
        stated = [(Dim.of(larger), parse_dim(smaller, self.name)) for larger, smaller in self.size_orders]
        return (*((rows, columns) for rows, columns in orthonormal), *stated)

    @cached_property
    def token(self) -> str:
        """What tells this primitive from every other one."""
        return f"{self.name}({self.signature}){self.origin}"

    @property
    def needs(self) -> tuple[str, ...]:
        """The conditions, with the names that the inputs have in the signature."""
        return tuple(condition.translate(_NO_BRACES) for condition in self.conditions)

    @property
    def of_user(self) -> bool:
        """Whether a user defined it, by an identity: the origin then tells which definition it was."""
        return self.origin.startswith(USERS)

    @property
    def elementwise(self) -> bool:
        """Whether the function acts entry by entry."""
        return all(d.batched and not d.shape for d in (*self.inputs, *self.outputs))

    @cached_property
    def takes_matrices(self) -> bool:
        """Whether the function is one of matrices, and not of numbers or vectors one by one."""
        return any(len(d.shape) > 1 for d in self.inputs)

    @property
    def differentiable(self) -> bool:
        """Whether the record leads to a derivative; what only emitted code calls is never differentiated."""
        return bool(self.identity or self.differential or self.definition or self.differential_of or self.linear_in)

    @property
    def batched(self) -> bool:
        """Whether leading batch axes are allowed."""
        return self.inputs[0].batched

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def bind(self, shapes: tuple[Shape, ...]) -> tuple[Shape, dict[str, Dim]]:
        """The batch axes, and what the signature's dimensions stand for, given argument shapes.

        Raises:
            ShapeError: the shapes do not fit the signature.
        """
        sizes: dict[str, Dim] = {}
        batch = self._batch(shapes)
        for formal, shape in zip(self.inputs, shapes, strict=True):
            for expected, actual in zip(formal.shape, shape[len(batch) :], strict=True):
                self._bind_dim(sizes, formal, shape, expected, actual)
        return batch, sizes

    def output_shape(self, index: int, arguments: tuple[Node, ...]) -> Shape:
        """The shape of an output, from the shapes of the arguments."""
        batch, sizes = self.bind(tuple(argument.shape for argument in arguments))
        return batch + substituted(self.outputs[index].shape, sizes)

    def takes_complex(self, declared: Declaration) -> bool:
        """Whether an input may be complex: none of a real function, those declared so where some are, else all."""
        some = any("complex" in d.words for d in self.inputs)
        return not self.real_only and (not some or "complex" in declared.words)

    def real(self, index: int, arguments_real: tuple[bool, ...]) -> bool:
        """Whether an output is real; complex arguments are refused where they make no sense."""
        for declared, is_real in zip(self.inputs, arguments_real, strict=True):
            if not is_real and not self.takes_complex(declared):
                tensors = "real tensors" if self.real_only else f"a real '{declared.name}'"
                raise UnsupportedError(
                    f"{self.name} takes {tensors}, and this one is complex: take its real part, its "
                    f"imaginary part or its absolute value first"
                )
        kind = self.field if isinstance(self.field, str) else self.field[index]
        return kind == "real" or (kind == "same" and all(arguments_real))

    def facts(self, index: int, parameters: tuple[Parameter, ...], arguments: tuple[Facts, ...]) -> Facts:
        """What is known of an output, from what is known of the arguments; not yet closed."""
        found = set(self.outputs[index].words)
        if arguments:
            found |= {fact for fact in self.preserves if fact in arguments[0]}
        if self.fact_rule is not None:
            found |= self.fact_rule(index, parameters, arguments)
        return frozenset(found)

    def _batch(self, shapes: tuple[Shape, ...]) -> Shape:
        found: Shape | None = None
        for formal, shape in zip(self.inputs, shapes, strict=True):
            extra = len(shape) - len(formal.shape)
            if extra < 0 or (extra and not formal.batched):
                raise ShapeError(f"{self._takes(formal, kind_of(len(formal.shape)))} is {described_shape(shape)}")
            batch = shape[:extra]
            if found is not None:
                self._check_batch(found, batch)
            found = batch
        return found or ()

    def _check_batch(self, left: Shape, right: Shape) -> None:
        if len(left) != len(right):
            raise ShapeError(
                f"{self.name} takes arguments with the same leading axes, but these are "
                f"{shape_text(left)} and {shape_text(right)}"
            )
        for a, b in zip(left, right, strict=True):
            if a != b:
                raise DimensionMismatchError(
                    f"{self.name} takes arguments with the same leading axes, but these are "
                    f"{shape_text(left)} and {shape_text(right)}", a, b,
                )  # fmt: skip

    def _bind_dim(self, sizes: dict[str, Dim], formal: Declaration, shape: Shape, expected: Dim, actual: Dim) -> None:
        name = expected.name
        wanted = expected if name is None else sizes.setdefault(name, actual)
        if wanted != actual:
            square = len(set(formal.shape)) == 1 < len(formal.shape)
            kind = "a square matrix" if square else f"{' × '.join(map(str, formal.shape))}"
            raise DimensionMismatchError(
                f"{self._takes(formal, kind)} is {shape_text(shape)}{crossed(shape)}: {wanted} and {actual} are "
                f"different dimensions",
                wanted, actual,
            )  # fmt: skip

    def _takes(self, formal: Declaration, kind: str) -> str:
        """The beginning of a message about an argument's shape; an argument among several is named by place."""
        if len(self.inputs) == 1:
            return f"{self.name} takes {kind}, but its argument"
        names = [declared.name for declared in self.inputs]
        form = f"{self.name}({', '.join(names)})"
        return f"{form} takes {kind} as argument {names.index(formal.name) + 1}, but this one"


_NO_BRACES = str.maketrans("", "", "{}")


def shape_text(shape: Shape) -> str:
    """A shape for a message: `n × m`, `n × (n + 1)`, or `a scalar`."""
    sizes = [f"({dim})" if len(shape) > 1 and len(dim.terms) > 1 else str(dim) for dim in shape]
    return " × ".join(sizes) or "a scalar"


def variable_text(shape: Shape, facts: Facts) -> str:
    """A variable's dimensions and facts for a list of variables: `n × n, symmetric`."""
    return ", ".join([shape_text(shape), *declared_facts(facts)])


def kind_of(rank: int) -> str:
    """What a tensor with that many axes is called."""
    return {0: "a scalar", 1: "a vector", 2: "a matrix"}.get(rank, f"a tensor with {rank} axes")


def described_shape(shape: Shape) -> str:
    """A kind and a shape for a message: `a vector: n`, `a matrix: n × m`."""
    return f"{kind_of(len(shape))}: {shape_text(shape)}{crossed(shape)}" if shape else "a scalar"


def crossed(shape: Shape) -> str:
    """What to declare in place of `nxn` or `n x n`, where a letter may have been meant as a sign."""
    names = " ".join(map(str, shape))
    match = re.fullmatch(r"([a-wyz])( ?)x\2([a-wyz])", names)
    return f" (two dimensions are declared as '{match[1]} {match[3]}')" if match else ""
