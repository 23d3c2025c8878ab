"""The help of every command: what a person reads at 80 columns, and whether its examples are understood."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys

import pytest

from orderfox_nb.cli.command import Command, Example, parser_of
from orderfox_nb.cli.program import EXAMPLES, command_names, load, main

pytestmark = pytest.mark.core

NAMES = list(command_names())
SHOWN = [(example, "") for example in EXAMPLES] + [(example, name) for name in NAMES for example in load(name).examples]
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
    text = help_of(name, capsys=capsys)
    assert text.startswith(f"usage: orderfox {name} ")
    assert "examples:\n" in text
    assert not [line for line in text.splitlines() if len(line) > 79]
    assert not re.search(r"``|:class:|:func:|\*\*|<[a-z]+ ", text)


@pytest.mark.parametrize(("example", "name"), SHOWN, ids=[example.line for example, _ in SHOWN])
def test_an_example_is_understood(example: Example, name: str):
    program, command, *rest = shlex.split(example.line)
    assert program == "orderfox"
    assert command == (name or command)
    parser_of(command, load(command)).parse_args(rest)
    assert example.what[0].isupper()
    assert not example.what.endswith(".")


def test_an_example_with_an_option_that_does_not_exist_is_found():
    command: Command = load("new")
    with pytest.raises(SystemExit):
        parser_of("new", command).parse_args(["study", "--simbol", "ETHUSDT"])


def test_the_overview_names_every_command_and_imports_nothing_heavy():
    code = "import sys; from orderfox_nb.cli import main; print(main([])); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    text, _, rest = done.stdout.partition("\n0\n")
    assert all(re.search(rf"^  {name} +[a-z]", text, re.MULTILINE) for name in NAMES)
    assert not [name for name in rest.split() if name.startswith(HEAVY)]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (["recrod"], "there is no command 'recrod'; did you mean record?"),
        (["xyz"], "there is no command 'xyz'"),
        (["--debug", "serve"], "unrecognized arguments"),
        (["serve", "--prot", "0"], "unrecognized arguments: --prot"),
    ],
)
def test_what_is_not_understood_is_named(given: list[str], problem: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        main(given)
    assert ended.value.code == 2
    assert problem in capsys.readouterr().err
