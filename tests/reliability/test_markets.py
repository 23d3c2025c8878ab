"""Symbols that are not traded, and sockets that only answer commands: reported as such, and never as live."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from orderfox_nb.core.book import Book
from orderfox_nb.core.events import Channel
from orderfox_nb.desk.topic import TopicState
from tests.reliability.rig import CHANNELS, SYMBOL, MarketKind, Rig, live, on_quiet_loop, open_rig
from tests.reliability.truth import differences

pytestmark = [pytest.mark.feeds, pytest.mark.sim]


@pytest.fixture(autouse=True)
def checked_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask for the list of symbols every 80 s of the venue, and not every 300: each second of them takes 20 steps."""
    monkeypatch.setattr("orderfox_nb.feeds.venue.markets.CHECK_EVERY_S", 80.0)


def play(scene: Callable[[Rig], Awaitable[None]], **options: Any) -> None:
    async def played() -> None:
        async with open_rig(**options) as rig:
            await scene(rig)

    on_quiet_loop(played())


async def opened(rig: Rig) -> dict[Channel, TopicState]:
    states = await rig.open(*(rig.topic(channel) for channel in CHANNELS))
    await rig.run(5)
    return {state.topic.channel: state for state in states}


@pytest.mark.parametrize(
    ("status", "text"),
    [
        ("SETTLING", "BTCUSDT is being delisted (SETTLING)"),
        ("BREAK", "BTCUSDT is halted (BREAK)"),
        ("UNLISTED", "BTCUSDT is delisted (no longer in the venue's list)"),
    ],
)
def test_a_symbol_that_is_delisted_or_halted_says_so_keeps_its_data_and_comes_back(status: str, text: str):
    async def scene(rig: Rig) -> None:
        states = await opened(rig)
        rig.add_fault("contract", symbol=SYMBOL, trading=status)
        await rig.until(lambda: all(s.quality.wire().status == text for s in states.values()), within_s=10)
        book = states["book"].fold
        assert isinstance(book, Book)
        held = {channel: state.fold.digest() for channel, state in states.items()}
        await rig.run(5)
        renewed = rig.feed.statistics()["frozen_streams"], rig.server.statistics()["requests"].get("/fapi/v1/depth", 0)
        for _ in range(60):
            await rig.run(1)
            assert {state.quality.wire().state for state in states.values()} == {"down"}
            assert {state.quality.reason for state in states.values()} == {text}
        assert {channel: state.fold.digest() for channel, state in states.items()} == held
        assert book.synced, "its last data stays on the screen"
        assert renewed == (
            rig.feed.statistics()["frozen_streams"],
            rig.server.statistics()["requests"].get("/fapi/v1/depth", 0),
        )
        assert rig.feed.why_unlisted(SYMBOL) == text
        rig.add_fault("contract", symbol=SYMBOL, trading="TRADING")
        await rig.until(lambda: all(map(live, states.values())), within_s=400)
        await rig.until(
            lambda: rig.clock.now_us() % 1_000_000 == 0 and not any(differences(rig, s) for s in states.values()),
            within_s=90,
        )
        assert {state.quality.wire().status for state in states.values()} == {""}

    play(scene)


@pytest.mark.parametrize("market", ["bybit", "okx"])
def test_a_finer_tick_and_a_delisting_of_another_venue_are_reported(market: MarketKind):
    async def scene(rig: Rig) -> None:
        states = await rig.open(*(rig.topic(channel) for channel in rig.channels))
        tick = states[0].instrument.tick_size
        rig.add_fault("contract", symbol=SYMBOL, tick_size=str(tick / 10))
        await rig.until(lambda: all(state.instrument.tick_size == tick / 10 for state in states), within_s=10)
        await rig.until(lambda: all(map(live, states)), within_s=10)
        rig.add_fault("contract", symbol=SYMBOL, trading="UNLISTED")
        # As the silence of the book does after a while.
        rig.feed._markets.check_soon()
        text = f"{rig.spoken.named(SYMBOL)} is delisted (no longer in the venue's list)"
        await rig.until(lambda: all(state.quality.wire().status == text for state in states), within_s=30)
        assert {state.quality.wire().state for state in states} == {"down"}

    play(scene, market=market)


def test_a_closed_session_is_a_state_of_its_own_and_nothing_is_stale():
    async def scene(rig: Rig) -> None:
        rig.add_fault("contract", symbol=SYMBOL, contract_type="TRADIFI_PERPETUAL", session="open")
        (listing,) = [row for row in await rig.feed.listings() if row.instrument.symbol == SYMBOL]
        assert listing.kind == "TRADIFI_PERPETUAL"
        states = await opened(rig)
        assert {state.quality.wire().session for state in states.values()} == {""}
        rig.add_fault("contract", symbol=SYMBOL, session="closed")
        # The schedule is asked for with the symbols, and a silent book asks for both.
        await rig.until(lambda: all(s.quality.wire().session == "closed" for s in states.values()), within_s=40)
        lapses = {channel: len(state.quality.intervals()) for channel, state in states.items()}
        for _ in range(90):
            await rig.run(1)
            assert {state.quality.wire().state for state in states.values()} == {"live"}
        assert {channel: len(state.quality.intervals()) for channel, state in states.items()} == lapses
        rig.add_fault("contract", symbol=SYMBOL, session="open")
        await rig.until(lambda: all(s.quality.wire().session == "" for s in states.values()), within_s=400)
        await rig.until(
            lambda: rig.clock.now_us() % 1_000_000 == 0 and not any(differences(rig, s) for s in states.values()),
            within_s=90,
        )

    play(scene)


def test_a_socket_that_answers_commands_and_sends_no_data_makes_nothing_live():
    async def scene(rig: Rig) -> None:
        states = await opened(rig)
        fault = rig.add_fault("freeze", count=-1)
        streamed = [state for channel, state in states.items() if channel != "open_interest"]
        await rig.until(lambda: not any(map(live, streamed)), within_s=17)
        for _ in range(1_200):
            await rig.run(0.05)
            assert not any(map(live, streamed)), [str(state.topic) for state in streamed if live(state)]
        rig.server.faults.remove(fault.id)
        await rig.until(lambda: all(map(live, states.values())), within_s=30)
        await rig.until(
            lambda: rig.clock.now_us() % 1_000_000 == 0 and not any(differences(rig, s) for s in states.values()),
            within_s=90,
        )

    play(scene)
