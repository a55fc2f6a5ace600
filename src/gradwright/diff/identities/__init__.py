"""From the equations that define functions to the functions' differentials.

`problem` says what is given and unknown. An identity without its `outer_factors` can be used in several ways, its
`choices`; `frames` writes the unknowns' directions in constant spaces, in which the equations are `differentiated`, and
`terms` brings these to a normal form. The rules solve them: `isolate`, `spectral`, `split` by `regions`, `sylvester`,
`elimination`, `borders`, `functionals`, and where none does `general`. `engine` tries one after the other; `state` is
what is known in between.
Whether the equations determine the unknowns is a question of numbers: `determinacy` asks it at `solution_points`
of the `linearised` equations, and `freedoms` names what is left free.
"""
