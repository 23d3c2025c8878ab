# pandas has no stubs.
# pyright: reportMissingTypeStubs=false
"""The report of a server's bot since its account was opened, computed from its stored rows."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from orderfox_nb.bots.account.account import Account
from orderfox_nb.bots.account.ledger import Booking
from orderfox_nb.bots.account.position import Position
from orderfox_nb.bots.results.curve import MAX_POINTS, EquityCurve
from orderfox_nb.bots.results.performance import performance_of
from orderfox_nb.bots.results.round_trips import round_trips
from orderfox_nb.bots.results.run import RunResult, model_name
from orderfox_nb.bots.terms import BAND
from orderfox_nb.core.events import Channel
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.origin import Origin
from orderfox_nb.desk.bot_runs.outputs import output_of
from orderfox_nb.desk.bot_runs.run import EQUITY_US
from orderfox_nb.desk.bot_runs.span import RunSpan
from orderfox_nb.desk.brokers.paper import TERMS
from orderfox_nb.desk.store.bot_history import BotHistory
from orderfox_nb.desk.store.records import BotRecord, EquityRecord, FillRecord, SessionRows
from orderfox_nb.desk.strategies import load_strategy
from orderfox_nb.errors import RunUnavailable
from orderfox_nb.market.backtest.code import code_digest
from orderfox_nb.market.backtest.result import BacktestResult

if TYPE_CHECKING:
    import pandas as pd

MAX_ROWS: Final = 50_000
"""Orders, and fills, that are measured: the newest."""


class StoredRun(msgspec.Struct, frozen=True, kw_only=True):
    """All stored rows of a bot's account."""

    record: BotRecord
    span: RunSpan
    state: dict[str, Any]
    """State of its last session."""
    rows: SessionRows
    moments: Sequence[EquityRecord]
    """Oldest first, one at least."""


