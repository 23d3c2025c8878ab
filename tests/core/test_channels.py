from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import orderfox_nb
from orderfox_nb.core.candles import CandleState
from orderfox_nb.core.channels import CHANNELS, channel_spec, check_interval, fold_for
from orderfox_nb.core.events import (
    WHOLE_MARKET,
    BookDelta,
    BookSnapshot,
    Channel,
    Event,
    Gap,
    MarkPrice,
    OpenInterest,
    Ticker,
    Topic,
    raw_levels,
)
from orderfox_nb.core.fold import Fold
from orderfox_nb.core.timeframes import HOUR_US, MINUTE_US, SECOND_US
from orderfox_nb.errors import BadValue, EventError
from tests.core.facts import BTC, MONTH_US, applied, history_of, kline, liquidation_orders, trade_streams

pytestmark = pytest.mark.core


def topic(channel: Channel) -> Topic:
    return Topic("sim", "BTCUSDT", channel, "1m" if channel == "candles" else "")


@st.composite
def book_streams(draw: st.DrawFn) -> list[Event]:
    level = st.tuples(st.integers(990, 1010), st.integers(0, 9))
    sides = st.tuples(st.lists(level, max_size=6), st.lists(level, max_size=6))
    events: list[Event] = [
        BookSnapshot(
            symbol="BTCUSDT",
            time_us=MONTH_US,
            update_id=0,
            raw_bids=raw_levels([(99.9, 1.0)]),
            raw_asks=raw_levels([(100.1, 1.0)]),
        )
    ]
    for number, (bids, asks) in enumerate(draw(st.lists(sides, max_size=30)), start=1):
        events.append(
            BookDelta(
                symbol="BTCUSDT",
                time_us=MONTH_US + number,
                first_id=number,
                last_id=number,
                previous_id=number - 1,
                raw_bids=raw_levels([(BTC.price(ticks), BTC.size(lots)) for ticks, lots in bids]),
                raw_asks=raw_levels([(BTC.price(ticks), BTC.size(lots)) for ticks, lots in asks]),
            )
        )
    return events


@st.composite
def candle_streams(draw: st.DrawFn) -> list[Event]:
    """Trades, and klines of some bars that come a little late, or much too late."""
    events: list[Event] = [*draw(trade_streams())]
    for at in draw(st.lists(st.integers(0, len(events)), max_size=20)):
        minute = draw(st.integers(0, 4))
        open_us = MONTH_US + minute * MINUTE_US
        time_us = open_us + draw(st.integers(1, 59)) * SECOND_US
        events.insert(
            at, kline(open_us, time_us=time_us, volume=draw(st.integers(0, 50)) / 1000, closed=draw(st.booleans()))
        )
    return events


@st.composite
def liquidation_streams(draw: st.DrawFn) -> list[Event]:
    past = draw(liquidation_orders(span_us=HOUR_US, live=False))
    live = draw(liquidation_orders(span_us=2 * HOUR_US))
    until_us = MONTH_US + draw(st.integers(0, 2 * HOUR_US))
    # Without twins: which source has shown how many of them so far is not in a prelude.
    past = list({order.time_us: order for order in past}.values())
    live = list({order.time_us: order for order in live}.values())
    events: list[Event] = [*past, *live]
    events.insert(draw(st.integers(0, len(events))), history_of([*past, *live], until_us))
    return events


MARKS = st.lists(
    st.builds(
        MarkPrice,
        symbol=st.just("BTCUSDT"),
        time_us=st.integers(1, 10),
        mark_price=st.integers(1, 100).map(float),
        index_price=st.just(1.0),
        funding_rate=st.just(0.0),
        next_funding_us=st.just(8),
    )
)
TICKERS = st.lists(
    st.builds(
        Ticker,
        symbol=st.just("BTCUSDT"),
        time_us=st.integers(1, 10),
        last=st.integers(1, 100).map(float),
        open=st.just(1.0),
        high=st.just(1.0),
        low=st.just(1.0),
        volume=st.just(1.0),
        quote_volume=st.just(1.0),
    )
)
INTEREST = st.lists(
    st.builds(
        OpenInterest,
        symbol=st.just("BTCUSDT"),
        time_us=st.integers(1, 10),
        open_interest=st.integers(1, 100).map(float),
    )
)

STREAMS: dict[Channel, st.SearchStrategy[Any]] = {
    "book": book_streams(),
    "trades": trade_streams(),
    "candles": candle_streams(),
    "liquidations": liquidation_streams(),
    "mark": MARKS,
    "ticker": TICKERS,
    "open_interest": INTEREST,
}


