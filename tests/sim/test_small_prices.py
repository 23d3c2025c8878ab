"""A coin that costs 2e-9: every answer and frame of the exchange shows its mark and index price, and none shows 0."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from orderfox_nb.sim import listings
from orderfox_nb.sim.exchange import Exchange
from orderfox_nb.sim.server import SimServer, frames
from orderfox_nb.sim.server.protocols import ProtocolName
from tests.sim.client import START_US, SimClient

pytestmark = pytest.mark.sim

TINY = "TINYUSDT 0.00000000001 1000 0.000000002 34 1.00 2019-09-08"
NAMES = {
    *("markPrice", "indexPrice", "estimatedSettlePrice", "entryPrice", "breakEvenPrice", "markPx", "idxPx"),
    *("mark_price", "index_price", "prev_index_price", "estimated_delivery_price", "settlement_price"),
}
INDEX = {"instId": "TINY-USDT"}
SWAP = {"instId": "TINY-USDT-SWAP"}
ANSWERS: dict[ProtocolName, list[tuple[str, dict[str, Any]]]] = {
    "binance": [
        ("/fapi/v1/premiumIndex", {"symbol": "TINYUSDT"}),
        ("/fapi/v1/fundingRate", {"symbol": "TINYUSDT"}),
        ("/fapi/v1/markPriceKlines", {"symbol": "TINYUSDT", "interval": "1m", "limit": 3}),
        ("/fapi/v1/indexPriceKlines", {"pair": "TINYUSDT", "interval": "1m", "limit": 3}),
        ("/futures/data/basis", {"pair": "TINYUSDT", "contractType": "PERPETUAL", "period": "5m"}),
    ],
    "bybit": [
        ("/v5/market/tickers", {"category": "linear", "symbol": "TINYUSDT"}),
        ("/v5/market/mark-price-kline", {"category": "linear", "symbol": "TINYUSDT", "interval": "1", "limit": 3}),
        ("/v5/market/index-price-kline", {"category": "linear", "symbol": "TINYUSDT", "interval": "1", "limit": 3}),
    ],
    "okx": [
        ("/api/v5/public/mark-price", {"instType": "SWAP", **SWAP}),
        ("/api/v5/market/index-tickers", INDEX),
        ("/api/v5/market/mark-price-candles", {**SWAP, "limit": 3}),
        ("/api/v5/market/index-candles", {**INDEX, "limit": 3}),
    ],
    "deribit": [
        ("/api/v2/public/ticker", {"instrument_name": "TINY_USDC-PERPETUAL"}),
        ("/api/v2/public/get_book_summary_by_currency", {"currency": "USDC", "kind": "future"}),
        (
            "/api/v2/public/get_funding_rate_history",
            {
                "instrument_name": "TINY_USDC-PERPETUAL",
                "start_timestamp": START_US // 1000 - 7_200_000,
                "end_timestamp": START_US // 1000,
            },
        ),
    ],
}


@pytest.fixture
def exchange(monkeypatch: pytest.MonkeyPatch) -> Exchange:
    monkeypatch.setattr(listings, "_ROWS", f"\n{TINY}\n")
    return Exchange(7, 1, start_us=START_US)


def prices(answer: Any, *, bars: bool) -> Iterator[float]:
    """Yield every reference price in an answer."""
    if isinstance(answer, dict):
        for name, value in answer.items():
            if name in NAMES and value not in ("", None):
                yield float(value)
            else:
                yield from prices(value, bars=bars)
    elif isinstance(answer, list):
        if bars and answer and isinstance(answer[0], int | str):
            yield from map(float, answer[1:5])
        else:
            for value in answer:
                yield from prices(value, bars=bars)


@pytest.mark.parametrize("protocol", ANSWERS)
async def test_no_reference_price_of_a_coin_of_2e_9_is_rounded_to_nothing(
    exchange: Exchange, protocol: ProtocolName
) -> None:
    real = exchange.market("TINYUSDT").mark().mark
    assert 1e-10 < real < 1e-8
    async with SimServer(exchange, manual=True, protocol=protocol) as server, SimClient(server) as client:
        for path, query in ANSWERS[protocol]:
            answer = await client.get(path, **query)
            found = list(prices(answer, bars=any(word in path.lower() for word in ("kline", "candles"))))
            assert found, (path, answer)
            assert all(0.3 < price / real < 3 for price in found), (path, found)


async def test_an_account_has_its_position_in_a_coin_of_2e_9_at_its_price(exchange: Exchange) -> None:
    async with SimServer(exchange, manual=True) as server, SimClient(server) as client:
        given = {"symbol": "TINYUSDT", "type": "MARKET", "side": "BUY", "quantity": 10_000_000_000}
        await client.order(key="holder", **given)
        status, rows, _ = await client.signed("GET", "/fapi/v3/positionRisk", key="holder")
        assert status == 200
        (row,) = rows
        mark, entry = Decimal(row["markPrice"]), Decimal(row["entryPrice"])
        assert 0.5 < mark / entry < 2
        assert Decimal(row["notional"]) == pytest.approx(mark * 10_000_000_000, rel=Decimal("1e-9"))


def test_a_mark_price_of_2e_9_is_sent_with_enough_digits_and_others_as_the_venue_does(exchange: Exchange) -> None:
    market = exchange.market("TINYUSDT")
    mark = market.mark()
    sent = json.loads(frames.mark_price(market.listing, mark, 1))
    assert [float(sent[name]) for name in ("p", "ap", "i", "P")] == pytest.approx(
        [mark.mark, mark.mark, mark.index, mark.settle], rel=1e-3
    )
    assert len(sent["r"].partition(".")[2]) == 8


@pytest.mark.parametrize(
    ("tick", "price", "text"),
    [
        ("0.1", 61_800.123456789, "61800.12345679"),
        ("0.00000001", 0.00003012345, "0.00003012"),
        ("0.00000000001", 2.0123456e-9, "0.0000000020123"),
    ],
)
def test_a_reference_price_has_eight_digits_and_two_more_than_a_finer_tick(
    exchange: Exchange, tick: str, price: float, text: str
) -> None:
    listing = msgspec.structs.replace(exchange.listings[0], tick_size=Decimal(tick))
    assert listing.reference_text(price) == text
