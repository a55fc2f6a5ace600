"""Linear forms: transposing them, their Jacobians, and the projections on linear spaces.

`forms` has the operations, and `projection` those onto spaces and tangent spaces; `chains` reads products of matrices
off a form, `recognise` the equations that have a name, and `collect` takes out common factors. `complex_linearity` says
over which numbers a form is linear, `unknowns` how the unknowns of an equation are called.
"""
