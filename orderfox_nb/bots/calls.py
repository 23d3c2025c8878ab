"""Calls a strategy's callbacks, and stops at the first error that one of them raises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orderfox_nb.bots.failures import StrategyFailure
from orderfox_nb.bots.strategy import CALLBACKS, Strategy


class StrategyCalls:
    """The callbacks that a strategy has.

    Args:
        strategy: The strategy that is called.
        desk: What each of them gets.
        now_us: Returns the event clock.
        failed: Called once, when a callback has raised.
    """

    def __init__(
        self, strategy: Strategy, desk: Any, now_us: Callable[[], int], failed: Callable[[StrategyFailure], None]
    ) -> None:
        self._strategy = strategy
        self._desk = desk
        self._now_us = now_us
        self._failed = failed
        self._callbacks: dict[str, Callable[..., object]] = {}
        self.trade: Callable[..., object] | None = None
        """Passes a trade on; None without such a callback. The two that are called most are looked up once."""
        self.book: Callable[..., object] | None = None
        self.bind(active=True)

    def bind(self, *, active: bool) -> None:
        """Look up the callbacks; none where they are not to be called any more."""
        found = {name: getattr(self._strategy, name, None) for name in CALLBACKS} if active else {}
        self._callbacks = {name: each for name, each in found.items() if each is not None}
        self.trade = self._callbacks.get("on_trade")
        self.book = self._callbacks.get("on_book")

    def dispatch(self, name: str, *happened: object) -> None:
        """Call one callback, if the strategy has it."""
        callback = self._callbacks.get(name)
        if callback is not None:
            try:
                callback(*happened, self._desk)
            except Exception as error:  # noqa: BLE001  (whatever a strategy raises stops it)
                self.fail(name, error)

    def fail(self, name: str, error: Exception) -> None:
        """Stop calling the strategy, and report what it raised."""
        failure = StrategyFailure.of(name, self._now_us(), error)
        self.bind(active=False)
        self._failed(failure)
