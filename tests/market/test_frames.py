"""DataFrames of what seldom is: a symbol that never traded, times that go back, a contract without funding."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from orderfox_nb import engine as engines
from orderfox_nb.clock import ManualClock
from orderfox_nb.config import load_settings
from orderfox_nb.core.events import MarkPrice, Status, Topic
from orderfox_nb.engine import Engine
from orderfox_nb.errors import FeedError
from orderfox_nb.market.connection import Market
from orderfox_nb.market.frames import funding_frame, mark_frame, trades_frame
from tests.desk.scripted import VENUE, ScriptedFeed, live
from tests.desk.scripted import trade as trade_at

pytestmark = pytest.mark.widgets

NOW_US = 1_722_470_400_000_000
ATTRIBUTES: dict[str, Any] = {"symbol": "BTCUSDT"}


@pytest.fixture
def feed() -> ScriptedFeed:
    return ScriptedFeed(ManualClock(NOW_US))


@pytest.fixture
def market(feed: ScriptedFeed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Market]:
    """A market on a scripted feed, which really runs on the engine's thread."""
    monkeypatch.setattr(engines, "open_feed", lambda *_: feed)
    engine = Engine(load_settings(ORDERFOX_URL="", BACKEND_URL="", ORDERFOX_DATA_DIR=str(tmp_path))).start()
    try:
        yield Market(engine)
    finally:
        engine.stop()


@pytest.mark.parametrize("channel", ["trades", "candles", "liquidations", "mark", "ticker", "open_interest", "funding"])
def test_a_symbol_that_never_traded_gives_an_empty_frame(market: Market, feed: ScriptedFeed, channel: str) -> None:
    topic = "mark" if channel == "funding" else channel
    named = Topic(VENUE, "BTCUSDT", topic, "1m" if channel == "candles" else "")  # type: ignore[arg-type]
    feed.preludes[named] = [live(NOW_US)]
    of = market["BTCUSDT"]
    frame = of.candles("1m").df if channel == "candles" else getattr(of, channel).df
    assert frame.empty
    assert len(frame.columns)
    assert isinstance(frame.index, pd.DatetimeIndex)
    assert (frame.attrs["quality"]["state"], frame.attrs["quality"]["whole"]) == ("live", True)


def test_a_topic_whose_connection_is_down_gives_what_is_known_marked_and_else_the_reason(
    market: Market, feed: ScriptedFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orderfox_nb.market.held.READY_S", 0.05)
    down = Status(symbol="BTCUSDT", time_us=NOW_US, state="down", reason="connection refused")
    feed.preludes[Topic(VENUE, "BTCUSDT", "trades")] = [trade_at(NOW_US, 1), down]
    frame = market["BTCUSDT"].trades.df
    assert len(frame) == 1
    assert (frame.attrs["quality"]["state"], frame.attrs["quality"]["whole"]) == ("down", False)
    feed.preludes[Topic(VENUE, "ETHUSDT", "trades")] = [
        Status(symbol="ETHUSDT", time_us=NOW_US, state="down", reason="no")
    ]
    with pytest.raises(FeedError, match="nothing to show"):
        _ = market["ETHUSDT"].trades.df


def test_trades_are_by_time_and_those_of_one_time_by_id() -> None:
    times = [5, 3, 4, 4, 9, 8]
    frame = trades_frame([trade_at(NOW_US + time, 10 + at) for at, time in enumerate(times)], ATTRIBUTES)
    assert frame.index.is_monotonic_increasing
    assert frame["id"].tolist() == [11, 12, 13, 10, 15, 14]


def test_a_contract_without_funding_has_a_mark_price_and_no_row_of_funding() -> None:
    mark = MarkPrice(
        symbol="BTCUSDT", time_us=NOW_US, mark_price=2.0, index_price=1.0, funding_rate=None, next_funding_us=0
    )
    frame = mark_frame(mark, ATTRIBUTES)
    assert (frame["mark"].item(), frame["index"].item()) == (2.0, 1.0)
    assert frame[["funding", "next_funding"]].isna().to_numpy().all()
    assert funding_frame(mark, ATTRIBUTES).empty
