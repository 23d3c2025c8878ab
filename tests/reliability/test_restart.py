"""A venue that restarts with another state: reported soon, and every topic is then that of the new one."""

from __future__ import annotations

import pytest

from orderfox_nb.desk.topic import TopicState
from tests.reliability.rig import CHANNELS, Rig, all_topics, live, on_quiet_loop, open_rig
from tests.reliability.truth import differences

pytestmark = pytest.mark.reliability

REPORTED_WITHIN_S = 3.0
"""Of the socket's coming back: a trade has to come that is a second younger than the last one."""


async def becomes_equal(rig: Rig, states: list[TopicState], *, within_s: float) -> None:
    await rig.run(-rig.clock.now_us() / 1e6 % 1)
    start_us = rig.clock.now_us()
    while wrong := {
        str(state.topic): (state.quality.wire().state, state.quality.reason, found)
        for state in states
        if (found := differences(rig, state)) or not live(state)
    }:
        assert rig.clock.now_us() - start_us < within_s * 1e6, wrong
        await rig.run(1)


@pytest.mark.parametrize("down_s", [0.1, 2.0, 70.0])
def test_after_a_restart_with_other_ids_every_topic_is_that_of_the_new_venue(down_s: float) -> None:
    async def scene() -> None:
        async with open_rig(symbols=2) as rig:
            symbols = [listing.symbol for listing in rig.exchange.listings]
            states = await rig.open(*all_topics(rig, symbols))
            await rig.run(40)
            await becomes_equal(rig, states, within_s=10)
            assert not any(state.restarts for state in states)
            await rig.restart(seed=8, down_s=down_s)
            kept = [state for state in states if state.topic.channel in ("trades", "candles", "liquidations")]
            await rig.until(lambda: all(state.reconnects for state in kept), within_s=35)
            await rig.until(lambda: all(state.restarts for state in kept), within_s=REPORTED_WITHIN_S)
            assert {state.restarts for state in kept} == {1}, "each is reported once"
            await becomes_equal(rig, states, within_s=20)
            await rig.run(70)
            await becomes_equal(rig, states, within_s=10)
            assert {state.restarts for state in kept} == {1}
            reasons = {lapse.reason for state in kept for lapse in state.quality.intervals()}
            assert any("restarted" in reason for reason in reasons)

    on_quiet_loop(scene())


@pytest.mark.parametrize("channel", ["trades", "candles"])
def test_a_topic_that_is_alone_notices_by_itself(channel: str) -> None:
    async def scene() -> None:
        async with open_rig(symbols=1) as rig:
            (topic,) = [rig.topic(each) for each in CHANNELS if each == channel]
            (state,) = await rig.open(topic)
            await rig.run(70)
            await becomes_equal(rig, [state], within_s=10)
            await rig.restart(seed=8, down_s=2.0)
            await rig.until(lambda: state.restarts == 1, within_s=10)
            await becomes_equal(rig, [state], within_s=10)

    on_quiet_loop(scene())
