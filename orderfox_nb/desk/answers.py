"""REST answers of a desk: from live folds where they reach, from the venue beyond."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from orderfox_nb.analytics.studies import LIVE_CANDLES
from orderfox_nb.core.bars import BarColumns, BarRing
from orderfox_nb.core.candles import CandleState
from orderfox_nb.core.events import Candle, Gap, Liquidation, Topic, Trade
from orderfox_nb.core.formatting import decimal_text
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.liquidation_volume import LiquidationState
from orderfox_nb.core.liquidations import LiquidationOrders
from orderfox_nb.core.quality import QualityState, QualityView
from orderfox_nb.core.tape import TapeState
from orderfox_nb.core.timeframes import DAY_US, TIMEFRAME_US, bar_open_us, next_bar_us, previous_bar_us
from orderfox_nb.core.wire import MAX_BARS, MAX_NAMES, MAX_VOLUME_DAYS, NamedSymbol
from orderfox_nb.desk.catalogue import Catalogue
from orderfox_nb.desk.history import VolumeHistory
from orderfox_nb.desk.hub import Hub
from orderfox_nb.desk.parameters import TIMEFRAME, VOLUME_TIMEFRAME
from orderfox_nb.errors import BadValue, FeedError, NoPast, UnknownSymbol
from orderfox_nb.feeds.past import Fact, Span, read_past
from orderfox_nb.views.candles import CandleView, aligned, candle_columns, public_candles
from orderfox_nb.views.contract import LiquidationVolumeAnswer
from orderfox_nb.views.public_liquidations import public_order, public_volume
from orderfox_nb.views.stamp import encode
from orderfox_nb.views.trades import public_trade

SYNC_WAIT_S: Final = 5.0
"""How long an answer waits for a topic that has just been opened."""
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
        found: list[NamedSymbol] = []
        for text in texts:
            try:
                instrument = (await self._catalogue.resolve(text)).instrument
            except UnknownSymbol as error:
                largest = next((one.instrument.symbol for one in self._catalogue.known), "")
                message = str(error)
                row = NamedSymbol(
                    asked=text, symbol=None, message=message, suggestions=error.suggestions, largest=largest
                )
            else:
                tick_size = decimal_text(instrument.tick_size)
                row = NamedSymbol(asked=text, symbol=instrument.symbol, name=instrument.ui_name, tick_size=tick_size)
            found.append(row)
        return encode(found)

    async def trades(self, text: str, *, limit: int) -> Answer:
        """Return a list of the newest trades, newest first, from the live tape and the venue's past."""
        instrument = (await self._catalogue.resolve(text)).instrument
        state = self._hub.state(Topic(self._hub.venue, instrument.symbol, "trades"))
        tape = None if state is None else state.fold_as(TapeState)
        known: Sequence[Trade] = tape.newest(limit) if tape is not None else ()
        quality = self._asked() if state is None else state.quality.wire()
        if state is None or len(known) < limit or not (state.whole and state.quality.state is QualityState.LIVE):
            try:
                past = await self._past(instrument, "trades", Trade, Span(limit=limit))
                quality = self._asked()
            except FeedError:
                if not known:
                    raise
                past = ()
            known = _merged(past, known, instrument)[-limit:]
        return Answer(encode([public_trade(trade, instrument) for trade in reversed(known)]), quality)

    def _asked(self) -> QualityView:
        """Return the quality of what the venue has just answered."""
        return QualityView(QualityState.LIVE.value, "complete", self._hub.now_us() // 1000)

    async def candles(self, text: str, interval: str, *, limit: int, end_ms: int | None = None) -> Answer:
        """Return a list of bars, oldest first.

        Raises:
            BadValue: Not a timeframe.
        """
        TIMEFRAME.read(interval)
        instrument = (await self._catalogue.resolve(text)).instrument
        bars = await self._bars(instrument, interval, limit=limit, end_ms=end_ms)
        # Bars come from a fold that is live, or else from the venue.
        return Answer(encode(public_candles(bars)), self._asked())

    async def candle_columns(self, text: str, interval: str, *, limit: int, end_ms: int | None = None) -> bytes:
        """Return bars with their liquidations as the columns of a candle frame (docs/live.md).

        Raises:
            BadValue: Not a timeframe.
        """
        TIMEFRAME.read(interval)
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
        state = next(
            (
                state
                for channel in (LIVE_CANDLES, "candles")
                if (state := self._hub.open_now(Topic(self._hub.venue, instrument.symbol, channel, interval)))
            ),
            None,
        )
        if state is not None and end_ms is None and state.whole and state.quality.state is QualityState.LIVE:
            bars = state.fold_as(CandleState).columns(limit)
            if len(bars) >= limit:
                return bars
        span = Span(end_us=None if end_ms is None else end_ms * 1000 + 1, limit=limit)
        return _columns(await self._past(instrument, "candles", Candle, span, interval))

    async def _past(
        self, instrument: Instrument, channel: str, kind: type[Fact], span: Span, interval: str = ""
    ) -> list[Fact]:
        """Return what the venue has of a span; nothing if it keeps no such past."""
        try:
            topic = Topic(self._hub.venue, instrument.symbol, channel, interval)
            events, _ = await read_past(self._hub.past, topic, kind, span)
        except NoPast:
            return []
        return events

    async def liquidations(self, text: str, *, limit: int) -> Answer:
        """Return a list of past orders, newest first, from the venue's past and from what was seen live."""
        instrument = (await self._catalogue.resolve(text)).instrument
        merged = LiquidationOrders(instrument)
        async with self._hub.watch(Topic(self._hub.venue, instrument.symbol, "liquidations")) as state:
            await state.until_whole(SYNC_WAIT_S, down_s=0)
            # Without the venue's past the list holds what was seen live; its quality says so.
            with suppress(FeedError):
                for order in await self._past(instrument, "liquidations", Liquidation, Span(limit=limit)):
                    merged.add(order)
            # The fold repeats the same past: a gap in between keeps its orders from being counted twice.
            merged.apply(Gap(symbol=instrument.symbol, time_us=self._hub.now_us(), reason="repeated"))
            for order in state.fold_as(LiquidationState).orders.oldest_first:
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
        VOLUME_TIMEFRAME.read(interval)
        instrument = (await self._catalogue.resolve(text)).instrument
        async with self._hub.watch(Topic(self._hub.venue, instrument.symbol, "liquidations")) as state:
            # First, because it also brings the venue's clock.
            await state.until_whole(SYNC_WAIT_S, down_s=0)
            start_us, end_us = _range(interval, start_ms, end_ms, self._hub.now_us())
            past = await self._history.columns(state, interval, start_us, end_us)
            quality = state.quality.wire()
        return encode(
            LiquidationVolumeAnswer(
                symbol=instrument.symbol,
                timeframe=interval,
                data=public_volume(past.columns),
                start_time=start_us // 1000,
                end_time=end_us // 1000,
                quality=quality,
                history=past.history,
            )
        )


def _range(interval: str, start_ms: int | None, end_ms: int | None, now_us: int) -> tuple[int, int]:
    """Return the range of buckets that was requested, in microseconds."""
    max_range_us = MAX_VOLUME_DAYS[interval] * DAY_US
    end_us = next_bar_us(bar_open_us(now_us, interval), interval) if end_ms is None else end_ms * 1000
    if start_ms is None:
        count = min(_DEFAULT_BUCKETS, max_range_us // TIMEFRAME_US[interval])
        start_us = max(previous_bar_us(bar_open_us(max(end_us, 1) - 1, interval), interval, count - 1), 0)
    else:
        start_us = start_ms * 1000
    if end_us <= start_us:
        raise BadValue("time range", f"{start_ms}..{end_ms}", "an end after its start")
    # The rest of the open bucket does not make a range longer.
    last_us = now_us if now_us < end_us <= next_bar_us(bar_open_us(now_us, interval), interval) else end_us
    if last_us - start_us > max_range_us and start_ms is not None:
        raise BadValue("time range", f"{start_ms}..{end_ms}", f"at most {MAX_VOLUME_DAYS[interval]} days of {interval}")
    return start_us, end_us


def _columns(candles: Sequence[Candle]) -> BarColumns:
    ring = BarRing(max(1, len(candles)))
    for candle in candles:
        ring.put(candle)
    return ring.columns(len(candles))


def _merged(past: Sequence[Trade], known: Sequence[Trade], instrument: Instrument) -> Sequence[Trade]:
    """Join what the venue has answered to what a tape has, each trade once, oldest first."""
    if any(trade.sequence is None for trade in past):
        # Another server's rows have ids and milliseconds.
        ids = {trade.id for trade in known}
        rows = (*(trade for trade in past if trade.id not in ids), *known)
        return sorted(rows, key=lambda trade: trade.time_us // 1_000)
    merged = TapeState(instrument, keep=len(past) + len(known))
    for trade in (*past, *known):
        merged.apply(trade)
    return merged.view()
