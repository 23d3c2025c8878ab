"""A desk on a scripted venue, a store, and strategies that are installed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from orderfox_nb.clock import ManualClock
from orderfox_nb.config import Settings, load_settings
from orderfox_nb.core.events import Topic
from orderfox_nb.desk.bot_runs import runner as runner_module
from orderfox_nb.desk.bot_runs.runner import BotRunner
from orderfox_nb.desk.desk import Desk
from orderfox_nb.desk.store.store import Store
from tests.desk.bot_runs.installed import install
from tests.server.scripted import VENUE, PreludeFeed, trade


class ScriptedMarket:
    """The scripted venue, and its desk."""

    def __init__(self, feed: PreludeFeed, desk: Desk) -> None:
        self.feed = feed
        self.desk = desk
        self._number = 150

    def trade(self, *, after_us: int = 1_000_000) -> None:
        """Have a trade a while after the last one."""
        self._number += 1
        self.feed.time_us += after_us
        self.feed.emit(Topic(VENUE, "BTCUSDT", "trades"), trade("BTCUSDT", self._number, self.feed.time_us))


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for the save of a bot that stops, also where the machine is busy."""
    monkeypatch.setattr(runner_module, "STOP_S", 60.0)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    (tmp_path / "strategies").mkdir()
    monkeypatch.syspath_prepend(str(install(tmp_path / "strategies")))
    return load_settings(ORDERFOX_DATA_DIR=tmp_path, ORDERFOX_RECORDING="off")


@pytest.fixture
async def market(settings: Settings) -> AsyncIterator[ScriptedMarket]:
    feed = PreludeFeed()
    async with Desk(feed, settings, linger_s=0) as desk:
        yield ScriptedMarket(feed, desk)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def store(settings: Settings) -> AsyncIterator[Store]:
    store = Store(settings)
    yield store
    await store.close()


@pytest.fixture
async def runner(store: Store, make_runner: Callable[[Store], BotRunner]) -> BotRunner:
    return make_runner(store)


@pytest.fixture
async def make_runner(market: ScriptedMarket, clock: ManualClock) -> AsyncIterator[Callable[[Store], BotRunner]]:
    """Makes runners, which are stopped at the end."""
    made: list[BotRunner] = []

    async def desk(_venue: str | None) -> Desk:
        return market.desk

    def make(store: Store) -> BotRunner:
        made.append(BotRunner(store, desk, clock))
        return made[-1]

    yield make
    for one in made:
        await one.stop()
