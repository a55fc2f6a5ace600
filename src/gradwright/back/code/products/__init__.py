"""One contraction as code: its factors, its constant tensors, the product, and what stands around it.

A `draft` is a contraction while it is being written. `factors` starts it; `selections`, `masks` and `triangles` take
the constant tensors out; `multiplying` forms the product of the rest, by `pairs` and `elementwise`; `results` writes
what stands around it.
"""
