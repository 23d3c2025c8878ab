"""A store on each kind of database, empty for every test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orderfox_nb.clock import ManualClock
from orderfox_nb.config import Settings, load_settings
from orderfox_nb.desk.store.store import Store


@pytest.fixture(params=["sqlite", "postgresql"])
async def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings that name an empty database."""
    url = None
    if request.param == "postgresql":
        url = await request.getfixturevalue("postgresql").new_database()
    return load_settings(ORDERFOX_DATA_DIR=tmp_path, DATABASE_URL=url, ORDERFOX_MAX_BOTS=600)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def store(settings: Settings, clock: ManualClock) -> AsyncIterator[Store]:
    """Not yet opened."""
    store = Store(settings, clock)
    yield store
    await store.close()
