"""ccxt's structures as events; sizes in contracts become base quantities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, Final

from msgspec import Struct

from orderfox_nb.core.events import (
    BookSnapshot,
    Candle,
    Level,
    MarkPrice,
    OpenInterest,
    Side,
    Ticker,
    Trade,
    raw_levels,
)
from orderfox_nb.core.numerals import whole_number
from orderfox_nb.core.timeframes import TIMEFRAME_US, next_bar_us
from orderfox_nb.feeds.ccxt.venues import VenueFacts

_FLAT_BARS: Final = 1_500
"""Bars without trades in a row that are filled in."""


class StructureReader(Struct, frozen=True, kw_only=True):
    """Reads the structures of one symbol."""

    symbol: str
    unit: float
    """Base quantity of one unit of its sizes."""
    facts: VenueFacts

    def trade(self, row: Mapping[str, Any], *, received_us: int = 0) -> Trade | None:
        """Return a trade, None if it lacks its time, price, size or taker's side."""
        price, size, time_us = _number(row.get("price")), _number(row.get("amount")), _time_us(row)
        side: Side | None = row.get("side")
        if not price or not size or not time_us or side not in ("buy", "sell"):
            return None
        trade_id = row.get("id")
        # Without ids equal trades of one moment are one trade: nothing else distinguishes them.
        own = str(trade_id) if trade_id else f"{time_us}-{side}-{price:.12g}-{size:.12g}"
        return Trade(
            symbol=self.symbol,
            time_us=time_us,
            received_us=received_us,
            id=own,
            price=price,
            size=in_base(size, self.unit),
            aggressor=side,
            sequence=whole_number(own) if self.facts.ordered_ids else None,
        )

    def trades(self, rows: Sequence[Mapping[str, Any]], *, received_us: int = 0) -> list[Trade]:
        """Return the trades that can be read, oldest first."""
        read = [trade for row in rows if (trade := self.trade(row, received_us=received_us)) is not None]
        if self.facts.ordered_ids:
            return sorted(read, key=lambda trade: trade.sequence or 0)
        return sorted(read, key=lambda trade: trade.time_us)

    def candle(self, row: Sequence[Any], interval: str, *, closed: bool, now_us: int, received_us: int = 0) -> Candle:
        """Return a bar of ``[ms, open, high, low, close, volume]``.

        Raises:
            ValueError: It is not a price.
        """
        prices = [_number(value) for value in row[1:5]]
        if None in prices or row[0] is None:
            raise ValueError(f"a bar without a price: {row!r}")
        open_, high, low, close = (price or 0.0 for price in prices)
        open_us = int(row[0]) * 1_000
        volume = (_number(row[5]) if len(row) > 5 else None) or 0.0
        return Candle(
            symbol=self.symbol,
            time_us=min(now_us, open_us + TIMEFRAME_US[interval]) if closed else now_us,
            received_us=received_us,
            interval=interval,
            open_us=open_us,
            open=open_,
            high=high,
            low=low,
            close=close,
            volume=volume if self.facts.base_candles else in_base(volume, self.unit),
            closed=closed,
        )

    def candles(self, rows: Sequence[Sequence[Any]], interval: str, *, now_us: int, ended: bool) -> list[Candle]:
        """Return bars of an answer, oldest first and without holes.

        Args:
            rows: In any order.
            interval: Interval of the bars.
            now_us: The venue's time.
            ended: The last one is closed once its time is over; else it is open, since what time it is at the venue
                may be known wrong.
        """
        bars: list[Candle] = []
        ordered = sorted(rows, key=lambda row: row[0])
        for at, row in enumerate(ordered):
            over = at + 1 < len(ordered) or (ended and next_bar_us(int(row[0]) * 1_000, interval) <= now_us)
            bar = self.candle(row, interval, closed=over, now_us=now_us)
            if bars and bar.open_us == bars[-1].open_us:
                bars.pop()
            if bars:
                bars += flat_bars(bars[-1], bar.open_us)
            bars.append(bar)
        return bars

    def snapshot(self, book: Mapping[str, Any], *, update_id: int, now_us: int) -> BookSnapshot:
        """Return a book, best levels first."""
        return BookSnapshot(
            symbol=self.symbol,
            time_us=_time_us(book) or now_us,
            update_id=update_id,
            raw_bids=raw_levels(levels_of(book["bids"], self.unit)),
            raw_asks=raw_levels(levels_of(book["asks"], self.unit)),
        )

    def ticker(self, row: Mapping[str, Any], *, now_us: int, received_us: int = 0) -> Ticker | None:
        """Return the 24 h statistics, None without a last price."""
        last = _number(row.get("last")) or _number(row.get("close"))
        if not last:
            return None
        unit = self.unit if self.facts.contract_tickers else 1.0
        volume = in_base(_number(row.get("baseVolume")) or 0.0, unit)
        return Ticker(
            symbol=self.symbol,
            time_us=_time_us(row) or now_us,
            received_us=received_us,
            last=last,
            open=_number(row.get("open")) or last,
            high=_number(row.get("high")) or last,
            low=_number(row.get("low")) or last,
            volume=volume,
            quote_volume=_number(row.get("quoteVolume")) or volume * last,
        )

    def mark(self, row: Mapping[str, Any], *, now_us: int, received_us: int = 0) -> MarkPrice | None:
        """Return mark price and funding of a ticker or a funding rate, None if it has no mark price."""
        info = row.get("info")
        raw: Mapping[str, Any] = info if isinstance(info, Mapping) else {}  # pyright: ignore[reportUnknownVariableType]
        mark = _first(row.get("markPrice"), raw.get("markPrice"), raw.get("markPx"))
        if not mark:
            return None
        # Binance's stream: ``r`` the rate, ``T`` when it is paid, ``i`` the index.
        rate = _first(row.get("fundingRate"), raw.get("fundingRate"), raw.get("r"))
        due_ms = _first(
            row.get("fundingTimestamp"), row.get("nextFundingTimestamp"), raw.get("nextFundingTime"), raw.get("T")
        )
        return MarkPrice(
            symbol=self.symbol,
            time_us=_time_us(row) or now_us,
            received_us=received_us,
            mark_price=mark,
            index_price=_first(row.get("indexPrice"), raw.get("indexPrice"), raw.get("i")) or 0.0,
            funding_rate=rate,
            next_funding_us=int(due_ms or 0) * 1_000,
        )

    def open_interest(self, row: Mapping[str, Any], *, now_us: int) -> OpenInterest | None:
        """Return the open contracts in base quantity, None if they are unknown."""
        amount = _number(row.get("openInterestAmount"))
        if amount is None:
            return None
        return OpenInterest(
            symbol=self.symbol, time_us=_time_us(row) or now_us, open_interest=in_base(amount, self.unit)
        )


