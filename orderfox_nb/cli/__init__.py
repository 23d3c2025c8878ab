"""The command ``orderfox``: one module for each of its commands, listed in ``program``."""

from orderfox_nb.cli.program import main

__all__ = ["main"]
