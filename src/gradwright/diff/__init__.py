"""Differentials of expressions, and the solution of identities for the differentials they define.

`differential` is the calculus, with `spectral` for functions of eigenvalues; `derivatives` what is read off it:
products, gradients, Jacobians, Hessians. What these need is told by `conditions`, on what choice they depend by
`gauge`. What a function is that only equations define is found in `identities`, and told in `steps`.
"""
