"""A server whose time passes by hand, and a client."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from orderfox_nb.sim.exchange import Exchange
from orderfox_nb.sim.server import SimServer
from tests.sim.client import START_US, SimClient


@pytest.fixture
async def server() -> AsyncIterator[SimServer]:
    async with SimServer(Exchange(7, 2, start_us=START_US), manual=True) as server:
        yield server


@pytest.fixture
async def client(server: SimServer) -> AsyncIterator[SimClient]:
    async with SimClient(server) as client:
        yield client
