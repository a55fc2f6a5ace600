"""Generic points of declared sets as PyTorch code, for the tests that are emitted with a module."""

from __future__ import annotations

from collections.abc import Sequence

from gradwright.core.facts import Facts
from gradwright.core.nodes import Symbol

NORMAL = '''
def normal(*shape: int) -> Tensor:
    """Random numbers."""
    return torch.randn(shape, dtype=torch.float64, generator=GENERATOR)
'''
COMPLEX_NORMAL = '''
def complex_normal(*shape: int) -> Tensor:
    """Random complex numbers."""
    return torch.complex(normal(*shape), normal(*shape))
'''


def value_code(symbol: Symbol, shape: Sequence[str]) -> str:
    """A generic value: nothing symmetric that is not declared so, eigenvalues well apart."""
    facts, sizes = symbol.facts, ", ".join(shape)
    draw = f"{'normal' if symbol.real else 'complex_normal'}({sizes})"
    if "positive" in facts:
        draw = f"0.5 + 1.5 * torch.rand({sizes or '()'}, dtype=torch.float64, generator=GENERATOR)"
    if symbol.rank != 2 or shape[0] != shape[1]:
        return f"torch.linalg.qr({draw})[0]" if "stiefel" in facts else draw
    if "unitary" in facts:
        return f"torch.linalg.qr({draw})[0]"
    if "spd" in facts or "psd" in facts:
        definite = f"positive_definite({draw})"
        return into_set(definite, facts) if "diagonal" in facts else definite
    spread = f"0.5 * {draw} + torch.diag(torch.linspace(1.5, 3, {shape[0]}, dtype=torch.float64))"
    return into_set(draw if "positive" in facts else spread, facts)


def nearby_code(symbol: Symbol, place: str, shape: Sequence[str]) -> str:
    """A value near one that is given."""
    if {"stiefel", "unitary"} & symbol.facts:
        draw = f"{'normal' if symbol.real else 'complex_normal'}({', '.join(shape)})"
        return f"turned({place}.detach(), 0.01 * {draw})"
    return into_set(f"near({place})", symbol.facts)


POSITIVE_DEFINITE = '''
def positive_definite(X: Tensor) -> Tensor:
    """A positive definite matrix whose eigenvalues stay within a decade."""
    n = X.shape[-1]
    return X @ X.mH / n + torch.diag(torch.linspace(0.5, 1.5, n, dtype=torch.float64))
'''


def into_set(text: str, facts: Facts) -> str:
    """A matrix made one of the declared set, differentiably."""
    if "diagonal" in facts:
        return f"torch.diag_embed(torch.diagonal({text}, dim1=-2, dim2=-1))"
    for fact, function in (("lower", "tril"), ("upper", "triu")):
        if f"unit_{fact}" in facts:
            offset = -1 if fact == "lower" else 1
            return f"unit_diagonal(torch.{function}({text}, {offset}))"
        if fact in facts:
            return f"torch.{function}({text})"
    if "skew" in facts:
        return f"half({text}, -1)"
    if "symmetric" in facts or "hermitian" in facts:
        return f"half({text}, 1)"
    return text


HALF = '''
def half(X: Tensor, sign: int) -> Tensor:
    """The symmetric (1) or antisymmetric (-1) part."""
    return (X + sign * X.mH) / 2
'''
UNIT_DIAGONAL = '''
def unit_diagonal(X: Tensor) -> Tensor:
    """X with ones on its diagonal."""
    return X + torch.eye(X.shape[-1], dtype=X.dtype)
'''
ORTHONORMAL = '''
def turned(X: Tensor, move: Tensor) -> Tensor:
    """A matrix with orthonormal columns near X: a rotation of it, by a move of any shape."""
    skew = move @ X.mH - X @ move.mH
    return torch.linalg.matrix_exp(skew) @ X
'''
NEAR = '''
def near(X: Tensor) -> Tensor:
    """Random numbers near X, with its zeros: the function has no value everywhere."""
    return X.detach() * (1 + 0.01 * normal(*X.shape))
'''
HELPERS = {
    "complex_normal(": COMPLEX_NORMAL,
    "positive_definite(": POSITIVE_DEFINITE,
    "half(": HALF,
    "unit_diagonal(": UNIT_DIAGONAL,
    "turned(": ORTHONORMAL,
    "near(": NEAR,
}
