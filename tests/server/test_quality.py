"""Lapses reach every reader: frames, REST, health and metrics report the same interval."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from orderfox_nb.core.events import Gap, Status, Topic, Trade
from orderfox_nb.views import contract
from tests.server.conftest import Served, until
from tests.server.scripted import START_US, VENUE, trade
from tests.server.test_live import live_frame, page, receive

pytestmark = pytest.mark.server

TRADES = Topic(VENUE, "BTCUSDT", "trades")
CANDLES = Topic(VENUE, "BTCUSDT", "candles", "1m")
LIQUIDATIONS = Topic(VENUE, "BTCUSDT", "liquidations")


def arrived(number: int, time_us: int) -> Trade:
    return msgspec.structs.replace(trade("BTCUSDT", number, time_us), received_us=time_us)


async def quality(server: Served) -> dict[str, Any]:
    status, answer = await server.ask("api/v1/quality/btc/usdt")
    assert status == 200
    msgspec.convert(answer, contract.QualityAnswer, strict=True)
    return {row["topic"]: row for row in answer["topics"]}


async def test_nothing_is_opened_by_asking_for_the_quality(server: Served) -> None:
    assert await quality(server) == {}
    assert server.feed.opened == 0
    assert (await server.ask("api/v1/quality/NOSUCHTHING"))[0] == 404


async def test_a_gap_is_reported_by_rest_health_and_metrics_and_remembered_without_readers(server: Served) -> None:
    async with page(server) as socket:
        await live_frame(socket, f"{VENUE}/BTCUSDT/trades?rows=50")
        assert (await quality(server))[str(TRADES)]["lapses"] == []
        feed, start = server.feed, START_US // 1000
        feed.emit(TRADES, arrived(151, START_US))
        missing = Status(
            symbol="BTCUSDT", time_us=START_US + 50_000, state="gap", reason="2 are missing", lost=2, history="complete"
        )
        feed.emit(TRADES, missing)
        while (await receive(socket, "frame"))["quality"]["state"] != "gap":
            pass
        row = (await quality(server))[str(TRADES)]
        assert (row["state"], row["since"]) == ("gap", start)
        assert row["lapses"] == [{"state": "gap", "start": start, "end": None, "reason": "2 are missing", "lost": 2}]
        (_, health) = await server.ask("health")
        (topic,) = (topic for topic in health["topics"] if topic["topic"] == str(TRADES))
        assert (topic["state"], topic["lapses"]) == ("gap", 1)
        feed.emit(TRADES, arrived(152, START_US + 900_000))
        while (await receive(socket, "frame"))["quality"]["state"] != "live":
            pass
        lapse = {"state": "gap", "start": start, "end": start + 900, "reason": "2 are missing", "lost": 2}
        assert (await quality(server))[str(TRADES)]["lapses"] == [lapse]
        async with server.session.get(server.url + "metrics") as response:
            exposition = await response.text()
        name = f'topic="{TRADES}"'
        assert f'orderfox_topic_state{{state="live",{name}}} 1.0' in exposition
        assert f'orderfox_topic_lapses_total{{state="gap",{name}}} 1.0' in exposition
        assert f'orderfox_topic_lapsed_seconds_total{{state="gap",{name}}} 0.9' in exposition
        assert f"orderfox_topic_lost_events_total{{{name}}} 2.0" in exposition
    await until(lambda: not server.feed.streams[TRADES])
    row = (await quality(server))[str(TRADES)]
    assert (row["state"], row["lapses"], row["lost_total"]) == (None, [lapse], 2)


async def test_a_candle_frame_carries_the_lapses_of_bars_and_liquidations(server: Served) -> None:
    async with page(server) as socket:
        full = await live_frame(socket, f"{VENUE}/BTCUSDT/candles?bars=200&interval=1m")
        while full["base"] is not None or not full["bars"][0]:
            full = await receive(socket, "frame")
        assert (full["lapses"], full["liquidation_lapses"]) == ([], [])
        down = Status(symbol="BTCUSDT", time_us=START_US + 1_000, state="down", reason="cut")
        server.feed.emit(CANDLES, down)
        frame = await receive(socket, "frame")
        assert frame["lapses"] == [["down", START_US // 1000 + 1, 0, "cut", -1]]
        server.feed.emit(CANDLES, msgspec.structs.replace(down, time_us=START_US + 3_000, state="live", reason=""))
        frame = await receive(socket, "frame")
        assert frame["lapses"] == [["down", START_US // 1000 + 1, START_US // 1000 + 3, "cut", -1]]
        # A gap in rare events does not last, and is reported all the same.
        server.feed.emit(LIQUIDATIONS, Gap(symbol="BTCUSDT", time_us=START_US + 9_000, reason="not known"))
        frame = await receive(socket, "frame")
        lapse = START_US // 1000 + 9
        assert frame["liquidation_lapses"] == [["gap", lapse, lapse, "not known", -1]]
        assert frame["liquidation_quality"]["state"] == "live"
