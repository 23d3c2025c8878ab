"""How a channel is added: its fold and one row. Everything else asks the row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pytest

from orderfox_nb.clock import ManualClock, settle
from orderfox_nb.config import load_settings
from orderfox_nb.core.channels import CHANNELS, ChannelSpec
from orderfox_nb.core.digest import digest_of
from orderfox_nb.core.events import Event, MarkPrice, Topic, is_restart
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.desk.desk import Desk
from orderfox_nb.desk.hub import Hub
from orderfox_nb.errors import BadValue
from orderfox_nb.views.quality import status_text
from tests.desk.scripted import BTC, VENUE, ScriptedFeed, live

pytestmark = pytest.mark.core

SECOND_US: Final = 1_000_000


# --8<-- the fold, a file of its own in core/
class FundingRates:
    """Fold of mark prices: the funding rate of every period, oldest first."""

    KEPT = 100

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self._periods: dict[int, MarkPrice] = {}

    def apply(self, event: Event) -> None:
        if isinstance(event, MarkPrice):
            self._periods[event.next_funding_us] = event
            if len(self._periods) > self.KEPT:
                del self._periods[min(self._periods)]
        elif is_restart(event):
            self._periods.clear()

    def view(self) -> tuple[float | None, ...]:
        return tuple(event.funding_rate for event in self.prelude() if isinstance(event, MarkPrice))

    def prelude(self) -> Sequence[Event]:
        return [self._periods[end_us] for end_us in sorted(self._periods)]

    def digest(self) -> str:
        return digest_of(sorted(self._periods))


# --8<-- the row, in core/channels.py
FUNDING: Final = ChannelSpec(
    name="funding",
    title="Funding",
    fold=lambda instrument, _: FundingRates(instrument),
    kinds=(MarkPrice,),
    silence_s=5,
)
# --8<-- end

TOPIC: Final = Topic(VENUE, "BTCUSDT", "funding")


def funding(time_us: int, rate: float, end_us: int) -> MarkPrice:
    return MarkPrice(
        symbol="BTCUSDT",
        time_us=time_us,
        received_us=time_us,
        mark_price=50_000.0,
        index_price=50_000.0,
        funding_rate=rate,
        next_funding_us=end_us,
    )


async def test_one_row_and_its_fold_are_a_channel(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(CHANNELS, FUNDING.name, FUNDING)
    clock = ManualClock()
    feed = ScriptedFeed(clock)
    start_us = clock.now_us()
    async with Hub(feed, linger_s=0, clock=clock) as hub, hub.watch(TOPIC) as state:
        assert not state.whole
        feed.put(TOPIC, funding(start_us, 0.0001, 1), funding(start_us + 1, 0.0002, 2))
        await settle()
        assert not state.whole
        feed.put(TOPIC, live(start_us + 2))
        await settle()
        assert state.whole
        assert state.fold.view() == (0.0001, 0.0002)
        assert state.quality.wire().state == "live"
        # A late reader gets what is known as events, from which its own fold is equal.
        async with hub.events(TOPIC) as reader:
            fold = FundingRates(BTC)
            for _, event, _ in await reader.batch():
                fold.apply(event)
        assert fold.digest() == state.fold.digest()
        # Its row says how long it may be silent.
        await clock.advance(4)
        assert state.quality.wire().state == "live"
        await clock.advance(3)
        assert state.quality.wire().state == "stale"
        assert status_text(state.quality, symbol="BTCUSDT").startswith("Funding of BTCUSDT: stale (no message for")


async def test_health_and_quality_list_an_added_channel(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(CHANNELS, FUNDING.name, FUNDING)
    clock = ManualClock()
    feed = ScriptedFeed(clock)
    feed.preludes[TOPIC] = [funding(clock.now_us(), 0.0001, 1)]
    async with Desk(feed, load_settings(), clock, linger_s=0) as desk, desk.hub.watch(TOPIC):
        await settle()
        (row,) = desk.health().topics
        assert (row.topic, row.state) == (f"{VENUE}/BTCUSDT/funding", "live")
        (reported,) = (await desk.quality("btc")).topics
        assert (reported.channel, reported.state, reported.coverage) == ("funding", "live", "complete")


async def test_a_channel_without_a_row_is_refused_with_the_names_of_those_there_are():
    clock = ManualClock()
    async with Hub(ScriptedFeed(clock), linger_s=0, clock=clock) as hub:
        with pytest.raises(BadValue, match="one of book, trades, candles"):
            async with hub.watch(TOPIC):
                raise AssertionError("it was opened")
        assert hub.topics == ()
