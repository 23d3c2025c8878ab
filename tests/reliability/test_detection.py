"""What the detection table of docs/reliability.md promises, and that it is silent where nothing is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from msgspec.structs import replace

from orderfox_nb.core.book import Book
from orderfox_nb.core.events import BookDelta, Channel, raw_levels
from orderfox_nb.core.lapses import Lapse
from orderfox_nb.desk.audit import Auditor
from orderfox_nb.desk.topic import TopicState
from orderfox_nb.sim.facts import LiquidationFact
from tests.reliability.rig import CHANNELS, START_US, QuietLoop, Rig, all_topics, live, open_rig
from tests.reliability.truth import differences

pytestmark = [pytest.mark.feeds, pytest.mark.sim]


def play(scene: Callable[[Rig], Awaitable[None]], **options: Any) -> None:
    """Play a scene on a venue under one clock with its reader."""

    async def played() -> None:
        async with open_rig(**options) as rig:
            await scene(rig)

    with asyncio.Runner(loop_factory=QuietLoop) as runner:
        runner.run(played())


async def opened(rig: Rig) -> dict[Channel, TopicState]:
    """Open every channel of the largest symbol and let it settle."""
    states = await rig.open(*(rig.topic(channel) for channel in CHANNELS))
    await rig.run(5)
    return {state.topic.channel: state for state in states}


def lapses(states: list[TopicState]) -> dict[str, list[Lapse]]:
    return {str(state.topic): found for state in states if (found := state.quality.intervals())}


def test_a_clean_market_reports_no_lapse_in_100_seconds():
    async def scene(rig: Rig) -> None:
        symbols = [listing.symbol for listing in rig.exchange.listings]
        # The busiest, two in the middle, and the quietest one, which may not trade for a minute.
        states = await rig.open(*all_topics(rig, [symbols[0], symbols[5], symbols[12], symbols[-1]]))
        await rig.run(100)
        assert lapses(states) == {}
        assert {state.quality.state.value for state in states} == {"live"}
        counts = rig.hub.statistics()
        assert (counts["gaps"], counts["frozen_streams"], counts["clock_jumps"], counts["crossed_books"]) == (
            0,
            0,
            0,
            0,
        )
        assert counts["audits"] >= 1
        assert (counts["audit_differences"], counts["audits_inconclusive"]) == (0, 0)

    play(scene, symbols=24)


def test_an_order_is_one_although_the_history_gives_its_average_price_more_digits():
    async def scene(rig: Rig) -> None:
        market = rig.exchange.market(rig.topic("liquidations").symbol)
        orders = market.liquidation_orders

        def in_full(*arguments: int) -> list[LiquidationFact]:
            # Of several levels the average has more digits than the stream writes.
            return [replace(fact, average_price=fact.average_price + 0.00123) for fact in orders(*arguments)]

        market.liquidation_orders = in_full  # type: ignore[method-assign]
        (state,) = await rig.open(rig.topic("liquidations"))
        await rig.run(70)
        await rig.run(-rig.clock.now_us() / 1e6 % 1)
        assert orders(START_US, rig.clock.now_us() - 40_000_000), "some orders come both ways"
        assert differences(rig, state) == []
        assert lapses([state]) == {}

    play(scene, symbols=1)


@pytest.mark.parametrize(
    ("channel", "within_s"), [("mark", 2.0), ("candles", 2.5), ("trades", 2.5), ("ticker", 4.5), ("book", 6.5)]
)
def test_a_frozen_channel_is_stale_while_its_neighbours_speak(channel: Channel, within_s: float):
    async def scene(rig: Rig) -> None:
        states = await opened(rig)
        fault = rig.add_fault("freeze", stream=rig.stream(channel), count=-1)
        await rig.until(lambda: states[channel].quality.state.value == "stale", within_s=within_s, waits_for=channel)
        others = [state for state in states.values() if state.topic.channel != channel]
        assert lapses(others) == {}
        rig.server.faults.remove(fault.id)
        await rig.until(lambda: live(states[channel]), within_s=15)
        assert states[channel].quality.intervals()[0].state == "stale"

    play(scene, symbols=2)


@pytest.mark.parametrize("seconds", [60.0, -60.0, 5.0, -5.0])
def test_a_jump_of_the_clock_is_reported_within_a_second_on_every_topic_and_passes(seconds: float):
    async def scene(rig: Rig) -> None:
        states = await opened(rig)
        await rig.run(5)
        rig.add_fault("clock_jump", seconds=seconds)
        await rig.until(lambda: all(s.quality.state.value == "skewed" for s in states.values()), within_s=1.0)
        await rig.until(lambda: all(live(state) for state in states.values()), within_s=4.0)
        await rig.run(10)
        for state in states.values():
            assert [lapse.state for lapse in state.quality.intervals()] == ["skewed"], state.topic
        assert rig.hub.statistics()["clock_jumps"] == 1

    play(scene, symbols=2)


def test_a_silent_socket_is_reported_on_all_of_its_topics():
    async def scene(rig: Rig) -> None:
        states = await opened(rig)
        rig.add_fault("delay", stream=rig.stream("trades"), seconds=4.0, count=1)
        market = [states[channel] for channel in ("trades", "candles", "liquidations", "ticker", "mark")]
        await rig.until(lambda: all(s.quality.state.value == "stale" for s in market), within_s=3.0)
        assert live(states["book"])
        await rig.until(lambda: all(live(state) for state in market), within_s=4.0)

    play(scene, symbols=2)


def test_missing_trades_are_reported_with_their_number_and_fetched():
    async def scene(rig: Rig) -> None:
        trades = (await opened(rig))["trades"]
        rig.add_fault("drop", stream=rig.stream("trades"), count=3)
        await rig.run(5)
        (lapse,) = trades.quality.intervals()
        assert (lapse.state, lapse.lost) == ("gap", 3)
        assert 0 < lapse.end_us - lapse.start_us < 3_000_000
        ids = [trade.sequence or 0 for trade in trades.fold.view()]
        assert ids == list(range(ids[0], ids[-1] + 1))

    play(scene, symbols=2)


def spoil(state: TopicState, levels: Callable[[Book], tuple[list[Any], list[Any]]]) -> None:
    """Change a live book behind the back of its stream."""
    book = state.fold
    assert isinstance(book, Book)
    bids, asks = levels(book)
    book.apply(
        BookDelta(
            symbol=state.topic.symbol,
            time_us=book.time_us,
            raw_bids=raw_levels(bids),
            raw_asks=raw_levels(asks),
            first_id=book.update_id,
            last_id=book.update_id + 1,
            previous_id=book.update_id,
        )
    )
    book.update_id -= 1


@pytest.mark.parametrize(("read", "within_s"), [(True, 0.35), (False, 1.1)], ids=["read", "held open only"])
def test_a_crossed_book_is_reported_at_once_and_rebuilt(read: bool, within_s: float):
    async def scene(rig: Rig) -> None:
        state = (await opened(rig))["book"]
        if read:
            state.read(bound=100_000, overflow="gap")

        def crossing(book: Book) -> tuple[list[Any], list[Any]]:
            assert book.best_ask is not None
            return [(state.instrument.price(book.best_ask), 1.0)], []

        spoil(state, crossing)
        await rig.until(lambda: state.quality.state.value == "gap", within_s=within_s)
        assert "crossed" in state.quality.reason
        await rig.until(lambda: live(state), within_s=3.0)
        assert not state.fold.crossed  # type: ignore[attr-defined]
        assert rig.hub.statistics()["crossed_books"] == 1

    # A calm market: the level is not crossed by trades at once.
    play(scene, seed=7, symbols=2)


def test_an_audit_finds_a_level_that_differs_and_heals_it():
    async def scene(rig: Rig) -> None:
        state = (await opened(rig))["book"]

        def wrong(book: Book) -> tuple[list[Any], list[Any]]:
            ticks, lots = book.levels("bid", 300)
            return [(state.instrument.price(int(ticks[-1])), state.instrument.size(int(lots[-1]) + 7))], []

        auditor = Auditor(rig.feed, rig.clock, lambda: rig.hub.topics)
        clean = asyncio.ensure_future(auditor.audit(state))
        await rig.until(clean.done, within_s=5.0)
        assert clean.result() == 0
        spoil(state, wrong)
        audit = asyncio.ensure_future(auditor.audit(state))
        await rig.until(audit.done, within_s=5.0)
        assert audit.result() == 1
        assert auditor.statistics() == {"audits": 2, "audit_differences": 1, "audits_inconclusive": 0}
        await rig.until(lambda: live(state), within_s=3.0)
        assert [lapse.reason for lapse in state.quality.lapses] == ["1 level differs from a fresh snapshot"]
        again = asyncio.ensure_future(auditor.audit(state))
        await rig.until(again.done, within_s=5.0)
        assert again.result() == 0

    play(scene, symbols=2)


def test_an_audit_leaves_the_request_budget_to_what_is_needed():
    async def scene(rig: Rig) -> None:
        state = (await opened(rig))["book"]
        auditor = Auditor(rig.feed, rig.clock, lambda: rig.hub.topics)
        rig.feed._rest.budget.used = 1_500  # pyright: ignore[reportPrivateUsage]
        audit = asyncio.ensure_future(auditor.audit(state))
        await rig.until(audit.done, within_s=5.0)
        assert audit.result() is None
        assert auditor.inconclusive == 1

    play(scene, symbols=2)
