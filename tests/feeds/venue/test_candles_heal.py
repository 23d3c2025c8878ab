"""Klines of two sockets and REST, in every order of arrival: in the end each bar is what the venue has."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from orderfox_nb.core.candles import CandleState
from orderfox_nb.core.events import Candle, Topic
from orderfox_nb.core.timeframes import MINUTE_US, SECOND_US, bar_open_us
from orderfox_nb.feeds.binance.messages import KlineRow
from orderfox_nb.feeds.binance.past import BinanceVenueRest
from orderfox_nb.feeds.binance.protocol import FUTURES
from orderfox_nb.feeds.binance.rest import BinanceRest
from orderfox_nb.feeds.venue.candles import CandlesFollower
from orderfox_nb.feeds.venue.followers import candles_since
from orderfox_nb.feeds.venue.items import Restarted
from orderfox_nb.feeds.venue.rows import Rows
from tests.core.facts import BTC, MONTH_US
from tests.feeds.venue.stream_machine import FATES, Restarting

pytestmark = pytest.mark.feeds

SENT = ("sent", "sent")


class Heal(Restarting):
    """A bar is identified by how many trades it has; the reader may be wrong about what time it is at the venue.

    That the venue restarted its klines do not always show: where they did not, the trades of the symbol do. An answer
    of REST may lag behind the stream.
    """

    proof = Candle

    @initialize(ahead_s=st.sampled_from([0, 0, 7, -7]), lagging=st.booleans())
    def open(self, ahead_s: int, lagging: bool = False) -> None:
        self.lagging = lagging
        self.before: dict[int, int] = {}
        self.ahead_us = ahead_s * SECOND_US
        self.bars: dict[int, int] = {}
        self.fold = CandleState(BTC, "1m")
        topic = Topic("sim", BTC.symbol, "candles", "1m")
        past = BinanceVenueRest(cast("BinanceRest", _Rest(self)), venue="sim", now_us=self.reader_us)
        self.begin(
            topic,
            lambda reporter, fetches: CandlesFollower(
                reporter, fetches, partial(candles_since, past, topic, self.reader_us)
            ),
        )
        self.trade(1, SENT)

    def reader_us(self) -> int:
        return self.now_us + self.ahead_us

    @rule(pause_s=st.integers(1, 25), fates=FATES, last=FATES)
    def klines(self, pause_s: int, fates: tuple[str, str], last: tuple[str, str]) -> None:
        """Let time pass, a trade happen and a bar end: its last trade is reported only with its end."""
        self.before = dict(self.bars)
        before_us = bar_open_us(self.now_us, "1m")
        self.now_us += pause_s * SECOND_US
        if bar_open_us(self.now_us, "1m") > before_us:
            self.bars[before_us] += 1
            self.send(self._kline(before_us, closed=True), last)
        self.trade(1, fates)

    def wait(self, seconds: int) -> None:
        """Nobody waits without klines: an answer is what the venue has by then."""

    def trade(self, count: int, fates: tuple[str, str]) -> None:
        open_us = bar_open_us(self.now_us, "1m")
        self.bars[open_us] = self.bars.get(open_us, 0) + count
        self.send(self._kline(open_us, closed=False), fates)

    def _kline(self, open_us: int, *, closed: bool) -> Candle:
        return Candle(
            symbol=BTC.symbol,
            time_us=self.now_us,
            received_us=self.now_us,
            interval="1m",
            open_us=open_us,
            open=1.0,
            high=1.0,
            low=1.0,
            close=1.0,
            volume=1.0,
            trades=self.bars[open_us],
            closed=closed,
        )

    async def klines_rows(self, start_ms: int | None, limit: int) -> list[KlineRow]:
        rows = [
            KlineRow(open_us // 1_000, 1.0, 1.0, 1.0, 1.0, 1.0, (open_us + MINUTE_US) // 1_000 - 1, 1.0, trades, 1.0)
            for open_us, trades in (self.before if self.lagging else self.bars).items()
            if start_ms is None or open_us >= start_ms * 1_000
        ]
        return rows[-limit:] if start_ms is None else rows[:limit]

    def forget(self) -> None:
        self.bars = dict.fromkeys(range(MONTH_US, bar_open_us(self.now_us, "1m"), MINUTE_US), 50)
        self.bars[bar_open_us(self.now_us, "1m")] = 1
        self.before = dict(self.bars)

    def go_on(self) -> None:
        for _ in range(2):
            self.klines(2, SENT, SENT)
            self.settle()
        if self.must_report or self.may_report:
            self.inbox.put_first(Restarted("trade ids went back"))
        self.settle()

    def check(self) -> None:
        """After all trouble and two more bars each bar is what the venue has."""
        for _ in range(12):
            self.klines(11, SENT, SENT)
            self.settle()
        view = self.fold.view()
        assert dict(zip(view.open_us.tolist(), view.trades.tolist(), strict=True)) == self.bars
        assert all(view.closed.tolist()[:-1])


class _Rest:
    """The part of REST that is asked for bars."""

    api = FUTURES
    rows = Rows()

    def __init__(self, venue: Heal) -> None:
        self._venue = venue

    async def klines(self, symbol: str, interval: str, **asked: Any) -> list[KlineRow]:
        return await self._venue.klines_rows(asked["start_ms"], asked["limit"])


TestHeal = Heal.TestCase
TestHeal.settings = settings(max_examples=200, stateful_step_count=50)


def test_a_frame_of_a_bar_that_is_over_and_comes_late_changes_nothing() -> None:
    venue = Heal()
    venue.open(ahead_s=0)
    venue.connect()
    venue.settle()
    venue.klines(10, SENT, SENT)
    venue.begin_handover()
    venue.klines(25, SENT, SENT)
    venue.klines(26, SENT, last=("sent", "dropped"))
    old, new = venue.unread()
    while old.frames:
        venue._receive(old)
    assert not any(frame.closed for frame in new.frames if isinstance(frame, Candle))
    venue.end_handover(succeeds=True)
    venue.teardown()


def test_an_end_that_is_missed_while_bars_are_asked_for_is_asked_for_again() -> None:
    venue = Heal()
    venue.open(ahead_s=0)
    venue.connect()
    venue.read()
    venue.klines(40, SENT, SENT)
    venue.fetches.answer("past bars")
    venue.klines(21, SENT, last=("dropped", "dropped"))
    for socket in venue.unread() * 2:
        venue._receive(socket)
        venue.read()
    venue.teardown()


def test_a_late_trade_in_a_bar_that_was_over_corrects_it_and_nothing_is_forgotten() -> None:
    venue = Heal()
    venue.open(ahead_s=0)
    venue.connect()
    venue.settle()
    venue.klines(40, SENT, SENT)
    venue.klines(30, SENT, SENT)
    venue.settle()
    over_us = max(open_us for open_us in venue.bars if open_us < bar_open_us(venue.now_us, "1m"))
    venue.cut()
    venue.bars[over_us] += 2
    # That the venue restarted would fail it: it did not.
    venue.teardown()
    assert venue.gaps == 0
