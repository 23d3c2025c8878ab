# pandas has no stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
"""Views of folds as DataFrames. pandas is imported with the first one: a dashboard's kernel never needs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import numpy as np

from orderfox_nb.analytics.studies import Columns
from orderfox_nb.core.bars import BarColumns
from orderfox_nb.core.book import BookLevels
from orderfox_nb.core.events import WHOLE_MARKET, Event, Liquidation, MarkPrice, OpenInterest, Ticker, Topic, Trade
from orderfox_nb.core.origin import Origin
from orderfox_nb.core.symbols import split_multiple
from orderfox_nb.feeds.base import Listing
from orderfox_nb.market.trade_log import TradeColumns, text_array, trade_columns

if TYPE_CHECKING:
    import pandas as pd

Item = TypeVar("Item", bound=Event)


def origin_attributes(origin: Origin) -> dict[str, Any]:
    """Return the ``attrs`` that every frame has."""
    return {
        "venue": origin.venue,
        "source": origin.source,
        "simulated": origin.simulated,
        "recorded": origin.recorded,
    }


def trades_frame(trades: Sequence[Trade] | TradeColumns, attributes: dict[str, Any]) -> pd.DataFrame:
    """Return trades by time, oldest first; those of one time in the order in which the venue matched them.

    The frame takes over the arrays of columns that are given.
    """
    import pandas as pd  # noqa: PLC0415 - paid for when it is asked

    found = trades if isinstance(trades, TradeColumns) else trade_columns(trades)
    columns = {
        "id": text_array(found.id),
        "price": found.price,
        "size": found.size,
        "aggressor": pd.Categorical.from_codes(found.sell.view(np.int8), dtype=_sides(), validate=False),
        "notional": found.price * found.size,
    }
    # Nothing else uses the columns: pandas takes them without a copy, and does not gather the floats in one block.
    frame = pd.DataFrame(columns, index=times_index(found.time_us, copy=False), copy=False)
    _describe(frame, attributes)
    return frame


@cache
def _sides() -> Any:
    import pandas as pd  # noqa: PLC0415 - paid for when it is asked

    return pd.CategoricalDtype(["buy", "sell"])


def candles_frame(bars: BarColumns, attributes: dict[str, Any]) -> pd.DataFrame:
    """Return bars by their open time, oldest first."""
    columns = {name: getattr(bars, name) for name in bars.__struct_fields__ if name != "open_us"}
    return _by_time(columns, bars.open_us, attributes)


def liquidations_frame(orders: Sequence[Liquidation], attributes: dict[str, Any]) -> pd.DataFrame:
    """Return liquidated orders by time, oldest first."""
    oldest_first = orders[::-1]
    columns: dict[str, Any] = {
        "liquidated": ["short" if order.side == "buy" else "long" for order in oldest_first],
        "side": [order.side for order in oldest_first],
        "price": np.array([order.price for order in oldest_first], np.float64),
        "size": np.array([order.size for order in oldest_first], np.float64),
        "notional": np.array([order.notional for order in oldest_first], np.float64),
    }
    if attributes["symbol"] == WHOLE_MARKET:
        columns = {"symbol": [order.symbol for order in oldest_first], **columns}
    return _by_time(columns, [order.time_us for order in oldest_first], attributes)


def study_frame(columns: Columns, attributes: dict[str, Any]) -> pd.DataFrame:
    """Return the columns of a study by their time, oldest first."""
    rest = {name: column for name, column in columns.items() if name != "time_us"}
    return _by_time(rest, columns["time_us"], attributes)


def symbols_frame(listings: Sequence[Listing], origin: Origin) -> pd.DataFrame:
    """Return the symbols by their ids, in the order given; NaN for unknown values."""
    import pandas as pd  # noqa: PLC0415 - paid for when it is asked

    tickers = [listing.ticker for listing in listings]
    missing = float("nan")
    frame = pd.DataFrame(
        {
            "name": [listing.instrument.ui_name for listing in listings],
            "last": [missing if ticker is None else ticker.last for ticker in tickers],
            "change": [
                missing if ticker is None or not ticker.open else ticker.last / ticker.open - 1 for ticker in tickers
            ],
            "volume_quote": [missing if ticker is None else ticker.quote_volume for ticker in tickers],
            "funding": [missing if listing.funding_rate is None else listing.funding_rate for listing in listings],
        },
        index=pd.Index([listing.instrument.symbol for listing in listings], name="symbol"),
    )
    _describe(frame, origin_attributes(origin))
    return frame


def found_frame(listings: Sequence[Listing], problems: Mapping[str, str]) -> pd.DataFrame:
    """Return the instruments of several venues by venue and id, the largest volume first."""
    import pandas as pd  # noqa: PLC0415 - paid for when it is asked

    tickers = [listing.ticker for listing in listings]
    missing = float("nan")
    instruments = [listing.instrument for listing in listings]
    frame = pd.DataFrame(
        {
            "name": [one.unified for one in instruments],
            "multiple": [split_multiple(one.base)[0] for one in instruments],
            "last": [missing if ticker is None else ticker.last for ticker in tickers],
            "volume_quote": [missing if ticker is None else ticker.quote_volume for ticker in tickers],
        },
        index=pd.MultiIndex.from_tuples(
            [(one.venue, one.symbol) for one in instruments] or [("", "")], names=["venue", "symbol"]
        )[: len(instruments)],
    )
    frame.attrs["problems"] = dict(problems)
    return frame.sort_values("volume_quote", ascending=False, kind="stable")


def day_frame(ticker: Ticker | Sequence[Ticker] | None, attributes: dict[str, Any]) -> pd.DataFrame:
    """Return the market of the last 24 h as a row by its time, no row if it is unknown."""
    known = _known(ticker)
    columns = {
        "last": [event.last for event in known],
        "change": [event.last / event.open - 1 if event.open else float("nan") for event in known],
        "open": [event.open for event in known],
        "high": [event.high for event in known],
        "low": [event.low for event in known],
        "volume": [event.volume for event in known],
        "volume_quote": [event.quote_volume for event in known],
    }
    return _latest(columns, known, attributes)


def mark_frame(
    mark: MarkPrice | Sequence[MarkPrice] | None, attributes: dict[str, Any], *, with_funding: bool = True
) -> pd.DataFrame:
    """Return mark and index price as a row by its time, with the next funding; NaN for an unknown index."""
    known = _known(mark)
    index = [event.index_price or float("nan") for event in known]
    columns = {"mark": [event.mark_price for event in known], "index": index}
    frame = _latest(columns, known, attributes)
    return _with_funding(frame, known) if with_funding else frame


def funding_frame(mark: MarkPrice | Sequence[MarkPrice] | None, attributes: dict[str, Any]) -> pd.DataFrame:
    """Return the current funding as a row by its time, no row if the contract has no funding."""
    known = [event for event in _known(mark) if event.funding_rate is not None]
    return _with_funding(_latest({}, known, attributes), known)


def open_interest_frame(
    interest: OpenInterest | Sequence[OpenInterest] | None, attributes: dict[str, Any]
) -> pd.DataFrame:
    """Return the open contracts as a row by its time."""
    known = _known(interest)
    return _latest({"open_interest": [event.open_interest for event in known]}, known, attributes)


def _known(event: Item | Sequence[Item] | None) -> Sequence[Item]:
    """Return the latest event, if there is one, as a list; the list of a recording as it is."""
    if event is None:
        return ()
    return (event,) if isinstance(event, msgspec.Struct) else event


def _latest(columns: dict[str, list[float]], known: Sequence[Event], attributes: dict[str, Any]) -> pd.DataFrame:
    floats = {name: np.array(values, np.float64) for name, values in columns.items()}
    return _by_time(floats, [event.time_us for event in known], attributes)


def _with_funding(frame: pd.DataFrame, known: Sequence[MarkPrice]) -> pd.DataFrame:
    import pandas as pd  # noqa: PLC0415 - paid for when it is asked

    rates = [float("nan") if mark.funding_rate is None else mark.funding_rate for mark in known]
    frame["funding"] = np.array(rates, np.float64)
    times = [mark.next_funding_us or None for mark in known]
    frame["next_funding"] = pd.to_datetime(times, unit="us", utc=True)
    return frame


def ticker_frame(frame: Mapping[str, Any], origin: Origin) -> pd.DataFrame:
    """Return a ``ticker`` frame of docs/live.md as one row by its symbol; NaN and NaT for unknown values."""
    import pandas as pd  # noqa: PLC0415 - paid for when it is asked

    names = ["last", "change", "high", "low", "mark", "index", "funding", "open_interest", "volume_quote"]
    row = pd.DataFrame(
        {name: np.array([frame[name]], np.float64) for name in names},
        index=pd.Index([frame["symbol"]], name="symbol"),
    )
    row.insert(7, "next_funding", pd.to_datetime([frame["next_funding"]], unit="ms", utc=True))
    quality = frame["quality"]
    _describe(
        row,
        {
            "symbol": frame["symbol"],
            **origin_attributes(origin),
            "time_us": frame["time"] * 1000,
            "quality": {
                "state": quality["state"],
                "coverage": quality["coverage"],
                "since_us": quality["since"] * 1000,
            },
        },
    )
    return row


def quality_frame(topics: Mapping[Topic, Mapping[str, Any]], symbol: str) -> pd.DataFrame:
    """Return the lapses of topics, oldest first; the end of a lapse that continues is NaT.

    Args:
        topics: Their quality, as ``df.attrs`` has it.
        symbol: Symbol of the topics.
    """
    import pandas as pd  # noqa: PLC0415 - paid for when it is asked

    rows = [{"topic": str(topic), **lapse} for topic, quality in topics.items() for lapse in quality["lapses"]]
    rows.sort(key=lambda row: row["start_us"])

    def times(name: str) -> Any:
        return pd.to_datetime([row[name] or None for row in rows], unit="us", utc=True)

    columns = {name: [row[name] for row in rows] for name in ("topic", "state", "reason", "lost")}
    names = ["topic", "state", "start", "end", "reason", "lost"]
    frame = pd.DataFrame({**columns, "start": times("start_us"), "end": times("end_us")}, columns=names)
    frame.attrs.update(symbol=symbol, states={str(topic): quality["state"] for topic, quality in topics.items()})
    return frame


def book_frame(view: BookLevels, attributes: dict[str, Any]) -> pd.DataFrame:
    """Return the levels as a ladder: asks from the worst to the best, then bids from the best.

    ``cumulative`` counts outward from the best price of each side, summed in whole lots.
    """
    import pandas as pd  # noqa: PLC0415 - paid for when it is asked

    (bid_ticks, bid_lots), (ask_ticks, ask_lots), instrument = view
    ticks = np.concatenate([ask_ticks[::-1], bid_ticks])
    lots = np.concatenate([ask_lots[::-1], bid_lots])
    cumulative = np.concatenate([np.cumsum(ask_lots)[::-1], np.cumsum(bid_lots)])
    frame = pd.DataFrame(
        {
            "side": ["ask"] * len(ask_ticks) + ["bid"] * len(bid_ticks),
            "price": ticks * instrument.tick_units / instrument.price_scale,
            "size": lots * instrument.lot_units / instrument.size_scale,
            "cumulative": cumulative * instrument.lot_units / instrument.size_scale,
        }
    )
    _describe(frame, attributes)
    return frame


def _by_time(columns: dict[str, Any], times_us: Any, attributes: dict[str, Any]) -> pd.DataFrame:
    import pandas as pd  # noqa: PLC0415 - paid for when it is asked

    frame = pd.DataFrame(columns, index=times_index(times_us))
    _describe(frame, attributes)
    return frame


def times_index(times_us: Any, *, copy: bool = True) -> Any:
    """Return microseconds as an index in UTC; without a copy it takes over an array of whole numbers."""
    import pandas as pd  # noqa: PLC0415 - paid for when it is asked

    kind = pd.DatetimeTZDtype("us", "UTC")
    return pd.DatetimeIndex(np.asarray(times_us, np.int64), dtype=kind, name="time", copy=copy)


class Moments(dict[str, Any]):
    """The times of ``df.attrs`` as pandas Timestamps, NaT for unknown ones.

    JSON, and so the metadata of a Parquet file, cannot hold them; the same times are whole numbers in ``attrs``.
    """

    def items(self) -> Any:
        return dict[str, Any]().items()

    def __deepcopy__(self, memo: dict[int, Any]) -> Moments:
        return Moments(self)


def _describe(frame: pd.DataFrame, attributes: Mapping[str, Any]) -> None:
    """Set ``attrs``, with ``times`` beside the microseconds."""
    import pandas as pd  # noqa: PLC0415 - paid for when it is asked

    def moment(time_us: int) -> Any:
        return pd.Timestamp(time_us, unit="us", tz="UTC") if time_us else pd.NaT

    frame.attrs.update(attributes)
    if "quality" not in attributes:
        return
    quality = attributes["quality"]
    frame.attrs["times"] = Moments(
        time=moment(attributes["time_us"]),
        since=moment(quality["since_us"]),
        lapses=[(moment(lapse["start_us"]), moment(lapse["end_us"])) for lapse in quality.get("lapses", ())],
    )
