"""The code of README and documentation: Python is executed, commands and their options exist."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator

import pytest

from orderfox_nb.cli.program import command_paths, main
from orderfox_nb.server.openapi import readable
from orderfox_nb.server.routes import REST
from tests.documentation.blocks import PROJECT, CodeBlock, blocks, documents, python_pages, shell_blocks
from tests.processes import Child

PAGES = python_pages()
SHELL = shell_blocks()
EXTRAS = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
MAKEFILE = (PROJECT / "Makefile").read_text(encoding="utf-8")
OTHERS = {
    "jupyter",
    "playwright",
    "pytest",
    "voila",
    "docker",
    "podman",
    "systemctl",
    "journalctl",
    "nginx",
    "npm",
    "git",
    "zstd",
}
"""Programs of others, whose options are theirs."""
_VARIABLE = re.compile(r"([A-Z][A-Z_]+)=")
_ROUTES = [re.compile("/" + re.sub(r"\{\w+\}", "[^/]+", readable(path, kind.path)).strip("/")) for path, kind in REST]


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Execute the Python of all pages in one process, against an embedded exchange in the real one's place."""
    folder = tmp_path_factory.mktemp("pages")
    results = folder / "results.json"
    sim = Child(
        [sys.executable, "-m", "orderfox_nb.sim", "--port", "0", "--symbols", "8"], '"port"', folder / "sim.log", {}
    )
    try:
        address = json.loads(sim.text.splitlines()[0])["http_url"]
        environment = {
            **os.environ,
            "BINANCE_API_BASE_URL": address,
            "BINANCE_WS_BASE_URL": address.replace("http", "ws", 1),
            "ORDERFOX_DATA_DIR": str(folder / "data"),
            "ORDERFOX_RECORDING": "1",
            "ORDERFOX_SOURCE": "sim,sim?name=b",
            "PYTHONPATH": str(PROJECT),
        }
        command = [sys.executable, "-m", "tests.documentation.running", address, str(results)]
        ran = subprocess.run(
            command, check=False, cwd=folder, env=environment, capture_output=True, text=True, timeout=500
        )
        assert results.is_file(), ran.stdout + ran.stderr
        yield json.loads(results.read_text(encoding="utf-8"))
    finally:
        sim.leave()


@pytest.mark.server
@pytest.mark.parametrize("page", PAGES)
def test_the_python_of_a_page_runs(page: str, executed: dict[str, str]):
    assert page in executed, f"the process ended before {page}"
    assert not executed[page], executed[page]


@pytest.mark.core
def test_blocks_that_are_not_run_say_why_and_are_few():
    skipped = [block for path in documents() for block in blocks(path) if block.not_run]
    assert all(len(block.not_run.split()) > 3 for block in skipped)
    assert len(skipped) <= 6, [block.place for block in skipped]
    assert sum(len(rows) for rows in PAGES.values()) > 20


@pytest.fixture(scope="module")
def options() -> dict[str, set[str]]:
    """The options of each command, from its help."""
    found: dict[str, set[str]] = {"": {"--help", "--version"}}
    for path in command_paths():
        shown = io.StringIO()
        with contextlib.redirect_stdout(shown), contextlib.suppress(SystemExit):
            main([*path, "--help"])
        found[" ".join(path)] = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", shown.getvalue()))
    return found


def commands(block: CodeBlock) -> Iterator[list[str]]:
    """Yield the commands of a block as words, without the variables in front of them."""
    text = re.sub(r"\\\n\s*", " ", block.code)
    # Paths of Windows.
    text = re.sub(r"\\(?=\w)", "/", text)
    for line in text.splitlines():
        for part in re.split(r"&&|\|\||[|;]\s|[|;]$", line.removeprefix("$ ")):
            words = shlex.split(part.replace("<", "_").replace(">", "_").replace("…", "_"), comments=True)
            while words and _VARIABLE.match(words[0]):
                words.pop(0)
            if words:
                yield words


def check_command(words: list[str], options: dict[str, set[str]]) -> str:
    """Return what is wrong with a command, empty if nothing is."""
    program, *rest = words
    program = re.split(r"[/\\]", program)[-1].removesuffix(".exe")
    if program == "orderfox" or (program.startswith(("python", "py")) and rest[:2] == ["-m", "orderfox_nb"]):
        rest = rest if program == "orderfox" else rest[2:]
        given = list(itertools.takewhile(lambda word: not word.startswith("-"), rest))
        # A word after a group is one of its commands.
        grouped = bool(given) and any(path.startswith(f"{given[0]} ") for path in options)
        name = " ".join(given[: 2 if grouped else 1])
        unknown = {word.partition("=")[0] for word in rest if word.startswith("--")} - options.get(name, set())
        return f"no command {name}" if name not in options else f"no option {unknown}" if unknown else ""
    if program == "make":
        targets = [word for word in rest if "=" not in word and not word.startswith("-")]
        variables = [word.partition("=")[0] for word in rest if "=" in word]
        missing = [name for name in targets if not re.search(rf"^{name}:", MAKEFILE, re.MULTILINE)]
        missing += [name for name in variables if not re.search(rf"^{name} [?:]?=", MAKEFILE, re.MULTILINE)]
        return f"not in the Makefile: {missing}" if missing else ""
    if program == "curl":
        paths = [match[1] for word in rest if (match := re.match(r"https?://[^/]+(/[^?]*)", word))]
        known = [path for path in paths if any(route.fullmatch(path) for route in _ROUTES)]
        return "" if paths and known == paths else f"no such route: {paths}"
    if program == "cp":
        absent = [name for name in rest[:-1] if not (PROJECT / name).is_file()]
        return f"no file {absent}" if absent else ""
    if program.startswith(("python", "py", "pip", "uv")):
        extras = {name for word in rest for found in re.findall(r"\[([\w,]+)\]", word) for name in found.split(",")}
        modules = [
            PROJECT / (name.replace(".", "/") + ".py")
            for flag, name in itertools.pairwise(rest)
            if flag == "-m" and "." in name
        ]
        absent = [str(path) for path in modules if not path.is_file()]
        return (
            f"no extra {extras - EXTRAS.keys()}" if extras - EXTRAS.keys() else f"no module {absent}" if absent else ""
        )
    return "" if program in OTHERS or program in {"cd", "export", "source", "set"} else f"unknown program {program}"


@pytest.mark.core
@pytest.mark.parametrize("block", SHELL, ids=[block.place for block in SHELL])
def test_the_commands_of_a_block_exist(block: CodeBlock, options: dict[str, set[str]]):
    found = {shlex.join(words): check_command(words, options) for words in commands(block)}
    assert found, "a block has a command"
    assert not {line: problem for line, problem in found.items() if problem}


@pytest.mark.core
@pytest.mark.parametrize(
    "line",
    [
        "orderfox serv --port 0",
        "orderfox serve --prot 0",
        "make sreve",
        "make serve SUORCE=sim",
        "curl http://127.0.0.1:8000/api/v1/boks",
        'python -m pip install "orderfox_nb[recordings]"',
        "python -m benchmarks.boook",
        "orderfix serve",
        "orderfox bot lst",
        "orderfox bot list --ulr http://127.0.0.1",
        "cp deploy/orderfix.service /etc/systemd/system/",
    ],
)
def test_a_wrong_command_is_found(line: str, options: dict[str, set[str]]):
    assert check_command(shlex.split(line), options)
