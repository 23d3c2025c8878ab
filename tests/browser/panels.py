"""Panels alone on a page, not in a dashboard, and what can be asked of them."""

from __future__ import annotations

from typing import Any

from tests.browser.conftest import LINK, Screen, until


def number(text: str) -> float:
    scale = {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}
    plain = text.replace(",", "").replace("$", "").strip()
    return float(plain[:-1]) * scale[plain[-1]] if plain[-1] in scale else float(plain)


async def frame(screen: Screen, stream: str, symbol: str = "BTCUSDT") -> dict[str, Any]:
    """Return the newest frame of a stream as the page has it."""
    return await screen.page.evaluate(
        f"([stream, symbol]) => [...({LINK.strip()}).entries.values()].find(({{ request, frame }}) => frame && "
        "request.stream === stream && request.symbol === symbol)?.frame",
        [stream, symbol],
    )


async def wait_for(screen: Screen, condition: str, arg: object = None) -> None:
    await until(screen.page, condition, arg)
