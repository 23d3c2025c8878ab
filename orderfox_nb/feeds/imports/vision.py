"""Binance Vision: one csv a day or month, known by its columns; the symbol stands in the name of the file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Final, NamedTuple

from orderfox_nb.core.events import Candle, Event, Liquidation, OpenInterest, Trade
from orderfox_nb.core.symbols import is_symbol_name
from orderfox_nb.core.timeframes import DAY_US, TIMEFRAME_US
from orderfox_nb.errors import RecordingError
from orderfox_nb.feeds.http import short
from orderfox_nb.feeds.imports.inputs import Input, Line
from orderfox_nb.feeds.imports.items import Facts, Row, Unreadable
from orderfox_nb.feeds.imports.raw import COIN_MARGINED
from orderfox_nb.feeds.imports.rows import amount, price, truth, whole
from orderfox_nb.feeds.imports.stamps import read_stamp, time_us

_NAME: Final = re.compile(r"([A-Z0-9]+(?:_[A-Z0-9]+)?)-")
_INTERVALS: Final = {length: name for name, length in TIMEFRAME_US.items() if name != "1M"}
_CONTRACT: Final = {"BTC": 100.0}
_OTHER_CONTRACT: Final = 10.0
"""USD that one COIN-M contract is worth."""
_MAX_SORTED: Final = 5_000_000
"""Rows of a file that has to be put in order."""


class _FileKind(NamedTuple):
    """A kind of file."""

    name: str
    header: str
    """Its first columns."""
    refused: str = ""
    """Why it cannot be imported."""


_KINDS: Final = (
    _FileKind("aggTrades", "agg_trade_id,price,quantity,first_trade_id"),
    _FileKind("trades", "id,price,qty,quote_qty"),
    _FileKind("klines", "open_time,open,high,low,close"),
    _FileKind("metrics", "create_time,symbol,sum_open_interest"),
    _FileKind("liquidationSnapshot", "time,side,order_type,time_in_force"),
    _FileKind("bookDepth", "timestamp,percentage,depth", "sums of bands in percent are not an order book"),
    _FileKind("bookTicker", "update_id,best_bid_price", "the best prices alone are not an order book"),
    _FileKind("fundingRate", "calc_time,funding_interval_hours", "funding rates without a mark price"),
)


class _Bare(NamedTuple):
    """The form of a file without a header."""

    cells: int
    kind: str
    time: int
    """The column of the time."""
    truth: int = 0
    """The column that is true or false, 0 if there is none."""


_BARE: Final = (
    _Bare(12, "klines", 0),
    _Bare(8, "aggTrades", 5, 6),
    _Bare(7, "aggTrades", 5, 6),
    _Bare(6, "trades", 4, 5),
)
_SPOT_TRADES: Final = _Bare(7, "trades", 4, 5)


class VisionReader:
    """One csv.

    Args:
        source: The file.
        symbol: What it is of; otherwise the name of the file says it.
    """

    def __init__(self, source: Input, symbol: str) -> None:
        self._input = source
        found = _NAME.match(source.path.name)
        self._symbol = symbol.upper() or (found[1] if found else "")
        if not is_symbol_name(self._symbol):
            raise RecordingError(source.path, "the symbol of this file: it does not name one, give --symbol")
        self.facts = Facts()

    def rows(self, progress: Callable[[int], None]) -> Iterator[Row]:
        self.facts = facts = Facts(received=False)
        sample = self._input.sample(2)
        kind = _kind_of(sample)
        assert kind is not None
        path, coin = self._input.path, COIN_MARGINED.fullmatch(self._symbol) is not None
        if kind.refused:
            raise RecordingError(path, f"one with events; {kind.name} are not imported: {kind.refused}")
        if coin and kind.name != "liquidationSnapshot":
            raise RecordingError(path, f"no COIN-M market such as {self._symbol}: its sizes are contracts")
        facts.venue = "binance-spot" if _is_spot(kind, sample) else "binance"
        match kind.name:
            case "aggTrades":
                facts.notes.append("bars made of aggTrades may differ from the venue's; those of trades do not")
                read = self._aggregate
            case "trades":
                read = self._trade
            case "klines":
                if not _is_header(_cells(Line(1, sample[0]))) and facts.venue == "binance":
                    facts.notes.append("the file does not say whether it is of futures or of spot: taken as futures")
                read = self._candle
            case "metrics":
                read = self._open_interest
            case _:
                if coin:
                    facts.notes.append("contracts are converted to base quantity at the average price")
                facts.notes.append("equal rows are one order: the files have each twice")
                facts.whole_market = False
                read = self._liquidation
        rows = self._read(read, progress)
        # These are not in order.
        yield from _in_order(rows, path) if kind.name in ("metrics", "liquidationSnapshot") else rows
        facts.corruption, facts.cut_off = self._input.corruption, self._input.cut_off

    def _read(self, read: Callable[[Sequence[str]], Event], progress: Callable[[int], None]) -> Iterator[Row]:
        stamp_us = 0
        for line in self._input.lines(progress):
            cells = _cells(line)
            if not line.text.strip() or (line.number == 1 and _is_header(cells)):
                continue
            try:
                event = read(cells)
            except (ValueError, IndexError) as error:
                if read == self._open_interest and len(cells) > 2 and not cells[2]:
                    # The venue leaves figures out at times.
                    continue
                yield Row(stamp_us, Unreadable(line.number, short(str(error)) or "too few cells"))
                continue
            stamp_us = event.time_us
            yield Row(stamp_us, event)

    def _aggregate(self, cells: Sequence[str]) -> Trade:
        return Trade(
            symbol=self._symbol,
            time_us=_time(cells[5]),
            id=cells[0],
            sequence=whole(cells[0]),
            price=price(cells[1]),
            size=amount(cells[2]),
            aggressor="sell" if truth(cells[6]) else "buy",
            last_fill_id=whole(cells[4]),
        )

    def _trade(self, cells: Sequence[str]) -> Trade:
        return Trade(
            symbol=self._symbol,
            time_us=_time(cells[4]),
            id=cells[0],
            sequence=whole(cells[0]),
            price=price(cells[1]),
            size=amount(cells[2]),
            aggressor="sell" if truth(cells[5]) else "buy",
            last_fill_id=whole(cells[0]),
        )

    def _candle(self, cells: Sequence[str]) -> Candle:
        open_us, close_us = _time(cells[0]), _time(cells[6])
        # Of milliseconds or of microseconds: a bar ends one of them before the next one.
        end_us = close_us + (1 if (close_us + 1) % 1_000 == 0 else 1_000)
        interval = _INTERVALS.get(end_us - open_us)
        if interval is None and 28 * DAY_US <= end_us - open_us <= 31 * DAY_US:
            interval = "1M"
        if interval is None:
            raise ValueError(f"a bar of {(end_us - open_us) / 1e6:g} s")
        return Candle(
            symbol=self._symbol,
            time_us=end_us,
            interval=interval,
            open_us=open_us,
            open=price(cells[1]),
            high=price(cells[2]),
            low=price(cells[3]),
            close=price(cells[4]),
            volume=amount(cells[5]),
            quote_volume=amount(cells[7]),
            trades=whole(cells[8]),
            taker_buy_volume=amount(cells[9]),
            closed=True,
        )

    def _open_interest(self, cells: Sequence[str]) -> OpenInterest:
        stamp = read_stamp(cells[0].encode())
        if stamp is None:
            raise ValueError(f"the time {cells[0][:40]!r}")
        return OpenInterest(symbol=cells[1], time_us=stamp.time_us, open_interest=amount(cells[2]))

    def _liquidation(self, cells: Sequence[str]) -> Liquidation:
        limit, average, filled = price(cells[5]), price(cells[6]), amount(cells[9])
        if cells[1] not in ("BUY", "SELL"):
            raise ValueError(f"the side {cells[1][:40]!r}")
        paid = average or limit
        if COIN_MARGINED.fullmatch(self._symbol):
            base = self._symbol.partition("USD_")[0]
            filled = round(filled * _CONTRACT.get(base, _OTHER_CONTRACT) / paid, 8) if paid else 0.0
        return Liquidation(
            symbol=self._symbol,
            time_us=_time(cells[0]),
            side="buy" if cells[1] == "BUY" else "sell",
            size=filled,
            price=paid,
            limit_price=limit,
        )


def looks_vision(source: Input, sample: Sequence[bytes]) -> bool:  # noqa: ARG001
    """Return whether lines are those of a file of Binance Vision."""
    return _kind_of(sample) is not None


def _kind_of(sample: Sequence[bytes]) -> _FileKind | None:
    """Return the kind of a file by its header, or by the columns of one without."""
    text = (sample[0] if sample else b"").decode(errors="replace").lstrip("\ufeff").strip()
    found = next((kind for kind in _KINDS if text.startswith(kind.header)), None)
    if found is not None:
        return found
    cells = text.split(",")
    bare = next((row for row in _BARE if len(cells) == row.cells), None)
    if len(cells) == 7 and cells[5].lower() in ("true", "false"):
        bare = _SPOT_TRADES
    try:
        if bare is None:
            return None
        whole(cells[0])
        _time(cells[bare.time])
        if bare.truth:
            truth(cells[bare.truth])
    except ValueError:
        return None
    return next(kind for kind in _KINDS if kind.name == bare.kind)


def _is_spot(kind: _FileKind, sample: Sequence[bytes]) -> bool:
    """Return whether a file is of the spot market: one more column, no header, and microseconds since 2025."""
    cells = sample[-1].decode(errors="replace").split(",")
    if kind.name == "aggTrades":
        return len(cells) == 8
    if kind.name == "trades":
        return len(cells) == 7
    return kind.name == "klines" and len(cells[0]) >= 16


def _is_header(cells: Sequence[str]) -> bool:
    return any(cells[0].lstrip("\ufeff") == kind.header.partition(",")[0] for kind in _KINDS)


def _cells(line: Line) -> list[str]:
    return line.text.decode(errors="replace").strip().split(",")


def _time(text: str) -> int:
    found = time_us(whole(text))
    if found is None:
        raise ValueError(f"the time {text[:40]!r}")
    return found


def _in_order(rows: Iterator[Row], path: Path) -> Iterator[Row]:
    kept: list[Row] = []
    for row in rows:
        kept.append(row)
        if len(kept) > _MAX_SORTED:
            raise RecordingError(path, f"at most {_MAX_SORTED:,} rows of a file that is not in order")
    kept.sort(key=itemgetter(0))
    yield from kept
