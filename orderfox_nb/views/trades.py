"""Trades: the public ``trades_update`` message and the columns of a ``trades`` frame (docs/live.md)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from orderfox_nb.core.events import Trade
from orderfox_nb.core.formatting import format_amount, format_price, format_time
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.views.contract import TradeRow, TradesUpdate
from orderfox_nb.views.stamp import Stamp, encode

PUBLIC_TRADES = 100
"""Number of newest trades in each public message."""


class TapeView(msgspec.Struct, frozen=True, kw_only=True):
    """Contents of a frame of trades."""

    trades: Sequence[Trade]
    """Oldest first."""
    rate: float
    """Trades per second over the last ten seconds."""


def new_trades(before: TapeView, view: TapeView) -> Sequence[Trade] | None:
    """Return the trades after those of an earlier view; None if a late one came between them."""
    if not before.trades:
        return view.trades
    newest = before.trades[-1]
    known = next((at for at in range(len(view.trades), 0, -1) if view.trades[at - 1] == newest), 0)
    if known == 0:
        # None of the earlier trades is left: what is shown is all of it.
        return None
    if known > len(before.trades) or list(view.trades[:known]) != list(before.trades[-known:]):
        return None
    return view.trades[known:]


def tape_columns(trades: Sequence[Trade], rate: float, instrument: Instrument) -> dict[str, Any]:
    """Return trades as columns of whole numbers, oldest first."""
    ticks, lots = instrument.ticks, instrument.lots
    tick_units, lot_units = instrument.tick_units, instrument.lot_units
    return {
        "symbol": instrument.symbol,
        "price_digits": instrument.price_digits,
        "size_digits": instrument.size_digits,
        "trades": [
            [trade.sequence for trade in trades],
            [trade.time_us // 1000 for trade in trades],
            [ticks(trade.price) * tick_units for trade in trades],
            [lots(trade.size) * lot_units for trade in trades],
            [1 if trade.aggressor == "buy" else -1 for trade in trades],
        ],
        "rate": rate,
    }


def public_trade(trade: Trade, instrument: Instrument) -> TradeRow:
    """Return one trade as the contract's object."""
    return TradeRow(
        id=trade.id,
        price=trade.price,
        amount=trade.size,
        side=trade.aggressor,
        timestamp=trade.time_us // 1000,
        price_formatted=format_price(trade.price, instrument.price_digits),
        amount_formatted=format_amount(trade.size, instrument.size_digits),
        time_formatted=format_time(trade.time_us),
    )


def trades_update(trades: Sequence[Trade], stamp: Stamp, *, instrument: Instrument, initial: bool) -> bytes:
    """Encode trades as the contract's message, newest first.

    Args:
        trades: Oldest first, as folds keep them.
        stamp: Number, time and quality.
        instrument: Gives the digits.
        initial: Whether it is the first of a reader.
    """
    return encode(
        TradesUpdate(
            symbol=instrument.symbol,
            trades=[public_trade(trade, instrument) for trade in reversed(trades)],
            initial=initial,
            timestamp=stamp.time,
            quality=stamp.quality,
            sequence=stamp.sequence,
        )
    )
