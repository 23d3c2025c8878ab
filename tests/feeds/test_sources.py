"""Which feed a source means, and that the embedded exchange runs only while it is used."""

from __future__ import annotations

import argparse
import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

import msgspec
import psutil
import pytest

from orderfox_nb.cli import main
from orderfox_nb.clock import ManualClock
from orderfox_nb.config import load_settings
from orderfox_nb.core.book import Book
from orderfox_nb.core.events import BookSnapshot, Candle, Gap, Status, Topic, Trade
from orderfox_nb.core.origin import Origin
from orderfox_nb.errors import (
    SettingError,
)
from orderfox_nb.feeds.binance.feed import BinanceFeed
from orderfox_nb.feeds.embedded import EmbeddedFeed
from orderfox_nb.feeds.inbox import Inbox, InboxClosed
from orderfox_nb.feeds.past import Span, read_past
from orderfox_nb.feeds.remote import RemoteFeed
from orderfox_nb.feeds.sources import MAX_SYMBOLS, SOURCES, open_feed, open_feeds
from orderfox_nb.feeds.venue.venue_clock import VenueClock
from orderfox_nb.sim import command
from orderfox_nb.sim.listings import LARGEST
from tests.feeds.conftest import next_of

pytestmark = pytest.mark.feeds


def test_each_source_is_the_feed_of_its_kind() -> None:
    settings = load_settings()
    assert isinstance(open_feed("sim?seed=3&symbols=2", settings), EmbeddedFeed)
    assert isinstance(open_feed("binance", settings), BinanceFeed)
    assert isinstance(open_feed("http://127.0.0.1:8000", settings), RemoteFeed)
    assert open_feed("sim", settings).origin.simulated
    assert not open_feed("binance", settings).origin.simulated


@pytest.mark.parametrize(
    "source",
    [
        "ccxt:okex",
        "ccxt:",
        "ccxt:okx?type=option",
        "ccxt:kraken?type=swap",
        "replay:file",
        "tape:/no/such/file",
        "tape:~nosuchuser/x",
        "tape:" + "x" * 5_000,
        "tape:/no/such\0file",
        "sim?symbols=0",
        "sim?symbols=1000",
        "sim?speed=max",
        "sim?speed=0",
        "sim?speed=٢",
        "sim?symbols=３",
        "sim?seed=1_0",
        "sim?seed=x",
        "sim?symbol=4",
        "sim?symbol=",
        "sim?seed=",
        "sim?seed=1&seed=2",
        "sim?protocol=bybit&market=spot",
        "sim?name=B",
        "sim?name=spot",
        "sim?name=",
        "sim?spread_bp=1001",
        "sim?spread_bp=--3",
        "sim?spread_bp=+3",
        "sim?lag_ms=5001",
        "sim?lag_ms=-1",
        "sim?liquidation_rate=0",
        "sim?liquidation_rate=max",
        "tape:/no/such/file?symbols=3",
        "binance?speed=2",
        "nonsense",
    ],
)
def test_a_source_that_cannot_be_used_names_its_variable(source: str) -> None:
    with pytest.raises(SettingError) as refused:
        open_feed(source, load_settings())
    assert refused.value.variable == "ORDERFOX_SOURCE"
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "coinbase",
            "bybit, okx, ccxt:<id>, tape:<file>, recording:<folder> or http://<server>, with ?options",
        ),
        ("Binance", "; did you mean binance?"),
        ("ccxt:krakn", "exchanges; did you mean kraken?"),
        ("ccxt:kraken?type=swap", "type: kraken has no swap markets"),
        ("binance_spot", "; did you mean binance-spot?"),
        ("http:nowhere", "or http://<server>, with ?options"),
        ("sim?symbol=4", "no symbol); did you mean symbols?"),
        ("sim?markets=spot", "(there is no markets); did you mean market?"),
        ("sim?market=options", "market: one of futures, spot"),
        ("sim?market=spot&protocol=bybit", "market=futures with protocol=bybit: only binance has the market spot"),
        ("sim?symbols=43", "symbols: from 1 to 42"),
        ("binance?speed=2", "no options (there is no speed)"),
    ],
)
def test_the_error_of_a_bad_source_offers_what_there_is(text: str, expected: str) -> None:
    with pytest.raises(SettingError) as refused:
        open_feed(text, load_settings())
    assert refused.value.expected.endswith(expected)


