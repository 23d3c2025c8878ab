"""Deribit sends liquidations within its trades: a hole in the trades is a gap of the liquidations."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderfox_nb.clock import SystemClock
from orderfox_nb.core.events import Event, Gap, Liquidation, Status, Trade
from orderfox_nb.core.quality import QualityTracker
from orderfox_nb.feeds.deribit.dialect import DeribitDialect
from orderfox_nb.feeds.inbox import Inbox
from orderfox_nb.feeds.venue.fetches import Fetches
from orderfox_nb.feeds.venue.follower import StatusReporter
from orderfox_nb.feeds.venue.followers import events_of as takes_of
from orderfox_nb.feeds.venue.handover import Route
from orderfox_nb.feeds.venue.items import Item, Live, Overflowed, Renewed
from orderfox_nb.feeds.venue.liquidations import LiquidationsFollower
from orderfox_nb.feeds.venue.sockets import StreamSockets
from tests.feeds.conftest import next_of
from tests.feeds.scripted_socket import ScriptedSocketVenue
from tests.feeds.test_deribit import (
    NOW_MS,
    PATH,
    ROW,
    SYMBOL,
    TRADES,
    answer,
    events_of,
    feed_on,
    instrument,
    notice,
    result,
    topic,
    trade,
)
from tests.feeds.venue.stream_machine import LaidOutFetches

pytestmark = pytest.mark.feeds

EVERY = "trades.future.USDC.100ms"


@pytest.fixture
async def scripted() -> AsyncIterator[ScriptedSocketVenue]:
    def between(query: dict[str, str]) -> Any:
        first, last = int(query.get("start_seq", 1)), int(query.get("end_seq", 0))
        return result({"trades": [trade(number) for number in range(first, last + 1)], "has_more": False})

    async with ScriptedSocketVenue(answer, "/ws/api/v2") as venue:
        venue.rest |= {
            f"{PATH}get_time": result(NOW_MS),
            f"{PATH}get_instruments": result([instrument(SYMBOL)]),
            f"{PATH}ticker": result(ROW),
            f"{PATH}get_last_trades_by_instrument": between,
        }
        yield venue


@pytest.mark.parametrize("symbol", [SYMBOL, "*"])
async def test_a_frame_that_is_lost_on_a_live_socket_is_a_gap_of_the_liquidations(
    scripted: ScriptedSocketVenue, symbol: str
) -> None:
    stream = TRADES if symbol == SYMBOL else EVERY
    async with (
        feed_on(scripted) as feed,
        aclosing(feed.stream(topic("trades"))) as trades,
        aclosing(feed.stream(topic("liquidations", symbol))) as liquidations,
    ):
        quality = QualityTracker("liquidations")
        for events in (trades, liquidations):
            while (status := await next_of(events, Status)).state != "live":
                pass
        quality.apply(status)
        await scripted.send(stream, notice(stream, [trade(1), trade(2, liquidation="T")]))
        assert isinstance(await next_of(liquidations, Liquidation, Status), Liquidation)
        # The frame with trades 3 and 4 is lost.
        await scripted.send(stream, notice(stream, [trade(5, liquidation="T")]))
        for _ in range(2):
            quality.apply(status := await next_of(liquidations, Liquidation, Status))
        assert (await next_of(liquidations, Liquidation, Status)).time_us == (NOW_MS + 5) * 1_000
    (lapse,) = quality.intervals()
    assert (lapse.state, lapse.start_us) == ("gap", (NOW_MS + 2) * 1_000), "from the last trade on that was there"
    assert lapse.end_us >= lapse.start_us
    assert "trades 3 to 4 are missing" in lapse.reason
    assert quality.state.value == "live"
    assert feed.statistics()["gaps"] >= 1


async def test_readers_of_a_stream_that_is_subscribed_to_once_more_are_notified(scripted: ScriptedSocketVenue) -> None:
    urls, dialect = scripted.urls, DeribitDialect()
    sockets = StreamSockets(dialect.socket_url(urls["ws_url"], "public"), dialect, clock=SystemClock())
    inboxes = {name: Inbox[Item](100, overflow=Overflowed) for name in ("trades", "liquidations")}
    async with (
        asyncio.timeout(30),
        sockets.read(TRADES, inboxes["trades"], takes=takes_of(topic("trades"))),
        sockets.read(TRADES, inboxes["liquidations"], takes=takes_of(topic("liquidations"))),
    ):
        assert isinstance(await inboxes["liquidations"].get(), Live)
        # As where the trades are silent while the candles show that there are some.
        sockets.renew(TRADES)
        renewed = await inboxes["liquidations"].get()
        assert isinstance(renewed, Renewed)
    states = [status.state for status in follow(Live(), renewed) if isinstance(status, Status)]
    assert states == ["live", "gap", "live"]


def follow(*items: Item) -> list[Event]:
    """Return what liquidations without a history are after some items."""

    async def nothing() -> Sequence[Event]:
        return ()

    follower = LiquidationsFollower(
        StatusReporter(topic("liquidations"), lambda: NOW_MS * 1_000),
        cast("Fetches", LaidOutFetches(lambda: NOW_MS * 1_000)),
        history=None,
        since=None,
        check=nothing,
        renew=lambda: None,
        sampled=False,
    )
    return [event for item in items for event in follower.handle(item)]


@given(
    numbers=st.lists(st.integers(1, 30), min_size=1, max_size=12),
    other=st.lists(st.integers(1, 30), max_size=4),
)
def test_each_hole_in_the_numbers_of_an_instrument_is_one_gap(numbers: list[int], other: list[int]) -> None:
    second = "ETH_USDC-PERPETUAL"
    rows = [trade(number) for number in numbers] + [trade(number, instrument_name=second) for number in other]
    # Instruments take turns: the numbers of one say nothing of the other.
    rows.sort(key=lambda row: row["trade_seq"] % 3)
    found = [event for event in events_of(notice(EVERY, rows)) if isinstance(event, Gap)]
    expected = 0
    for name in (SYMBOL, second):
        newest: int | None = None
        for number in (row["trade_seq"] for row in rows if row["instrument_name"] == name):
            expected += newest is not None and number > newest + 1
            newest = number if newest is None else max(newest, number)
    assert len(found) == expected


def test_a_gap_is_of_the_liquidations_and_not_of_the_trades_which_show_it_themselves() -> None:
    gap = Gap(symbol=SYMBOL, time_us=NOW_MS * 1_000, reason="trades 3 to 4 are missing")
    taken = {name: takes_of(topic(name))(gap) for name in ("trades", "liquidations", "ticker", "mark")}
    assert taken == {"trades": False, "liquidations": True, "ticker": False, "mark": False}
    assert takes_of(topic("liquidations", "*"))(gap)
    assert not takes_of(topic("liquidations", "ETH_USDC-PERPETUAL"))(gap)


def test_liquidations_go_on_after_a_venue_that_restarts_behind_its_socket() -> None:
    codec = DeribitDialect().codec()
    later = {"timestamp": NOW_MS + 5_000, "liquidation": "T"}
    frames = [notice(TRADES, [trade(900, liquidation="T")]), notice(TRADES, [trade(3, **later)])]
    found = [event for frame in frames for event in codec.decode(json.dumps(frame), 7).events or ()]
    assert [type(event) for event in found] == [Trade, Liquidation, Trade, Liquidation]


def test_a_liquidation_between_two_trades_does_not_end_a_handover_early() -> None:
    rows = {number: events_of(notice(TRADES, [trade(number, liquidation="T")])) for number in range(1, 9)}
    route, inbox, old, new = Route(), Inbox[Item](100, overflow=Overflowed), object(), object()
    route.readers.append(inbox)
    route.open(old)

    def send(source: object, *numbers: int) -> None:
        for number in numbers:
            for event in rows[number]:
                route.handle(source, event)

    send(old, 1, 2)
    route.expect(new)
    # The new socket is ahead: until the old one has caught up its trades wait.
    send(new, 5, 6)
    send(old, 3, 4, 5)
    route.end(old)
    send(new, 7, 8)
    items = [inbox.get_nowait() for _ in range(len(inbox))]
    assert [item.sequence for item in items if isinstance(item, Trade)] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert sum(isinstance(item, Liquidation) for item in items) == 8
