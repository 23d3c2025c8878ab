"""Bybit's rows of trades, bars, tickers and liquidations: prices and sizes as text, times in milliseconds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from uuid import NAMESPACE_OID, uuid5

from orderfox_nb.core.timeframes import HOUR_US
from orderfox_nb.sim.facts import BarRow, LiquidationFact, TradeFact
from orderfox_nb.sim.reference import FUNDING_US, MAX_RATE
from orderfox_nb.sim.served_market import ServedMarket
from orderfox_nb.sim.server.numbers import Numbers

FUNDING_HOURS: Final = FUNDING_US // HOUR_US


def trade_id(symbol: str, number: int, time_us: int) -> str:
    """Return the id of a single trade, which has no order."""
    return str(uuid5(NAMESPACE_OID, f"{symbol} {number} {time_us}"))


def fills(symbol: str, trade: TradeFact, numbers: Numbers) -> Iterator[tuple[str, str, str, str]]:
    """Return id, side of the taker, size and price of each fill of a trade."""
    price = numbers.priced(trade.time_us)(trade.price)
    side = "Sell" if trade.buyer_is_maker else "Buy"
    for number, lots in enumerate(trade.fills, trade.first_trade_id):
        yield trade_id(symbol, number, trade.time_us), side, numbers.size(lots), price


def trade_rows(symbol: str, trade: TradeFact, numbers: Numbers, *, direction: str, sequence: int) -> list[Any]:
    """Return the fills of a trade as ``publicTrade`` has them."""
    return [
        {
            "T": trade.time_us // 1000,
            "s": symbol,
            "S": side,
            "v": size,
            "p": price,
            "L": direction,
            "i": id_,
            "BT": False,
            "RPI": False,
            "seq": sequence,
        }
        for id_, side, size, price in fills(symbol, trade, numbers)
    ]


def bar(row: BarRow, numbers: Numbers) -> tuple[str, ...]:
    """Return open, high, low, close, volume and turnover of a bar."""
    price = numbers.priced(row.close_us)
    return (
        *(price(ticks) for ticks in (row.open, row.high, row.low, row.close)),
        numbers.size(row.lots),
        numbers.quote(row.quote),
    )


def liquidation_row(symbol: str, fact: LiquidationFact, numbers: Numbers) -> dict[str, Any]:
    """Return a liquidation: the side is that of the position, so a sell order closes a ``Buy``."""
    return {
        "T": fact.time_us // 1000,
        "s": symbol,
        "S": "Buy" if fact.side == "sell" else "Sell",
        "v": numbers.size(fact.lots_filled),
        "p": numbers.average(fact.average_price),
    }


def ticker(market: ServedMarket, numbers: Numbers, *, direction: str) -> dict[str, str]:
    """Return the current figures of a market and those of the last 24 hours."""
    day, mark, lots = market.ticker(), market.mark(), market.open_interest()
    bid, bid_lots, ask, ask_lots = market.best()
    hours = market.klines("1h", limit=2)
    price = numbers.price
    return {
        "symbol": market.listing.symbol,
        "tickDirection": direction,
        "lastPrice": price(day.last),
        "price24hPcnt": f"{(day.last - day.open) / day.open if day.open else 0.0:.6f}",
        "prevPrice24h": price(day.open),
        "highPrice24h": price(day.high),
        "lowPrice24h": price(day.low),
        "prevPrice1h": price(hours[0].close if hours else day.open),
        "markPrice": f"{mark.mark:.{numbers.price_digits}f}" if mark else "",
        "indexPrice": f"{mark.index:.{numbers.price_digits}f}" if mark else "",
        "openInterest": "" if lots is None else numbers.size(lots),
        "openInterestValue": "" if lots is None or not mark else f"{lots * numbers.lot_size * mark.mark:.2f}",
        "turnover24h": numbers.quote(day.quote),
        "volume24h": numbers.size(day.lots),
        "fundingIntervalHour": str(FUNDING_HOURS),
        "fundingCap": f"{MAX_RATE:.3f}",
        "nextFundingTime": str(mark.next_funding_us // 1000) if mark else "",
        "fundingRate": f"{mark.funding_rate:.8f}" if mark else "",
        "bid1Price": price(bid),
        "bid1Size": numbers.size(bid_lots),
        "ask1Price": price(ask),
        "ask1Size": numbers.size(ask_lots),
    }
