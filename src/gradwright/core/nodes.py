"""The nodes of a tensor expression.

A node is immutable data: ordered axes over named dimensions, and children. It neither evaluates nor
prints itself. Two nodes are equal when their structure is: each carries a 128-bit digest of its
content, so that equality costs nothing, does not depend on a table of shared nodes, and is the same
in every process.

Everything linear is one kind of node, `Contract`: a product of factors whose axes carry integer
labels. A label that occurs only in the output is a broadcast, one that occurs twice in the output
is a diagonal (so neither a tensor of ones nor δ is needed), and a parenthesised group of labels on
one axis is a reshape.

    X⁻¹ dX X⁻¹    factors (Y, 0 1) (dX, 1 2) (Y, 2 3), output 0 3
    trace(A)      factors (A, 0 0), no output
    eye(n)        no factors, output 0 0
    diag(v)       factors (v, 0), output 0 0
    kron(A, B)    factors (A, 0 2) (B, 1 3), output (0 1) (2 3)

Build contractions with `core.contraction.contract` and sums with `core.sums.add`: they keep the
normal form. The classes here only hold it.
"""

from __future__ import annotations

from _blake2 import blake2b  # the C module itself: `hashlib` would load OpenSSL, ten milliseconds
from collections.abc import Iterable, Mapping
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, Self, TypeGuard

from gradwright.core.dims import Dim, product
from gradwright.core.facts import NO_FACTS, Facts, closure, is_real
from gradwright.frozen import frozen

if TYPE_CHECKING:
    from gradwright.core.primitive import Primitive
    from gradwright.core.spaces import Space

Shape = tuple[Dim, ...]
Group = tuple[int, ...]
Groups = tuple[Group, ...]
Parameter = int | Fraction | str | Dim | tuple["Parameter", ...] | None


class Node:
    """A tensor expression: `shape`, `real`, `children`, and a digest of its content."""

    __slots__ = ("__weakref__", "digest", "facts_found", "real", "shape")
    shape: Shape
    real: bool
    digest: bytes
    facts_found: Facts  # set by core.inference on first use

    # NumPy must not take `array @ node` apart entry by entry.
    __array_ufunc__ = None

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def is_square(self) -> bool:
        """Whether it is a matrix with as many rows as columns."""
        return len(self.shape) == 2 and self.shape[0] == self.shape[1]

    @property
    def children(self) -> tuple[Node, ...]:
        """The nodes that this one is built from, in order."""
        return ()

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Node) and self.digest == other.digest)

    def __hash__(self) -> int:
        return hash(self.digest)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def _seal(self, shape: Shape, real: bool, *content: object) -> None:
        described = repr((type(self).__name__, real, *content)).encode()
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "real", real)
        object.__setattr__(self, "digest", blake2b(described, digest_size=16).digest())


def _key(shape: Shape) -> tuple[str, ...]:
    return tuple(map(str, shape))


@frozen(slots=True, eq=False)
class Symbol(Node):
    """A named tensor: a variable, a cotangent, a formal of a template, an opaque unknown."""

    name: str
    declared: Shape
    facts: Facts = NO_FACTS

    def __post_init__(self) -> None:
        object.__setattr__(self, "facts", closure(self.facts))
        content = (self.name, _key(self.declared), sorted(self.facts))
        self._seal(self.declared, is_real(self.facts), *content)


def field_of(node: Node) -> Facts:
    """The fact of a symbol that takes a node's values: complex, or none if they are real."""
    return NO_FACTS if node.real else frozenset({"complex"})


@frozen(slots=True, eq=False)
class Direction(Node):
    """The perturbation of a named tensor, in which a differential is linear: `dX` for `X`."""

    of: str
    declared: Shape
    facts: Facts = NO_FACTS

    def __post_init__(self) -> None:
        content = (self.of, _key(self.declared), sorted(self.facts))
        self._seal(self.declared, is_real(self.facts), *content)

    @property
    def name(self) -> str:
        """The name under which the direction is given: `dX`."""
        return f"d{self.of}"


@frozen(slots=True, eq=False)
class Hole(Node):
    """An unknown of the innermost enclosing `Solve`, by number."""

    number: int
    declared: Shape
    is_real: bool = True

    def __post_init__(self) -> None:
        self._seal(self.declared, self.is_real, self.number, _key(self.declared))

    @staticmethod
    def of(unknown: Node | Unknown, number: int = 0) -> Hole:
        """The hole of that number for an unknown, or for one that is like a tensor."""
        return Hole(number, unknown.shape, unknown.real)


