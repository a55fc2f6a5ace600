"""The gradient of the matrix inverse: derived, emitted as a PyTorch function, tested, and the test itself tested.

Everything below follows from the identity `X⁻¹ X = I`. `make demo` runs this file.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.autograd import gradcheck

import gradwright as gw


def main() -> None:
    """Run the four parts."""
    derivation = gw.derive(gw.parse("inv(X)"), wrt="X")
    derived(derivation)
    emitted(derivation)
    inverse = derivation.function("torch")
    symmetric, generic = points(20)
    notebook(inverse, symmetric)
    what_a_symmetric_point_hides(symmetric, generic)


def heading(text: str) -> None:
    """A line between two parts."""
    print(f"\n── {text} {'─' * max(2, 96 - len(text))}\n")


def derived(derivation: gw.Derivation) -> None:
    """The derivation, with the Jacobian as a tensor and the chain rule for f(X⁻¹)."""
    heading("1. The derivation, from the identity alone")
    print(derivation.text("full"))
    print(f"\nJacobian   {derivation.jacobian}")
    print(f"checks     {'all right' if derivation.verify().right else 'WRONG'}")


def emitted(derivation: gw.Derivation) -> None:
    """The module and its tests, written and run."""
    heading("2. The function that is emitted")
    source = derivation.source("torch")
    print(source.partition('__all__ = ["inv"]\n\n\n')[2].partition("\n\n\ndef _check_types")[0])
    heading("3. Its tests")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "inverse.py").write_text(source, encoding="utf-8")
        Path(folder, "test_inverse.py").write_text(derivation.tests("torch", module="inverse"), encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-v", "--no-header", "-W", "ignore", "-p", "no:cacheprovider", "."]
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        print("\n".join(line for line in result.stdout.splitlines() if line.startswith("test_") or "passed" in line))
        if result.returncode:
            sys.exit(result.stdout)


def points(n: int) -> tuple[Tensor, Tensor]:
    """A symmetric point T Tᵀ + I, and a generic one."""
    generator = torch.Generator().manual_seed(0)
    T = torch.randn(n, n, dtype=torch.float64, generator=generator)
    identity = torch.eye(n, dtype=torch.float64)
    return T @ T.mT + identity, T + 8 * identity


def notebook(inverse: Any, X: Tensor) -> None:
    """A test that is often written: gradcheck at a symmetric positive definite point."""
    heading("4. A test at a symmetric point, and what it cannot see")
    passes = gradcheck(inverse, (X.clone().requires_grad_(),), eps=1e-6, atol=1e-4)
    print(f"gradcheck of the emitted function at the symmetric X = T Tᵀ + I, {tuple(X.shape)}:  {passes}")


class WithoutTransposes(torch.autograd.Function):
    """The inverse with a wrong backward: −X⁻¹ G X⁻¹ where it should be −X⁻ᵀ G X⁻ᵀ."""

    @staticmethod
    def forward(ctx: Any, X: Tensor) -> Tensor:
        """The inverse."""
        Y = torch.linalg.inv(X)
        ctx.save_for_backward(Y)
        return Y

    @staticmethod
    def backward(ctx: Any, G: Tensor) -> Tensor:
        """Both transposes are missing."""
        (Y,) = ctx.saved_tensors
        return -Y @ G @ Y


def what_a_symmetric_point_hides(symmetric: Tensor, generic: Tensor) -> None:
    """The wrong backward at both points."""
    for name, X in (("the symmetric X", symmetric), ("a generic X", generic)):
        passes = gradcheck(WithoutTransposes.apply, (X.clone().requires_grad_(),), raise_exception=False)
        verdict = "passes" if passes else "is caught"
        print(f"gradcheck of a backward without any transposes, −X⁻¹ G X⁻¹, at {name}:  {passes}  (it {verdict})")
    print("\nAt a symmetric X there is no telling X⁻ᵀ from X⁻¹. The emitted tests draw generic points.")


if __name__ == "__main__":
    main()
