"""Run the scripts in turn, each in a process of its own: ``python -m benchmarks [name …]``."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path


def scripts() -> list[str]:
    """Every module here that has a ``TITLE`` and a ``main``."""
    found: list[str] = []
    for path in sorted(Path(__file__).parent.glob("[!_]*.py")):
        text = path.read_text(encoding="utf-8")
        if re.search(r"^TITLE\b", text, re.MULTILINE) and re.search(r"^def main\(", text, re.MULTILINE):
            found.append(path.stem)
    return found


def main() -> int:
    known = scripts()
    wanted = sys.argv[1:] or known
    if unknown := [name for name in wanted if name not in known]:
        print(f"No benchmark {', '.join(unknown)}: there are {', '.join(known)}", file=sys.stderr)
        return 2
    failed = [
        name for name in wanted if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode
    ]
    if failed:
        print(f"Failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