def rebuilt(channel: Channel, fold: Fold[Any]) -> Fold[Any]:
    return applied(fold_for(topic(channel), BTC), fold.prelude())


@pytest.mark.parametrize("channel", list(STREAMS))
@given(data=st.data())
def test_prelude_rebuilds_an_equal_fold_that_stays_equal(channel: Channel, data: st.DataObject):
    events = data.draw(STREAMS[channel])
    split = data.draw(st.integers(0, len(events)))
    fold = applied(fold_for(topic(channel), BTC), events[:split])
    late = rebuilt(channel, fold)
    assert late.digest() == fold.digest()
    assert list(late.prelude()) == list(fold.prelude())
    applied(fold, events[split:])
    applied(late, events[split:])
    assert late.digest() == fold.digest()


@pytest.mark.parametrize("channel", list(STREAMS))
@given(data=st.data())
def test_nothing_from_before_outlives_a_venue_that_restarted(channel: Channel, data: st.DataObject):
    before, after = data.draw(STREAMS[channel]), data.draw(STREAMS[channel])
    restart = Gap(symbol="BTCUSDT", time_us=MONTH_US, reason="the venue restarted", restart=True)
    fold = applied(fold_for(topic(channel), BTC), before)
    version = fold.version  # type: ignore[attr-defined]
    applied(fold, [restart, *after])
    fresh = applied(fold_for(topic(channel), BTC), after)
    assert fold.digest() == fresh.digest()
    assert list(fold.prelude()) == list(fresh.prelude())
    if isinstance(fold, CandleState) and before:
        assert fold.changed_since(version) is None or not after


def test_every_channel_has_streams_of_events_to_test_with():
    assert STREAMS.keys() == CHANNELS.keys()


@pytest.mark.parametrize("channel", list(STREAMS))
def test_an_empty_fold_has_an_empty_prelude(channel: Channel):
    fold = fold_for(topic(channel), BTC)
    assert list(fold.prelude()) == []
    assert rebuilt(channel, fold).digest() == fold.digest()


def test_a_topic_without_its_instrument_has_no_fold():
    with pytest.raises(EventError, match="BTCUSDT/book"):
        fold_for(topic("book"), None)
    with pytest.raises(EventError, match="ETHUSDT"):
        fold_for(Topic("sim", "ETHUSDT", "trades"), BTC)
    with pytest.raises(BadValue, match="7m"):
        fold_for(Topic("sim", "BTCUSDT", "candles", "7m"), BTC)


def test_liquidations_of_a_whole_market_need_no_instrument():
    fold = fold_for(Topic("sim", WHOLE_MARKET, "liquidations"), None)
    assert list(fold.prelude()) == []


def _names(node: ast.AST) -> set[object]:
    """Return the texts that stand side by side in a collection, a match or a type."""
    match node:
        case ast.Dict(keys=elements):
            pass
        case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements):
            pass
        case ast.Match(cases=cases):
            elements = [case.pattern.value for case in cases if isinstance(case.pattern, ast.MatchValue)]
        case _:
            return set()
    return {element.value for element in elements if isinstance(element, ast.Constant)}


def test_the_channels_are_listed_in_one_place():
    package = Path(orderfox_nb.__file__).parent
    many = len(CHANNELS) - 1
    found = [
        f"{path.relative_to(package)}:{getattr(node, 'lineno', 0)}"
        for path in sorted(package.rglob("*.py"))
        # A venue says which of them it has, under which names of its own.
        if path.parent.parent != package / "feeds"
        # A table for SQL has columns of its own.
        and path.parent != package / "recording" / "tables"
        # Most files do not name as many anywhere, and need not be parsed.
        if sum(name in (text := path.read_text()) for name in CHANNELS) >= many
        for node in ast.walk(ast.parse(text))
        if len(_names(node) & CHANNELS.keys()) >= many
    ]
    assert found == []


def test_an_interval_is_for_the_channels_that_need_one():
    check_interval(channel_spec("candles"), "1m")
    check_interval(channel_spec("book"), "")
    for channel, interval in (("candles", ""), ("candles", "7m"), ("book", "1m")):
        with pytest.raises(BadValue, match="a timeframe, for candles only"):
            check_interval(channel_spec(channel), interval)
    with pytest.raises(BadValue, match="one of book, trades"):
        channel_spec("quotes")
