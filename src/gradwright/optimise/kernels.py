"""Functions that a library computes in one pass over the memory, put where an expression equals one.

A normalisation to mean 0 and variance 1, its cotangent, and that of a softmax, `y ∘ (g − (y · g) 1)`, are chains of
entrywise operations and sums, each of which reads whole arrays from memory. PyTorch has a kernel for each. What such
an expression looks like depends on the passes before, on weights, and on how the variance was written; so none is
looked for by its form. Candidates for y or x, and for g, are read off the functions and the products that occur, other
tensors become variables, and it is proved modulo a prime that the expression is the kernel's function of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction

import numpy as np

from gradwright.core.build import transpose
from gradwright.core.contraction import contract, scale, simple, with_factors
from gradwright.core.dims import Dim
from gradwright.core.evaluate import evaluate_all
from gradwright.core.nodes import Add, Apply, Contract, Direction, Factor, Hole, Node, Symbol, field_of
from gradwright.core.points import dimension_names
from gradwright.core.primitive import Primitive
from gradwright.core.sums import add, coefficient_of, terms_of
from gradwright.core.walks import free_leaves, postorder, substitute
from gradwright.frozen import frozen
from gradwright.optimise.rewriting import rewritten
from gradwright.optimise.roots import Roots
from gradwright.prims.fused import layer_norm, layer_norm_vjp, softmax_vjp, variance
from gradwright.prims.power import power
from gradwright.prims.softmax import softmax
from gradwright.simplify.definitions import expand_definitions
from gradwright.simplify.equality import proved_equal

KERNELS = (softmax_vjp, layer_norm, layer_norm_vjp)
DEPTH = 5  # operations at most between a derivative and a product with its cotangent
# Nodes of what may be a kernel's function: twice as many as any has in the form that a derivation leaves it in.
LARGEST = 40
ROUGH = 1e-6  # relative to the largest entry
# Of the variance, in the derivative of what was divided by its root.
EXPONENTS = ((Fraction(-1, 2),), (Fraction(-3, 2),))


@frozen
class _Start:
    """What a kernel's function may be taken of.

    Attributes:
        argument: the first argument of the cotangent's kernel, y or x.
        mark: what every term of the function contains: y, or the variance of x.
        epsilon: what the variance was given in addition; None for a softmax.
    """

    argument: Node
    mark: Node
    epsilon: Fraction | None = None

    @property
    def normalised(self) -> tuple[Apply, ...]:
        """Of x: what has mean 0 and variance 1, the mean, and the factor; nothing for a softmax."""
        if self.epsilon is None:
            return ()
        return tuple(Apply(layer_norm, (self.epsilon,), (self.argument,), place) for place in range(3))

    def pulled(self, cotangent: Node) -> Apply:
        """A cotangent pulled back."""
        if self.epsilon is None:
            return Apply(softmax_vjp, (), (self.argument, cotangent))
        return Apply(layer_norm_vjp, (), (self.argument, cotangent, *self.normalised[1:]))

    def is_in(self, near: Collection[Node]) -> bool:
        """Whether an expression with such parts may be the function, or a term of it."""
        return self.mark in near or any(node in near for node in self.normalised)


def use_kernels(roots: Roots, kernels: Collection[Primitive]) -> Roots:
    """The kernels' functions put where they occur.

    Args:
        roots: expressions in which products are products of two.
        kernels: those that the library has.
    """
    starts: dict[_Start, None] = {}

    def step(_: Node, new: Node) -> Node:
        starts.update(dict.fromkeys(_starts(new, kernels)))
        return _with_kernel(new, starts) if isinstance(new, Add | Contract) else new

    return rewritten(roots, step)


def _starts(node: Node, kernels: Collection[Primitive]) -> Iterator[_Start]:
    """A softmax, and a power of the variance of something."""
    if not isinstance(node, Apply):
        return
    if node.primitive is softmax and softmax_vjp in kernels:
        yield _Start(node, node)
    if node.primitive is power and node.parameters in EXPONENTS and layer_norm in kernels:
        mark = node.arguments[0]
        epsilon = sum((coefficient_of(term) for term in terms_of(mark) if _is_number(term)), Fraction(0))
        for x in postorder(mark):
            if x.real and x.rank == mark.rank + 1 and x.shape[:-1] == mark.shape and _is_variance(mark, x, epsilon):
                yield _Start(x, mark, epsilon)
                return


def _is_number(term: Node) -> bool:
    return isinstance(term, Contract) and not term.factors


def _is_variance(node: Node, x: Node, epsilon: Fraction) -> bool:
    """Whether a node is the variance of x along the last axis, and a number more."""
    plain = _variable("x", x)
    found = _in_variables(node, {x: plain})
    return found is not None and proved_equal(found, expand_definitions(Apply(variance, (epsilon,), (plain,))))


def _with_kernel(node: Node, starts: Collection[_Start]) -> Node:
    fitting = [start for start in starts if any(_turns(node, start))]
    if not fitting or not node.real:
        return node
    near = _near(node)
    for start in fitting:
        own = [term for term in terms_of(node) if start.is_in(_near(term))]
        found = _as_multiple(add(own), start, near) if own else None
        if found is not None:
            return add([found, *(term for term in terms_of(node) if term not in own)])
    return node


def _as_multiple(node: Node, start: _Start, near: Collection[Node]) -> Node | None:
    """The node as a multiple of what was normalised, or of a cotangent pulled back."""
    own = {start.argument: _variable("x", start.argument)}
    found = _multiple(node, start, own, start.normalised[0]) if start.normalised else None
    for cotangent in _cotangents(near, start.argument):
        if found is not None:
            break
        given = {f.node: _variable(f"g{k}", f.node) for k, f in enumerate(cotangent.factors)}
        found = _multiple(node, start, {**given, **own}, start.pulled(cotangent.node))
    return found


def _near(node: Node) -> dict[Node, None]:
    """The nodes that few operations separate from this one."""
    found, layer = {node: None}, [node]
    for _ in range(DEPTH):
        layer = [child for parent in layer for child in parent.children if child not in found]
        found.update(dict.fromkeys(layer))
    return found


@frozen
class _Cotangent:
    """A product of tensors.

    Attributes:
        factors: the tensors, with labels.
        axes: the labels of the product's axes; it is summed over the others.
        dims: the dimension of every label.
    """

    factors: tuple[Factor, ...]
    axes: tuple[int, ...]
    dims: tuple[Dim, ...]

    @property
    def node(self) -> Node:
        """The product."""
        return contract(1, self.factors, simple(self.axes), dict(enumerate(self.dims)))


def _cotangents(nodes: Iterable[Node], argument: Node) -> dict[_Cotangent, None]:
    """What is multiplied by something of the argument's shape that depends on it, and summed over the last axis."""
    found: dict[_Cotangent, None] = {}
    for node in nodes:
        if isinstance(node, Contract):
            whole = with_factors(node, node.factors, 1)  # products in products, too
            for product in dict.fromkeys([node, whole]):
                if isinstance(product, Contract):
                    found.update(dict.fromkeys(_partners(product, argument)))
    return found


