"""Books that open with a snapshot on the socket: whatever is lost, repeated or late, they are right or not shown."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderfox_nb.clock import ManualClock
from orderfox_nb.core.book import Book
from orderfox_nb.core.events import Event, Topic
from orderfox_nb.feeds.bybit.dialect import BybitDialect
from orderfox_nb.feeds.okx.dialect import OkxDialect
from orderfox_nb.feeds.okx.messages import ContractSizes
from orderfox_nb.feeds.venue.fetches import Fetches
from orderfox_nb.feeds.venue.follower import StatusReporter
from orderfox_nb.feeds.venue.items import Live
from orderfox_nb.feeds.venue.pace import ResyncBucket, ResyncPace
from orderfox_nb.feeds.venue.streamed_book import StreamedBookFollower
from tests.core.facts import BTC
from tests.feeds.stages import Eager
from tests.feeds.venue.stream_machine import LaidOutFetches

pytestmark = pytest.mark.feeds

NOW_MS = 1_790_000_000_000
ASK = 900
"""Stays; the best bid moves up with each change."""
FATES = ("sent", "sent", "sent", "lost", "twice", "late", "unchanged", "restarted", "snapshot", "renumbered")
STARTS_OVER = ("restarted", "renumbered")
LOSABLE = st.tuples(st.sampled_from(FATES), st.booleans())
"""What happens at the venue, and whether its frame is lost on the way."""


class WrittenBook:
    """The venue: its book, and the frames of one protocol that say so."""

    def __init__(self) -> None:
        self.id, self.bid, self.now_ms = 10, 100, NOW_MS

    def step(self, fate: str) -> list[dict[str, Any]]:
        """Let something happen; returns its frames."""
        self.now_ms += 100
        before_id, before = self.id, self.bid
        if fate == "unchanged":
            return [self.update(before_id, [])]
        self.bid += 1
        self.id = {"restarted": 1, "renumbered": 3}.get(fate, self.id + 1)
        if fate in ("restarted", "snapshot"):
            return [self.snapshot()]
        frame = self.update(before_id, [[f"{before}.0", "0"], [f"{self.bid}.0", "1"]])
        return [frame, frame] if fate == "twice" else [frame]

    def snapshot(self) -> dict[str, Any]:
        raise NotImplementedError

    def update(self, before_id: int, bids: list[list[str]]) -> dict[str, Any]:
        raise NotImplementedError


class OkxBookFrames(WrittenBook):
    """``seqId`` follows ``prevSeqId``; a maintenance lets it go on from a lower one, a quiet book repeats it."""

    def snapshot(self) -> dict[str, Any]:
        return self._frame("snapshot", -1, [[f"{self.bid}.0", "1"]], [[f"{ASK}.0", "1"]])

    def update(self, before_id: int, bids: list[list[str]]) -> dict[str, Any]:
        return self._frame("update", before_id, bids, [])

    def _frame(self, action: str, before_id: int, bids: Any, asks: Any) -> dict[str, Any]:
        sides = {"bids": [[*level, "0", "1"] for level in bids], "asks": [[*level, "0", "1"] for level in asks]}
        ids = {"ts": str(self.now_ms), "checksum": 0, "seqId": self.id, "prevSeqId": before_id}
        argument = {"channel": "books", "instId": "BTCUSDT"}
        return {"arg": argument, "action": action, "data": [{**sides, **ids}]}


class BybitBookFrames(WrittenBook):
    """``u`` is the one before and one more, and 1 in the snapshot after a restart; nothing is sent without a change."""

    def step(self, fate: str) -> list[dict[str, Any]]:
        if fate == "unchanged":
            return []
        # The venue has no numbers that go on from a lower one: it restarts its service.
        return super().step("restarted" if fate == "renumbered" else fate)

    def snapshot(self) -> dict[str, Any]:
        return self._frame("snapshot", [[f"{self.bid}.0", "1"]], [[f"{ASK}.0", "1"]])

    def update(self, before_id: int, bids: list[list[str]]) -> dict[str, Any]:
        del before_id
        return self._frame("delta", bids, [])

    def _frame(self, kind: str, bids: Any, asks: Any) -> dict[str, Any]:
        levels = {"s": "BTCUSDT", "b": bids, "a": asks, "u": self.id, "seq": self.now_ms - NOW_MS}
        return {
            "topic": "orderbook.200.BTCUSDT",
            "type": kind,
            "ts": self.now_ms + 2,
            "data": levels,
            "cts": self.now_ms,
        }


async def _nothing() -> Sequence[Event]:
    return ()


def okx_codec() -> Any:
    sizes = ContractSizes()
    sizes.learn({"BTCUSDT": 1.0})
    return OkxDialect(sizes).codec()


@pytest.mark.parametrize(
    ("frames", "codec"), [(OkxBookFrames, okx_codec), (BybitBookFrames, BybitDialect().codec)], ids=["okx", "bybit"]
)
@given(fates=st.lists(LOSABLE, max_size=20))
def test_a_book_that_is_shown_is_the_venues(
    frames: Callable[[], WrittenBook], codec: Callable[[], Any], fates: list[tuple[str, bool]]
) -> None:
    clock = ManualClock()
    renewals: list[None] = []
    follower = StreamedBookFollower(
        StatusReporter(Topic("venue", "BTCUSDT", "book"), lambda: 0),
        cast("Fetches", LaidOutFetches(lambda: 0)),
        renew=lambda: renewals.append(None),
        pace=ResyncPace(ResyncBucket(clock), clock, random=Eager()),
        check=_nothing,
    )
    venue, reader, shown = frames(), codec(), Book(BTC)
    bids = {venue.id: venue.bid}
    list(follower.handle(Live()))

    def receive(sent: Sequence[dict[str, Any]]) -> None:
        for frame in sent:
            for event in reader.decode(json.dumps(frame), 7).events or ():
                for yielded in follower.handle(event):
                    shown.apply(yielded)

    receive([venue.snapshot()])
    late: list[dict[str, Any]] = []
    restart_lost = False
    for drawn, lost in fates:
        # Where ids start over and nothing comes before the next one fits by chance, no reader could know.
        over = drawn in STARTS_OVER and min(venue.id, shown.update_id) <= 3
        fate = "sent" if restart_lost or over else drawn
        lost = lost and not restart_lost  # noqa: PLW2901
        restart_lost = lost and fate in STARTS_OVER
        sent = venue.step(fate)
        bids[venue.id] = venue.bid
        if fate == "late":
            late, sent = sent, late
        receive([] if lost or fate == "lost" else sent)
        if shown.synced:
            assert shown.best_bid == BTC.ticks(bids[shown.update_id])
            assert shown.update_id == venue.id or lost or fate in ("lost", "late", "unchanged")
    # A loss shows with the next frame, and a new snapshot ends it.
    receive(venue.step("sent"))
    assert not shown.synced or shown.best_bid == BTC.ticks(venue.bid)
    receive(venue.step("snapshot"))
    assert shown.synced
    assert shown.best_bid == BTC.ticks(venue.bid)
