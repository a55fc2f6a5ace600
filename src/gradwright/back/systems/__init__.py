"""Solving the linear equations of an expression in numbers: by structure, densely, or by iteration.

`two_sided` is the algorithm for matrix equations with two terms, `krylov` iterates, and `solver` chooses.
"""
