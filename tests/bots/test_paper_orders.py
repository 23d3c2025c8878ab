"""What becomes of each kind of order, and how the venue refuses it."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from orderfox_nb.bots.orders import OrderRequest, Rejection
from orderfox_nb.bots.paper import rules as codes
from orderfox_nb.bots.paper.queues import QueueModel
from orderfox_nb.bots.paper.rules import TradingRules
from orderfox_nb.bots.paper.triggers import BECOMES
from orderfox_nb.bots.paper.venue import PaperVenue
from orderfox_nb.errors import BadValue
from tests.bots.venues import FREE, Bench
from tests.core.books import BTC

pytestmark = pytest.mark.core

BIDS, ASKS = {1_000: 10, 999: 20}, {1_001: 5, 1_002: 5, 1_003: 100}


@pytest.mark.parametrize(
    ("time_in_force", "lots", "fills", "state", "code"),
    [
        ("GTC", 8, [(1_001, 5)], "open", None),
        ("IOC", 8, [(1_001, 5)], "expired", None),
        ("FOK", 8, [], "rejected", -5021),
        ("FOK", 5, [(1_001, 5)], "filled", None),
        ("GTX", 8, [], "rejected", -5022),
    ],
)
def test_crossing_limit_order_does_what_its_time_in_force_says(time_in_force, lots, fills, state, code):
    bench = Bench(BIDS, ASKS)
    order = bench.send("buy", lots, 1_001, time_in_force=time_in_force)
    assert (bench.filled(order), bench.state(order), bench.code(order)) == (fills, state, code)


@pytest.mark.parametrize("time_in_force", ["GTX", "IOC", "FOK"])
def test_limit_order_that_does_not_cross(time_in_force: str):
    bench = Bench(BIDS, ASKS)
    order = bench.send("sell", 8, 1_001, time_in_force=time_in_force)
    assert bench.state(order) == {"GTX": "open", "IOC": "expired", "FOK": "rejected"}[time_in_force]


def test_rest_of_a_crossing_order_rests_at_the_front_of_a_level_that_it_has_emptied():
    bench = Bench(BIDS, ASKS)
    order = bench.send("buy", 8, 1_001)
    assert bench.order(order).ahead == 0
    bench.trade(1_001, 2, "sell")
    assert bench.filled(order) == [(1_001, 5), (1_001, 2)]


def test_market_order_stops_at_the_price_band_of_the_mark():
    bench = Bench({95_000: 5}, {100_000: 5, 106_000: 5})
    bench.mark(10_000.0)
    order = bench.send("buy", 9)
    assert bench.filled(order) == [(100_000, 5)]
    assert bench.state(order) == "expired"
    refused = bench.send("buy", 1)
    assert bench.code(refused) == -4131
    assert bench.filled(refused) == []


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"ticks": 105_001}, -4016),
        ({"ticks": 94_999, "side": "sell"}, -4024),
        ({"ticks": 100_000, "lots": 0}, -4004),
        ({"ticks": 100_000, "lots": -1}, -4003),
        ({"ticks": 100_000, "lots": 2}, -4004),
        ({"ticks": 100_000, "lots": 2_001}, -4005),
        ({"lots": 501}, -4005),
        ({"ticks": 100_000, "lots": 4}, -4164),
        ({"ticks": 0}, -4001),
        ({"ticks": 9}, -4013),
        ({"ticks": 3_000_000}, -4002),
        ({"ticks": None, "kind": "limit"}, -1102),
        ({"kind": "market", "ticks": 100_000}, -1106),
        ({"time_in_force": "IOC"}, -1115),
        ({"kind": "stop_market"}, -1102),
        ({"kind": "stop_market", "trigger_ticks": 100_000}, -2021),
        ({"kind": "trailing_stop_market"}, -1102),
        ({"kind": "trailing_stop_market", "callback_permille": 101}, -1102),
        ({"ticks": 100_000, "reduce_only": True}, -2022),
    ],
)
def test_venue_refuses_with_its_codes(fields: dict[str, Any], code: int):
    rules = TradingRules(
        instrument=BTC,
        min_lots=3,
        max_lots=2_000,
        max_market_lots=500,
        min_ticks=10,
        max_ticks=2_000_000,
        min_notional=Decimal(50),
    )
    bench = Bench({99_999: 900}, {100_000: 900}, rules=rules)
    bench.mark(10_000.0)
    bench.trade(100_000, 1, "buy")
    order = bench.send(**{"side": "buy", "lots": 10, **fields})
    assert (bench.state(order), bench.code(order)) == ("rejected", code)
    assert bench.fills == []


def test_reasons_have_the_venues_texts(recordings: Path):
    texts = json.loads((recordings / "venue" / "binance_usdm_error_codes.json").read_text())["codes"]
    known = [value for value in vars(codes).values() if isinstance(value, Rejection)]
    assert len(known) >= 15
    for rejection in known:
        text = texts[str(rejection.code)][1]
        if text:
            assert rejection.message == text
    assert codes.TradingRules(instrument=BTC).check(
        OrderRequest(symbol="BTCUSDT", side="buy", lots=1, ticks=10), None, None
    ) == Rejection(-4164, texts["-4164"][1].replace("%s", "5"))


@pytest.mark.parametrize(
    ("price", "expected"),
    [("100.5", 1_005), (100, 1_000), ("100.55", -1111), ("0", -4001), ("-1", -4001), ("x", -1111), ("nan", -1111)],
)
def test_prices_become_ticks_or_a_refusal(price: Any, expected: int):
    found = TradingRules(instrument=BTC).ticks(price)
    assert (found.code if isinstance(found, Rejection) else found) == expected


def test_prices_and_sizes_between_steps_are_refused_as_the_venue_does():
    coarse = msgspec.structs.replace(BTC, tick_size=Decimal("0.5"), lot_size=Decimal("0.005"))
    rules = TradingRules(instrument=coarse)
    assert [rules.ticks(price) for price in ("100.5", "100.3")] == [201, Rejection(-4014, codes._OFF_TICK.message)]
    assert [rules.lots(size) for size in ("0.01", "0.007")] == [2, Rejection(-4023, codes._OFF_STEP.message)]


def test_rules_are_read_from_the_venues_own_list(recordings: Path):
    listed = json.loads((recordings / "fapi_v1_exchangeInfo_2021.json").read_text())
    contract = next(row for row in listed["symbols"] if row["symbol"] == "BTCUSDT")
    instrument = msgspec.structs.replace(BTC, tick_size=Decimal("0.01"))
    rules = TradingRules.of_contract(instrument, contract)
    assert (rules.min_lots, rules.max_lots, rules.max_market_lots) == (1, 1_000_000, 1_000_000)
    assert (rules.min_ticks, rules.max_ticks) == (55_672, 100_000_000)
    assert (rules.band_up, rules.band_down, rules.min_notional) == (Decimal("1.15"), Decimal("0.85"), Decimal(5))
    assert (rules.max_orders, rules.max_triggers) == (200, 10)
    with pytest.raises(ValueError, match="minQty of BTCUSDT is 'many'"):
        TradingRules.of_contract(instrument, {"filters": [{"filterType": "LOT_SIZE", "minQty": "many"}]})


def test_an_order_of_another_symbol_and_rules_of_other_steps_are_errors():
    bench = Bench(BIDS, ASKS)
    with pytest.raises(BadValue, match="BTCUSDT"):
        bench.venue.submit(1, OrderRequest(symbol="ETHUSDT", side="buy", lots=1), 0)
    other = msgspec.structs.replace(BTC, tick_size=Decimal("0.5"))
    with pytest.raises(BadValue, match="steps"):
        PaperVenue(BTC, TradingRules(instrument=other), queue=QueueModel())


def test_no_more_orders_rest_or_wait_than_the_venue_allows():
    rules = msgspec.structs.replace(FREE, max_orders=2, max_triggers=1)
    bench = Bench(BIDS, ASKS, rules=rules)
    orders = [bench.send("buy", 1, 990 + i) for i in range(3)]
    assert [bench.code(order) for order in orders] == [None, None, -2025]
    stops = [bench.send("buy", 1, kind="stop_market", trigger_ticks=1_100) for _ in range(2)]
    assert [bench.state(stop) for stop in stops] == ["waiting", "rejected"]
    assert bench.state(bench.send("buy", 1)) == "filled"


def test_account_may_refuse_an_order():
    no_margin = Rejection(-2019, "Margin is insufficient.")
    bench = Bench(BIDS, ASKS, affordable=lambda _, request: no_margin if request.lots > 5 else None)
    assert bench.code(bench.send("buy", 6)) == -2019
    assert bench.state(bench.send("buy", 5)) == "filled"
    stop = bench.send("buy", 9, kind="stop_market", trigger_ticks=1_010)
    bench.trade(1_010, 1, "buy")
    assert bench.states(stop) == ["waiting", "expired"]
    assert bench.code(stop) == -2019


def test_reduce_only_order_never_turns_the_position():
    bench = Bench(BIDS, ASKS, reducible=lambda side: 7 if side == "sell" else 0)
    assert bench.code(bench.send("buy", 1, 999, reduce_only=True)) == -2022
    order = bench.send("sell", 20, reduce_only=True)
    assert bench.filled(order) == [(1_000, 7)]
    assert bench.state(order) == "expired"


def test_resting_reduce_only_orders_share_the_position_and_expire_without_one():
    position = [7]
    bench = Bench(BIDS, {1_001: 5}, reducible=lambda side: max(0, position[0]) if side == "sell" else 0)
    one = bench.send("sell", 5, 1_001, reduce_only=True)
    two = bench.send("sell", 5, 1_001, reduce_only=True)
    bench.trade(1_002, 50, "buy")
    assert bench.filled(one) == [(1_001, 5)]
    assert bench.filled(two) == [(1_001, 2)]
    assert bench.states(two)[-1] == "expired"
    assert bench.reports[-1].reason == "reduce-only: no position is left to reduce"
    assert bench.venue.open_orders == []


def test_resting_reduce_only_order_expires_when_a_taker_closes_the_position():
    bench = Bench(BIDS, ASKS, reducible=lambda side: 4 if side == "sell" else 0)
    resting = bench.send("sell", 4, 1_002, reduce_only=True)
    bench.send("sell", 4)
    assert bench.states(resting) == ["open", "expired"]
    assert bench.venue.open_orders == []


@pytest.mark.parametrize(
    ("kind", "side", "prices"),
    [
        ("stop", "buy", (1_010, 1_009, 1_010)),
        ("stop", "sell", (990, 991, 989)),
        ("take_profit", "buy", (990, 991, 990)),
        ("take_profit", "sell", (1_010, 1_009, 1_011)),
    ],
)
@pytest.mark.parametrize("follows", ["last", "mark"])
@pytest.mark.parametrize("market", [True, False])
def test_stop_and_take_profit_wait_for_their_price(kind, side, prices, follows, market):
    trigger, before, at = prices
    bench = Bench({1_000: 50}, {1_001: 50})
    limit = None if market else (1_001 if side == "buy" else 1_000)
    name = f"{kind}_market" if market else kind
    order = bench.send(side, 3, limit, kind=name, trigger_ticks=trigger, trigger=follows)

    def price(ticks: int) -> None:
        bench.trade(ticks, 1, "buy") if follows == "last" else bench.mark(BTC.price(ticks))

    price(before)
    assert bench.states(order) == ["waiting"]
    price(at)
    assert bench.filled(order) == [(1_001 if side == "buy" else 1_000, 3)]
    assert bench.states(order) == ["waiting", "open", "filled"]


def test_a_mark_price_between_ticks_has_not_reached_the_next_one():
    bench = Bench({1_000: 50}, {1_001: 50})
    rising = bench.send("buy", 1, kind="stop_market", trigger_ticks=1_010, trigger="mark")
    falling = bench.send("sell", 1, kind="stop_market", trigger_ticks=990, trigger="mark")
    bench.mark(100.99)
    bench.mark(99.01)
    assert {bench.state(rising), bench.state(falling)} == {"waiting"}
    assert bench.venue.mark == 990
    bench.mark(101.0)
    bench.mark(98.99)
    assert {bench.state(rising), bench.state(falling)} == {"filled"}


def test_trailing_stop_follows_the_best_price_from_its_start_on():
    bench = Bench({1_000: 50}, {1_001: 50})
    bench.trade(1_000, 1, "buy")
    order = bench.send("sell", 2, kind="trailing_stop_market", trigger_ticks=1_010, callback_permille=10)
    for ticks in (1_005, 980):
        bench.trade(ticks, 1, "buy")
    assert bench.state(order) == "waiting"
    for ticks in (1_010, 1_100, 1_090):
        bench.trade(ticks, 1, "buy")
    assert bench.state(order) == "waiting"
    bench.trade(1_089, 1, "buy")
    assert bench.filled(order) == [(1_000, 2)]


def test_trailing_stop_without_a_start_follows_at_once():
    bench = Bench({1_000: 50}, {1_001: 50})
    bench.trade(1_000, 1, "buy")
    order = bench.send("buy", 2, kind="trailing_stop_market", callback_permille=10)
    bench.trade(900, 1, "sell")
    bench.trade(908, 1, "buy")
    assert bench.state(order) == "waiting"
    bench.trade(909, 1, "buy")
    assert bench.filled(order) == [(1_001, 2)]
    late = bench.send("sell", 2, kind="trailing_stop_market", callback_permille=10, trigger_ticks=900)
    assert bench.code(late) == -2021


def test_order_behind_a_trigger_is_held_to_the_rules_when_it_becomes_active():
    bench = Bench({1_000: 50}, {1_001: 50})
    post_only = bench.send("buy", 2, 1_001, kind="stop", trigger_ticks=1_010, time_in_force="GTX")
    bench.trade(1_010, 1, "buy")
    assert bench.states(post_only) == ["waiting", "expired"]
    assert bench.code(post_only) == -5022


def test_every_kind_with_a_trigger_becomes_one_without():
    assert set(BECOMES.values()) == {"limit", "market"}
    assert set(BECOMES) == {"stop", "stop_market", "take_profit", "take_profit_market", "trailing_stop_market"}


def test_own_resting_order_expires_before_its_account_trades_with_itself():
    bench = Bench(BIDS, ASKS)
    front, level, behind = bench.send("sell", 2, 1_001), bench.send("sell", 2, 1_002), bench.send("sell", 2, 1_003)
    taker = bench.send("buy", 8)
    assert bench.filled(taker) == [(1_001, 5), (1_002, 3)]
    assert [bench.state(order) for order in (front, level, behind)] == ["expired", "open", "open"]
    post_only = bench.send("buy", 1, 1_002, time_in_force="GTX")
    assert bench.code(post_only) == -5022


def test_cancelling_is_refused_once_an_order_is_done():
    bench = Bench(BIDS, ASKS)
    filled, open_order = bench.send("buy", 1), bench.send("buy", 1, 999)
    waiting = bench.send("buy", 1, kind="stop_market", trigger_ticks=1_100)
    assert bench.cancel(filled) == -2011
    assert bench.state(filled) == "filled"
    bench.venue.cancel_all(bench.now_us)
    bench.read()
    assert [bench.state(order) for order in (open_order, waiting)] == ["cancelled", "cancelled"]
    assert bench.cancel(open_order) == -2011
    bench.trade(900, 99, "sell")
    assert bench.filled(open_order) == []
