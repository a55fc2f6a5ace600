"""Rewriting and equality of expressions. One rule family a file.

`pipeline` has the rules in their order, `equality` decides whether two expressions are equal, without them.
"""
