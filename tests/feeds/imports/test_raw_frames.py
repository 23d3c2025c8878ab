"""Raw frames: a right book or none that is called live and complete, each event once, each loss where it happened."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderfox_nb.core.events import Liquidation
from orderfox_nb.errors import RecordingError
from tests.feeds.imports.made import (
    AFTER,
    ASKS,
    AT_110,
    AT_120,
    AT_BODY,
    BEFORE,
    BIDS,
    BODY,
    LATER,
    RIGHT,
    START_MS,
    Ladder,
    body,
    diff,
    fill,
    forced,
    made_of,
    stamped,
)

pytestmark = pytest.mark.feeds


def test_updates_are_joined_to_the_body_that_they_straddle(tmp_path: Path) -> None:
    made = made_of(tmp_path, stamped([BEFORE, BODY, AFTER, LATER]))
    assert made.book() == AT_120
    assert made.ever_wrong(RIGHT) == []
    assert made.quality(made.topic("book")) == ("live", "complete")
    assert made.recording.instruments["ABCUSDT"].tick_size.as_tuple().exponent == -2


def test_an_update_of_one_id_is_not_dropped(tmp_path: Path) -> None:
    singles = [
        (10 + n, diff(106 + n, 106 + n, 105 + n, bids=[[f"9.{n:02}", f"{n + 1}"]], at_ms=10 + n)) for n in range(60)
    ]
    made = made_of(tmp_path, stamped([BEFORE, BODY, *singles]))
    expected = AT_BODY[0] | {round(9 + n / 100, 2): float(n + 1) for n in range(60)}
    assert made.book() == (expected, AT_BODY[1])
    assert made.gaps(made.topic("book")) == []


def test_bodies_belong_to_the_symbol_whose_ids_they_straddle(tmp_path: Path) -> None:
    frames = [
        BEFORE,
        (1, diff(200, 205, 199, bids=[["0.49", "9"]], s="XYZUSDT")),
        (5, body(205, [["0.50", "100"]], [["0.51", "100"]])),
        (6, body(105, BIDS, ASKS)),
        AFTER,
        (11, diff(206, 210, 205, asks=[["0.51", "50"]], s="XYZUSDT")),
    ]
    made = made_of(tmp_path, stamped(frames))
    assert made.book() == AT_110
    assert made.book("XYZUSDT") == ({0.5: 100.0}, {0.51: 50.0})


def test_bodies_of_symbols_with_the_same_ids_belong_to_the_one_with_such_prices(tmp_path: Path) -> None:
    frames = [
        BEFORE,
        (1, diff(100, 105, 99, bids=[["0.49", "9"]], s="XYZUSDT")),
        (5, body(105, [["0.50", "100"]], [["0.51", "100"]])),
        (6, body(105, BIDS, ASKS)),
        AFTER,
        (11, diff(106, 110, 105, asks=[["0.51", "50"]], s="XYZUSDT")),
    ]
    made = made_of(tmp_path, stamped(frames))
    assert made.book() == AT_110
    assert made.book("XYZUSDT") == ({0.5: 100.0}, {0.51: 50.0})


def test_a_body_before_the_first_update_is_used_and_its_prices_count_for_the_tick(tmp_path: Path) -> None:
    frames = [(0, body(105, BIDS, ASKS)), (10, diff(106, 110, 105, bids=[["9.0", "7"]], asks=[["11.0", "1"]]))]
    made = made_of(tmp_path, stamped([*frames, (3_000, diff(111, 120, 110, bids=[["9.0", "8"]], at_ms=3_000))]))
    assert str(made.recording.instruments["ABCUSDT"].tick_size) == "0.01"
    assert made.book() == (AT_BODY[0] | {9.0: 8.0}, AT_BODY[1] | {11.0: 1.0})


def test_a_body_that_is_older_than_the_updates_makes_no_live_book(tmp_path: Path) -> None:
    frames = [(0, body(50, BIDS, ASKS)), (10, diff(106, 110, 105, bids=[["9.0", "7"]])), LATER]
    made = made_of(tmp_path, stamped(frames))
    assert made.ever_wrong([]) == []
    assert made.quality(made.topic("book"))[0] != "live"
    assert made.book() == ({}, {})


def test_updates_without_a_body_make_no_live_book(tmp_path: Path) -> None:
    made = made_of(tmp_path, stamped([BEFORE, AFTER, LATER]))
    assert made.quality(made.topic("book"))[0] == "syncing"
    assert made.ever_wrong([]) == []


def test_a_hole_ends_the_book_until_a_body_that_joins(tmp_path: Path) -> None:
    hole = (100, diff(130, 140, 129, bids=[["9.5", "1"]], at_ms=100))
    made = made_of(tmp_path / "hole", stamped([BEFORE, BODY, AFTER, hole]))
    assert len(made.gaps(made.topic("book"))) == 1
    assert made.quality(made.topic("book"))[0] == "gap"
    assert made.ever_wrong(RIGHT) == []

    again = [
        (110, body(135, [["9.9", "4"]], [["10.1", "1"]])),
        (120, diff(141, 150, 140, asks=[["10.1", "2"]], at_ms=120)),
    ]
    made = made_of(tmp_path / "again", stamped([BEFORE, BODY, AFTER, hole, *again]))
    at_140, at_150 = ({9.9: 4.0, 9.5: 1.0}, {10.1: 1.0}), ({9.9: 4.0, 9.5: 1.0}, {10.1: 2.0})
    assert made.book() == at_150
    assert made.quality(made.topic("book")) == ("live", "complete")
    assert made.ever_wrong([*RIGHT, at_140, at_150]) == []


def test_a_second_body_of_an_unbroken_chain_changes_nothing(tmp_path: Path) -> None:
    made = made_of(tmp_path, stamped([BEFORE, BODY, AFTER, (20, body(105, BIDS, ASKS)), LATER]))
    assert made.book() == AT_120
    assert made.gaps(made.topic("book")) == []


@given(seed=st.integers(0, 10_000))
def test_whatever_is_missing_no_wrong_book_is_live_and_complete(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    chance = random.Random(seed)
    frames, right, previous = [], [], 10
    bids: Ladder = {9.0: 1.0, 8.0: 2.0}
    asks: Ladder = {11.0: 1.0, 12.0: 2.0}

    def levels(side: Ladder) -> list[list[str]]:
        return [[f"{price:.1f}", f"{size:.0f}"] for price, size in side.items()]

    right.append((dict(bids), dict(asks)))
    for number in range(30):
        if chance.random() < 0.2:
            frames.append((number * 50, body(previous, levels(bids), levels(asks))))
        price, size = 7.0 + chance.randrange(30) / 10, float(chance.randrange(3))
        last = previous + chance.randrange(1, 4)
        frames.append(
            (number * 50, diff(previous + 1, last, previous, bids=[[f"{price:.1f}", f"{size:.0f}"]], at_ms=number * 50))
        )
        bids = {at: held for at, held in (bids | {price: size}).items() if held}
        right.append((dict(bids), dict(asks)))
        previous = last
    kept = [frame for frame in frames if chance.random() > 0.15]
    if any(frame["e"] == "depthUpdate" for _, frame in kept if "e" in frame):
        made = made_of(tmp_path_factory.mktemp("chance"), stamped(kept))
        assert made.ever_wrong(right) == []


def test_a_book_that_is_crossed_is_a_gap(tmp_path: Path) -> None:
    crossed = (2_000, diff(111, 115, 110, bids=[["10.50", "1"]], at_ms=2_000))
    made = made_of(tmp_path, stamped([BEFORE, BODY, AFTER, crossed, LATER]))
    assert [gap.reason for gap in made.gaps(made.topic("book"))][:1] == ["the book is crossed"]
    assert made.quality(made.topic("book"))[0] == "gap"


def test_a_wrapped_body_and_a_body_that_names_its_symbol_are_read(tmp_path: Path) -> None:
    wrapped = {"stream": "abcusdt@depthSnapshot", "generated": True, "data": body(105, BIDS, ASKS)}
    assert made_of(tmp_path / "wrapped", stamped([BEFORE, (5, wrapped), AFTER])).book() == AT_110
    named = body(105, BIDS, ASKS) | {"symbol": "ABCUSDT"}
    assert made_of(tmp_path / "named", stamped([BEFORE, (5, named), AFTER])).book() == AT_110


def test_liquidations_and_bars_in_band_are_used(tmp_path: Path) -> None:
    order = forced("SELL", "3", "9.98", at_ms=500)
    bar = {"t": START_MS, "i": "1m", "o": "10", "h": "11", "l": "9", "c": "10.5", "v": "7", "n": 4, "x": True}
    kline = {"e": "kline", "E": START_MS + 60_000, "s": "ABCUSDT", "k": bar | {"q": "70", "V": "3", "L": 9}}
    frames = [
        (500, {"stream": "!forceOrder@arr", "data": order}),
        (501, {"stream": "abcusdt@forceOrder", "data": order}),
        (800, {"stream": "abcusdt@forceOrder", "data": forced("BUY", "2", "10.06", at_ms=800)}),
        (60_000, {"stream": "abcusdt@kline_1m", "data": kline}),
        (60_001, fill(1, "10.5", "1", at_ms=60_001)),
    ]
    made = made_of(tmp_path, stamped(frames))
    assert [(order.side, order.size, order.price) for order in made.orders()] == [
        ("sell", 3.0, 9.98),
        ("buy", 2.0, 10.06),
    ]
    assert made.quality(made.topic("liquidations")) == ("live", "sampled")
    market = made.events(made.topic("liquidations", "*"))
    assert [event.side for event in market if isinstance(event, Liquidation)] == ["sell", "buy"]
    # The bar of the file, and none made of its trades.
    (found,) = made.bars().values()
    assert (found.open, found.high, found.low, found.close, found.volume, found.trades) == (
        10.0,
        11.0,
        9.0,
        10.5,
        7.0,
        4,
    )


def test_executions_make_bars_and_those_that_are_none_on_the_market_do_not(tmp_path: Path) -> None:
    # START_MS is 20 s before a minute.
    frames = [
        (0, fill(1, "10.0", "1", at_ms=0)),
        (10, fill(2, "0", "0", at_ms=10, kind="NA")),
        (20, fill(3, "12.0", "2", at_ms=20, maker=True)),
        (41_000, fill(4, "11.0", "0.5", at_ms=41_000)),
        (41_500, fill(5, "11.5", "1", at_ms=39_900)),
        (45_000, fill(6, "11.25", "1", at_ms=45_000)),
    ]
    minute = START_MS // 60_000 * 60_000_000
    made = made_of(tmp_path, stamped(frames))
    assert [trade.id for trade in made.trades()] == ["1", "3", "4", "5", "6"]
    assert made.gaps(made.topic("trades")) == []
    assert not made.recording.origin.unbroken_trades
    rows = {
        at: (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.taker_buy_volume, bar.quote_volume, bar.trades)
        for at, bar in made.bars().items()
    }
    assert rows == {
        minute: (10.0, 12.0, 10.0, 11.5, 4.0, 2.0, 45.5, 3),
        minute + 60_000_000: (11.0, 11.25, 11.0, 11.25, 1.5, 1.5, 16.75, 2),
    }
    (hour,) = made.bars("1h").values()
    assert (hour.open, hour.high, hour.close, hour.volume, hour.trades) == (10.0, 12.0, 11.25, 5.5, 5)


def test_missing_and_repeated_trades_show_by_their_ids(tmp_path: Path) -> None:
    frames = [(n, fill(n, "10", "1", at_ms=n)) for n in (1, 2, 2, 1, 6, 7)]
    made = made_of(tmp_path, stamped(frames))
    assert [trade.id for trade in made.trades()] == ["1", "2", "6", "7"]
    assert [gap.lost for gap in made.gaps(made.topic("trades"))] == [3]


@pytest.mark.parametrize("unit", ["ns", "us", "ms", "iso"])
def test_stamps_are_known_by_their_size(tmp_path: Path, unit: str) -> None:
    def stamp(at_ms: int) -> str:
        if unit == "iso":
            return f"2025-10-09T08:53:{20 + at_ms // 1_000:02}.{at_ms % 1_000:03}0000Z"
        return str((START_MS + at_ms) * {"ns": 1_000_000, "us": 1_000, "ms": 1}[unit])

    lines = "".join(f"{stamp(at_ms)} {json.dumps(frame)}\n" for at_ms, frame in (BEFORE, BODY, AFTER, LATER))
    made = made_of(tmp_path, lines.encode())
    assert made.book() == AT_120
    assert (made.recording.start_us, made.recording.end_us - 1) == (START_MS * 1_000, (START_MS + 4_000) * 1_000)


def test_a_mixture_of_stamps_is_refused(tmp_path: Path) -> None:
    lines = stamped([BEFORE, BODY]) + b"%d %b\n" % (START_MS + 10, json.dumps(AFTER[1]).encode())
    with pytest.raises(RecordingError, match="line 3 has milliseconds after nanoseconds"):
        made_of(tmp_path, lines)


def test_an_empty_line_of_tardis_is_a_disconnect(tmp_path: Path) -> None:
    lines = [
        f"2025-10-09T08:53:20.0{n}00000Z {json.dumps(frame)}" for n, (_, frame) in enumerate([BEFORE, BODY, AFTER])
    ]
    text = "\n".join([*lines, "", f"2025-10-09T08:53:25.0000000Z {json.dumps(LATER[1])}", ""])
    made = made_of(tmp_path, text.encode())
    assert [gap.reason for gap in made.gaps(made.topic("book"))] == ["the recorder was disconnected"]
    assert made.quality(made.topic("book"))[0] == "gap"


def test_spot_has_no_previous_ids(tmp_path: Path) -> None:
    frames = [
        (0, diff(100, 105, None, bids=[["9.90", "7"]])),
        (5, body(103, BIDS, ASKS)),
        (10, diff(106, 110, None, bids=[["10.02", "3"]], at_ms=10)),
    ]
    made = made_of(tmp_path / "whole", stamped(frames))
    assert made.recording.origin.venue == "binance-spot"
    assert made.book() == (AT_110[0] | {9.9: 7.0}, AT_110[1])
    assert made.quality(made.topic("book")) == ("live", "complete")

    made = made_of(tmp_path / "hole", stamped([*frames, (20, diff(112, 113, None, bids=[["9.0", "1"]], at_ms=20))]))
    assert made.quality(made.topic("book"))[0] == "gap"


def test_contracts_of_coin_margined_markets_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="COIN-M frames, whose sizes are contracts"):
        made_of(tmp_path, stamped([(0, diff(1, 2, 0, s="BTCUSD_PERP"))]))


def test_of_two_speeds_of_one_book_the_first_is_read(tmp_path: Path) -> None:
    def at(speed: str, frame: object) -> object:
        return {"stream": f"abcusdt@depth{speed}", "data": frame}

    frames = [
        (0, at("@0ms", BEFORE[1])),
        (1, at("@100ms", diff(90, 107, 89))),
        BODY,
        (10, at("@0ms", AFTER[1])),
        (100, at("@100ms", diff(108, 119, 107, bids=[["10.02", "3"]], at_ms=100))),
        (101, {"stream": "abcusdt@rpiDepth@500ms", "data": diff(111, 119, 100, bids=[["10.04", "3"]], at_ms=101)}),
        (4_000, at("@0ms", LATER[1])),
    ]
    made = made_of(tmp_path, stamped(frames))
    assert made.book() == AT_120
    assert made.gaps(made.topic("book")) == []
    assert made.ever_wrong(RIGHT) == []
    assert any("2 updates of a second depth stream" in note for note in made.imported.notes)


def test_partial_books_are_no_updates(tmp_path: Path) -> None:
    partial = {"stream": "abcusdt@depth5@100ms", "data": diff(106, 110, 105, bids=[["10.02", "9"]])}
    made = made_of(tmp_path, stamped([BEFORE, BODY, (7, partial), AFTER]))
    assert made.book() == AT_110
    assert any("partial books" in note for note in made.imported.notes)
