"""A session that is restored at any event and continued equals the one that was not interrupted."""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderfox_nb.bots.account.account import Account
from orderfox_nb.bots.kept_state import StateDecoder, StateEncoder
from orderfox_nb.bots.latency import Latency
from orderfox_nb.bots.limits import RiskGuard, RiskLimits
from orderfox_nb.bots.paper.queues import QueueModel
from orderfox_nb.bots.session import BotSession
from orderfox_nb.bots.strategy import Strategy
from orderfox_nb.core.events import Event
from orderfox_nb.errors import BadValue
from tests.bots.sessions import EventScript, session_of
from tests.conftest import examples
from tests.core.books import BTC

pytestmark = pytest.mark.core


class Busy(Strategy):
    """Quotes, takes, stops, cancels and counts, by what it has seen, with state of several kinds."""

    ticks: int = 1
    studies = ("live_candles@1m",)

    def on_start(self, desk: Any) -> None:
        self.seen = 0
        self.quotes: dict[str, Any] = {}
        self.prices: deque[float] = deque(maxlen=5)
        self.alias = self.prices
        self.timer = desk.every("3ms", "quote")
        self.last = None

    def on_trade(self, trade: Any, desk: Any) -> None:
        self.seen += 1
        self.prices.append(trade.price)
        assert self.alias is self.prices
        self.last = trade
        if self.seen % 7 == 0:
            desk.buy("0.002", expire="20ms")
        if self.seen % 5 == 0 and desk.book.best_bid:
            desk.sell("0.003", stop=desk.book.best_bid - 3 * desk.tick, trigger="last")
        if self.seen % 11 == 0:
            desk.cancel_all()
        desk.log(desk.liquidations.sum("sell", "20ms"))

    def on_timer(self, timer: Any, desk: Any) -> None:
        assert timer is self.timer
        for side, price in (("buy", desk.book.best_bid), ("sell", desk.book.best_ask)):
            quote = self.quotes.get(side)
            if quote is not None and not quote.done:
                if quote.price != price:
                    quote.cancel()
            elif price is not None:
                self.quotes[side] = desk.order(side, "0.004", at=price, post_only=True)

    def on_fill(self, fill: Any, desk: Any) -> None:
        self.newest = fill
        desk.log(f"{fill.size:g} {desk.position.entry} {len(desk.study('live_candles@1m'))}")


def new_session() -> BotSession:
    guard = RiskGuard(RiskLimits(position=Decimal("0.05"), orders_a_minute=500), BTC, deposit=Decimal(1_000))
    return session_of(
        Busy(ticks=2),
        account=Account(BTC, cash=Decimal(1_000)),
        guard=guard,
        queue=QueueModel("power"),
        latency=Latency.lognormal(1_500, 1_000, 0.6),
        seed=5,
    )


