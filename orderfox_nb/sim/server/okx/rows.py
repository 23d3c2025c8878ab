"""OKX's rows of trades, bars, prices and liquidations: everything as text, sizes in contracts."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from orderfox_nb.core.timeframes import HOUR_US
from orderfox_nb.sim.facts import BarRow, LiquidationFact, TradeFact
from orderfox_nb.sim.listings import ListedContract
from orderfox_nb.sim.reference import FUNDING_US, MAX_RATE
from orderfox_nb.sim.served_market import ServedMarket
from orderfox_nb.sim.server.level_window import Rows
from orderfox_nb.sim.server.numbers import Numbers
from orderfox_nb.sim.server.okx.names import SWAP, index_of, instrument_of

_CONTRACTS: Final = {"BTC": "0.01", "ETH": "0.1", "SOL": "1", "XRP": "100", "DOGE": "1000", "BNB": "0.01"}
_LOTS_OF_CONTRACT: Final = 10
"""Lots of the exchange in a contract of any other base."""
_LIMIT: Final = 0.05
"""How far from the index an order may be priced."""


def contract_value(listing: ListedContract) -> Decimal:
    """Return how much of the base a contract is."""
    return Decimal(_CONTRACTS[listing.base]) if listing.base in _CONTRACTS else listing.lot_size * _LOTS_OF_CONTRACT


def contract_sizes(listing: ListedContract) -> Numbers:
    """Return how sizes in lots are written in contracts."""
    return Numbers(tick_size=listing.tick_size, lot_size=listing.lot_size / contract_value(listing))


def levels(rows: Rows) -> list[tuple[str, str, str, str]]:
    """Return levels with the two further fields: liquidated orders, always 0, and the number of orders."""
    return [(price, size or "0", "0", "1" if size else "0") for price, size in rows]


def trades(symbol: str, trade: TradeFact, numbers: Numbers, sizes: Numbers) -> Iterator[dict[str, str]]:
    """Return each fill of a trade as REST and ``trades-all`` have it."""
    price = numbers.priced(trade.time_us)(trade.price)
    for number, lots in enumerate(trade.fills, trade.first_trade_id):
        yield _trade(symbol, number, price, sizes.size(lots), trade)


def aggregate(symbol: str, trade: TradeFact, numbers: Numbers, sizes: Numbers, *, sequence: int) -> dict[str, Any]:
    """Return the fills of one taker order at one price as ``trades`` has them: the id is that of the last fill."""
    price = numbers.priced(trade.time_us)(trade.price)
    row = _trade(symbol, trade.last_trade_id, price, sizes.size(trade.lots), trade)
    return row | {"count": str(len(trade.fills)), "seqId": sequence}


def _trade(symbol: str, number: int, price: str, size: str, trade: TradeFact) -> dict[str, str]:
    return {
        "instId": instrument_of(symbol),
        "tradeId": str(number),
        "px": price,
        "sz": size,
        "side": "sell" if trade.buyer_is_maker else "buy",
        "ts": str(trade.time_us // 1000),
        "source": "0",
    }


def bar(row: BarRow, numbers: Numbers, sizes: Numbers, *, closed: bool) -> tuple[str, ...]:
    """Return a bar: start, prices, volume in contracts, in the base and in the quote currency, whether it is over."""
    price = numbers.priced(row.close_us)
    return (
        str(row.open_us // 1000),
        *(price(ticks) for ticks in (row.open, row.high, row.low, row.close)),
        sizes.size(row.lots),
        numbers.size(row.lots),
        numbers.quote(row.quote),
        "1" if closed else "0",
    )


def ticker(market: ServedMarket, numbers: Numbers, sizes: Numbers, *, now_ms: int) -> dict[str, str]:
    """Return the 24 h statistics and the best levels."""
    day, (bid, bid_lots, ask, ask_lots) = market.ticker(), market.best()
    price = numbers.price
    start = price(_day_open(market))
    return {
        "instType": SWAP,
        "instId": instrument_of(market.listing.symbol),
        "last": price(day.last),
        "lastSz": sizes.size(day.last_lots),
        "askPx": price(ask),
        "askSz": sizes.size(ask_lots),
        "bidPx": price(bid),
        "bidSz": sizes.size(bid_lots),
        "open24h": price(day.open),
        "high24h": price(day.high),
        "low24h": price(day.low),
        "volCcy24h": numbers.size(day.lots),
        "vol24h": sizes.size(day.lots),
        "sodUtc0": start,
        "sodUtc8": start,
        "ts": str(now_ms),
    }


def _day_open(market: ServedMarket) -> int:
    return market.current_kline("1d").open


def mark_price(market: ServedMarket, *, now_ms: int) -> dict[str, str] | None:
    """Return the mark price."""
    if (mark := market.mark()) is None:
        return None
    return {**_named(market), "markPx": market.listing.reference_text(mark.mark), "ts": str(now_ms)}


def index_ticker(market: ServedMarket, numbers: Numbers, *, now_ms: int) -> dict[str, str] | None:
    """Return the index of a market's base."""
    if (mark := market.mark()) is None:
        return None
    day, start = market.ticker(), numbers.price(_day_open(market))
    return {
        "instId": index_of(market.listing.symbol),
        "idxPx": market.listing.reference_text(mark.index),
        "high24h": numbers.price(day.high),
        "low24h": numbers.price(day.low),
        "open24h": numbers.price(day.open),
        "sodUtc0": start,
        "sodUtc8": start,
        "ts": str(now_ms),
    }


