"""Orders, fills and equity of bots, and what a process that is killed leaves of them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from decimal import Decimal

import msgspec
import pytest

from orderfox_nb.config import Settings
from orderfox_nb.desk.store import bot_history
from orderfox_nb.desk.store.records import SessionRows
from orderfox_nb.desk.store.store import Store
from orderfox_nb.errors import UnknownBot
from tests.desk.store.rows import START_US, bot, equity, fill, order, step

KILLS = int(os.environ.get("ORDERFOX_KILLS", "3"))


async def test_rows_come_back_exactly_and_newest_first(store: Store) -> None:
    made = await (await store.bots()).create(bot())
    history = await store.history()
    orders = [order(1), order(2, price=None, kind="market", side="sell", state="rejected", code=-2019, reason="no")]
    fills = [fill(1), fill(2, fee=Decimal("-0.000000000000000001"), maker=False, liquidation=True)]
    await history.save(made.number, SessionRows(orders=orders, fills=fills, equity=[equity(1), equity(2)]))
    assert list(await history.orders(made.number, limit=10)) == orders[::-1]
    assert list(await history.fills(made.number, limit=10)) == fills[::-1]
    assert list(await history.fills(made.number, limit=10, before=2)) == fills[:1]
    assert list(await history.equity(made.number, limit=10)) == [equity(1), equity(2)]
    assert list(await history.equity(made.number, limit=1)) == [equity(2)]
    assert list(await history.equity(made.number, limit=1, start_us=START_US)) == [equity(1)]
    assert list(await history.equity(made.number, limit=9, start_us=START_US, end_us=START_US + 1)) == [equity(1)]
    assert await history.snapshot(made.number) is None


async def test_saving_twice_is_as_once_and_an_order_keeps_its_latest_state(store: Store) -> None:
    made = await (await store.bots()).create(bot())
    history = await store.history()
    for _ in range(2):
        await history.save(made.number, step(1))
    filled = order(1, state="filled", filled=Decimal("0.010"))
    await history.save(made.number, SessionRows(orders=[order(1), filled], fills=[fill(1), fill(2)], snapshot=b"2"))
    assert list(await history.orders(made.number, limit=9)) == [filled]
    assert [row.number for row in await history.fills(made.number, limit=9)] == [2, 1]
    assert len(await history.equity(made.number, limit=9)) == 1
    assert await history.snapshot(made.number) == b"2"


async def test_rows_go_with_their_bot_and_none_are_saved_after_it(store: Store) -> None:
    bots, history = await store.bots(), await store.history()
    made, other = await bots.create(bot()), await bots.create(bot())
    for row in (made, other):
        await history.save(row.number, step(1))
    await bots.delete(made.id)
    assert list(await history.orders(made.number, limit=9)) == []
    assert await history.snapshot(made.number) is None
    with pytest.raises(UnknownBot):
        await history.save(made.number, step(2))
    assert len(await history.orders(other.number, limit=9)) == 1
    # A key is never given again, so that nothing of the deleted bot could appear under another one.
    await bots.delete(other.id)
    assert (await bots.create(bot())).number > other.number


async def test_save_that_fails_leaves_nothing_of_it_and_harms_no_other(store: Store) -> None:
    made = await (await store.bots()).create(bot())
    history = await store.history()
    broken = msgspec.structs.replace(step(1), equity=[msgspec.structs.replace(equity(1), cash=None)])
    answers = await asyncio.gather(
        *(history.save(made.number, rows) for rows in (step(2), broken, step(3))), return_exceptions=True
    )
    assert [isinstance(answer, Exception) for answer in answers] == [False, True, False]
    assert [row.number for row in await history.fills(made.number, limit=9)] == [3, 2]


async def test_oldest_rows_of_a_bot_are_deleted(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bot_history, "MAX_KEPT", 20)
    monkeypatch.setattr(bot_history, "PRUNED_EVERY", 10)
    made = await (await store.bots()).create(bot())
    history = await store.history()
    for number in range(1, 61):
        await history.save(made.number, step(number))
    assert [row.number for row in await history.orders(made.number, limit=99)] == list(range(60, 40, -1))
    assert [row.number for row in await history.fills(made.number, limit=99)] == list(range(60, 40, -1))
    assert len(await history.equity(made.number, limit=99)) == 20


async def test_bot_s_rows_of_a_busy_session_are_many_in_one_save(store: Store) -> None:
    made = await (await store.bots()).create(bot())
    history = await store.history()
    numbers = range(1, 2_501)
    await history.save(made.number, SessionRows(orders=[order(n) for n in numbers], fills=[fill(n) for n in numbers]))
    assert (
        len(await history.orders(made.number, limit=9_999))
        == len(await history.fills(made.number, limit=9_999))
        == 2_500
    )


WRITER = """
import asyncio, sys
from orderfox_nb.config import load_settings
from orderfox_nb.desk.store.store import Store
from tests.desk.store.rows import step

async def main():
    store = Store(load_settings())
    bots, history = await store.bots(), await store.history()
    number = (await bots.get(sys.argv[1])).number
    last = int(await history.snapshot(number) or 0)
    while True:
        saves = [history.save(number, step(last + ahead)) for ahead in range(1, 8)]
        await asyncio.gather(*saves)
        last += len(saves)
        print(last, flush=True)

asyncio.run(main())
"""


async def test_process_that_is_killed_resumes_without_a_lost_or_doubled_row(store: Store, settings: Settings) -> None:
    bots, history = await store.bots(), await store.history()
    made = await bots.create(bot())
    environment = {
        **os.environ,
        "ORDERFOX_DATA_DIR": str(settings.data_dir),
        "DATABASE_URL": settings.database_url.get_secret_value(),
    }
    reported = 0
    for _ in range(KILLS):
        process = subprocess.Popen(  # noqa: ASYNC220
            [sys.executable, "-c", WRITER, made.id], stdout=subprocess.PIPE, text=True, env=environment
        )
        assert process.stdout is not None
        try:
            for _ in range(3):
                line = await asyncio.to_thread(process.stdout.readline)
                assert int(line) > reported
                reported = int(line)
        finally:
            # Wherever it is: the next saves are under way.
            process.send_signal(signal.SIGKILL)
            rest = process.stdout.read().split()
            process.wait(30)
            process.stdout.close()
        reported = int(rest[-1]) if rest else reported
        kept = int(await history.snapshot(made.number) or 0)
        assert kept >= reported
        for rows in (await history.fills(made.number, limit=9_999), await history.orders(made.number, limit=9_999)):
            assert [row.number for row in rows] == list(range(kept, 0, -1))
        assert len(await history.equity(made.number, limit=9_999)) == kept
        reported = kept