def test_help_and_readme_have_every_source_with_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    rows = ["| source | what it is | options (default) |", "|---|---|---|"]
    for kind in SOURCES:
        options = [f"`{item.name}` ({item.default}): {item.help}, {item.expected}" for item in kind.options]
        rows.append(f"| `{kind.form}` | {kind.help} | {'<br>'.join(options) or 'none'} |")
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert "\n".join(rows) in readme
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    # Long rows are filled to the width of the terminal.
    shown = " ".join(capsys.readouterr().out.split())
    for kind in SOURCES:
        assert f" {kind.form} {kind.help}" in shown
        for option in kind.options:
            assert f" {option.name}={option.default} {option.help} ({option.expected})" in shown


def test_the_exchange_alone_has_the_options_and_defaults_of_its_source() -> None:
    sim = next(kind for kind in SOURCES if kind.name == "sim")
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    parsed = vars(parser.parse_args([]))
    # Alone it has no neighbour from which a name would distinguish it.
    shared = [option for option in sim.options if option.name != "name"]
    assert {option.name: option.read(option.default) for option in shared}.items() <= parsed.items()
    assert MAX_SYMBOLS == LARGEST


@pytest.mark.parametrize(
    ("text", "venues"),
    [
        ("binance,bybit,ccxt:okx", ["binance", "bybit", "ccxt-okx"]),
        ("ccxt:okx?type=spot, binance,sim?name=b&lag_ms=5", ["ccxt-okx-spot", "binance", "sim-b"]),
        ("sim,ccxt:okx,ccxt:okx?type=spot", ["sim", "ccxt-okx", "ccxt-okx-spot"]),
    ],
)
def test_several_sources_are_several_venues(text: str, venues: list[str]) -> None:
    assert [feed.venue for feed in open_feeds(text, load_settings())] == venues


def test_two_embedded_venues_have_names_and_pasts_of_their_own() -> None:
    settings = load_settings()
    text = "sim,sim?name=b&spread_bp=3&lag_ms=200,sim?name=c&spread_bp=-2.5,sim?market=spot&name=b"
    text += ",sim?protocol=bybit,sim?protocol=bybit&name=b"
    origins = [feed.origin for feed in open_feeds(text, settings)]
    assert [origin.venue for origin in origins] == ["sim", "sim-b", "sim-c", "sim-spot-b", "sim-bybit", "sim-bybit-b"]
    epochs = [origin.epoch for origin in origins]
    assert epochs[:3] == ["sim-7-1", "sim-7-1-3bp", "sim-7-1--2.5bp"]
    assert epochs[3:] == ["sim-7-1-spot", "sim-7-1-bybit", "sim-7-1-bybit"]
    assert open_feed("sim?lag_ms=200", settings).origin.epoch == epochs[0], "a lag does not change what happened"


@pytest.mark.parametrize(
    ("protocol", "symbols", "levels"),
    [("bybit", ["BTCUSDT", "ETHUSDT"], 200), ("okx", ["BTC-USDT-SWAP", "ETH-USDT-SWAP"], 400)],
)
async def test_the_embedded_exchange_is_read_in_another_protocol(
    protocol: str, symbols: list[str], levels: int
) -> None:
    async with open_feed(f"sim?protocol={protocol}&symbols=2", load_settings()) as feed:
        known = feed.origin
        assert (feed.venue, known.simulated) == (f"sim-{protocol}", True)
        assert (known.unbroken_trades, known.unverified) == (False, ("trades",))
        assert [row.instrument.symbol for row in await feed.listings()] == symbols
        async with aclosing(feed.stream(Topic(feed.venue, symbols[0], "book"))) as stream:
            assert len((await next_of(stream, BookSnapshot)).bids) == levels
            assert feed.origin == known


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
            await next_of(stream, BookSnapshot, within_s=20)
            (started,) = simulations() - before
            assert feed.origin.epoch == epochs[0], "the epoch before the process started is right"
            psutil.Process(started).kill()
            assert isinstance(await next_of(stream, Gap), Gap)
            await next_of(stream, BookSnapshot, within_s=20)
            (replaced,) = simulations() - before
            assert replaced != started
            assert feed.statistics()["process_starts"] == 2
            epochs.append(feed.origin.epoch)
            last = psutil.Process(replaced)
        _, alive = await asyncio.to_thread(psutil.wait_procs, [last], 5)
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
            _, alive = await asyncio.to_thread(psutil.wait_procs, running, 20)
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
            await next_of(stream, Status, within_s=20)
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


