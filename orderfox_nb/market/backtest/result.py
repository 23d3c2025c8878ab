# pandas has no stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
"""The result of a backtest as DataFrames: one column or one set of rows for each queue model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from orderfox_nb.bots.orders import DONE, OrderReport
from orderfox_nb.bots.parameters import ParameterValue
from orderfox_nb.bots.results.performance import MIN_RATIO_US
from orderfox_nb.bots.results.run import RunResult
from orderfox_nb.bots.terms import PaperTerms
from orderfox_nb.core.events import Channel
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.origin import Origin
from orderfox_nb.market.frames import Moments, origin_attributes

if TYPE_CHECKING:
    import pandas as pd

_HEADLINES: Final = ("profit", "max_drawdown", "fees", "funding", "fills", "trades", "sharpe", "time_in_market")


class BacktestResult(msgspec.Struct, kw_only=True):
    """The runs of one strategy over one recording, one for each queue model.

    How soon a resting order is filled depends on its place in the queue, which no venue publishes. So each model has a
    run of its own, and ``band`` is the range of the profit.
    """

    strategy: str
    description: str
    """First line of the class's docstring."""
    parameters: Mapping[str, ParameterValue]
    instrument: Instrument
    origin: Origin
    """Where the data came from."""
    recording: str
    start_us: int
    end_us: int
    events: int
    channels: Sequence[Channel]
    """The channels that the strategy read, by name."""
    terms: PaperTerms
    runs: Sequence[RunResult]
    data_digest: str
    """Digest of the events: equal for equal data."""
    code_digest: str
    """Digest of the strategy's source and the version of this package."""

    @property
    def band(self) -> tuple[float, float]:
        """Lowest and highest profit of the models, quote currency."""
        profits = [run.metrics.profit for run in self.runs]
        return min(profits), max(profits)

    @property
    def band_text(self) -> str:
        """The band as text: one amount if both ends are the same."""
        low, high = (f"{profit:,.2f}" for profit in self.band)
        return f"{low if low == high else f'{low} to {high}'} {self.instrument.quote}"

    @property
    def prices(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Times and prices of the market, as the report draws them."""
        curve = self.runs[0].curve
        return curve.time_us, curve.price

    @property
    def digest(self) -> str:
        """Digest of the result: equal for equal data, code, parameters and terms."""
        return "-".join(run.digest[:12] for run in self.runs)

    @property
    def error(self) -> str:
        """The error of the strategy, with its line; empty if there was none."""
        return next((str(run.error) for run in self.runs if run.error is not None), "")

    @property
    def notes(self) -> list[str]:
        """What a reader must know about the data and the figures."""
        run = self.runs[0]
        found: list[str] = []
        if self.error:
            found.append(f"The strategy was stopped by an error: {self.error}")
        if run.pauses:
            lost_s = sum(pause.end_us - pause.start_us for pause in run.pauses) / 1e6
            times = "once" if len(run.pauses) == 1 else f"{len(run.pauses)} times"
            found.append(f"Data were incomplete {times}, {lost_s:,.1f} s in all: nothing was traded then.")
        if not run.curve.time_us.size:
            found.append("The data were never complete, so the strategy did not start.")
        elif run.curve.time_us[-1] - run.curve.time_us[0] < MIN_RATIO_US:
            found.append("Less than an hour of data: too few returns for Sharpe and Sortino.")
        if "book" not in self.channels:
            found.append("No order book was read: orders could not be filled.")
        if not run.marked:
            found.append("No mark prices were read: there is no funding and no liquidation in the figures.")
        if self.origin.simulated:
            found.append("The data are simulated.")
        if any(each.open_lots for each in self.runs):
            found.append("A position was open at the end: it is valued at the last price, and not closed.")
        if any(each.metrics.liquidations for each in self.runs):
            found.append("The position was liquidated.")
        return found

    @property
    def metrics(self) -> pd.DataFrame:
        """Figures by name, a column for each model; see ``orderfox_nb.bots.results.performance.Performance``."""
        import pandas as pd  # noqa: PLC0415 - paid for when it is asked

        columns = {run.model: msgspec.structs.asdict(run.metrics) for run in self.runs}
        return self._described(pd.DataFrame(columns, dtype=object))

    @property
    def equity(self) -> pd.DataFrame:
        """Equity by time, a column for each model, with ``low`` and ``high`` of all and the price."""
        import pandas as pd  # noqa: PLC0415 - paid for when it is asked

        frame = pd.DataFrame({run.model: _series(run.curve.time_us, run.curve.equity) for run in self.runs}).ffill()
        values = frame.to_numpy()
        frame["low"], frame["high"] = values.min(axis=1), values.max(axis=1)
        first = self.runs[0].curve
        frame["price"] = _series(first.time_us, first.price)
        return self._described(frame)

    @property
    def positions(self) -> pd.DataFrame:
        """Position in base quantity by time, negative for a short, a column for each model."""
        import pandas as pd  # noqa: PLC0415 - paid for when it is asked

        lot = self.instrument.size(1)
        return self._described(
            pd.DataFrame({run.model: _series(run.curve.time_us, run.curve.lots * lot) for run in self.runs}).ffill()
        )

    @property
    def drawdown(self) -> pd.DataFrame:
        """Equity below its maximum so far, as a fraction of it and never above 0, a column for each model."""
        equity: Any = self.equity[[run.model for run in self.runs]]
        fall = equity / equity.cummax() - 1
        return self._described(fall)

    @property
    def fills(self) -> pd.DataFrame:
        """Fills by time: model, the order's number, side, price, size, maker, liquidation, realised, fee, position."""
        rows = [
            {
                "time": booking.time_us,
                "model": run.model,
                "number": booking.number,
                "side": booking.side,
                "price": self.instrument.price(booking.ticks),
                "size": self.instrument.size(booking.lots),
                "maker": booking.maker,
                "liquidation": booking.liquidation,
                "realised": float(booking.realised),
                "fee": float(booking.fee),
                "position": self.instrument.size(booking.position_lots),
            }
            for run in self.runs
            for booking in run.bookings
            if booking.kind == "fill"
        ]
        return self._by_time(rows, _FILLS)

    @property
    def funding(self) -> pd.DataFrame:
        """Payments of funding by time: model, position, amount (positive if received, negative if paid)."""
        rows = [
            {
                "time": booking.time_us,
                "model": run.model,
                "position": self.instrument.size(booking.lots),
                "amount": float(booking.funding),
            }
            for run in self.runs
            for booking in run.bookings
            if booking.kind == "funding"
        ]
        return self._by_time(rows, ("model", "position", "amount"))

    @property
    def orders(self) -> pd.DataFrame:
        """Orders by the time they were sent, with their last state, filled size and rejection code."""
        rows: list[dict[str, Any]] = []
        for run in self.runs:
            last: dict[int, OrderReport] = {}
            for report in run.reports:
                if report.number not in last or last[report.number].state not in DONE:
                    last[report.number] = report
            for order in run.orders:
                request, report = order.request, last.get(order.number)
                rejection = report.rejection if report else None
                rows.append(
                    {
                        "time": order.time_us,
                        "model": run.model,
                        "number": order.number,
                        "side": request.side,
                        "kind": request.kind,
                        "price": np.nan if request.ticks is None else self.instrument.price(request.ticks),
                        "size": self.instrument.size(request.lots),
                        "time_in_force": request.time_in_force,
                        "reduce_only": request.reduce_only,
                        "state": report.state if report else "sent",
                        "filled": self.instrument.size(report.filled_lots) if report else 0.0,
                        "code": rejection.code if rejection else 0,
                        "reason": rejection.message if rejection else report.reason if report else "",
                    }
                )
        return self._by_time(rows, _ORDERS)

    @property
    def trades(self) -> pd.DataFrame:
        """Positions from flat to flat, by the time they were opened; ``closed`` is NaT for one that is open."""
        import pandas as pd  # noqa: PLC0415 - paid for when it is asked

        rows = [
            {
                "time": trip.opened_us,
                "model": run.model,
                "side": trip.side,
                "closed": trip.closed_us or None,
                "size": self.instrument.size(trip.lots),
                "entry": trip.entry(self.instrument),
                "exit": trip.exit(self.instrument),
                "profit": float(trip.profit),
                "fees": float(trip.fees),
                "funding": float(trip.funding),
                "fills": trip.fills,
                "liquidated": trip.liquidated,
            }
            for run in self.runs
            for trip in run.trips
        ]
        frame: Any = self._by_time(rows, _TRADES)
        frame["closed"] = pd.to_datetime(frame["closed"], unit="us", utc=True)
        return frame

    @property
    def gaps(self) -> pd.DataFrame:
        """Times without complete data, in which nothing was traded: start (index), end, reason."""
        import pandas as pd  # noqa: PLC0415 - paid for when it is asked

        rows = [{"time": pause.start_us, "end": pause.end_us, "reason": pause.reason} for pause in self.runs[0].pauses]
        frame: Any = self._by_time(rows, ("end", "reason"))
        frame["end"] = pd.to_datetime(frame["end"], unit="us", utc=True)
        return frame

    def summary(self) -> list[tuple[str, list[str]]]:
        """Return the headline figures as text: a name, and a value for each model."""
        rows: list[tuple[str, list[str]]] = []
        for name in _HEADLINES:
            values = [getattr(run.metrics, name) for run in self.runs]
            rows.append((name.replace("_", " "), [_figure(name, value) for value in values]))
        return rows

    def __repr__(self) -> str:
        return (
            f"<Backtest of {self.strategy} on {self.instrument.symbol} of {self.origin.venue}: "
            f"profit {self.band_text}, {self.events:,} events>"
        )

    def _by_time(self, rows: list[dict[str, Any]], names: Sequence[str]) -> pd.DataFrame:
        import pandas as pd  # noqa: PLC0415 - paid for when it is asked

        rows.sort(key=lambda row: row["time"])
        times = np.array([row["time"] for row in rows], np.int64).astype("datetime64[us]")
        index = pd.DatetimeIndex(times, tz="UTC", name="time")
        return self._described(pd.DataFrame({name: [row[name] for row in rows] for name in names}, index=index))

    def _described(self, frame: Any) -> pd.DataFrame:
        import pandas as pd  # noqa: PLC0415 - paid for when it is asked

        frame.attrs.update(
            {
                "symbol": self.instrument.symbol,
                **origin_attributes(self.origin),
                "recording": self.recording,
                "strategy": self.strategy,
                "parameters": {name: str(value) for name, value in self.parameters.items()},
                "data_digest": self.data_digest,
                "code_digest": self.code_digest,
                "notes": self.notes,
                "times": Moments(
                    start=pd.Timestamp(self.start_us, unit="us", tz="UTC"),
                    end=pd.Timestamp(self.end_us, unit="us", tz="UTC"),
                ),
            }
        )
        return frame


_FILLS: Final = (
    "model", "number", "side", "price", "size", "maker", "liquidation", "realised", "fee", "position"
)  # fmt: skip
_ORDERS: Final = (
    "model", "number", "side", "kind", "price", "size", "time_in_force", "reduce_only", "state", "filled", "code",
    "reason",
)  # fmt: skip
_TRADES: Final = (
    "model", "side", "closed", "size", "entry", "exit", "profit", "fees", "funding", "fills", "liquidated"
)  # fmt: skip


def _series(times_us: Any, values: Any) -> pd.Series:
    import pandas as pd  # noqa: PLC0415 - paid for when it is asked

    index = pd.DatetimeIndex(times_us.astype("datetime64[us]"), tz="UTC", name="time")
    return pd.Series(values, index=index)


def _figure(name: str, value: float) -> str:
    if value != value:  # noqa: PLR0124 - NaN
        return "–"
    if name == "time_in_market":
        return f"{value:.1%}"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"
