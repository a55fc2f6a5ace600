"""What an expression and its derivatives need, in words.

The records of `functions`, and the linear `equations` that derivatives solve, state conditions. They are told of their
`subjects`, what is left of an argument without what does not matter; what is declared is left out, and so is what
follows from other conditions, by their words (`implications`) or by what they say of products and sums (`corollaries`).
"""

from gradwright.diff.conditions.expressions import conditions_of, conditions_of_identity

__all__ = ["conditions_of", "conditions_of_identity"]
