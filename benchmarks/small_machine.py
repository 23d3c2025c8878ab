"""Processes on one core and in little memory, as a hosted notebook has them."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# The file of the limit, that of swap, and that with the resident memory, of cgroups 1 and 2.
_KINDS = (
    (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "total_rss"),
    (Path("/sys/fs/cgroup"), "memory.max", "memory.swap.max", "anon"),
)


class SmallMachine:
    """A cgroup and one core for the processes of one command.

    Args:
        group: The cgroup's folder, ``None`` where none could be made: memory is then not limited.
        resident: Name of the resident memory in the cgroup's statistics.
    """

    def __init__(self, group: Path | None, resident: str) -> None:
        self.group = group
        self._resident = resident

    def command(self, *words: str) -> list[str]:
        """Return a command that runs another one inside."""
        pinned = ["taskset", "--cpu-list", "0", *words] if shutil.which("taskset") else list(words)
        if self.group is None:
            return pinned
        return ["sh", "-c", 'echo $$ > "$0/cgroup.procs"; exec "$@"', str(self.group), *pinned]

    @property
    def resident_mb(self) -> float:
        """Resident memory of all processes, MB; NaN without a cgroup."""
        return self._statistic("memory.stat", self._resident) / 1e6

    @property
    def killed(self) -> float:
        """Processes that the kernel has ended for want of memory; NaN without a cgroup."""
        found = self._statistic("memory.events", "oom_kill")
        return found if found == found else self._statistic("memory.oom_control", "oom_kill")  # noqa: PLR0124

    def _statistic(self, file: str, name: str) -> float:
        with contextlib.suppress(OSError):
            for line in (self.group / file).read_text().splitlines() if self.group else ():
                if line.startswith(f"{name} "):
                    return float(line.split()[1])
        return float("nan")


@contextmanager
def small_machine(memory: int) -> Iterator[SmallMachine]:
    """Make a cgroup with a limit of memory, and end it with the block.

    Args:
        memory: Bytes, swap included.
    """
    for root, limit, swap, resident in _KINDS:
        group = root / f"orderfox-{os.getpid()}"
        try:
            group.mkdir()
            (group / limit).write_text(str(memory))
        except OSError:
            with contextlib.suppress(OSError):
                group.rmdir()
            continue
        with contextlib.suppress(OSError):
            (group / swap).write_text("0" if swap == "memory.swap.max" else str(memory))
        try:
            yield SmallMachine(group, resident)
        finally:
            _remove(group)
        return
    yield SmallMachine(None, "")


def _remove(group: Path) -> None:
    """Remove a cgroup once its last process has gone."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            group.rmdir()
            return
        except OSError:
            time.sleep(0.1)
