"""From the equations that define functions to the functions' differentials.

`problem` says what is given and unknown, `frames` writes the unknowns' directions in constant
spaces, `terms` brings the differentiated equations to a normal form, the rules (`isolate`, `split`,
`eliminate`, `linear_systems`) solve them, and `engine` tries one after the other.
"""
