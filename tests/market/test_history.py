# pandas has no stubs.
# pyright: reportGeneralTypeIssues=false, reportArgumentType=false
"""Ranges of the past in a notebook: whole, each event once, and said to be so."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from orderfox_nb.config import load_settings
from orderfox_nb.core.events import Liquidation, Trade
from orderfox_nb.core.timeframes import DAY_US, HOUR_US, MINUTE_US, bar_open_us
from orderfox_nb.engine import Engine
from orderfox_nb.errors import BadValue, RateLimited, VenueUnreachable
from orderfox_nb.feeds.past import Span, read_past
from orderfox_nb.market import history
from orderfox_nb.market.channels import EngineRanges
from orderfox_nb.market.connection import Market, Symbol

pytestmark = pytest.mark.widgets


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp("history")
    settings = load_settings(
        ORDERFOX_SOURCE="sim?seed=7&symbols=2", ORDERFOX_URL="", BACKEND_URL="", ORDERFOX_DATA_DIR=str(folder)
    )
    engine = Engine(settings).start()
    yield engine
    engine.stop()


@pytest.fixture
def btc(engine: Engine) -> Iterator[Symbol]:
    with Market(engine) as market:
        yield market["BTCUSDT"]


def times_us(frame: pd.DataFrame) -> list[int]:
    return frame.index.astype("int64").tolist()


def test_a_year_of_bars_is_whole_and_the_second_reading_asks_for_the_newest_alone(engine: Engine, btc: Symbol):
    now_us = engine.desk.now_us()
    start_us = now_us - 365 * DAY_US
    frame = btc.candles("15m", start=start_us, end=now_us)
    first_us = bar_open_us(start_us, "15m") + 15 * MINUTE_US
    assert times_us(frame) == list(range(first_us, now_us, 15 * MINUTE_US))
    assert frame["closed"].iloc[:-1].all()
    assert not frame["closed"].iloc[-1]
    assert (frame["low"] <= frame[["open", "close"]].min(axis=1)).all()
    assert (frame["high"] >= frame[["open", "close"]].max(axis=1)).all()
    assert (frame["open"].iloc[1:].to_numpy() > 0).all()
    coverage = frame.attrs["coverage"]
    assert coverage["complete"]
    assert coverage["ranges"] == [{"start_us": start_us, "end_us": now_us, "source": "venue"}]
    assert (frame.attrs["symbol"], frame.attrs["venue"], frame.attrs["simulated"]) == ("BTCUSDT", "sim", True)
    assert json.loads(json.dumps(frame.attrs))["coverage"] == coverage
    # Hours are made of the same trades.
    hours = btc.candles("1h", start=now_us - 90 * DAY_US, end=now_us)
    closed = hours[hours["closed"]]
    made = frame.resample("1h").agg({"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"})
    pd.testing.assert_frame_equal(made.loc[closed.index], closed[list(made.columns)], check_freq=False, rtol=1e-9)
    calls = engine.desk.exchange_calls
    again = btc.candles("15m", start=start_us, end=now_us - DAY_US)
    assert engine.desk.exchange_calls == calls
    pd.testing.assert_frame_equal(again, frame[frame.index < again.index[-1] + pd.Timedelta("15min")])


def test_trades_and_liquidations_are_those_of_the_venue(engine: Engine, btc: Symbol):
    now_us = engine.desk.now_us()
    start_us, end_us = now_us - 20 * MINUTE_US, now_us - 10 * MINUTE_US
    frame = btc.trades.history(start_us, end_us)
    ids = [int(text) for text in frame["id"]]
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    assert start_us <= times_us(frame)[0] <= times_us(frame)[-1] < end_us
    # The venue's own ids at both ends.
    topic = btc.trades.topic
    for span, wanted in (
        (Span(before_id=str(ids[0]), limit=1), lambda time_us: time_us < start_us),
        (Span(from_id=str(ids[-1] + 1), limit=1), lambda time_us: time_us >= end_us),
    ):
        (beside,), _ = engine.run(read_past(engine.desk.hub.past, topic, Trade, span))
        assert wanted(beside.time_us)
    start_us = now_us - 2 * DAY_US
    orders = btc.liquidations.history(start_us, now_us)
    topic = btc.liquidations.topic
    known, _ = engine.run(read_past(engine.desk.hub.past, topic, Liquidation, Span(start_us=start_us, end_us=now_us)))
    assert times_us(orders) == [order.time_us for order in known]
    assert orders["notional"].sum() == pytest.approx(sum(order.notional for order in known))
    assert set(orders["liquidated"]) == {"long", "short"}


def test_funding_open_interest_and_mark_prices_come_by_their_periods(btc: Symbol):
    funding = btc.funding.history("-30d")
    assert len(funding) in {90, 91}
    assert (funding.index == funding["next_funding"]).all()
    assert funding["funding"].abs().max() < 0.01
    interest = btc.open_interest.history("-3d", period="15m")
    assert len(interest) in {288, 289}
    assert (interest["open_interest"] > 0).all()
    marks = btc.mark.history("-2h")
    assert list(marks.columns) == ["mark", "index"]
    assert len(marks) in {120, 121}
    bars = btc.candles("1m", start="-2h")
    assert (marks["mark"] / bars["open"].reindex(marks.index) - 1).abs().max() < 0.01
    for frame in (funding, interest, marks):
        assert frame.attrs["coverage"]["complete"]
        assert frame.index.is_monotonic_increasing
        assert frame.index.is_unique


@pytest.mark.parametrize(
    "start", ["2026-01-05", "2026-01-05T00:00:00Z", "2026-01-05T01:00+01:00", datetime(2026, 1, 5, tzinfo=UTC)]
)
def test_a_time_is_given_in_any_usual_form(btc: Symbol, start: Any):
    frame = btc.candles("1h", start=start, end="2026-01-06")
    assert (len(frame), str(frame.index[0])) == (24, "2026-01-05 00:00:00+00:00")


@pytest.mark.parametrize(
    ("read", "words"),
    [
        (lambda btc: btc.candles("1h", start="2026-01-06", end="2026-01-05"), "a time after the start"),
        (lambda btc: btc.candles("1h", start="2100-01-01"), "a time in the past"),
        (lambda btc: btc.candles("1h", start="yesterday"), "Invalid start 'yesterday'"),
        (lambda btc: btc.candles("1h", start=datetime(2026, 1, 5)), "zone"),  # noqa: DTZ001 - refused
        (lambda btc: btc.candles("1h", start=-5), "Invalid start"),
        (lambda btc: btc.candles("1h", end="2026-01-05"), "a start as well"),
        (lambda btc: btc.candles("7m", start="-1h"), "Invalid timeframe"),
        (lambda btc: btc.mark.history(period="7m"), "Invalid period"),
    ],
)
def test_a_range_that_is_none_is_refused(btc: Symbol, read: Callable[[Symbol], object], words: str):
    with pytest.raises(BadValue, match=words):
        read(btc)


def test_what_cannot_be_known_is_missing_and_says_why(btc: Symbol):
    frame = btc.candles("1M", start="2015-01-01", end="2100-01-01")
    before, after = frame.attrs["coverage"]["missing"]
    assert before["reason"].startswith("before the listing of BTCUSDT on 20")
    assert after["reason"] == "in the future"
    assert not frame.attrs["coverage"]["complete"]
    assert times_us(frame)[0] == before["end_us"]
    interest = btc.open_interest.history("-1h", period="1m")
    assert len(interest) == 0
    assert "5m, 15m" in interest.attrs["coverage"]["missing"][0]["reason"]


def test_an_interrupted_reading_goes_on_from_its_last_page(
    engine: Engine, btc: Symbol, monkeypatch: pytest.MonkeyPatch
):
    end_us = engine.desk.now_us() - 400 * DAY_US
    end_us -= end_us % DAY_US
    start_us = end_us - 6 * DAY_US
    page, done = EngineRanges.page, 0

    def interrupted(self: EngineRanges, topic: Any, start_us: int, end_us: int) -> Any:
        nonlocal done
        if done == 4:
            raise KeyboardInterrupt
        done += 1
        return page(self, topic, start_us, end_us)

    monkeypatch.setattr(EngineRanges, "page", interrupted)
    with pytest.raises(KeyboardInterrupt):
        btc.candles("1m", start=start_us, end=end_us)
    monkeypatch.setattr(EngineRanges, "page", page)
    calls = engine.desk.exchange_calls
    frame = btc.candles("1m", start=start_us, end=end_us)
    assert len(frame) == 6 * 1_440
    assert engine.desk.exchange_calls == calls + 2


def test_a_budget_that_is_used_up_is_waited_for(btc: Symbol, monkeypatch: pytest.MonkeyPatch):
    waited: list[float] = []
    page = EngineRanges.page

    def limited(self: EngineRanges, topic: Any, start_us: int, end_us: int) -> Any:
        if not waited:
            raise RateLimited("sim", "the request budget of this minute is used up", status=429, retry_after_s=17.5)
        return page(self, topic, start_us, end_us)

    monkeypatch.setattr(EngineRanges, "page", limited)
    monkeypatch.setattr(history.time, "sleep", waited.append)
    assert len(btc.candles("1h", start="-5h")) == 5
    assert waited == [17.5]


def test_a_venue_that_cannot_be_asked_is_an_error(engine: Engine, btc: Symbol, monkeypatch: pytest.MonkeyPatch):
    async def unreachable(*_: object) -> Any:
        raise VenueUnreachable("sim", "no answer")

    monkeypatch.setattr(engine.desk.ranges, "_fetch", unreachable)
    with pytest.raises(VenueUnreachable):
        btc.candles("1m", start=engine.desk.now_us() - 700 * DAY_US, end=engine.desk.now_us() - 700 * DAY_US + HOUR_US)


def test_nothing_is_left_on_disk_but_whole_files(engine: Engine, btc: Symbol):
    btc.trades.history("-1m")
    folder = Path(engine.settings.data_dir) / "history"
    assert {path.suffix for path in folder.rglob("*") if path.is_file()} == {".ofp"}
