"""Linear forms: transposing them, their Jacobians, and the projections on linear spaces.

`forms` has the operations; `chains` reads products of matrices off a form, `recognise` the equations that have a name,
and `collect` takes out common factors.
"""
