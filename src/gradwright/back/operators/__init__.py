"""Jacobians and Hessians as linear operators whose structure is read off the expression.

`build` evaluates the parts of a derivative to a sum of products of small arrays (`terms`), which `operator` multiplies
with. To solve with it, `recognition` looks for a structure that `inverses` and `kronecker` can invert; otherwise Krylov
methods iterate. `tangents` is for structured variables.
"""
