"""The local book on 345 s of a real venue."""

from __future__ import annotations

import gzip
from pathlib import Path

import msgspec
import pytest

from orderfox_nb.core.book import Book
from orderfox_nb.core.book_sync import BookSync
from orderfox_nb.core.events import BookDelta, BookSnapshot
from tests.core.books import BTC

pytestmark = pytest.mark.core


class RecordedDiff(msgspec.Struct):
    E: int
    U: int
    u: int
    pu: int
    b: msgspec.Raw
    a: msgspec.Raw


class Wrapped(msgspec.Struct):
    data: RecordedDiff


class Body(msgspec.Struct):
    lastUpdateId: int  # noqa: N815
    E: int
    bids: msgspec.Raw
    asks: msgspec.Raw


def test_recorded_book_has_no_gap_and_no_cross_and_ends_at_the_venues_best(recordings: Path):
    sync, book = BookSync(), Book(BTC)
    applied = 0
    with gzip.open(recordings / "usdm_btcusdt_20240808.gz") as lines:
        for line in lines:
            if b'"depthUpdate"' in line:
                depth = msgspec.json.decode(line.partition(b" ")[2], type=Wrapped).data
                answer = sync.delta(
                    BookDelta(
                        symbol="BTCUSDT",
                        time_us=depth.E * 1_000,
                        first_id=depth.U,
                        last_id=depth.u,
                        previous_id=depth.pu,
                        raw_bids=depth.b,
                        raw_asks=depth.a,
                    )
                )
                emitted = [] if answer is None else [answer]
            elif b'"lastUpdateId"' in line:
                body = msgspec.json.decode(line.partition(b" ")[2], type=Body)
                emitted = sync.snapshot(
                    BookSnapshot(
                        symbol="BTCUSDT",
                        time_us=body.E * 1_000,
                        update_id=body.lastUpdateId,
                        raw_bids=body.bids,
                        raw_asks=body.asks,
                    )
                )
                assert emitted is not None
            else:
                continue
            for event in emitted:
                assert isinstance(event, BookSnapshot | BookDelta)
                book.apply(event)
                applied += isinstance(event, BookDelta)
                assert not book.crossed
    assert applied == 6_547
    assert book.synced
    assert (book.best_bid, book.best_ask) == (616_597, 616_598)
    assert book.counts == (5_018, 4_578)
    rebuilt = Book(BTC)
    for event in book.prelude():
        rebuilt.apply(event)
    assert rebuilt == book