@st.composite
def markets(draw: st.DrawFn) -> list[tuple[Event, str]]:
    """Some 60 events of a market whose price wanders, with gaps."""
    script = EventScript()
    middle = 1_000
    events: list[tuple[Event, str]] = [(script.book({999: 20, 998: 20}, {1_001: 20, 1_002: 20}), "book")]
    for _ in range(draw(st.integers(20, 60))):
        kind = draw(st.sampled_from("tttttddddmlcgs"))
        step, lots = draw(st.integers(-2, 2)), draw(st.integers(0, 25))
        if kind == "t":
            events.append((script.trade(middle + step, lots + 1, draw(st.sampled_from(("buy", "sell")))), "trades"))
        elif kind == "d":
            side = {middle + step - 3: lots} if step < 0 else None
            events.append((script.change(side, {middle + 3 + step: lots} if step >= 0 else None), "book"))
        elif kind == "m":
            events.append((script.mark(middle + step, rate=0.001, next_us=script.now_us + 5_000), "mark"))
        elif kind == "l":
            events.append((script.liquidation("sell", 100, 1), "liquidations"))
        elif kind == "c":
            events.append((script.candle(100 + step, open_us=script.now_us // 60_000_000 * 60_000_000), "candles"))
        elif kind == "g":
            events.append((script.gap(), draw(st.sampled_from(("book", "trades")))))
        else:
            middle += step
            book = script.book({middle - 1: 20, middle - 2: 20}, {middle + 1: 20, middle + 2: 20})
            events.append((book, "book"))
    return events


def outcome(session: BotSession) -> Any:
    return session.digest(), session.orders, session.reports, session.fills, session.snapshot()


@given(markets(), st.data())
@examples(60)
def test_a_session_restored_at_any_event_continues_as_if_it_was_not_interrupted(
    events: list[tuple[Event, str]], data: st.DataObject
):
    cut = data.draw(st.integers(0, len(events)))
    whole, before, after = new_session(), new_session(), new_session()
    for event, channel in events:
        whole.apply(event, channel)
    for event, channel in events[:cut]:
        before.apply(event, channel)
    after.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(before.snapshot())))
    for at_venue in (True, False):
        assert after.gateway.open_lots(at_venue=at_venue) == before.gateway.open_lots(at_venue=at_venue)
    for event, channel in events[cut:]:
        after.apply(event, channel)
    assert whole.error is None, whole.error
    assert after.error is None, after.error.trace
    assert outcome(after) == outcome(whole)
    whole.finish()
    after.finish()
    assert outcome(after) == outcome(whole)


@given(markets())
@examples(20)
def test_equal_events_give_equal_digests_and_books_that_balance(events: list[tuple[Event, str]]):
    digests: list[str] = []
    for _ in range(2):
        session = new_session()
        for event, channel in events:
            session.apply(event, channel)
        digests.append(session.digest())
        signed = sum(fill.lots if fill.side == "buy" else -fill.lots for fill in session.fills)
        ledger = session.account.ledger  # type: ignore[attr-defined]
        assert session.account.position_lots == signed
        assert ledger.cash == ledger.deposit + ledger.realised - ledger.fees + ledger.funding + ledger.insurance
    assert digests[0] == digests[1]


def test_the_property_covers_fills_gaps_and_stops():
    """What the property above would say little without."""
    script = EventScript()
    session = new_session()
    for event in (script.book({999: 2}, {1_001: 2}), *(script.trade(999, 30, "sell") for _ in range(40))):
        session.apply(event)
    assert session.fills
    assert {report.state for report in session.reports} >= {"open", "filled", "cancelled", "waiting"}


def test_a_snapshot_of_another_strategy_or_symbol_is_refused():
    state = new_session().snapshot()
    other = session_of(Busy(ticks=3))
    with pytest.raises(BadValue, match=r"Busy\(ticks=2\)"):
        other.restore(state)
    with pytest.raises(BadValue, match="version 2 of BTCUSDT"):
        other.restore({**state, "symbol": "ETHUSDT"})


def test_values_of_many_kinds_are_kept_exactly():
    shared = [1, 2]
    values = [
        None,
        True,
        -(1 << 80),
        0.1,
        float("inf"),
        "é",
        b"\0",
        Decimal("1.10"),
        (1, (2,)),
        {1: "a", (2, "b"): {3}},
        frozenset({"x"}),
        deque([1], maxlen=3),
        shared,
        shared,
    ]
    encoder = StateEncoder("S")
    encoded = msgspec.msgpack.decode(msgspec.msgpack.encode(encoder.encode("a", values)))
    decoded = StateDecoder({}.__getitem__, {}.__getitem__).decode(encoded)
    assert decoded == values
    assert [type(value) for value in decoded] == [type(value) for value in values]
    assert decoded[-1] is decoded[-2]
    assert decoded[11].maxlen == 3


def test_arrays_are_kept_exactly():
    array = np.arange(6, dtype="<f4").reshape(2, 3)
    for value in (array, array[0, 1], np.float64(0.1), np.int32(7)):
        decoded = StateDecoder({}.__getitem__, {}.__getitem__).decode(StateEncoder("S").encode("a", value))
        assert decoded.dtype == value.dtype
        assert np.array_equal(decoded, value)


def test_an_attribute_that_cannot_be_kept_is_named():
    with pytest.raises(BadValue, match=r"attribute Fade\.model"):
        StateEncoder("Fade").encode("model", {"a": [object()]})
    loop: list[Any] = []
    loop.append(loop)
    again = StateDecoder({}.__getitem__, {}.__getitem__).decode(StateEncoder("S").encode("a", loop))
    assert again[0] is again


@pytest.mark.parametrize("part", ["venue", "account", "gateway", "gate", "bars", "flags"])
def test_a_session_that_was_restored_in_part_does_nothing_more(part: str):
    script = EventScript()
    session = new_session()
    events = [script.book({999: 2}, {1_001: 2}), *(script.trade(999, 30, "sell") for _ in range(9))]
    for event in events:
        session.apply(event)
    damaged = {**session.snapshot(), part: {"what": "is this"}}
    other = new_session()
    with pytest.raises(BadValue, match="snapshot"):
        other.restore(damaged)
    assert other.stopped.startswith("a snapshot that cannot be restored")
    sent = len(other.orders)
    for event in (*events, script.status(), *(script.trade(999, 30, "sell") for _ in range(9))):
        other.apply(event)
    assert not other.live
    assert len(other.orders) == sent
