"""Stored rows as what a session puts out, so that runs that are stored are compared and measured like all others."""

from __future__ import annotations

from collections.abc import Sequence

from orderfox_nb.bots.handles import SentOrder, SessionOutput
from orderfox_nb.bots.orders import DONE, Fill, OrderReport, OrderRequest, Rejection
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.desk.store.records import FillRecord, OrderRecord, SessionRows


def output_of(rows: SessionRows, instrument: Instrument) -> SessionOutput:
    """Return stored rows as what a session puts out: orders, the last report of each, and fills."""
    return SessionOutput(
        orders=[_sent(order, instrument) for order in rows.orders],
        reports=[_report(order, instrument) for order in rows.orders],
        fills=_fills(rows.fills, instrument),
        lines=[],
    )


def _sent(order: OrderRecord, instrument: Instrument) -> SentOrder:
    ticks = [None if price is None else instrument.ticks(float(price)) for price in (order.price, order.trigger_price)]
    request = OrderRequest(
        symbol=instrument.symbol,
        side=order.side,
        lots=instrument.lots(float(order.size)),
        kind=order.kind,
        ticks=ticks[0],
        time_in_force=order.time_in_force,
        reduce_only=order.reduce_only,
        trigger_ticks=ticks[1],
    )
    return SentOrder(number=order.number, time_us=order.time_us, arrival_us=0, request=request)


def _report(order: OrderRecord, instrument: Instrument) -> OrderReport:
    return OrderReport(
        number=order.number,
        # Of an order that is open it depends on when it was saved.
        time_us=order.updated_us if order.state in DONE else order.time_us,
        state=order.state,
        filled_lots=instrument.lots(float(order.filled)),
        rejection=None if order.code is None else Rejection(order.code, order.reason),
        reason=order.reason,
    )


def _fills(fills: Sequence[FillRecord], instrument: Instrument) -> list[Fill]:
    return [
        Fill(
            number=fill.order,
            time_us=fill.time_us,
            side=fill.side,
            ticks=instrument.ticks(float(fill.price)),
            lots=instrument.lots(float(fill.size)),
            maker=fill.maker,
            liquidation=fill.liquidation,
        )
        for fill in fills
    ]
