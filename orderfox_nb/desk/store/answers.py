"""Records as the routes answer them."""

from __future__ import annotations

from decimal import Decimal

from orderfox_nb.core.formatting import decimal_text
from orderfox_nb.desk.store.records import BotRecord, EquityRecord, FillRecord, OrderRecord
from orderfox_nb.views.bot_contract import (
    BotAccount,
    BotAnswer,
    BotEquity,
    BotFill,
    BotOrder,
    BotStateName,
    utc,
)


def bot_answer(
    record: BotRecord, *, state: BotStateName, note: str, account: BotAccount | None, live: bool
) -> BotAnswer:
    """Return a bot.

    Args:
        record: As it is stored.
        state: What it does at present.
        note: Why an active bot does not trade.
        account: Its account, None if it never ran.
        live: Whether its orders are real.
    """
    return BotAnswer(
        id=record.id,
        name=record.name,
        venue=record.venue,
        symbol=record.symbol,
        is_active=record.is_active,
        is_paper_trading=record.is_paper_trading,
        description=record.description,
        strategy=record.strategy,
        params=record.params,
        created_at=utc(record.created_us),
        updated_at=utc(record.updated_us),
        running=state == "running",
        note=note,
        live_trading=live,
        state=state,
        account=account,
    )


def order_answer(record: OrderRecord) -> BotOrder:
    """Return an order."""
    return BotOrder(
        number=record.number,
        timestamp=record.time_us // 1_000,
        updated=record.updated_us // 1_000,
        side=record.side,
        type=record.kind,
        price=_optional(record.price),
        trigger_price=_optional(record.trigger_price),
        amount=decimal_text(record.size),
        filled=decimal_text(record.filled),
        time_in_force=record.time_in_force,
        reduce_only=record.reduce_only,
        state=record.state,
        code=record.code,
        reason=record.reason,
    )


def fill_answer(record: FillRecord) -> BotFill:
    """Return a fill."""
    return BotFill(
        number=record.number,
        order=record.order,
        timestamp=record.time_us // 1_000,
        side=record.side,
        price=decimal_text(record.price),
        amount=decimal_text(record.size),
        fee=decimal_text(record.fee),
        maker=record.maker,
        liquidation=record.liquidation,
    )


def equity_answer(record: EquityRecord) -> BotEquity:
    """Return a moment of equity."""
    return BotEquity(
        timestamp=record.time_us // 1_000,
        equity=decimal_text(record.equity),
        cash=decimal_text(record.cash),
        position=decimal_text(record.position),
        low=decimal_text(record.equity if record.low is None else record.low),
        high=decimal_text(record.equity if record.high is None else record.high),
    )


def _optional(number: Decimal | None) -> str | None:
    return None if number is None else decimal_text(number)
