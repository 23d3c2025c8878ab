"""The order book of one symbol: a fold of snapshots and deltas."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from hashlib import blake2b
from itertools import islice
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec

from orderfox_nb.core.events import BookDelta, BookSnapshot, Event, Gap, Level, LevelColumns, Status, raw_levels
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.level_integers import column_integers, counts_alike, level_integers
from orderfox_nb.core.price_levels import Integers, PriceLevels
from orderfox_nb.errors import EventError, OffStep

BookSide: TypeAlias = Literal["bid", "ask"]

_QUEUED: Final = 16
_QUEUED_BYTES: Final = 256_000
MAX_LEVELS: Final = 100_000
"""Levels that a side of a snapshot may have; a book keeps some 80,000 at most."""
_MANY_BYTES: Final = 4 * MAX_LEVELS
"""A side of fewer bytes cannot have more levels than allowed: a level has at least five bytes."""
_PENDING: Final = 4_096
_FEW_BYTES: Final = 8 * 30
"""Largest column of a side whose levels are set faster one by one than as arrays."""

_decode: Callable[[msgspec.Raw], list[Level]] = msgspec.json.Decoder(list[Level], strict=False).decode


class BookLevels(NamedTuple):
    """Both sides as (ticks, lots), best first; read-only arrays that never change."""

    bids: tuple[Integers, Integers]
    asks: tuple[Integers, Integers]
    instrument: Instrument
    """Its ticks and lots: a symbol's steps may change while it is read."""


