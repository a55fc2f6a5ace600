"""Functions of tensors read as expressions.

`trace_forward` gives the expression that a function computes, `trace_backward` that of a hand-written backward,
`trace_gradient` that of the gradient which PyTorch returns. PyTorch is needed, and loaded by importing this
package.
"""

from gradwright.check.tracing.trace import Traced, trace_backward, trace_forward, trace_gradient

__all__ = ["Traced", "trace_backward", "trace_forward", "trace_gradient"]
