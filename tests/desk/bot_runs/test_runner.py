"""Bots run with the server, and continue where they were saved."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal

import msgspec
import pytest

from orderfox_nb.clock import ManualClock
from orderfox_nb.config import Settings
from orderfox_nb.desk.bot_runs.run import BotRun
from orderfox_nb.desk.bot_runs.runner import ELSEWHERE, LEASE_S, BotRunner
from orderfox_nb.desk.store.bot_history import BotHistory
from orderfox_nb.desk.store.records import BotRecord, FillRecord, SessionRows
from orderfox_nb.desk.store.store import Store
from orderfox_nb.errors import DatabaseUnavailable
from tests.desk.bot_runs.conftest import ScriptedMarket
from tests.desk.store.rows import bot

MakeRunner = Callable[[Store], BotRunner]


async def until(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait until something is true."""
    async with asyncio.timeout(60):
        while not (found if isinstance(found := condition(), bool) else await found):  # noqa: ASYNC110
            await asyncio.sleep(0.005)  # what a task has done signals nothing here


async def started(store: Store, runner: BotRunner, strategy: str = "Churn", **params: str) -> BotRecord:
    record = await (await store.bots()).create(bot(venue="scripted", strategy=strategy, params=params))
    await runner.follow(record)
    return record


async def traded(market: ScriptedMarket, runner: BotRunner, record: BotRecord, trades: int) -> None:
    """Have trades one by one, each seen by the bot before the next one."""
    await until(lambda: runner.trades(record.id))
    run = run_of(runner, record)
    for _ in range(trades):
        seen = run.session.events
        market.trade()
        await until(lambda seen=seen: run.session.events > seen)  # type: ignore[misc]


def run_of(runner: BotRunner, record: BotRecord) -> BotRun:
    run = runner.run_of(record.id)
    assert run is not None
    return run


def held(fills: list[FillRecord]) -> Decimal:
    return sum((fill.size if fill.side == "buy" else -fill.size for fill in fills), Decimal(0))


async def test_bot_trades_and_what_it_did_is_stored(store: Store, runner: BotRunner, market: ScriptedMarket) -> None:
    record = await started(store, runner)
    await traded(market, runner, record, 6)
    assert (runner.running, runner.note(record)) == (1, "")
    account = run_of(runner, record).account
    position = account.position_lots
    await runner.stop()
    history = await store.history()
    orders = list(await history.orders(record.number, limit=99))
    fills = list(await history.fills(record.number, limit=99))
    assert [order.number for order in orders] == list(range(len(orders), 0, -1))
    assert [fill.number for fill in fills] == list(range(len(fills), 0, -1))
    assert len(fills) >= 4
    assert held(fills) == Decimal("0.001") * position
    assert (orders[-1].state, orders[-1].time_in_force, orders[-1].filled) == ("open", "GTX", 0)
    by_number = {order.number: order for order in orders}
    for order in orders:
        assert order.filled == sum((fill.size for fill in fills if fill.order == order.number), Decimal(0))
    assert all(fill.fee == fill.price * fill.size * Decimal("0.0005") for fill in fills if not fill.maker)
    assert all(by_number[fill.order].side == fill.side for fill in fills)
    first, last = await history.equity(record.number, limit=9)
    assert first.equity == first.low == first.high == 10_000
    assert (last.cash, last.equity, last.position) == (account.cash, account.equity(), held(fills))


async def test_bot_continues_with_its_orders_and_its_state(
    store: Store, make_runner: MakeRunner, market: ScriptedMarket
) -> None:
    runner = make_runner(store)
    record = await started(store, runner)
    await traded(market, runner, record, 5)
    before = run_of(runner, record).session
    rings, cash = before.strategy.rings, run_of(runner, record).account.cash  # type: ignore[attr-defined]
    await runner.stop()
    history = await store.history()
    earlier = list(await history.fills(record.number, limit=99))
    again = make_runner(store)
    again.start()
    await until(lambda: again.trades(record.id))
    run = run_of(again, record)
    assert run.account.cash == cash
    assert run.session.strategy.rings == rings  # type: ignore[attr-defined]
    assert [pause.reason for pause in run.session.pauses][-1].endswith(": the server was restarted")
    await traded(market, again, record, 4)
    await again.stop()
    fills = list(await history.fills(record.number, limit=99))
    assert fills[-len(earlier) :] == earlier
    assert [fill.number for fill in fills] == list(range(len(fills), 0, -1))
    assert len(fills) > len(earlier)
    orders = list(await history.orders(record.number, limit=99))
    assert [order.number for order in orders] == list(range(len(orders), 0, -1))
    # The order below the market is the first session's, and there is one.
    assert [order.number for order in orders if order.kind == "limit"] == [1]
    assert orders[-1].state == "open"


