"""The first reading of all files: what is in them, so that the second one can write it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np

from orderfox_nb.core.channels import CHANNELS
from orderfox_nb.core.events import (
    WHOLE_MARKET,
    BookDelta,
    BookSnapshot,
    Candle,
    Channel,
    Event,
    Gap,
    Liquidation,
    MarkPrice,
    OpenInterest,
    Status,
    Ticker,
    Topic,
    Trade,
)
from orderfox_nb.core.instrument import Instrument, whole_market
from orderfox_nb.feeds.imports.bodies import Bodies
from orderfox_nb.feeds.imports.items import ImportedFill, Row, Unreadable
from orderfox_nb.feeds.imports.steps import SymbolSteps

MAX_SHOWN: Final = 20
"""Unreadable lines that are named."""
_LEADS: Final = 100_000

_CHANNEL_OF: Final[dict[type, Channel]] = {
    BookDelta: "book",
    BookSnapshot: "book",
    Trade: "trades",
    Candle: "candles",
    Liquidation: "liquidations",
    MarkPrice: "mark",
    Ticker: "ticker",
    OpenInterest: "open_interest",
}


def topic_of(venue: str, event: Event) -> Topic:
    """Return the topic of an event that is neither a ``Status`` nor a ``Gap``."""
    interval = event.interval if isinstance(event, Candle) else ""
    return Topic(venue, event.symbol, _CHANNEL_OF[type(event)], interval)


class Survey:
    """Facts that follow from all rows together."""

    def __init__(self) -> None:
        self.steps: defaultdict[str, SymbolSteps] = defaultdict(SymbolSteps)
        self.first_us = 0
        self.last_us = 0
        self.rows = 0
        self.unreadable = 0
        self.problems: list[str] = []
        """Lines that cannot be read, the first ones."""
        self.owners: list[str] = []
        """Symbol of each depth body that names none."""
        self._bodies = Bodies()
        self._body_steps: list[SymbolSteps] = []
        self._channels: set[tuple[str, Channel, str]] = set()
        self._fills: set[str] = set()
        self._aggregates: set[str] = set()
        self._leads: list[int] = []
        self.skipped_fills = False
        """Whether ids are missing among the trades without a loss: executions that were none on the market."""

    def read(self, rows: Iterable[Row]) -> None:
        """Read the rows of all files."""
        for stamp_us, item in rows:
            if isinstance(item, Unreadable):
                self.unreadable += 1
                if len(self.problems) < MAX_SHOWN:
                    self.problems.append(f"line {item.line}: {item.reason}")
                continue
            self.rows += 1
            self.first_us = min(self.first_us or stamp_us, stamp_us)
            self.last_us = max(self.last_us, stamp_us)
            if isinstance(item, ImportedFill):
                self._fills.add(item.trade.symbol)
                self.skipped_fills = self.skipped_fills or not item.market
                if item.market:
                    self._add(item.trade, stamp_us)
            elif isinstance(item, Event) and not isinstance(item, Status | Gap):
                if isinstance(item, Trade):
                    self._aggregates.add(item.symbol)
                self._add(item, stamp_us)
        self.owners = self._bodies.owners()
        for owner, steps in zip(self.owners, self._body_steps, strict=True):
            if owner:
                self.steps[owner].merge(steps)

    def _add(self, event: Event, stamp_us: int) -> None:
        if isinstance(event, BookDelta | BookSnapshot):
            self._bodies.add(event)
        if not event.symbol:
            steps = SymbolSteps()
            steps.add(event)
            steps.forget()
            self._body_steps.append(steps)
            return
        topic = topic_of("", event)
        self._channels.add((topic.symbol, topic.channel, topic.interval))
        self.steps[event.symbol].add(event)
        if event.received_us and topic.channel in ("book", "trades") and len(self._leads) < _LEADS:
            self._leads.append(event.time_us - stamp_us)

    def has_aggregates(self, symbol: str) -> bool:
        """Return whether the file has aggregate trades of a symbol, so that its executions are not used."""
        return symbol in self._aggregates

    @property
    def lead_us(self) -> int:
        """How far the venue's clock was ahead of the receiver's, 0 if it was not."""
        return max(0, round(float(np.percentile(self._leads, 99.9)))) if self._leads else 0

    @property
    def symbols(self) -> list[str]:
        """Every symbol, by name."""
        return sorted({symbol for symbol, _, _ in self._channels})

    def topics(self, venue: str, *, market_wide: bool) -> list[Topic]:
        """Return what is recorded, by name; the liquidations of several symbols also as those of the market."""
        topics = {Topic(venue, *row) for row in self._channels}
        liquidated = {topic for topic in topics if topic.channel == "liquidations"}
        if len(liquidated) > 1 or (liquidated and market_wide):
            topics.add(Topic(venue, WHOLE_MARKET, "liquidations"))
        return sorted(topics)

    def instruments(self, venue: str, known: Mapping[str, Instrument]) -> dict[str, Instrument]:
        """Return the record of each symbol: as it was given, otherwise as its numbers imply."""
        found = {WHOLE_MARKET: whole_market(venue)}
        for symbol, steps in self.steps.items():
            given = known.get(symbol)
            found[symbol] = steps.refine(given) if given is not None else steps.instrument(venue, symbol)
        return found

    def absent(self, topics: Iterable[Topic]) -> tuple[Channel, ...]:
        """Return the channels of which nothing is there."""
        present = {topic.channel for topic in topics}
        if "trades" in present:
            # Bars are made of them.
            present.add("candles")
        return tuple(name for name in CHANNELS if name not in present)
