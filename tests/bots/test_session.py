"""A session is a fold whose steps have an order."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from orderfox_nb.bots.account.account import Account
from orderfox_nb.bots.latency import Latency
from orderfox_nb.bots.limits import RiskGuard, RiskLimits
from orderfox_nb.bots.strategy import Strategy
from orderfox_nb.errors import BadValue, EventError
from tests.bots.diary import ASKS, BIDS, Diary
from tests.bots.sessions import START_US, EventScript, run, session_of
from tests.core.books import BTC

pytestmark = pytest.mark.core


def test_each_event_reaches_its_callback_and_nothing_else():
    script = EventScript()
    diary = Diary()
    minute = START_US - START_US % 60_000_000
    run(
        session_of(diary),
        [
            script.book(BIDS, ASKS),
            script.change({1_000: 5}),
            script.trade(1_001),
            script.mark(1_001),
            script.liquidation("sell", 100.1, 1),
            script.candle(100.0, open_us=minute),
            script.candle(100.0, open_us=minute),
            script.candle(100.0, open_us=minute + 60_000_000, closed=False),
        ],
    )
    assert diary.calls == ["start", "book", "trade", "mark 100.1", "liquidation", "candle"]


def test_a_step_has_an_order_commands_venue_answers_timers_strategy():
    script = EventScript()

    def act(desk: Any) -> None:
        desk.every("1ms", "tick")
        desk.buy("0.005")

    diary = Diary(("trade", act))
    session = session_of(diary)
    run(session, [script.book(BIDS, ASKS), script.trade(1_001)])
    assert diary.calls == ["start", "trade"]
    run(session, [script.trade(1_001)])
    assert diary.calls[2:] == [
        "order 1 open",
        "fill 0.005 at 100.2, holding 0.005",
        "order 1 filled",
        "timer tick",
        "trade",
    ]


def test_an_order_arrives_with_the_first_event_at_or_after_its_arrival():
    script = EventScript()
    diary = Diary(("trade", lambda desk: desk.buy("0.005", at=100.0)))
    session = session_of(diary, latency=Latency.constant(3_000, 2_000))
    run(session, [script.book(BIDS, ASKS), script.trade(1_001)])
    [sent] = session.orders
    # Its time of receipt less the smallest delay so far is the venue's time.
    assert (sent.time_us, sent.arrival_us) == (script.now_us, script.now_us + 3_000)
    run(session, [script.trade(1_001, after_us=2_999)])
    assert not session.reports
    run(session, [script.trade(1_001, after_us=1)])
    assert [(report.state, report.time_us) for report in session.reports] == [("open", sent.arrival_us)]
    assert "order 1 open" not in diary.calls
    run(session, [script.trade(1_001, after_us=1_999)])
    assert "order 1 open" not in diary.calls
    run(session, [script.trade(1_001, after_us=1)])
    assert diary.calls[-2:] == ["order 1 open", "trade"]


def test_a_handle_changes_by_answers_and_not_by_commands():
    script = EventScript()
    orders: list[Any] = []
    diary = Diary(("trade", lambda desk: orders.append(desk.buy("0.005", at=100.0))), ("trade", lambda _: cancel()))
    session = session_of(diary, latency=Latency.constant(0, 5_000))

    def cancel() -> None:
        orders[0].cancel()
        assert orders[0].state == "sent"

    run(session, [script.book(BIDS, ASKS), script.trade(1_001), script.trade(1_001), script.trade(1_001)])
    assert [report.state for report in session.reports] == ["open", "cancelled"]
    assert (orders[0].state, session.desk.orders) == ("sent", orders)
    run(session, [script.trade(1_001, after_us=10_000)])
    assert (orders[0].state, session.desk.orders) == ("cancelled", [])


def test_an_order_expires_when_it_was_asked_to():
    script = EventScript()
    session = session_of(Diary(("trade", lambda desk: desk.buy("0.005", at=100.0, expire="10ms"))))
    run(session, [script.book(BIDS, ASKS), script.trade(1_001), script.trade(1_001, after_us=9_999)])
    assert [report.state for report in session.reports] == ["open"]
    run(session, [script.trade(1_001, after_us=1)])
    assert [report.state for report in session.reports] == ["open", "cancelled"]


def test_a_late_trade_does_not_touch_an_order_that_arrived_after_it():
    script = EventScript()
    session = session_of(Diary(("trade", lambda desk: desk.buy("0.005", at=100.1))))
    run(session, [script.book(BIDS, ASKS), script.trade(1_001), script.change({999: 3})])
    assert [report.state for report in session.reports] == ["open"]
    arrived_us = session.reports[0].time_us
    late = script.trade(1_000, 500, "sell", after_us=arrived_us - 1 - script.now_us)
    run(session, [late])
    assert not session.fills
    run(session, [script.trade(1_000, 500, "sell", after_us=5_000)])
    assert session.fills


def test_an_error_stops_the_bot_cancels_its_orders_and_shows_the_line():
    script = EventScript()

    def broken(desk: Any) -> None:
        raise ZeroDivisionError("of mine")

    diary = Diary(("trade", lambda desk: desk.buy("0.005", at=100.0)), ("trade", broken))
    session = session_of(diary)
    for event in [script.book(BIDS, ASKS), script.trade(1_001), script.trade(1_001), script.trade(1_001)]:
        session.apply(event)
    failure = session.error
    assert failure is not None
    assert (session.state, failure.callback) == ("failed", "on_trade")
    assert failure.file == __file__
    assert failure.code == 'raise ZeroDivisionError("of mine")'
    assert failure.error == "ZeroDivisionError: of mine"
    assert "in broken" in failure.trace
    assert "in note" in failure.trace
    assert "steps.py" not in failure.trace
    assert [report.state for report in session.reports] == ["open", "cancelled"]
    calls = len(diary.calls)
    session.apply(script.trade(1_001))
    session.finish()
    assert len(diary.calls) == calls


def test_stop_calls_on_stop_and_cancels_once_the_cancel_arrives():
    script = EventScript()
    diary = Diary(("trade", lambda desk: desk.buy("0.005", at=100.0)))
    session = session_of(diary, latency=Latency.constant(1_000, 0))
    run(session, [script.book(BIDS, ASKS), script.trade(1_001), script.trade(1_001)])
    session.stop("enough")
    session.stop("twice")
    assert (session.state, session.stopped, diary.calls.count("stop")) == ("stopped", "enough", 1)
    assert session.gateway.open
    run(session, [script.trade(1_001)])
    assert not session.gateway.open


def test_finish_ends_everything_that_is_open():
    script = EventScript()
    session = session_of(Diary(("trade", lambda desk: desk.buy("0.005", at=100.0))))
    run(session, [script.book(BIDS, ASKS), script.trade(1_001), script.trade(1_001)])
    session.finish()
    assert [report.state for report in session.reports] == ["open", "cancelled"]
    assert not session.desk.orders


def test_order_whose_trigger_is_reached_needs_its_margin_once():
    script = EventScript()
    # Enough for one and a half times the order at ten times leverage.
    diary = Diary(("start", lambda desk: desk.buy("0.600", stop=100.2)))
    session = session_of(diary, account=Account(BTC, cash=Decimal(9)))
    events = [script.book({1_000: 1_000}, {1_002: 1_000}), *(script.trade(ticks) for ticks in (1_000, 1_002, 1_002))]
    run(session, events)
    assert [report.state for report in session.reports] == ["waiting", "open", "filled"]


def test_funding_is_paid_at_the_time_of_the_venue_and_a_loss_too_large_is_liquidated():
    script = EventScript()
    account = Account(BTC, cash=Decimal(50), leverage=20)
    diary = Diary(("trade", lambda desk: desk.buy("5")))
    session = session_of(diary, account=account)
    due = START_US + 10_000
    run(session, [script.book({1_000: 10_000}, {1_002: 10_000}), script.trade(1_001), script.trade(1_001)])
    run(session, [script.mark(1_001, rate=0.01, next_us=due), script.mark(1_001, after_us=20_000)])
    assert account.ledger.funding == Decimal("-5.005")
    run(session, [script.mark(900)])
    assert account.position_lots == 0
    assert account.equity() >= 0
    liquidations = [fill for fill in session.fills if fill.liquidation]
    assert sum(fill.lots for fill in liquidations) == 5_000
    assert session.desk.position.flat


def test_risk_limits_keep_an_order_back_and_a_loss_stops_the_bot():
    script = EventScript()
    guard = RiskGuard(RiskLimits(position=Decimal(1), loss=Decimal(1)), BTC, deposit=Decimal(10_000))
    diary = Diary(("trade", lambda desk: desk.buy("2")), ("trade", lambda desk: desk.buy("1")))
    session = session_of(diary, guard=guard)
    run(session, [script.book({1_000: 10_000}, {1_002: 10_000}), script.trade(1_001), script.trade(1_001)])
    [report] = session.reports
    assert report.rejection is not None
    assert "position" in report.rejection.message
    assert session.orders[0].arrival_us == 0
    run(session, [script.trade(1_001), script.mark(980)])
    assert session.state == "stopped"
    assert "loss" in session.stopped


def test_a_strategy_cannot_see_what_comes_later():
    """A strategy that tries everything a desk offers finds no event after the present one."""
    script = EventScript()
    newest: list[int] = []

    class LookAhead(Strategy):
        def on_trade(self, trade: Any, desk: Any) -> None:
            seen = [each.time_us for each in (*desk.trades, *desk.liquidations.kept)]
            seen += [desk.now_us, desk.mark_event.time_us if desk.mark_event else 0]
            newest.append(max(seen) - trade.time_us)

    events = [script.book(BIDS, ASKS)]
    for _ in range(20):
        events += [script.trade(1_001), script.liquidation("buy", 100, 1), script.mark(1_001)]
    run(session_of(LookAhead()), events)
    assert len(newest) == 20
    assert max(newest) <= 0


def test_candles_are_built_from_trades_where_there_are_none():
    script = EventScript()
    closed: list[Any] = []

    class ClosingPrices(Strategy):
        def on_candle(self, candle: Any, desk: Any) -> None:
            closed.append((candle, desk.candles.closes()))

    session = session_of(ClosingPrices(), channels=("book", "trades"))
    events = [script.book(BIDS, ASKS), script.trade(1_000), script.trade(1_002, after_us=1_000)]
    run(session, [*events, script.trade(1_010, after_us=60_000_000), script.trade(1_020, after_us=60_000_000)])
    assert [(candle.close, candle.closed, closes) for candle, closes in closed] == [
        (100.2, True, [100.2]),
        (101.0, True, [100.2, 101.0]),
    ]


def test_orders_are_rounded_to_the_grid_away_from_the_market():
    script = EventScript()
    sent: list[Any] = []

    def act(desk: Any) -> None:
        sent.append(desk.buy(0.0019999999, at=100.06))
        sent.append(desk.sell("0.0015", at=100.31))
        sent.append(desk.sell(0.3, stop=99, trigger="mark"))
        with pytest.raises(BadValue, match="at least one lot"):
            desk.buy(0.0001)
        with pytest.raises(BadValue, match="side of the book is empty"):
            desk.buy(1, at=None)
        with pytest.raises(BadValue, match="send two orders"):
            desk.buy(1, stop=1, take_profit=2)

    run(session_of(Diary(("trade", act))), [script.book(BIDS, ASKS), script.trade(1_001)])
    assert [(order.request.ticks, order.request.lots, order.request.kind) for order in sent] == [
        (1_000, 2, "limit"),
        (1_004, 1, "limit"),
        (None, 300, "stop_market"),
    ]


def test_liquidations_are_summed_over_a_moving_window():
    script = EventScript()
    sums: list[tuple[float, float]] = []

    class WindowSums(Strategy):
        def on_trade(self, trade: Any, desk: Any) -> None:
            sums.append((desk.liquidations.sum("sell", "10s"), desk.liquidations.sum("buy", "1m")))

    events = [script.book(BIDS, ASKS), script.liquidation("sell", 100, 2), script.trade(1_000)]
    events += [script.liquidation("buy", 100, 1), script.trade(1_000, after_us=5_000_000)]
    events += [script.liquidation("sell", 100, 3), script.trade(1_000, after_us=5_000_000)]
    run(session_of(WindowSums()), events)
    assert sums == [(200, 0), (200, 100), (300, 100)]


def test_an_event_of_another_symbol_is_refused():
    script = EventScript()
    session = session_of(Diary())
    other = script.trade(1_000)
    with pytest.raises(EventError, match="ETHUSDT"):
        session.apply(type(other)(**{**{f: getattr(other, f) for f in other.__struct_fields__}, "symbol": "ETHUSDT"}))
