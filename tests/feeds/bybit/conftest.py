"""A scripted venue that speaks Bybit's protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.feeds.bybit.messages import (
    TICKER,
    answer,
    answered,
)
from tests.feeds.scripted_socket import ScriptedSocketVenue


@pytest.fixture
async def venue() -> AsyncIterator[ScriptedSocketVenue]:
    async with ScriptedSocketVenue(answer, "/v5/public/linear") as venue:
        venue.rest["/v5/market/time"] = answered({"timeSecond": "1", "timeNano": "1"})
        venue.rest["/v5/market/tickers"] = answered({"category": "linear", "list": [TICKER]})
        venue.rest["/v5/market/recent-trade"] = answered({"category": "linear", "list": []})
        yield venue
