"""Environments in which nothing is installed but the wheel, outside the repository."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.processes import Child, until_listening

UV = (sys.executable, "-m", "uv", "--quiet")
INSTALL_S = 600
PATIENCE_S = 180


class Installed:
    """The package in an environment of its own.

    Args:
        home: Folder of the environment and of all that the package writes.
        wheel: What is installed.
        python: Version of Python, such as 3.13.
        extra: Of the package; empty for none.
    """

    def __init__(self, home: Path, wheel: Path, *, python: str, extra: str = "") -> None:
        self.home = home
        self.bin = home / "environment" / "bin"
        self.folder = home / "work"
        self.folder.mkdir()
        package = f"orderfox_nb{f'[{extra}]' if extra else ''} @ {wheel.as_uri()}"
        subprocess.run([*UV, "venv", "--python", python, str(self.bin.parent)], check=True, timeout=60)
        install = [*UV, "pip", "install", "--python", str(self.bin / "python"), package]
        subprocess.run(install, check=True, timeout=INSTALL_S)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ORDERFOX", "PYTHON"))}
        self.environment = kept | {
            "HOME": str(home),
            "ORDERFOX_DATA_DIR": str(home / "data"),
            "PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}",
            "PYTHONUNBUFFERED": "1",
        }

    def run(self, *command: str) -> str:
        """Run a command of the environment in an empty folder, and return what it prints."""
        ran = subprocess.run(
            [str(self.bin / command[0]), *command[1:]],
            check=False,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        assert ran.returncode == 0, f"{command}\n{ran.stdout}\n{ran.stderr}"
        return ran.stdout

    def doctor(self) -> dict[str, Any]:
        """Return what ``orderfox doctor`` says."""
        return json.loads(self.run("orderfox", "doctor", "--json"))

    @contextmanager
    def server(self, *command: str, ready: str) -> Iterator[str]:
        """Run a server of the environment; gives the address in the first line that matches."""
        script = (
            f"import os; os.chdir({str(self.folder)!r}); os.execv({str(self.bin / command[0])!r}, {list(command)!r})"
        )
        child = Child([sys.executable, "-c", script], ready, self.home / f"{command[1]}.log", self.environment)
        try:
            line = next(line for line in child.text.splitlines() if ready in line)
            found = re.search(r"https?://\S+", line)
            assert found, line
            port = urlsplit(found[0]).port
            assert port
            until_listening(port)
            yield found[0]
            assert "Traceback" not in child.text, child.text
        finally:
            child.end()


def pythons() -> list[str]:
    """Return the versions of the classifiers."""
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    return re.findall(r"Programming Language :: Python :: (3\.\d+)", text)