@frozen(slots=True, eq=False)
class Size(Node):
    """A dimension used as a number."""

    dim: Dim

    def __post_init__(self) -> None:
        self._seal((), True, str(self.dim))


@frozen(slots=True, eq=False)
class Constant(Node):
    """A named scalar: `pi`, or `i`, the imaginary unit."""

    name: str

    def __post_init__(self) -> None:
        self._seal((), self.name != "i", self.name)


@frozen(slots=True, eq=False)
class Mask(Node):
    """A matrix that weighs entries by where they stand: below, on and above the diagonal.

    `(1, 1, 0)` is the lower triangle, `(1, 1/2, 0)` the Φ of the Cholesky differential.
    """

    below: Fraction
    on: Fraction
    above: Fraction
    declared: Shape

    def __post_init__(self) -> None:
        self._seal(self.declared, True, tuple(map(str, self.weights)), _key(self.declared))

    @property
    def weights(self) -> tuple[Fraction, Fraction, Fraction]:
        """The three weights, in the order below, on, above."""
        return self.below, self.on, self.above

    @property
    def transposed(self) -> Mask:
        """The mask of the transpose."""
        return Mask(self.above, self.on, self.below, self.declared[::-1])


@frozen(slots=True, eq=False)
class Selection(Node):
    """A constant matrix of zeros and ones that places a part into a whole, or picks it out.

    Entry `[i + offset, i]` is 1. A whole of length `p + q` is `concatenate(x, y)` when x is placed
    at 0 and y at p; the transpose cuts the part out again. With `part` None it is the basis vector
    of the whole at `offset`: what an integer index contracts with.
    """

    whole: Dim
    part: Dim | None
    offset: Dim

    def __post_init__(self) -> None:
        shape = (self.whole,) if self.part is None else (self.whole, self.part)
        self._seal(shape, True, str(self.whole), str(self.part), str(self.offset))


@frozen(slots=True, eq=False)
class HalfVectorisation(Node):
    """The constant tensor that takes a matrix to its lower triangle, column by column.

    Axes: the place in `vech(X)`, then the row and the column of X.
    """

    dim: Dim

    def __post_init__(self) -> None:
        length = self.dim * (self.dim + 1) * Fraction(1, 2)
        self._seal((length, self.dim, self.dim), True, str(self.dim))


class Factor(NamedTuple):
    """A factor of a contraction: a tensor, the labels on its axes, and whether it is conjugated."""

    node: Node
    groups: Groups
    conj: bool = False

    @property
    def labels(self) -> tuple[int, ...]:
        """The labels of all axes, groups flattened."""
        return tuple(chain.from_iterable(self.groups))

    @property
    def conjugated(self) -> Factor:
        """The conjugate of the factor."""
        return Factor(self.node, self.groups, not self.conj)

    def with_node(self, node: Node) -> Factor:
        """Another tensor in the place of this one."""
        return Factor(node, self.groups, self.conj)

    def relabelled(self, names: Mapping[int, int]) -> Factor:
        """The factor with other labels for some."""
        return Factor(self.node, relabelled(self.groups, names), self.conj)


def relabelled(groups: Groups, names: Mapping[int, int]) -> Groups:
    """Groups with other labels for some."""
    return tuple([tuple([names.get(label, label) for label in group]) for group in groups])


def labels_of(factors: Iterable[Factor]) -> set[int]:
    """The labels that some factors carry."""
    # A loop: the passes ask this of every product.
    found: set[int] = set()
    for factor in factors:
        found.update(*factor.groups)
    return found


@frozen(slots=True, eq=False)
class Contract(Node):
    """A rational number times a product of factors, summed over the labels not in the output."""

    coefficient: Fraction
    factors: tuple[Factor, ...]
    dims: tuple[Dim, ...]
    output: Groups

    def __post_init__(self) -> None:
        # Lists, here and below: generators take a third longer, and nodes are made and asked by the thousand.
        shape = tuple([product([self.dims[label] for label in group]) for group in self.output])
        factors = tuple([(f.node.digest, f.groups, f.conj) for f in self.factors])
        real = all([f.node.real for f in self.factors])
        self._seal(shape, real, str(self.coefficient), factors, _key(self.dims), self.output)

    @property
    def children(self) -> tuple[Node, ...]:
        """The factors' tensors."""
        return tuple([factor.node for factor in self.factors])

    @property
    def free_labels(self) -> tuple[int, ...]:
        """The labels of the output, groups flattened; the others are summed over."""
        return tuple(chain.from_iterable(self.output))

    def beside(self, *places: int) -> list[Factor]:
        """The factors but those at some places."""
        return [factor for place, factor in enumerate(self.factors) if place not in places]


