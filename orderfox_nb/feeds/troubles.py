"""What goes wrong with an upstream, in the log once: a broken server repeats itself a thousand times a second."""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import Final

from orderfox_nb.clock import Clock

QUIET_S: Final = 600.0
"""A trouble that has not come for so long is logged again."""
_MAX_NAMES: Final = 256


class Troubles:
    """Logs each kind of trouble when it begins.

    Args:
        log: Where to.
        clock: Measures how long a trouble has not come.
    """

    def __init__(self, log: logging.Logger, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._open: OrderedDict[str, int] = OrderedDict()

    def report(self, name: str, text: str) -> None:
        """Log a trouble, unless one of this name goes on."""
        now_us = self._clock.now_us()
        before_us = self._open.pop(name, None)
        self._open[name] = now_us
        if len(self._open) > _MAX_NAMES:
            self._open.popitem(last=False)
        if before_us is None or now_us - before_us > QUIET_S * 1e6:
            self._log.warning("%s", text)

    def over(self, name: str) -> None:
        """Forget a trouble: the next one of its name is news."""
        self._open.pop(name, None)
