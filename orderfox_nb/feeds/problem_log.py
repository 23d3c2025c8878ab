"""Logs each problem of an upstream once: a broken server may repeat it a thousand times a second."""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import Final

from orderfox_nb.clock import Clock

QUIET_S: Final = 600.0
"""A problem that has not occurred for this long is logged again."""
_MAX_NAMES: Final = 256


class ProblemLog:
    """Logs each kind of problem when it begins.

    Args:
        log: Where to.
        clock: Measures how long a trouble has not come.
    """

    def __init__(self, log: logging.Logger, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._open: OrderedDict[str, int] = OrderedDict()

    def report(self, name: str, text: str) -> None:
        """Log a problem, unless one of this name is ongoing."""
        now_us = self._clock.now_us()
        before_us = self._open.pop(name, None)
        self._open[name] = now_us
        if len(self._open) > _MAX_NAMES:
            self._open.popitem(last=False)
        if before_us is None or now_us - before_us > QUIET_S * 1e6:
            self._log.warning("%s", text)

    def over(self, name: str) -> None:
        """Forget a problem: the next one of its name is logged."""
        self._open.pop(name, None)
