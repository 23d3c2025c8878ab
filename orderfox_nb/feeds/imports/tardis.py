"""Tardis' csv: a header that names the columns, microseconds in UTC, one row a level, trade or figure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from orderfox_nb.core.events import (
    BookDelta,
    BookSnapshot,
    Channel,
    Event,
    Liquidation,
    MarkPrice,
    OpenInterest,
    Side,
    Trade,
    raw_levels,
)
from orderfox_nb.core.numerals import whole_number
from orderfox_nb.core.symbols import is_symbol_name
from orderfox_nb.errors import RecordingError
from orderfox_nb.feeds.http import short
from orderfox_nb.feeds.imports.inputs import Input, Line
from orderfox_nb.feeds.imports.items import Disconnected, Facts, Item, Row, Unreadable, UpdateIds
from orderfox_nb.feeds.imports.raw import COIN_MARGINED
from orderfox_nb.feeds.imports.rows import amount, price, rate, whole

_VENUES: Final = {"binance-futures": "binance", "binance": "binance-spot"}
_COMMON: Final = ("exchange", "symbol", "timestamp", "local_timestamp")
_SIGNS: Final[tuple[tuple[str, Channel], ...]] = (
    ("is_snapshot", "book"),
    ("asks[0].price", "book"),
    ("funding_rate", "mark"),
    ("id", "trades"),
)
"""A column that only one kind of file has, and its channel."""
_EXCHANGE: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_NO_IDS: Final = "the format has no update ids, so a missing update cannot be seen"

_Cells = Mapping[str, str]
_Key = tuple[str, ...]


class TardisReader:
    """One file of one data type; several symbols may be in it.

    Args:
        source: The file.
        symbol: Not used: each row names its own.
    """

    def __init__(self, source: Input, symbol: str) -> None:  # noqa: ARG002
        self._input = source
        self.facts = Facts()
        self._channel: Channel = ""
        self._columns: list[str] = []
        self._ids = UpdateIds()
        self._exchange = ""
        self._row = 0
        self._known: dict[str, dict[str, float]] = {}
        """The newest figures of each symbol: empty cells mean that nothing changed."""
        self._began: set[str] = set()

    def rows(self, progress: Callable[[int], None]) -> Iterator[Row]:
        self.facts = Facts(contiguous_trades=False)
        self._exchange, self._ids, self._row, self._known, self._began = "", UpdateIds(), 0, {}, set()
        lines = self._input.lines(progress)
        header = next(lines, Line(1, b"")).text.decode(errors="replace")
        self._columns = header.lstrip("\ufeff").split(",")
        self._channel = next((channel for sign, channel in _SIGNS if sign in self._columns), "")
        if self._channel == "book":
            levels = sum(name.startswith("asks[") and name.endswith(".price") for name in self._columns)
            part = f"; each snapshot has the best {levels} levels only" if levels else ""
            self.facts.has_update_ids = False
            self.facts.lacks["book"] = _NO_IDS + part
        elif self._channel == "trades":
            self.facts.lacks["trades"] = "whether the ids have no holes is not known, so a missing trade cannot be seen"
        yield from self._levels(lines) if "is_snapshot" in self._columns else self._single(lines)
        self.facts.corruption, self.facts.cut_off = self._input.corruption, self._input.cut_off

    def _single(self, lines: Iterator[Line]) -> Iterator[Row]:
        """Yield the events of a file in which each line is one."""
        stamp_us = 0
        for line in lines:
            if not line.text.strip():
                continue
            try:
                cells = self._cells(line)
                stamp_us = whole(cells["local_timestamp"])
                items = list(self._items(cells, stamp_us))
            except (ValueError, KeyError) as error:
                yield Row(stamp_us, Unreadable(line.number, _reason(error), self._channel))
                continue
            yield from (Row(stamp_us, item) for item in items)

    def _levels(self, lines: Iterator[Line]) -> Iterator[Row]:
        """Yield the changes of a book: the lines of one moment are one, or none where one is bad."""
        stamp_us = 0
        group: list[_Cells] = []
        group_key: _Key | None = None
        spoiled: set[_Key | None] = set()
        spoils_next = False
        for line in lines:
            if not line.text.strip():
                continue
            key = None
            try:
                cells = self._cells(line)
                key = (cells["symbol"], cells["local_timestamp"], cells["timestamp"], cells["is_snapshot"])
                _check_level(cells)
            except (ValueError, KeyError) as error:
                if group and key is not None and key != group_key:
                    yield from self._book(group)
                # A line without its moment belongs to the change before or to the one behind.
                group, group_key, spoiled, spoils_next = [], key or group_key, {key or group_key}, key is None
                yield Row(stamp_us, Unreadable(line.number, _reason(error), self._channel))
                continue
            if key not in spoiled and spoils_next:
                spoiled.add(key)
                spoils_next = False
            if key in spoiled:
                continue
            if group and key != group_key:
                yield from self._book(group)
                group = []
            group_key, stamp_us = key, whole(cells["local_timestamp"])
            group.append(cells)
        if group and not self._input.cut_off:
            yield from self._book(group)

    def _cells(self, line: Line) -> _Cells:
        values = line.text.decode().split(",")
        if len(values) != len(self._columns):
            raise ValueError(f"{len(values)} cells in {len(self._columns)} columns")
        cells = dict(zip(self._columns, values, strict=True))
        symbol, exchange = cells["symbol"].upper(), cells["exchange"]
        cells["symbol"] = symbol
        if not is_symbol_name(symbol):
            raise ValueError("no symbol")
        if COIN_MARGINED.fullmatch(symbol):
            raise RecordingError(self._input.path, f"no COIN-M market such as {symbol}: its sizes are contracts")
        if not _EXCHANGE.fullmatch(exchange) or exchange != (self._exchange or exchange):
            raise ValueError(f"the exchange {exchange[:40]!r}")
        self._exchange = exchange
        self.facts.venue = _VENUES.get(exchange, exchange)
        return cells

    def _items(self, cells: _Cells, stamp_us: int) -> Iterator[Item]:
        time_us = whole(cells["timestamp"])
        if self._channel == "mark":
            yield from self._figures(cells, time_us, stamp_us)
        elif "asks[0].price" in cells:
            yield self._snapshot(cells, time_us, stamp_us)
        elif self._is_liquidations(cells):
            yield Liquidation(
                symbol=cells["symbol"],
                time_us=time_us,
                received_us=stamp_us,
                side=_side(cells),
                size=amount(cells["amount"]),
                price=price(cells["price"]),
            )
        else:
            self._row += 1
            ordered = cells["exchange"] in _VENUES
            yield Trade(
                symbol=cells["symbol"],
                time_us=time_us,
                received_us=stamp_us,
                id=cells["id"] or f"row {self._row}",
                sequence=whole_number(cells["id"]) if ordered else None,
                price=price(cells["price"]),
                size=amount(cells["amount"]),
                aggressor=_side(cells),
            )

    def _is_liquidations(self, cells: _Cells) -> bool:
        # Both kinds of files have the same columns; only trades have ids.
        name = self._input.name.lower()
        return "liquidation" in name or ("trade" not in name and not cells["id"])

    def _figures(self, cells: _Cells, time_us: int, stamp_us: int) -> Iterator[Event]:
        symbol = cells["symbol"]
        known = self._known.setdefault(symbol, {})
        before = dict(known)
        for name, read in (("mark_price", price), ("index_price", price), ("funding_rate", rate)):
            if cells[name]:
                known[name] = read(cells[name])
        if cells["funding_timestamp"]:
            known["funding_timestamp"] = whole(cells["funding_timestamp"])
        if cells["open_interest"]:
            held = amount(cells["open_interest"])
            if held != known.get("open_interest"):
                known["open_interest"] = held
                yield OpenInterest(symbol=symbol, time_us=time_us, received_us=stamp_us, open_interest=held)
        marks = ("mark_price", "index_price", "funding_rate", "funding_timestamp")
        if (
            any(known.get(name) != before.get(name) for name in marks)
            and "mark_price" in known
            and "index_price" in known
        ):
            yield MarkPrice(
                symbol=symbol,
                time_us=time_us,
                received_us=stamp_us,
                mark_price=known["mark_price"],
                index_price=known["index_price"],
                funding_rate=known.get("funding_rate"),
                next_funding_us=int(known.get("funding_timestamp", 0)),
            )

    def _snapshot(self, cells: _Cells, time_us: int, stamp_us: int) -> BookSnapshot:
        sides: list[msgspec.Raw] = []
        for side in ("bids", "asks"):
            levels: list[tuple[float, float]] = []
            while (name := f"{side}[{len(levels)}]") + ".price" in cells and cells[f"{name}.price"]:
                levels.append((price(cells[f"{name}.price"]), amount(cells[f"{name}.amount"])))
            sides.append(raw_levels(levels))
        return BookSnapshot(
            symbol=cells["symbol"],
            time_us=time_us,
            received_us=stamp_us,
            raw_bids=sides[0],
            raw_asks=sides[1],
            update_id=self._ids.follow(cells["symbol"], stamp_us)[1],
        )

    def _book(self, group: Sequence[_Cells]) -> Iterator[Row]:
        """Yield the update, or the snapshot, that rows of one moment are."""
        cells = group[0]
        symbol, stamp_us, time_us = cells["symbol"], whole(cells["local_timestamp"]), whole(group[-1]["timestamp"])
        previous_id, update_id = self._ids.follow(symbol, stamp_us)
        sides = {
            side: raw_levels([(price(row["price"]), amount(row["amount"])) for row in group if row["side"] == side])
            for side in ("bid", "ask")
        }
        if cells["is_snapshot"] == "true":
            if symbol in self._began:
                yield Row(stamp_us, Disconnected("the recorder was disconnected", frozenset({(symbol, "book")})))
            self._began.add(symbol)
            yield Row(
                stamp_us,
                BookSnapshot(
                    symbol=symbol,
                    time_us=time_us,
                    received_us=stamp_us,
                    raw_bids=sides["bid"],
                    raw_asks=sides["ask"],
                    update_id=update_id,
                ),
            )
            return
        yield Row(
            stamp_us,
            BookDelta(
                symbol=symbol,
                time_us=time_us,
                received_us=stamp_us,
                raw_bids=sides["bid"],
                raw_asks=sides["ask"],
                first_id=update_id,
                last_id=update_id,
                previous_id=previous_id,
            ),
        )


def looks_tardis(source: Input, sample: Sequence[bytes]) -> bool:  # noqa: ARG001
    """Return whether the first line is a header of Tardis' files."""
    if not sample:
        return False
    columns = sample[0].decode(errors="replace").lstrip("\ufeff").split(",")
    return tuple(columns[:4]) == _COMMON and any(sign in columns for sign, _ in _SIGNS)


def _side(cells: _Cells) -> Side:
    side = cells["side"]
    if side not in ("buy", "sell"):
        raise ValueError(f"the side {side[:40]!r}")
    return "buy" if side == "buy" else "sell"


def _check_level(cells: _Cells) -> None:
    whole(cells["local_timestamp"])
    whole(cells["timestamp"])
    price(cells["price"])
    amount(cells["amount"])
    if cells["side"] not in ("bid", "ask") or cells["is_snapshot"] not in ("true", "false"):
        raise ValueError("neither a bid nor an ask, or no truth value")


def _reason(error: ValueError | KeyError) -> str:
    return f"there is no column {error}" if isinstance(error, KeyError) else short(str(error))
