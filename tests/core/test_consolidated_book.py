"""One book over venues: exact on any ticks, and never an opportunity with a side that is not live, whole and fresh."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import permutations
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderfox_nb.core.across.book import ConsolidatedBook, ConsolidatedView
from orderfox_nb.core.across.crossing import FRESH_US
from orderfox_nb.core.across.ladder import ConsolidatedSide, build_consolidated_ladder
from orderfox_nb.core.across.members import JOINED, MemberQuality
from orderfox_nb.core.book import Book, BookLevels
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.quality import QualityState
from tests.core.books import Lots, an_instrument, snapshot

pytestmark = pytest.mark.core

NOW_US = 1_700_000_000_000_000
SILENCE_US = 10_000_000
LIVE = MemberQuality(state="live", whole=True, last_us=NOW_US, now_us=NOW_US, silence_us=SILENCE_US)
OTHER = msgspec.structs.replace(an_instrument("0.5", "0.01"), venue="bybit")
A, B = "binance:BTCUSDT", "bybit:BTCUSDT"


def levels(bids: Lots, asks: Lots, instrument: Instrument | None = None) -> BookLevels:
    book = Book(instrument or an_instrument())
    book.apply(snapshot(1, bids, asks, instrument=book.instrument))
    return book.view()


def quality(**changes: Any) -> MemberQuality:
    return msgspec.structs.replace(LIVE, **changes)


def book_of(**members: tuple[BookLevels | None, MemberQuality]) -> ConsolidatedBook:
    markets = {"a": A, "b": B, "c": "okx:BTC-USDT-SWAP"}
    book = ConsolidatedBook([markets[name] for name in members])
    for name, (known, state) in members.items():
        book.apply(markets[name], known, state)
    return book


def crossed(a: MemberQuality = LIVE, b: MemberQuality = LIVE) -> ConsolidatedView:
    """Binance at 99.9 / 100.0 and Bybit at 101.0 / 101.5: 1.0 between an ask and a bid."""
    return book_of(
        a=(levels({999: 1_000}, {1_000: 300, 1_004: 500, 1_020: 9}), a),
        b=(levels({202: 40, 201: 100}, {203: 5}, OTHER), b),
    ).view()


def test_levels_of_venues_with_other_ticks_and_lots_are_counted_exactly():
    view = book_of(a=(levels({999: 1_500}, {1_001: 20}), LIVE), b=(levels({199: 25}, {201: 7}, OTHER), LIVE)).view()
    assert (view.price_unit, view.size_unit) == (Decimal("0.1"), Decimal("0.001"))
    assert (view.price(view.best_bid or 0), view.price(view.best_ask or 0)) == (Decimal("99.9"), Decimal("100.1"))
    assert (view.best_bid_of, view.best_ask_of) == ([0], [0])
    ladder = build_consolidated_ladder(view, rounding=Decimal("0.5"), limit=10)
    assert ladder.price_units(ladder.bids) == [995]
    assert (ladder.bids.parts, ladder.bids.sizes) == ([[1_500], [250]], [1_750])
    assert ladder.price_units(ladder.asks) == [1_005]
    assert (ladder.asks.parts, ladder.asks.cumulative) == ([[20], [70]], [90])
    assert ladder.asks.averages == [pytest.approx((20 * 100.1 + 70 * 100.5) / 90)]


def test_a_best_price_of_two_venues_names_both():
    view = book_of(a=(levels({995: 1}, {1_000: 1}), LIVE), b=(levels({199: 1}, {201: 1}, OTHER), LIVE)).view()
    assert (view.best_bid_of, view.best_ask_of) == ([0, 1], [0])


def test_a_crossing_of_two_fresh_venues_is_an_opportunity_with_its_exact_size_and_profit():
    crossing = crossed().crossing
    assert crossing is not None
    assert (crossing.kind, crossing.buy, crossing.sell) == ("arbitrage", 0, 1)
    assert (crossing.ask, crossing.bid) == (1_000, 1_010)
    # 0.4 at 101.0 and 0.4 at 100.5: 0.3 bought at 100.0, 0.1 and 0.4 at 100.4.
    assert crossing.size == 300 + 500
    assert crossing.gross == 300 * 10 + 100 * 6 + 400 * 1
    assert crossing.is_opportunity


@pytest.mark.parametrize(
    ("changes", "caveat"),
    [
        ({"last_us": NOW_US - FRESH_US - 100_000}, "bybit:BTCUSDT last changed 2.1 s ago (at most 2 s)"),
        ({"closed": True}, "bybit:BTCUSDT is closed"),
        ({"unverified": True}, "bybit:BTCUSDT is not verified: a lost update would go unnoticed"),
    ],
)
def test_an_old_closed_or_unverified_side_is_a_caveat(changes: Mapping[str, Any], caveat: str):
    crossing = crossed(b=quality(**changes)).crossing
    assert crossing is not None
    assert not crossing.is_opportunity
    assert crossing.unconfirmed == caveat


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"state": "stale", "reason": "no message for 10.2 s"}, "stale: no message for 10.2 s"),
        ({"state": "down", "reason": "connection lost"}, "down: connection lost"),
        ({"state": "gap", "whole": False, "reason": "a delta is missing"}, "rebuilding: a delta is missing"),
        ({"state": "syncing", "whole": False}, "loading"),
        ({"whole": False}, "loading"),
        (
            {"state": "skewed", "reason": "the venue's clock jumped ahead"},
            "its clock jumped: the venue's clock jumped ahead",
        ),
        ({"last_us": NOW_US - SILENCE_US - 400_000}, "stale: nothing for 10.4 s"),
    ],
)
def test_a_venue_that_cannot_be_trusted_is_dropped_and_the_view_says_why(changes: Mapping[str, Any], why: str):
    view = crossed(b=quality(**changes))
    assert view.left_out == ["", why]
    assert view.levels[1] is None
    assert view.crossing is None
    assert (view.best_bid, view.best_ask) == (999, 1_000)
    assert build_consolidated_ladder(view, rounding=Decimal(1), limit=5).bids.parts[1] == [0]


def test_a_venue_comes_back_when_it_is_fresh_again():
    book = book_of(a=(levels({999: 1}, {1_000: 1}), LIVE), b=(levels({202: 4}, {203: 5}, OTHER), LIVE))
    book.advance(B, NOW_US + SILENCE_US + 1)
    assert book.view().left_out == ["", "stale: nothing for 10 s"]
    later = NOW_US + SILENCE_US + 100_000
    book.apply(B, levels({202: 4}, {203: 5}, OTHER), quality(last_us=later, now_us=later))
    assert book.view().left_out == ["", ""]


def test_a_recorded_venue_has_no_silence():
    assert not crossed(b=quality(silence_us=None, now_us=NOW_US + 10**9)).left_out[1]


def test_currencies_are_apart_unless_they_are_asked_to_be_joined():
    usdc = msgspec.structs.replace(OTHER, symbol="BTCUSDT", quote="USDC", unified="BTC/USDC:USDC")
    book = book_of(a=(levels({999: 1}, {1_000: 1}), LIVE), b=(levels({202: 4}, {203: 5}, usdc), LIVE))
    assert book.view().left_out == ["", "apart: quoted in USDC"]
    assert book.view("USDC").left_out == ["apart: quoted in USDT", ""]
    joined = book.view(JOINED)
    assert joined.left_out == ["", ""]
    assert joined.crossing is not None
    assert joined.crossing.kind == "currency"


def test_spot_and_a_perpetual_differ_by_a_basis():
    spot = msgspec.structs.replace(OTHER, unified="BTC/USDT")
    crossing = (
        book_of(a=(levels({999: 1}, {1_000: 1}), LIVE), b=(levels({202: 4}, {203: 5}, spot), LIVE)).view().crossing
    )
    assert crossing is not None
    assert crossing.kind == "basis"


def test_a_multiple_is_another_instrument():
    thousand = msgspec.structs.replace(OTHER, base="1000BTC", unified="1000BTC/USDT:USDT")
    view = book_of(a=(levels({999: 1}, {1_000: 1}), LIVE), b=(levels({202: 4}, {203: 5}, thousand), LIVE)).view()
    assert view.left_out == ["", "another instrument: its base is 1000BTC, not BTC"]


def test_nothing_is_shown_where_no_venue_counts():
    view = book_of(a=(None, MemberQuality(state="down", reason="refused")), b=(None, MemberQuality())).view()
    assert view.left_out == ["down: refused", "loading"]
    assert (view.best_bid, view.best_ask, view.crossing) == (None, None, None)
    ladder = build_consolidated_ladder(view, rounding=Decimal(1), limit=5)
    assert ladder.bids.keys == ladder.asks.keys == []


# ---- for any input -------------------------------------------------------------------------------------------------

STEPS = st.sampled_from(["0.1", "0.25", "0.5", "0.01", "1", "5", "0.00001"])
STATES = st.builds(
    MemberQuality,
    state=st.sampled_from([state.value for state in QualityState]),
    whole=st.booleans(),
    last_us=st.integers(NOW_US - 12_000_000, NOW_US + 500_000),
    now_us=st.just(NOW_US),
    closed=st.booleans(),
    unverified=st.booleans(),
    silence_us=st.sampled_from([SILENCE_US, None]),
)
LOTS = st.dictionaries(st.integers(1, 300), st.integers(1, 10**9), max_size=12)


@st.composite
def markets(draw: st.DrawFn) -> dict[str, tuple[BookLevels | None, MemberQuality]]:
    found: dict[str, tuple[BookLevels | None, MemberQuality]] = {}
    for name in ("a", "b", "c"):
        instrument = an_instrument(draw(STEPS), draw(STEPS))
        instrument = msgspec.structs.replace(instrument, quote=draw(st.sampled_from(["USDT", "USDC"])))
        known = levels(draw(LOTS), draw(LOTS), instrument) if draw(st.integers(0, 5)) else None
        found[name] = known, draw(STATES)
    return found


@given(markets(), st.sampled_from(["apart", "joined", "USDC"]))
def test_no_opportunity_ever_has_a_side_that_is_not_live_whole_open_fresh_and_verified(
    members: dict[str, tuple[BookLevels | None, MemberQuality]], currency: str
):
    view = book_of(**members).view(currency)
    for place, (known, state) in enumerate(members.values()):
        counts = state.state == "live" and state.whole and known is not None
        counts = counts and (state.silence_us is None or state.closed or NOW_US - state.last_us <= SILENCE_US)
        # What counts is in the book, what does not is named.
        assert (view.levels[place] is not None) == (not view.left_out[place])
        assert counts or view.left_out[place]
    crossing = view.crossing
    if crossing is None or not crossing.is_opportunity:
        return
    assert crossing.bid > crossing.ask
    assert crossing.size > 0
    assert crossing.gross > 0
    for place in (crossing.buy, crossing.sell):
        known, state = list(members.values())[place]
        assert known is not None
        assert (state.state, state.whole, state.closed, state.unverified) == ("live", True, False, False)
        assert NOW_US - state.last_us <= FRESH_US


@given(markets(), STEPS, st.integers(1, 8))
def test_rows_hold_exactly_the_levels_of_the_venues_that_count(
    members: dict[str, tuple[BookLevels | None, MemberQuality]], rounding: str, limit: int
):
    view = book_of(**members).view(JOINED)
    ladder = build_consolidated_ladder(view, rounding=Decimal(rounding), limit=limit)
    for name, mode in (("bids", ROUND_FLOOR), ("asks", ROUND_CEILING)):
        rows: dict[Decimal, list[Decimal]] = {}
        for place, (known, _) in enumerate(members.values()):
            if known is None or view.left_out[place]:
                continue
            instrument = known.instrument
            for ticks, lots in zip(*(column.tolist() for column in getattr(known, name)), strict=True):
                price = instrument.exact_price(ticks)
                row = (price / ladder.rounding).to_integral_value(mode) * ladder.rounding
                if row:
                    rows.setdefault(row, [Decimal(0)] * len(members))[place] += instrument.exact_size(lots)
        wanted = sorted(rows, reverse=name == "bids")[:limit]
        side: ConsolidatedSide = getattr(ladder, name)
        assert [ladder.rounding * key for key in side.keys] == wanted
        parts = [[view.size(units) for units in row] for row in zip(*side.parts, strict=True)] if wanted else []
        assert parts == [rows[row] for row in wanted]


@given(markets())
def test_the_book_depends_on_the_states_and_not_on_the_order_in_which_they_came(
    members: dict[str, tuple[BookLevels | None, MemberQuality]],
):
    names = {"a": A, "b": B, "c": "okx:BTC-USDT-SWAP"}
    digests: set[str] = set()
    for order in permutations(members):
        book = ConsolidatedBook(list(names.values()))
        for name in order:
            book.apply(names[name], None, MemberQuality())
            book.apply(names[name], *members[name])
        digests.add(book.digest())
    assert len(digests) == 1
