"""Plays a recording: raw frames under the stream names that clients subscribe to."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Self

from orderfox_nb.sim.listings import ListedContract
from orderfox_nb.sim.served_market import Levels
from orderfox_nb.sim.server.frames import array
from orderfox_nb.sim.server.market_streams import BINANCE_STREAMS
from orderfox_nb.sim.server.names import WHOLE_MARKET, ServedStream
from orderfox_nb.sim.server.served_streams import STEP_US, ServedStreams
from orderfox_nb.sim.server.source import Publish
from orderfox_nb.sim.tape.head import Head, read_head
from orderfox_nb.sim.tape.liquidations import RecordedLiquidation, liquidation_fact, read_liquidations
from orderfox_nb.sim.tape.market import TapeMarket
from orderfox_nb.sim.tape.records import Record, read_records

_LAG_US: Final = 250_000
"""Delay of what is derived (bars, tickers), for trades that were received late."""
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


class TapeExchange:
    """Plays a recording from the first depth subscription on.

    Recorded diffs are sent unchanged at every speed of ``@depth``. Aggregate trades, bars and tickers come
    from the recorded trades, unless the recording has them itself. At its end everything stops.

    Args:
        path: The recording, plain or gzipped.
        head: The contents of its first lines.
        listings: Its symbols.
        liquidations: Recorded liquidations to play beside it.
        paced_by_readers: Plays as fast as readers read, and waits while there are none.
    """

    def __init__(
        self,
        path: Path,
        head: Head,
        listings: Sequence[ListedContract],
        *,
        liquidations: Sequence[RecordedLiquidation] = (),
        paced_by_readers: bool = False,
    ) -> None:
        self.paced_by_readers = paced_by_readers
        self._skew_us = head.skew_us
        self._start_us = self._now_us = head.start_us + head.skew_us
        self._listings = tuple(listings)
        self._raw_kinds = _ALWAYS_RAW | {_EVENT_KINDS[kind] for kind in head.kinds if kind in _EVENT_KINDS}
        self._has_single_trades = "trade" in head.kinds
        self._records = read_records(path)
        self._ahead: deque[Record] = deque()
        self._liquidations = deque(liquidations)
        self._raw: dict[tuple[str, str], list[ServedStream]] = {}
        self._open = 0
        self.started = False
        self.ended = False
        # REST bodies carry no symbol: recorded ones belong to the symbols in the order of their first frames.
        snapshots = dict(zip(head.symbols, head.snapshots, strict=False))
        self._markets = {
            listing.symbol: TapeMarket(listing, snapshot=snapshots.get(listing.symbol), start_us=self._start_us)
            for listing in self._listings
        }
        self._streams = ServedStreams(self._markets.values(), BINANCE_STREAMS, start_us=self._start_us)

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
        listings = head.listings(tick_size=tick_size, lot_size=lot_size)
        recorded = (
            () if liquidations is None else read_liquidations(liquidations, start_us=head.start_us + head.skew_us)
        )
        return cls(path, head, listings, liquidations=recorded, paced_by_readers=paced_by_readers)

    @property
    def listings(self) -> Sequence[ListedContract]:
        return self._listings

    def now_us(self) -> int:
        return self._now_us + self._streams.offset_us

    def refine(self, symbol: str, factor: int) -> None:  # noqa: ARG002 - a source's
        raise ValueError(f"the tick size of {symbol} is that of its recording")

    def halt(self, symbol: str, *, halted: bool, closed: bool) -> None:  # noqa: ARG002 - a source's
        raise ValueError(f"{symbol} trades as it was recorded")

    def restart(self, symbol: str, *, renumber: bool) -> None:  # noqa: ARG002 - a source's
        raise ValueError(f"the ids of {symbol} are those of its recording")

    def shift_events(self, offset_us: int) -> None:
        # Recorded frames are forwarded as they are: only the server's time and derived frames jump.
        self._streams.offset_us += offset_us

    def market(self, symbol: str) -> TapeMarket:
        return self._markets[symbol]

    def depth(self, symbol: str, limit: int) -> tuple[int, Levels, Levels]:
        market = self.market(symbol)
        update_id, bids, asks = market.depth(limit)
        following = self._next_diff(symbol)
        # A client that has nothing buffered yet must be able to join the next diff. One of a single id cannot be
        # straddled: it would be dropped, and the book would be wrong.
        if following is not None and following.frame.pu == update_id and following.frame.u > following.frame.U:
            update_id = max(update_id, following.frame.U)
        return update_id, bids, asks

    def liquidations_from_us(self, symbol: str) -> int:
        del symbol
        return self._start_us

    def open_stream(self, name: ServedStream) -> None:
        self._open += 1
        if name.kind in ("depth", "partial") and name.symbol in self._markets:
            self.started = True
        if name.kind in self._raw_kinds:
            self._raw.setdefault((name.kind, name.symbol), []).append(name)
        else:
            self._streams.open(name)

    def first_frame(self, name: ServedStream) -> bytes:
        return self._streams.first_frame(name)

    def close_stream(self, name: ServedStream) -> None:
        self._open -= 1
        if name.kind in self._raw_kinds:
            self._raw[name.kind, name.symbol].remove(name)
        else:
            self._streams.close(name)

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
        while self._streams.stepped_us + STEP_US <= self._now_us - _LAG_US:
            self._streams.step(publish, unwatched=True)
            yield

    def _play_record(self, record: Record, publish: Publish) -> None:
        frame = record.frame
        market = self._markets.get(frame.s)
        if market is None:
            return
        market.close_group(record.received_us)
        if frame.e == "depthUpdate":
            market.book.apply(frame)
        elif frame.e == "trade":
            market.apply_trade(frame, record.received_us)
        elif frame.e == "aggTrade" and not self._has_single_trades:
            market.apply_aggregate(frame, int(bytes(frame.a)))
        kind = _EVENT_KINDS.get(frame.e)
        if kind is not None:
            self._forward(kind, frame.s, record.payload, publish)

    def _play_liquidation(self, recorded: RecordedLiquidation, publish: Publish) -> None:
        market = self._markets.get(recorded.symbol)
        if market is not None:
            market.apply_liquidation(liquidation_fact(recorded, market.units))
        self._forward("forceOrder", recorded.symbol, recorded.payload, publish)

    def _forward(self, kind: str, symbol: str, payload: bytes, publish: Publish) -> None:
        for name in self._raw.get((kind, symbol), ()):
            publish(name, payload)
        for name in self._raw.get((kind, WHOLE_MARKET), ()):
            publish(name, payload if kind in _ONE_BY_ONE else array([payload]))

    def _finish(self, publish: Publish) -> Iterator[None]:
        for market in self._markets.values():
            market.close_group()
        while self._streams.stepped_us < self._now_us:
            self._streams.step(publish, unwatched=True)
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
