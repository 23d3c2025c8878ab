"""Recent activity of one bot for screens: open orders, fills, equity by the minute and a log, all bounded."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import msgspec

from orderfox_nb.bots.orders import DONE
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.desk.store.records import BotRecord, EquityRecord, FillRecord, OrderRecord

if TYPE_CHECKING:
    from orderfox_nb.desk.store.bot_history import BotHistory

MAX_LINES: Final = 200
MAX_FILLS: Final = 200
MAX_SAMPLES: Final = 1_500
MAX_OPEN: Final = 500
"""Open orders that are shown."""
MAX_TEXT: Final = 2_000

Level: TypeAlias = Literal["info", "warning", "error"]


class LogLine(msgspec.Struct, frozen=True):
    """One line of a bot's log."""

    number: int
    """Counts the lines of a bot from 1."""
    time: int
    """Milliseconds of the venue's clock."""
    level: Level
    text: str
    times: int = 1
    """How often it was repeated in a row; time and text are those of the last time."""


class BotLog:
    """The newest lines of a bot since the server was started; what is repeated in a row is one line with a count."""

    def __init__(self) -> None:
        self.lines: deque[LogLine] = deque(maxlen=MAX_LINES)
        self.revision = 0
        """Counts changes."""
        self._count = 0
        self._kind = ""

    def add(self, time_us: int, text: str, level: Level = "info", *, kind: str = "") -> None:
        """Add a line.

        Args:
            time_us: By the venue's clock.
            text: What happened, cut after 2,000 characters.
            level: How bad it is.
            kind: Lines with the same one are repeats, though their texts differ; by default the text.
        """
        kind = f"{level} {kind or text}"
        self.revision += 1
        times = 1
        if self.lines and kind == self._kind:
            times = self.lines.pop().times + 1
        else:
            self._count += 1
        self._kind = kind
        self.lines.append(LogLine(self._count, time_us // 1_000, level, text[:MAX_TEXT], times))


class EquitySample(msgspec.Struct, frozen=True):
    """Equity at a time, quote currency: with the worst-case queue model, and the band of all of them."""

    time_us: int
    equity: Decimal
    low: Decimal
    high: Decimal


class BotActivity:
    """Recent activity of a bot, of a run or as stored.

    Args:
        log: Log of the bot; outlives its runs.
        instrument: What it trades; None if the venue does not say.
    """

    def __init__(self, log: BotLog, instrument: Instrument | None = None) -> None:
        self.log = log
        self.instrument = instrument
        self.orders: dict[int, OrderRecord] = {}
        """Open ones by their number."""
        self.fills: deque[FillRecord] = deque(maxlen=MAX_FILLS)
        self.samples: deque[EquitySample] = deque(maxlen=MAX_SAMPLES)
        """One a minute."""
        self.now: EquitySample | None = None
        """The last one, since the last minute."""
        self.revision = 0
        """Counts changes."""

    async def load(self, history: BotHistory, record: BotRecord) -> None:
        """Replace everything but the log by what is stored.

        Raises:
            DatabaseUnavailable: The database does not answer.
        """
        fills = await history.fills(record.number, limit=MAX_FILLS)
        samples = await history.equity(record.number, limit=MAX_SAMPLES)
        orders = await history.open_orders(record.number, limit=MAX_OPEN)
        self.orders = {row.number: row for row in reversed(orders)}
        self.fills = deque(reversed(fills), maxlen=MAX_FILLS)
        self.samples = deque(map(stored_sample, samples), maxlen=MAX_SAMPLES)
        self.now = None
        self.revision += 1

    def open_orders(self) -> Sequence[OrderRecord]:
        """Return the newest open orders, as many as are shown, oldest first."""
        return list(self.orders.values())[-MAX_OPEN:]

    def order(self, record: OrderRecord) -> None:
        """Apply the newest state of an order."""
        self.revision += 1
        if record.state in DONE:
            self.orders.pop(record.number, None)
        else:
            self.orders[record.number] = record

    def fill(self, record: FillRecord) -> None:
        """Add a fill."""
        self.revision += 1
        self.fills.append(record)

    def sample(self, sample: EquitySample) -> None:
        """Add the sample of a minute."""
        self.revision += 1
        self.samples.append(sample)

    def curve(self) -> Sequence[EquitySample]:
        """Return the samples of the minutes and the latest one, oldest first."""
        samples = list(self.samples)
        if self.now is not None and (not samples or self.now.time_us > samples[-1].time_us):
            samples.append(self.now)
        return samples[-MAX_SAMPLES:]


def stored_sample(record: EquityRecord) -> EquitySample:
    """Return a stored sample; one without a band is of a single model."""
    low = record.equity if record.low is None else record.low
    high = record.equity if record.high is None else record.high
    return EquitySample(record.time_us, record.equity, low, high)
