"""Recorded liquidations have no ids: equal ones are as many as one source showed, and a repeat adds none."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import orderfox_nb
from orderfox_nb.core.events import Event, Gap, Liquidation, LiquidationVolume
from orderfox_nb.core.liquidation_volume import LiquidationState
from orderfox_nb.core.liquidations import each_once, order_key
from tests.desk.scripted import BTC, live
from tests.desk.test_frames import liquidation
from tests.recording.made import SECOND_US, START_US
from tests.recording.test_tables import Journal, topic

pytestmark = pytest.mark.core

LIQUIDATIONS = topic("liquidations")
TWIN = liquidation(START_US + 2 * SECOND_US, "sell", 0.1, 50_000.0)
OTHER = liquidation(START_US + 3 * SECOND_US, "buy", 0.2, 50_001.0)


def test_equal_orders_of_one_stream_are_several_and_those_that_are_sent_again_none(tmp_path: Path):
    journal = Journal(tmp_path / "rec")
    journal.put(LIQUIDATIONS, live(START_US))
    journal.cut()
    journal.cut()
    # One position that two makers close, in two trades that are alike in everything.
    journal.put(LIQUIDATIONS, TWIN, TWIN)
    journal.cut()
    journal.put(LIQUIDATIONS, OTHER)
    journal.cut()
    journal.close(LIQUIDATIONS)
    # Read again: what the venue knows comes from its history.
    past = [msgspec.structs.replace(order, received_us=0) for order in (TWIN, TWIN, OTHER)]
    journal.put(LIQUIDATIONS, *past, live(journal.now_us))
    for _ in range(10):
        journal.cut()
    rec = orderfox_nb.open_recording(journal.folder)
    channel = rec["BTCUSDT"].liquidations
    assert channel.df["size"].tolist() == [0.1, 0.1, 0.2]
    assert channel.df["notional"].tolist() == pytest.approx([5_000.0, 5_000.0, 10_000.2])
    found = channel.history(START_US + SECOND_US, START_US + 2 * SECOND_US + 1)
    assert found["size"].tolist() == [0.1, 0.1]
    later = orderfox_nb.open_recording(journal.folder)[START_US + 3 * SECOND_US - 1 :]  # type: ignore[misc]
    assert later["BTCUSDT"].liquidations.df["size"].tolist() == [0.2]


ORDERS = st.builds(
    liquidation,
    st.integers(START_US, START_US + 3),
    st.sampled_from(["buy", "sell"]),
    st.sampled_from([0.1, 0.2]),
    st.just(50_000.0),
)
EVENTS = st.one_of(
    ORDERS,
    ORDERS.map(lambda order: msgspec.structs.replace(order, received_us=0)),
    st.just(Gap(symbol="BTCUSDT", time_us=START_US, reason="lost")),
    st.just(
        LiquidationVolume(symbol="BTCUSDT", time_us=START_US, interval="1m", start_us=[], buy=[], sell=[], count=[])
    ),
)


@given(st.lists(EVENTS, max_size=25))
def test_they_are_those_of_a_fold(events: list[Event]):
    fold = LiquidationState(BTC, keep=1_000)
    for event in events:
        fold.apply(event)
    found = each_once(events)
    assert Counter(map(order_key, found)) == Counter(map(order_key, fold.view()))
    assert [order.time_us for order in found] == sorted(order.time_us for order in found)


def test_a_restart_forgets_none_of_the_orders_before():
    restart = Gap(symbol="BTCUSDT", time_us=START_US, reason="restarted", restart=True)
    found: list[Liquidation] = each_once([TWIN, TWIN, restart, TWIN, OTHER])
    assert found == [TWIN, TWIN, OTHER]
