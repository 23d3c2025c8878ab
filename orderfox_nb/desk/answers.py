"""Answers to single questions: the REST side of a desk. Live folds answer where they reach, the venue beyond."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from orderfox_nb.core.bars import BarColumns, BarRing
from orderfox_nb.core.candles import Candles
from orderfox_nb.core.events import Candle, Gap, Topic, Trade
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.liquidation_volume import LiquidationState
from orderfox_nb.core.liquidations import Liquidations
from orderfox_nb.core.quality import QualityState, QualityView
from orderfox_nb.core.tape import Tape
from orderfox_nb.core.timeframes import DAY_US, TIMEFRAME_US, bar_open_us, next_bar_us, previous_bar_us
from orderfox_nb.desk.catalogue import Catalogue
from orderfox_nb.desk.history import VolumeHistory
from orderfox_nb.desk.hub import Hub
from orderfox_nb.desk.keys import VOLUME_TIMEFRAMES, decimal_text, timeframe, volume_timeframe
from orderfox_nb.errors import BadValue, FeedError, UnknownSymbol
from orderfox_nb.views.candles import CandleView, aligned, candle_columns, public_candles
from orderfox_nb.views.public_liquidations import public_order, public_volume
from orderfox_nb.views.stamp import encode
from orderfox_nb.views.trades import public_trade

MAX_BARS: Final = 1500
SYNC_WAIT_S: Final = 5.0
"""How long an answer waits for a topic that has just been opened."""
MAX_NAMES: Final = 20
"""Symbols that a page may ask about at once."""
MAX_DAYS: Final[Mapping[str, int]] = dict(zip(VOLUME_TIMEFRAMES, (1, 3, 7, 14, 30, 90, 365), strict=True))
"""The longest range of liquidated volume by timeframe."""
_DEFAULT_BUCKETS: Final = 400


class Answer(NamedTuple):
    """A list as JSON text, and how far it can be trusted."""

    text: bytes
    quality: QualityView


class Answers:
    """Answers about one venue's symbols as JSON.

    Every method raises ``UnknownSymbol`` for a symbol that is not listed and ``FeedError`` where the venue cannot be
    asked.
    """

    def __init__(self, hub: Hub, catalogue: Catalogue, history: VolumeHistory) -> None:
        self._hub = hub
        self._catalogue = catalogue
        self._history = history

    async def symbols(self, texts: Sequence[str]) -> bytes:
        """Return which symbols texts mean, one object each (docs/live.md).

        Raises:
            BadValue: More texts than a page shows.
            FeedError: The venue's list cannot be had.
        """
        if len(texts) > MAX_NAMES:
            raise BadValue("symbols", len(texts), f"at most {MAX_NAMES}")
        found: list[dict[str, object]] = []
        for text in texts:
            try:
                instrument = (await self._catalogue.resolve(text)).instrument
                row: dict[str, object] = {"symbol": instrument.symbol, "name": instrument.ui_name}
                row["tick_size"] = decimal_text(instrument.tick_size)
            except UnknownSymbol as error:
                row = {"symbol": None, "message": str(error), "suggestions": error.suggestions}
                row["largest"] = next((one.instrument.symbol for one in self._catalogue.known), "")
            found.append({"asked": text, **row})
        return encode(found)

    async def trades(self, text: str, *, limit: int) -> Answer:
        """Return a list of the newest trades, newest first, from the live tape and the venue's past."""
        instrument = (await self._catalogue.resolve(text)).instrument
        state = self._hub.state(Topic(self._hub.venue, instrument.symbol, "trades"))
        tape: Tape | None = state.fold if state is not None else None  # type: ignore[assignment]
        known: Sequence[Trade] = tape.newest(limit) if tape is not None else ()
        quality = self._asked() if state is None else state.quality.wire()
        if state is None or len(known) < limit or not (state.whole and state.quality.state is QualityState.LIVE):
            try:
                past = await self._hub.trades(instrument.symbol, limit=limit)
                quality = self._asked()
            except FeedError:
                if not known:
                    raise
                past = ()
            merged = Tape(instrument)
            for trade in (*past, *known):
                merged.apply(trade)
            known = merged.newest(limit)
        return Answer(encode([public_trade(trade, instrument) for trade in reversed(known)]), quality)

    def _asked(self) -> QualityView:
        """Return the quality of what the venue has just answered."""
        return QualityView(QualityState.LIVE.value, "complete", self._hub.now_us() // 1000)

    async def candles(self, text: str, interval: str, *, limit: int, end_ms: int | None = None) -> Answer:
        """Return a list of bars, oldest first.

        Raises:
            BadValue: Not a timeframe.
        """
        timeframe("timeframe", interval)
        instrument = (await self._catalogue.resolve(text)).instrument
        bars = await self._bars(instrument, interval, limit=limit, end_ms=end_ms)
        # Bars come from a fold that is live, or else from the venue.
        return Answer(encode(public_candles(bars)), self._asked())

    async def candle_columns(self, text: str, interval: str, *, limit: int, end_ms: int | None = None) -> bytes:
        """Return bars with their liquidations as the columns of a candle frame (docs/live.md).

        Raises:
            BadValue: Not a timeframe.
        """
        timeframe("timeframe", interval)
        instrument = (await self._catalogue.resolve(text)).instrument
        bars = await self._bars(instrument, interval, limit=limit, end_ms=end_ms)
        if not len(bars):
            return encode(candle_columns(CandleView(bars=bars), instrument=instrument, interval=interval))
        end_us = next_bar_us(int(bars.open_us[-1]), interval)
        async with self._hub.watch(Topic(self._hub.venue, instrument.symbol, "liquidations")) as state:
            await state.until_whole(SYNC_WAIT_S, down_s=0)
            past = await self._history.columns(state, interval, int(bars.open_us[0]), end_us)
            view = CandleView(
                bars=bars,
                volume=aligned(past.columns, bars),
                liquidation_quality=state.quality.wire(),
                liquidation_history=past.history,
            )
        return encode(candle_columns(view, instrument=instrument, interval=interval))

    async def _bars(self, instrument: Instrument, interval: str, *, limit: int, end_ms: int | None) -> BarColumns:
        limit = min(limit, MAX_BARS)
        state = self._hub.state(Topic(self._hub.venue, instrument.symbol, "candles", interval))
        if state is not None and end_ms is None and state.whole and state.quality.state is QualityState.LIVE:
            fold: Candles = state.fold  # type: ignore[assignment]
            bars = fold.columns(limit)
            if len(bars) >= limit:
                return bars
        end_us = None if end_ms is None else end_ms * 1000
        return _columns(await self._hub.candles(instrument.symbol, interval, limit=limit, end_us=end_us))

    async def liquidations(self, text: str, *, limit: int) -> Answer:
        """Return a list of past orders, newest first, from the venue's past and from what was seen live."""
        instrument = (await self._catalogue.resolve(text)).instrument
        merged = Liquidations(instrument)
        async with self._hub.watch(Topic(self._hub.venue, instrument.symbol, "liquidations")) as state:
            await state.until_whole(SYNC_WAIT_S, down_s=0)
            # Without the venue's past the quality tells what the list is: what was seen live.
            with suppress(FeedError):
                for order in await self._hub.liquidations(instrument.symbol, limit=limit):
                    merged.add(order)
            # The fold tells the same past again: a gap between the two keeps it from being counted as twins.
            merged.apply(Gap(symbol=instrument.symbol, time_us=self._hub.now_us(), reason="told again"))
            fold: LiquidationState = state.fold  # type: ignore[assignment]
            for order in fold.orders.oldest_first:
                merged.add(order)
            quality = state.quality.wire()
        return Answer(encode([public_order(order, instrument) for order in merged.newest(limit)]), quality)

    async def liquidation_volume(
        self, text: str, interval: str, *, start_ms: int | None = None, end_ms: int | None = None
    ) -> bytes:
        """Return liquidated volume from the bucket of ``start_ms`` up to ``end_ms``, zero-filled.

        Without a start 400 buckets are returned, or as many as the longest range holds; without an end, up to now.
        ``history`` says whether the past is known: where it is not, only what was seen live is counted.

        Raises:
            BadValue: Not a timeframe of volume, an empty range, or one that is too long.
        """
        volume_timeframe("timeframe", interval)
        instrument = (await self._catalogue.resolve(text)).instrument
        async with self._hub.watch(Topic(self._hub.venue, instrument.symbol, "liquidations")) as state:
            # First of all, since it brings the venue's clock with it.
            await state.until_whole(SYNC_WAIT_S, down_s=0)
            start_us, end_us = _range(interval, start_ms, end_ms, self._hub.now_us())
            past = await self._history.columns(state, interval, start_us, end_us)
            quality = state.quality.wire()
        return encode(
            {
                "symbol": instrument.symbol,
                "timeframe": interval,
                "data": public_volume(past.columns),
                "start_time": start_us // 1000,
                "end_time": end_us // 1000,
                "quality": quality,
                "history": past.history,
            }
        )


def _range(interval: str, start_ms: int | None, end_ms: int | None, now_us: int) -> tuple[int, int]:
    """Return the range of buckets that was asked for, in microseconds."""
    max_range_us = MAX_DAYS[interval] * DAY_US
    end_us = next_bar_us(bar_open_us(now_us, interval), interval) if end_ms is None else end_ms * 1000
    if start_ms is None:
        count = min(_DEFAULT_BUCKETS, max_range_us // TIMEFRAME_US[interval])
        start_us = max(previous_bar_us(bar_open_us(max(end_us, 1) - 1, interval), interval, count - 1), 0)
    else:
        start_us = start_ms * 1000
    if end_us <= start_us:
        raise BadValue("time range", f"{start_ms}..{end_ms}", "an end after its start")
    # What is still to come of the open bucket makes a range no longer.
    last_us = now_us if now_us < end_us <= next_bar_us(bar_open_us(now_us, interval), interval) else end_us
    if last_us - start_us > max_range_us and start_ms is not None:
        raise BadValue("time range", f"{start_ms}..{end_ms}", f"at most {MAX_DAYS[interval]} days of {interval}")
    return start_us, end_us


def _columns(candles: Sequence[Candle]) -> BarColumns:
    ring = BarRing(max(1, len(candles)))
    for candle in candles:
        ring.put(candle)
    return ring.columns(len(candles))
