# pyarrow has no stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false
"""The columns of each table, with the unit of each in its field's metadata."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from orderfox_nb.core.events import (
    BookDelta,
    BookSnapshot,
    Candle,
    Channel,
    Gap,
    Liquidation,
    MarkPrice,
    OpenInterest,
    Status,
    Ticker,
    Trade,
)
from orderfox_nb.extras import import_extra

if TYPE_CHECKING:
    import pyarrow as pa

TABLES_VERSION: Final = 1
"""Version of the columns below: files of another version are made again."""

Kind: TypeAlias = Literal["text", "time", "integer", "digits", "flag"]

_PLACE: Final[Mapping[str, tuple[Kind, str]]] = {
    "recording": ("text", "id of the recording"),
    "venue": ("text", ""),
    "symbol": ("text", ""),
    "seq": ("integer", "place among all events of the recording"),
    "received": ("time", "when it was recorded, by the venue's clock; never falls"),
    "time": ("time", "the venue's time of the event"),
}
_PRICE: Final = "quote currency, in 10^-price_digits"
_SIZE: Final = "base quantity, in 10^-size_digits"
_QUOTE: Final = "quote currency, in 10^-quote_digits"
_DIGITS: Final[Kind] = "digits"


def _prices(*names: str) -> dict[str, tuple[Kind, str]]:
    return {**dict.fromkeys(names, ("integer", _PRICE)), "price_digits": (_DIGITS, "digits after the point")}


def _sizes(*names: str) -> dict[str, tuple[Kind, str]]:
    return {**dict.fromkeys(names, ("integer", _SIZE)), "size_digits": (_DIGITS, "digits after the point")}


def _quotes(*names: str) -> dict[str, tuple[Kind, str]]:
    return {**dict.fromkeys(names, ("integer", _QUOTE)), "quote_digits": (_DIGITS, "digits after the point")}


COLUMNS: Final[Mapping[str, Mapping[str, tuple[Kind, str]]]] = {
    "trades": {
        **_PLACE,
        "id": ("text", "the venue's own"),
        "sequence": ("integer", "place among the symbol's trades; null where the venue gives none"),
        **_prices("price"),
        **_sizes("size"),
        "sell": ("flag", "the taker sold"),
        "last_fill_id": ("integer", "id of the last fill in it; null where it is not known"),
        "prelude": ("flag", "sent for a start: another recording, or an earlier time, may have it too"),
    },
    "book_levels": {
        **_PLACE,
        "snapshot": ("flag", "a level of a whole book, which replaces what was known"),
        "ask": ("flag", ""),
        **_prices("price"),
        **_sizes("size"),
        "first_id": ("integer", "first update id of the change"),
        "last_id": ("integer", "last update id of the change"),
        "previous_id": ("integer", "last update id of the change before; null of a snapshot"),
    },
    "candles": {
        **_PLACE,
        "interval": ("text", ""),
        "updated": ("time", "when the venue sent it"),
        **_prices("open", "high", "low", "close"),
        **_sizes("volume", "taker_buy_volume"),
        **_quotes("quote_volume"),
        "trades": ("integer", "count"),
        "closed": ("flag", ""),
        "last_fill_id": ("integer", "id of the last fill that is counted; null where it is not known"),
    },
    "liquidations": {
        **_PLACE,
        "sell": ("flag", "a sell order, which closes a long"),
        **_prices("price", "limit_price"),
        **_sizes("size"),
    },
    "mark": {
        **_PLACE,
        **_prices("mark", "index"),
        "funding": ("integer", "fraction of the notional, in 10^-funding_digits; null without funding"),
        "funding_digits": ("digits", "digits after the point"),
        "next_funding": ("time", "null where it is not known"),
    },
    "ticker": {
        **_PLACE,
        **_prices("last", "open", "high", "low"),
        **_sizes("volume"),
        **_quotes("quote_volume"),
    },
    "open_interest": {**_PLACE, **_sizes("open_interest")},
    "quality": {
        **_PLACE,
        "channel": ("text", ""),
        "interval": ("text", "timeframe of candles, else empty"),
        "state": ("text", "of the connection; gap where events are lost"),
        "reason": ("text", ""),
        "lost": ("integer", "events; null where it is not known"),
        "coverage": ("text", "null of a lost event"),
        "market": ("text", "closed or halted, else empty"),
        "restart": ("flag", "what was known before does not go on"),
    },
}
"""Of each table: its columns, in order."""

EVENTS: Final[Mapping[str, tuple[type[Any], ...]]] = {
    "trades": (Trade,),
    "book_levels": (BookSnapshot, BookDelta),
    "candles": (Candle,),
    "liquidations": (Liquidation,),
    "mark": (MarkPrice,),
    "ticker": (Ticker,),
    "open_interest": (OpenInterest,),
    "quality": (Status, Gap),
}
"""Which events are the rows of a table."""


def channel_of(table: str) -> Channel | None:
    """Return the channel whose events a table has, None for all of them."""
    return None if table == "quality" else "book" if table == "book_levels" else table


def arrow_schema(table: str) -> pa.Schema:
    """Return the schema of a table's files.

    Raises:
        MissingExtra: pyarrow is not installed.
    """
    pa = import_extra("pyarrow")
    types = {
        "text": pa.string(),
        "time": pa.timestamp("us", tz="UTC"),
        "integer": pa.int64(),
        "digits": pa.int8(),
        "flag": pa.bool_(),
    }
    return pa.schema(
        [pa.field(name, types[kind], metadata={"unit": unit}) for name, (kind, unit) in COLUMNS[table].items()],
        metadata={"orderfox": f"{table}.v{TABLES_VERSION}"},
    )
