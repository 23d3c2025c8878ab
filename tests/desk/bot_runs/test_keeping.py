"""Bots start and stop as their records say, whatever happens in between, and by one server at a time."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from orderfox_nb.bots.orders import DONE
from orderfox_nb.clock import ManualClock
from orderfox_nb.config import Settings
from orderfox_nb.desk.bot_runs import runner as runner_module
from orderfox_nb.desk.bot_runs.run import BotRun
from orderfox_nb.desk.bot_runs.runner import WATCH_S, BotRunner
from orderfox_nb.desk.brokers.paper import PaperBroker
from orderfox_nb.desk.desk import Desk
from orderfox_nb.desk.store.bot_history import BotHistory
from orderfox_nb.desk.store.failures import LeaseLost
from orderfox_nb.desk.store.lease import Lease
from orderfox_nb.desk.store.records import SessionRows
from orderfox_nb.desk.store.store import Store
from orderfox_nb.errors import DatabaseUnavailable, VenueUnreachable
from tests.desk.bot_runs.conftest import ScriptedMarket
from tests.desk.bot_runs.test_runner import MakeRunner, run_of, started, traded, until


async def test_bot_that_is_stopped_while_it_waits_for_its_venue_has_no_open_order_left(
    store: Store, make_runner: MakeRunner, market: ScriptedMarket, clock: ManualClock
) -> None:
    first = make_runner(store)
    record = await started(store, first)
    await traded(market, first, record, 3)
    await first.stop()
    history, bots = await store.history(), await store.bots()
    assert await history.open_orders(record.number, limit=9)

    async def unreachable(_venue: str | None) -> Desk:
        raise VenueUnreachable("scripted", "of the test")

    second = BotRunner(store, unreachable, clock)
    second.start()
    await until(lambda: "of the test" in second.note(record))
    assert second.state(record) == "problem"
    record = await bots.change(record.id, {"is_active": False, "note": ""})
    await second.follow(record)
    assert await history.open_orders(record.number, limit=9) == []
    assert {order.state for order in await history.orders(record.number, limit=99)} <= DONE
    await second.stop()
    # Started again it begins with ``on_start``, which sends the order below the market once more.
    third = make_runner(store)
    record = await bots.change(record.id, {"is_active": True})
    await third.follow(record)
    await traded(market, third, record, 3)
    resting = [order for order in run_of(third, record).activity.orders.values() if order.time_in_force == "GTX"]
    assert [order.number for order in resting] == [5]


async def test_bot_that_is_started_while_its_last_run_is_still_being_saved_runs_again(
    store: Store, runner: BotRunner, market: ScriptedMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = await started(store, runner)
    await traded(market, runner, record, 3)
    before, save, saved = run_of(runner, record), BotHistory.save, asyncio.Event()

    async def slow(self: BotHistory, number: int, rows: SessionRows, *, epoch: int) -> None:
        await saved.wait()
        await save(self, number, rows, epoch=epoch)

    monkeypatch.setattr(BotHistory, "save", slow)
    bots = await store.bots()
    with monkeypatch.context() as hurried:
        hurried.setattr(runner_module, "STOP_S", 0.01)
        await runner.follow(await bots.change(record.id, {"is_active": False}))
    record = await bots.change(record.id, {"is_active": True})
    await runner.follow(record)
    assert not runner.trades(record.id)
    assert runner.shown_run(record.id) is before
    saved.set()
    await until(lambda: runner.trades(record.id))
    assert run_of(runner, record) is not before
    assert run_of(runner, record).account.ledger == before.account.ledger


async def test_broker_is_closed_where_its_run_cannot_be_restored(
    store: Store, make_runner: MakeRunner, market: ScriptedMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make_runner(store)
    record = await started(store, first)
    await traded(market, first, record, 2)
    await first.stop()
    closed = asyncio.Event()

    def broken(_run: BotRun, _saved: bytes) -> None:
        raise RuntimeError("of the test")

    async def finish(_broker: PaperBroker) -> None:
        closed.set()

    monkeypatch.setattr(BotRun, "restore", broken)
    monkeypatch.setattr(PaperBroker, "finish", finish)
    second = make_runner(store)
    second.start()
    await until(closed.is_set)
    await until(lambda: second.state(record) == "problem")


async def test_change_through_another_server_reaches_the_one_that_runs_the_bots(
    store: Store, settings: Settings, make_runner: MakeRunner, market: ScriptedMarket, clock: ManualClock
) -> None:
    runner, other_store = make_runner(store), Store(settings)
    other = make_runner(other_store)
    record = await started(store, runner)
    await traded(market, runner, record, 3)
    bots = await other_store.bots()
    await other.follow(await bots.change(record.id, {"is_active": False}))

    async def passed() -> bool:
        await clock.advance(WATCH_S)
        return runner.shown_run(record.id) is None

    await until(passed)
    assert await (await store.history()).open_orders(record.number, limit=9) == []
    record = await bots.change(record.id, {"is_active": True})
    await other.follow(record)

    async def runs_again() -> bool:
        await clock.advance(WATCH_S)
        return runner.trades(record.id)

    await until(runs_again)
    await bots.delete(record.id)
    await until(passed)
    await other.stop()
    await other_store.close()


async def test_server_that_loses_the_lease_stops_its_bots_and_saves_nothing_more(
    store: Store, runner: BotRunner, market: ScriptedMarket, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = await started(store, runner)
    await traded(market, runner, record, 2)
    saved = await (await store.history()).snapshot(record.number)

    async def lost(_self: Lease) -> None:
        raise LeaseLost

    monkeypatch.setattr("orderfox_nb.desk.store.lease.Lease.check", lost)

    async def stopped() -> bool:
        await clock.advance(WATCH_S)
        return runner.shown_run(record.id) is None

    await until(stopped)
    assert await (await store.history()).snapshot(record.number) == saved


async def test_bots_run_again_after_a_fault_of_the_task_that_leads_them(
    store: Store, runner: BotRunner, market: ScriptedMarket, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = await started(store, runner)
    await traded(market, runner, record, 2)
    before, check = run_of(runner, record), Lease.check

    async def broken(_self: Lease) -> None:
        monkeypatch.setattr(Lease, "check", check)
        raise RuntimeError("of the test")

    monkeypatch.setattr(Lease, "check", broken)

    async def runs_again() -> bool:
        await clock.advance(WATCH_S)
        run = runner.run_of(record.id)
        return run is not None and run is not before and run.trades

    await until(runs_again)


async def test_database_that_does_not_answer_stops_no_bot(
    store: Store,
    runner: BotRunner,
    market: ScriptedMarket,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record = await started(store, runner)
    await traded(market, runner, record, 2)
    asked = 0

    async def silent(_self: Lease) -> None:
        nonlocal asked
        asked += 1
        raise DatabaseUnavailable("of the test")

    monkeypatch.setattr("orderfox_nb.desk.store.lease.Lease.check", silent)

    async def asked_often() -> bool:
        await clock.advance(WATCH_S)
        return asked >= 3

    await until(asked_often)
    await traded(market, runner, record, 2)
    assert runner.trades(record.id)


async def test_profit_is_a_band_of_queue_models_that_continues_with_the_bot(
    store: Store, make_runner: MakeRunner, market: ScriptedMarket
) -> None:
    runner = make_runner(store)
    record = await started(store, runner)
    await traded(market, runner, record, 4)
    run = run_of(runner, record)
    assert len({id(session.strategy) for session in run.band}) == 3
    assert len({session.digest() for session in run.band}) == 1, "market orders fill alike in every model"
    low, high = run.band.range()
    assert low == high == run.account.equity() != Decimal(10_000)
    await runner.stop()
    again = make_runner(store)
    again.start()
    await until(lambda: again.run_of(record.id) is not None)
    restored = run_of(again, record)
    assert [session.gateway.chain for session in restored.band] == [session.gateway.chain for session in run.band]
    await until(lambda: again.trades(record.id))
    assert restored.activity.curve()[-1].low <= restored.account.equity() <= restored.activity.curve()[-1].high