class Book:
    """Bids and asks by whole ticks and lots.

    A delta costs only a check of its ids when it is applied: its two sides wait as raw text (at most 16), then as sizes
    by price, and reach the levels on the next read. Levels that cannot be read turn the book unsynced then, and the
    next ``apply`` raises.
    """

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.synced = False
        """Whether the levels are those of the venue: False before the first snapshot and from a gap to the next one."""
        self.update_id = -1
        """The venue's id of the last change that is in the book, -1 before the first snapshot."""
        self.time_us = 0
        """The venue's time of that change."""
        self.version = 0
        """How many events were applied."""
        self.reach: tuple[int, int] | None = None
        """Ticks of the lowest bid and the highest ask of the last snapshot: beyond them levels may be unknown."""
        self._bids, self._asks = PriceLevels(), PriceLevels()
        self._queue: list[tuple[msgspec.Raw, msgspec.Raw]] = []
        self._queued_bytes = 0
        self._pending_bids: dict[float, float] = {}
        self._pending_asks: dict[float, float] = {}
        self._bounds: tuple[float, float] | None = None
        """No bid is above the first and no ask below the second; None if only the levels can say."""
        self._removed_beyond = set[float]()
        """Waiting prices beyond the bounds that were removed: a later change may give them a size."""
        self._gap: Gap | None = None
        self._fault: EventError | None = None
        self._prelude: tuple[int, list[Event]] = (0, [])

    def apply(self, event: Event) -> None:
        """Apply the next event of the book's topic.

        A delta that is already in the book changes nothing; without a snapshot, or after a gap, deltas are skipped.

        Raises:
            EventError: An event of another symbol or kind, levels that cannot be read, or a delta after a missing one:
                the book is then unsynced, and a new snapshot heals it.
        """
        if event.symbol != self.instrument.symbol:
            raise EventError(f"event of {event.symbol} in the book of {self.instrument.symbol}")
        self.version += 1
        if type(event) is BookDelta:
            self._apply_delta(event)
        elif type(event) is BookSnapshot:
            self._apply_snapshot(event)
        elif type(event) is Gap:
            self.synced = False
            self._gap, self._fault = event, None
        elif type(event) is not Status:
            raise EventError(f"{type(event).__name__} in the book of {self.instrument.symbol}")
        if self._fault is not None:
            fault, self._fault = self._fault, None
            raise fault

    @property
    def best_bid(self) -> int | None:
        """Ticks of the highest bid."""
        self._bring_up_to_date()
        key = self._bids.best
        return None if key is None else -key

    @property
    def best_ask(self) -> int | None:
        """Ticks of the lowest ask."""
        self._bring_up_to_date()
        return self._asks.best

    @property
    def bounds(self) -> tuple[int, int]:
        """Ticks that no bid is above, and ticks that no ask is below.

        They may be better than the best prices, and are cheaper to get while those are unknown.
        """
        self._bring_up_to_date()
        return -self._bids.bound, self._asks.bound

    @property
    def crossed(self) -> bool:
        """Whether the highest bid is at or above the lowest ask."""
        bid, ask = self.best_bid, self.best_ask
        return bid is not None and ask is not None and bid >= ask

    @property
    def may_be_crossed(self) -> bool:
        """Whether the book may be crossed, by its best prices when it was read last and the changes since.

        False is certain. It costs less than ``crossed`` where nobody reads: the changes stay as they are.
        """
        if self._bounds is None:
            bid, ask = self.best_bid, self.best_ask
            price = self.instrument.price
            self._bounds = (-math.inf if bid is None else price(bid), math.inf if ask is None else price(ask))
        self._gather()
        return self._bounds[0] >= self._bounds[1]

    @property
    def counts(self) -> tuple[int, int]:
        """How many bid and ask levels there are."""
        self._bring_up_to_date()
        return self._bids.count, self._asks.count

    def lots_at(self, side: BookSide, ticks: int) -> int:
        """Return the size of one level in lots, 0 if there is none."""
        self._bring_up_to_date()
        return self._asks.lots_at(ticks) if side == "ask" else self._bids.lots_at(-ticks)

    def levels(self, side: BookSide, limit: int | None = None) -> tuple[Integers, Integers]:
        """Return one side as (ticks, lots), best first, at most ``limit``: read-only arrays that never change."""
        self._bring_up_to_date()
        if side == "ask":
            return self._asks.levels(limit)
        keys, lots = self._bids.levels(limit)
        ticks = -keys
        ticks.flags.writeable = False
        return ticks, lots

    def rows(self, side: BookSide, *, tick: int, row: int, limit: int) -> tuple[list[int], list[int]]:
        """Sum one side's lots by price row, best first; ``build_ladder`` is made of it.

        Args:
            side: Bids are rounded down to their row's price, asks up.
            tick: Height of a tick in the largest unit that it has in common with the row.
            row: Height of a row in that unit, at least a tick.
            limit: How many rows, the best ones.

        Returns:
            Keys of the rows that have a level (price over height) and their lots.
        """
        self._bring_up_to_date()
        if side == "ask":
            keys, lots = self._asks.rows(tick=tick, row=row, limit=limit)
        else:
            keys, lots = self._bids.rows(tick=tick, row=row, limit=limit)
            keys = -keys
        return keys.tolist(), lots.tolist()

    def view(self) -> BookLevels:
        """Return all levels of both sides."""
        return BookLevels(self.levels("bid"), self.levels("ask"), self.instrument)

    def prelude(self) -> Sequence[Event]:
        """Return one snapshot, and the gap after it where there was one; nothing before the first snapshot."""
        if self._prelude[0] != self.version:
            self._prelude = self.version, self._make_prelude()
        return self._prelude[1]

    def digest(self) -> str:
        """Return a hash over symbol, update id, time, ticks and lots."""
        (bid_ticks, bid_lots), (ask_ticks, ask_lots), _ = self.view()
        state = blake2b(digest_size=16)
        counts = f"{len(bid_ticks)} {len(ask_ticks)} {self.synced:d}"
        state.update(f"{self.instrument.symbol} {self.update_id} {self.time_us} {counts} ".encode())
        for column in (bid_ticks, bid_lots, ask_ticks, ask_lots):
            state.update(column.tobytes())
        return state.hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Book) and self.instrument == other.instrument and self.digest() == other.digest()

    __hash__ = None  # type: ignore[assignment]

    def _apply_delta(self, delta: BookDelta) -> None:
        if not self.synced or delta.last_id <= self.update_id:
            return
        previous_id = delta.previous_id if delta.previous_id >= 0 else delta.first_id - 1
        if previous_id > self.update_id:
            self.synced = False
            self._gap = Gap(symbol=delta.symbol, time_us=delta.time_us, reason="a delta is missing")
            self._fault = EventError(f"{delta.symbol}: the delta after {previous_id} cannot follow {self.update_id}")
            return
        self.update_id = delta.last_id
        self.time_us = delta.time_us
        if delta.columns is not msgspec.UNSET:
            self._apply_columns(delta.columns)
            return
        self._queue.append((delta.raw_bids, delta.raw_asks))
        self._queued_bytes += len(delta.raw_bids) + len(delta.raw_asks)
        if len(self._queue) >= _QUEUED or self._queued_bytes > _QUEUED_BYTES:
            self._gather()
            if len(self._pending_bids) + len(self._pending_asks) > _PENDING:
                self._bring_up_to_date()

    def _apply_columns(self, columns: LevelColumns) -> None:
        """Set the levels of a delta at once: nothing is to be decoded that is worth waiting for a reader."""
        self._bring_up_to_date()
        self._bounds = None
        alike = counts_alike(columns, self.instrument)
        try:
            for levels, side, sign in ((self._bids, columns.bids, -1), (self._asks, columns.asks, 1)):
                if alike and side.prices:
                    few = len(side.prices) <= _FEW_BYTES
                    if (
                        levels.update_few(*side.integers, sign)
                        if few
                        else levels.update_many(side.prices, side.sizes, sign)
                    ):
                        continue
                keys, lots = column_integers(side, columns, self.instrument)
                levels.update(sign * keys, lots)
        except (TypeError, ValueError, OffStep) as error:
            self._invalidate(error)

    def _apply_snapshot(self, snapshot: BookSnapshot) -> None:
        self._forget_waiting()
        self._bounds = None
        self.synced, self._gap, self._fault = True, None, None
        self.update_id = snapshot.update_id
        self.time_us = snapshot.time_us
        try:
            _check_count(snapshot)
            bids, asks = level_integers(self.instrument, _decode(snapshot.raw_bids), _decode(snapshot.raw_asks))
        except (msgspec.DecodeError, ValueError, OffStep) as error:
            self._invalidate(error)
            return
        self._bids.replace(*bids)
        self._asks.replace(*asks)
        if snapshot.reach is not None:
            self.reach = (self.instrument.ticks(snapshot.reach[0]), self.instrument.ticks(snapshot.reach[1]))
        else:
            self.reach = (-int(bids[0].max()), int(asks[0].max())) if len(bids[0]) and len(asks[0]) else None

    def _bring_up_to_date(self) -> None:
        if not (self._queue or self._pending_bids or self._pending_asks):
            return
        self._bounds = None
        bids, asks = list(self._pending_bids.items()), list(self._pending_asks.items())
        try:
            for raw_bids, raw_asks in self._queue:
                bids += _decode(raw_bids)
                asks += _decode(raw_asks)
            changed_bids, changed_asks = level_integers(self.instrument, bids, asks)
        except (msgspec.DecodeError, ValueError, OffStep) as error:
            self._invalidate(error)
        else:
            self._bids.update(*changed_bids)
            self._asks.update(*changed_asks)
        self._forget_waiting()

    def _gather(self) -> None:
        """Reduce pending deltas to the newest size of each price."""
        bids, asks = self._pending_bids, self._pending_asks
        known_bids, known_asks = len(bids), len(asks)
        try:
            for raw_bids, raw_asks in self._queue:
                bids.update(_decode(raw_bids))
                asks.update(_decode(raw_asks))
        except msgspec.DecodeError as error:
            self._invalidate(error)
        if self._bounds is not None:
            highest, lowest = self._bounds
            # New prices are the last ones of a dict. The others are within the bounds, except those in
            # ``_removed_beyond``.
            if max(islice(reversed(bids), len(bids) - known_bids), default=highest) > highest:
                self._removed_beyond.update(price for price in bids if price > highest)
            if min(islice(reversed(asks), len(asks) - known_asks), default=lowest) < lowest:
                self._removed_beyond.update(price for price in asks if price < lowest)
            if self._removed_beyond:
                beyond = self._removed_beyond
                highest = max((price for price in beyond if price > highest and bids.get(price)), default=highest)
                lowest = min((price for price in beyond if price < lowest and asks.get(price)), default=lowest)
                self._bounds = highest, lowest
                self._removed_beyond = {p for p in beyond if (p > highest and p in bids) or (p < lowest and p in asks)}
        self._clear_queue()

    def _clear_queue(self) -> None:
        self._queue.clear()
        self._queued_bytes = 0

    def _forget_waiting(self) -> None:
        self._clear_queue()
        self._removed_beyond.clear()
        self._pending_bids.clear()
        self._pending_asks.clear()

    def _invalidate(self, error: Exception) -> None:
        self.synced = False
        symbol = self.instrument.symbol
        if isinstance(error, OffStep):
            self._fault, reason = error, str(error)
        else:
            self._fault = EventError(f"{symbol}: levels that cannot be read ({error})")
            reason = "levels that cannot be read"
        self._gap = Gap(symbol=symbol, time_us=self.time_us, reason=reason)

    def _make_prelude(self) -> list[Event]:
        if self.update_id < 0:
            return [] if self._gap is None else [self._gap]
        sides: list[msgspec.Raw] = []
        price, size = self.instrument.price, self.instrument.size
        for ticks, lots in (self.levels("bid"), self.levels("ask")):
            sides.append(raw_levels([(price(t), size(s)) for t, s in zip(ticks.tolist(), lots.tolist(), strict=True)]))
        snapshot = BookSnapshot(
            symbol=self.instrument.symbol,
            time_us=self.time_us,
            update_id=self.update_id,
            raw_bids=sides[0],
            raw_asks=sides[1],
            reach=None if self.reach is None else (price(self.reach[0]), price(self.reach[1])),
        )
        return [snapshot] if self._gap is None else [snapshot, self._gap]


def _check_count(snapshot: BookSnapshot) -> None:
    """Refuse a snapshot with too many levels, before they are decoded.

    Raises:
        ValueError: One of its sides has too many.
    """
    for side in (snapshot.raw_bids, snapshot.raw_asks):
        if len(side) > _MANY_BYTES and bytes(side).count(b"[") > MAX_LEVELS:
            raise ValueError(f"more than {MAX_LEVELS:,} levels a side")
