"""Linear forms: transposing them, their Jacobians, and the projections on linear spaces.

`forms` has the operations, and `projection` those onto spaces and tangent spaces; `chains` reads products of matrices
off a form, `recognise` the equations that have a name. `collect` takes out common factors, for reading: of
`shared_numbers`, `entrywise_factors`, chains and outer products, as which it has `readings` of the terms, once
`like_terms` are joined; those of tensors are `separated`. `complex_linearity` says over which numbers a form is linear,
`unknowns` how the unknowns of an equation are called.
"""
