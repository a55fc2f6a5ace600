"""Checking a function and its gradient against an expression, and naming what is wrong.

It needs PyTorch, in which the functions under check are written, and the right answers come from the
expression: its value and its vector-Jacobian products, evaluated by the reference evaluator.
"""
