"""A private PostgreSQL cluster: it belongs to an ordinary user, listens on a socket file and keeps nothing."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

USER = "orderfox"


def binaries() -> Path | None:
    """Return the folder of the server's programs, where PostgreSQL is installed."""
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "initdb").exists() and (place / "postgres").exists()), None)


class Cluster:
    """A running server.

    Args:
        programs: Folder of its programs.
    """

    def __init__(self, programs: Path) -> None:
        # Short: the path of a socket has at most 107 characters.
        self.folder = Path(tempfile.mkdtemp(prefix="orderfox-pg-", dir="/tmp"))
        self._as: dict[str, Any] = {}
        if os.getuid() == 0:
            # PostgreSQL refuses to run as root.
            ordinary = pwd.getpwnam("nobody")
            os.chown(self.folder, ordinary.pw_uid, ordinary.pw_gid)
            self._as = {"user": ordinary.pw_uid, "group": ordinary.pw_gid, "extra_groups": []}
        self.folder.chmod(0o755)
        data = self.folder / "data"
        command = [programs / "initdb", "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run(command, check=True, capture_output=True, cwd=self.folder, **self._as)
        options = {"listen_addresses": "", "unix_socket_directories": self.folder, "fsync": "off"}
        options |= {"max_connections": 60, "shared_buffers": "16MB", "autovacuum": "off"}
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [programs / "postgres", "-D", data, *settings], stdout=log, stderr=log, cwd=self.folder, **self._as
            )
        deadline = time.monotonic() + 60
        while "ready to accept connections" not in (self.folder / "log").read_text():
            if self._process.poll() is not None or time.monotonic() > deadline:
                text = (self.folder / "log").read_text()
                self.end()
                raise AssertionError(f"PostgreSQL did not start:\n{text}")
            time.sleep(0.02)
        self._databases = 0

    def url(self, database: str = "postgres") -> str:
        """Return the address of one of its databases."""
        return f"postgresql://{USER}@/{database}?host={self.folder}"

    async def new_database(self) -> str:
        """Create an empty database and return its address."""
        import asyncpg

        self._databases += 1
        name = f"test{self._databases}"
        connection = await asyncpg.connect(self.url())
        try:
            await connection.execute(f"CREATE DATABASE {name}")
        finally:
            await connection.close()
        return self.url(name)

    def end(self) -> None:
        """Stop at once and remove everything."""
        # Killed, it would leave its workers behind for a while.
        self._process.send_signal(signal.SIGQUIT)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)
