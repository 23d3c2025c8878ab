"""Sessions in few words: events in whole ticks and lots, and the session that applies them."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from orderfox_nb.bots.account.account import Account
from orderfox_nb.bots.latency import NO_LATENCY
from orderfox_nb.bots.paper.queues import QueueModel
from orderfox_nb.bots.paper.venue import PaperVenue
from orderfox_nb.bots.session import BotSession
from orderfox_nb.bots.strategy import Strategy
from orderfox_nb.core.events import (
    BookDelta,
    BookSnapshot,
    Candle,
    Event,
    Gap,
    Liquidation,
    MarkPrice,
    Side,
    Status,
    Trade,
)
from tests.bots.venues import FREE
from tests.core.books import BTC, Lots, delta, snapshot

START_US = 1_700_000_000_000_000
DELAY_US = 2_000
"""From the venue's time to the receipt of an event."""


class EventScript:
    """Makes the events of a market, one millisecond apart."""

    def __init__(self) -> None:
        self.now_us = START_US
        self.update_id = 1
        self.place = 0

    def _times(self, after_us: int) -> dict[str, int]:
        self.now_us += after_us
        return {"time_us": self.now_us, "received_us": self.now_us + DELAY_US}

    def book(self, bids: Lots, asks: Lots, *, after_us: int = 1_000) -> BookSnapshot:
        self.update_id += 10
        return replace(snapshot(self.update_id, bids, asks), **self._times(after_us))

    def change(self, bids: Lots | None = None, asks: Lots | None = None, *, after_us: int = 1_000) -> BookDelta:
        before, self.update_id = self.update_id, self.update_id + 1
        return replace(delta(before, self.update_id, bids, asks), **self._times(after_us))

    def trade(self, ticks: int, lots: int = 1, aggressor: Side = "buy", *, after_us: int = 1_000) -> Trade:
        self.place += 1
        return Trade(
            symbol=BTC.symbol,
            id=str(self.place),
            sequence=self.place,
            price=BTC.price(ticks),
            size=BTC.size(lots),
            aggressor=aggressor,
            **self._times(after_us),
        )

    def mark(self, ticks: int, *, rate: float | None = None, next_us: int = 0, after_us: int = 1_000) -> MarkPrice:
        price = BTC.price(ticks)
        return MarkPrice(
            symbol=BTC.symbol,
            mark_price=price,
            index_price=price,
            funding_rate=rate,
            next_funding_us=next_us,
            **self._times(after_us),
        )

    def liquidation(self, side: Side, price: float, size: float, *, after_us: int = 1_000) -> Liquidation:
        return Liquidation(symbol=BTC.symbol, side=side, size=float(size), price=float(price), **self._times(after_us))

    def candle(self, close: float, *, open_us: int, closed: bool = True, after_us: int = 1_000) -> Candle:
        prices = dict.fromkeys(("open", "high", "low", "close"), float(close))
        return Candle(
            symbol=BTC.symbol,
            interval="1m",
            open_us=open_us,
            volume=1.0,
            closed=closed,
            **prices,
            **self._times(after_us),
        )

    def status(self, state: Any = "live", **fields: Any) -> Status:
        return Status(symbol=BTC.symbol, time_us=self.now_us, state=state, **fields)

    def gap(self, **fields: Any) -> Gap:
        return Gap(symbol=BTC.symbol, time_us=self.now_us, reason="lost", **fields)


def session_of(strategy: Strategy, **options: Any) -> BotSession:
    """Make a session with a paper venue and 10,000 of cash, without latency."""
    queue = options.pop("queue", QueueModel())
    account = options.pop("account", None) or Account(BTC, cash=Decimal(10_000))
    options = {"latency": NO_LATENCY, "opened": True, **options}
    venue = PaperVenue(BTC, FREE, queue=queue)
    return BotSession(strategy, BTC, venue=venue, account=account, **options)


def run(session: BotSession, events: Iterable[Event]) -> BotSession:
    """Apply events and return the session; a strategy's error is the test's."""
    for event in events:
        session.apply(event)
    assert session.error is None, session.error.trace
    return session
