"""``exchangeInfo``: the contracts as the venue lists them, those that must not be shown included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from orderfox_nb.sim.listings import ListedContract
from orderfox_nb.sim.server.contracts import UNLISTED, Contract, Contracts
from orderfox_nb.sim.server.numbers import Numbers, fixed
from orderfox_nb.sim.trading.rules import (
    MAX_LOTS,
    MAX_OPEN_ORDERS,
    ORDERS_A_MINUTE,
    ORDERS_IN_TEN_S,
    max_price_ticks,
)

_FOREVER_MS: Final = 4_133_404_800_000
_QUARTER_MS: Final = 90 * 86_400_000
_ORDER_TYPES: Final = (
    "LIMIT",
    "MARKET",
    "STOP",
    "STOP_MARKET",
    "TAKE_PROFIT",
    "TAKE_PROFIT_MARKET",
    "TRAILING_STOP_MARKET",
)


def exchange_info(
    listings: Sequence[ListedContract], numbers: Mapping[str, Numbers], contracts: Contracts, *, now_ms: int
) -> bytes:
    """Encode ``exchangeInfo``.

    A market of several symbols also has one delisted perpetual and one quarterly contract, as the venue always does:
    a client that shows either does not check ``status`` or ``contractType``.
    """
    symbols = [
        _contract(listing, numbers[listing.symbol], contract)
        for listing in listings
        if (contract := contracts.of(listing.symbol)).status != UNLISTED
    ]
    if len(listings) > 1:
        first, last = symbols[0], symbols[-1]
        symbols.append(last | {"symbol": "LUNAUSDT", "pair": "LUNAUSDT", "baseAsset": "LUNA", "status": "SETTLING"})
        delivery_ms = (now_ms // _QUARTER_MS + 1) * _QUARTER_MS
        quarterly = {"contractType": "CURRENT_QUARTER", "deliveryDate": delivery_ms}
        symbols.append(first | {"symbol": f"{first['pair']}_{_date(delivery_ms)}"} | quarterly)
    return msgspec.json.encode(
        {
            "timezone": "UTC",
            "serverTime": now_ms,
            "futuresType": "U_MARGINED",
            "rateLimits": [
                {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400},
                {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": ORDERS_A_MINUTE},
                {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": ORDERS_IN_TEN_S},
            ],
            "exchangeFilters": [],
            "assets": [{"asset": "USDT", "marginAvailable": True, "autoAssetExchange": "-10000"}],
            "symbols": symbols,
        }
    )


def _contract(listing: ListedContract, numbers: Numbers, contract: Contract) -> dict[str, Any]:
    price, size = numbers.price, numbers.size
    step = contract.step_size or size(1)
    lots = {"minQty": step, "maxQty": size(MAX_LOTS), "stepSize": step}
    return {
        "symbol": listing.symbol,
        "pair": listing.symbol,
        "contractType": contract.contract_type,
        "deliveryDate": _FOREVER_MS,
        "onboardDate": listing.onboard_us // 1000,
        "status": contract.status,
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": listing.base,
        "quoteAsset": listing.quote,
        "marginAsset": listing.quote,
        "pricePrecision": numbers.price_digits,
        "quantityPrecision": numbers.size_digits,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": contract.underlying_type,
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.05",
        "maxMoveOrderLimit": 10_000,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "tickSize": numbers.tick,
                "minPrice": numbers.tick,
                "maxPrice": price(max_price_ticks(listing)),
            },
            {"filterType": "LOT_SIZE", **lots},
            {"filterType": "MARKET_LOT_SIZE", **lots},
            {"filterType": "MAX_NUM_ORDERS", "limit": MAX_OPEN_ORDERS},
            {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": 10},
            {"filterType": "MIN_NOTIONAL", "notional": fixed(round(listing.min_notional), 0)},
            {
                "filterType": "PERCENT_PRICE",
                "multiplierUp": "1.0500",
                "multiplierDown": "0.9500",
                "multiplierDecimal": "4",
            },
        ],
        "orderTypes": _ORDER_TYPES,
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
    }


def _date(time_ms: int) -> str:
    # A quarterly contract is named by its delivery day.

    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%y%m%d")
