from __future__ import annotations

import json
from datetime import UTC
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderfox_nb.core.book import Book
from orderfox_nb.core.formatting import format_amount, format_price, format_volume
from orderfox_nb.core.instrument import Instrument, decimal_digits
from orderfox_nb.core.ladder import build_ladder
from orderfox_nb.core.quality import QualityView
from orderfox_nb.views.public_book import orderbook_update
from orderfox_nb.views.stamp import Stamp
from tests.desk.scripted import snapshot

pytestmark = pytest.mark.core

STAMP = Stamp(time_us=1, sequence=7, quality=QualityView("live", "complete", 1))


def instrument(tick: str, lot: str) -> Instrument:
    return Instrument(
        venue="scripted",
        symbol="BTCUSDT",
        unified="BTC/USDT:USDT",
        base="BTC",
        quote="USDT",
        tick_size=Decimal(tick),
        lot_size=Decimal(lot),
    )


@given(
    ticks=st.lists(st.integers(1, 10**7), min_size=1, max_size=40, unique=True),
    lots=st.lists(st.integers(1, 10**8), min_size=40, max_size=40),
    shape=st.sampled_from(
        [("0.1", "0.001", "0.25"), ("0.0000001", "1", "0.000001"), ("5", "0.00000001", "10"), ("0.05", "5", "0.1")]
    ),
)
def test_rows_are_exact_numbers_and_the_texts_of_the_contract(
    ticks: list[int], lots: list[int], shape: tuple[str, str, str]
):
    tick, lot, rounding = shape
    traded = instrument(tick, lot)
    book = Book(traded)
    middle = sorted(ticks)[len(ticks) // 2]
    bids = [(traded.price(t), traded.size(n)) for t, n in zip(ticks, lots, strict=False) if t < middle]
    asks = [(traded.price(t), traded.size(n)) for t, n in zip(ticks, lots, strict=False) if t >= middle]
    book.apply(snapshot(1, bids, asks))
    ladder = build_ladder(book, rounding=Decimal(rounding), limit=20)
    text = orderbook_update(ladder, STAMP, instrument=traded, options=[], time_us=1, zone=UTC)
    message = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    digits = decimal_digits(Decimal(rounding))
    for rows, keys, row_lots in (
        (message["bids"], ladder.bid_keys, ladder.bid_lots),
        (message["asks"][::-1], ladder.ask_keys, ladder.ask_lots),
    ):
        total = Decimal(0)
        for row, key, count in zip(rows, keys, row_lots, strict=True):
            total += traded.exact_size(count)
            assert row["price"] == key * ladder.rounding
            assert row["amount"] == traded.exact_size(count)
            assert row["cumulative"] == total
            assert row["price_formatted"] == format_price(float(row["price"]), digits)
            assert row["amount_formatted"] == format_amount(float(row["amount"]), traded.size_digits)
            assert row["cumulative_formatted"] == format_volume(float(total))
    prices = [row["price"] for row in message["asks"]]
    assert prices == sorted(prices, reverse=True)


def test_book_without_levels_is_a_message_without_rows():
    traded = instrument("0.1", "0.001")
    ladder = build_ladder(Book(traded), rounding=Decimal("0.01"), limit=5)
    message = json.loads(orderbook_update(ladder, STAMP, instrument=traded, options=[], time_us=1, zone=UTC))
    assert message["bids"] == message["asks"] == []
    assert message["rounding"] == 0.1
    assert message["aggregated"] is False
    assert message["market_depth_info"]["has_insufficient_raw_data"] is True
