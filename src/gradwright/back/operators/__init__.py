"""Jacobians and Hessians as linear operators whose structure is read off the expression."""
