"""A declared structure is projected inside of every rule: derivatives of all orders are those of free entries."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import gradwright as gw

Function = Callable[[Tensor, Tensor], Tensor]


def symmetric(X: Tensor) -> Tensor:
    return (X + X.mT) / 2


STRUCTURES: dict[str, Function | Callable[[Tensor], Tensor]] = {
    "symmetric": symmetric,
    "spd": symmetric,
    "skew": lambda X: (X - X.mT) / 2,
    "lower": torch.tril,
    "upper": torch.triu,
    "unit_lower": lambda X: X.tril(-1) + torch.eye(X.shape[-1], dtype=X.dtype),
    "unit_upper": lambda X: X.triu(1) + torch.eye(X.shape[-1], dtype=X.dtype),
    "diagonal": lambda X: torch.diag_embed(X.diagonal(dim1=-2, dim2=-1)),
    "symmetric complex": symmetric,
    "hermitian": lambda X: (X + X.mH) / 2,
}
TEXTS: dict[str, Function] = {
    "inv(eye(n) + S @ S) @ x": lambda S, x: torch.linalg.solve(torch.eye(len(x), dtype=S.dtype) + S @ S, x),
    "x @ S": lambda S, x: x @ S,
    "S": lambda S, x: S,
}


def inputs(structure: str) -> tuple[Tensor, Tensor]:
    """A matrix without the structure, near the identity, and a vector."""
    generator = torch.Generator().manual_seed(1)
    dtype = torch.complex128 if structure in ("symmetric complex", "hermitian") else torch.float64
    X = 0.3 * torch.randn(4, 4, dtype=dtype, generator=generator) + torch.eye(4, dtype=dtype)
    return X, torch.randn(4, dtype=dtype, generator=generator)


def pair(text: str, structure: str) -> tuple[Function, Function]:
    """The emitted function, and what it has to be."""
    kind = "complex" if structure in ("symmetric complex", "hermitian") else ""
    declared = {"S": f"n n {structure}", "x": f"n {kind}".strip()}
    emitted = gw.derive(gw.parse(text, **{name: declared[name] for name in declared if name in text})).function("torch")
    projected, plain = STRUCTURES[structure], TEXTS[text]
    wanted: Function = lambda S, x: plain(projected(S), x)  # noqa: E731
    return (lambda S, x: emitted(S, x) if "x" in text else emitted(S)), wanted


@pytest.mark.sampled
@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("text", TEXTS)
def test_all_orders(text: str, structure: str) -> None:
    emitted, wanted = pair(text, structure)
    S, x = inputs(structure)
    dS, dx = (torch.randn_like(t) for t in (S, x))
    assert torch.allclose(emitted(S, x), wanted(S, x))
    G = torch.randn_like(wanted(S, x))

    def slopes(function: Function, S: Tensor) -> Tensor:
        return torch.func.vjp(lambda S: function(S, x), S)[1](G)[0]

    def plain_slopes(function: Function, again: bool) -> Tensor:
        leaf = S.clone().requires_grad_()
        (first,) = torch.autograd.grad(function(leaf, x), leaf, G, create_graph=again)
        return torch.autograd.grad((first * dS).sum().real, leaf)[0] if again else first

    for again in (False, True):
        found, expected = (_or_zero(plain_slopes, f, again) + 0 * S for f in (emitted, wanted))
        assert torch.allclose(found, expected)
    for function in (lambda f: slopes(f, S), lambda f: torch.func.jvp(f, (S, x), (dS, dx))[1],
                     lambda f: torch.func.jvp(lambda S: slopes(f, S), (S,), (dS,))[1]):  # fmt: skip
        assert torch.allclose(function(emitted), function(wanted))


def _or_zero(slopes: Callable[[Function, bool], Tensor], function: Function, again: bool) -> Tensor:
    """PyTorch has no second derivative of a linear function."""
    try:
        return slopes(function, again)
    except RuntimeError as error:
        if "does not require grad" not in str(error) and "not have been used" not in str(error):
            raise
        return torch.zeros(())


@pytest.mark.slow
@pytest.mark.parametrize("structure", ["spd", "unit_lower", "skew"])
def test_batches(structure: str) -> None:
    emitted, wanted = pair("inv(eye(n) + S @ S) @ x", structure)
    S, x = inputs(structure)
    batch = torch.stack([S, 0.5 * S, S.mT])
    expected = torch.stack([torch.func.jacrev(wanted)(member, x) for member in batch])
    assert torch.allclose(torch.vmap(torch.func.jacrev(emitted), (0, None))(batch, x), expected)
    leaf = batch.clone().requires_grad_()
    (found,) = torch.autograd.grad(emitted(leaf, x).sum(), leaf)
    assert torch.allclose(found, expected.sum(1))


def test_an_input_is_projected_for_the_gradients_that_read_it() -> None:
    """That in P reads H and what the forward hands over, that in H reads P."""
    text, declared = "P - P @ H.T @ inv(H @ P @ H.T + R) @ H @ P", {"P": "n n spd", "H": "m n", "R": "m m spd"}
    derived = gw.derive(gw.parse(text, **declared), wrt="P")
    backward = derived.source().partition("def backward")[2].partition("def jvp")[0]
    before, _, behind = backward.partition("grad_P = grad_H = grad_R = None")
    assert "P = 0.5 * (P + P.mT)" in behind
    assert "\n        P = 0.5" not in before
    emitted, generator = derived.function("torch"), torch.Generator().manual_seed(2)
    P, H, R = (torch.randn(*shape, dtype=torch.float64, generator=generator) for shape in ((4, 4), (3, 4), (3, 3)))
    P, R, G = P @ P.mT + 0.1 * P, R @ R.mT + torch.eye(3) + 0.1 * R, torch.randn(4, 4, dtype=torch.float64)
    plain = lambda P, H, R: P - P @ H.mT @ torch.linalg.inv(H @ P @ H.mT + R) @ H @ P  # noqa: E731
    wanted = torch.func.vjp(lambda P, H, R: plain(symmetric(P), H, symmetric(R)), P, H, R)[1](G)
    for place in range(3):
        given = [x.clone().requires_grad_(k == place) for k, x in enumerate((P, H, R))]
        for graph in (False, True):
            (slope,) = torch.autograd.grad(emitted(*given), given[place], G, create_graph=graph)
            assert torch.allclose(slope, wanted[place])
