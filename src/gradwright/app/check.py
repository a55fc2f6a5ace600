"""What `gradwright check` prints, and how it ends."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout

from gradwright.app.derive import declarations_of
from gradwright.check.report import Report
from gradwright.errors import CheckError

SILENCE = 1.5


def report_of(target: str, text: str | None, wrt: Sequence[str], var: Sequence[str]) -> Report:
    """The report on the function that a target names; what that function prints goes to the error stream."""
    from gradwright.api.checking import checked
    from gradwright.api.expression import parse
    from gradwright.check.loading import load

    names = [name.strip() for entry in wrt for name in entry.split(",")]
    declarations = declarations_of(var)
    expression = None if text is None else parse(text, **declarations)  # before PyTorch is imported
    with redirect_stdout(sys.stderr):
        function = load(target)
        chosen = names[0] if len(names) == 1 else names or None
        try:
            return checked(function, expression, chosen, declarations, {}, progress_after(SILENCE))
        except SystemExit as error:  # whose code would be read as the verdict
            raise CheckError(f"{target} ends the program (exit code {error.code})") from error


def progress_after(seconds: float) -> Callable[[str], None]:
    """A progress that says nothing until some time has passed."""
    started = time.monotonic()

    def tell(stage: str) -> None:
        if time.monotonic() - started > seconds:
            sys.stderr.write(f"gradwright: {stage} …\n")

    return tell
