"""Output of a session as rows that wait to be saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from orderfox_nb.bots.account.account import Account
from orderfox_nb.bots.account.ledger import Booking
from orderfox_nb.bots.handles import SentOrder, SessionOutput
from orderfox_nb.bots.orders import DONE, Fill, OrderReport
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.desk.bot_runs.activity import BotActivity, EquitySample
from orderfox_nb.desk.store.records import EquityRecord, FillRecord, OrderRecord, SessionRows

MAX_WAITING: Final = 20_000
"""Rows that may wait to be saved."""


class _Kept(msgspec.Struct, kw_only=True):
    """Numbers with which the log continues."""

    orders: int = 0
    """Numbers that earlier sessions of the bot have used."""
    last_order: int = 0
    fills: int = 0
    open: dict[int, OrderRecord] = {}


def close_orders(plain: Mapping[str, Any], time_us: int, reason: str) -> tuple[list[OrderRecord], Any]:
    """Close the open orders of a log's snapshot; return them and the snapshot afterwards."""
    kept = msgspec.convert(plain, _Kept, strict=False)
    closed = [
        msgspec.structs.replace(record, state="cancelled", reason=reason, updated_us=time_us)
        for record in kept.open.values()
    ]
    kept.open, kept.orders = {}, kept.last_order
    return closed, msgspec.to_builtins(kept, str_keys=True)


class RowLog:
    """Collects rows; numbers of orders and fills continue over all sessions of a bot.

    Args:
        instrument: What the bot trades.
        activity: Shows what is collected.
    """

    def __init__(self, instrument: Instrument, activity: BotActivity) -> None:
        self._instrument = instrument
        self._activity = activity
        self._kept = _Kept()
        self._filled: dict[int, Decimal] = {}
        self._orders: dict[int, OrderRecord] = {}
        self._fills: list[FillRecord] = []
        self._equity: list[EquityRecord] = []

    @property
    def last_numbers(self) -> tuple[int, int]:
        """Numbers of the last order and of the last fill of the bot."""
        return self._kept.last_order, self._kept.fills

    def number_on(self, order: int, fill: int) -> None:
        """Number on behind an order and a fill of the bot's."""
        self._kept.orders = self._kept.last_order = order
        self._kept.fills = fill

    @property
    def waiting(self) -> int:
        """How many rows wait to be saved."""
        return len(self._orders) + len(self._fills) + len(self._equity)

    def collect(self, output: SessionOutput, bookings: Sequence[Booking]) -> None:
        """Add what a session has put out, with the bookings of the same time, which have the fees."""
        for sent in output.orders:
            self._sent(sent)
        fees = [booking.fee for booking in bookings if booking.kind == "fill"]
        for fill, fee in zip(output.fills, fees, strict=True):
            self._fill(fill, fee)
        for report in output.reports:
            self._report(report)

    def sample(self, sample: EquitySample, account: Account) -> EquityRecord:
        """Add a sample of equity and return it."""
        record = EquityRecord(
            time_us=sample.time_us,
            equity=sample.equity,
            cash=account.cash,
            position=self._instrument.exact_size(account.position_lots),
            low=sample.low,
            high=sample.high,
        )
        self._equity.append(record)
        self._activity.sample(sample)
        return record

    def next_session(self, time_us: int, reason: str) -> None:
        """Close the orders of an earlier session, which nothing will fill any more, and number on behind them."""
        for record in list(self._kept.open.values()):
            self._put(msgspec.structs.replace(record, state="cancelled", reason=reason, updated_us=time_us))
        self._kept.orders = self._kept.last_order

    def stored_number(self, number: int) -> int:
        """Return the number under which an order of the present session is stored."""
        return self._kept.orders + number

    def rows(self, snapshot: bytes) -> SessionRows:
        """Return what waits and clear it; ``put_back`` returns what could not be saved."""
        found = SessionRows(
            orders=list(self._orders.values()), fills=self._fills, equity=self._equity, snapshot=snapshot
        )
        self._orders, self._fills, self._equity = {}, [], []
        return found

    def put_back(self, rows: SessionRows) -> None:
        """Have rows wait again, before those that came since."""
        self._orders = {**{record.number: record for record in rows.orders}, **self._orders}
        self._fills = [*rows.fills, *self._fills]
        self._equity = [*rows.equity, *self._equity]

    def snapshot(self) -> Any:
        """Return what the log continues from as builtins."""
        return msgspec.to_builtins(self._kept, str_keys=True)

    def restore(self, plain: Mapping[str, Any]) -> None:
        """Continue from what ``snapshot`` returned."""
        self._kept = msgspec.convert(plain, _Kept, strict=False)
        self._filled = {number: record.filled for number, record in self._kept.open.items()}
        for record in self._kept.open.values():
            self._activity.order(record)

    def _sent(self, sent: SentOrder) -> None:
        request, exact = sent.request, self._instrument
        self._kept.last_order = self.stored_number(sent.number)
        self._put(
            OrderRecord(
                number=self._kept.last_order,
                time_us=sent.time_us,
                updated_us=sent.time_us,
                side=request.side,
                kind=request.kind,
                price=None if request.ticks is None else exact.exact_price(request.ticks),
                trigger_price=None if request.trigger_ticks is None else exact.exact_price(request.trigger_ticks),
                size=exact.exact_size(request.lots),
                filled=Decimal(0),
                time_in_force=request.time_in_force,
                reduce_only=request.reduce_only,
                state="sent",
            )
        )

    def _fill(self, fill: Fill, fee: Decimal) -> None:
        size = self._instrument.exact_size(fill.lots)
        self._kept.fills += 1
        # The venue's own order, which closes a position for lack of margin, has no number of the bot's.
        order = self.stored_number(fill.number) if fill.number > 0 else 0
        record = FillRecord(
            number=self._kept.fills,
            order=order,
            time_us=fill.time_us,
            side=fill.side,
            price=self._instrument.exact_price(fill.ticks),
            size=size,
            fee=fee,
            maker=fill.maker,
            liquidation=fill.liquidation,
        )
        self._fills.append(record)
        self._activity.fill(record)
        if (sent := self._kept.open.get(order)) is not None:
            filled = self._filled[order] = self._filled.get(order, Decimal(0)) + size
            self._put(msgspec.structs.replace(sent, filled=filled, updated_us=fill.time_us))

    def _report(self, report: OrderReport) -> None:
        record = self._kept.open.get(self.stored_number(report.number))
        if record is None:
            return
        rejection = report.rejection
        self._put(
            msgspec.structs.replace(
                record,
                state=report.state,
                updated_us=report.time_us,
                filled=max(record.filled, self._instrument.exact_size(report.filled_lots)),
                code=rejection.code if rejection else record.code,
                reason=rejection.message if rejection else report.reason or record.reason,
            )
        )

    def _put(self, record: OrderRecord) -> None:
        self._orders[record.number] = record
        self._activity.order(record)
        if record.state in DONE:
            self._kept.open.pop(record.number, None)
            self._filled.pop(record.number, None)
        else:
            self._kept.open[record.number] = record
