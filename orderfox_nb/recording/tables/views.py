"""SQL views of the tables: prices as DOUBLE, times with a zone, and each row once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_PLACE: Final = "received, seq, recording"


def _scaled(digits: str, *names: str) -> str:
    # A whole number below 2^53 by a power of ten up to 10^22 is the float that the venue's text means.
    return ", ".join(f"{name} / pow(10, {digits}) AS {name}" for name in names)


_PRICES: Final = _scaled("price_digits", "open", "high", "low", "close")

SELECTIONS: Final[Mapping[str, str]] = {
    "trades": f"""
        time, venue, symbol, id, {_scaled("price_digits", "price")}, {_scaled("size_digits", "size")},
        CASE WHEN sell THEN 'sell' ELSE 'buy' END AS aggressor,
        (price / pow(10, price_digits)) * (size / pow(10, size_digits)) AS notional,
        sequence, last_fill_id, {_PLACE}""",
    "book_levels": f"""
        time, venue, symbol, CASE WHEN ask THEN 'ask' ELSE 'bid' END AS side, {_scaled("price_digits", "price")},
        {_scaled("size_digits", "size")}, snapshot, first_id, last_id, previous_id, {_PLACE}""",
    "candles": f"""
        time, venue, symbol, interval, {_PRICES}, {_scaled("size_digits", "volume", "taker_buy_volume")},
        {_scaled("quote_digits", "quote_volume")}, trades, closed, last_fill_id, updated, {_PLACE}""",
    "liquidations": f"""
        time, venue, symbol, CASE WHEN sell THEN 'long' ELSE 'short' END AS liquidated,
        CASE WHEN sell THEN 'sell' ELSE 'buy' END AS side, {_scaled("price_digits", "price", "limit_price")},
        {_scaled("size_digits", "size")},
        (price / pow(10, price_digits)) * (size / pow(10, size_digits)) AS notional, {_PLACE}""",
    "mark": f"""
        time, venue, symbol, {_scaled("price_digits", "mark", "index")}, {_scaled("funding_digits", "funding")},
        next_funding, {_PLACE}""",
    "funding": f"time, venue, symbol, {_scaled('funding_digits', 'funding')}, next_funding, {_PLACE}",
    "ticker": f"""
        time, venue, symbol, {_scaled("price_digits", "last", "open", "high", "low")},
        {_scaled("size_digits", "volume")}, {_scaled("quote_digits", "quote_volume")}, {_PLACE}""",
    "open_interest": f"time, venue, symbol, {_scaled('size_digits', 'open_interest')}, {_PLACE}",
    "quality": f"time, venue, symbol, channel, interval, state, reason, lost, coverage, market, restart, {_PLACE}",
}
"""The columns of each view."""

TABLE_OF: Final[Mapping[str, str]] = {name: "mark" if name == "funding" else name for name in SELECTIONS}
"""The table that a view reads."""

_ONCE: Final[Mapping[str, str]] = {
    # A prelude, or the stream of the whole market beside that of a symbol, brings again what is there.
    "candles": "SELECT DISTINCT ON (venue, symbol, interval, time) * FROM {rows} ORDER BY received DESC, seq DESC",
    "liquidations": """
        SELECT DISTINCT ON (venue, symbol, time, sell, price / pow(10, price_digits), size / pow(10, size_digits)) *
        FROM {rows} ORDER BY received, seq""",
    "mark": "SELECT DISTINCT ON (venue, symbol, time) * FROM {rows} ORDER BY received, seq",
    "funding": """
        SELECT DISTINCT ON (venue, symbol, funding, funding_digits, next_funding) *
        FROM {rows} WHERE funding IS NOT NULL ORDER BY received, seq""",
    "ticker": "SELECT DISTINCT ON (venue, symbol, time) * FROM {rows} ORDER BY received, seq",
    "open_interest": "SELECT DISTINCT ON (venue, symbol, time) * FROM {rows} ORDER BY received, seq",
}


_EARLY_TRADES: Final = """
    CREATE TABLE {early} AS
    SELECT DISTINCT ON (venue, symbol, time, id) * FROM {rows} WHERE {which} ORDER BY received, seq;
    SET VARIABLE first = (SELECT min(time) FROM {early});
    SET VARIABLE last = (SELECT max(time) FROM {early});
"""
_LATER_TRADES: Final = """
    DELETE FROM {early} AS early USING (
        FROM {rows} SELECT venue, symbol, time, id WHERE NOT prelude
        AND time BETWEEN getvariable('first') AND getvariable('last')
    ) AS live
    WHERE live.venue = early.venue AND live.symbol = early.symbol AND live.time = early.time AND live.id = early.id
"""


def early_trades(rows: str, early: str, *, overlapping: bool) -> str:
    """Return the statements that put the trades that may be there twice into a table, each once.

    Only what was sent for a start can be there twice, unless two processes recorded at the same time: to compare all
    trades costs ten times as much as to read them.

    Args:
        rows: Name of what has the rows of the table.
        early: Name of the table that is made.
        overlapping: Whether two recordings of a venue were made at the same time, so that any trade may be there twice.
    """
    made = _EARLY_TRADES.format(rows=rows, early=early, which="true" if overlapping else "prelude")
    return made if overlapping else made + _LATER_TRADES.format(rows=rows, early=early)


def view_query(view: str, rows: str, *, early: str = "", overlapping: bool = False) -> str:
    """Return the query of a view.

    Args:
        view: Its name.
        rows: Name of what has the rows of its table.
        early: The table ``early_trades``; for trades only.
        overlapping: Whether all trades are in that table; for trades only.
    """
    found = rows
    if view in _ONCE:
        found = f"({_ONCE[view].format(rows=rows)})"
    elif early:
        found = early if overlapping else f"(FROM {rows} WHERE NOT prelude UNION ALL FROM {early})"
    return f"FROM {found} SELECT {SELECTIONS[view]}"
