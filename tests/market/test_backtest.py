# pandas has no stubs.
# pyright: reportGeneralTypeIssues=false, reportAttributeAccessIssue=false
"""Backtests: a band over queue models, the same on every run, and nothing that a strategy could know too early."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest

import orderfox_nb
from orderfox_nb.bots.account.brackets import Brackets
from orderfox_nb.bots.limits import RiskLimits
from orderfox_nb.bots.paper.queues import QueueModel
from orderfox_nb.bots.parameters import Size, Ticks
from orderfox_nb.bots.results.run import MeasuredRun
from orderfox_nb.bots.strategy import Strategy
from orderfox_nb.bots.terms import PaperTerms
from orderfox_nb.core.events import Event, Liquidation
from orderfox_nb.errors import BadValue
from orderfox_nb.market.backtest.result import BacktestResult
from orderfox_nb.market.backtest.running import run_backtest
from tests.desk.scripted import BTC
from tests.market.made_market import FUNDING_SECOND, market_events, record_market
from tests.recording.made import SECOND_US, START_US

pytestmark = pytest.mark.core

SECONDS = 60
START = datetime.fromtimestamp(START_US / 1e6, UTC)


class TouchQuoter(Strategy):
    """Quote both sides at the touch, once a second."""

    size: Size = Decimal("0.010")
    away: Ticks = 1

    def on_start(self, desk: Any) -> None:
        desk.every("1s")

    def on_timer(self, timer: Any, desk: Any) -> None:
        desk.cancel_all()
        if desk.position.lots <= 0:
            desk.buy(self.size, at=desk.book.best_bid - (self.away - 1) * desk.tick)
        if desk.position.lots >= 0:
            desk.sell(self.size, at=desk.book.best_ask + (self.away - 1) * desk.tick)


class Holder(Strategy):
    """Buy once and hold."""

    size: Size = Decimal("0.100")

    def on_start(self, desk: Any) -> None:
        desk.buy(self.size)


class LiquidationCounter(Strategy):
    """Buy after every liquidation."""

    size: Size = Decimal("0.001")

    def on_liquidation(self, event: Any, desk: Any) -> None:
        assert event.symbol == "BTCUSDT"
        desk.buy(self.size)


class FailingTrader(Strategy):
    """Raise an error at the tenth trade."""

    seen = 0

    def on_trade(self, trade: Any, desk: Any) -> None:
        self.seen += 1
        if self.seen == 10:
            raise ZeroDivisionError("ten")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record_market(tmp_path_factory.mktemp("recordings") / "minute", SECONDS)


@pytest.fixture(scope="module")
def quoted(folder: Path) -> BacktestResult:
    return run_backtest(TouchQuoter(), orderfox_nb.open_recording(folder))


def test_three_queue_models_run_side_by_side_and_their_profits_are_a_band(quoted: BacktestResult):
    assert [run.model for run in quoted.runs] == ["risk_averse", "log", "power"]
    low, high = quoted.band
    profits = [run.metrics.profit for run in quoted.runs]
    assert (low, high) == (min(profits), max(profits))
    # At the touch the place in the queue matters, so the band has a width.
    assert low < high
    assert all(run.metrics.fills for run in quoted.runs)
    equity = quoted.equity
    assert (equity["low"] <= equity["high"]).all()
    assert equity["low"].iloc[0] == 10_000
    assert [equity[run.model].iloc[-1] - 10_000 for run in quoted.runs] == pytest.approx(profits)


def test_frames_agree_with_one_another_and_with_the_ledger(quoted: BacktestResult):
    fills, trades, orders, metrics = quoted.fills, quoted.trades, quoted.orders, quoted.metrics
    for run in quoted.runs:
        own = fills[fills["model"] == run.model]
        assert own["fee"].sum() == pytest.approx(float(run.ledger.fees))
        assert own["realised"].sum() == pytest.approx(float(run.ledger.realised))
        assert (own["price"] * own["size"]).sum() == pytest.approx(metrics.loc["turnover", run.model])
        signed = own["size"].where(own["side"] == "buy", -own["size"])
        assert signed.sum() == pytest.approx(own["position"].iloc[-1])
        assert BTC.size(run.open_lots) == pytest.approx(own["position"].iloc[-1])
        mine = trades[trades["model"] == run.model]
        cash = float(run.ledger.cash - run.ledger.deposit)
        assert mine["profit"].sum() == pytest.approx(cash)
        sent = orders[orders["model"] == run.model]
        assert sent["filled"].sum() == pytest.approx(own["size"].sum())
        assert set(sent["state"]) <= {"filled", "cancelled", "rejected", "expired"}
    assert (quoted.drawdown <= 0).all(axis=None)
    assert fills.index.is_monotonic_increasing
    assert fills.attrs["data_digest"] == quoted.data_digest


def test_a_backtest_is_equal_on_every_run(folder: Path, quoted: BacktestResult):
    again = run_backtest(TouchQuoter(), folder)
    assert (again.digest, again.data_digest, again.code_digest) == (
        quoted.digest,
        quoted.data_digest,
        quoted.code_digest,
    )
    pd.testing.assert_frame_equal(again.metrics, quoted.metrics)
    pd.testing.assert_frame_equal(again.equity, quoted.equity)
    assert run_backtest(TouchQuoter(away=2), folder).digest != quoted.digest


def test_a_session_that_was_restored_half_way_ends_with_an_equal_report():
    events = market_events(30)
    terms = PaperTerms()

    def new() -> MeasuredRun:
        channels = {topic.channel for topic, _ in events}
        return MeasuredRun(TouchQuoter(), BTC, terms=terms, queue=QueueModel("log"), channels=channels)

    first, second = new(), new()
    half = len(events) // 2
    for topic, event in events[:half]:
        first.session.apply(event, topic.channel)
    second.session.restore(first.session.snapshot())
    for topic, event in events[half:]:
        first.session.apply(event, topic.channel)
        second.session.apply(event, topic.channel)
    end_us = events[-1][1].time_us
    one, two = first.finish(end_us), second.finish(end_us)
    assert one.bookings
    assert (two.digest, two.ledger, two.open_lots) == (one.digest, one.ledger, one.open_lots)
    assert list(two.bookings) == list(one.bookings)
    assert list(two.trips) == list(one.trips)


def test_what_comes_later_changes_nothing_of_what_was_done_before(folder: Path):
    """The strongest form of no look-ahead: with the future cut off, the past is the same."""
    whole = run_backtest(TouchQuoter(), folder)
    cut_us = START_US + 30 * SECOND_US
    cut = run_backtest(TouchQuoter(), orderfox_nb.open_recording(folder)[: START + timedelta(seconds=30)])

    def before(result: BacktestResult) -> list[Any]:
        # Orders that were sent, and fills that happened, up to the cut.
        return [
            [order for run in result.runs for order in run.orders if order.time_us < cut_us - SECOND_US],
            [fill for run in result.runs for fill in run.bookings if fill.time_us < cut_us - SECOND_US],
        ]

    assert before(cut) == before(whole)
    assert all(before(whole))


class Peeking(Strategy):
    """Search everything within reach for an event that is newer than the present."""

    ages: ClassVar[list[int]] = []

    def on_trade(self, trade: Any, desk: Any) -> None:
        known, waiting = set[int](), [desk, self]
        while waiting and len(known) < 20_000:
            one = waiting.pop()
            if id(one) in known:
                continue
            known.add(id(one))
            if isinstance(one, Event):
                self.ages.append(one.time_us - trade.time_us)
            elif isinstance(one, dict):
                waiting += one.values()
            elif isinstance(one, list | tuple | set | deque):
                waiting += one
            elif hasattr(one, "__next__"):
                raise AssertionError(f"an iterator is within reach: {one}")
            elif type(one).__module__.startswith(("orderfox_nb", "tests")):
                names = [*getattr(one, "__slots__", ()), *getattr(one, "__dict__", {})]
                waiting += [getattr(one, name, None) for name in names]
        assert not waiting


def test_a_strategy_that_looks_for_the_future_finds_nothing_newer_than_its_event(folder: Path):
    recording = orderfox_nb.open_recording(folder)[: START + timedelta(seconds=5)]
    Peeking.ages.clear()
    result = run_backtest(Peeking(), recording, models=[QueueModel()])
    assert not result.error
    assert len(Peeking.ages) > 100
    assert max(Peeking.ages) == 0


def test_funding_is_paid_at_the_time_that_the_venue_announced(folder: Path):
    result = run_backtest(Holder(), folder, models=[QueueModel()])
    paid = result.funding
    assert len(paid) == 1
    late_us = paid.index.as_unit("us").asi8[0] - START_US - FUNDING_SECOND * SECOND_US
    assert 0 <= late_us < SECOND_US
    assert paid["amount"].iloc[0] == pytest.approx(-0.1 * 60_000 * 0.0001, rel=1e-3)
    assert result.runs[0].metrics.funding == pytest.approx(paid["amount"].sum())
    assert result.runs[0].metrics.time_in_market == pytest.approx(1, abs=0.02)
    assert any("open at the end" in note for note in result.notes)


def test_a_gap_is_in_the_report_and_nothing_is_filled_in_it(tmp_path: Path):
    folder = record_market(tmp_path / "gap", 40, gap_at=20)
    result = run_backtest(TouchQuoter(), folder)
    gaps = result.gaps
    assert len(gaps) == 1
    assert gaps["reason"].str.contains("a test lost it").all()
    start, end = gaps.index[0], gaps["end"].iloc[0]
    assert timedelta(0) < end - start < timedelta(seconds=3)
    fills = result.fills
    assert not ((fills.index > start) & (fills.index < end)).any()
    assert (fills.index > end).any()
    assert any("incomplete once" in note for note in result.notes)


def test_an_error_stops_the_strategy_and_is_reported_with_its_line(folder: Path):
    result = run_backtest(FailingTrader(), folder, models=[QueueModel()])
    assert "ZeroDivisionError: ten" in result.error
    assert 'raise ZeroDivisionError("ten")' in result.error
    assert any("stopped by an error" in note for note in result.notes)


def test_a_limit_of_loss_ends_trading(folder: Path):
    terms = PaperTerms(limits=RiskLimits(loss=Decimal("0.5")))
    result = run_backtest(TouchQuoter(size="0.05"), folder, terms=terms, models=[QueueModel()])
    assert "loss of 0.5" in result.runs[0].stopped
    assert (
        result.runs[0].metrics.fills
        < run_backtest(TouchQuoter(size="0.05"), folder, models=[QueueModel()]).runs[0].metrics.fills
    )


def test_liquidations_are_found_in_the_stream_of_all_symbols(tmp_path: Path):
    orders = [
        Liquidation(
            symbol=symbol, time_us=START_US + second * SECOND_US, received_us=START_US + second * SECOND_US + 20_000,
            side="sell", size=0.5, price=60_000.0,
        )
        for second, symbol in ((3, "BTCUSDT"), (4, "ETHUSDT"), (5, "BTCUSDT"))
    ]  # fmt: skip
    folder = record_market(tmp_path / "forced", 10, liquidations=orders)
    result = run_backtest(LiquidationCounter(), folder, symbol="BTCUSDT", models=[QueueModel()])
    assert not result.error
    assert "liquidations" in result.channels
    assert result.runs[0].metrics.orders == 2


def test_a_part_begins_with_its_own_time(folder: Path):
    part = orderfox_nb.open_recording(folder)[START + timedelta(seconds=20) : START + timedelta(seconds=40)]
    result = run_backtest(TouchQuoter(), part["BTCUSDT"], models=[QueueModel()])
    times = result.equity.index
    assert times[0] >= START + timedelta(seconds=19)
    assert times[-1] <= START + timedelta(seconds=40)
    assert np.all(result.orders.index >= times[0])


@pytest.mark.parametrize(
    ("options", "named"), [({"symbol": "ETHUSDT"}, "symbol"), ({"models": []}, "models")]
)  # fmt: skip
def test_a_wrong_argument_is_refused_with_what_is_right(folder: Path, options: dict[str, Any], named: str):
    with pytest.raises(BadValue, match=named):
        run_backtest(TouchQuoter(), folder, **options)


def test_terms_may_be_numbers_or_texts_and_are_exact():
    terms = PaperTerms(cash=5_000, maker="0.0001", taker=0.0004, limits=RiskLimits(loss=100, position="0.5"))
    account = terms.account(BTC)
    assert (account.cash, account.maker, account.taker) == (5_000, Decimal("0.0001"), Decimal("0.0004"))
    assert (terms.limits.loss, terms.limits.position) == (100, Decimal("0.5"))
    refused: list[dict[str, Any]] = [{"cash": "much"}, {"maker": float("nan")}]
    for wrong in refused:
        with pytest.raises(BadValue, match=next(iter(wrong))):
            PaperTerms(**wrong)
    with pytest.raises(BadValue, match="loss"):
        RiskLimits(loss="none")


def test_a_class_in_place_of_a_strategy_is_refused(folder: Path):
    with pytest.raises(BadValue, match="an instance"):
        run_backtest(TouchQuoter, folder)  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["cross", "isolated"])
def test_a_position_without_margin_is_liquidated_and_leaves_no_debt(folder: Path, mode: Any):
    # A deposit that covers little more than the fee of the first order.
    terms = PaperTerms(cash=100, leverage=100, mode=mode, brackets=Brackets.flat("0.0099", max_leverage=100))
    result = run_backtest(Holder(size="0.160"), folder, terms=terms)
    for run in result.runs:
        assert run.metrics.liquidations == 1
        assert run.open_lots == 0
        assert 0 <= run.ledger.cash < 100
        assert run.curve.equity.min() >= 0
    assert result.trades["liquidated"].all()
    assert result.fills["liquidation"].any()
    assert any("liquidated" in note for note in result.notes)
