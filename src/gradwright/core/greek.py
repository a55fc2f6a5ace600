"""Names of variables as they are written: Greek letters by their names, and subscripts."""

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


def latex_of_name(name: str) -> str:
    """A name for LaTeX: Greek letters, trailing digits and what follows an underscore as subscripts."""
    base, _, subscript = name.partition("_")
    if not base or not subscript:  # X_ is another variable than X
        base = name.rstrip("0123456789") or name
        subscript = name[len(base) :]
    shown = rf"\{base}" if base in GREEK else escaped(base)
    shown = shown if len(base) == 1 or base in GREEK else rf"\mathit{{{shown}}}"
    return f"{shown}_{{{escaped(subscript)}}}" if subscript else shown


def escaped(text: str) -> str:
    """A text for LaTeX, where an underscore begins a subscript."""
    return text.replace("_", r"\_")
