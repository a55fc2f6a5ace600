"""Differentials of expressions, and the solution of identities for the differentials they define."""
