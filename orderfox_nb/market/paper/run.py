# pandas has no stubs.
# pyright: reportMissingTypeStubs=false
"""A strategy on paper in a notebook: ``run = market["BTCUSDT"].run(Fade())``."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, MutableSet, Sequence
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from orderfox_nb.bots.gateway import NEVER_US
from orderfox_nb.bots.paper.queues import QueueModel
from orderfox_nb.bots.parity import ParityReport
from orderfox_nb.bots.results.curve import SECOND_US
from orderfox_nb.bots.results.run import MeasuredRun
from orderfox_nb.bots.session import BotSession, BotState
from orderfox_nb.bots.strategy import Strategy
from orderfox_nb.bots.terms import BAND, PaperTerms
from orderfox_nb.errors import BadValue, OrderFoxError
from orderfox_nb.market.backtest.code import code_digest
from orderfox_nb.market.backtest.result import BacktestResult
from orderfox_nb.market.backtest.running import Source, opened_source
from orderfox_nb.market.frames import times_index
from orderfox_nb.market.paper.card import LiveCard, card_html
from orderfox_nb.market.paper.inlet import PaperInlet, RecordingInlet, SeenEvents
from orderfox_nb.market.paper.kept import KeptRun, PaperPosition
from orderfox_nb.market.paper.replaying import end_session, replay_recording, replay_tape
from orderfox_nb.market.paper.tape import SEGMENT_EVENTS, RunTape

if TYPE_CHECKING:
    import pandas as pd

_log = logging.getLogger(__name__)

MAX_RUNS: Final = 20
"""Largest number of active runs in a process."""
STOP_S: Final = 10.0
"""How long ``stop`` waits for a callback that is running."""

_running: set[PaperRun] = set()
_registering = threading.Lock()


class PaperRun:
    """One strategy on paper, in a thread of its own, until it is stopped or its data end.

    Everything may be read while it runs. The strategy that is passed is not changed: each queue model runs a new one
    with the same parameters; ``position`` and ``log`` are those of the first model.

    Args:
        strategy: The strategy with its parameters.
        inlet: Source of its events.
        terms: Deposit, fees, margin, delays and limits.
        models: Queue models that run side by side over the same events; by default those of ``BAND``.
        owner: Set that contains the run until it has ended.
        max_events: Smallest number of events that are kept for ``parity``.

    Raises:
        BadValue: No model, terms that an account refuses, or more than 20 active runs.
    """

    def __init__(
        self,
        strategy: Strategy,
        inlet: PaperInlet,
        *,
        terms: PaperTerms | None = None,
        models: Sequence[QueueModel] | None = None,
        owner: MutableSet[PaperRun] | None = None,
        max_events: int = SEGMENT_EVENTS,
    ) -> None:
        self.strategy = strategy
        self.terms = terms or PaperTerms()
        self.start_us = NEVER_US
        """When the strategy began: the first whole second after all of its data was complete."""
        self.acted = 0
        """Events that the strategy has acted on."""
        self._inlet = inlet
        self._owner = owner
        self._models = BAND if models is None else tuple(models)
        self._lock = threading.Lock()
        self._asked = ""
        """Why it was asked to stop."""
        self._reason = ""
        """Why it has stopped."""
        self._unkept = ""
        """Why the strategy's state cannot be kept."""
        self._over = threading.Event()
        self._changed = threading.Condition(self._lock)
        self._kept = [KeptRun(run) for run in self._new_runs()]
        self._tape = RunTape(len(self._kept), max_events=max_events)
        self._card = LiveCard(self._described)
        self._thread = threading.Thread(target=self._main, name=f"paper run of {strategy!r}", daemon=True)
        with _registering:
            if len(_running) >= MAX_RUNS:
                raise BadValue("runs", len(_running) + 1, f"at most {MAX_RUNS} at once: stop() another one first")
            _running.add(self)
        if owner is not None:
            owner.add(self)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return not self._over.is_set()

    @property
    def state(self) -> BotState:
        """``waiting`` for complete data, ``running``, ``paused`` while some are missing, ``stopped`` or ``failed``."""
        state = self._session.state
        return "stopped" if state != "failed" and not self.running else state

    @property
    def reason(self) -> str:
        """Why it waits, is paused or has stopped; empty while it trades."""
        session = self._session
        if not self.running:
            return self._reason
        return "" if session.live else session.gate.reason or "waiting for data"

    @property
    def error(self) -> str:
        """The error of the strategy, with its line; empty if there was none."""
        return next((str(kept.run.session.error) for kept in self._kept if kept.run.session.error is not None), "")

    @property
    def traceback(self) -> str:
        """The traceback of that error, from the strategy's callback on."""
        return next((kept.run.session.error.trace for kept in self._kept if kept.run.session.error is not None), "")

    @property
    def position(self) -> PaperPosition:
        """The position of the first queue model."""
        return self._kept[0].position

    @property
    def orders(self) -> pd.DataFrame:
        """Orders by the time they were sent, with their last state; the newest 50,000 of each queue model."""
        return self.result().orders

    @property
    def fills(self) -> pd.DataFrame:
        """Fills by time; the newest 50,000 of each queue model."""
        return self.result().fills

    @property
    def equity(self) -> pd.DataFrame:
        """Equity by time, a column for each queue model, with ``low`` and ``high`` of all and the price."""
        return self.result().equity

    @property
    def log(self) -> pd.DataFrame:
        """The newest 1,000 lines of ``desk.log`` by time."""
        import pandas as pd  # noqa: PLC0415 - paid for when it is asked

        with self._lock:
            lines = list(self._kept[0].lines)
        return pd.DataFrame({"text": [text for _, text in lines]}, index=times_index([time_us for time_us, _ in lines]))

    def result(self) -> BacktestResult:
        """Return the run so far as a backtest's result, with the same DataFrames and figures."""
        with self._lock:
            runs = [kept.result() for kept in self._kept]
            end_us, events = self._session.desk.now_us, self._session.events
        kind, inlet = type(self.strategy), self._inlet
        return BacktestResult(
            strategy=kind.__name__,
            description=(kind.__doc__ or "").strip().partition("\n")[0],
            parameters=dict(self.strategy.values),
            instrument=inlet.instrument,
            origin=inlet.origin,
            recording="",
            start_us=0 if self.start_us == NEVER_US else self.start_us,
            end_us=end_us,
            events=events,
            channels=sorted(inlet.channels),
            terms=self.terms,
            runs=runs,
            data_digest="",
            code_digest=code_digest(kind),
        )

    def stop(self, reason: str = "stopped by hand") -> Self:
        """Call ``on_stop``, cancel its orders, and end it; the position stays. Safe to call twice.

        Waits up to 10 s for a callback that is running: it ends after that callback.
        """
        self._asked = self._asked or reason
        self._inlet.close()
        if threading.current_thread() is not self._thread:
            self._over.wait(STOP_S)
        return self

    def wait(self, seconds: float = 60.0, *, until: Callable[[Self], object] | None = None) -> bool:
        """Wait until it has ended, or until a condition holds.

        Args:
            seconds: Longest time to wait.
            until: Called with this run after each batch of events; a true result ends the wait.

        Returns:
            Whether the run ended, or the condition held, in time.
        """
        if until is None:
            return self._over.wait(seconds)
        deadline = monotonic() + seconds
        while not until(self):
            left = deadline - monotonic()
            if left <= 0 or not self.running:
                return bool(until(self))
            with self._changed:
                self._changed.wait(min(left, 0.5))
        return True

    def parity(self, recording: Source | None = None, *, progress: bool = True) -> ParityReport:
        """Replay its events through new sessions, and list each difference in orders and fills with its cause.

        Args:
            recording: A recording of the whole run to replay; by default the events that the run has kept, at least its
                newest 50,000.
            progress: Whether to show a progress bar.

        Returns:
            The differences; none if the strategy does the same on the same events.

        Raises:
            BadValue: Nothing is kept, or the recording does not contain the whole run.
            RecordingError: A recording that does not exist or cannot be read.
        """
        with self._lock:
            seen, acted = self._tape.whole(), self.acted
            over = None if self.running else self._reason
        runs = self._new_runs()
        if recording is not None:
            part = opened_source(recording).recording
            inlet = RecordingInlet(part, self._inlet.instrument.symbol, self.strategy)
            return replay_recording(runs, inlet, seen, acted, over, progress=progress)
        if seen.acted and seen.states is None:
            raise BadValue("parity", self._unkept, "a recording, parity(recording): the beginning of the run is gone")
        return replay_tape(runs, seen, over, progress=progress)

    def _new_runs(self) -> list[MeasuredRun]:
        if not self._models:
            raise BadValue("models", "", "at least one queue model")
        kind, inlet = type(self.strategy), self._inlet
        return [
            MeasuredRun(
                kind(**self.strategy.values),
                inlet.instrument,
                terms=self.terms,
                queue=model,
                channels=inlet.streams,
                start_us=self.start_us,
            )
            for model in self._models
        ]

    @property
    def _session(self) -> BotSession:
        return self._kept[0].run.session

    def _main(self) -> None:
        reason = ""
        try:
            for batch in self._inlet.batches():
                self._apply(batch)
                if self._asked or any(kept.run.session.stopped for kept in self._kept):
                    break
        except OrderFoxError as error:
            reason = str(error)
        except Exception as error:  # noqa: BLE001 - nobody waits for this thread
            _log.exception("a paper run of %r failed", self.strategy)
            reason = f"a fault of this package: {type(error).__name__}: {error}"
        finally:
            own = next((kept.run.session.stopped for kept in self._kept if kept.run.session.stopped), "")
            self._end(own or self._asked or reason or self._inlet.ended)

    def _apply(self, batch: SeenEvents) -> None:
        runs = [kept.run for kept in self._kept]
        first = runs[0]
        applies, desk, acted = [run.session.apply for run in runs], first.session.desk, 0
        for channel, event in batch:
            for apply in applies:
                apply(event, channel)
            acted += first.session.started
            if first.session.started and desk.now_us >= first.curve.due_us:
                with self._lock:
                    for run in runs:
                        run.sample(desk.now_us)
        with self._lock:
            self.acted += acted
            if self.start_us == NEVER_US and first.session.gate.live:
                self._start(batch)
            self._tape.add(batch, [kept.collect() for kept in self._kept])
            if self._tape.full:
                self._tape.begin(self._states(), self.acted)
            self._changed.notify_all()
        self._card.changed()

    def _start(self, batch: SeenEvents) -> None:
        """Let the strategy act from the next whole second on: a replay of a recording begins with the same event."""
        newest_us = max(event.time_us for _, event in batch)
        self.start_us = (newest_us // SECOND_US + 1) * SECOND_US
        for kept in self._kept:
            kept.run.session.start_us = self.start_us

    def _states(self) -> list[dict[str, Any]] | None:
        try:
            return [kept.run.session.snapshot() for kept in self._kept]
        except BadValue as error:
            self._unkept = str(error)
            return None

    def _end(self, reason: str) -> None:
        """Stop the sessions, cancel open orders, and wake all waiting threads."""
        self._inlet.close()
        runs = [kept.run for kept in self._kept]
        for run in runs:
            end_session(run, reason)
        with self._lock:
            if runs[0].session.started:
                for run in runs:
                    run.sample(runs[0].session.desk.now_us)
            self._tape.add([], [kept.collect() for kept in self._kept])
            self._reason = reason
            self._over.set()
            self._changed.notify_all()
        with _registering:
            _running.discard(self)
        if self._owner is not None:
            self._owner.discard(self)
        self._card.changed(now=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        with self._lock:
            equities = [kept.equity for kept in self._kept]
        inlet = self._inlet
        state = self.state if not self.reason else f"{self.state} ({self.reason})"
        return (
            f"<PaperRun of {self.strategy!r} on {inlet.instrument.symbol} of {inlet.origin.venue}: {state}, "
            f"equity {min(equities):,.2f} to {max(equities):,.2f} {inlet.instrument.quote}, "
            f"position {self.position.size:g}>"
        )

    def _ipython_display_(self) -> None:
        self._card.show()

    def _described(self) -> tuple[str, str]:
        """Return what a cell shows, as text and as HTML."""
        state = f"{self.state}: {self.reason}" if self.reason else self.state
        error = f"{self.error}\n\n{self.traceback}" if self.error else ""
        html = card_html(self.result(), state=state, position=self.position, lines=self.log, error=error)
        return repr(self), html
