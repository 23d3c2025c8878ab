# pandas has no stubs.
# pyright: reportMissingTypeStubs=false
"""Ranges of the past as DataFrames: read page by page with a progress bar, with what they cover in ``attrs``."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

import numpy as np
from tqdm.auto import tqdm

from orderfox_nb.core.bars import BarColumns
from orderfox_nb.core.events import Candle, Event, Liquidation, MarkPrice, OpenInterest, Topic, Trade
from orderfox_nb.core.moments import Moment
from orderfox_nb.errors import BadValue, RateLimited
from orderfox_nb.feeds.past import RangePage
from orderfox_nb.market.frames import (
    candles_frame,
    funding_frame,
    liquidations_frame,
    mark_frame,
    open_interest_frame,
    trades_frame,
)

if TYPE_CHECKING:
    import pandas as pd

Fact = TypeVar("Fact", bound=Event)

_SHOW_S: Final = 0.5
"""Shorter work has no progress bar."""
_MAX_WAIT_S: Final = 60.0
"""Longest wait before a venue whose budget is used up is asked again."""


class RangeReader(Protocol):
    """Reads a range page by page, and gives its ``attrs``."""

    def now_us(self) -> int: ...

    def moment_us(self, moment: Moment, name: str) -> int: ...

    def page(self, topic: Topic, start_us: int, end_us: int) -> RangePage: ...

    def attributes(self, topic: Topic) -> dict[str, Any]: ...


def candles_history(reader: RangeReader, topic: Topic, start: Moment, end: Moment | None) -> pd.DataFrame:
    """Return the bars that open in a range, including the one that is open."""
    return candles_frame(*_read(reader, topic, start, end, _bar_columns))


def trades_history(reader: RangeReader, topic: Topic, start: Moment, end: Moment | None) -> pd.DataFrame:
    """Return the trades of a range."""
    return trades_frame(*_read(reader, topic, start, end, lambda events: _of(events, Trade)))


def liquidations_history(reader: RangeReader, topic: Topic, start: Moment, end: Moment | None) -> pd.DataFrame:
    """Return the liquidated orders of a range."""
    return liquidations_frame(*_read(reader, topic, start, end, lambda events: _of(events, Liquidation)[::-1]))


def mark_history(reader: RangeReader, topic: Topic, start: Moment, end: Moment | None) -> pd.DataFrame:
    """Return mark and index price at the start of each period of a range."""
    return mark_frame(*_read(reader, topic, start, end, lambda events: _of(events, MarkPrice)), with_funding=False)


def funding_history(reader: RangeReader, topic: Topic, start: Moment, end: Moment | None) -> pd.DataFrame:
    """Return the funding rates that were paid in a range."""
    return funding_frame(*_read(reader, topic, start, end, lambda events: _of(events, MarkPrice)))


def open_interest_history(reader: RangeReader, topic: Topic, start: Moment, end: Moment | None) -> pd.DataFrame:
    """Return the open contracts at the start of each period of a range."""
    return open_interest_frame(*_read(reader, topic, start, end, lambda events: _of(events, OpenInterest)))


HISTORIES: Final[Mapping[type[Event], Callable[[RangeReader, Topic, Moment, Moment | None], pd.DataFrame]]] = {
    Trade: trades_history,
    Candle: candles_history,
    Liquidation: liquidations_history,
}
"""By the event that is read by range, live and in a recording."""

Rows = TypeVar("Rows")


def _read(
    reader: RangeReader, topic: Topic, start: Moment, end: Moment | None, rows: Callable[[Sequence[Event]], Rows]
) -> tuple[Rows, dict[str, Any]]:
    """Read a range to its end.

    After an interrupt, the same call continues from the pages that were kept.
    """
    now_us = reader.now_us()
    start_us = reader.moment_us(start, "start")
    end_us = now_us if end is None else reader.moment_us(end, "end")
    if start_us >= now_us:
        raise BadValue("start", start, "a time in the past")
    if end_us <= start_us:
        raise BadValue("end", end, "a time after the start")
    events: list[Event] = []
    covered: list[dict[str, Any]] = []
    missing: list[dict[str, Any]] = []
    # What is the future now stays out of the range, however long the reading takes.
    at_us, stop_us = start_us, min(end_us, now_us)
    with tqdm(total=100, unit="%", desc=_title(topic), leave=False, delay=_SHOW_S) as bar:
        while at_us < stop_us:
            page = _page(reader, topic, at_us, stop_us, bar)
            events += page.events
            if page.source:
                _extend(covered, at_us, page.end_us, "source", page.source)
            else:
                _extend(missing, at_us, page.end_us, "reason", page.reason)
            at_us = page.end_us
            bar.update(100 * (at_us - start_us) // (stop_us - start_us) - bar.n)
    if end_us > stop_us:
        _extend(missing, stop_us, end_us, "reason", "in the future")
    coverage = {
        "start_us": start_us,
        "end_us": end_us,
        "complete": not missing,
        "ranges": covered,
        "missing": missing,
    }
    return rows(events), {**reader.attributes(topic), "coverage": coverage}


def _page(reader: RangeReader, topic: Topic, start_us: int, end_us: int, bar: Any) -> RangePage:
    """Read one page; a venue whose request budget is used up is asked again when it has room."""
    while True:
        try:
            return reader.page(topic, start_us, end_us)
        except RateLimited as error:
            wait_s = min(max(error.retry_after_s, 1.0), _MAX_WAIT_S)
            bar.set_postfix_str(f"waiting {wait_s:.0f} s for the request budget")
            time.sleep(wait_s)
            bar.set_postfix_str("")


def _extend(parts: list[dict[str, Any]], start_us: int, end_us: int, name: str, value: str) -> None:
    if parts and parts[-1]["end_us"] == start_us and parts[-1][name] == value:
        parts[-1]["end_us"] = end_us
    else:
        parts.append({"start_us": start_us, "end_us": end_us, name: value})


def _title(topic: Topic) -> str:
    return " ".join(part for part in (topic.symbol, topic.channel, topic.interval) if part)


def _of(events: Sequence[Event], kind: type[Fact]) -> list[Fact]:
    return [event for event in events if isinstance(event, kind)]


def _bar_columns(events: Sequence[Event]) -> BarColumns:
    bars = _of(events, Candle)

    def floats(name: str) -> Any:
        return np.array([getattr(bar, name) for bar in bars], np.float64)

    return BarColumns(
        open_us=np.array([bar.open_us for bar in bars], np.int64),
        open=floats("open"),
        high=floats("high"),
        low=floats("low"),
        close=floats("close"),
        volume=floats("volume"),
        quote_volume=floats("quote_volume"),
        taker_buy_volume=floats("taker_buy_volume"),
        trades=np.array([bar.trades for bar in bars], np.int64),
        closed=np.array([bar.closed for bar in bars], np.bool_),
    )
