"""What turns the items of one topic's inbox into its events. No I/O: requests go through ``Fetches``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, Protocol

from orderfox_nb.core.events import Event, Gap, Status, StreamState, Topic
from orderfox_nb.feeds.binance.items import Item, Market


class Follower(Protocol):
    """One topic's state between the wire and its events."""

    @property
    def holding(self) -> bool:
        """Whether the stream should wait for the answer of a request before it is read on."""
        ...

    def start(self) -> None:
        """Begin; called once, before the first item."""
        ...

    def handle(self, item: Item) -> Iterator[Event]:
        """Handle the next item and yield the events that follow from it.

        Raises:
            OrderFoxError: The topic cannot go on.
        """
        ...


class StatusReporter:
    """Makes the events that tell of the stream itself.

    Args:
        topic: What it is about.
        now_us: The venue's clock.
    """

    def __init__(
        self,
        topic: Topic,
        now_us: Callable[[], int],
        *,
        coverage: Literal["complete", "sampled"] = "complete",
    ) -> None:
        self.topic = topic
        self._now_us = now_us
        self._coverage: Literal["complete", "sampled"] = coverage
        self.history: Literal["none", "complete", "missing"] = "none"
        self.market = Market()
        self.prelude_over = False
        """Whether the last word of the connection was ``live``: only the follower knows when its prelude is over."""
        self.gaps = 0
        self.resyncs = 0
        self.frozen = 0
        """How often its neighbours have shown that it should not be silent."""

    def now_us(self) -> int:
        """Return the venue's time."""
        return self._now_us()

    def status(self, state: StreamState, reason: str = "", *, lost: int = -1) -> Status:
        """Tell what became of the connection; ``lost`` is how many events a ``gap`` has missed."""
        if state in {"live", "down", "connecting"}:
            self.prelude_over = state == "live"
        if self.market.state == "halted":
            # Whatever a stream still says, or says no longer: nothing of it is the market of now.
            state, reason, lost = "down", self.market.reason, -1
        return Status(
            symbol=self.topic.symbol,
            time_us=self._now_us(),
            state=state,
            reason=reason,
            market=self.market.state,
            coverage=self._coverage,
            history=self.history,
            lost=lost,
        )

    def gap(self, reason: str, *, lost: int = -1) -> Gap:
        """Tell that events were lost."""
        self.gaps += 1
        return Gap(symbol=self.topic.symbol, time_us=self._now_us(), reason=reason, lost=lost)

    def restart(self, reason: str) -> Gap:
        """Tell that the venue restarted: what was told before is of no use any more."""
        self.gaps += 1
        self.prelude_over = False
        return Gap(symbol=self.topic.symbol, time_us=self._now_us(), reason=reason, restart=True)
