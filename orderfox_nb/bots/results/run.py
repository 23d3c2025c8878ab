"""A session that is measured while its events are applied, and what remains of it when they have ended."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from orderfox_nb.bots.account.ledger import Booking, Ledger
from orderfox_nb.bots.failures import StrategyFailure
from orderfox_nb.bots.handles import Pause, SentOrder
from orderfox_nb.bots.orders import OrderReport
from orderfox_nb.bots.paper.queues import QueueModel
from orderfox_nb.bots.results.curve import SECOND_US, CurveColumns, EquityCurve
from orderfox_nb.bots.results.performance import Performance, performance_of
from orderfox_nb.bots.results.round_trips import RoundTrip, round_trips
from orderfox_nb.bots.strategy import Strategy
from orderfox_nb.bots.terms import PaperTerms
from orderfox_nb.core.instrument import Instrument


class RunResult(msgspec.Struct, frozen=True, kw_only=True):
    """Result of one session under one queue model."""

    model: str
    metrics: Performance
    ledger: Ledger
    curve: CurveColumns
    bookings: Sequence[Booking]
    """Every fill and payment of funding, oldest first."""
    trips: Sequence[RoundTrip]
    orders: Sequence[SentOrder]
    reports: Sequence[OrderReport]
    pauses: Sequence[Pause]
    """Times without complete data, in which nothing was traded."""
    open_lots: int
    """Position at the end, which is not closed."""
    stopped: str
    error: StrategyFailure | None
    marked: bool
    """Whether mark prices came; without them there is no funding and no liquidation."""
    digest: str
    """Digest of every order, report and fill: equal for equal events, parameters and terms."""


def model_name(queue: QueueModel) -> str:
    """Return the name of a queue model, with what distinguishes it from the one of that name by default."""
    name: str = queue.name
    usual = QueueModel(queue.name)
    if queue.power != usual.power:
        name += f"_{queue.power:g}"
    if not queue.partial:
        name += "_whole"
    return name if queue.monotone else f"{name}_literal"


class MeasuredRun:
    """One session with its equity curve.

    Args:
        strategy: Belongs to this run alone.
        instrument: What it trades.
        terms: Terms of its account and its venue.
        queue: How queue positions are estimated.
        channels: What the events contain; see ``BotSession``.
        start_us: Events from before are only folded.
        opened: Whether the events have no prelude and are complete from the first one on.
        step_us: Time between samples of equity.
    """

    def __init__(
        self,
        strategy: Strategy,
        instrument: Instrument,
        *,
        terms: PaperTerms,
        queue: QueueModel,
        channels: Collection[str] | None = None,
        start_us: int = 0,
        opened: bool = False,
        step_us: int = SECOND_US,
    ) -> None:
        self.queue = queue
        self.account = terms.account(instrument)
        self.session = terms.session(strategy, self.account, queue, channels=channels, start_us=start_us, opened=opened)
        self.curve = EquityCurve(step_us)

    def sample(self, time_us: int) -> None:
        """Add a point to the curve.

        Equity is that at the mark price; without mark prices at the last trade, and before it at the middle of the
        book. The point's price is the middle of the book, otherwise the last trade, otherwise the mark price.
        """
        session = self.session
        price = self._price()
        if price is None:
            return
        account = self.account
        lots = account.position_lots
        mark = account.mark
        equity = account.equity(mark if mark is not None else price)
        exposure = abs(session.instrument.size(lots)) * price
        self.curve.sample(time_us, float(equity), lots, price, exposure=exposure)

    def _price(self) -> float | None:
        session = self.session
        bid, ask = session.venue.best_bid, session.venue.best_ask
        if bid is not None and ask is not None:
            return (session.instrument.price(bid) + session.instrument.price(ask)) / 2
        last = session.desk.trades.last
        if last is not None:
            return last.price
        return None if self.account.mark is None else float(self.account.mark)

    def finish(self, time_us: int) -> RunResult:
        """End the session and return what it did.

        Args:
            time_us: Time of the last event.
        """
        session, account = self.session, self.account
        session.finish()
        if session.started:
            self.sample(time_us)
        bookings = account.drain()
        trips = round_trips(bookings, session.instrument)
        reports = list(session.reports)
        return RunResult(
            model=model_name(self.queue),
            metrics=performance_of(
                self.curve,
                account.ledger,
                bookings,
                trips,
                session.instrument,
                orders=len(session.orders),
                rejected=sum(report.state == "rejected" for report in reports),
            ),
            ledger=account.ledger,
            curve=self.curve.columns,
            bookings=bookings,
            trips=trips,
            orders=list(session.orders),
            reports=reports,
            pauses=list(session.pauses),
            open_lots=account.position_lots,
            stopped=session.stopped,
            error=session.error,
            marked=account.marked,
            digest=session.digest(),
        )