async def test_bot_that_is_stopped_cancels_its_orders_and_starts_again_with_its_account(
    store: Store, runner: BotRunner, market: ScriptedMarket
) -> None:
    record = await started(store, runner)
    await traded(market, runner, record, 4)
    account = run_of(runner, record).account
    bots, history = await store.bots(), await store.history()
    await runner.follow(await bots.change(record.id, {"is_active": False}))
    assert not runner.trades(record.id)
    orders = list(await history.orders(record.number, limit=99))
    assert {order.state for order in orders} <= {"filled", "cancelled", "rejected"}
    assert orders[-1].state == "cancelled"
    record = await bots.change(record.id, {"is_active": True, "params": {"size": "0.020"}})
    await runner.follow(record)
    await traded(market, runner, record, 4)
    assert run_of(runner, record).account.ledger.fees > account.ledger.fees
    await runner.stop()
    later = list(await history.orders(record.number, limit=99))
    assert later[-len(orders) :] == orders
    assert later[-len(orders) - 1].kind == "limit"
    assert later[-len(orders) - 1].size == Decimal("0.020")


async def test_strategy_that_is_started_again_knows_the_position_that_it_has(
    store: Store, runner: BotRunner, market: ScriptedMarket
) -> None:
    record = await started(store, runner)
    bots, position = await store.bots(), 0
    for _ in range(9):
        await traded(market, runner, record, 1)
        if position := run_of(runner, record).account.position_lots:
            break
    assert position
    await runner.follow(await bots.change(record.id, {"is_active": False}))
    await runner.follow(await bots.change(record.id, {"is_active": True}))
    await until(lambda: runner.trades(record.id))
    run = run_of(runner, record)
    assert run.session.desk.position.lots == run.account.position_lots == position


async def test_bot_runs_without_the_channels_that_its_venue_does_not_have(
    store: Store, runner: BotRunner, market: ScriptedMarket
) -> None:
    market.feed.origin = msgspec.structs.replace(market.feed.origin, absent=("liquidations", "mark"))
    record = await started(store, runner)
    await traded(market, runner, record, 3)
    assert runner.note(record) == ""
    assert run_of(runner, record).session.channels == {"book", "trades"}


async def test_error_of_a_strategy_stops_its_bot_and_names_the_line(
    store: Store, runner: BotRunner, market: ScriptedMarket
) -> None:
    record = await started(store, runner, "Broken")
    await until(lambda: runner.trades(record.id))
    market.trade()
    bots = await store.bots()

    async def stopped() -> bool:
        return not (await bots.get(record.id)).is_active

    await until(stopped)
    note = runner.note(await bots.get(record.id))
    assert "RuntimeError: no idea" in note
    assert 'raise RuntimeError("no idea")' in note
    assert runner.running == 0


@pytest.mark.parametrize(
    ("strategy", "params", "said"),
    [
        ("NotThere", {}, "Broken, Churn"),
        ("Nothing", {}, "a subclass of Strategy"),
        ("Churn", {"sise": "1"}, "size"),
    ],
)
async def test_bot_whose_strategy_cannot_be_made_says_why(
    store: Store, runner: BotRunner, strategy: str, params: dict[str, str], said: str
) -> None:
    record = await started(store, runner, strategy, **params)
    await until(lambda: said in runner.note(record))
    assert not runner.trades(record.id)


async def test_two_servers_on_one_database_run_each_bot_once(
    store: Store, settings: Settings, make_runner: MakeRunner, clock: ManualClock
) -> None:
    runner, other = make_runner(store), make_runner(Store(settings))
    record = await started(store, runner)
    await until(lambda: runner.trades(record.id))
    other.start()
    await until(lambda: other.note(record) == ELSEWHERE and clock.sleepers > 0)
    await runner.stop()
    assert not other.trades(record.id)
    await clock.advance(LEASE_S)
    await until(lambda: other.trades(record.id))
    await other.stop()
    await other._store.close()


async def test_bot_trades_on_while_the_database_fails_and_loses_nothing(
    store: Store, runner: BotRunner, market: ScriptedMarket, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    saves = 0
    save = BotHistory.save

    async def failing(self: BotHistory, number: int, rows: SessionRows, *, epoch: int) -> None:
        nonlocal saves
        saves += 1
        if saves < 4:
            raise DatabaseUnavailable("of the test")
        await save(self, number, rows, epoch=epoch)

    monkeypatch.setattr(BotHistory, "save", failing)
    record = await started(store, runner)
    history = await store.history()
    for _ in range(6):
        await traded(market, runner, record, 1)
        await clock.advance(2)
    assert saves >= 4
    await runner.stop()
    fills = list(await history.fills(record.number, limit=99))
    assert [fill.number for fill in fills] == list(range(len(fills), 0, -1))
    assert len(fills) >= 4


async def test_bot_that_is_deleted_ends(store: Store, runner: BotRunner, market: ScriptedMarket) -> None:
    record = await started(store, runner)
    await traded(market, runner, record, 2)
    await (await store.bots()).delete(record.id)
    await runner.forget(record.id)
    assert (runner.running, list(runner.runs)) == (0, [])


async def test_nothing_is_kept_of_a_bot_that_another_server_has_deleted(
    store: Store, runner: BotRunner, market: ScriptedMarket, clock: ManualClock
) -> None:
    record = await started(store, runner)
    await traded(market, runner, record, 2)
    runner.log_of(record.id).add(0, "of the deleted bot")
    await (await store.bots()).delete(record.id)
    while runner.runs or record.id in runner.known.records:
        await clock.advance(1)
        await asyncio.sleep(0.005)
    assert not runner.last_equity
    assert not runner.log_of(record.id).lines
