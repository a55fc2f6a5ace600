"""Differentials of expressions, and the solution of identities for the differentials they define.

`differential` is the calculus, `derivatives` what is read off it: products, gradients, Jacobians, Hessians. What a
function is that only equations define is found in `identities`, and told in `steps`.
"""
