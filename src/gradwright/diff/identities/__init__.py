"""From the equations that define functions to the functions' differentials.

`problem` says what is given and unknown, `frames` writes the unknowns' directions in constant
spaces, `terms` brings the differentiated equations to a normal form, the rules (`isolate`, `spectral`, `split`
by `regions`, `linear_systems`, `functionals`) solve them, and `engine` tries one after the other; `state` is what is
known in between.
Whether the equations determine the unknowns is a question of numbers: `determinacy` asks it at `solution_points`
of the `linearised` equations, and `freedoms` names what is left free.
"""
