"""Orders and trades of accounts as REST answers write them."""

from __future__ import annotations

from typing import Any

from orderfox_nb.sim.matching import BID
from orderfox_nb.sim.server.numbers import Numbers
from orderfox_nb.sim.trading.orders import AccountFill, Income, PlacedOrder


def side_text(side: int) -> str:
    """Write a side."""
    return "BUY" if side == BID else "SELL"


def order_row(order: PlacedOrder, numbers: Numbers, *, acknowledged: bool = False) -> dict[str, Any]:
    """Write an order; ``acknowledged`` as it was on its arrival, before it traded."""
    filled, quote = (0, 0) if acknowledged else (order.filled, order.quote)
    return {
        "orderId": order.order_id,
        "symbol": order.symbol,
        "status": "NEW" if acknowledged else order.status,
        "clientOrderId": order.client_id,
        "price": numbers.price(order.ticks),
        "avgPrice": numbers.average_of(quote, filled),
        "origQty": numbers.size(order.lots),
        "executedQty": numbers.size(filled),
        "cumQty": numbers.size(filled),
        "cumQuote": numbers.quote(quote),
        "timeInForce": order.time_in_force,
        "type": order.kind,
        "reduceOnly": order.reduce_only,
        "closePosition": False,
        "side": side_text(order.side),
        "positionSide": "BOTH",
        "stopPrice": numbers.price(0),
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "origType": order.kind,
        "priceMatch": "NONE",
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "goodTillDate": order.good_till_us // 1000,
        "time": order.time_us // 1000,
        "updateTime": order.update_us // 1000,
    }


def fill_row(fill: AccountFill, numbers: Numbers) -> dict[str, Any]:
    """Write a trade of an account."""
    return {
        "symbol": fill.symbol,
        "id": fill.trade_id,
        "orderId": fill.order_id,
        "side": side_text(fill.side),
        "price": numbers.priced(fill.time_us)(fill.ticks),
        "qty": numbers.size(fill.lots),
        "realizedPnl": f"{fill.realised:.8f}",
        "quoteQty": numbers.quote(fill.lots * fill.ticks),
        "commission": f"{fill.fee:.8f}",
        "commissionAsset": "USDT",
        "time": fill.time_us // 1000,
        "positionSide": "BOTH",
        "buyer": fill.side == BID,
        "maker": fill.maker,
    }


def income_row(income: Income) -> dict[str, Any]:
    """Write a change of a balance."""
    return {
        "symbol": income.symbol,
        "incomeType": income.kind,
        "income": f"{income.amount:.8f}",
        "asset": "USDT",
        "info": income.kind,
        "time": income.time_us // 1000,
        "tranId": income.transaction_id,
        "tradeId": str(income.trade_id) if income.trade_id else "",
    }
