"""The book streams of one market: diffs at every speed, and partial books."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from orderfox_nb.sim.facts import LevelFact
from orderfox_nb.sim.served_market import ServedMarket
from orderfox_nb.sim.server import frames
from orderfox_nb.sim.server.names import ServedStream
from orderfox_nb.sim.server.numbers import Numbers
from orderfox_nb.sim.server.source import Publish

_WHOLE_BOOK: Final = 1_000_000
ID_STEP: Final = 2
"""Ids of the venue run on between two diffs; a diff's ``U`` and a snapshot's id lie that far behind the last change."""


class DepthDiff:
    """Changes of the book since the last frame of one speed."""

    def __init__(self, update_id: int) -> None:
        self.previous_id = update_id
        self.last_id = update_id
        self.time_us = 0
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}

    def add(self, fact: LevelFact) -> None:
        """Add the change of a level."""
        (self.bids if fact.side == "bid" else self.asks)[fact.ticks] = fact.lots
        self.last_id = fact.update_id
        self.time_us = fact.time_us


class DepthStreams:
    """The streams of kinds ``depth`` and ``partial`` of one market.

    Args:
        market: Market of the book.
        numbers: How prices and sizes are written.
        names: The open streams of the market by kind and name.
    """

    def __init__(self, market: ServedMarket, numbers: Numbers, names: Mapping[str, Mapping[str, ServedStream]]) -> None:
        self._market = market
        self._symbol = market.listing.symbol
        self._numbers = numbers
        self._names = names
        self._diffs: dict[int, DepthDiff] = {}
        self._partials: dict[str, int] = {}

    def add(self, name: ServedStream) -> None:
        """Open a stream; streams of another kind are ignored."""
        if name.kind == "depth":
            self._diffs.setdefault(name.every_ms, DepthDiff(self._market.update_id))
        elif name.kind == "partial":
            # One change behind, so that the first frame is sent at once.
            self._partials[name.text] = self._market.update_id - ID_STEP

    def remove(self, name: ServedStream) -> None:
        """Close a stream that is no longer among the names."""
        if name.kind == "depth" and all(other.every_ms != name.every_ms for other in self._open("depth")):
            self._diffs.pop(name.every_ms, None)
        self._partials.pop(name.text, None)

    @property
    def diffs(self) -> list[DepthDiff]:
        """The diffs to which every change of a level is added."""
        return list(self._diffs.values())

    def send(self, now_ms: int, event_ms: int, publish: Publish) -> None:
        """Publish what is due and has changed."""
        for every_ms, diff in self._diffs.items():
            if not every_ms or now_ms % every_ms == 0:
                self._send_diff(every_ms, diff, event_ms, publish)
        for name in self._open("partial"):
            self._send_partial(name, now_ms, event_ms, publish)

    def refine(self, factor: int, now_us: int, event_ms: int, publish: Publish) -> None:
        """Write prices on a finer tick from now on: every level of the book goes from its old price to a new one."""
        for every_ms, diff in list(self._diffs.items()):
            self._send_diff(every_ms, diff, event_ms, publish)
        _, *sides = self._market.depth(_WHOLE_BOOK)
        gone = [self._text((ticks, 0) for ticks, _ in side) for side in sides]
        self._numbers.refine(factor, now_us)
        now = [self._text(side) for side in sides]
        bids, asks = (
            before[:-1] + ("," if len(before) > 2 else "") + after[1:] for before, after in zip(gone, now, strict=True)
        )
        for every_ms, diff in self._diffs.items():
            last_id = diff.previous_id + 1
            payload = frames.depth_update(
                self._symbol,
                first_id=last_id,
                last_id=last_id,
                previous_id=diff.previous_id,
                bids=bids,
                asks=asks,
                event_ms=event_ms,
                time_ms=now_us // 1000,
            )
            self._publish_diff(every_ms, payload, last_id, publish)

    def _send_diff(self, every_ms: int, diff: DepthDiff, event_ms: int, publish: Publish) -> None:
        if diff.last_id <= diff.previous_id:
            return
        payload = frames.depth_update(
            self._symbol,
            first_id=diff.previous_id + ID_STEP,
            last_id=diff.last_id,
            previous_id=diff.previous_id,
            bids=self._text(sorted(diff.bids.items())),
            asks=self._text(sorted(diff.asks.items())),
            event_ms=event_ms,
            time_ms=diff.time_us // 1000,
        )
        self._publish_diff(every_ms, payload, diff.last_id, publish)

    def _publish_diff(self, every_ms: int, payload: bytes, last_id: int, publish: Publish) -> None:
        self._diffs[every_ms] = DepthDiff(last_id)
        for name in self._open("depth"):
            if name.every_ms == every_ms:
                publish(name, payload)

    def _send_partial(self, name: ServedStream, now_ms: int, event_ms: int, publish: Publish) -> None:
        previous_id = self._partials[name.text]
        if (name.every_ms and now_ms % name.every_ms) or previous_id == self._market.update_id:
            return
        update_id, bids, asks = self._market.depth(name.levels)
        self._partials[name.text] = update_id
        payload = frames.depth_update(
            self._symbol,
            first_id=previous_id + ID_STEP,
            last_id=update_id,
            previous_id=previous_id,
            bids=self._text(bids),
            asks=self._text(asks),
            event_ms=event_ms,
            time_ms=event_ms,
        )
        publish(name, payload)

    def _open(self, kind: str) -> Iterable[ServedStream]:
        return self._names.get(kind, {}).values()

    def _text(self, levels: Iterable[tuple[int, int]]) -> str:
        return frames.levels_text(levels, self._numbers)
