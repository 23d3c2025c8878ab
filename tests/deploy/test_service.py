"""The unit of systemd: valid, confined, and with a command that exists."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from orderfox_nb.cli import serve
from orderfox_nb.cli.command import parser_of
from orderfox_nb.config import Settings
from tests.conftest import missing

pytestmark = pytest.mark.core

UNIT = Path(__file__).parents[2] / "deploy" / "orderfox.service"
TEXT = UNIT.read_text(encoding="utf-8")
EXPOSURE = 20
"""Tenths of systemd's own scale: from 20 on a service is more than "OK" exposed."""


OLDEST = 250
"""The first systemd that judges the file of a unit which is not loaded."""


def analyze(*arguments: str) -> str:
    """Run systemd-analyze and return what it prints."""
    done = subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_systemd_accepts_the_unit_and_finds_it_confined(tmp_path: Path):
    if shutil.which("systemd-analyze") is None:
        missing("systemd", "systemd-analyze is not installed")
    version = re.match(r"systemd (\d+)", analyze("--version"))
    if version is None or int(version[1]) < OLDEST:
        missing("systemd", f"systemd-analyze is older than {OLDEST}")
    # The command has to be there for systemd.
    copy = tmp_path / UNIT.name
    copy.write_text(TEXT.replace("/opt/orderfox/bin/orderfox serve", f"{sys.executable} serve"))
    found = analyze("verify", "--man=no", str(copy))
    assert UNIT.name not in found, "an unknown or a wrong line is a warning"
    analyze("security", "--offline=true", f"--threshold={EXPOSURE}", str(copy))


def test_its_command_and_its_settings_exist():
    command = re.search(r"^ExecStart=/opt/orderfox/bin/orderfox (.*)$", TEXT, re.MULTILINE)
    assert command is not None
    assert parser_of("orderfox serve", serve.COMMAND).parse_args(command[1].removeprefix("serve ").split()).no_browser
    named = set(re.findall(r"ORDERFOX_[A-Z_]+", TEXT))
    assert "ORDERFOX_DATA_DIR" in named
    assert named <= {field.alias for field in Settings.model_fields.values()}


def test_what_a_kernel_needs_is_allowed():
    """Without netlink ZeroMQ ends each kernel, and with it the rendering of the page."""
    families = re.search(r"^RestrictAddressFamilies=(.*)$", TEXT, re.MULTILINE)
    assert families is not None
    assert {"AF_INET", "AF_INET6", "AF_NETLINK", "AF_UNIX"} == set(families[1].split())
