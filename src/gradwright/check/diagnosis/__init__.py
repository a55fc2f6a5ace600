"""Naming what is wrong with a gradient.

Two searches meet. *Mutants* are the right formula with one mistake in it; *repairs* are the user's
computation, recorded operation by operation, with one thing put right. A mistake is found where a
mutant gives what the user's code returns, where a repair gives the right gradient, or where a mutant
and a repair agree (two mistakes), at several generic points and to rounding.

`candidates` has both kinds, `search` puts them together to `explanation`s, which need `confirmation` at further points;
`scaling` are those by a number alone.
"""
