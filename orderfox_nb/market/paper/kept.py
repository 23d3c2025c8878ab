"""The output of one session of a run so far, readable from any thread."""

from __future__ import annotations

from collections import deque
from typing import Final

import msgspec

from orderfox_nb.bots.account.ledger import Booking
from orderfox_nb.bots.handles import SentOrder, SessionOutput
from orderfox_nb.bots.orders import OrderReport
from orderfox_nb.bots.results.performance import performance_of
from orderfox_nb.bots.results.round_trips import round_trips
from orderfox_nb.bots.results.run import MeasuredRun, RunResult, model_name

MAX_KEPT: Final = 50_000
"""Newest orders, reports and bookings that are kept of each session."""


class PaperPosition(msgspec.Struct, frozen=True, kw_only=True):
    """The position of an account."""

    size: float
    """Base quantity, negative for a short."""
    entry: float | None
    """Average price; None without a position."""
    lots: int


class KeptRun:
    """One session, and its newest output.

    Args:
        run: The session.
    """

    def __init__(self, run: MeasuredRun) -> None:
        self.run = run
        self.orders: deque[SentOrder] = deque(maxlen=MAX_KEPT)
        self.reports: deque[OrderReport] = deque(maxlen=2 * MAX_KEPT)
        self.bookings: deque[Booking] = deque(maxlen=MAX_KEPT)
        self.lines: deque[tuple[int, str]] = deque(maxlen=1_000)
        self.forgotten = 0
        """Number of orders that are no longer kept."""
        self._ledger = msgspec.structs.replace(run.account.ledger)
        self._digest = ""
        self.equity = float(run.account.equity())
        self.position = self._position()

    def collect(self) -> SessionOutput:
        """Add the output of the session since the last call, and return it."""
        session, account = self.run.session, self.run.account
        output = session.drain()
        self.forgotten += max(0, len(self.orders) + len(output.orders) - MAX_KEPT)
        self.orders.extend(output.orders)
        self.reports.extend(output.reports)
        self.bookings.extend(account.drain())
        self.lines.extend(output.lines)
        self._ledger = msgspec.structs.replace(account.ledger)
        self._digest = session.digest()
        self.equity = self.run.curve.newest_equity or self.equity
        self.position = self._position()
        return output

    def result(self) -> RunResult:
        """Return the result so far, as of a backtest that ends here."""
        session, account = self.run.session, self.run.account
        bookings, orders, reports = list(self.bookings), list(self.orders), list(self.reports)
        if len(bookings) == MAX_KEPT:
            # Trades are counted from flat to flat.
            flat = next((at for at, each in enumerate(bookings) if not each.position_lots), len(bookings))
            bookings = bookings[flat + 1 :]
        trips = round_trips(bookings, session.instrument)
        return RunResult(
            model=model_name(self.run.queue),
            metrics=performance_of(
                self.run.curve,
                self._ledger,
                bookings,
                trips,
                session.instrument,
                orders=len(orders),
                rejected=sum(report.state == "rejected" for report in reports),
            ),
            ledger=self._ledger,
            curve=self.run.curve.columns,
            bookings=bookings,
            trips=trips,
            orders=orders,
            reports=reports,
            pauses=list(session.pauses),
            open_lots=self.position.lots,
            stopped=session.stopped,
            error=session.error,
            marked=account.marked,
            digest=self._digest,
        )

    def _position(self) -> PaperPosition:
        account, instrument = self.run.account, self.run.session.instrument
        lots, entry = account.position_lots, account.entry
        return PaperPosition(size=instrument.size(lots), entry=None if entry is None else float(entry), lots=lots)
