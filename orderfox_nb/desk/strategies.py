"""The strategies that are installed: a request names one, and never brings code."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Final

from orderfox_nb.errors import BadValue

GROUP: Final = "orderfox_nb.strategies"
"""Group of entry points by which a package adds its strategies."""


def strategy_names() -> list[str]:
    """Return the names of the installed strategies, in alphabetical order."""
    return sorted(entry_points(group=GROUP).names)


def check_strategy(name: str) -> None:
    """Check that a strategy is installed.

    Raises:
        BadValue: It is not.
    """
    names = strategy_names()
    if name not in names:
        raise BadValue("strategy", name, f"one of {', '.join(names)}" if names else f"a package with {GROUP}")
