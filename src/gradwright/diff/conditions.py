"""What an expression and its derivatives need."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence

from gradwright.core.build import adjoint, diagonal, number, ones, transpose
from gradwright.core.canonical import as_product
from gradwright.core.connected import connected
from gradwright.core.contraction import contract, subproduct, with_factors, zero
from gradwright.core.inference import facts_of, is_nonnegative, is_positive
from gradwright.core.nodes import Add, Apply, Contract, Factor, Hole, Node, Solve, is_apply
from gradwright.core.primitive import Primitive
from gradwright.core.scalars import shared_number
from gradwright.core.spaces import Space
from gradwright.core.sums import add, scaled
from gradwright.core.walks import applications, postorder
from gradwright.diff.differential import from_template
from gradwright.diff.guards import with_guards
from gradwright.diff.identities.engine import solved
from gradwright.linear.chains import chain_of, product_of_chain
from gradwright.linear.forms import adjoint_solve
from gradwright.linear.recognise import discrete_factors, sylvester_operands
from gradwright.prims.inv import inv
from gradwright.prims.piecewise import absolute, equal, modulus
from gradwright.prims.power import base_and_exponent, power
from gradwright.prims.reductions import maximum_entry, minimum_entry, norm
from gradwright.prims.sqrtm import sqrtm
from gradwright.simplify.broadcasts import without_repetition
from gradwright.simplify.inverse_products import square_parts
from gradwright.simplify.pipeline import simplify

# The facts that make a condition true, by the sentence in which the records state it.
GRANTED: dict[str, frozenset[str]] = {
    "{} is invertible": frozenset({"invertible"}),
    "{} has no zero on its diagonal": frozenset({"invertible"}),
    "{} is positive definite": frozenset({"spd"}),
    "det({}) > 0": frozenset({"spd"}),
    "every leading minor of {} is invertible": frozenset({"spd"}),
    "{} has no eigenvalue on the closed negative real axis": frozenset({"spd"}),
    "{} has no eigenvalue on the imaginary axis": frozenset({"spd"}),
    "{} has full rank": frozenset({"invertible", "stiefel"}),
    "{} has full column rank": frozenset({"invertible", "stiefel"}),
    "{} has constant rank": frozenset({"invertible", "stiefel"}),
    "{} has positive entries": frozenset({"positive"}),
    "{} > 0": frozenset({"positive"}),
    "{} ≠ 0": frozenset({"positive"}),
    "{} is not a whole number ≤ 0": frozenset({"positive"}),
}
_EQUATIONS = {
    "sylvester": "{0} and {1} share no eigenvalue",
    "lyapunov": "no two eigenvalues of {0} add up to zero",
    "stein": "no two eigenvalues of {0} multiply to one",
    "discrete": "no eigenvalues of {0} and {1} multiply to one",
}


def conditions_of(
    expressions: tuple[Node, ...], derivatives: tuple[Node, ...], written: Callable[[Node], str]
) -> tuple[str, ...]:
    """The conditions of all functions that occur, in the words of their records, each once.

    A derivative solves the adjoint of an equation under the same condition as the equation itself; and
    the equations that the derivative of a function leads to are covered by the function's own record,
    if that states conditions. That eigenvalues or singular values are distinct is needed where the
    vectors are left in a derivative; what depends on the values alone is smooth where they meet.

    Args:
        expressions: what is differentiated.
        derivatives: the derivatives that are asked about.
        written: renders a node; formulas of LaTeX may stand between dollar signs.
    """
    expressions, derivatives = with_guards(expressions), with_guards(derivatives)
    found: dict[str, None] = {}
    solved_before = set[Hashable]()
    own = set(postorder(*expressions))
    implied: set[str] = set()
    sums: dict[str, set[str]] = {}
    decomposed = {_decomposition(n) for n in postorder(*(derivatives or expressions)) if _is_free_in_gauge(n)}
    systems = {matrix for n in own if isinstance(n, Apply) for matrix in _inverted_by_derivative(n)}
    for node in postorder(*expressions, *derivatives):
        if isinstance(node, Apply):
            if node not in own and node.primitive is inv and _and_adjoint(node.arguments[0]) in systems:
                continue
            smooth = bool(node.primitive.gauge) and _decomposition(node) not in decomposed
            texts = _of_application(node, written)
            implied.update(_invertible_parts(node, written))
            implied.update(_factors_without_zeros(node, written))
            sums.update(_sum_of_sizes(node, written))
            found.update(dict.fromkeys(text for text in texts if not (smooth and "are distinct" in text)))
        elif isinstance(node, Solve):
            key = _equation_key(node)
            if key not in solved_before and (node in own or not _is_covered(node)):
                found.update(dict.fromkeys(_of_equation(node, written)))
            solved_before.add(key)
    bare = {condition: condition.replace("$", "") for condition in found}
    implied.update(c for c, stronger in sums.items() if not stronger.isdisjoint(found))
    return tuple(c for c in found if c not in implied and not _is_implied(bare[c], bare.values()))


def conditions_of_identity(primitive: Primitive, written: Callable[[Node], str]) -> tuple[str, ...]:
    """What the differentials that an identity determines need, in the names of the identity."""
    solution = solved(primitive)
    pivots = [f"{written(p)} is invertible" for p in solution.pivots if not _is_granted("{} is invertible", p)]
    return tuple(dict.fromkeys((*pivots, *conditions_of((), solution.differentials, written))))


def _decomposition(node: Node) -> Hashable:
    """What the outputs of one factorisation have in common."""
    assert isinstance(node, Apply)
    return node.primitive, node.arguments


def _is_free_in_gauge(node: Node) -> bool:
    """Whether a node is a matrix of vectors, which its factorisation leaves a freedom; eigenvalues have none."""
    return isinstance(node, Apply) and bool(node.primitive.gauge) and node.rank > 1


def _is_implied(condition: str, others: Collection[str]) -> bool:
    """Whether a stronger condition on the same matrix is among the others."""
    for weaker, stronger in _STRONGER:
        before, _, behind = weaker.partition("{}")
        subject = condition.removeprefix(before).removesuffix(behind)
        if f"{before}{subject}{behind}" == condition and stronger.format(subject) in others:
            return True
    return False


# What stands in the place of `x > 0` where x is complex: roots and logarithms are cut along the negative axis.
_OFF_THE_CUT = " does not meet the closed negative real axis"
_STRONGER = (
    ("{} is invertible", "det({}) > 0"),
    ("{} is invertible", f"det({{}}){_OFF_THE_CUT}"),
    ("{} is invertible", "{} has no eigenvalue on the closed negative real axis"),
    ("{} is invertible", "{} has no eigenvalue on the imaginary axis"),
    ("det({}) ≠ 0", "{} is invertible"),
    ("{} ≠ 0", f"{{}}{_OFF_THE_CUT}"),
    ("{} ≠ 0", "{} > 0"),
    ("{} ≥ 0", "{} > 0"),
    ("{} has constant rank", "{} has full rank"),
    ("{} has constant rank", "{} has full column rank"),
)


def _equation_key(node: Solve) -> Hashable:
    """The same for an equation and its adjoint."""
    known = sylvester_operands(node)
    if known is None:
        both = (node, adjoint_solve(node))
        return frozenset(tuple(simplify(equation.operator) for equation in n.equations) for n in both)
    name, operands = known
    return name, frozenset(frozenset({o, simplify(adjoint(o))}) for o in operands[:-1])


def _is_covered(node: Solve) -> bool:
    """Whether a function whose derivative solves equations, and whose record states conditions, is in an operator."""
    operators = [equation.operator for equation in node.equations]
    return any(n.primitive.conditions and _solves_equations(n.primitive) for n in applications(*operators))


def _inverted_by_derivative(node: Apply) -> list[frozenset[Node]]:
    """The matrices of linear systems in the derivative of a function whose record states conditions."""
    if not node.primitive.conditions or not node.primitive.identity:
        return []
    inverses = [n for n in applications(*solved(node.primitive).differentials) if n.primitive is inv]
    return [_and_adjoint(_in_arguments(node, n.arguments[0])) for n in inverses]


def _and_adjoint(matrix: Node) -> frozenset[Node]:
    return frozenset({matrix, simplify(adjoint(matrix))})


def _solves_equations(primitive: Primitive) -> bool:
    return bool(primitive.identity) and any(isinstance(n, Solve) for n in postorder(*solved(primitive).differentials))


def _of_application(node: Apply, written: Callable[[Node], str]) -> list[str]:
    primitive = node.primitive
    own = map(without_repetition, node.arguments) if primitive.elementwise else node.arguments
    arguments = {d.name: a for d, a in zip(primitive.inputs, own, strict=True)}
    kept: list[str] = []
    for condition in primitive.conditions:
        name = next((name for name in arguments if f"{{{name}}}" in condition), None)
        if name is None:
            kept.append(_stated(condition, primitive, arguments, written))
            continue
        condition, subject = _with_sum(condition, name, arguments[name])
        sentence = condition.replace(f"{{{name}}}", "{}")
        about = {**arguments, name: _core(sentence, subject)}
        if _is_granted(sentence, about[name]):
            continue
        size = _size_of(about[name])
        if sentence in ("{} > 0", "{} ≠ 0") and size is not None:
            kept.append(f"{written(size)} ≠ 0")
            continue
        stated = _stated(condition, primitive, about, written)
        kept.append(stated if about[name].real else _of_complex(stated))
    if primitive is power:
        kept += _of_power(node, written)
    if primitive.identity and not primitive.conditions:
        kept += [f"{written(p)} is invertible" for p in _pivots(node) if not _is_granted("{} is invertible", p)]
    return kept


def _with_sum(condition: str, name: str, argument: Node) -> tuple[str, Node]:
    """A condition of 1 and an argument as one of their sum: `1 − ‖x‖² > 0` where log1p needs that of −‖x‖²."""
    sentence = condition.replace(f"1 + {{{name}}}", f"{{{name}}}")
    return sentence, argument if sentence == condition else add([ones(argument.shape), argument])


def _stated(condition: str, primitive: Primitive, arguments: Mapping[str, Node], written: Callable[[Node], str]) -> str:
    """A condition of a function's record, of its arguments."""
    subjects = {d.name: _subject(condition, arguments[d.name], len(d.shape), written) for d in primitive.inputs}
    return condition.format(**subjects)


