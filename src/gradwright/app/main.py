"""`gradwright derive`, `emit`, `check`, `rules`.

Exit codes: 0 right, 1 wrong, 2 a usage error or text that cannot be understood. An error of the user's
is one paragraph, never a traceback.
"""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

from gradwright.errors import GradwrightError

RIGHT, WRONG, USAGE = 0, 1, 2

app = typer.Typer(
    name="gradwright",
    help="Derive, check and ship gradients.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


class Show(StrEnum):
    """What to show of a derivation."""

    STEPS = "steps"
    JACOBIAN = "jacobian"
    VJP = "vjp"
    ALL = "all"


class Format(StrEnum):
    """How to write it."""

    TEXT = "text"
    LATEX = "latex"
    JSON = "json"


Text = Annotated[str, typer.Argument(help="The expression, such as 'inv(X) @ A'.", show_default=False)]
Wrt = Annotated[
    list[str] | None,
    typer.Option(
        "--wrt", help="The variable to differentiate by; repeat for several. Default: all.", show_default=False
    ),
]
Var = Annotated[
    list[str] | None,
    typer.Option("--var", help="A declaration, such as 'A: n m' or 'S: n n symmetric'; repeat.", show_default=False),
]

DERIVE_HELP = """Derive the differential, the Jacobian and the vector-Jacobian product of an expression.

Examples:

  gradwright derive "inv(X)"

  gradwright derive "inv(X) @ A" --var "A: n m" --wrt X --show vjp

  gradwright derive "logdet(K)" --var "K: n n spd" --format latex

  gradwright derive "norm(X @ w - y)**2" --var "X: n m" --var "w: m" --var "y: n" --wrt w --brief
"""


@app.command(help=DERIVE_HELP)
def derive(
    expression: Text,
    wrt: Wrt = None,
    var: Var = None,
    show: Annotated[Show, typer.Option(help="What to show.")] = Show.STEPS,
    form: Annotated[Format, typer.Option("--format", help="How to write it.")] = Format.TEXT,
    brief: Annotated[bool, typer.Option("--brief", help="Three lines.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Every step, with the Jacobian and the chain rule.")] = False,
) -> None:
    """Derive an expression."""
    from gradwright.app.derive import derivation_of, shown

    derivation = derivation_of(expression, wrt or (), var or ())
    detail = "brief" if brief else "full" if full or show is Show.ALL else "normal"
    typer.echo(shown(derivation, show.value, form.value, detail))


EMIT_HELP = """Write a PyTorch function, and its tests beside it.

Examples:

  gradwright emit "inv(X)" -o inverse.py

  gradwright emit "solve(A, B)" --var "A: n n" --var "B: n m" -o my_solve.py
"""


@app.command(help=EMIT_HELP)
def emit(
    expression: Text,
    output: Annotated[
        str, typer.Option("-o", "--output", help="The file to write; its tests go to test_<file> beside it.")
    ],
    wrt: Wrt = None,
    var: Var = None,
    target: Annotated[str, typer.Option("--target", help="torch, numpy or jax.")] = "torch",
) -> None:
    """Emit a module and its tests."""
    from gradwright.app.emit import write_module

    for line in write_module(expression, output, wrt or (), var or (), target):
        typer.echo(line)


RULES_HELP = """List the functions of the language, with what defines them.

Examples:

  gradwright rules

  gradwright rules cholesky
"""


@app.command(help=RULES_HELP)
def rules(
    name: Annotated[str | None, typer.Argument(help="One function.", show_default=False)] = None,
) -> None:
    """Print the catalogue."""
    from gradwright.app.rules import catalogue

    typer.echo(catalogue(name))


def run() -> None:
    """The entry point of the command."""
    try:
        app()
    except GradwrightError as error:
        sys.stderr.write(f"gradwright: {error}\n")
        sys.exit(USAGE)


if __name__ == "__main__":
    run()
