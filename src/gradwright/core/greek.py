"""Greek letters by the names that variables have for them."""

from __future__ import annotations

GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "eta": "η", "theta": "θ", "kappa": "κ",
    "mu": "μ", "nu": "ν", "xi": "ξ", "rho": "ρ", "tau": "τ", "phi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω",
    "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Xi": "Ξ", "Sigma": "Σ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω",
    "sigma": "σ", "zeta": "ζ", "Lambda": "Λ",
}  # fmt: skip


def text_of_name(name: str) -> str:
    """A name in Unicode: `μ_0` for mu_0."""
    base, underscore, rest = name.partition("_")
    return GREEK[base] + underscore + rest if base in GREEK and (not underscore or rest) else name