def funding_rate(market: ServedMarket, *, now_ms: int) -> dict[str, str] | None:
    """Return the rate that is settled next."""
    if (mark := market.mark()) is None:
        return None
    settled = market.funding(limit=1)
    return {
        **_named(market),
        "formulaType": "withRate",
        "method": "current_period",
        "fundingRate": f"{mark.funding_rate:.8f}",
        "nextFundingRate": "",
        "fundingTime": str(mark.next_funding_us // 1000),
        "prevFundingTime": str((mark.next_funding_us - FUNDING_US) // 1000),
        "nextFundingTime": str((mark.next_funding_us + FUNDING_US) // 1000),
        "minFundingRate": f"{-MAX_RATE:.5f}",
        "maxFundingRate": f"{MAX_RATE:.5f}",
        "interestRate": "0.0001",
        "impactValue": "20000",
        "premium": f"{mark.mark / mark.index - 1:.10f}",
        "settFundingRate": f"{settled[-1].rate:.8f}" if settled else "",
        "settState": "settled",
        "ts": str(now_ms),
    }


def open_interest(market: ServedMarket, numbers: Numbers, sizes: Numbers, *, now_ms: int) -> dict[str, str] | None:
    """Return the open contracts, also in the base currency and in dollars."""
    lots = market.open_interest()
    if lots is None:
        return None
    price = market.ticker().last * numbers.tick_size
    return {
        **_named(market),
        "oi": sizes.size(lots),
        "oiCcy": numbers.size(lots),
        "oiUsd": f"{lots * numbers.lot_size * price:.6f}",
        "ts": str(now_ms),
    }


def price_limit(market: ServedMarket, numbers: Numbers, *, now_ms: int) -> dict[str, Any] | None:
    """Return between which prices orders are accepted."""
    if (mark := market.mark()) is None:
        return None
    high, low = (round(mark.index * factor / numbers.tick_size) for factor in (1 + _LIMIT, 1 - _LIMIT))
    limits = {"buyLmt": numbers.price(high), "sellLmt": numbers.price(low), "enabled": True}
    return {**_named(market), **limits, "ts": str(now_ms)}


def liquidations(
    listing: ListedContract, facts: list[LiquidationFact], numbers: Numbers, sizes: Numbers
) -> dict[str, Any]:
    """Return liquidations of one instrument: the side is the order's, ``posSide`` the position's, sizes contracts."""
    index = index_of(listing.symbol)
    details = [
        {
            "bkLoss": "0",
            "bkPx": numbers.average(fact.average_price),
            "ccy": "",
            "posSide": "long" if fact.side == "sell" else "short",
            "side": fact.side,
            "sz": sizes.size(fact.lots_filled),
            "ts": str(fact.time_us // 1000),
        }
        for fact in facts
    ]
    return {
        "details": details,
        "instFamily": index,
        "instId": instrument_of(listing.symbol),
        "instType": SWAP,
        "uly": index,
    }


def _named(market: ServedMarket) -> dict[str, str]:
    return {"instType": SWAP, "instId": instrument_of(market.listing.symbol)}


FUNDING_HOURS: Final = FUNDING_US // HOUR_US
