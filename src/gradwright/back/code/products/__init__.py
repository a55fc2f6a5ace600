"""One contraction as code: its factors, its constant tensors, the product, and what stands around it."""
