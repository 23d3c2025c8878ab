"""Run the embedded exchange or a tape alone: ``python -m orderfox_nb.sim``, which is ``orderfox sim``."""

from __future__ import annotations

import sys

from orderfox_nb.sim.command import main

if __name__ == "__main__":
    sys.exit(main())
