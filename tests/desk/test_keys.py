from __future__ import annotations

import pytest

from orderfox_nb.desk.keys import FrameKey
from orderfox_nb.desk.streams.registry import frame_key, parse_key
from orderfox_nb.desk.streams.v1_candles import bar_count
from orderfox_nb.errors import BadValue
from orderfox_nb.views.stamp import encode, rekeyed

pytestmark = pytest.mark.core


def test_equal_frames_have_equal_keys_however_they_are_written():
    keys = {
        parse_key("sim/BTCUSDT/book?rounding=10&rows=20"),
        parse_key("sim/btcusdt/book?rows=20&rounding=10.0"),
        parse_key("sim/btc/usdt/book?rounding=1e1"),
        frame_key("sim", "BTC/USDT", "book", {"rounding": "10"}),
    }
    assert keys == {FrameKey("sim", "BTCUSDT", "book", (("rounding", "10"), ("rows", "20")))}
    assert keys.pop().text == "sim/BTCUSDT/book?rounding=10&rows=20"


def test_canonical_text_of_a_key_reads_back_as_the_key():
    for key in (
        frame_key("sim", "BTCUSDT", "v1.orderbook", {"tz": "America/Argentina/Buenos_Aires", "rounding": "0.25"}),
        frame_key("sim", "*", "symbols"),
        frame_key("sim", "BTCUSDT", "candles", {"interval": "1M", "bars": 1000}),
    ):
        assert parse_key(key.text) == key


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sim",
        "sim/BTCUSDT",
        "sim/BTCUSDT/nothing",
        "sim/BTCUSDT/book?rows=21",
        "sim/BTCUSDT/book?rows",
        "sim/BTCUSDT/book?depth=5",
        "sim/BTCUSDT/book?rounding=0",
        "sim/BTCUSDT/book?rounding=-1",
        "sim/BTCUSDT/book?rounding=nan",
        "sim/BTCUSDT/book?rounding=inf",
        "sim/BTCUSDT/book?rounding=١٠",
        "sim/BTCUSDT/book?rounding=１",
        "sim/BTCUSDT/book?rounding=1_0",
        "sim/BTCUSDT/candles?bars=２００",
        "sim/BTCUSDT/depth?range=１",
        "sim/BTCUSDT/candles?interval=7m",
        "sim/BTCUSDT/candles?bars=1e3",
        "sim/BTCUSDT/v1.orderbook?tz=Mars/Olympus",
        "sim/BTCUSDT/v1.orderbook?tz=../../etc/passwd",
        "sim/BTCUSDT/v1.orderbook?limit=0",
        "sim/BTCUSDT/v1.orderbook?limit=-2",
        "sim/BTCUSDT/v1.liquidation_volume?interval=3m",
        "sim/BTCUSDT/" + "x" * 400,
    ],
)
def test_text_that_is_no_key_is_a_bad_value(text: str):
    with pytest.raises(BadValue):
        parse_key(text)


def test_limit_above_its_maximum_is_lowered_to_it():
    assert frame_key("sim", "BTCUSDT", "v1.orderbook", {"limit": 5_000})["limit"] == "1000"


def test_candle_count_follows_the_width_of_the_container():
    assert [bar_count(width) for width in (300, 800, 1500, 3000)] == [200, 400, 750, 1000]


def test_frame_is_sent_under_the_key_as_its_reader_wrote_it():
    text = encode({"type": "frame", "key": "sim/BTCUSDT/book?rounding=auto&rows=20", "sequence": 1})
    asked = 'sim/btc/usdt/book?"'
    assert rekeyed(text, "sim/BTCUSDT/book?rounding=auto&rows=20", asked) == encode(
        {"type": "frame", "key": asked, "sequence": 1}
    )
