"""What the columns of a matrix leave over: an orthonormal basis N of the complement of their span.

It is defined by `Aᴴ N = 0`, which leaves N the freedom of any rotation, `N W`. The derivative is the one that does
not rotate, `Nᴴ dN = 0`: then `Aᴴ dN = −dAᴴ N` gives `dN = −(A⁺)ᴴ dAᴴ N`. What does not depend on the rotation has a
derivative that does not either. It completes the factors of `qr` and of `svd`.
"""

from __future__ import annotations

from gradwright.core.primitive import ErrorSample, Freedom, Notation, Primitive, Sample
from gradwright.core.registry import register_primitive

complement = Primitive(
    name="complement",
    signature="A: n m -> N: n n-m stiefel",
    summary="an orthonormal basis of what is orthogonal to the columns of A, for A with more rows than columns",
    identity=("A.H @ N = zeros(m, n-m)",),
    gauge_fixing=("N.H @ dN = zeros(n-m, n-m)",),
    differential=("-pinv(A).H @ dA.H @ N",),
    conditions=("{A} has full column rank",),
    gauge="any rotation of the columns that complete the basis",
    freedom=Freedom("K: n-m n-m", ("N @ K",), rotation=True),
    size_orders=(("n", "m"),),
    numpy="numpy.linalg.qr({0}, mode='complete').Q[..., :, {0}.shape[-1]:]",
    torch="torch.linalg.qr({0}, mode='complete').Q[..., :, {0}.shape[-1]:]",
    jax="jax.numpy.linalg.qr({0}, mode='complete').Q[..., :, {0}.shape[-1]:]",
    notation=Notation(name="complement"),
    samples=(Sample("A: n m"), Sample("A: n m complex")),
    error_samples=(ErrorSample("complement(x)", "x: n", "a matrix"),),
    source="the definition",
)

register_primitive(complement)
