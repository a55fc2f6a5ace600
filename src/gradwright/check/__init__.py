"""Checking a function and its gradient against an expression, and naming what is wrong.

It needs PyTorch, in which the functions under check are written, or are run as functions of its tensors (those of NumPy
and JAX). The right answers come from the expression: its value and its vector-Jacobian products, evaluated by the
reference evaluator.

`run` asks the questions in their order, of a `subject`, against the `truth`, and makes a `report`. A wrong gradient is
explained by `diagnosis` from its numbers, and by `tracing` from the operations that it is made of.
"""
