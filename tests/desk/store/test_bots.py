"""Bots in SQLite and in PostgreSQL."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from orderfox_nb.clock import ManualClock
from orderfox_nb.config import Settings, load_settings
from orderfox_nb.desk.store.store import RETRY_S, Store
from orderfox_nb.errors import DatabaseUnavailable, MissingExtra, SettingError, TooManyBots, UnknownBot
from tests.desk.store.rows import bot


async def test_bot_is_stored_as_it_was_given(store: Store, clock: ManualClock) -> None:
    bots = await store.bots()
    text = "Ünïcode 币安 <b>&</b> '; DROP TABLE orderfox_bots; --"
    made = await bots.create(
        bot(text, description=text, strategy="fade", params={"size": "0.010", "deep": [1, {"x": None}]})
    )
    assert (made.name, made.description, made.params["deep"]) == (text, text, [1, {"x": None}])
    assert made.created_us == made.updated_us == clock.now_us()
    assert await bots.get(made.id) == made
    await clock.advance(5)
    changed = await bots.change(made.id, {"name": "two", "is_active": False})
    assert (changed.name, changed.is_active, changed.symbol) == ("two", False, "BTCUSDT")
    assert (changed.created_us, changed.updated_us) == (made.created_us, clock.now_us())
    assert await bots.get(made.id) == changed
    await bots.delete(made.id)
    for gone in (bots.get(made.id), bots.change(made.id, {"name": "x"}), bots.delete(made.id)):
        with pytest.raises(UnknownBot, match=made.id):
            await gone


async def test_pages_are_newest_first_and_together_hold_each_bot_once(store: Store) -> None:
    bots = await store.bots()
    for number in range(7):
        # All at the same moment: the order does not depend on the clock.
        await bots.create(bot(f"bot {number}"))
    pages = [await bots.page(page, 3) for page in (1, 2, 3, 4)]
    assert [total for _, total in pages] == [7] * 4
    assert [row.name for rows, _ in pages for row in rows] == [f"bot {number}" for number in reversed(range(7))]
    assert [len(rows) for rows, _ in pages] == [3, 3, 1, 0]


async def test_counts_are_those_of_the_rows(store: Store) -> None:
    bots = await store.bots()
    assert list(await bots.counts()) == []
    for symbol, active in (("BTCUSDT", True), ("ETHUSDT", False), ("BTCUSDT", False), ("BTCUSDT", True)):
        await bots.create(bot(symbol=symbol, is_active=active))
    assert [(row.symbol, row.total, row.active) for row in await bots.counts()] == [
        ("BTCUSDT", 3, 2),
        ("ETHUSDT", 1, 0),
    ]
    assert [row.is_active for row in await bots.of_symbol("BTCUSDT")] == [True, False, True]
    assert len(await bots.of_symbol("BTCUSDT", active_only=True)) == 2
    assert list(await bots.of_symbol("ETHUSDT", active_only=True)) == []
    assert {row.symbol for row in await bots.active()} == {"BTCUSDT"}


async def test_fifty_writers_at_once_lose_nothing_and_share_transactions(store: Store) -> None:
    bots = await store.bots()

    async def write(writer: int) -> list[str]:
        made = [await bots.create(bot(f"{writer}-{number}")) for number in range(10)]
        for row in made[::2]:
            await bots.change(row.id, {"is_active": False})
        await bots.delete(made[-1].id)
        return [row.id for row in made[:-1]]

    written = await asyncio.gather(*map(write, range(50)))
    stored = [row for page in range(1, 6) for row in (await bots.page(page, 100))[0]]
    assert sorted(row.id for row in stored) == sorted(row for rows in written for row in rows)
    assert sum(not row.is_active for row in stored) == 250
    # 800 changes, of which those that came during a transaction are in the next one.
    assert store._service.current is not None
    assert store._service.current._writer.batches < 400


async def test_no_more_bots_than_allowed_also_when_they_come_at_once(settings: Settings) -> None:
    store = Store(settings.model_copy(update={"max_bots": 5}))
    bots = await store.bots()
    answers = await asyncio.gather(*(bots.create(bot(str(number))) for number in range(9)), return_exceptions=True)
    assert sum(isinstance(answer, TooManyBots) for answer in answers) == 4
    assert (await bots.page(1, 10))[1] == 5
    await store.close()


async def test_bots_are_there_after_a_restart(store: Store, settings: Settings) -> None:
    made = await (await store.bots()).create(bot())
    await store.close()
    again = Store(settings)
    assert await (await again.bots()).get(made.id) == made
    await again.close()


async def test_store_that_is_not_asked_makes_nothing(tmp_path: Path) -> None:
    store = Store(load_settings(ORDERFOX_DATA_DIR=tmp_path / "data"))
    await store.close()
    assert (store.state, (tmp_path / "data").exists()) == ("none", False)


def test_sqlalchemy_is_not_imported_before_the_first_question() -> None:
    code = "import sys, orderfox_nb.server.service; assert 'sqlalchemy' not in sys.modules; print('lean')"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "lean"


async def test_database_that_cannot_be_opened_is_reported_and_asked_again_later(tmp_path: Path) -> None:
    now_s = 0.0
    (tmp_path / "data").write_text("a file where a folder has to be")
    store = Store(load_settings(ORDERFOX_DATA_DIR=tmp_path / "data"), now_s=lambda: now_s)
    for _ in range(2):
        with pytest.raises(DatabaseUnavailable, match="not available"):
            await store.bots()
    assert store.state == "unavailable"
    (tmp_path / "data").unlink()
    with pytest.raises(DatabaseUnavailable):
        await store.bots()
    now_s += RETRY_S
    await (await store.bots()).create(bot())
    assert (store.state, store.problem) == ("healthy", "")
    await store.close()


async def test_server_that_refuses_connections_is_an_error_without_its_password(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"postgresql://user:secret@/x?host={tmp_path}"
    store = Store(load_settings(ORDERFOX_DATA_DIR=tmp_path, DATABASE_URL=url))
    with pytest.raises((DatabaseUnavailable, MissingExtra)) as caught:
        await store.bots()
    assert "secret" not in caplog.text + str(caught.value) + store.problem
    await store.close()


@pytest.mark.parametrize("url", ["mysql://u:secret@h/x", "sqlite://", "sqlite:///", "postgresql://", "secret/db"])
def test_address_that_cannot_be_used_names_the_variable_and_hides_its_value(url: str) -> None:
    with pytest.raises(SettingError, match="DATABASE_URL=<hidden>: expected") as caught:
        load_settings(DATABASE_URL=url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["postgres://u@h/d?sslmode=require", "postgresql+asyncpg://u@h/d?ssl=require"])
def test_address_of_postgresql_becomes_that_of_its_driver(url: str) -> None:
    from orderfox_nb.desk.store.database import database_url

    made = database_url(load_settings(DATABASE_URL=url))
    assert made.render_as_string() == "postgresql+asyncpg://u@h/d?ssl=require"
