"""Markets, structures and errors of ccxt as ours."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderfox_nb.core.book import Book
from orderfox_nb.core.events import BookDelta, BookSnapshot, Candle, MarkPrice
from orderfox_nb.core.timeframes import MINUTE_US
from orderfox_nb.errors import MalformedFrame, RateLimited, SymbolRefused, VenueBlocked, VenueRefused, VenueUnreachable
from orderfox_nb.feeds.ccxt.books import BookChanges
from orderfox_nb.feeds.ccxt.failures import is_broken_book, our_error
from orderfox_nb.feeds.ccxt.liquidations import liquidations_of
from orderfox_nb.feeds.ccxt.loading import ccxt_errors, load_exchange
from orderfox_nb.feeds.ccxt.markets import (
    DECIMAL_PLACES,
    SIGNIFICANT_DIGITS,
    TICK_SIZE,
    instrument_of,
    step_of,
    why_not,
)
from orderfox_nb.feeds.ccxt.structures import StructureReader
from orderfox_nb.feeds.ccxt.taps import FUNDING_AGE_US, CandlesTap, MarkTap, TradesTap
from orderfox_nb.feeds.ccxt.venues import facts_of
from orderfox_nb.feeds.venue.items import Malformed

pytestmark = pytest.mark.feeds

NOW_US = 1_795_000_000_000_000
MARKET: dict[str, Any] = {
    "id": "BTC-USDT-SWAP",
    "symbol": "BTC/USDT:USDT",
    "base": "BTC",
    "quote": "USDT",
    "swap": True,
    "linear": True,
    "contract": True,
    "contractSize": 0.01,
    "precision": {"price": 0.1, "amount": 0.1},
    "created": 1_600_000_000_000,
}


def reader(exchange_id: str = "kraken", *, unit: float = 1.0) -> StructureReader:
    return StructureReader(symbol="BTC", unit=unit, facts=facts_of(exchange_id))


@pytest.mark.parametrize(
    ("precision", "mode", "price", "step"),
    [
        (0.05, TICK_SIZE, None, "0.05"),
        (1e-8, TICK_SIZE, None, "1E-8"),
        (2, DECIMAL_PLACES, None, "0.01"),
        (0, DECIMAL_PLACES, None, "1"),
        (-1, DECIMAL_PLACES, None, "10"),
        (5, SIGNIFICANT_DIGITS, 100_000.0, "1"),
        (5, SIGNIFICANT_DIGITS, 95_000.0, "0.1"),
        (5, SIGNIFICANT_DIGITS, 0.0123, "1E-7"),
    ],
)
def test_a_precision_is_a_step_in_each_mode(precision: float, mode: int, price: float | None, step: str) -> None:
    assert step_of(precision, mode, price=price) == Decimal(step)


@given(price=st.floats(1e-3, 1e6), digits=st.integers(3, 7))
def test_prices_of_significant_digits_are_multiples_of_the_step(price: float, digits: int) -> None:
    step = step_of(digits, SIGNIFICANT_DIGITS, price=price)
    shown = Decimal(f"{price * 1.5:.{digits - 1}e}")
    assert step == Decimal("1E-8") or shown % step == 0


def test_lots_of_contracts_are_in_base_currency() -> None:
    instrument = instrument_of(MARKET, TICK_SIZE, venue="ccxt-okx")
    assert (instrument.symbol, instrument.unified) == ("BTC-USDT-SWAP", "BTC/USDT:USDT")
    assert (str(instrument.tick_size), str(instrument.lot_size)) == ("0.1", "0.001")


def test_markets_that_cannot_be_shown_have_a_reason() -> None:
    assert not why_not(MARKET, "swap")
    assert "fixed amount" in why_not({**MARKET, "linear": False}, "swap")
    assert "not a spot market" in why_not(MARKET, "spot")
    assert instrument_of({**MARKET, "id": "0"}, TICK_SIZE, venue="x").symbol == "BTC-USDT"


def test_trades_are_in_base_currency_and_known_without_an_id() -> None:
    row = {"id": None, "timestamp": 1_795_000_000_123, "price": 10.5, "amount": 3, "side": "sell"}
    (trade,) = reader(unit=0.01).trades([row, {**row, "side": None}, {**row, "amount": None}])
    assert (trade.size, trade.price, trade.aggressor, trade.sequence) == (0.03, 10.5, "sell", None)
    assert trade.id == reader(unit=0.01).trades([row])[0].id
    assert reader("okx").trades([{**row, "id": "17"}])[0].sequence == 17
    assert reader("bybit").trades([{**row, "id": "17"}])[0].sequence is None


LIQUIDATIONS = [
    # Binance: ``z`` was filled at ``ap``, ``l`` is the last fill only, which ccxt passes on.
    (
        "binanceusdm",
        {"side": "sell", "contracts": 0.2, "price": 99.0, "timestamp": 5, "info": {"S": "SELL", "z": "1.5", "l": "0.2"}
         | {"ap": "100.5", "p": "99", "T": 1_795_000_000_000}},
        [("sell", 1.5, 100.5)],
    ),
    # OKX: several orders in one row, contracts of 0.01.
    (
        "okx",
        {"side": "buy", "contracts": 13, "timestamp": 5, "info": {"details": [
            {"side": "buy", "posSide": "short", "sz": "13", "bkPx": "101", "ts": "1795000000000"},
            {"side": "sell", "posSide": "long", "sz": "200", "bkPx": "99", "ts": "1795000000001"},
        ]}},
        [("buy", 0.13, 101.0), ("sell", 2.0, 99.0)],
    ),
    # Bybit: the side is that of the position that was closed.
    (
        "bybit",
        {"side": "buy", "contracts": 2.0, "price": 98.0, "timestamp": 1_795_000_000_000, "info": {"S": "Buy"}},
        [("sell", 2.0, 98.0)],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("exchange_id", "row", "expected"), LIQUIDATIONS, ids=[row[0] for row in LIQUIDATIONS])
def test_liquidations_are_orders_of_their_whole_size(
    exchange_id: str, row: dict[str, Any], expected: list[Any]
) -> None:
    unit = 0.01 if exchange_id == "okx" else 1.0
    orders = list(liquidations_of(row, reader(exchange_id, unit=unit), received_us=NOW_US))
    assert [(order.side, pytest.approx(order.size), order.price) for order in orders] == expected
    assert all(order.time_us // 10_000 == NOW_US // 10_000 for order in orders)


LEVELS = st.dictionaries(st.integers(1, 30), st.integers(1, 5), min_size=1, max_size=12)


@given(books=st.lists(st.tuples(LEVELS, LEVELS), min_size=1, max_size=6))
def test_a_book_of_changes_is_the_book_of_ccxt(books: list[tuple[dict[int, int], dict[int, int]]]) -> None:
    instrument = instrument_of({**MARKET, "id": "BTC"}, TICK_SIZE, venue="x")
    changes, fold = BookChanges(reader(unit=0.01)), Book(instrument)
    for number, (bids, asks) in enumerate(books):
        book = {
            "bids": [[float(price), float(size)] for price, size in sorted(bids.items(), reverse=True)],
            "asks": [[100.0 + price, float(size)] for price, size in sorted(asks.items())],
            "nonce": number * 7 if number % 2 else None,
            "timestamp": None,
        }
        event = changes.update(book, now_us=NOW_US + number, received_us=NOW_US + number)
        assert isinstance(event, BookSnapshot if not number else BookDelta | None)
        if event is not None:
            fold.apply(event)
        assert fold.synced
        for side, shift, levels in (("bid", 0, bids), ("ask", 1_000, asks)):
            ticks, lots = fold.levels(side)  # type: ignore[arg-type]
            known = dict(zip(ticks.tolist(), lots.tolist(), strict=True))
            assert known == {price * 10 + shift: size * 10 for price, size in levels.items()}
        late = Book(instrument)
        late.apply(changes.snapshot())
        assert late == fold


def test_a_fresh_book_differs_only_where_nothing_changed_lately() -> None:
    changes = BookChanges(reader())
    book = {"bids": [[10.0, 1.0], [9.0, 2.0]], "asks": [[11.0, 3.0]], "nonce": None, "timestamp": None}
    changes.update(book, now_us=NOW_US, received_us=NOW_US)
    changes.update({**book, "asks": [[11.0, 4.0]]}, now_us=NOW_US, received_us=NOW_US)
    fresh = changes.fresh({**book, "bids": [[10.0, 1.0], [9.0, 5.0]]}, NOW_US + 1_000_000)
    assert (fresh.bids, fresh.asks) == ([(10.0, 1.0), (9.0, 5.0)], [(11.0, 4.0)])
    later = changes.fresh(book, NOW_US + 60_000_000)
    assert later.asks == [(11.0, 3.0)]


def test_a_bar_is_closed_by_the_next_one_and_times_without_trades_are_flat() -> None:
    tap = CandlesTap(reader(), "1m", lambda: NOW_US)
    start_ms = NOW_US // MINUTE_US * 60_000
    rows = [[start_ms, 1.0, 2.0, 0.5, 1.5, 3.0], [start_ms + 180_000, 1.6, 1.6, 1.6, 1.6, 1.0]]
    bars = [event for row in rows for event in tap.events([row], NOW_US) if isinstance(event, Candle)]
    assert [(bar.open_us // MINUTE_US - start_ms // 60_000, bar.closed, bar.close) for bar in bars] == [
        (0, False, 1.5),
        (0, True, 1.5),
        (1, True, 1.5),
        (2, True, 1.5),
        (3, False, 1.6),
    ]
    assert not tap.events([rows[0]], NOW_US)


def test_a_bar_of_an_earlier_subscription_is_not_closed_as_it_was_then() -> None:
    tap = CandlesTap(reader(), "1m", lambda: NOW_US)
    start_ms = NOW_US // MINUTE_US * 60_000
    rows = [[start_ms, 1.0, 2.0, 0.5, 1.5, 3.0], [start_ms + 60_000, 1.6, 1.6, 1.6, 1.6, 1.0]]
    (bar,) = tap.events(rows, NOW_US)
    assert isinstance(bar, Candle)
    assert (bar.open_us, bar.closed) == ((start_ms + 60_000) * 1_000, False)


def test_polled_trades_that_share_none_with_the_last_answer_are_a_loss() -> None:
    tap = TradesTap(reader(), polled=True)
    rows = [
        {"id": str(number), "timestamp": 1_795_000_000_000 + number, "price": 1.0, "amount": 1.0, "side": "buy"}
        for number in range(9)
    ]
    assert len(tap.events(rows[:3], NOW_US)) == 3
    assert len(tap.events(rows[2:5], NOW_US)) == 2
    missed, *new = tap.events(rows[6:9], NOW_US)
    assert isinstance(missed, Malformed)
    assert len(new) == 3


def test_errors_of_ccxt_are_ours() -> None:
    load_exchange("kraken", {})
    known = ccxt_errors()
    url = "kraken GET https://api.kraken.com/0/public/Depth?pair=X"
    cases: list[tuple[BaseException, type[Exception], str]] = [
        (known.ExchangeNotAvailable(f"{url} 403 Forbidden <html>"), VenueBlocked, "HTTP 403"),
        (known.ExchangeNotAvailable(f"{url} 451  {{}}"), VenueBlocked, "HTTP 451"),
        (known.NetworkError("403, message='Invalid response status', url='wss://x'"), VenueBlocked, "HTTP 403"),
        (known.RestrictedLocation("kraken not here"), VenueBlocked, "HTTP 451"),
        (known.RateLimitExceeded(f"{url} 429 Too Many Requests"), RateLimited, "429"),
        (known.DDoSProtection("kraken slow down"), RateLimited, "slow down"),
        (known.BadSymbol("kraken no such pair"), SymbolRefused, "no such pair"),
        (known.RequestTimeout(url), VenueUnreachable, "RequestTimeout"),
        (known.ExchangeNotAvailable(f"{url} 503 Service Unavailable"), VenueUnreachable, "503"),
        (known.ExchangeError(f"{url} 400 Bad Request"), VenueRefused, "400"),
        (TypeError("'NoneType' object"), MalformedFrame, "NoneType"),
    ]
    for error, kind, text in cases:
        ours = our_error(error, "ccxt-kraken", retry_after_s=7.0)
        assert type(ours) is kind, error
        assert text in str(ours)
        assert "api.kraken.com" not in str(ours)
    assert is_broken_book(known.ChecksumError("x"))
    assert not is_broken_book(known.RequestTimeout("x"))
    limited = our_error(known.RateLimitExceeded("x"), "ccxt-kraken", retry_after_s=7.0)
    assert isinstance(limited, RateLimited)
    assert limited.retry_after_s == 7.0


def test_a_funding_rate_that_cannot_be_asked_for_any_more_is_not_known():
    now = [NOW_US]
    tap = MarkTap(reader(), lambda: now[0])
    tap.note({"fundingRate": 0.0001, "fundingTimestamp": NOW_US // 1_000 + 60_000})

    def funding() -> tuple[float, float | None]:
        (mark,) = tap.events({"markPrice": 100.0}, now[0])
        assert isinstance(mark, MarkPrice)
        return mark.mark_price, mark.funding_rate

    now[0] += FUNDING_AGE_US
    assert funding() == (100.0, 0.0001)
    now[0] += 1
    assert funding() == (100.0, None)
    tap.note({"fundingRate": 0.0002})
    assert funding() == (100.0, 0.0002)
