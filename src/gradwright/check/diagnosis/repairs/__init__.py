"""Repairs of a recorded computation, one file for each family of mistakes."""
