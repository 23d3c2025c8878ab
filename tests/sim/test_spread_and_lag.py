"""Two exchanges of one seed: a spread moves every price, a lag only when it is seen."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderfox_nb.clock import ManualClock
from orderfox_nb.core.timeframes import MINUTE_US
from orderfox_nb.sim.bar_table import CLOSE, HIGH, LOTS, LOW, OPEN, OPEN_US, TAKER_LOTS, TRADES
from orderfox_nb.sim.command import main
from orderfox_nb.sim.exchange import Exchange
from orderfox_nb.sim.listings import listings
from orderfox_nb.sim.price_path import PricePath
from orderfox_nb.sim.server import SimServer
from tests.sim.client import START_US, SimClient

pytestmark = pytest.mark.sim

LAG_US = 250_000
LISTED = listings(3, start_us=START_US)


@settings(max_examples=5, deadline=None)
@given(
    spread_bp=st.floats(-200, 200).map(lambda value: round(value, 2)),
    number=st.integers(2_400, 2_700),
    at=st.integers(0, len(LISTED) - 1),
)
def test_a_spread_moves_the_prices_of_the_same_bars(spread_bp: float, number: int, at: int) -> None:
    factor = 1 + spread_bp / 1e4
    moved_listing = listings(len(LISTED), start_us=START_US, price_factor=factor)[at]
    plain = PricePath(LISTED[at], seed=7).block(number).rows
    moved = PricePath(moved_listing, seed=7).block(number).rows
    for column in (OPEN_US, LOTS, TRADES, TAKER_LOTS):
        assert (plain[:, column] == moved[:, column]).all()
    # A close is a rounded price, whose rounding is moved with it.
    assert (abs(moved[:, CLOSE] - plain[:, CLOSE] * factor) <= 0.5 + 0.5 * factor + 1e-6).all()
    assert (moved[1:, OPEN] == moved[:-1, CLOSE]).all()
    assert ((moved[:, LOW] <= moved[:, CLOSE]) & (moved[:, CLOSE] <= moved[:, HIGH])).all()


def test_without_a_spread_nothing_changes() -> None:
    plain, same = Exchange(7, 2, start_us=START_US), Exchange(7, 2, start_us=START_US, spread_bp=0.0)
    for exchange in (plain, same):
        exchange.advance(START_US + MINUTE_US)
    assert plain.market("ETHUSDT").depth(50) == same.market("ETHUSDT").depth(50)
    assert plain.market("ETHUSDT").klines("1m") == same.market("ETHUSDT").klines("1m")


async def test_a_lag_delays_what_is_published_and_not_the_clock() -> None:
    async with AsyncExitStack() as stack:
        clients: list[SimClient] = []
        servers: list[SimServer] = []
        for lag_us in (0, LAG_US):
            exchange = Exchange(7, 1, start_us=START_US, lag_us=lag_us)
            servers.append(await stack.enter_async_context(SimServer(exchange, manual=True)))
            clients.append(await stack.enter_async_context(SimClient(servers[-1])))
        sockets = [await client.socket("/market/ws/btcusdt@aggTrade") for client in clients]
        for server in servers:
            await server.advance(20)
        ahead, behind = [await socket.received() for socket in sockets]
        times = [(await client.get("/fapi/v1/time"))["serverTime"] for client in clients]
        assert times == [START_US // 1000 + 20_000] * 2
        seen_until_ms = times[0] - LAG_US // 1000
        # The lagging one has published what the other one has, up to the lag.
        assert [frame["a"] for frame in behind if frame["T"] >= START_US // 1000] == [
            frame["a"] for frame in ahead if frame["T"] <= seen_until_ms
        ]
        assert ahead
        await servers[1].advance(LAG_US / 1e6)
        behind += await sockets[1].received()
        assert [frame for frame in behind if frame["T"] >= START_US // 1000] == ahead


@pytest.mark.parametrize(
    "options",
    [
        ["--spread-bp", "1001"],
        ["--spread-bp", "x"],
        ["--lag-ms", "-1"],
        ["--lag-ms", "5001"],
        ["--lag-ms", "1.5"],
    ],
)
def test_the_command_refuses_a_spread_or_lag_out_of_range(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(options)
    assert ended.value.code == 2
    assert options[0] in capsys.readouterr().err


async def test_an_exchange_on_time_makes_up_for_a_start_that_took_long() -> None:
    clock = ManualClock(START_US + 900_000)
    exchange = Exchange(7, 1, start_us=START_US + 123_456, lag_us=LAG_US)
    async with SimServer(exchange, clock=clock, on_time=True) as server:
        assert server.now_us() == clock.now_us()
