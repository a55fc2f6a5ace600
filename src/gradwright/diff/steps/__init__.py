"""Derivations as data: the steps of a textbook, each with its statement and its numerical check.

`step` says what a step is, `trial` makes the generic point at which the steps are checked, and the
narrators write them: `identities` for a function that is defined by equations, `expressions` for
compositions, `tensors` for the Jacobian and the chain rule in tensor notation.
"""
