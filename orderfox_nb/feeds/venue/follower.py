"""Turns the items of one topic's inbox into its events. No I/O: requests go through ``Fetches``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, Protocol

from orderfox_nb.core.events import Event, Gap, Status, StreamState, Topic
from orderfox_nb.feeds.venue.items import Item, MarketChange


class Follower(Protocol):
    """One topic's state between the wire and its events."""

    @property
    def holding(self) -> bool:
        """Whether the stream should wait for the answer of a request before it is read on."""
        ...

    def start(self) -> None:
        """Begin; called once, before the first item."""
        ...

    def follows(self, event: Event) -> bool:
        """Handle an event that is to be passed on as it is, as nearly all are; False if only ``handle`` can say.

        False, too, while ``holding``; nothing is handled then.
        """
        ...

    def handle(self, item: Item) -> Iterator[Event]:
        """Handle the next item and yield the events that follow from it.

        Raises:
            OrderFoxError: The topic cannot continue.
        """
        ...


class StatusReporter:
    """Creates the events that report the state of the stream itself.

    Args:
        topic: The topic.
        now_us: The venue's clock.
        coverage: Whether the stream shows everything that happens.
        silence_s: How long its silence is normal; None: as for its channel.
    """

    def __init__(
        self,
        topic: Topic,
        now_us: Callable[[], int],
        *,
        coverage: Literal["complete", "sampled"] = "complete",
        silence_s: float | None = None,
    ) -> None:
        self.topic = topic
        self._now_us = now_us
        self._coverage: Literal["complete", "sampled"] = coverage
        self._silence_s = silence_s
        self.history: Literal["none", "complete", "missing"] = "none"
        self.market = MarketChange()
        self.prelude_over = False
        """Whether the last reported state was ``live``: only the follower knows when its prelude is over."""
        self.gaps = 0
        self.resyncs = 0
        self.frozen = 0
        """How often its neighbours have shown that it should not be silent."""

    def now_us(self) -> int:
        """Return the venue's time."""
        return self._now_us()

    def status(self, state: StreamState, reason: str = "", *, lost: int = -1) -> Status:
        """Report the state of the connection; ``lost`` is the number of events missed in a ``gap``."""
        if state in {"live", "down", "connecting"}:
            self.prelude_over = state == "live"
        if self.market.state == "halted":
            # Whether or not the stream still sends events, none of them reflect the current market.
            state, reason, lost = "down", self.market.reason, -1
        return Status(
            symbol=self.topic.symbol,
            time_us=self._now_us(),
            state=state,
            reason=reason,
            market=self.market.state,
            coverage=self._coverage,
            history=self.history,
            silence_s=self._silence_s,
            lost=lost,
        )

    def gap(self, reason: str, *, lost: int = -1) -> Gap:
        """Report that events were lost."""
        self.gaps += 1
        return Gap(symbol=self.topic.symbol, time_us=self._now_us(), reason=reason, lost=lost)

    def restart(self, reason: str) -> Gap:
        """Report that the venue restarted: earlier events are no longer valid."""
        self.gaps += 1
        self.prelude_over = False
        return Gap(symbol=self.topic.symbol, time_us=self._now_us(), reason=reason, restart=True)
