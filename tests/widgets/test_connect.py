from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import numpy as np
import pandas as pd
import pytest

import orderfox_nb
from orderfox_nb.core.book import Book
from orderfox_nb.core.events import BookDelta, BookSnapshot, Candle, Status, Trade
from orderfox_nb.engine import Engine
from orderfox_nb.errors import BadValue, SettingError, UnknownSymbol
from orderfox_nb.market.connection import Market, Symbol

pytestmark = pytest.mark.widgets


@pytest.fixture(scope="module")
def market(engine: Engine):
    with Market(engine) as market:
        yield market


@pytest.fixture(scope="module")
def btc(market: Market) -> Symbol:
    return market["btc/usdt"]


def test_a_market_knows_its_symbols_by_volume_and_its_source(market: Market):
    assert market.symbols[0] == "BTCUSDT"
    assert len(market.symbols) == 3
    assert market.origin.simulated
    assert repr(market) == "<Market of sim?seed=7&symbols=3 (simulated)>"


def test_an_unknown_symbol_comes_with_suggestions(market: Market):
    with pytest.raises(UnknownSymbol, match="BTCUSDT"):
        market["BTCUSD"]


def test_an_unknown_timeframe_is_refused_with_the_known_ones(btc: Symbol):
    with pytest.raises(BadValue, match="1m 3m 5m"):
        btc.candles("7m")


def test_a_source_that_cannot_be_used_names_the_variable():
    with pytest.raises(SettingError, match="ORDERFOX_SOURCE"):
        orderfox_nb.connect("nonsense")


def test_trades_are_a_frame_by_time_with_ascending_ids(btc: Symbol):
    frame: Any = btc.trades.df
    assert 1 <= len(frame) <= 1000
    assert list(frame.columns) == ["id", "price", "size", "aggressor", "notional"]
    assert (frame["id"].astype(int).diff().dropna() == 1).all()
    assert frame.index.is_monotonic_increasing
    assert str(frame.index.tz) == "UTC"
    assert set(frame["aggressor"]) <= {"buy", "sell"}


def test_every_frame_says_where_it_is_from_and_how_good_it_is(btc: Symbol):
    attributes = btc.trades.df.attrs
    assert attributes["symbol"] == "BTCUSDT"
    assert attributes["simulated"] is True
    assert attributes["quality"]["state"] == "live"
    assert attributes["quality"]["coverage"] == "complete"
    assert btc.liquidations.df.attrs["quality"]["coverage"] == "sampled"


def test_candles_are_contiguous_bars_with_consistent_prices(btc: Symbol):
    frame: Any = btc.candles("1m").df
    assert len(frame) == 1500
    assert (frame.index.to_series().diff().dropna() == pd.Timedelta("1min")).all()
    assert (frame["high"] >= frame[["open", "close"]].max(axis=1)).all()
    assert (frame["low"] <= frame[["open", "close"]].min(axis=1)).all()
    assert frame["closed"].iloc[:-1].all()


def test_the_book_is_a_ladder_that_is_not_crossed(btc: Symbol):
    frame: Any = btc.book.df
    asks: Any = frame[frame["side"] == "ask"]
    bids: Any = frame[frame["side"] == "bid"]
    assert len(asks) > 100
    assert len(bids) > 100
    assert frame["price"].is_monotonic_decreasing
    assert asks["price"].iloc[-1] > bids["price"].iloc[0]
    assert np.isclose(bids["size"].sum(), bids["cumulative"].iloc[-1])
    # Whole lots, written as the nearest float: no binary noise piles up.
    assert (asks["cumulative"].round(3) == asks["cumulative"]).all()


def test_liquidations_say_who_was_liquidated(btc: Symbol):
    frame: Any = btc.liquidations.df
    assert list(frame.columns) == ["liquidated", "side", "price", "size", "notional"]
    assert ((frame["side"] == "sell") == (frame["liquidated"] == "long")).all()


async def test_trades_are_iterated_on_the_callers_own_loop(btc: Symbol):
    threads: set[str] = set()
    ids: list[int] = []
    async with asyncio.timeout(60):
        async for trade in btc.trades:
            threads.add(threading.current_thread().name)
            assert isinstance(trade, Trade)
            ids.append(int(trade.id))
            if len(ids) == 5:
                break
    assert threads == {threading.current_thread().name}
    assert ids == list(range(ids[0], ids[0] + 5))


async def test_nothing_is_lost_while_the_callers_loop_is_blocked(btc: Symbol):
    ids: list[int] = []
    async with asyncio.timeout(60):
        async for trade in btc.trades:
            if not ids:
                # What a long computation in a cell does.
                time.sleep(0.7)  # noqa: ASYNC251
            ids.append(int(trade.id))
            if len(ids) == 8:
                break
    assert ids == list(range(ids[0], ids[0] + 8))


async def test_every_event_can_be_had_prelude_first(btc: Symbol):
    async with asyncio.timeout(60):
        async for event in btc.book.events():
            assert isinstance(event, BookSnapshot)
            break
        async for candle in btc.candles("1m"):
            assert isinstance(candle, Candle)
            assert candle.interval == "1m"
            break


async def test_iterating_a_book_begins_with_what_its_deltas_change(btc: Symbol):
    fold = Book(btc.instrument)
    # The topic is open, so that its snapshot is older than the call.
    assert len(await asyncio.to_thread(lambda: btc.book.df)) > 200
    async with asyncio.timeout(60):
        deltas = 0
        async for event in btc.book:
            assert deltas or fold.synced or isinstance(event, BookSnapshot | Status)
            fold.apply(event)
            deltas += isinstance(event, BookDelta)
            if deltas == 5:
                break
    assert fold.synced
    (bids, _), (asks, _) = fold.view().bids, fold.view().asks
    assert bids[0] < asks[0]


async def test_leaving_an_iteration_ends_its_subscription(engine: Engine):
    with Market(engine) as market:
        eth = await asyncio.to_thread(market.__getitem__, "ETHUSDT")
        topic = eth.trades.topic
        stream = eth.trades.__aiter__()
        async with asyncio.timeout(60):
            await anext(stream)

            async def users() -> int:
                state = engine.desk.hub.state(topic)
                return state.users if state else 0

            assert await asyncio.wrap_future(engine.submit(users())) == 1
            await stream.aclose()
            while await asyncio.wrap_future(engine.submit(users())):  # noqa: ASYNC110 - the engine signals nothing
                await asyncio.sleep(0)


def test_a_closed_market_lets_go_of_its_topics(engine: Engine):
    with Market(engine) as market:
        sol = market[market.symbols[2]]
        topic = sol.trades.topic
        assert len(sol.trades.df) > 0

        async def users() -> int:
            state = engine.desk.hub.state(topic)
            return state.users if state else 0

        assert engine.run(users()) == 1
    assert engine.run(users()) == 0
