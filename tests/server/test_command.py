"""The command ``orderfox`` and what says its version, in processes of their own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from orderfox_nb import __version__
from orderfox_nb.errors import SettingError
from orderfox_nb.server.app import OrderFoxApp
from orderfox_nb.server.base_url import base_pattern, parse_base_url

pytestmark = pytest.mark.server

ROOT = Path(__file__).parents[2]


def command(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "orderfox_nb", *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("arguments", [("--help",), ("serve", "--help"), ("sim", "--help")])
def test_the_help_is_plain_text_and_starts_with_python_m(arguments: tuple[str, ...]):
    text = command(*arguments)
    assert text.startswith("usage: orderfox")
    assert not re.search(r"``|:class:|:func:|\*\*|<[a-z]+ ", text)


def test_serving_does_not_build_a_grammar_that_no_schema_needs(tmp_path: Path):
    command = [sys.executable, "-X", "importtime", "-m", "orderfox_nb", "serve", "--notebook", str(tmp_path / "none")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    modules = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines() if line.startswith("import time")}
    assert {"voila.app", "jsonschema"} <= modules
    assert not {"lark", "rfc3987_syntax.syntax_helpers"} & modules


def test_package_extensions_and_command_have_one_version():
    labextension = json.loads((ROOT / "orderfox_nb" / "labextension" / "package.json").read_text())
    assert command("--version").split() == ["orderfox", __version__]
    assert OrderFoxApp().version == __version__
    assert labextension["version"] == __version__


@pytest.mark.parametrize("target", ["serve", "lab", "test", "bench"])
def test_make_shows_the_progress_of_what_it_installs(target: str, tmp_path: Path):
    steps = subprocess.run(
        ["make", "--dry-run", target, f"VENV={tmp_path / 'venv'}"],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=True,
    ).stdout.splitlines()  # fmt: skip
    installs = [at for at, step in enumerate(steps) if "pip install" in step]
    assert installs
    assert not any(re.search(r"--quiet|\s-q\b|/dev/null", step) for step in steps)
    for at in installs:
        assert any("echo" in step for step in steps[max(0, at - 2) : at]), steps[at]


@pytest.mark.parametrize(
    ("given", "base", "found", "other"),
    [
        ("/desk/", "/desk/", ["/desk/"], ["/desK/", "/desk"]),
        ("desk", "/desk/", ["/desk/"], ["/dest/"]),
        ("/", "/", ["/"], [""]),
        ("/user/a@b.c/", "/user/a@b.c/", ["/user/a@b.c/", "/user/a%40b.c/", "/user/a@b%2ec/"], ["/user/a@bxc/"]),
        ("/user/a%40b.c/", "/user/a@b.c/", ["/user/a@b.c/", "/user/a%40b.c/"], []),
        ("/a+b(1)/", "/a+b%281%29/", ["/a+b(1)/", "/a%2Bb%281%29/"], ["/aab1/"]),
        ("/büro/", "/b%C3%BCro/", ["/b%C3%BCro/", "/b%c3%bcro/"], ["/buro/"]),
    ],
)
def test_a_prefix_is_found_as_it_is_and_percent_encoded(given: str, base: str, found: list[str], other: list[str]):
    assert parse_base_url(given) == base
    pattern = re.compile(base_pattern(base))
    assert all(pattern.fullmatch(path) for path in found)
    assert not any(pattern.fullmatch(path) for path in other)


@pytest.mark.parametrize("given", ["/a b/", "/a?b/", "/a#b/", "/../a/", "//a//b/", "/a\n/", "/a%0Ab/", "/" + "a" * 300])
def test_what_cannot_begin_a_path_is_no_prefix(given: str):
    with pytest.raises(SettingError, match="--base-url"):
        parse_base_url(given)