@frozen(slots=True, eq=False)
class Add(Node):
    """A sum of tensors of one shape."""

    terms: tuple[Node, ...]

    def __post_init__(self) -> None:
        real = all([term.real for term in self.terms])
        self._seal(self.terms[0].shape, real, tuple([term.digest for term in self.terms]))

    @property
    def children(self) -> tuple[Node, ...]:
        """The terms."""
        return self.terms


@frozen(slots=True, eq=False)
class Apply(Node):
    """One output of a primitive applied to arguments; leading batch axes are shared by all.

    An elementwise function is a primitive of scalars: all axes of its arguments are batch axes.
    """

    primitive: Primitive
    parameters: tuple[Parameter, ...]
    arguments: tuple[Node, ...]
    index: int = 0

    def __post_init__(self) -> None:
        shape = self.primitive.output_shape(self.index, self.arguments)
        digests = tuple([argument.digest for argument in self.arguments])
        real = self.primitive.real(self.index, tuple([a.real for a in self.arguments]))
        self._seal(shape, real, self.primitive.token, str(self.parameters), digests, self.index)

    @property
    def children(self) -> tuple[Node, ...]:
        """The arguments."""
        return self.arguments

    @property
    def bound(self) -> tuple[Shape, dict[str, Dim]]:
        """The batch axes, and what the dimensions of the function's signature stand for."""
        return self.primitive.bind(tuple(argument.shape for argument in self.arguments))

    @property
    def outputs(self) -> tuple[Apply, ...]:
        """All outputs of the function at these arguments, this one among them."""
        count = len(self.primitive.outputs)
        return tuple(Apply(self.primitive, self.parameters, self.arguments, place) for place in range(count))


def is_apply(node: object, *primitives: Primitive) -> TypeGuard[Apply]:
    """Whether something is an output of one of some functions."""
    return isinstance(node, Apply) and node.primitive in primitives


class Unknown(NamedTuple):
    """A hole of a `Solve`: its number is its place; the space is a constant linear one."""

    shape: Shape
    space: Space
    real: bool = True


class Equation(NamedTuple):
    """A linear equation of a `Solve`: an operator on the holes, and the space it takes values in."""

    operator: Node
    space: Space


@frozen(slots=True, eq=False)
class Solve(Node):
    """The solution of linear equations: the tensor that the holes' numbers stand for.

    `operators[q](H₀, H₁, …) = right_sides[q]`, each hole and each equation in a constant linear
    space. The node binds the holes that occur in its operators; those that occur in its right sides
    belong to an enclosing `Solve`. Right sides may have further trailing axes, which the solution
    then has too.
    """

    unknowns: tuple[Unknown, ...]
    equations: tuple[Equation, ...]
    right_sides: tuple[Node, ...]
    index: int

    def __post_init__(self) -> None:
        first = self.equations[0].operator.rank
        trailing = self.right_sides[0].shape[first:]
        unknowns = tuple((_key(u.shape), str(u.space), u.real) for u in self.unknowns)
        equations = tuple((e.operator.digest, str(e.space)) for e in self.equations)
        sides = tuple(side.digest for side in self.right_sides)
        real = self.unknowns[self.index].real
        shape = self.unknowns[self.index].shape + trailing
        self._seal(shape, real, unknowns, equations, sides, self.index)

    @property
    def children(self) -> tuple[Node, ...]:
        """The operators, then the right sides."""
        return (*(equation.operator for equation in self.equations), *self.right_sides)

    @property
    def in_real_numbers(self) -> bool:
        """Whether all is real: the unknowns, the operators and the right sides."""
        return all(unknown.real for unknown in self.unknowns) and all(child.real for child in self.children)

    @property
    def trailing(self) -> Shape:
        """The further axes of the right sides."""
        return self.shape[len(self.unknowns[self.index].shape) :]