def _core(sentence: str, node: Node) -> Node:
    """What a sentence is about without the numbers in front that do not matter to it: `x > 0` for `x / n > 0`."""
    if sentence not in ("{} > 0", "{} ≠ 0", "{} is invertible", "det({}) > 0"):
        return node
    if isinstance(node, Apply) and sentence in ("{} > 0", "{} ≠ 0") and _keeps_signs(node):
        return _core(sentence, node.arguments[0])
    number, rest = shared_number(node)
    factors = as_product(rest).factors
    scalars = [f for f in factors if not f.node.rank and is_positive(f.node)]
    if number < 0 and sentence.endswith("> 0"):
        return node
    return _product(rest, [f for f in factors if f not in scalars]) if scalars else rest


def _keeps_signs(node: Apply) -> bool:
    """Whether a function has the sign of its argument, entry by entry: `x > 0` for `sinh(x) > 0`."""
    return node.primitive.parity == "odd" and "positive" in node.primitive.preserves and node.arguments[0].real


def _product(like: Node, factors: Sequence[Factor]) -> Node:
    product = as_product(like)
    return with_factors(product, factors, 1)


def _size_of(node: Node) -> Node | None:
    """What a node is the absolute value, the norm, an even power or the sum of the squares of; else None."""
    if isinstance(node, Apply):
        _, exponent = base_and_exponent(node)
        even = exponent.denominator == 1 and not exponent.numerator % 2
        return node.arguments[0] if even or node.primitive in (absolute, modulus, norm) else None
    if not isinstance(node, Contract) or node.coefficient <= 0:
        return None
    if len(node.factors) == 1:
        (factor,) = node.factors
        inner = _size_of(factor.node)
        held = set(node.free_labels)
        entries = inner is not None and inner.rank == factor.node.rank and held.issuperset(factor.labels)
        return _product(node, [factor.with_node(inner)]) if inner is not None and entries else None
    if node.rank:
        return None
    if len(node.factors) != 2 or node.factors[0].groups != node.factors[1].groups:
        return _half_of_quadratic_form(node)
    first, second = node.factors
    squared = first.node == second.node and (first.node.real or first.conj != second.conj)
    return first.node if squared and len(set(first.labels)) == len(first.labels) else None


