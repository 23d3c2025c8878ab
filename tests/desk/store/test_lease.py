"""One server at a time runs the bots of a database, also where connections are lost."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from orderfox_nb.config import Settings
from orderfox_nb.desk.store.database import Database, migrate, open_database
from orderfox_nb.desk.store.failures import LeaseLost
from orderfox_nb.desk.store.lease import _LOCK
from orderfox_nb.desk.store.store import Store
from tests.desk.store.rows import bot, equity, step


async def terminate_holder(database: Database) -> None:
    """End the connection that holds the lease, as a restart of the server or a proxy would."""
    here = "(SELECT oid FROM pg_database WHERE datname = current_database())"
    held = f"FROM pg_locks WHERE locktype = 'advisory' AND objid = :low AND database = {here}"
    low = {"low": _LOCK & 0xFFFF_FFFF}
    async with database._engine.connect() as connection, asyncio.timeout(60):
        assert (await connection.execute(text(f"SELECT pg_terminate_backend(pid) {held}"), low)).scalar_one()
        # It ends a little later, and its lock is free only then.
        while (await connection.execute(text(f"SELECT count(*) {held}"), low)).scalar_one():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_one_server_has_the_lease_and_each_new_one_a_higher_epoch(store: Store, settings: Settings) -> None:
    other = Store(settings)
    async with store.lease() as first:
        assert first is not None
        async with other.lease() as second:
            assert second is None
        await first.check()
    async with other.lease() as second:
        assert second is not None
        assert second.epoch > first.epoch
    await other.close()


async def test_save_of_a_server_that_has_lost_the_lease_is_refused_whole(store: Store, settings: Settings) -> None:
    record = await (await store.bots()).create(bot())
    history = await store.history()
    async with store.lease() as first:
        assert first is not None
        await history.save(record.number, step(1), epoch=first.epoch)
    other = Store(settings)
    async with other.lease():
        with pytest.raises(LeaseLost):
            await history.save(record.number, step(2), epoch=first.epoch)
    await other.close()
    assert [row.number for row in await history.orders(record.number, limit=9)] == [1]
    assert await history.snapshot(record.number) == b"1"


@pytest.mark.parametrize("settings", ["postgresql"], indirect=True)
async def test_lease_whose_connection_was_lost_is_taken_again_unless_another_server_was_faster(
    settings: Settings,
) -> None:
    async with open_database(settings) as database, open_database(settings) as other:
        async with database.lease() as lease:
            assert lease is not None
            await terminate_holder(other)
            await lease.check()
            async with other.lease() as second:
                assert second is None, "the lock was taken again"
            await terminate_holder(other)
            async with other.lease() as second:
                assert second is not None
                with pytest.raises(LeaseLost):
                    await lease.check()
            with pytest.raises(LeaseLost):
                await lease.check()
        # Leaving with a connection that was lost raises nothing.
        async with database.lease() as again:
            assert again is not None
            await terminate_holder(other)


@pytest.mark.parametrize("settings", ["postgresql"], indirect=True)
async def test_server_that_holds_the_lease_does_not_keep_another_one_from_migrating(settings: Settings) -> None:
    async with open_database(settings) as database, database.lease() as lease:
        assert lease is not None
        await migrate(database._engine.execution_options(orderfox_writes=True))


async def test_revision_changes_with_every_change_and_the_last_equity_of_each_bot_is_found(store: Store) -> None:
    bots, history = await store.bots(), await store.history()
    seen = {await bots.revision()}
    first = await bots.create(bot("first"))
    seen.add(await bots.revision())
    second = await bots.create(bot("second"))
    seen.add(await bots.revision())
    await bots.change(first.id, {"is_active": False})
    seen.add(await bots.revision())
    # The clock of this test stands still: a change is later than the one before all the same.
    changed = await bots.change(first.id, {"is_active": True})
    seen.add(await bots.revision())
    assert changed.updated_us == first.updated_us + 2
    assert [row.id for row in await bots.newest()] == [second.id, first.id]
    await history.save(first.number, step(1))
    await history.save(first.number, step(2))
    assert await history.latest_equity() == {first.number: equity(2)}
    assert await history.latest_equity([second.number]) == {}
    await bots.delete(second.id)
    seen.add(await bots.revision())
    assert len(seen) == 6
