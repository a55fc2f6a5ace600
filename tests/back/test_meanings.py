"""What letters stand for."""

from __future__ import annotations

import gradwright as gw


def test_unknowns_of_the_same_equations_are_told_in_one() -> None:
    given = {name: "n n" for name in "ABCD"}
    gw.define("pair_of", ["A @ X + X @ A + Y @ B = C", "X @ B + A @ Y @ A = D"], unknown="X: n n, Y: n n", given=given)
    derived = gw.derive(gw.parse("pair_of(A, B, C, D).X", **given), wrt="A")
    text = str(derived)
    assert text.count("(S, P) = solve(H, H1: H Aᵀ + Aᵀ H + H1 Bᵀ = G, H Bᵀ + Aᵀ H1 Aᵀ = 0)") == 2
    assert "S = solve(H:" not in text and "vjp in A   −Yᵀ Aᵀ P − P Aᵀ Yᵀ − Xᵀ S − S Xᵀ" in text
    assert r"(S, P) = \operatorname{solve}\left( H, H_{1} : " in derived.latex()