def _half_of_quadratic_form(product: Contract) -> Node | None:
    """`A x` for `xᵀ Aᵀ A x`, and x for `xᵀ K x` with a definite K; None for other numbers, and for complex ones."""
    first = next((f for f in product.factors if f.node.rank == len(f.labels) == 1), None)
    if first is None or not product.real:
        return None
    rest = [f for f in product.factors if f is not first]
    chain = chain_of(contract(1, rest, first.groups, dict(enumerate(product.dims))))
    if chain is None or chain.scalar != number(1) or chain.elements[-1] != first.node:
        return None
    count, half = (len(chain.elements) - 1) // 2, len(chain.elements) // 2
    before, middle, behind = chain.elements[:count], chain.elements[count:half], chain.elements[half:]
    mirrored = tuple(simplify(transpose(matrix)) for matrix in reversed(behind[:-1]))
    if before != mirrored or any("spd" not in facts_of(matrix) for matrix in middle):
        return None
    return simplify(product_of_chain(behind, first.node))


def _invertible_parts(node: Apply, written: Callable[[Node], str]) -> list[str]:
    """What is said already where a product of square matrices has an inverse: that each of them has one; and roots.

    A triangular one has no zero on its diagonal.
    """
    named = {
        f"{{{d.name}}}": _core("{} is invertible", a)
        for d, a in zip(node.primitive.inputs, node.arguments, strict=True)
    }
    whole = [
        argument
        for name, argument in named.items()
        if {f"{name} is invertible", f"det({name}) > 0"}.intersection(node.primitive.conditions)
    ]
    parts = [part for argument in whole for part in square_parts(argument)]
    # No eigenvalue of a matrix with a principal root is zero, nor is one of the root.
    parts += [node] if node.primitive is sqrtm else []
    triangles = [matrix for matrix in (*whole, *parts) if {"lower", "upper"} & facts_of(matrix)]
    return [
        *(f"{_subject('{} is invertible', part, 2, written)} is invertible" for part in parts),
        *(f"{written(simplify(diagonal(matrix)))} ≠ 0" for matrix in triangles),
    ]