async def test_an_inbox_that_is_full_reports_how_much_was_lost_and_goes_on() -> None:
    inbox: Inbox[str] = Inbox(3, overflow=lambda lost: f"lost {lost}")
    for number in range(5):
        inbox.put(str(number))
    inbox.put_first("first")
    assert [await inbox.get() for _ in range(2)] == ["first", "lost 5"]
    inbox.put("after")
    assert await inbox.get() == "after"
    inbox.close()
    with pytest.raises(InboxClosed):
        await inbox.get()
    assert inbox.dropped == 5


@dataclass(frozen=True)
class Down:
    number: int


@dataclass(frozen=True)
class Up:
    number: int


@dataclass(frozen=True)
class Rebuild:
    number: int


def test_an_inbox_that_is_full_keeps_what_became_of_the_connection() -> None:
    inbox: Inbox[object] = Inbox(3, overflow=lambda lost: f"lost {lost}")
    inbox.put_notice(Up(1))
    for number in range(3):
        inbox.put(str(number))
    inbox.put_notice(Down(1))
    inbox.put("refused")
    inbox.put_notice(Up(2))
    assert [inbox.get_nowait() for _ in range(4)] == ["lost 4", Down(1), Up(2), None]
    inbox.put("after")
    assert inbox.get_nowait() == "after"


def test_no_number_of_notices_pushes_one_of_another_kind_out_of_an_inbox() -> None:
    inbox: Inbox[object] = Inbox(3, overflow=lambda lost: f"lost {lost}")
    inbox.put_notice(Rebuild(1))
    for number in range(1_000):
        inbox.put("an event")
        inbox.put_notice(Down(number))
        inbox.put_notice(Up(number))
    assert len(inbox) <= 4
    read = [inbox.get_nowait() for _ in range(5)]
    assert str(read[0]).startswith("lost ")
    assert read[1:] == [Rebuild(1), Down(999), Up(999), None]


def test_notices_are_read_in_order_and_once_where_nothing_is_lost() -> None:
    inbox: Inbox[object] = Inbox(9, overflow=lambda lost: f"lost {lost}")
    given = [Up(1), "one", Down(1), Up(2), "two", Down(2), Up(3)]
    for item in given:
        if isinstance(item, str):
            inbox.put(item)
        else:
            inbox.put_notice(item)
    assert [inbox.get_nowait() for _ in range(8)] == [*given, None]
    assert inbox.dropped == 0


def test_a_venues_clock_keeps_its_rate_over_a_jump_and_holds_still_with_its_tape() -> None:
    clock = ManualClock(0)
    steady = VenueClock(clock, speed=20)
    steady.observe(1_000_000, asked_us=0, answered_us=0)
    clock._now_us = 1_000_000
    assert steady.now_us() == 21_000_000
    steady.observe(90_000_000, asked_us=1_000_000, answered_us=1_000_000)  # a jump
    clock._now_us = 2_000_000
    assert steady.now_us() == 110_000_000
    steady.observe(90_000_000, asked_us=2_000_000, answered_us=2_000_000)  # the tape has ended
    clock._now_us = 9_000_000
    assert steady.now_us() == 90_000_000


async def test_an_item_reaches_a_direct_reader_at_once_and_in_order() -> None:
    inbox: Inbox[str] = Inbox(9, overflow=lambda lost: f"lost {lost}")
    read: list[str] = []
    holding = False

    def handle(item: str) -> bool:
        if item == "broken":
            raise ValueError(item)
        if not holding:
            read.append(item)
        return not holding

    inbox.direct = handle
    inbox.put("1")
    assert read == ["1"], "without a turn of the loop"
    holding = True
    inbox.put("2")
    holding = False
    # What waits is read before: also an urgent item that came later.
    inbox.put("3")
    inbox.put_first("urgent")
    inbox.put("4")
    assert read == ["1"]
    assert [await inbox.get() for _ in range(4)] == ["urgent", "2", "3", "4"]
    inbox.put("5")
    assert read == ["1", "5"]
    # What the reader raises is its own, not the writer's.
    inbox.put("broken")
    inbox.put("6")
    assert read == ["1", "5"]
    with pytest.raises(ValueError, match="broken"):
        await inbox.get()
