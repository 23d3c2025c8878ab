"""The embedded exchange in a process of its own: it runs only while it is used, and continues what it showed."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path

import msgspec
import psutil
import pytest

from orderfox_nb.config import load_settings
from orderfox_nb.core.book import Book
from orderfox_nb.core.events import BookSnapshot, Candle, Gap, Status, Topic, Trade
from orderfox_nb.core.origin import Origin
from orderfox_nb.feeds.embedded import EmbeddedFeed
from orderfox_nb.feeds.past import Span, read_past
from orderfox_nb.feeds.sources import open_feed
from tests.feeds.conftest import next_of

pytestmark = pytest.mark.feeds


def simulations() -> set[int]:
    return {
        child.pid
        for child in psutil.Process().children()
        if child.status() != psutil.STATUS_ZOMBIE and "orderfox_nb.sim" in " ".join(child.cmdline())
    }


@pytest.mark.parametrize("continued", [False, True])
async def test_the_embedded_exchange_runs_only_while_it_is_used_and_is_replaced_when_it_dies(
    continued: bool,
) -> None:
    before = simulations()
    origin = Origin(source="sim", venue="sim", simulated=True)
    options = ["--symbols", "1"]
    async with EmbeddedFeed(options, origin=origin, linger_s=0.05, epoch="one" if continued else "") as feed:
        assert simulations() == before
        assert not feed.running
        epochs = [feed.origin.epoch]
        async with aclosing(feed.stream(Topic("sim", "BTCUSDT", "book"))) as stream:
            await next_of(stream, BookSnapshot, within_s=60)
            (started,) = simulations() - before
            assert feed.origin.epoch == epochs[0], "the epoch before the process started is right"
            psutil.Process(started).kill()
            assert isinstance(await next_of(stream, Gap), Gap)
            await next_of(stream, BookSnapshot, within_s=60)
            (replaced,) = simulations() - before
            assert replaced != started
            assert feed.statistics()["process_starts"] == 2
            epochs.append(feed.origin.epoch)
            last = psutil.Process(replaced)
        _, alive = await asyncio.to_thread(psutil.wait_procs, [last], 60)
        assert not alive
        epochs.append(feed.origin.epoch)
        assert "" not in epochs
        # Without a name each process is a run of its own.
        assert len(set(epochs)) == (1 if continued else 3)
    assert simulations() == before


@pytest.mark.parametrize("source", ["sim?seed=5&symbols=1", "sim?seed=5&symbols=1&speed=20"])
async def test_a_simulation_after_a_pause_has_the_past_that_it_showed(
    source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orderfox_nb.feeds.embedded.LINGER_S", 0.0)
    feed, others = open_feed(source, load_settings()), simulations()
    assert isinstance(feed, EmbeddedFeed)
    async with feed:
        before = feed.origin.epoch
        runs: list[tuple[list[Trade], list[Candle]]] = []
        for _ in range(2):
            async with aclosing(feed.stream(Topic("sim", "BTCUSDT", "book"))) as stream:
                await next_of(stream, BookSnapshot, within_s=60)
                trades, _ = await read_past(feed.past, Topic("sim", "BTCUSDT", "trades"), Trade, Span(limit=1_000))
                minutes = Topic("sim", "BTCUSDT", "candles", "1m")
                bars, _ = await read_past(feed.past, minutes, Candle, Span(limit=1_000))
                runs.append((trades, bars))
                running = [psutil.Process(pid) for pid in simulations() - others]
            _, alive = await asyncio.to_thread(psutil.wait_procs, running, 60)
            assert not alive
            assert feed.origin.epoch == before
        assert feed.statistics()["process_starts"] == 2
        (old_trades, old_bars), (new_trades, new_bars) = runs
        # Time goes on; it is the same trade where there was none meanwhile.
        assert (old_trades[0].sequence or 0) <= (new_trades[0].sequence or 0)
        assert old_bars[-1].open_us <= new_bars[-1].open_us
        shared = {trade.sequence: trade for trade in new_trades}
        both = [(trade, shared[trade.sequence]) for trade in old_trades if trade.sequence in shared]
        assert all((a.time_us, a.price, a.size) == (b.time_us, b.price, b.size) for a, b in both)
        kept = {bar.open_us: bar for bar in new_bars}
        over = [(bar, kept[bar.open_us]) for bar in old_bars[:-1] if bar.open_us in kept]
        assert len(over) > 900
        assert all(
            (a.open, a.high, a.low, a.close, a.volume, a.quote_volume, a.trades, a.taker_buy_volume)
            == (b.open, b.high, b.low, b.close, b.volume, b.quote_volume, b.trades, b.taker_buy_volume)
            for a, b in over
        )


async def test_the_time_of_a_tape_stays_its_own_when_its_process_has_ended(tmp_path: Path) -> None:
    start_ms = 1_660_000_000_000
    body = (
        '{"e":"depthUpdate","E":%d,"T":%d,"s":"ABCUSDT","U":1,"u":2,"pu":0,"b":[["10.00","1.0"]],"a":[["10.05","1.0"]]}'
    )
    lines = [f"{(start_ms + n) * 1_000_000} " + body % (start_ms + n, start_ms + n) for n in range(3)]
    (tmp_path / "abc.txt").write_text("\n".join([*lines, ""]))
    origin = Origin(source="tape", venue="tape", recorded=True)
    async with EmbeddedFeed(["--tape", str(tmp_path / "abc.txt")], origin=origin, linger_s=0) as feed:
        await feed.listings()
    assert not feed.running
    assert 0 <= feed.now_us() // 1_000 - start_ms < 60_000


def _tape_exchange(recordings: Path) -> EmbeddedFeed:
    """Return recorded frames as a venue, on sockets of its own."""
    return EmbeddedFeed(
        ["--tape", str(recordings / "usdm_btcusdt_20240808.gz"), "--speed", "max"],
        origin=Origin(source="tape", venue="tape", recorded=True),
        clock_every_s=1.0,
        speed=float("inf"),
    )


async def test_a_tape_at_full_speed_loses_nothing(recordings: Path) -> None:
    last_update_id = 5_123_135_475_514
    async with _tape_exchange(recordings) as feed, asyncio.timeout(60):
        (listing,) = await feed.listings()
        book = Book(listing.instrument)
        async with aclosing(feed.stream(Topic(feed.venue, "BTCUSDT", "book"))) as stream:
            async for event in stream:
                assert not isinstance(event, Gap)
                book.apply(event)
                assert not book.crossed
                if book.update_id >= last_update_id:
                    break
        assert book.best_bid is not None
        assert book.best_ask is not None
        assert listing.instrument.price(book.best_bid) == 61659.7
        assert listing.instrument.price(book.best_ask) == 61659.8
        assert feed.statistics()["gaps"] == 0
        assert feed.origin.recorded


async def test_the_bars_of_a_tape_are_those_of_its_trades(recordings: Path) -> None:
    rows = msgspec.json.decode((recordings / "fapi_v1_klines_BTCUSDT_1m_20240808_from_trades.json").read_bytes())
    expected = {row[0] * 1_000: (*(float(text) for text in row[1:6]), row[8]) for row in rows}
    bars: dict[int, tuple[float | int, ...]] = {}
    async with _tape_exchange(recordings) as feed, asyncio.timeout(60):

        async def play() -> None:
            # A tape starts with the first reader of its book.
            async with aclosing(feed.stream(Topic(feed.venue, "BTCUSDT", "book"))) as stream:
                async for event in stream:
                    assert not isinstance(event, Gap)

        async with aclosing(feed.stream(Topic(feed.venue, "BTCUSDT", "candles", "1m"))) as stream:
            await next_of(stream, Status, within_s=60)
            playing = asyncio.create_task(play())
            async for event in stream:
                if isinstance(event, Candle) and event.open_us in expected:
                    bar = (event.open, event.high, event.low, event.close, event.volume, event.trades)
                    bars[event.open_us] = bar
                if bars.get(max(expected)) == expected[max(expected)]:
                    break
            playing.cancel()
            await asyncio.wait({playing})
    assert bars == expected
