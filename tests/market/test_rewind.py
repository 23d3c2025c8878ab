"""A market of the past in a notebook, beside the live one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pandas as pd
import pytest

from orderfox_nb.config import load_settings
from orderfox_nb.engine import Engine
from orderfox_nb.errors import BadValue, NoPast
from orderfox_nb.market.connection import Market
from tests.recorded_files import recorded_s

pytestmark = pytest.mark.server


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """The embedded exchange, with a few seconds of trades on disk."""
    folder = tmp_path_factory.mktemp("data")
    settings = load_settings(ORDERFOX_SOURCE="sim?symbols=1", data_dir=folder, ORDERFOX_RECORDING="1")
    engine = Engine(settings).start()
    try:
        market = Market(engine)
        with pytest.raises(NoPast, match="nothing is recorded yet"):
            market.rewind()
        assert len(market["BTCUSDT"].trades.df)
        until(lambda: recorded_s(folder) > 3)
        yield market
        market.close()
    finally:
        engine.stop()


def newest(trades: pd.DataFrame) -> int:
    return int(trades.index[-1].value) // 1000


def test_it_has_the_names_of_the_live_market_and_a_clock_of_its_own(market: Market) -> None:
    with market.rewind("-2s") as past:
        past.pause()
        assert past.origin.recorded
        assert not market.origin.recorded
        trades = past["BTCUSDT"].trades
        shown = trades.df
        assert newest(shown) <= past.now.timestamp() * 1e6
        assert shown.attrs["quality"]["whole"]
        # The live market goes on, and the past stands.
        before = newest(market["BTCUSDT"].trades.df)
        until(lambda: newest(market["BTCUSDT"].trades.df) > before)
        assert newest(trades.df) == newest(shown)
        at = past.now

        def stepped() -> bool:
            # In a calm market the next trade may not be recorded yet when a step gives up.
            past.step(1)
            return not trades.df.index.equals(shown.index)

        for _ in range(3):
            until(stepped)
            # What is read right behind a move is of the new time already.
            past.seek(at)
            pd.testing.assert_frame_equal(trades.df, shown)
        assert not past.playing
        past.play(speed=5)
        until(lambda: past.now > at)
        assert past.speed == 5
        past.pause()
        past.seek(at)
        assert past.now == at
    assert len(market["BTCUSDT"].trades.df)


def test_what_cannot_be_played_is_said(market: Market) -> None:
    for wrong, name in (({"to": "soon"}, "time"), ({"speed": 1000}, "speed"), ({"speed": 0}, "speed")):
        with pytest.raises(BadValue, match=name):
            market.rewind(**wrong)  # type: ignore[arg-type]
