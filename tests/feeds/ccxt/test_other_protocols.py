"""ccxt's own bybit and okx, as Feeds, on the embedded exchange in their protocols."""

from __future__ import annotations

from collections import defaultdict

import pytest

from orderfox_nb.core.events import BookDelta, BookSnapshot, Candle, Gap, Liquidation, Status, Trade
from orderfox_nb.core.timeframes import MINUTE_US
from orderfox_nb.feeds.ccxt import lines
from orderfox_nb.feeds.past import Span, read_past
from tests.feeds.contract import Reader, check_every_stream
from tests.feeds.stages import ccxt_on_the_embedded_exchange

pytestmark = pytest.mark.feeds

VENUES = ("bybit", "okx")


@pytest.mark.parametrize("exchange_id", VENUES)
async def test_every_stream_keeps_the_contract(exchange_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "CONNECTED_S", 0.05)
    async with ccxt_on_the_embedded_exchange(exchange_id) as stage:
        await check_every_stream(stage)


@pytest.mark.parametrize("exchange_id", VENUES)
async def test_a_cut_connection_is_reported_and_heals(exchange_id: str) -> None:
    async with ccxt_on_the_embedded_exchange(exchange_id) as stage:
        assert stage.cut is not None
        async with Reader(stage, "book") as book, Reader(stage, "trades") as trades:
            await book.until(lambda: book.built)
            await trades.until(lambda: trades.built)
            stage.cut()
            for reader in (book, trades):
                await reader.until(lambda reader=reader: reader.live_after_down)
            assert len(book.of(BookSnapshot)) == 2
            ids = [trade.id for trade in trades.of(Trade)]
            assert len(ids) == len(set(ids))


async def test_a_lost_update_of_okx_is_noticed_by_its_sequence() -> None:
    async with ccxt_on_the_embedded_exchange("okx") as stage, Reader(stage, "book") as reader:
        assert stage.lose is not None
        await reader.until(lambda: reader.built and len(reader.of(BookDelta)) > 2)
        stage.lose("book")
        await reader.until(lambda: len(reader.of(BookSnapshot)) > 1)
        assert len(reader.of(Gap)) == 1


async def test_liquidations_of_all_venues_are_on_one_convention() -> None:
    orders: dict[str, dict[int, list[tuple[str, float, float]]]] = {}
    for exchange_id in ("binanceusdm", *VENUES):
        async with (
            ccxt_on_the_embedded_exchange(exchange_id, liquidation_rate=200) as stage,
            Reader(stage, "liquidations") as reader,
        ):
            # Each begins at another moment, which depends on the machine: half a minute of each is shared in part.
            await reader.until(lambda reader=reader: len(reader.of(Liquidation)) > 0)
            end_us = reader.of(Liquidation)[0].time_us + MINUTE_US // 2
            for _ in range(60):
                await stage.pass_time()
            await reader.until(lambda reader=reader, end_us=end_us: reader.of(Liquidation)[-1].time_us > end_us)
            found = orders[exchange_id] = defaultdict(list)
            for order in reader.of(Liquidation):
                found[order.time_us // 1_000].append((order.side, order.size, order.price))
            complete = exchange_id == "bybit"
            assert {one.coverage for one in reader.of(Status)} == {"complete" if complete else "sampled"}
    # The same market: what two of them have is the same order, whatever their protocols call it.
    for exchange_id in VENUES:
        shared = orders["binanceusdm"].keys() & orders[exchange_id].keys()
        assert shared
        for time_ms in shared:
            for side, size, price in orders["binanceusdm"][time_ms]:
                assert (side, pytest.approx(size), pytest.approx(price, rel=1e-3)) in orders[exchange_id][time_ms]


@pytest.mark.parametrize("exchange_id", VENUES)
async def test_bars_of_the_past_have_no_holes(exchange_id: str) -> None:
    async with ccxt_on_the_embedded_exchange(exchange_id) as stage:
        bars, _ = await read_past(stage.feed.past, stage.topic("candles"), Candle, Span(limit=700))
        opens = [bar.open_us for bar in bars]
        assert opens == list(range(opens[0], opens[0] + 700 * MINUTE_US, MINUTE_US))
        forward, _ = await read_past(
            stage.feed.past, stage.topic("candles"), Candle, Span(start_us=opens[10], end_us=opens[400])
        )
        assert [bar.open_us for bar in forward] == opens[10:400]
        assert all(bar.closed for bar in forward)
