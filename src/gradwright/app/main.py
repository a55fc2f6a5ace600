"""`gradwright derive`, `define`, `emit`, `check`, `rules`.

Exit codes: 0 right, 1 wrong, 2 a usage error or text that cannot be understood, 130 if interrupted. An error of the
user's is one paragraph, never a traceback. The command line is Click's; everything else is imported by the command that
needs it, so that a first result comes quickly.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Container
from functools import reduce
from io import TextIOWrapper
from typing import Any

import click

from gradwright.errors import GradwrightError

RIGHT, WRONG, USAGE, INTERRUPTED = 0, 1, 2, 130
# What a command makes before Python first looks for garbage: the modules that it loads are none.
MANY_OBJECTS = 200_000

AS_TYPED = '--var "{name}: {words}"'
SHOWN = ["steps", "jacobian", "vjp", "gradient", "hessian", "all"]

Command = Callable[..., Any]


def _begins_with_a_minus(text: str, options: Container[str]) -> bool:
    """Whether a text is no option, well or badly written, such as `-o file.py`, `-ofile.py`, `-wrt` or `-q`."""
    return text[:1] == "-" != text[1:2] and len(text) > 2 and text[:2] not in options and f"-{text}" not in options


class ExpressionCommand(click.Command):
    """A command whose last argument is an expression: `-x @ y / 2` is one, and no option, as it begins with a minus."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments with those that begin with a minus behind a `--`, unless one of them is that."""
        options = {name for option in self.get_params(ctx) for name in option.opts}
        negative = [text for text in args if _begins_with_a_minus(text, options)]
        if negative and "--" not in args:
            args = [*(text for text in args if text not in negative), "--", *negative]
        return super().parse_args(ctx, args)


class Commands(click.Group):
    """The commands; one that is interrupted is neither right nor wrong, which Click's own exit code 1 would say."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that is named."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="gradwright")
def main() -> None:
    """Derive, check and ship gradients."""


def examples(*lines: str) -> str:
    """The examples at the end of a command's help, as they stand."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])


def with_variables(command: Command) -> Command:
    """The options that say what the variables are, and which to differentiate by."""
    var = click.option("--var", multiple=True, help="A declaration, such as 'A: n m' or 'S: n n symmetric'; repeat.")
    return with_wrt(var(command))


with_wrt = click.option(
    "--wrt", multiple=True, help="The variable to differentiate by; repeat for several. Default: all."
)
SHOWING = (
    click.option("--show", type=click.Choice(SHOWN), default="steps", help="What to show."),
    click.option(
        "--format", "form", type=click.Choice(["text", "latex", "json"]), default="text", help="How to write it."
    ),
    click.option("--brief", is_flag=True, help="Three lines."),
    click.option("--full", is_flag=True, help="Every step, with the Jacobian and the chain rule."),
    click.option("--ascii", "plain", is_flag=True, help="Text in the signs of a keyboard."),
)


def with_showing(command: Command) -> Command:
    """The options that say what is shown of a derivation, and how."""
    return reduce(lambda decorated, option: option(decorated), reversed(SHOWING), command)


def shown_as(show: str, form: str, brief: bool, full: bool, plain: bool) -> tuple[str, str, str]:
    """What those options ask for: what is shown, in which form and detail."""
    if brief and full:
        raise click.UsageError("--brief and --full exclude each other")
    detail = "brief" if brief else "full" if full or show == "all" else "normal"
    return show, "ascii" if plain and form == "text" else form, detail


@main.command(
    cls=ExpressionCommand,
    epilog=examples(
        'gradwright derive "inv(X)"',
        'gradwright derive "inv(X) @ A" --var "A: n m" --wrt X --show vjp',
        'gradwright derive "logdet(K)" --var "K: n n spd" --format latex',
        'gradwright derive "norm(X @ w - y)**2" --var "X: n m, w: m, y: n" --wrt w --brief',
    ),
)
@click.argument("expression")
@with_variables
@with_showing
def derive(expression: str, wrt: tuple[str, ...], var: tuple[str, ...], **showing: Any) -> None:
    """Differentiate an EXPRESSION, step by step.

    The differential comes first, and then what is read off it: the gradient, or the vector-Jacobian product.
    """
    from gradwright.app.derive import derivation_of, shown

    how = shown_as(**showing)
    click.echo(shown(derivation_of(expression, wrt, var), *how))


