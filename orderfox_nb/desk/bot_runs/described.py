"""Bots as routes and frames show them: the record, what it does at present, and its account."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from orderfox_nb.core.formatting import decimal_text
from orderfox_nb.desk.store.answers import bot_answer
from orderfox_nb.desk.store.records import BotRecord, EquityRecord
from orderfox_nb.views.bot_contract import BotAccount, BotAnswer, ProfitBand

if TYPE_CHECKING:
    from orderfox_nb.desk.bot_runs.run import BotRun
    from orderfox_nb.desk.bot_runs.runner import BotRunner

ENTRY_DIGITS = 2
"""Digits of an average price beyond those of the tick."""


def described(record: BotRecord, runner: BotRunner, saved: Mapping[int, EquityRecord]) -> BotAnswer:
    """Return a bot with what it does at present.

    Args:
        record: As it is stored.
        runner: Runner of this server.
        saved: The last stored equity of bots, by their number.
    """
    run = runner.shown_run(record.id)
    if run is not None:
        account = _running(run)
    else:
        rows = [rows[record.number] for rows in (saved, runner.last_equity) if record.number in rows]
        account = _stored(max(rows, key=lambda row: row.time_us)) if rows else None
    return bot_answer(
        record,
        state=runner.state(record),
        note=runner.note(record),
        account=account,
        live=runner.trades_live(record),
    )


def _running(run: BotRun) -> BotAccount:
    account, ledger, instrument = run.account, run.account.ledger, run.session.instrument
    equity, (low, high) = account.equity(), run.band.range()
    entry = account.entry
    return BotAccount(
        deposit=decimal_text(ledger.deposit),
        equity=decimal_text(equity),
        pnl=ProfitBand(low=decimal_text(low - ledger.deposit), high=decimal_text(high - ledger.deposit)),
        cash=decimal_text(account.cash),
        position=decimal_text(instrument.exact_size(account.position_lots)),
        entry=None if entry is None else decimal_text(round(entry, instrument.price_digits + ENTRY_DIGITS)),
        mark=None if account.mark is None else decimal_text(account.mark),
        unrealized_pnl=decimal_text(equity - account.cash),
        fees=decimal_text(ledger.fees),
        funding=decimal_text(ledger.funding),
        open_orders=len(run.activity.orders),
        time=run.session.desk.now_us // 1_000,
    )


def _stored(row: EquityRecord) -> BotAccount:
    from orderfox_nb.desk.brokers.paper import TERMS  # noqa: PLC0415  (it imports what bots are made of)

    deposit = Decimal(TERMS.cash)
    low, high = (row.equity if bound is None else bound for bound in (row.low, row.high))
    return BotAccount(
        deposit=decimal_text(deposit),
        equity=decimal_text(row.equity),
        pnl=ProfitBand(low=decimal_text(low - deposit), high=decimal_text(high - deposit)),
        cash=decimal_text(row.cash),
        position=decimal_text(row.position),
        time=row.time_us // 1_000,
    )