def _partners(product: Contract, argument: Node) -> Iterator[_Cotangent]:
    for own in product.factors:
        axes = own.labels
        if own.node.shape != argument.shape or len({*axes}) != argument.rank or (axes[-1],) in product.output:
            continue
        if argument not in _near(own.node):
            continue
        others = _linked([f for f in product.factors if f is not own], axes)
        if others:
            yield _Cotangent(others, axes, product.dims)


def _linked(factors: Sequence[Factor], axes: Sequence[int]) -> tuple[Factor, ...]:
    """The factors that have the last of some axes, and those that have a label in common with them which is no axis."""
    labels, found = {axes[-1]}, set[int]()
    while more := {k for k, f in enumerate(factors) if k not in found and labels & {*f.labels}}:
        found |= more
        labels |= {label for k in more for label in factors[k].labels if label not in axes}
    return tuple(factors[k] for k in sorted(found))


def _multiple(node: Node, start: _Start, given: Mapping[Node, Symbol], kernel: Apply) -> Node | None:
    """The node as a multiple of the kernel's function, or of its transpose, if it is one of some tensors alone."""
    found = _in_variables(node, given)
    wanted = _in_variables(kernel, given)
    if found is None or wanted is None:
        return None
    numbers = {sign * coefficient_of(term): None for term in terms_of(node) for sign in (1, -1)}
    wanted = expand_definitions(wanted)
    for turn in _turns(node, start):
        for number in numbers:
            multiple = expand_definitions(scale(1 / number, turn(found)))
            if _agree_at_a_point(multiple, wanted) and proved_equal(multiple, wanted):
                return scale(number, turn(kernel))
    return None


def _agree_at_a_point(node: Node, other: Node) -> bool:
    """Whether two values agree in floating-point numbers, or have none: what differs needs no proof."""
    sizes = {name: 3 + place for place, name in enumerate(sorted(dimension_names((node, other))))}
    generator = np.random.default_rng(0)
    leaves = [leaf for leaf in (*free_leaves(node), *free_leaves(other)) if isinstance(leaf, Symbol)]
    values: dict[Node, np.ndarray] = {
        leaf: generator.uniform(0.5, 1.5, [dim.evaluate(sizes) for dim in leaf.shape]) for leaf in leaves
    }
    with np.errstate(all="ignore"):
        first, second = evaluate_all((node, other), values, sizes)
    difference, size = (float(np.max(np.abs(x), initial=0.0)) for x in (first - second, second))
    return not np.isfinite(difference) or difference <= ROUGH * size


def _turns(node: Node, start: _Start) -> Iterator[Callable[[Node], Node]]:
    """As what the kernel's function may stand: as it is, or transposed."""
    shape = start.argument.shape
    if node.shape == shape:
        yield lambda found: found
    if node.rank == 2 and node.shape == shape[::-1]:
        yield transpose


def _in_variables(node: Node, given: Mapping[Node, Symbol]) -> Node | None:
    """The node with variables for some tensors, on which alone it depends; None if it depends on anything else.

    Nor is it written so if it is too large: what is no kernel's function takes long to tell from one.
    """
    for count, inner in enumerate(postorder(node, given=given)):
        if count == LARGEST or (isinstance(inner, Symbol | Direction | Hole) and inner not in given):
            return None
    return substitute(node, given)


def _variable(name: str, node: Node) -> Symbol:
    return Symbol(name, node.shape, field_of(node))
