"""The passes of the optimiser, in order. Each takes several expressions and returns as many, with the same values.

They see all expressions together, so that what a function and its derivatives share is computed once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from gradwright.core.nodes import Node
from gradwright.optimise.applied_sums import apply_sums
from gradwright.optimise.association import associate
from gradwright.optimise.blocks import in_blocks_beside_torch
from gradwright.optimise.branches import choose_before_functions, choose_by_comparisons
from gradwright.optimise.common_factors import factor_out
from gradwright.optimise.diagonals import divide_by_diagonals
from gradwright.optimise.differences import with_digits_kept
from gradwright.optimise.eigenvectors import name_hermitian, use_eigenvectors
from gradwright.optimise.entries import share_mirrored_entries
from gradwright.optimise.exponentials import share_exponentials
from gradwright.optimise.factorisations import share_factorisations
from gradwright.optimise.gaps import divide_by_what_counts
from gradwright.optimise.identities import multiply_out_identities
from gradwright.optimise.inverses import products_of_inverses, solve_for_sums
from gradwright.optimise.low_rank import invert_low_rank
from gradwright.optimise.mirrors import share_mirror_images
from gradwright.optimise.partial_sums import share_partial_sums
from gradwright.optimise.places import collect_places
from gradwright.optimise.roots import NO_HINTS, Hints, Roots
from gradwright.optimise.scaled_sums import scale_terms
from gradwright.optimise.schur_forms import share_schur_forms
from gradwright.optimise.sums_of_products import share_summed_products
from gradwright.optimise.systems import without_systems
from gradwright.optimise.values_alone import leave_out_vectors
from gradwright.prims.cholesky import cholesky_factors

Pass = Callable[[Roots, Hints], Roots]
# What only rearranges sums and products.
ARRANGING: tuple[Pass, ...] = (
    multiply_out_identities,
    apply_sums,
    collect_places,
    share_mirrored_entries,
    share_mirror_images,
    factor_out,
    associate,
    share_summed_products,
    share_partial_sums,
    scale_terms,
)
PASSES: tuple[Pass, ...] = (
    with_digits_kept,
    divide_by_what_counts,
    choose_by_comparisons,
    share_exponentials,
    without_systems,
    use_eigenvectors,
    share_schur_forms,
    products_of_inverses,
    divide_by_diagonals,
    invert_low_rank,
    solve_for_sums,
    *ARRANGING,
    share_factorisations,
    leave_out_vectors,
)
# For modules of PyTorch, which define functions of matrices and not all of their divided differences.
MODULE_PASSES = tuple(
    chosen for own in PASSES for chosen in ((own, in_blocks_beside_torch) if own is use_eigenvectors else (own,))
)
# For modules of JAX, which may differentiate any of their functions.
_DIFFERENTIATED = tuple(choose_before_functions if own is choose_by_comparisons else own for own in PASSES)
JAX_MODULE_PASSES = tuple(
    chosen for own in _DIFFERENTIATED for chosen in ((name_hermitian, own) if own is use_eigenvectors else (own,))
)
# For code through which PyTorch differentiates: without functions that SciPy has, and without eigenvectors.
DIFFERENTIABLE_PASSES = tuple(own for own in _DIFFERENTIATED if own not in (use_eigenvectors, share_schur_forms))


def optimise(
    roots: Mapping[str, Node], hints: Hints = NO_HINTS, passes: Sequence[Pass] = PASSES, beside: Sequence[Node] = ()
) -> dict[str, Node]:
    """The expressions in the form that is fastest to evaluate.

    Args:
        roots: expressions by name; what they share is found.
        hints: sizes of dimension names, for choosing the order of products; usual ones where there is none.
        passes: what is done, in order.
        beside: what has a value wherever the expressions are asked for, as the function that they are derivatives of:
            a matrix that it takes the Cholesky factor of is positive definite. It is not computed.
    """
    nodes = (*roots.values(), *cholesky_factors(beside))
    for apply_pass in passes:
        nodes = apply_pass(nodes, hints)
    return dict(zip(roots, nodes, strict=False))


def arrange(roots: Roots) -> Roots:
    """Sums and products rearranged; the functions that occur stay as they are."""
    for apply_pass in ARRANGING:
        roots = apply_pass(roots, NO_HINTS)
    return roots
