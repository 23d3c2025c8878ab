"""The same DataFrames, however the data arrives: the process that reads the venue, a server of it, a server of that."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from orderfox_nb.config import Settings, load_settings
from orderfox_nb.core.timeframes import DAY_US, MINUTE_US
from orderfox_nb.desk.desks import Desks
from orderfox_nb.engine import Engine
from orderfox_nb.lifecycle import Service
from orderfox_nb.market.connection import Market, Symbol
from orderfox_nb.widgets import SymbolPicker
from orderfox_nb.widgets.kernel import data as kernel_data
from tests.feeds.stages import served_desks

pytestmark = pytest.mark.widgets

# The venue's time nearly stands still, so that three readers can see the same moment of it.
SOURCE = "sim?seed=7&symbols=3&speed=0.002"
FRAMES: dict[str, Callable[[Market], pd.DataFrame]] = {
    "symbols": lambda market: market.df,
    "trades": lambda market: market["BTCUSDT"].trades.df,
    "candles": lambda market: market["BTCUSDT"].candles("1m").df,
    "candles 1h": lambda market: market["BTCUSDT"].candles("1h").df,
    "book": lambda market: market["BTCUSDT"].book.df,
    "liquidations": lambda market: market["BTCUSDT"].liquidations.df,
    "whole market": lambda market: market.liquidations.df,
    "ticker": lambda market: market["BTCUSDT"].ticker.df,
    "mark": lambda market: market["BTCUSDT"].mark.df,
    "funding": lambda market: market["BTCUSDT"].funding.df,
    "open interest": lambda market: market["BTCUSDT"].open_interest.df,
}
ATTEMPTS = 20


@asynccontextmanager
async def _served(desks: Desks, folder: Path) -> AsyncIterator[str]:
    """A server of this package on desks that are open, on their own loop; gives its URL."""

    @asynccontextmanager
    async def open_(_: Settings) -> AsyncIterator[Desks]:
        yield desks

    async with served_desks(open_, folder) as url:
        yield url


@contextmanager
def _engine(source: str, folder: Path) -> Iterator[Engine]:
    settings = load_settings(ORDERFOX_SOURCE=source, ORDERFOX_URL="", BACKEND_URL="", ORDERFOX_DATA_DIR=str(folder))
    engine = Engine(settings).start()
    try:
        yield engine
    finally:
        engine.stop()


@pytest.fixture(scope="module")
def markets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Market]]:
    """In the process of the venue's reader, through a server, and through a server of that server."""
    with ExitStack() as stack:
        made: list[Market] = []
        source = SOURCE
        for number in range(3):
            folder = tmp_path_factory.mktemp(f"carrier {number}")
            engine = stack.enter_context(_engine(source, folder))
            made.append(stack.enter_context(Market(engine)))
            if number < 2:
                service = Service(lambda desks=engine.desks, folder=folder: _served(desks, folder), name="served")
                source = engine.run(service.start())
                stack.callback(lambda engine=engine, service=service: engine.run(service.stop()))
        yield made


def _comparable(frame: pd.DataFrame) -> dict[str, Any]:
    """What must be the same in ``attrs``: all but whose source it is, and when it was read or first held."""
    kept: dict[str, Any] = {str(name): value for name, value in frame.attrs.items()}
    for name in ("source", "time_us", "times"):
        kept.pop(name, None)
    quality = dict(kept.pop("quality", {}))
    quality.pop("since_us", None)
    return {**kept, "quality": quality}


def _difference(frames: list[pd.DataFrame]) -> str:
    """Say how the answers differ, empty where they do not."""
    for other in frames[1:]:
        try:
            pd.testing.assert_frame_equal(frames[0], other)
            assert _comparable(frames[0]) == _comparable(other)
        except AssertionError as difference:
            return str(difference)
    return ""


