"""Events on the wire and back."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderfox_nb.core.events import (
    BookDelta,
    BookSnapshot,
    Candle,
    Event,
    Gap,
    Liquidation,
    LiquidationVolume,
    MarkPrice,
    OpenInterest,
    Status,
    Ticker,
    Topic,
    Trade,
    decode_event,
    encode_event,
    raw_levels,
)
from orderfox_nb.core.numerals import MAX_PRICE

pytestmark = pytest.mark.core

symbols = st.sampled_from(["BTCUSDT", "1000PEPEUSDT", "币安人生USDT"])
times = st.integers(0, 4 * 10**15)
floats = st.floats(0, MAX_PRICE)
rates = st.none() | st.floats(-1, 1)
ids = st.integers(-1, 2**62)
sides = st.sampled_from(["buy", "sell"])
raws = st.lists(st.tuples(floats, floats), max_size=5).map(raw_levels)


def events_of(kind: type[Event], **fields: st.SearchStrategy[object]) -> st.SearchStrategy[Event]:
    return st.builds(kind, symbol=symbols, time_us=times, received_us=times, **fields)


rows = st.integers(0, 4).flatmap(
    lambda n: st.tuples(*(st.lists(s, min_size=n, max_size=n) for s in (times, floats, floats, st.integers(0, 9))))
)
events = st.one_of(
    events_of(
        Trade,
        id=st.text(max_size=40),
        sequence=st.none() | ids,
        price=floats,
        size=floats,
        aggressor=sides,
        last_fill_id=ids,
    ),
    events_of(BookSnapshot, update_id=ids, raw_bids=raws, raw_asks=raws),
    events_of(BookDelta, first_id=ids, last_id=ids, previous_id=ids, raw_bids=raws, raw_asks=raws),
    events_of(
        Candle,
        interval=st.sampled_from(["1m", "1M"]),
        open_us=times,
        open=floats,
        high=floats,
        low=floats,
        close=floats,
        volume=floats,
        quote_volume=floats,
        trades=st.integers(0, 10**6),
        taker_buy_volume=floats,
        closed=st.booleans(),
        last_fill_id=ids,
    ),
    events_of(Liquidation, side=sides, size=floats, price=floats, limit_price=floats),
    rows.flatmap(
        lambda r: events_of(
            LiquidationVolume,
            interval=st.just("1m"),
            start_us=st.just(r[0]),
            buy=st.just(r[1]),
            sell=st.just(r[2]),
            count=st.just(r[3]),
        )
    ),
    events_of(
        MarkPrice,
        mark_price=floats,
        index_price=floats,
        funding_rate=st.none() | st.floats(-1, 1),
        next_funding_us=times,
    ),
    events_of(Ticker, last=floats, open=floats, high=floats, low=floats, volume=floats, quote_volume=floats),
    events_of(OpenInterest, open_interest=floats),
    events_of(Status, state=st.sampled_from(["connecting", "live", "down", "stale"]), reason=st.text()),
    events_of(Gap, reason=st.text(), lost=st.integers(-1, 10**6), restart=st.booleans()),
)


@given(event=events)
def test_event_comes_back_equal_from_its_wire_form(event: Event):
    assert decode_event(encode_event(event)) == event


@given(event=events)
def test_wire_form_of_an_event_is_json_that_names_its_kind(event: Event):
    assert msgspec.json.decode(encode_event(event))["type"] == type(event).__name__


def test_event_cannot_be_changed():
    trade = Trade(symbol="BTCUSDT", time_us=1, id="1", price=1.0, size=1.0, aggressor="buy")
    with pytest.raises(AttributeError):
        trade.price = 2.0  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("text", [b"{}", b'{"type":"Rumour"}', b"[1]", b'{"type":"Gap","symbol":"X"}'])
def test_text_that_is_no_event_is_refused(text: bytes):
    with pytest.raises(msgspec.DecodeError):
        decode_event(text)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("Trade", '"id":"1","price":-1.0,"size":1.0,"aggressor":"buy"'),
        ("Trade", '"id":"1","price":1e19,"size":1.0,"aggressor":"buy"'),
        ("Trade", '"id":"1","price":1.0,"size":-1.0,"aggressor":"buy"'),
        ("Trade", '"id":"1","price":1.0,"size":1e400,"aggressor":"buy"'),
        ("Trade", f'"id":"1","price":1.0,"size":1.0,"aggressor":"buy","sequence":{10**30}'),
        ("Trade", f'"id":"1","price":1.0,"size":1.0,"aggressor":"buy","received_us":{10**30}'),
        ("Candle", f'"interval":"1m","open_us":{10**18},"open":1,"high":1,"low":1,"close":1,"volume":1'),
        ("Candle", '"interval":"1m","open_us":-1,"open":1,"high":1,"low":1,"close":1,"volume":1'),
        ("OpenInterest", '"open_interest":-1'),
        ("LiquidationVolume", '"interval":"1m","start_us":[60000000],"buy":[1],"sell":[],"count":[1]'),
    ],
)
def test_an_event_with_a_number_that_cannot_be_is_refused(kind: str, fields: str):
    with pytest.raises(msgspec.DecodeError):
        decode_event(f'{{"type":"{kind}","symbol":"BTCUSDT","time_us":1,{fields}}}')


def test_levels_are_numbers_whether_sent_as_strings_or_numbers():
    delta = BookDelta(
        symbol="BTCUSDT",
        time_us=1,
        first_id=1,
        last_id=2,
        previous_id=0,
        raw_bids=msgspec.Raw(b'[["61800.20","0.010"]]'),
        raw_asks=raw_levels([(61_800.3, 0.0)]),
    )
    assert delta.bids == [(61_800.2, 0.01)]
    assert delta.asks == [(61_800.3, 0.0)]


def test_topic_is_written_as_a_path():
    assert str(Topic("binance", "BTCUSDT", "candles", "1m")) == "binance/BTCUSDT/candles@1m"
    assert str(Topic("sim", "BTCUSDT", "book")) == "sim/BTCUSDT/book"