class BotResult(BacktestResult, kw_only=True):
    """The report of a bot. Its orders are those of one queue model; of the others only the band of equity is stored."""

    low: NDArray[np.float64]
    """Lowest equity of all queue models, by the times of the curve."""
    high: NDArray[np.float64]
    more: Sequence[str] = ()
    """Notes beside those of a backtest."""

    @property
    def band(self) -> tuple[float, float]:
        """Lowest and highest profit of the models, quote currency."""
        deposit = float(self.runs[0].ledger.deposit)
        return float(self.low[-1]) - deposit, float(self.high[-1]) - deposit

    @property
    def equity(self) -> pd.DataFrame:
        """Equity by time, with ``low`` and ``high`` of all models and the price of the bot's last fill."""
        frame: Any = super().equity
        frame["low"], frame["high"] = self.low, self.high
        return frame

    @property
    def prices(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Times and prices of the bot's fills, and the times of its equity with the price of the last fill before."""
        run, price = self.runs[0], self.instrument.price
        fills = [(one.time_us, price(one.ticks)) for one in run.bookings]
        times = np.append(run.curve.time_us, np.array([time_us for time_us, _ in fills], np.int64))
        values = np.append(run.curve.price, np.array([value for _, value in fills], np.float64))
        order = times.argsort(kind="stable")
        return times[order], values[order]

    @property
    def notes(self) -> list[str]:
        """What a reader has to know of the figures."""
        return [*super().notes, *self.more]


async def stored_run(history: BotHistory, record: BotRecord) -> StoredRun:
    """Return what is stored of a bot.

    Raises:
        RunUnavailable: There is nothing to report.
        DatabaseUnavailable: The database does not answer.
    """
    saved = await history.snapshot(record.number)
    state: Any = {} if saved is None else msgspec.msgpack.decode(saved)
    if "span" not in state:
        raise RunUnavailable("There is nothing to report: the bot has not run. Start it, and ask again a minute later")
    opened = msgspec.convert(state["span"], RunSpan).opened
    rows = await history.run_rows(record.number, after_order=opened.orders, after_fill=opened.fills, limit=MAX_ROWS)
    state = msgspec.msgpack.decode(rows.snapshot or b"")
    # With the end, which may be no stored moment.
    moments = await history.equity(record.number, limit=MAX_POINTS - 1)
    moments = [moment for moment in moments if moment.time_us >= opened.time_us]
    if not moments:
        raise RunUnavailable("There is nothing to report yet: the strategy has not started. Ask again a minute later")
    span = msgspec.convert(state["span"], RunSpan)
    return StoredRun(record=record, span=span, state=state, rows=rows, moments=moments)


def report_of(stored: StoredRun, origin: Origin) -> BotResult:
    """Measure what a bot did.

    Args:
        stored: Its rows.
        origin: Origin of the data that it trades on.

    Raises:
        BadValue: Its strategy is not installed any more, or does not accept its parameters.
    """
    span, record, instrument = stored.span, stored.record, stored.span.instrument
    kind = load_strategy(span.strategy)
    strategy = kind(**span.params)
    account = TERMS.account(instrument)
    account.restore(stored.state["session"]["account"])
    bookings = _bookings(stored.rows.fills, account.position_lots, instrument)
    trips = round_trips(bookings, instrument)
    curve, moments = _curve(stored, account)
    output = output_of(stored.rows, instrument)
    run = RunResult(
        model=model_name(BAND[0]),
        metrics=performance_of(
            curve,
            account.ledger,
            bookings,
            trips,
            instrument,
            orders=len(output.orders),
            rejected=sum(report.state == "rejected" for report in output.reports),
        ),
        ledger=account.ledger,
        curve=curve.columns,
        bookings=bookings,
        trips=trips,
        orders=output.orders,
        reports=output.reports,
        pauses=[],
        open_lots=account.position_lots,
        stopped=stored.state["ended"],
        error=None,
        marked=account.marked,
        digest="",
    )
    channels: set[Channel] = {topic.channel for topic in strategy.topics(record.venue, instrument.symbol)}
    about = ": ".join(text for text in (record.name, record.description) if text)
    return BotResult(
        strategy=span.strategy,
        description=about,
        parameters=dict(strategy.values),
        instrument=instrument,
        origin=origin,
        recording=span.recording,
        start_us=moments[0].time_us,
        end_us=moments[-1].time_us,
        events=span.acted,
        channels=sorted(channel for channel in channels if channel not in origin.absent),
        terms=TERMS,
        runs=[run],
        data_digest="",
        code_digest=code_digest(kind),
        low=np.array([float(one.equity if one.low is None else one.low) for one in moments]),
        high=np.array([float(one.equity if one.high is None else one.high) for one in moments]),
        more=_notes(stored, len(bookings)),
    )


def _bookings(fills: Sequence[FillRecord], position_lots: int, instrument: Instrument) -> list[Booking]:
    """Return fills as changes of cash; where the oldest are not there, those since the position was flat."""
    lots = [instrument.lots(float(fill.size)) * (1 if fill.side == "buy" else -1) for fill in fills]
    held = position_lots - sum(lots)
    position, found = Position(), list[Booking]()
    for fill, signed in zip(fills, lots, strict=True):
        if held:
            held += signed
            continue
        ticks = instrument.ticks(float(fill.price))
        realised, _ = position.fill(signed, ticks, instrument)
        found.append(
            Booking(
                kind="fill",
                time_us=fill.time_us,
                side=fill.side,
                ticks=ticks,
                lots=abs(signed),
                number=fill.order,
                maker=fill.maker,
                liquidation=fill.liquidation,
                realised=realised,
                fee=fill.fee,
                cash=Decimal(0),
                position_lots=position.lots,
            )
        )
    return found


def _curve(stored: StoredRun, account: Account) -> tuple[EquityCurve, Sequence[EquityRecord]]:
    """Return the stored equity as samples, and the moments they are of; the last one is that of the last save."""
    instrument, moments = stored.span.instrument, list(stored.moments)
    now_us, last = stored.state["session"]["desk"]["now_us"], stored.moments[-1]
    if now_us > last.time_us and not stored.state["ended"]:
        # The band is stored once a minute.
        band = (last.low, last.high) if last.low is not None and last.high is not None else (last.equity, last.equity)
        shift = account.equity() - last.equity
        moments.append(
            EquityRecord(
                time_us=now_us,
                equity=account.equity(),
                cash=account.cash,
                position=instrument.exact_size(account.position_lots),
                low=band[0] + shift,
                high=band[1] + shift,
            )
        )
    curve = EquityCurve(EQUITY_US)
    fills, at = stored.rows.fills, 0
    price = float(fills[0].price) if fills else float(account.mark or 0)
    for moment in moments:
        while at < len(fills) and fills[at].time_us <= moment.time_us:
            price, at = float(fills[at].price), at + 1
        lots = instrument.lots(float(moment.position))
        exposure = abs(instrument.size(lots)) * price
        curve.sample(moment.time_us, float(moment.equity), lots, price, exposure=exposure)
    return curve, moments


def _notes(stored: StoredRun, measured: int) -> list[str]:
    found = ["Prices are those of the bot's own fills, and equity is stored once a minute."]
    fills = len(stored.rows.fills)
    if measured < fills or fills >= MAX_ROWS:
        found.append(f"The newest {measured:,} fills are measured; older ones are only in the equity.")
    return found
