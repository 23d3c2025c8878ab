from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from orderfox_nb.desk.audit import Auditor
from orderfox_nb.desk.topic import TopicState
from orderfox_nb.feeds.ccxt.client import PONG_S, SILENT_S
from tests.reliability.cases import CASES
from tests.reliability.faults import Case, SharedRig, measure
from tests.reliability.rig import MarketKind, Rig, live, on_quiet_loop
from tests.reliability.truth import differences
from tests.reliability.venue_cases import VENUE_CASES

pytestmark = pytest.mark.reliability


class Rigs(dict[MarketKind, SharedRig]):
    """A rig for each market, opened for its first case."""

    def __missing__(self, market: MarketKind) -> SharedRig:
        self[market] = SharedRig(market)
        return self[market]


@pytest.fixture(scope="module")
def rigs() -> Iterator[Rigs]:
    opened = Rigs()
    yield opened
    for rig in opened.values():
        rig.close()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_fault_is_seen_and_healed_until_every_channel_equals_the_exchange(case: Case) -> None:
    on_quiet_loop(measure(case))


@pytest.mark.parametrize("case", VENUE_CASES, ids=str)
def test_a_fault_of_another_venue_is_seen_and_healed(case: Case, rigs: Rigs) -> None:
    rigs[case.market].measure(case)


def test_a_lost_update_that_ccxt_cannot_notice_is_found_by_comparing_with_rest(rigs: Rigs) -> None:
    async def scene(rig: Rig, states: list[TopicState]) -> None:
        assert "book" in rig.feed.origin.unverified
        book = states[rig.channels.index("book")]
        found = 0
        for _ in range(20):
            rig.add_fault("drop", stream=rig.stream("book"), count=5)
            await rig.run(0.5)
            if live(book) and differences(rig, book):
                audit = asyncio.ensure_future(Auditor(rig.feed, rig.clock, lambda: rig.hub.topics).audit(book))
                await rig.until(audit.done, within_s=10)
                # Later updates may have repaired the levels by themselves.
                if found := await audit:
                    break
        assert found
        assert any("differ from a fresh snapshot" in lapse.reason for lapse in book.quality.intervals())
        await rig.until(lambda: live(book) and not differences(rig, book), within_s=10)

    rigs["ccxt-bybit"].play(scene)


@pytest.mark.parametrize("half_open", [False, True])
def test_a_quiet_socket_is_closed_only_where_it_does_not_answer(rigs: Rigs, half_open: bool) -> None:
    async def scene(rig: Rig, states: list[TopicState]) -> None:
        book, rare = (states[rig.channels.index(channel)] for channel in ("book", "liquidations"))
        before, renewals = len(rare.quality.intervals()), rig.feed.statistics()["renewals"]
        rig.add_fault("half_open" if half_open else "freeze", stream=rig.stream("liquidations"), count=-1)
        rig.add_fault("freeze", stream=rig.stream("book"), count=-1)
        await rig.until(lambda: rig.feed.statistics()["renewals"] > renewals, within_s=30)
        await rig.run(SILENT_S + 2 * PONG_S)
        assert (len(rare.quality.intervals()) > before) == half_open
        rig.server.faults.clear()
        await rig.until(lambda: live(book) and live(rare) and not differences(rig, book), within_s=60)

    rigs["ccxt"].play(scene)