@main.command(
    epilog=examples(
        'gradwright define "Y @ X = eye(n)" --unknown "Y: n n" --given "X: n n"',
        'gradwright define "Y @ inv(A) @ Y = B" --unknown "Y: n n spd" --given "A: n n spd, B: n n spd" --wrt B',
        'gradwright define "Q @ R = A" --unknown "Q: n m stiefel, R: m m upper" --given "A: n m" --of R --show vjp',
    )
)
@click.argument("identity", nargs=-1, required=True)
@click.option(
    "--unknown", multiple=True, required=True, help="What the equations define, such as 'Y: n n spd'; repeat."
)
@click.option("--given", multiple=True, required=True, help="What it is a function of, such as 'A: n m'; repeat.")
@click.option("--of", help="The unknown to differentiate, of several. Default: all, one after the other.")
@with_wrt
@click.option("--name", default="f", help="What the function is called. Default: f.")
@click.option("--start", help="NumPy's or SciPy's function of the givens to Newton's first guess, such as numpy.copy.")
@click.option("--forward", help="The same for the function itself, such as scipy.linalg.sqrtm.")
@click.option("--gauge", multiple=True, help="What fixes directions that are free: 'Y.T @ dY = dY.T @ Y'; repeat.")
@with_showing
def define(
    identity: tuple[str, ...],
    unknown: tuple[str, ...],
    given: tuple[str, ...],
    of: str | None,
    wrt: tuple[str, ...],
    name: str,
    start: str | None,
    forward: str | None,
    gauge: tuple[str, ...],
    **showing: Any,
) -> None:
    """Differentiate a function that equations define, its IDENTITY."""
    from gradwright.app.define import derivations_of, shown_together

    how = shown_as(**showing)
    found = derivations_of(identity, unknown, given, wrt, of, name, start, forward, gauge)
    click.echo(shown_together(found, *how))


@main.command(
    cls=ExpressionCommand,
    epilog=examples(
        'gradwright emit "inv(X)" -o inverse.py',
        'gradwright emit "solve(A, B)" --var "A: n n, B: n m" -o my_solve.py',
        'gradwright emit "norm(X @ w)**2" --var "X: n m, w: m" -o my_losses.py --name my_loss',
    ),
)
@click.argument("expression")
@click.option("-o", "--output", required=True, help="The file to write; its tests go to test_<file> beside it.")
@with_variables
@click.option("--target", type=click.Choice(["torch", "numpy", "jax"]), default="torch", help="The library.")
@click.option("--name", help="What a PyTorch function is called. Default: inv for inv(X), function for an expression.")
@click.option("--force", is_flag=True, help="Write over files that exist.")
def emit(
    expression: str,
    output: str,
    wrt: tuple[str, ...],
    var: tuple[str, ...],
    target: str,
    name: str | None,
    force: bool,
) -> None:
    """Write a function with its derivatives as a module.

    For PyTorch its tests are written beside it.
    """
    from gradwright.app.emit import write_module

    for line in write_module(expression, output, wrt, var, target, name, force):
        click.echo(line)


@main.command(
    cls=ExpressionCommand,
    epilog=examples(
        'gradwright check inverse.py:MyInverse "inv(X)"',
        'gradwright check layers.py:norm "x / norm(x)" --var "x: n"',
        'gradwright check grads.py:pair "logdet(S)" --var "S: n n spd" --json',
    ),
)
@click.argument("target")
@click.argument("expression", required=False)
@with_variables
@click.option("--json", "as_json", is_flag=True, help="The report as JSON.")
def check(target: str, expression: str | None, wrt: tuple[str, ...], var: tuple[str, ...], as_json: bool) -> None:
    """Check a function and its gradient, TARGET, against an EXPRESSION.

    TARGET is file.py:Name, of an autograd.Function, a function that PyTorch differentiates, a pair (forward, backward),
    or a backward alone, whose first parameter is G.
    Exit codes: 0 right, 1 wrong, 2 if it cannot be checked.
    """
    from gradwright.app.check import report_of

    report = report_of(target, expression, wrt, var)
    click.echo(report.to_json() if as_json else str(report))
    sys.exit(RIGHT if report.right else WRONG)


@main.command(epilog=examples("gradwright rules", "gradwright rules cholesky"))
@click.argument("name", required=False)
def rules(name: str | None) -> None:
    """List the functions of the language, or say what defines one."""
    from gradwright.app.rules import catalogue

    click.echo(catalogue(name))


def _write_in_unicode() -> None:
    """Formulas are more than an old code page has, which Windows writes files and pipes in."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8")


def run() -> None:
    """The entry point of the command."""
    gc.set_threshold(MANY_OBJECTS)
    _write_in_unicode()
    try:
        main()
    except GradwrightError as error:
        sys.stderr.write(f"gradwright: {error.restated(AS_TYPED)}\n")
        sys.exit(USAGE)


if __name__ == "__main__":
    run()
