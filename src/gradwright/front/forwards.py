"""Forward functions of defined primitives, held to the identity wherever they are evaluated.

A function that satisfies an identity at some inputs need not do so at others: a real Schur form is triangular only
where the eigenvalues are real. A derivative by the identity would be that of something else there.
"""

from __future__ import annotations

import numpy as np

from gradwright.core.arithmetic import Array, is_finite
from gradwright.core.nodes import Node
from gradwright.diff.identities.declared_sets import first_outside
from gradwright.diff.identities.problem import Problem
from gradwright.diff.identities.residuals import relative_residual
from gradwright.diff.identities.solution_points import SolutionPoint
from gradwright.diff.identities.unsolved import failure
from gradwright.errors import ConditionError
from gradwright.front.newton import sizes_of
from gradwright.frozen import frozen

HELD = 1e-5  # what an iteration that has converged leaves; a wrong branch is off by far more
SINGLE_PRECISION = 1e-3


@frozen(eq=False)
class HeldToIdentity:
    """The test that the values of a forward function satisfy an identity, and lie in the declared sets.

    Attributes:
        problem: the identity.
        texts: its equations, as they were written.
    """

    problem: Problem
    texts: tuple[str, ...]

    def __call__(self, inputs: tuple[Array, ...], outputs: tuple[Array, ...]) -> bool:
        """Whether the values are numbers.

        Raises:
            ConditionError: they do not satisfy the identity.
        """
        if not all(map(is_finite, (*inputs, *outputs))):
            return False
        problem, sizes = self.problem, sizes_of(self.problem, inputs)
        values: dict[Node, Array] = dict(zip((*problem.givens, *problem.unknowns), (*inputs, *outputs), strict=True))
        residual = relative_residual(problem, values, sizes)
        single = any(value.dtype in (np.float32, np.complex64) for value in values.values())
        if residual < (SINGLE_PRECISION if single else HELD) and (single or first_outside(problem, values) is None):
            return True
        wrong = failure(problem, self.texts, SolutionPoint(sizes, values, residual))
        raise ConditionError(f"{problem.name}: the forward function gives no solution at these inputs: {wrong}")