def flat_bars(before: Candle, until_us: int) -> list[Candle]:
    """Return the bars between two bars of a venue that sends none for times without trades: flat at the last close."""
    bars: list[Candle] = []
    open_us = next_bar_us(before.open_us, before.interval)
    while open_us < until_us and len(bars) < _FLAT_BARS:
        following_us = next_bar_us(open_us, before.interval)
        close = before.close
        bars.append(
            Candle(
                symbol=before.symbol,
                time_us=following_us,
                interval=before.interval,
                open_us=open_us,
                open=close,
                high=close,
                low=close,
                close=close,
                volume=0.0,
                closed=True,
            )
        )
        open_us = following_us
    return bars


def levels_of(side: Sequence[Sequence[Any]], unit: float) -> list[Level]:
    """Return levels as price and base quantity."""
    if unit == 1.0:
        return [(level[0], level[1]) for level in side]
    return [(level[0], in_base(level[1], unit)) for level in side]


def in_base(size: float, unit: float) -> float:
    """Return a size in base currency, without the digits that floats add."""
    return size if unit == 1.0 else round(size * unit, 12)


def _number(value: Any) -> float | None:
    if value is None or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if isfinite(number) else None


def _first(*values: Any) -> float | None:
    """Return the first of some numbers that there is."""
    return next((number for value in values if (number := _number(value)) is not None), None)


def _time_us(row: Mapping[str, Any]) -> int:
    """Return a structure's time, 0 if it has none."""
    time_ms = _number(row.get("timestamp"))
    return int(time_ms) * 1_000 if time_ms and time_ms > 0 else 0