def _factors_without_zeros(node: Apply, written: Callable[[Node], str]) -> list[str]:
    """What is said already where a product, or a quotient, is positive or not zero: that no factor of it is zero."""
    if node.primitive is power:
        about = [node.arguments[0]] if base_and_exponent(node)[1] < 1 else []
    else:
        stated = {f"{{{d.name}}} {sign} 0": a for d, a in zip(node.primitive.inputs, node.arguments, strict=True)
                  for sign in (">", "≠")}  # fmt: skip
        about = [argument for condition, argument in stated.items() if condition in node.primitive.conditions]
    products = [as_product(without_repetition(argument)) for argument in about if _size_of(argument) is None]
    bases = [base_and_exponent(part)[0] for product in products for part in _parts_entry_by_entry(product)]
    return [f"{written(_core('{} ≠ 0', base))} ≠ 0" for base in bases]


def _parts_entry_by_entry(product: Contract) -> list[Node]:
    """The tensors, several, of which a tensor is the product entry by entry: scalars, and some with its axes."""
    kept = set(product.free_labels)
    parts = connected(product.factors, set(range(len(product.dims))) - kept)
    held = [{label for factor in part for label in factor.labels} for part in parts]
    outputs = [tuple(group for group in product.output if labels.intersection(group)) for labels in held]
    if len(parts) < 2 or any(output not in ((), product.output) for output in outputs):
        return []
    return [subproduct(product, part, output) for part, output in zip(parts, outputs, strict=True)]


def _of_complex(condition: str) -> str:
    subject = condition.removesuffix(" > 0")
    return condition if subject == condition else f"{subject}{_OFF_THE_CUT}"


def _subject(condition: str, argument: Node, rank: int, written: Callable[[Node], str]) -> str:
    """What a condition is about: A instead of Aᵀ, of which all but the columns is the same.

    Of a function of vectors along an axis of a matrix, it is about each row, or column.
    """
    if argument.rank == 2 and rank == 1:
        row, column = written(argument), written(simplify(transpose(argument)))
        return f"every row of {row}" if len(row) <= len(column) else f"every column of {column}"
    if argument.rank != 2 or "column" in condition:
        return written(argument)
    return min((written(argument), written(simplify(adjoint(argument)))), key=len)


def _pivots(node: Apply) -> tuple[Node, ...]:
    """What a function that is defined by an identity is, or contains, the inverse of."""
    return tuple(_in_arguments(node, pivot) for pivot in solved(node.primitive).pivots)


def _in_arguments(node: Apply, formula: Node) -> Node:
    """A formula without directions in the names of a function, for an application of it."""
    still = {argument: zero(argument.shape) for argument in node.arguments}
    return simplify(from_template(node, formula, still))


