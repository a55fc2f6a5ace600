"""Ground truth from PyTorch: an interpreter of the text language over torch, in double precision.

It shares nothing with gradwright: Python's `ast` reads the text, torch's functions give it a value,
and reverse-mode differentiation (reverse over reverse for second order) gives the derivatives. What
torch lacks is written here in torch: factorisations without pivoting, matrix functions through the
eigendecomposition, matrix equations by Kronecker products, and Riccati's equations by two of
Newton's steps from a constant solution, which are right to third order.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor

DOUBLE = torch.float64


def evaluate(text: str, values: Mapping[str, Tensor], sizes: Mapping[str, int]) -> Tensor:
    """The value of a text at tensors for its variables."""
    scope = {name: torch.tensor(float(size), dtype=DOUBLE) for name, size in sizes.items()}
    tree = ast.parse(text.strip(), mode="eval").body
    return _tensor(_Interpreter({**scope, "pi": torch.tensor(torch.pi, dtype=DOUBLE), **values}).value(tree))


def _tensor(value: object) -> Tensor:
    return value if isinstance(value, Tensor) else torch.tensor(value, dtype=DOUBLE)


@dataclass(frozen=True)
class _Interpreter:
    """Values of syntax trees; a call that is repeated is one call, so that its gauge is one too."""

    scope: Mapping[str, Tensor]
    calls: dict[str, object] = field(default_factory=dict)

    def value(self, tree: ast.expr):
        if not isinstance(tree, ast.Call):
            return self._value(tree)
        key = ast.dump(tree)
        if key not in self.calls:
            self.calls[key] = self._value(tree)
        return self.calls[key]

    def _value(self, tree: ast.expr):
        match tree:
            case ast.Constant(value=value):
                return _tensor(float(value)) if isinstance(value, int | float) else value
            case ast.Name(id=name):
                return self.scope[name]
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                return -self.value(inner)
            case ast.UnaryOp(operand=inner):
                return self.value(inner)
            case ast.BinOp(left=left, op=op, right=right):
                return self._binary(op, self.value(left), self.value(right))
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return _COMPARE[type(op)](*torch.broadcast_tensors(self.value(left), self.value(right)))
            case ast.Attribute(value=inner, attr=name):
                return self._attribute(self.value(inner), name)
            case ast.List(elts=items):
                return [self.value(item) for item in items]
            case ast.Subscript(value=inner, slice=place):
                return self.value(inner)[self._places(place)]
            case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
                function = FUNCTIONS[name]
                return function(*map(self.value, args), **{str(k.arg): self.value(k.value) for k in keywords})
            case _:
                raise NotImplementedError(ast.dump(tree))

    def _binary(self, op: ast.operator, left: Tensor, right: Tensor) -> Tensor:
        if isinstance(op, ast.MatMult):
            kind = torch.promote_types(left.dtype, right.dtype)
            return left.to(kind) @ right.to(kind)
        return _BINARY[type(op)](left, right)

    def _attribute(self, value, name: str):
        if isinstance(value, Tensor):
            return {"T": value.mT, "H": value.mH}[name]
        return getattr(value, name)

    def _places(self, tree: ast.expr) -> tuple:
        items = tree.elts if isinstance(tree, ast.Tuple) else [tree]
        return tuple(self._place(item) for item in items)

    def _place(self, item: ast.expr) -> int | slice:
        if isinstance(item, ast.Slice):
            bounds = [None if b is None else int(self.value(b)) for b in (item.lower, item.upper)]
            return slice(*bounds)
        return int(self.value(item))


_BINARY = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_COMPARE = {ast.Gt: torch.gt, ast.GtE: torch.ge, ast.Lt: torch.lt, ast.LtE: torch.le}


def _symmetric(X: Tensor) -> Tensor:
    """The part that `eigh` and `cholesky` read."""
    return (X + X.mH) / 2


def _axis(function: Callable, *, last: bool = False) -> Callable:
    def reduce_entries(x: Tensor, axis: Tensor | None = None) -> Tensor:
        if axis is not None:
            return function(x, int(axis))
        return function(x, 0) if last else function(x.reshape(-1), 0)

    return reduce_entries


def _promoted(*tensors: Tensor) -> tuple[Tensor, ...]:
    kind = DOUBLE
    for tensor in tensors:
        kind = torch.promote_types(kind, tensor.dtype)
    return tuple(tensor.to(kind) for tensor in tensors)


def _solve(A: Tensor, B: Tensor) -> Tensor:
    return torch.linalg.solve(*_promoted(A, B))


def _lu(A: Tensor) -> SimpleNamespace:
    n = A.shape[0]
    unit = torch.eye(n, dtype=A.dtype)
    columns, rest = [], A
    for k in range(n):
        column = rest[:, k] / rest[k, k]
        keep = torch.arange(n) >= k
        column = torch.where(keep, column, torch.zeros_like(column))
        columns.append(column)
        rest = rest - torch.outer(column, rest[k, :])
    L = torch.tril(torch.stack(columns, dim=1), -1) + unit
    return SimpleNamespace(L=L, U=torch.triu(torch.linalg.solve(L, A)))


def _ldl(A: Tensor) -> SimpleNamespace:
    found = _lu(_symmetric(A))
    return SimpleNamespace(L=found.L, D=torch.diag(torch.diagonal(found.U)))


def _svd(A: Tensor) -> SimpleNamespace:
    U, S, Vh = torch.linalg.svd(A, full_matrices=False)
    return SimpleNamespace(U=U, S=S, Vh=Vh)


def _polar(A: Tensor) -> SimpleNamespace:
    found = _svd(A)
    S = found.S.to(A.dtype)
    return SimpleNamespace(U=found.U @ found.Vh, P=found.Vh.mH @ (S[:, None] * found.Vh))


def _eigh(A: Tensor, B: Tensor | None = None) -> SimpleNamespace:
    if B is None:
        values, vectors = torch.linalg.eigh(_symmetric(A))
        return SimpleNamespace(eigenvalues=values, eigenvectors=vectors)
    A, B = _promoted(_symmetric(A), _symmetric(B))
    L = torch.linalg.cholesky(B)
    inner = torch.linalg.solve(L, torch.linalg.solve(L, A).mH).mH
    values, vectors = torch.linalg.eigh(_symmetric(inner))
    return SimpleNamespace(eigenvalues=values, eigenvectors=torch.linalg.solve(L.mH, vectors))


def _eig(A: Tensor) -> SimpleNamespace:
    values, vectors = torch.linalg.eig(A)
    return SimpleNamespace(eigenvalues=values, eigenvectors=vectors)


def _qr(A: Tensor) -> SimpleNamespace:
    Q, R = torch.linalg.qr(A)
    return SimpleNamespace(Q=Q, R=R)


def _spectral(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """A primary matrix function, through the eigendecomposition."""

    def of_matrix(X: Tensor) -> Tensor:
        values, vectors = torch.linalg.eig(X)
        found = vectors @ (function(values)[:, None] * torch.linalg.inv(vectors))
        return found if X.is_complex() else found.real

    return of_matrix


def _kron(A: Tensor, B: Tensor) -> Tensor:
    A, B = _promoted(A, B)
    return torch.kron(A.contiguous(), B.contiguous())


def _vec(X: Tensor) -> Tensor:
    return X.mT.reshape(-1)


def _unvec(x: Tensor, rows: int, columns: int) -> Tensor:
    return x.reshape(columns, rows).mT


def _sylvester(A: Tensor, B: Tensor, C: Tensor) -> Tensor:
    A, B, C = _promoted(A, B, C)
    n, m = C.shape
    operator_ = _kron(torch.eye(m, dtype=A.dtype), A) + _kron(B.mT, torch.eye(n, dtype=A.dtype))
    return _unvec(torch.linalg.solve(operator_, _vec(C)), n, m)


def _stein(A: Tensor, Q: Tensor) -> Tensor:
    A, Q = _promoted(A, Q)
    n = len(A)
    operator_ = torch.eye(n * n, dtype=A.dtype) - _kron(A.conj(), A)
    return _unvec(torch.linalg.solve(operator_, _vec(Q)), n, n)


def _care(A: Tensor, B: Tensor, Q: Tensor, R: Tensor) -> Tensor:
    from scipy.linalg import solve_continuous_are

    A, B, Q, R = _promoted(A, B, _symmetric(Q), _symmetric(R))
    X = torch.tensor(np.ascontiguousarray(solve_continuous_are(*(t.detach().numpy() for t in (A, B, Q, R)))))
    for _ in range(2):
        # Newton's step is a Lyapunov equation with the closed loop of the last iterate.
        gain = torch.linalg.solve(R, B.mH @ X)
        closed = A - B @ gain
        X = _sylvester(closed.mH, closed, -(Q + gain.mH @ R @ gain))
    return X


def _dare(A: Tensor, B: Tensor, Q: Tensor, R: Tensor) -> Tensor:
    from scipy.linalg import solve_discrete_are

    A, B, Q, R = _promoted(A, B, _symmetric(Q), _symmetric(R))
    X = torch.tensor(np.ascontiguousarray(solve_discrete_are(*(t.detach().numpy() for t in (A, B, Q, R)))))
    for _ in range(2):
        gain = torch.linalg.solve(R + B.mH @ X @ B, B.mH @ X @ A)
        X = _stein((A - B @ gain).mH, Q + gain.mH @ R @ gain)
    return X


def _vech(X: Tensor) -> Tensor:
    n = len(X)
    return torch.stack([X[i, j] for j in range(n) for i in range(j, n)])


def _block(rows: list) -> Tensor:
    if not isinstance(rows[0], list):
        return torch.cat(rows, dim=-1)
    return torch.cat([torch.cat(row, dim=-1) for row in rows], dim=0)


def _concatenate(*parts, axis: Tensor | None = None) -> Tensor:
    listed = parts[0] if len(parts) == 1 and isinstance(parts[0], list) else list(parts)
    return torch.cat(list(_promoted(*listed)), dim=0 if axis is None else int(axis))


def _like(function: Callable) -> Callable:
    """A function of two or more tensors in which scalars are spread."""
    return lambda *tensors: function(*torch.broadcast_tensors(*_promoted(*tensors)))


def _where(condition: Tensor, a: Tensor, b: Tensor) -> Tensor:
    a, b = _promoted(a, b)
    return torch.where(condition, a, b)


def _einsum(pattern: str, *tensors: Tensor) -> Tensor:
    return torch.einsum(pattern, *_promoted(*tensors))


def _shape(*dims: Tensor) -> tuple[int, ...]:
    return tuple(int(d) for d in dims)


def _triangle(function: Callable) -> Callable:
    return lambda X, k=0: function(X, int(k))


FUNCTIONS: dict[str, Callable] = {
    "inv": torch.linalg.inv, "solve": _solve, "pinv": torch.linalg.pinv,
    "lstsq": lambda A, B: operator.matmul(*_promoted(torch.linalg.pinv(A), B)),
    "cholesky_solve": lambda B, L: _solve(torch.tril(L) @ torch.tril(L).mH, B),
    "solve_triangular": lambda L, B: _solve(torch.tril(L), B),
    "adjugate": lambda X: torch.linalg.det(X) * torch.linalg.inv(X),
    "trace": torch.trace, "det": torch.linalg.det, "logdet": torch.logdet,
    "slogdet": torch.linalg.slogdet,
    "norm": _axis(lambda x, axis: torch.linalg.vector_norm(x, dim=axis)), "sum": _axis(torch.sum),
    "mean": _axis(torch.mean), "max": _axis(torch.amax), "min": _axis(torch.amin), "logsumexp": _axis(torch.logsumexp),
    "dot": lambda x, y: torch.sum(x * y),
    "cholesky": lambda A: torch.linalg.cholesky(_symmetric(A)), "qr": _qr, "lu": _lu, "ldl": _ldl, "eigh": _eigh,
    "eig": _eig, "svd": _svd, "polar": _polar, "svdvals": torch.linalg.svdvals,
    "eigvalsh": lambda A: torch.linalg.eigvalsh(_symmetric(A)),
    "matrix_exp": torch.linalg.matrix_exp, "sqrtm": _spectral(torch.sqrt), "logm": _spectral(torch.log),
    "signm": _spectral(lambda values: torch.sign(values.real).to(values.dtype)),
    "matrix_power": lambda X, k: torch.linalg.matrix_power(X, int(k)),
    "sylvester": _sylvester, "lyapunov": lambda A, Q: _sylvester(A, A.mH, Q), "stein": _stein,
    "care": _care, "dare": _dare,
    "concatenate": _concatenate, "block": _block, "where": _where,
    "lgamma": torch.lgamma,
    "real": torch.real, "imag": lambda z: torch.imag(z) if z.is_complex() else torch.zeros_like(z),
    "conj": torch.conj, "diag": torch.diag, "diagonal": torch.diagonal,
    "outer": lambda x, y: torch.tensordot(*_promoted(x, y), dims=0),
    "kron": _kron, "vec": _vec, "vech": _vech,
    "tril": _triangle(torch.tril), "triu": _triangle(torch.triu), "einsum": _einsum,
    "transpose": lambda X: X.mT, "reshape": lambda X, *dims: X.reshape(_shape(*dims)),
    "eye": lambda n: torch.eye(int(n), dtype=DOUBLE), "ones": lambda *dims: torch.ones(_shape(*dims), dtype=DOUBLE),
    "zeros": lambda *dims: torch.zeros(_shape(*dims), dtype=DOUBLE),
    "softmax": _axis(torch.softmax, last=True), "log_softmax": _axis(torch.log_softmax, last=True),
    "cumsum": _axis(torch.cumsum, last=True),
    "relu": torch.relu, "softplus": lambda x: torch.logaddexp(x, torch.zeros_like(x)),
    "maximum": _like(torch.maximum), "minimum": _like(torch.minimum),
    **{name: getattr(torch, name) for name in
       "exp log log1p expm1 sqrt sin cos tan tanh sinh cosh arctan sigmoid abs sign square reciprocal erf lgamma "
       "digamma".split()},
}  # fmt: skip


# --- derivatives -------------------------------------------------------------------------------------------------


def project(raw: Tensor, facts: tuple[str, ...], value: Tensor) -> Tensor:
    """The projection on the tangent space of a declared set."""
    for fact in facts:
        match fact:
            case "symmetric" | "spd" | "hermitian":
                return (raw + raw.mH) / 2 if fact != "symmetric" or not raw.is_complex() else (raw + raw.mT) / 2
            case "skew":
                return (raw - raw.mT) / 2
            case "diagonal":
                return torch.diag(torch.diagonal(raw))
            case "lower" | "unit_lower":
                return torch.tril(raw, 0 if fact == "lower" else -1)
            case "upper" | "unit_upper":
                return torch.triu(raw, 0 if fact == "upper" else 1)
            case "orthogonal" | "unitary" | "stiefel":
                inner = value.mH @ raw
                return raw - value @ (inner + inner.mH) / 2
    return raw


@dataclass(frozen=True)
class Reference:
    """A text at a point, with its derivatives in one variable."""

    text: str
    values: Mapping[str, Tensor]
    sizes: Mapping[str, int]
    wrt: str
    facts: tuple[str, ...] = ()

    def at(self, X: Tensor) -> Tensor:
        return evaluate(self.text, {**self.values, self.wrt: X}, self.sizes)

    @property
    def point(self) -> Tensor:
        return self.values[self.wrt]

    def value(self) -> Tensor:
        return self.at(self.point)

    def _pulled(self, X: Tensor, G: Tensor, graph: bool = False) -> Tensor:
        """The projected vector-Jacobian product, differentiable in X and G on request."""
        Y = self.at(X)
        if not Y.requires_grad:
            return torch.zeros_like(X)
        Y = Y if G.is_complex() or not Y.is_complex() else Y.real
        (raw,) = torch.autograd.grad(Y, X, G, create_graph=graph, materialize_grads=True)
        return project(raw, self.facts, X)

    def vjp(self, G: Tensor) -> Tensor:
        return self._pulled(self.point.detach().requires_grad_(), G)

    def gradient(self) -> Tensor:
        return self.vjp(torch.tensor(1.0, dtype=DOUBLE))

    def jvp(self, dX: Tensor) -> Tensor:
        """The transpose of the VJP, which is linear in its cotangent: reverse over reverse."""
        X = self.point.detach().requires_grad_()
        Y = self.at(X)
        G = torch.zeros_like(Y).requires_grad_()
        if not Y.requires_grad:
            return torch.zeros_like(Y)
        (raw,) = torch.autograd.grad(Y, X, G, create_graph=True, materialize_grads=True)
        if not raw.requires_grad:
            return torch.zeros_like(Y)
        paired = torch.sum(torch.real(torch.conj(raw) * dX))
        return torch.autograd.grad(paired, G, materialize_grads=True)[0].detach()

    def jacobian(self) -> Tensor:
        Y = self.value().detach()
        rows = []
        for place in range(Y.numel()):
            G = torch.zeros(Y.numel(), dtype=Y.dtype)
            G[place] = 1
            row = self.vjp(G.reshape(Y.shape))
            if Y.is_complex():
                row = row.conj() if row.is_complex() else torch.complex(row, self.vjp(1j * G.reshape(Y.shape)))
            rows.append(row)
        return torch.stack(rows).reshape((*Y.shape, *self.point.shape))

    def hessian(self) -> Tensor:
        """The Jacobian of the gradient, projected on both sides."""
        X = self.point.detach().requires_grad_()
        slope = self._pulled(X, torch.tensor(1.0, dtype=DOUBLE), graph=True)
        n = X.numel()
        if not slope.requires_grad:
            return torch.zeros((*X.shape, *X.shape), dtype=DOUBLE)
        rows = []
        for place in range(n):
            G = torch.zeros(n, dtype=X.dtype)
            G[place] = 1
            direction = project(G.reshape(X.shape), self.facts, self.point)
            (raw,) = torch.autograd.grad(slope, X, direction, retain_graph=True, materialize_grads=True)
            rows.append(project(raw, self.facts, self.point))
        return torch.stack(rows).reshape((*X.shape, *X.shape)).detach()

    def difference(self, dX: Tensor, step: float = 1e-3) -> Tensor:
        """The directional derivative by fourth-order central differences, free of any rule."""

        def at(t: float) -> Tensor:
            return self.at(self.point + t * dX).detach()

        return (8 * (at(step) - at(-step)) - (at(2 * step) - at(-2 * step))) / (12 * step)


# --- generic points ----------------------------------------------------------------------------------------------


def generic(shape: tuple[int, ...], facts: tuple[str, ...], generator: np.random.Generator) -> Tensor:
    """A generic tensor in a declared set; square matrices are well conditioned and far from symmetric."""
    raw = generator.normal(size=shape)
    raw = raw + 1j * generator.normal(size=shape) if "complex" in facts else raw
    if "positive" in facts:
        return torch.tensor(0.5 + generator.random(size=shape))
    X = torch.tensor(raw)
    if len(shape) != 2:
        return X
    if {"orthogonal", "unitary", "stiefel"} & set(facts):
        return torch.linalg.qr(X).Q
    if shape[0] != shape[1]:
        return X
    n = shape[0]
    spread = torch.diag(torch.linspace(1.3, 3.1, n, dtype=DOUBLE))
    if "spd" in facts:
        return X @ X.mH / n + spread / 2
    X = X / 2 + spread
    for fact in facts:
        if fact.startswith("unit_"):
            return project(X, (fact,), X) / 2 + torch.eye(n, dtype=X.dtype)
    return project(X, facts, X)
