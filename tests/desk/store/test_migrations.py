"""A database of each schema becomes one of the newest."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine

from orderfox_nb.config import Settings, load_settings
from orderfox_nb.desk.store.database import REVISIONS, _engine, database_url, migrate
from orderfox_nb.desk.store.store import Store
from orderfox_nb.desk.store.tables import metadata
from orderfox_nb.errors import DatabaseUnavailable
from tests.desk.store.rows import START_US, bot


@pytest.fixture
async def engine(settings: Settings) -> AsyncIterator[AsyncEngine]:
    engine = _engine(database_url(settings), settings).execution_options(orderfox_writes=True)
    yield engine
    await engine.dispose()


async def test_steps_lead_to_the_tables_that_the_code_knows(engine: AsyncEngine) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    await migrate(engine)
    scripts = ScriptDirectory("orderfox_nb/desk/store/migrations")
    assert tuple(step.revision for step in reversed(list(scripts.walk_revisions()))) == REVISIONS
    async with engine.connect() as connection:
        options = {"version_table": "orderfox_version"}
        found = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync, opts=options), metadata)
        )
    assert found == []


async def test_bots_of_the_first_schema_are_kept(engine: AsyncEngine, settings: Settings) -> None:
    await migrate(engine, REVISIONS[0])
    row = {"id": "7d3c", "name": "old", "symbol": "ETHUSDT", "active": True, "us": START_US}
    async with engine.begin() as connection:
        names = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
        assert "orderfox_fills" not in names
        await connection.execute(
            text(
                "INSERT INTO orderfox_bots (id, name, symbol, is_active, is_paper_trading, created_us, updated_us)"
                " VALUES (:id, :name, :symbol, :active, :active, :us, :us)"
            ),
            row,
        )
    store = Store(settings)
    kept = await (await store.bots()).get("7d3c")
    assert (kept.name, kept.venue, kept.strategy, kept.params, kept.created_us) == ("old", "", None, {}, START_US)
    await store.close()


async def test_processes_that_start_together_migrate_once(settings: Settings) -> None:
    stores = [Store(settings) for _ in range(4)]
    tables = await asyncio.gather(*(store.bots() for store in stores))
    made = await tables[0].create(bot())
    assert [(await table.get(made.id)).name for table in tables] == ["one"] * 4
    for store in stores:
        await store.close()


async def test_new_file_that_another_process_is_making_is_waited_for(tmp_path: Path) -> None:
    settings = load_settings(ORDERFOX_DATA_DIR=tmp_path)
    with closing(sqlite3.connect(settings.sqlite_path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        store = Store(settings)
        opening = asyncio.create_task(store.bots())
        done, _ = await asyncio.wait({opening}, timeout=0.3)
        other.execute("COMMIT")
        assert not done
        assert await (await opening).page(1, 1) == ([], 0)
        await store.close()


async def test_database_of_a_newer_version_is_not_touched(engine: AsyncEngine, settings: Settings) -> None:
    await migrate(engine)
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE orderfox_version SET version_num = '9999'"))
    store = Store(settings)
    with pytest.raises(DatabaseUnavailable, match="newer version"):
        await store.bots()
    await store.close()
