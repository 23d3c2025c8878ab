"""The help of every command: what a person reads at 80 columns, and whether its examples are understood."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys

import pytest

from orderfox_nb.cli.command import Command, Example, parser_of
from orderfox_nb.cli.program import PROGRAM, command_paths, load, main

pytestmark = pytest.mark.core

PATHS = [*command_paths()]
NAMES = [" ".join(path) for path in PATHS]
EXAMPLES = [*PROGRAM.examples, *(example for path in PATHS for example in load(path).examples)]
HEAVY = ("numpy", "aiohttp", "pandas", "pydantic", "msgspec", "jupyter", "rich")


def help_of(*command: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])
    assert ended.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("name", NAMES)
def test_a_help_fits_80_columns_and_is_plain_text(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COLUMNS", "80")
    text = help_of(*name.split(), capsys=capsys)
    assert text.startswith(f"usage: orderfox {name} ")
    assert "examples:\n" in text
    assert not [line for line in text.splitlines() if len(line) > 79]
    assert not re.search(r"``|:class:|:func:|\*\*|<[a-z]+ ", text)


def understood(line: str) -> None:
    """Parse a line, or raise SystemExit."""
    program, *words = shlex.split(line)
    assert program == "orderfox"
    count = max(at for at in range(1, 3) if tuple(words[:at]) in PATHS)
    command = load(words[:count])
    assert isinstance(command, Command)
    parser_of(" ".join(words[:count]), command).parse_args(words[count:])


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.line for example in EXAMPLES])
def test_an_example_is_understood(example: Example):
    understood(example.line)
    assert example.what[0].isupper()
    assert not example.what.endswith(".")


@pytest.mark.parametrize("line", ["orderfox new study --simbol ETHUSDT", "orderfox bot show", "orderfox bot list --on"])
def test_an_example_with_an_option_that_does_not_exist_is_found(line: str):
    with pytest.raises(SystemExit):
        understood(line)


def test_every_command_has_examples_of_its_own():
    for path in PATHS:
        command = load(path)
        lines = [example.line for example in command.examples]
        assert lines, path
        assert all(line.startswith(f"orderfox {' '.join(path)}") for line in lines), path


def test_the_overview_names_every_command_and_imports_nothing_heavy():
    code = "import sys; from orderfox_nb.cli import main; print(main([])); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    text, _, rest = done.stdout.partition("\n0\n")
    assert all(re.search(rf"^  {name} +[a-z]", text, re.MULTILINE) for name in PROGRAM.commands)
    assert not [name for name in rest.split() if name.startswith(HEAVY)]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (["recrod"], "there is no command 'recrod'; did you mean record?"),
        (["xyz"], "there is no command 'xyz'"),
        (["bot", "lits"], "there is no command 'lits'; did you mean list?"),
        (["--debug", "serve"], "unrecognized arguments"),
        (["serve", "--prot", "0"], "unrecognized arguments: --prot"),
    ],
)
def test_what_is_not_understood_is_named(given: list[str], problem: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        main(given)
    assert ended.value.code == 2
    assert problem in capsys.readouterr().err
