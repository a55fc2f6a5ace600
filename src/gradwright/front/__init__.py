"""From what a user writes to nodes: declarations, texts, and the identities of new primitives.

`parsing` reads texts with their declarations, in which all `functions` may be called; `define` makes primitives of
identities, which `newton` solves where no forward function is given.
"""
