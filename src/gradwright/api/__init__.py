"""The public classes: expressions, derivations, and the functions that make them."""
