"""Another server as the source: real sockets and requests between the two."""

from __future__ import annotations

import json

import pytest

from orderfox_nb.config import load_settings
from orderfox_nb.desk.desk import Desk
from orderfox_nb.feeds.remote import RemoteFeed
from tests.server.conftest import Served

pytestmark = pytest.mark.server


async def test_past_liquidations_of_another_server_are_listed_once(server: Served) -> None:
    async with Desk(RemoteFeed(server.url), load_settings(), linger_s=0) as desk:
        rows = json.loads((await desk.liquidations("BTCUSDT", limit=10)).text)
    assert [row["quantity"] for row in rows] == ["2.5", "1.5", "0.5"]