@pytest.mark.parametrize("name", FRAMES)
def test_a_dataframe_is_the_same_whoever_carries_it(markets: list[Market], name: str) -> None:
    difference = "not compared"
    for _ in range(ATTEMPTS):
        frames = [FRAMES[name](market) for market in markets]
        if not (difference := _difference(frames)):
            break
        time.sleep(0)  # the venue moved between two of the reads: read again
    assert not difference, difference
    first = frames[0]
    assert (first.attrs["venue"], first.attrs["simulated"], first.attrs["recorded"]) == ("sim", True, False)
    assert len(first) or name in {"liquidations", "whole market"}
    if name == "symbols":
        assert (first["last"].to_numpy() > 0).all()
        assert first[["change", "funding"]].notna().to_numpy().all()
    else:
        quality = first.attrs["quality"]
        assert (quality["state"], quality["whole"]) == ("live", True)
        moments = first.attrs["times"]
        assert isinstance(moments["time"], pd.Timestamp)
        assert moments["time"].value // 1000 == first.attrs["time_us"]
        assert moments["since"].value // 1000 == quality["since_us"]
    # As the metadata of a Parquet file is written.
    assert json.loads(json.dumps(first.attrs))["venue"] == "sim"


RANGES: dict[str, Callable[[Symbol, int], pd.DataFrame]] = {
    "candles": lambda btc, end_us: btc.candles("1m", start=end_us - 3 * DAY_US, end=end_us),
    "trades": lambda btc, end_us: btc.trades.history(end_us - 20 * MINUTE_US, end_us),
    "liquidations": lambda btc, end_us: btc.liquidations.history(end_us - DAY_US, end_us),
    "funding": lambda btc, end_us: btc.funding.history(end_us - 30 * DAY_US, end_us),
    "open interest": lambda btc, end_us: btc.open_interest.history(end_us - 2 * DAY_US, end_us, period="30m"),
    "mark": lambda btc, end_us: btc.mark.history(end_us - DAY_US, end_us),
    "before the listing": lambda btc, end_us: btc.candles("1d", start="2015-01-01", end="2020-01-01"),
    "a period that is not kept": lambda btc, end_us: btc.open_interest.history(end_us - DAY_US, end_us, period="3m"),
}


@pytest.mark.parametrize("name", RANGES)
def test_a_range_is_the_same_whoever_carries_it(markets: list[Market], name: str) -> None:
    end_us = markets[0]["BTCUSDT"].ticker.df.attrs["time_us"] - 10 * MINUTE_US
    frames = [RANGES[name](market["BTCUSDT"], end_us) for market in markets]
    assert not _difference(frames)
    coverage = frames[2].attrs["coverage"]
    if name == "before the listing":
        assert "before the listing" in coverage["missing"][0]["reason"]
    elif name == "a period that is not kept":
        assert "5m, 15m" in coverage["missing"][0]["reason"]
    else:
        assert coverage["complete"]
        assert len(frames[0]) > 10
    # Only the process that reads the venue keeps what it has fetched.
    kept = [len(list((market._engine.settings.data_dir / "history").rglob("*.ofp"))) for market in markets]
    assert kept[1:] == [0, 0]
    assert kept[0] or name == "a period that is not kept"


def test_a_pickers_table_is_that_of_the_market_through_a_server_too(
    markets: list[Market], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel_data, "kernel_market", lambda: markets[2])
    assert not _difference([markets[0].df, SymbolPicker(symbol="BTCUSDT").df])


def test_the_origin_is_known_before_anything_is_subscribed(markets: list[Market], tmp_path: Path) -> None:
    source = markets[1].origin.source
    with _engine(source, tmp_path) as engine, Market(engine) as market:
        assert market.symbols == markets[0].symbols
        assert market.origin.simulated
        assert market.origin.venue == "sim"


@pytest.mark.parametrize("text", ["btc", "BTCUSDT", "btcusdt", "BTC-USDT", "BTC/USDT", "BTC/USDT:USDT"])
def test_a_symbol_is_found_in_any_usual_form(markets: list[Market], text: str) -> None:
    assert markets[2][text].symbol == "BTCUSDT"