def _of_power(node: Apply, written: Callable[[Node], str]) -> list[str]:
    """Reciprocals and roots of what is not known to be positive."""
    base, exponent = base_and_exponent(node)
    if "positive" in facts_of(base) or _is_told_elsewhere(base):
        return []
    base = _core("{} > 0" if exponent.denominator > 1 else "{} ≠ 0", base)
    size = _size_of(base)
    if size is not None and exponent < 1:
        return [f"{written(size)} ≠ 0"] if exponent.denominator > 1 or exponent < 0 else []
    if exponent.denominator > 1 and not base.real:
        return [f"{written(base)}{_OFF_THE_CUT}"]
    if exponent.denominator > 1:
        return [f"{written(base)} {'>' if exponent < 1 else '≥'} 0"]
    return [f"{written(base)} ≠ 0"] if exponent < 0 else []


def _sum_of_sizes(node: Apply, written: Callable[[Node], str]) -> dict[str, set[str]]:
    """The condition `x² + y² ≠ 0` with those that are stronger, that one of the terms is not zero."""
    base = node.arguments[0] if node.primitive is power else None
    if not isinstance(base, Add) or not all(map(is_nonnegative, base.terms)):
        return {}
    sizes = (_size_of(term) or term for term in base.terms)
    return {f"{written(base)} ≠ 0": {f"{written(size)} ≠ 0" for size in sizes}}


def _is_told_elsewhere(base: Node) -> bool:
    """Whether a record states what the base needs: a norm's, or that of a factorisation it is made of."""
    if isinstance(base, Apply) and any("≠ 0" in condition for condition in base.primitive.conditions):
        return True
    return _counts_extremes(base) or any(n.primitive.gauge for n in applications(base))


def _counts_extremes(base: Node) -> bool:
    """Whether a node is how often a largest or smallest entry occurs among those that it is taken of: once at least."""
    if not isinstance(base, Contract) or len(base.factors) != 1 or base.coefficient <= 0:
        return False
    mask = base.factors[0].node
    if not is_apply(mask, equal):
        return False
    entries, compared = mask.arguments
    return any(
        n.primitive in (maximum_entry, minimum_entry) and n.arguments == (entries,) for n in applications(compared)
    )


def _is_granted(sentence: str, argument: Node) -> bool:
    """Whether what is known of a node makes a sentence about it true, in which it is written `{}`."""
    granted = GRANTED.get(sentence, frozenset[str]())
    if sentence == "det({}) > 0" and _is_product_of(argument, granted):
        return True
    return not facts_of(argument).isdisjoint(granted)


def _is_product_of(node: Node, facts: Collection[str]) -> bool:
    """Whether a matrix is a product of matrices with one of some facts: the determinant is that of each."""
    chain = chain_of(node)
    if chain is None or chain.scalar != number(1):
        return False
    return all(not facts_of(element).isdisjoint(facts) for element in chain.elements)


def _of_equation(node: Solve, written: Callable[[Node], str]) -> list[str]:
    """The condition of an equation, or of its adjoint, which is the same one: whichever is shorter to write."""
    known, factors = sylvester_operands(node, many=True), discrete_factors(node)
    if known is not None:
        name, known_part = known[0], known[1][:-1]
    elif factors is not None:
        name, known_part = "discrete", factors
    else:
        return [_of_map(node, written)]
    if name == "sylvester" and known_part[0] == known_part[1]:
        name, known_part = "lyapunov", known_part[:1]
    forms = [
        tuple(map(written, _compared(name, o))) for o in (known_part, tuple(simplify(adjoint(x)) for x in known_part))
    ]
    return [_EQUATIONS[name].format(*min(forms, key=lambda texts: len("".join(texts))))]


def _of_map(node: Solve, written: Callable[[Node], str]) -> str:
    """`the map H ↦ A H B + H is invertible`, with the set of matrices on which it has to be; or so of the adjoint."""
    return min((_map_words(n, written) for n in (node, adjoint_solve(node))), key=len)


def _map_words(node: Solve, written: Callable[[Node], str]) -> str:
    holes = [written(Hole.of(u, place)) for place, u in enumerate(node.unknowns)]
    images = [written(simplify(e.operator)) for e in node.equations]
    spaces = {u.space for u in node.unknowns}
    kind = f" of {spaces.pop()} matrices" if len(spaces) == 1 and Space.FREE not in spaces else ""
    return f"the map {_listed(holes)} ↦ {_listed(images)}{kind} is invertible"


def _listed(texts: list[str]) -> str:
    return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"


def _compared(name: str, operands: tuple[Node, ...]) -> tuple[Node, ...]:
    """The matrices whose eigenvalues decide: A and −B for Sylvester's equation."""
    return (operands[0], simplify(scaled(-1, operands[1]))) if name == "sylvester" else operands
