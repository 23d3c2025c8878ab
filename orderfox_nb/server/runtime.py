"""The folder of a running server, what a killed one left of it, and the end of a server that is asked to stop."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import stat
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

try:
    import fcntl
except ImportError:
    # Windows does not remove a folder while one of its files is open.
    fcntl = None

_log = logging.getLogger(__name__)

PREFIX: Final = "orderfox_"
STOP_WITHIN_S: Final = 1.7
_LOCK: Final = "server.lock"


class RuntimeFolder:
    """A folder for the connection files of kernels, whose keys open them; it ends with the server.

    A server that was killed could not remove its own. It held a lock on it, which the system has released: the next
    server that starts removes every folder of the same user whose lock it can take.

    Args:
        root: Where folders for a while are made.
    """

    def __init__(self, root: str | Path) -> None:
        self._root = Path(root)
        self.path: Path | None = None
        self._lock: int | None = None

    def open(self) -> str:
        """Remove what killed servers left, make the folder and return its path."""
        self._remove_leftovers()
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=self._root))
        # It has its name once it is locked: else another server that starts now would take the folder for a leftover.
        new = self.path / f"{_LOCK}.new"
        self._lock = _locked(new, create=True)
        if self._lock is not None:
            new.rename(self.path / _LOCK)
        return str(self.path)

    def close(self) -> None:
        """Remove the folder; safe to call twice."""
        if self.path is not None:
            shutil.rmtree(self.path, ignore_errors=True)
        if self._lock is not None:
            with contextlib.suppress(OSError):
                os.close(self._lock)
            self._lock = None

    def _remove_leftovers(self) -> None:
        for folder in self._root.glob(PREFIX + "*"):
            if not _is_ours(folder) or (lock := _locked(folder / _LOCK, create=False)) is None:
                continue
            _log.info("folder=%s of a server that was killed is removed", folder.name)
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def stop_on_signals(stop: Callable[[], object], last: Callable[[], object], *, within_s: float = STOP_WITHIN_S) -> None:
    """Have SIGTERM and SIGINT stop the server, and end the process where that takes too long.

    A loop that renders a page does not handle a signal for seconds, and a thread that waits for a name server delays
    the interpreter's exit. Kernels and the embedded exchange end by themselves with this process.

    Args:
        stop: Asks the server to stop, from any thread.
        last: What has to be done before the process is ended.
        within_s: How long the server has.
    """
    asked = False

    def end() -> None:
        _log.warning("the server did not stop within %g s and is ended", within_s)
        with contextlib.suppress(Exception):
            last()
        os._exit(0)

    def handle(_number: int, _frame: Any) -> None:
        nonlocal asked
        if not asked:
            asked = True
            timer = threading.Timer(within_s, end)
            timer.daemon = True
            timer.start()
        # The loop may have ended since.
        with contextlib.suppress(RuntimeError):
            stop()

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, handle)


def _is_ours(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and (not hasattr(os, "getuid") or found.st_uid == os.getuid())


def _locked(path: Path, *, create: bool) -> int | None:
    """Return the descriptor of a file that is locked as long as this process lives, None where another one has it."""
    if fcntl is None:
        return None
    try:
        descriptor = os.open(path, os.O_RDWR | (os.O_CREAT if create else 0) | os.O_NOFOLLOW, 0o600)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
