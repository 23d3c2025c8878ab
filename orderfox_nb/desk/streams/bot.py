"""Stream ``bot`` (symbol ``*``): one bot with its open orders, fills, equity and log; a delta has what is new."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from orderfox_nb.core.events import Topic
from orderfox_nb.core.formatting import decimal_text
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.desk.bot_runs.known import bot_identity
from orderfox_nb.desk.keys import FrameKey
from orderfox_nb.desk.parameters import Parameter
from orderfox_nb.desk.shown_bots import NoBots
from orderfox_nb.desk.store.answers import fill_answer, order_answer
from orderfox_nb.desk.store.records import FillRecord
from orderfox_nb.desk.streams.base import Sources, Stream
from orderfox_nb.desk.studies import State
from orderfox_nb.desk.watched import Watchable
from orderfox_nb.errors import UnknownBot
from orderfox_nb.views.bots import WHOLE
from orderfox_nb.views.stamp import Stamp, live_frame

if TYPE_CHECKING:
    from orderfox_nb.desk.bot_runs.activity import BotActivity, EquitySample, LogLine

_MINUTE_US: Final = 60_000_000


class BotView(NamedTuple):
    """Contents of a frame."""

    activity: BotActivity
    """What is shown; frames of the activity of two runs do not follow one another."""
    bot: bytes
    orders: bytes
    fills: Sequence[FillRecord]
    curve: dict[int, EquitySample]
    """By the minute."""
    lines: Sequence[LogLine]


class BotRecipe:
    """Frames of one bot.

    Raises:
        NoBots: There are no bots behind this desk.
    """

    def __init__(self, key: FrameKey, sources: Sources) -> None:
        board = sources.bots()
        if board is None:
            raise NoBots
        self._key = key
        self._id = key["id"]
        self._now_us = sources.now_us
        self._board = board
        self._activity: BotActivity | None = None
        self.follows: Sequence[Topic | Watchable] = (board,)

    async def prepare(self, states: Sequence[State | None]) -> None:  # noqa: ARG002 - it has no topics
        self._activity = await self._board.activity(self._id)

    def request(self) -> None:
        if self._board.find(self._id) is None:
            raise UnknownBot(self._id)
        self._activity = self._board.latest(self._id, self._shown)

    @property
    def _shown(self) -> BotActivity:
        assert self._activity is not None, "frames are prepared first"
        return self._activity

    def version(self) -> object:
        shown = self._shown
        return self._bot(), id(shown), shown.revision, shown.log.revision, shown.now

    def _bot(self) -> bytes:
        record = self._board.find(self._id)
        if record is None:
            raise UnknownBot(self._id)
        return msgspec.json.encode(self._board.answer(record))

    def ready(self) -> bool:
        return True

    def stamp(self) -> Stamp:
        return Stamp(key=self._key.text, time_us=self._now_us(), quality=WHOLE)

    def capture(self) -> BotView:
        shown = self._shown
        orders = [order_answer(record) for record in shown.open_orders()]
        curve = {sample.time_us // _MINUTE_US * _MINUTE_US: sample for sample in shown.curve()}
        return BotView(
            shown, self._bot(), msgspec.json.encode(orders), tuple(shown.fills), curve, tuple(shown.log.lines)
        )

    def full(self, view: BotView, stamp: Stamp) -> tuple[bytes, ...]:
        columns = {
            "bot": msgspec.Raw(view.bot),
            "instrument": _instrument(view.activity.instrument),
            "orders": msgspec.Raw(view.orders),
            "fills": [fill_answer(fill) for fill in view.fills],
            "equity": _equity(view.curve),
            "log": view.lines,
        }
        return (self.message(columns, stamp),)

    def delta(self, before: BotView, view: BotView, stamp: Stamp) -> tuple[bytes, ...] | None:
        fills = _newer(before.fills, view.fills)
        lines = _newer_lines(before.lines, view.lines)
        if before.activity is not view.activity or fills is None or lines is None:
            return None
        columns: dict[str, Any] = {}
        for name, was, now in (("bot", before.bot, view.bot), ("orders", before.orders, view.orders)):
            if was != now:
                columns[name] = msgspec.Raw(now)
        if fills:
            columns["fills"] = [fill_answer(fill) for fill in fills]
        if lines:
            columns["log"] = lines
        samples = {minute: sample for minute, sample in view.curve.items() if before.curve.get(minute) != sample}
        if samples:
            columns["equity"] = _equity(samples)
        return (self.message(columns, stamp),)

    def message(self, columns: dict[str, Any], stamp: Stamp) -> bytes:
        """Encode one frame."""
        return live_frame(stamp, columns)


def _newer(before: Sequence[Any], now: Sequence[Any]) -> Sequence[Any] | None:
    """Return what has come since, by its numbers; None if some of it is no longer kept."""
    last = before[-1].number if before else 0
    new = [one for one in now if one.number > last]
    return None if new and before and new[0].number != last + 1 else new


def _newer_lines(before: Sequence[LogLine], now: Sequence[LogLine]) -> Sequence[LogLine] | None:
    """The same of lines, of which the last one is there again where it was repeated."""
    new = _newer(before, now)
    if new is None or not before:
        return new
    last = before[-1]
    return [*(line for line in now if line.number == last.number and line != last), *new]


def _equity(curve: dict[int, EquitySample]) -> list[list[Any]]:
    samples = list(curve.values())
    figures = [[float(getattr(sample, name)) for sample in samples] for name in ("low", "high", "equity")]
    return [[minute // 1_000 for minute in curve], *figures]


def _instrument(instrument: Instrument | None) -> dict[str, Any] | None:
    if instrument is None:
        return None
    return {
        "symbol": instrument.symbol,
        "venue": instrument.venue,
        "baseAsset": instrument.base,
        "quoteAsset": instrument.quote,
        "priceDigits": instrument.price_digits,
        "sizeDigits": instrument.size_digits,
        "tickSize": decimal_text(instrument.tick_size),
        "stepSize": decimal_text(instrument.lot_size),
    }


BOT_ID: Final = Parameter(
    name="id",
    default="",
    check=lambda _, text: bot_identity(text),
    description="Id of a bot",
    example="0e8f7a52-8b7e-4d0a-9c1d-0a3a9a1f6b11",
)
STREAM: Final = Stream("bot", (BOT_ID,), BotRecipe)
