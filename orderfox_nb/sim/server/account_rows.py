"""Balances, positions and brackets of accounts as REST answers write them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from orderfox_nb.sim.listings import ListedContract
from orderfox_nb.sim.server.numbers import Numbers
from orderfox_nb.sim.trading.account import TradingAccount
from orderfox_nb.sim.trading.brackets import leverage_brackets, max_notional
from orderfox_nb.sim.trading.margin import AccountMargin, SymbolMargin, liquidation_price

_ZERO: Final = Decimal(0)


def money(amount: Decimal) -> str:
    """Write an amount of quote currency."""
    return f"{amount:.8f}"


def balance_row(account: TradingAccount, margin: AccountMargin, now_ms: int) -> dict[str, Any]:
    """Write the balance of the one asset."""
    available = money(max(_ZERO, margin.available))
    return {
        "accountAlias": account.key,
        "asset": "USDT",
        "balance": money(account.wallet),
        "crossWalletBalance": money(margin.cross_wallet),
        "crossUnPnl": money(margin.cross_unrealised),
        "availableBalance": available,
        "maxWithdrawAmount": available,
        "marginAvailable": True,
        "updateTime": now_ms,
    }


def totals(account: TradingAccount, margin: AccountMargin) -> dict[str, str]:
    """Write the sums of an account under the names that follow ``total``."""
    unrealised = margin.total("unrealised")
    available = money(max(_ZERO, margin.available))
    return {
        "InitialMargin": money(margin.total("position") + margin.total("orders")),
        "MaintMargin": money(margin.total("maintenance")),
        "WalletBalance": money(account.wallet),
        "UnrealizedProfit": money(unrealised),
        "MarginBalance": money(account.wallet + unrealised),
        "PositionInitialMargin": money(margin.total("position")),
        "OpenOrderInitialMargin": money(margin.total("orders")),
        "CrossWalletBalance": money(margin.cross_wallet),
        "CrossUnPnl": money(margin.cross_unrealised),
        "availableBalance": available,
        "maxWithdrawAmount": available,
    }


def asset_row(account: TradingAccount, margin: AccountMargin, now_ms: int) -> dict[str, Any]:
    """Write the same sums as those of the one asset."""
    return {
        "asset": "USDT",
        **{name[0].lower() + name[1:]: text for name, text in totals(account, margin).items()},
        "marginAvailable": True,
        "updateTime": now_ms,
    }


def account_position_row(
    account: TradingAccount, listing: ListedContract, numbers: Numbers, figures: SymbolMargin
) -> dict[str, Any]:
    """Write a position as ``account`` lists it."""
    position = account.position(listing.symbol)
    entry = position.entry(listing)
    return {
        "symbol": listing.symbol,
        "initialMargin": money(figures.initial),
        "maintMargin": money(figures.maintenance),
        "unrealizedProfit": money(figures.unrealised),
        "positionInitialMargin": money(figures.position),
        "openOrderInitialMargin": money(figures.orders),
        "leverage": str(position.leverage),
        "isolated": position.isolated,
        "entryPrice": listing.reference_text(entry),
        "breakEvenPrice": listing.reference_text(entry),
        "maxNotional": f"{max_notional(listing, position.leverage):f}",
        "bidNotional": money(figures.bids),
        "askNotional": money(figures.asks),
        "positionSide": "BOTH",
        "positionAmt": numbers.size(position.lots),
        "notional": money(figures.notional),
        "isolatedMargin": money(position.isolated_wallet + figures.unrealised if position.isolated else _ZERO),
        "isolatedWallet": money(position.isolated_wallet),
        "updateTime": position.update_us // 1000,
    }


def position_risk_row(
    account: TradingAccount, listing: ListedContract, numbers: Numbers, figures: SymbolMargin, margin: AccountMargin
) -> dict[str, Any]:
    """Write a position as ``positionRisk`` lists it, with the fields of versions 2 and 3."""
    position = account.position(listing.symbol)
    row = account_position_row(account, listing, numbers, figures)
    common = (
        "symbol",
        "positionSide",
        "positionAmt",
        "entryPrice",
        "breakEvenPrice",
        "notional",
        "isolatedMargin",
        "isolatedWallet",
        "initialMargin",
        "maintMargin",
        "positionInitialMargin",
        "openOrderInitialMargin",
        "bidNotional",
        "askNotional",
        "leverage",
        "updateTime",
    )
    return {name: row[name] for name in common} | {
        "marginType": "isolated" if position.isolated else "cross",
        "isAutoAddMargin": "false",
        "maxNotionalValue": row["maxNotional"],
        "markPrice": listing.reference_text(figures.mark),
        "unRealizedProfit": row["unrealizedProfit"],
        "liquidationPrice": listing.reference_text(liquidation_price(listing, position, figures, margin)),
        "marginAsset": "USDT",
        "adl": 1 if position.lots else 0,
    }


def bracket_row(listing: ListedContract) -> dict[str, Any]:
    """Write the leverage brackets of a symbol."""
    return {
        "symbol": listing.symbol,
        "notionalCoef": 1.0,
        "brackets": [
            {
                "bracket": bracket.number,
                "initialLeverage": bracket.leverage,
                "notionalCap": int(bracket.cap),
                "notionalFloor": int(bracket.floor),
                "maintMarginRatio": float(bracket.rate),
                "cum": float(bracket.cum),
            }
            for bracket in leverage_brackets(listing)
        ],
    }
