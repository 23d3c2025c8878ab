# pyarrow has no stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false
"""Gathers events into the columns of a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from orderfox_nb.core.events import (
    BookDelta,
    BookSnapshot,
    Candle,
    Gap,
    Liquidation,
    MarkPrice,
    OpenInterest,
    Status,
    Ticker,
    Trade,
)
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.extras import import_extra
from orderfox_nb.recording.tables.exact import exact_integers
from orderfox_nb.recording.tables.lines import TableEvent
from orderfox_nb.recording.tables.schema import COLUMNS, arrow_schema

if TYPE_CHECKING:
    import pyarrow as pa

Row: TypeAlias = Sequence[Any]

_FUNDING_DIGITS: Final = 8
_MAX_DIGITS: Final = 22
"""Largest number of decimals that floats scale exactly."""


def gather(table: str, recording: str, events: Iterable[TableEvent]) -> pa.Table:
    """Return the rows of events, by symbol and then in order.

    Args:
        table: Name of the table.
        recording: Id of the recording.
        events: Events of one journal, or of a part of one.

    Raises:
        ValueError: A price or size that no 64-bit integer holds.
        MissingExtra: pyarrow is not installed.
    """
    pa = import_extra("pyarrow")
    rows = [row for found in events for row in _rows(table, found)]
    rows.sort(key=lambda row: row[1])  # stable: those of one symbol stay in order
    names = [name for name in COLUMNS[table] if name != "recording"]
    columns = dict(zip(names, zip(*rows, strict=True) if rows else repeat(()), strict=False))
    columns = {"recording": (recording,) * len(rows), **columns, **_scaled(table, columns)}
    schema = arrow_schema(table)
    return pa.table([pa.array(columns[field.name], field.type) for field in schema], schema=schema)


def _rows(table: str, found: TableEvent) -> Iterator[Row]:
    """Return an event's rows, without the recording's id; prices and sizes as floats."""
    event: Any = found.event
    topic, instrument = found.row.topic, found.row.instrument
    time_us = event.open_us if table == "candles" else event.time_us
    place = (topic.venue, event.symbol, found.seq, found.stamp_us, time_us)
    if table == "book_levels":
        for level in _levels(event, instrument):
            yield (*place, *level)
    elif table == "quality":
        yield (*place, topic.channel, topic.interval, *_quality(event))
    elif table == "trades":
        yield (*place, *_trade(event, instrument), found.prelude)
    else:
        yield (*place, *_VALUES[type(event)](event, instrument))


def _levels(event: BookSnapshot | BookDelta, instrument: Instrument) -> Iterator[Row]:
    price_digits, size_digits = instrument.price_digits, instrument.size_digits
    if isinstance(event, BookSnapshot):
        whole, ids = True, (event.update_id, event.update_id, None)
    else:
        whole, ids = False, (event.first_id, event.last_id, event.previous_id)
    for ask, levels in ((False, event.bids), (True, event.asks)):
        for price, size in levels:
            yield (whole, ask, price, price_digits, size, size_digits, *ids)


def _trade(event: Trade, instrument: Instrument) -> Row:
    return (
        event.id,
        event.sequence,
        event.price,
        instrument.price_digits,
        event.size,
        instrument.size_digits,
        event.aggressor == "sell",
        _known(event.last_fill_id),
    )


def _candle(event: Candle, instrument: Instrument) -> Row:
    return (
        event.interval,
        event.time_us,
        event.open,
        event.high,
        event.low,
        event.close,
        instrument.price_digits,
        event.volume,
        event.taker_buy_volume,
        instrument.size_digits,
        event.quote_volume,
        _quote_digits(instrument),
        event.trades,
        event.closed,
        _known(event.last_fill_id),
    )


def _liquidation(event: Liquidation, instrument: Instrument) -> Row:
    digits = instrument.price_digits, instrument.size_digits
    return event.side == "sell", event.price, event.limit_price, digits[0], event.size, digits[1]


def _mark(event: MarkPrice, instrument: Instrument) -> Row:
    rate = float("nan") if event.funding_rate is None else event.funding_rate
    prices = event.mark_price, event.index_price, instrument.price_digits
    return *prices, rate, _FUNDING_DIGITS, event.next_funding_us or None


def _ticker(event: Ticker, instrument: Instrument) -> Row:
    prices = event.last, event.open, event.high, event.low, instrument.price_digits
    return *prices, event.volume, instrument.size_digits, event.quote_volume, _quote_digits(instrument)


def _open_interest(event: OpenInterest, instrument: Instrument) -> Row:
    return event.open_interest, instrument.size_digits


def _quality(event: Status | Gap) -> Row:
    lost = _known(event.lost)
    if isinstance(event, Gap):
        return "gap", event.reason, lost, None, "", event.restart
    return event.state, event.reason, lost, event.coverage, event.market, False


_VALUES: Final[Mapping[type[Any], Callable[[Any, Instrument], Row]]] = {
    Candle: _candle,
    Liquidation: _liquidation,
    MarkPrice: _mark,
    Ticker: _ticker,
    OpenInterest: _open_interest,
}


def _scaled(table: str, columns: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """Return the columns that are counted in digits as whole numbers, and their digits."""
    pa = import_extra("pyarrow")
    found: dict[str, Any] = {}
    for digits_name, (kind, _) in COLUMNS[table].items():
        if kind != "digits":
            continue
        names = [name for name, (_, unit) in COLUMNS[table].items() if f"10^-{digits_name}" in unit]
        floats = [np.array(columns[name], np.float64) for name in names]
        absent = [np.isnan(column) for column in floats]
        for column, missing in zip(floats, absent, strict=True):
            column[missing] = 0.0
        integers, found[digits_name] = exact_integers(floats, np.array(columns[digits_name], np.int8))
        for name, column, missing in zip(names, integers, absent, strict=True):
            found[name] = pa.array(column, mask=missing)
    return found


def _quote_digits(instrument: Instrument) -> int:
    return min(instrument.price_digits + instrument.size_digits, _MAX_DIGITS)


def _known(number: int) -> int | None:
    return number if number >= 0 else None
