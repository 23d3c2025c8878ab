"""A stream says when it is whole: at whatever moment of a prelude it is read, the answer is whole or marked."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderfox_nb.analytics.studies import LIVE_CANDLES, input_topics, study_of
from orderfox_nb.core.candles import CandleState
from orderfox_nb.core.channels import fold_for
from orderfox_nb.core.events import BookSnapshot, Channel, Event, Gap, Status, StreamState, Topic, raw_levels
from orderfox_nb.core.quality import QualityState
from orderfox_nb.core.timeframes import HOUR_US, MINUTE_US
from orderfox_nb.desk.reader import EventReader
from orderfox_nb.desk.studies import State, StudyState
from orderfox_nb.desk.topic import TopicState
from tests.conftest import examples
from tests.core.facts import BTC, MONTH_US, kline, liquidation, trade

pytestmark = pytest.mark.core

BARS: Final = 30
TRADES: Final = Topic("sim", "BTCUSDT", "trades")
NOW_US: Final = MONTH_US + BARS * MINUTE_US
CHANNELS: Final[tuple[Channel, ...]] = ("book", "trades", "candles", "liquidations")
STEPS = st.sampled_from(
    ["feed"] * 6 + ["pass 0", "pass 1"] * 6 + ["join 0", "join 1"] * 2 + ["trade"] * 3 + ["down", "live", "restart"]
)


def past_of(channel: Channel) -> list[Event]:
    """What the venue has of a channel before the first reader."""
    match channel:
        case "book":
            sides = raw_levels([(100.0, 1.0)]), raw_levels([(100.1, 1.0)])
            return [
                BookSnapshot(symbol="BTCUSDT", time_us=NOW_US, update_id=7, raw_bids=sides[0], raw_asks=sides[1]),
            ]
        case "trades":
            # Some came live to the server that repeats them now.
            return [trade(number, MONTH_US + number * 1_000_000) for number in range(1, BARS + 1)]
        case "candles":
            return [kline(MONTH_US + number * MINUTE_US, closed=number < BARS - 1) for number in range(BARS)]
        case _:
            return [liquidation(MONTH_US + number * MINUTE_US, live=number % 2 == 0) for number in range(BARS)]


def status(state: StreamState) -> Status:
    return Status(symbol="BTCUSDT", time_us=NOW_US, state=state)


class PiecewiseVenue:
    """Sends its past in pieces and then says ``live``; an outage or a restart may come at any moment."""

    def __init__(self, channel: Channel) -> None:
        self.past = past_of(channel)
        self._left = deque[Event]([status("connecting"), *self.past, status("live")])

    def event(self, step: str) -> Event | None:
        if step in ("feed", "trade"):
            return self._left.popleft() if self._left else None
        if step == "restart":
            self._left = deque[Event]([*self.past, status("live")])
            return Gap(symbol="BTCUSDT", time_us=NOW_US, reason="ids went back", restart=True)
        if step == "live" and self._left:
            return None
        return status("down" if step == "down" else "live")


def candles_with(candles: TopicState, trades: TopicState) -> StudyState:
    """Return the study of bars that live trades move."""
    topic = Topic("sim", "BTCUSDT", LIVE_CANDLES, "1m")
    study = StudyState(topic, study_of(LIVE_CANDLES), [candles])
    study.join(trades)
    return study


def all_of(events: Sequence[Event], state: State) -> bool:
    """Return whether a fold has everything of some events."""
    fold = fold_for(input_topics(state.topic)[0], BTC)
    for event in events:
        fold.apply(event)
    if isinstance(state.fold, CandleState):
        # Live trades may have moved the newest bar.
        starts = state.fold.view().open_us
        return bool(np.array_equal(starts[:BARS], fold.view().open_us) and (np.diff(starts) == MINUTE_US).all())
    return state.fold.digest() == fold.digest()


@examples(150)
@given(channel=st.sampled_from(CHANNELS), steps=st.lists(STEPS, min_size=BARS, max_size=8 * BARS))
def test_at_any_moment_of_a_prelude_a_topic_is_whole_or_marked_through_any_number_of_servers(
    channel: Channel, steps: list[str]
) -> None:
    asyncio.run(_through_servers(channel, steps))


async def _through_servers(channel: Channel, steps: list[str]) -> None:
    venue = PiecewiseVenue(channel)
    topic = Topic("sim", "BTCUSDT", channel, "1m" if channel == "candles" else "")
    states = [TopicState(topic, BTC, now_us=lambda: NOW_US) for _ in range(3)]
    # Live trades move the bars of the study that a chart shows, and not those that are handed on.
    trades = [TopicState(TRADES, BTC, now_us=lambda: NOW_US) for _ in states]
    studies = [candles_with(*both) for both in zip(states, trades, strict=True)] if channel == "candles" else []
    readers: list[EventReader | None] = [None, None]
    on_the_way: list[deque[Event]] = [deque(), deque()]
    number = 1_000
    for step in steps:
        kind, _, at = step.partition(" ")
        if kind == "trade" and channel == "candles":
            number += 1
            for state in trades:
                state.apply(trade(number, NOW_US + number))
        elif kind == "join":
            readers[int(at)] = readers[int(at)] or states[int(at)].read(bound=4096, overflow="gap")
        elif kind == "pass":
            await _pass(readers[int(at)], on_the_way[int(at)], states[int(at) + 1])
        elif (event := venue.event(kind)) is not None:
            states[0].apply(event)
        for state in [*states, *studies]:
            shown = state.quality.state
            assert state.whole or shown is not QualityState.LIVE, "half a prelude was called live"
            assert not state.whole or all_of(venue.past, state), "half a prelude was called whole"
            if isinstance(state.fold, CandleState) and (opens := state.fold.view().open_us.tolist()):
                assert opens == list(range(opens[0], opens[-1] + 1, MINUTE_US)), "a trade began a bar behind a hole"


async def _pass(reader: EventReader | None, way: deque[Event], to: TopicState) -> None:
    """Let one event arrive at the next server."""
    if reader is not None and (reader.waiting or reader._first):
        way.extend(event for _, event, _ in await reader.batch())
    if way:
        to.apply(way.popleft())


async def test_a_read_waits_for_the_end_of_the_prelude_and_not_for_its_first_event() -> None:
    topic = Topic("sim", "BTCUSDT", "trades")
    state = TopicState(topic, BTC, now_us=lambda: NOW_US)
    waiting = asyncio.create_task(state.until_whole(60))
    for event in [status("connecting"), *past_of("trades")]:
        state.apply(event)
        await asyncio.sleep(0)
        assert not waiting.done()
    state.apply(status("live"))
    assert await waiting


async def test_an_outage_before_the_end_of_a_prelude_ends_the_wait_and_is_no_whole() -> None:
    state = TopicState(Topic("sim", "BTCUSDT", "trades"), BTC, now_us=lambda: NOW_US)
    state.apply(trade(1, MONTH_US))
    state.apply(status("down"))
    assert not await state.until_whole(60, down_s=0)
    assert state.quality.state is QualityState.DOWN


async def test_a_topic_that_was_whole_when_its_connection_broke_says_so_to_late_readers() -> None:
    first, second = (TopicState(Topic("sim", "BTCUSDT", "trades"), BTC, now_us=lambda: NOW_US) for _ in range(2))
    for event in [*past_of("trades"), status("live"), status("down")]:
        first.apply(event)
    for _, event, _ in first.prelude():
        second.apply(event)
    assert first.whole
    assert second.whole
    assert second.quality.state is QualityState.DOWN
    assert await second.until_whole(60)


async def test_a_live_trade_begins_no_bar_before_the_past_is_whole_nor_behind_a_gap() -> None:
    state = TopicState(Topic("sim", "BTCUSDT", "candles", "1m"), BTC, now_us=lambda: NOW_US)
    trades = TopicState(TRADES, BTC, now_us=lambda: NOW_US)
    study = candles_with(state, trades)
    fold = study.fold_as(CandleState)
    bars = past_of("candles")
    state.apply(bars[0])
    trades.apply(trade(1, NOW_US + HOUR_US))
    assert len(fold.view()) == 1
    for event in [*bars[1:], status("live")]:
        state.apply(event)
    trades.apply(trade(2, NOW_US + 1))
    assert len(fold.view()) == BARS + 1
    state.apply(Gap(symbol="BTCUSDT", time_us=NOW_US, reason="bars were missed"))
    trades.apply(trade(3, NOW_US + HOUR_US))
    assert len(fold.view()) == BARS + 1
    assert len(state.fold_as(CandleState).view()) == BARS
