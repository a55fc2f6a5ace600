"""Tensor expressions: nodes and their normal forms, the language, records of primitives, evaluation."""
