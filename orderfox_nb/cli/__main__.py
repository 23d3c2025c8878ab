"""``python -m orderfox_nb.cli``: the command ``orderfox``."""

from __future__ import annotations

import sys

from orderfox_nb.cli.program import main

if __name__ == "__main__":
    sys.exit(main())
