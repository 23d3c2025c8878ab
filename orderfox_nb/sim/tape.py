"""A recording as what a server serves: raw frames under the stream names that a client asks for."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final, Self

from orderfox_nb.core.timeframes import SECOND_US
from orderfox_nb.sim.listings import Listing
from orderfox_nb.sim.server.frames import array
from orderfox_nb.sim.server.names import WHOLE_MARKET, StreamName
from orderfox_nb.sim.server.source import Levels, Publish
from orderfox_nb.sim.server.streams import MarketStreams, is_whole, publish_arrays
from orderfox_nb.sim.tape_file import Head, Record, read_head, read_records
from orderfox_nb.sim.tape_liquidations import RecordedLiquidation, liquidation_fact, read_liquidations
from orderfox_nb.sim.tape_market import TapeMarket

_STEP_US: Final = 50_000
_LAG_US: Final = 250_000
"""What is derived (bars, tickers) waits so long for trades that were received late."""
_PORTION: Final = 200
_LOOK_AHEAD: Final = 20_000
_EVENT_KINDS: Final = {
    "depthUpdate": "depth",
    "trade": "trade",
    "aggTrade": "aggTrade",
    "bookTicker": "bookTicker",
    "markPriceUpdate": "markPrice",
    "24hrTicker": "ticker",
    "24hrMiniTicker": "miniTicker",
}
_ONE_BY_ONE: Final = frozenset({"bookTicker", "forceOrder"})
"""Kinds whose streams over the whole market send single objects."""
_ALWAYS_RAW: Final = frozenset({"depth", "trade", "forceOrder"})


class Tape:
    """Plays a recording from the first depth subscription on.

    Recorded diffs serve whatever speed of ``@depth`` is asked for, unchanged. Aggregate trades, bars and tickers come
    from the recorded trades, unless the recording has them itself. At its end everything holds still.

    Args:
        path: The recording, plain or gzipped.
        head: What its first lines tell.
        listings: Its symbols.
        liquidations: Recorded liquidations to play beside it.
        paced_by_readers: Plays as fast as readers read, and waits while there are none.
    """

    def __init__(
        self,
        path: Path,
        head: Head,
        listings: Sequence[Listing],
        *,
        liquidations: Sequence[RecordedLiquidation] = (),
        paced_by_readers: bool = False,
    ) -> None:
        self.paced_by_readers = paced_by_readers
        self._skew_us = head.skew_us
        self._start_us = self._now_us = head.start_us + head.skew_us
        self._stepped_us = self._now_us - self._now_us % _STEP_US
        self._listings = tuple(listings)
        self._raw_kinds = _ALWAYS_RAW | {_EVENT_KINDS[kind] for kind in head.kinds if kind in _EVENT_KINDS}
        self._has_single_trades = "trade" in head.kinds
        self._records = read_records(path)
        self._ahead: deque[Record] = deque()
        self._liquidations = deque(liquidations)
        self._whole: dict[str, list[StreamName]] = {}
        self._raw: dict[tuple[str, str], list[StreamName]] = {}
        self._open = 0
        self._offset_us = 0
        self.started = False
        self.ended = False
        # REST bodies carry no symbol: recorded ones belong to the symbols in the order of their first frames.
        snapshots = dict(zip(head.symbols, head.snapshots, strict=False))
        self._streams = {
            listing.symbol: MarketStreams(
                TapeMarket(listing, snapshot=snapshots.get(listing.symbol), start_us=self._start_us), self._whole
            )
            for listing in self._listings
        }

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        liquidations: Path | None = None,
        tick_size: str = "",
        lot_size: str = "",
        paced_by_readers: bool = False,
    ) -> Self:
        """Open a recording; steps that are not given are inferred from its numbers.

        Raises:
            OSError: It cannot be read.
            ValueError: Not a recording, or not a step.
        """
        head = read_head(path)
        listings = [
            _listing(symbol, _step(tick_size, steps.step("price")), _step(lot_size, steps.step("size")), rank)
            for rank, (symbol, steps) in enumerate(head.symbols.items())
        ]
        recorded = (
            () if liquidations is None else read_liquidations(liquidations, start_us=head.start_us + head.skew_us)
        )
        return cls(path, head, listings, liquidations=recorded, paced_by_readers=paced_by_readers)

    @property
    def listings(self) -> Sequence[Listing]:
        return self._listings

    def now_us(self) -> int:
        return self._now_us + self._offset_us

    def refine(self, symbol: str, factor: int) -> None:  # noqa: ARG002 - a source's
        raise ValueError(f"the tick size of {symbol} is that of its recording")

    def halt(self, symbol: str, *, halted: bool, closed: bool) -> None:  # noqa: ARG002 - a source's
        raise ValueError(f"{symbol} trades as it was recorded")

    def shift_events(self, offset_us: int) -> None:
        # Recorded frames are forwarded as they are: only the server's time and derived frames jump.
        self._offset_us += offset_us

    def market(self, symbol: str) -> TapeMarket:
        market = self._streams[symbol].market
        assert isinstance(market, TapeMarket)
        return market

    def depth(self, symbol: str, limit: int) -> tuple[int, Levels, Levels]:
        market = self.market(symbol)
        update_id, bids, asks = market.depth(limit)
        following = self._next_diff(symbol)
        # A client that has nothing buffered yet must be able to join the next diff.
        if following is not None and following.frame.pu == update_id:
            update_id = max(update_id, following.frame.U)
        return update_id, bids, asks

    def liquidations_from_us(self, symbol: str) -> int:
        del symbol
        return self._start_us

    def open_stream(self, name: StreamName) -> None:
        self._open += 1
        if name.kind in ("depth", "partial") and name.symbol in self._streams:
            self.started = True
        if name.kind in self._raw_kinds:
            self._raw.setdefault((name.kind, name.symbol), []).append(name)
        elif is_whole(name):
            self._whole.setdefault(name.kind, []).append(name)
        elif name.symbol in self._streams:
            self._streams[name.symbol].add(name)

    def close_stream(self, name: StreamName) -> None:
        self._open -= 1
        if name.kind in self._raw_kinds:
            self._raw[name.kind, name.symbol].remove(name)
        elif is_whole(name):
            self._whole[name.kind].remove(name)
            if not self._whole[name.kind]:
                del self._whole[name.kind]
        elif name.symbol in self._streams:
            self._streams[name.symbol].remove(name)

    def play(self, elapsed_us: int, publish: Publish) -> Iterator[None]:
        if not self.started or self.ended:
            return
        end_us = self._now_us + elapsed_us
        count = 0
        while self._open or not self.paced_by_readers:
            record = self._peek()
            if record is None:
                yield from self._finish(publish)
                return
            due_us = record.received_us + self._skew_us
            if not self.paced_by_readers and due_us > end_us:
                yield from self._pass_to(end_us, publish)
                return
            yield from self._pass_to(due_us, publish)
            self._ahead.popleft()
            self._play_record(record, publish)
            count += 1
            if count % _PORTION == 0:
                yield

    def _pass_to(self, now_us: int, publish: Publish) -> Iterator[None]:
        self._now_us = max(self._now_us, now_us)
        while self._liquidations and self._liquidations[0].event_us <= self._now_us:
            self._play_liquidation(self._liquidations.popleft(), publish)
        while self._stepped_us + _STEP_US <= self._now_us - _LAG_US:
            self._step(publish)
            yield

    def _step(self, publish: Publish) -> None:
        self._stepped_us += _STEP_US
        for streams in self._streams.values():
            streams.step(self._stepped_us, publish, self._offset_us)
        if self._whole and self._stepped_us % SECOND_US == 0:
            publish_arrays(
                tuple(self._streams.values()),
                self._whole,
                publish,
                now_ms=self._stepped_us // 1000,
                offset_us=self._offset_us,
            )

    def _play_record(self, record: Record, publish: Publish) -> None:
        frame = record.frame
        streams = self._streams.get(frame.s)
        if streams is None:
            return
        market = self.market(frame.s)
        market.close_group(record.received_us)
        if frame.e == "depthUpdate":
            market.apply_diff(frame)
        elif frame.e == "trade":
            market.apply_trade(frame, record.received_us)
        elif frame.e == "aggTrade" and not self._has_single_trades:
            market.apply_aggregate(frame, int(bytes(frame.a)))
        kind = _EVENT_KINDS.get(frame.e)
        if kind is not None:
            self._forward(kind, frame.s, record.payload, publish)

    def _play_liquidation(self, recorded: RecordedLiquidation, publish: Publish) -> None:
        if recorded.symbol in self._streams:
            market = self.market(recorded.symbol)
            market.apply_liquidation(liquidation_fact(recorded, market))
        self._forward("forceOrder", recorded.symbol, recorded.payload, publish)

    def _forward(self, kind: str, symbol: str, payload: bytes, publish: Publish) -> None:
        for name in self._raw.get((kind, symbol), ()):
            publish(name, payload)
        for name in self._raw.get((kind, WHOLE_MARKET), ()):
            publish(name, payload if kind in _ONE_BY_ONE else array([payload]))

    def _finish(self, publish: Publish) -> Iterator[None]:
        for symbol in self._streams:
            self.market(symbol).close_group()
        while self._stepped_us < self._now_us:
            self._step(publish)
            yield
        self.ended = True

    def _peek(self) -> Record | None:
        if not self._ahead:
            record = next(self._records, None)
            if record is None:
                return None
            self._ahead.append(record)
        return self._ahead[0]

    def _next_diff(self, symbol: str) -> Record | None:
        for record in self._ahead:
            if record.frame.e == "depthUpdate" and record.frame.s == symbol:
                return record
        while len(self._ahead) < _LOOK_AHEAD and (record := next(self._records, None)) is not None:
            self._ahead.append(record)
            if record.frame.e == "depthUpdate" and record.frame.s == symbol:
                return record
        return None


def _listing(symbol: str, tick_size: Decimal, lot_size: Decimal, rank: int) -> Listing:
    quote = next((quote for quote in ("USDT", "USDC", "USD", "BTC") if symbol.endswith(quote)), "")
    return Listing(
        symbol=symbol,
        base=symbol.removesuffix(quote) or symbol,
        quote=quote or "USDT",
        tick_size=tick_size,
        lot_size=lot_size,
        onboard_us=0,
        price=float(tick_size) * 1e9,
        daily_notional=0.0,
        volatility=1.0,
        rank=rank,
    )


def _step(given: str, inferred: Decimal) -> Decimal:
    if not given:
        return inferred
    try:
        step = Decimal(given)
    except InvalidOperation:
        raise ValueError(f"{given!r} is not a step such as 0.1") from None
    if not step.is_finite() or step <= 0:
        raise ValueError(f"{given} is not a step above 0")
    return step
