"""Text of a request comes back as data, under headers that let no browser interpret it as a page."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.server.conftest import Served

pytestmark = pytest.mark.server

SCRIPT = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
PATHS = (
    "api/v1/orderbook/{}",
    "api/v1/orderbook/BTCUSDT?limit={}",
    "api/v1/orderbook/BTCUSDT?rounding={}",
    "api/v1/orderbook/BTCUSDT?tz={}",
    "api/v1/candles/BTCUSDT?timeframe={}",
    "api/v1/candles/BTCUSDT?end_time={}",
    "api/v1/quality/{}",
    "api/v1/liquidation-volume/BTCUSDT/{}",
    "api/v1/docs/{}",
    "api/v1/{}",
    "api/v1/symbols?unknown={}",
    "health?unknown={}",
    "metrics?unknown={}",
)


@pytest.mark.parametrize("path", PATHS)
async def test_text_of_a_request_is_never_a_page(server: Served, path: str) -> None:
    async with server.session.get(server.url + path.format(quote(SCRIPT, safe=""))) as answer:
        headers = answer.headers
        assert answer.status in (200, 400, 404)
    assert headers["Content-Type"].partition(";")[0] in ("application/json", "text/plain")
    assert headers["X-Content-Type-Options"] == "nosniff"
    policy = dict(rule.split(" ", 1) for rule in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "script-src" not in policy


async def test_the_page_of_the_api_runs_its_own_scripts_and_no_others(server: Served) -> None:
    async with server.session.get(server.url + "api/v1/docs") as answer:
        policy = dict(rule.split(" ", 1) for rule in answer.headers["Content-Security-Policy"].split("; "))
        assert "<script>" not in await answer.text()
    assert (policy["default-src"], policy["script-src"]) == ("'none'", "'self'")
