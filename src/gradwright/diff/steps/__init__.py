"""Derivations as data: the steps of a textbook, each with its statement and its numerical check.

`step` says what a step is, and `trial` is the generic point at which the steps are checked: `attempts` finds its
inputs, by an `approach` where few have values, and `differences` measures derivatives there. `narrate` writes the
steps, with the `letters` that a textbook would introduce: `telling` for a function that is defined by equations,
`endings` for how a derivation ends, `tensors` for the Jacobian and the chain rule in tensor notation.
"""
