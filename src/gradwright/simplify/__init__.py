"""Rewriting and equality of expressions. One rule family a file."""
