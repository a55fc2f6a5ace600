"""The documentation says what happens: shell sessions are run, files are used, links lead somewhere.

The Python sessions in the same files are doctests, which pytest collects by itself.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import walk_packages

import pytest
from click.testing import CliRunner

import gradwright
from gradwright.app.main import main
from gradwright.core.facts import FACTS
from gradwright.core.solutions import SPACES
from gradwright.errors import GradwrightError
from gradwright.front.functions import FUNCTIONS

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
SESSION = re.compile(r"```console\n(.*?)```", re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
SPAN = re.compile(r"`([^`\n]*)`")
# A word of two letters or more, other than an output, a keyword or a text.
NAME = re.compile(r"""(?<![.'"\w])[a-z]\w+(?![\w='"])""")
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


def sessions() -> list:
    """Every command of every shell session, with the output that the page shows."""
    found = []
    for page in PAGES:
        for session in SESSION.findall(page.read_text(encoding="utf-8")):
            for part in session.split("$ ")[1:]:
                command, _, output = part.partition("\n")
                found.append(pytest.param(command, output, id=f"{page.name}: {command[:60]}"))
    return found


def printed(command: str) -> str:
    """What a command line prints."""
    program, *arguments = shlex.split(command)
    assert program == "gradwright"
    result = CliRunner().invoke(main, arguments)
    if isinstance(result.exception, GradwrightError):
        return f"{result.output}gradwright: {result.exception}"
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.output


def without_trailing_space(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().splitlines()]


@pytest.mark.parametrize(("command", "output"), sessions())
def test_a_command_prints_what_the_page_shows(
    command: str, output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert without_trailing_space(printed(command)) == without_trailing_space(output)


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_links_lead_to_files(page: Path) -> None:
    for target in LINK.findall(CODE.sub("", page.read_text(encoding="utf-8"))):
        assert (page.parent / target).exists(), target


def test_every_page_of_the_documentation_is_listed_in_its_index() -> None:
    listed = LINK.findall((ROOT / "docs" / "index.md").read_text(encoding="utf-8"))
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"index.md"}
    assert pages <= set(listed)


BUILT_IN = {name: f for name, f in FUNCTIONS.items() if not any(p.of_user for p in f.primitives)}


class TestLanguage:
    """The page on the language and what `parse` knows are the same."""

    page = (ROOT / "docs" / "language.md").read_text(encoding="utf-8")

    def test_it_lists_every_function(self) -> None:
        assert set(BUILT_IN) - set(re.findall(r"\w+", " ".join(SPAN.findall(self.page)))) == set()

    def test_every_name_in_its_table_of_functions_is_known(self) -> None:
        table = re.findall(r"^\|.*", self.page.partition("## Functions")[2], re.MULTILINE)
        outputs = {d.name for function in BUILT_IN.values() for record in function.primitives for d in record.outputs}
        names = NAME.findall(" ".join(SPAN.findall("\n".join(table))))
        assert set(names) - set(BUILT_IN) - outputs - {"pi"} == set()

    def test_it_lists_every_fact_and_every_space(self) -> None:
        declared = set(re.findall(r'="[^"]*?(\w+)"', self.page.partition("## Names")[0]))
        assert set(FACTS) <= declared
        spaces = self.page.partition("## Solutions")[2].partition("## Functions")[0]
        assert set(SPACES) <= {*SPAN.findall(spaces), "free"}


@pytest.mark.parametrize("package", [m.name for m in walk_packages(gradwright.__path__, "gradwright.") if m.ispkg])
def test_what_a_package_says_of_its_modules_names_modules_that_it_has(package: str) -> None:
    loaded = import_module(package)
    named = re.findall(r"`([a-z_]+)`", loaded.__doc__ or "")
    assert [name for name in named if not hasattr(loaded, name) and find_spec(f"{package}.{name}") is None] == []


def test_the_contributors_guide_lists_the_packages_in_the_order_of_their_layers() -> None:
    table = re.findall(r"^\| (`.*)\|$", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.MULTILINE)
    rows = [[SPAN.findall(cell) for cell in row.split("|")] for row in table if row.count("|") == 2]
    packages = [cell.removesuffix(".py").removesuffix("/") for names, *_ in rows for cell in names]
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ][0]
    layers = " ".join(contract["layers"]).replace("(__main__)", "")
    assert [name for name in packages if name in layers] == re.findall(r"\w+", layers)
    source = ROOT / "src" / "gradwright"
    assert all((source / names[0].rstrip("/") / file).is_file() for names, _, files in rows[:12] for file in files)


@pytest.mark.slow
def test_the_primitive_of_the_contributors_guide_works(tmp_path: Path) -> None:
    guide = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    module, session = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)[:2]
    assert module.startswith('"""')
    program = tmp_path / "guide.py"
    program.write_text(
        f"import doctest\nimport gradwright.prims\n{module}\n"
        f"test = doctest.DocTestParser().get_doctest({session!r}, {{}}, 'CONTRIBUTING.md', None, 0)\n"
        "runner = doctest.DocTestRunner()\nrunner.run(test)\n"
        "raise SystemExit(runner.summarize().failed)\n",
        encoding="utf-8",
    )
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
