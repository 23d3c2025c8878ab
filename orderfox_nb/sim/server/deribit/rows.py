"""Deribit's rows of trades, bars, tickers and instruments: numbers as numbers, times in milliseconds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from orderfox_nb.sim.facts import BarRow, TradeFact
from orderfox_nb.sim.listings import ListedContract
from orderfox_nb.sim.served_market import ServedMarket
from orderfox_nb.sim.server.deribit.names import CURRENCY, instrument_of
from orderfox_nb.sim.server.level_window import Rows
from orderfox_nb.sim.server.numbers import Numbers

_FOREVER_MS: Final = 32_503_708_800_000
"""When a perpetual expires."""


def actions(rows: Rows, known: set[str]) -> list[tuple[str, float, float]]:
    """Return levels with what became of each: new where its price is not known yet, changed, or deleted."""
    return [
        ("delete" if not size else "change" if price in known else "new", float(price), float(size or 0))
        for price, size in rows
    ]


def trades(market: ServedMarket, trade: TradeFact, numbers: Numbers) -> Iterator[dict[str, Any]]:
    """Yield each fill of a trade, marked where its taker was liquidated."""
    price = float(numbers.priced(trade.time_us)(trade.price))
    mark = market.mark()
    side = "sell" if trade.buyer_is_maker else "buy"
    forced = any(
        (fact.side, fact.lots_filled) == (side, trade.lots)
        for fact in market.forced_orders(trade.time_us, trade.time_us + 1)
    )
    for number, lots in enumerate(trade.fills, trade.first_trade_id):
        row: dict[str, Any] = {
            "trade_seq": number,
            "trade_id": f"{CURRENCY}-{number}",
            "timestamp": trade.time_us // 1000,
            "tick_direction": 0,
            "price": price,
            "mark_price": mark.mark if mark else price,
            "index_price": mark.index if mark else price,
            "instrument_name": instrument_of(market.listing.symbol),
            "direction": side,
            "amount": float(numbers.size(lots)),
            "contracts": lots,
        }
        yield row | {"liquidation": "T"} if forced else row


def bar(row: BarRow, numbers: Numbers) -> dict[str, float]:
    """Return a bar."""
    price = numbers.priced(row.close_us)
    return {
        "tick": row.open_us // 1000,
        "open": float(price(row.open)),
        "high": float(price(row.high)),
        "low": float(price(row.low)),
        "close": float(price(row.close)),
        "volume": float(numbers.size(row.lots)),
        "cost": float(numbers.quote(row.quote)),
    }


def reference(price: float, numbers: Numbers) -> float:
    """Return a mark or index price with four digits after the point, or with two more than a finer tick has."""
    return round(price, max(4, numbers.price_digits + 2))


def statistics(market: ServedMarket, numbers: Numbers) -> dict[str, float]:
    """Return the last 24 hours, the change in percent."""
    day, price = market.ticker(), numbers.price
    quote = float(numbers.quote(day.quote))
    return {
        "high": float(price(day.high)),
        "low": float(price(day.low)),
        "price_change": round((day.last - day.open) / day.open * 100, 4) if day.open else 0.0,
        "volume": float(numbers.size(day.lots)),
        "volume_usd": quote,
        "volume_notional": quote,
    }


def ticker(market: ServedMarket, numbers: Numbers, *, now_ms: int) -> dict[str, Any]:
    """Return the figures of a market."""
    bid, bid_lots, ask, ask_lots = market.best()
    lots, mark = market.open_interest(), market.mark()
    row: dict[str, Any] = {
        "timestamp": now_ms,
        "state": "open",
        "stats": statistics(market, numbers),
        "instrument_name": instrument_of(market.listing.symbol),
        "last_price": float(numbers.price(market.ticker().last)),
        "open_interest": None if lots is None else float(numbers.size(lots)),
        "best_bid_price": float(numbers.price(bid)),
        "best_bid_amount": float(numbers.size(bid_lots)),
        "best_ask_price": float(numbers.price(ask)),
        "best_ask_amount": float(numbers.size(ask_lots)),
    }
    if mark is not None:
        row |= {
            "mark_price": reference(mark.mark, numbers),
            "index_price": reference(mark.index, numbers),
            "estimated_delivery_price": reference(mark.settle, numbers),
            "settlement_price": reference(mark.settle, numbers),
            "current_funding": mark.funding_rate,
            "funding_8h": mark.funding_rate,
            "interest_value": mark.funding_rate,
        }
    return row


def summary(market: ServedMarket, numbers: Numbers, *, now_ms: int) -> dict[str, Any]:
    """Return the figures of a market as a list of all of them has them."""
    row = ticker(market, numbers, now_ms=now_ms)
    kept = ("instrument_name", "open_interest", "mark_price", "funding_8h", "current_funding")
    return statistics(market, numbers) | {
        **{name: row[name] for name in kept if name in row},
        "last": row["last_price"],
        "bid_price": row["best_bid_price"],
        "ask_price": row["best_ask_price"],
        "base_currency": market.listing.base,
        "quote_currency": CURRENCY,
        "creation_timestamp": now_ms,
    }


def instrument(listing: ListedContract, numbers: Numbers, *, active: bool) -> dict[str, Any]:
    """Return an instrument: a contract is a lot of the base."""
    return {
        "kind": "future",
        "instrument_type": "linear",
        "instrument_name": instrument_of(listing.symbol),
        "base_currency": listing.base,
        "quote_currency": CURRENCY,
        "counter_currency": CURRENCY,
        "settlement_currency": CURRENCY,
        "settlement_period": "perpetual",
        "price_index": f"{listing.base}_{CURRENCY}".lower(),
        "tick_size": float(numbers.tick),
        "tick_size_steps": [],
        "contract_size": numbers.lot_size,
        "min_trade_amount": numbers.lot_size,
        "maker_commission": 0.0,
        "taker_commission": 0.0005,
        "max_leverage": 50,
        "is_active": active,
        "creation_timestamp": listing.onboard_us // 1000,
        "expiration_timestamp": _FOREVER_MS,
    }
