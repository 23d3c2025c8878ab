"""The order book beside ccxt.pro's and beside a sorted dict of Decimals.

Books and diffs are drawn like those recorded on BTCUSDT: most levels and most changes are near the best price, some far
away. A diff has 25 changes a side and is the venue's frame as it comes from the socket.
"""

from __future__ import annotations

import random
from array import array
from collections.abc import Callable, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from functools import partial
from itertools import accumulate, cycle
from typing import cast

import msgspec
from ccxt.async_support.base.ws.client import Client, json_parser
from ccxt.async_support.base.ws.order_book import OrderBook
from ccxt.pro.binanceusdm import binanceusdm
from sortedcontainers import SortedDict

from benchmarks.folds import BTC
from benchmarks.table import machine, medians_us, print_table, ratio
from orderfox_nb.core.book import Book
from orderfox_nb.core.book_sync import BookSync
from orderfox_nb.core.events import NO_TEXT, BookDelta, BookSnapshot, LevelColumns, SideColumns, raw_levels
from orderfox_nb.core.ladder import build_ladder

TITLE = "Order book"

NO_CLIENT = cast(Client, None)
"""The handler of depth messages gets the socket's client and does not use it."""
MIDDLE = 616_597
DIFFS = 2_000
CHANGES = 25
ROUNDINGS = ("0.1", "1", "10", "100")
ROWS = 50


class RawDiff(
    msgspec.Struct, rename={"time": "E", "first": "U", "last": "u", "previous": "pu", "bids": "b", "asks": "a"}
):
    """The venue's diff with its two sides left as they are, the way the feed reads it."""

    time: int
    first: int
    last: int
    previous: int
    bids: msgspec.Raw
    asks: msgspec.Raw


class RawDiffFrame(msgspec.Struct):
    data: RawDiff


decode_frame = msgspec.json.Decoder(RawDiffFrame).decode


def side_of(levels: int, draw: random.Random) -> list[int]:
    """Distances from the best price in ticks: as recorded, half within one level a tick or two, the last far out."""
    reach = levels * 0.7
    distances: set[int] = {0}
    while len(distances) < levels:
        distances.add(int(draw.expovariate(1 / reach) if draw.random() < 0.8 else draw.expovariate(1 / (8 * reach))))
    return sorted(distances)


class Scene:
    """A book with a number of levels a side, and diffs that keep it about as large."""

    def __init__(self, levels: int, *, changes: int = CHANGES) -> None:
        self.changes = changes
        draw = random.Random(levels)
        self.bids = {MIDDLE - d: draw.randint(1, 9_999) for d in side_of(levels, draw)}
        self.asks = {MIDDLE + 1 + d: draw.randint(1, 9_999) for d in side_of(levels, draw)}
        self.frames = [self._frame(number, draw) for number in range(DIFFS)]

    def _frame(self, number: int, draw: random.Random) -> bytes:
        first = 100 * number + 7
        sides: list[list[tuple[str, str]]] = []
        for levels, sign in ((self.bids, -1), (self.asks, 1)):
            best = MIDDLE if sign < 0 else MIDDLE + 1
            ticks: set[int] = set()
            while len(ticks) < self.changes:
                ticks.add(best + sign * int(draw.expovariate(1 / 300)))
            # The best price stays, so that neither book is ever crossed; half of the other levels come, half go.
            changed = [
                (t, draw.randint(1, 9_999) if t == best or t not in levels or draw.random() < 0.5 else 0)
                for t in sorted(ticks)
            ]
            sides.append([(f"{t / 10:.2f}", f"{s / 1000:.3f}") for t, s in changed])
        data = {
            "e": "depthUpdate",
            "E": 1_723_161_256_299 + number,
            "T": 1_723_161_256_298 + number,
            "s": "BTCUSDT",
            "U": first,
            "u": 100 * number + 100,
            "pu": 100 * number,
            "b": sides[0],
            "a": sides[1],
        }
        return msgspec.json.encode({"stream": "btcusdt@depth@0ms", "data": data})

    def ours(self) -> Book:
        book = Book(BTC)
        book.apply(self.snapshot())
        return book

    def snapshot(self) -> BookSnapshot:
        raws = [raw_levels([(BTC.price(t), BTC.size(s)) for t, s in side.items()]) for side in (self.bids, self.asks)]
        return BookSnapshot(symbol="BTCUSDT", time_us=0, update_id=0, raw_bids=raws[0], raw_asks=raws[1])

    def theirs(self) -> OrderBook:
        sides = [[[BTC.price(t), BTC.size(s)] for t, s in side.items()] for side in (self.bids, self.asks)]
        return OrderBook({"bids": sides[0], "asks": sides[1], "symbol": "BTC/USDT:USDT", "nonce": 0})


def our_run(scene: Scene, read_every: int) -> Callable[[], None]:
    """All diffs once over a fresh start of ids: decode, check the chain, apply, and read the best prices."""
    book = scene.ours()
    snapshot = scene.snapshot()

    def run() -> None:
        sync = BookSync()
        sync.snapshot(snapshot)
        book.update_id = 0
        for number, frame in enumerate(scene.frames, 1):
            depth = decode_frame(frame).data
            delta = sync.delta(
                BookDelta(
                    symbol="BTCUSDT",
                    time_us=depth.time * 1_000,
                    first_id=depth.first,
                    last_id=depth.last,
                    previous_id=depth.previous,
                    raw_bids=depth.bids,
                    raw_asks=depth.asks,
                )
            )
            assert isinstance(delta, BookDelta)
            book.apply(delta)
            if read_every and number % read_every == 0:
                assert book.best_bid == MIDDLE

    return run


def their_run(scene: Scene, exchange: binanceusdm) -> Callable[[], None]:
    """The same diffs through the JSON parser and the message handler of ccxt.pro."""
    book = scene.theirs()

    def run() -> None:
        for frame in scene.frames:
            exchange.handle_order_book_message(NO_CLIENT, json_parser.loads(frame)["data"], book)

    return run


def compare_updates(scenes: dict[int, Scene], exchange: binanceusdm) -> None:
    rows: list[list[object]] = []
    for levels, scene in scenes.items():
        times = medians_us(
            {
                "theirs": their_run(scene, exchange),
                "each": our_run(scene, 1),
                "tenth": our_run(scene, 10),
                "never": our_run(scene, 0),
            },
            rounds=7,
            per_call=DIFFS,
        )
        theirs = times.pop("theirs")
        for name, label in (
            ("each", "read after each diff"),
            ("tenth", "read after every tenth"),
            ("never", "not read"),
        ):
            rows.append([f"{levels:,} levels a side, {label}", times[name], theirs, ratio(theirs, times[name])])
    print_table(
        "Decode and apply a diff of 50 changes, µs (targets against ccxt.pro: 4× at 1,000 levels, 8× at 5,000)",
        ["book", "orderfox", "ccxt.pro", "ratio"],
        rows,
    )


class FloorBook:
    """The least code that keeps both sides of integers and knows the best prices: no ids, no checks, a fixed window."""

    def __init__(self, scene: Scene) -> None:
        self.bids, self.asks = [0] * (2 * MIDDLE), [0] * (2 * MIDDLE)
        for side, levels in ((self.bids, scene.bids), (self.asks, scene.asks)):
            for ticks, lots in levels.items():
                side[ticks] = lots
        self.best_bid, self.best_ask = MIDDLE, MIDDLE + 1

    def apply(self, columns: LevelColumns) -> None:
        side, best = self.bids, self.best_bid
        for price, size in zip(*columns.bids.integers, strict=True):
            side[price] = size
            if size and price > best:
                best = price
        while not side[best]:
            best -= 1
        self.best_bid = best
        side, best = self.asks, self.best_ask
        for price, size in zip(*columns.asks.integers, strict=True):
            side[price] = size
            if size and price < best:
                best = price
        while not side[best]:
            best += 1
        self.best_ask = best


def in_columns(delta: BookDelta) -> BookDelta:
    """Return a delta with its levels as a recording holds them."""
    sides = [
        SideColumns(
            array("q", [BTC.ticks(price) for price, _ in levels]).tobytes(),
            array("q", [BTC.lots(size) for _, size in levels]).tobytes(),
        )
        for levels in (delta.bids, delta.asks)
    ]
    columns = LevelColumns(sides[0], sides[1], BTC.price_digits, BTC.size_digits)
    return msgspec.structs.replace(delta, raw_bids=NO_TEXT, raw_asks=NO_TEXT, columns=columns)


def compare_columns(changes: Sequence[int]) -> None:
    """Replay deltas of some sizes from text and from columns, with both best prices read after each."""
    rows: list[list[object]] = []
    for count in changes:
        scene = Scene(1_000, changes=count)
        text = [changed(scene, number) for number in range(500)]
        columns = [in_columns(delta) for delta in text]
        least = FloorBook(scene)

        def replay(book: Book, deltas: list[BookDelta]) -> None:
            for delta in deltas:
                book.update_id = 0
                book.apply(delta)
                assert book.best_bid == MIDDLE
                assert book.best_ask == MIDDLE + 1

        def replay_floor(least: FloorBook = least, deltas: list[BookDelta] = columns) -> None:
            for delta in deltas:
                assert delta.columns
                least.apply(delta.columns)
                assert least.best_bid == MIDDLE

        times = medians_us(
            {
                "text": partial(replay, scene.ours(), text),
                "columns": partial(replay, scene.ours(), columns),
                "least": replay_floor,
            },
            rounds=9,
            per_call=len(text),
        )
        faster, over = ratio(times["text"], times["columns"]), ratio(times["columns"], times["least"])
        rows.append([f"{2 * count} changes", times["text"], times["columns"], faster, times["least"], over])
    print_table(
        "Apply a delta and read both best prices, µs (target: columns 2.5× as fast as text)",
        ["delta", "text", "columns", "ratio", "least code", "× least"],
        rows,
    )


def group_ccxt(book: OrderBook, rounding: Decimal) -> list[tuple[list[int], list[int], list[int]]]:
    """The same rows over ccxt's lists of floats, as exact as ours and stopping as soon as there are enough."""
    tick, row = BTC.tick_size.as_integer_ratio(), rounding.as_integer_ratio()
    up, down = tick[0] * row[1], tick[1] * row[0]
    sides: list[tuple[list[int], list[int], list[int]]] = []
    for side, sign in (("bids", 1), ("asks", -1)):
        rows: dict[int, int] = {}
        for price, size in book[side]:
            key = sign * (sign * round(price * 10) * up // down)
            if key in rows:
                rows[key] += round(size * 1000)
            elif len(rows) == ROWS:
                break
            else:
                rows[key] = round(size * 1000)
        sides.append((list(rows), list(rows.values()), list(accumulate(rows.values()))))
    return sides


def group_decimals(
    bids: SortedDict, asks: SortedDict, rounding: Decimal
) -> list[list[tuple[Decimal, Decimal, Decimal]]]:
    """The straightforward exact way: Decimals in a sorted dict, every level into its row, then the best rows."""
    sides: list[list[tuple[Decimal, Decimal, Decimal]]] = []
    for levels, towards, best_last in ((bids, ROUND_FLOOR, True), (asks, ROUND_CEILING, False)):
        rows = SortedDict()
        for price, size in levels.items():
            key = (price / rounding).to_integral_value(towards) * rounding
            rows[key] = rows.get(key, Decimal(0)) + size
        total, out = Decimal(0), list[tuple[Decimal, Decimal, Decimal]]()
        keys = list(reversed(rows))[:ROWS] if best_last else list(rows)[:ROWS]
        for key in keys:
            total += rows[key]
            out.append((key, rows[key], total))
        sides.append(out)
    return sides


def compare_grouping(scenes: dict[int, Scene]) -> None:
    rows: list[list[object]] = []
    for levels, scene in scenes.items():
        book, theirs = scene.ours(), scene.theirs()
        bids = SortedDict({BTC.exact_price(t): BTC.exact_size(s) for t, s in scene.bids.items()})
        asks = SortedDict({BTC.exact_price(t): BTC.exact_size(s) for t, s in scene.asks.items()})
        deltas = cycle([changed(scene, number) for number in range(200)])

        def after_change(rounding: Decimal, book: Book = book, deltas: cycle[BookDelta] = deltas) -> object:
            book.update_id = 0
            book.apply(next(deltas))
            return build_ladder(book, rounding=rounding, limit=ROWS)

        for text in ROUNDINGS:
            rounding = Decimal(text)
            check(book, theirs, bids, asks, rounding)
            times = medians_us(
                {
                    "ours": lambda r=rounding, b=book: build_ladder(b, rounding=r, limit=ROWS),
                    "changed": lambda r=rounding: after_change(r),
                    "theirs": lambda r=rounding, b=theirs: group_ccxt(b, r),
                    "decimals": lambda r=rounding, b=bids, a=asks: group_decimals(b, a, r),
                },
                rounds=9,
            )
            book = scene.ours()
            rows.append(
                [
                    f"{levels:,} levels a side by {text}",
                    times["ours"],
                    times["changed"],
                    times["theirs"],
                    ratio(times["theirs"], times["ours"]),
                    times["decimals"],
                    ratio(times["decimals"], times["ours"]),
                ]
            )
    print_table(
        f"Group both sides to {ROWS} rows with cumulative sizes, µs (targets: 6× ccxt.pro's book, 100× SortedDict)",
        ["book", "orderfox", "… with a diff before", "ccxt.pro", "ratio", "SortedDict + Decimal", "ratio"],
        rows,
    )


def changed(scene: Scene, number: int) -> BookDelta:
    depth = decode_frame(scene.frames[number]).data
    return BookDelta(
        symbol="BTCUSDT", time_us=1, first_id=1, last_id=1, previous_id=0, raw_bids=depth.bids, raw_asks=depth.asks
    )


def check(book: Book, theirs: OrderBook, bids: SortedDict, asks: SortedDict, rounding: Decimal) -> None:
    """All three must say the same before their times mean anything."""
    ladder = build_ladder(book, rounding=rounding, limit=ROWS)
    exact = group_decimals(bids, asks, rounding)
    for keys, lots, cumulative, rows in (
        (ladder.bid_keys, ladder.bid_lots, ladder.bid_cumulative, exact[0]),
        (ladder.ask_keys, ladder.ask_lots, ladder.ask_cumulative, exact[1]),
    ):
        ours = [
            (k * rounding, BTC.exact_size(s), BTC.exact_size(c)) for k, s, c in zip(keys, lots, cumulative, strict=True)
        ]
        assert ours == rows
    assert group_ccxt(theirs, rounding) == [
        (ladder.bid_keys, ladder.bid_lots, ladder.bid_cumulative),
        (ladder.ask_keys, ladder.ask_lots, ladder.ask_cumulative),
    ]


def main() -> None:
    print(f"# {TITLE}\n\n{machine()}")
    scenes = {levels: Scene(levels) for levels in (1_000, 5_000)}
    compare_updates(scenes, binanceusdm())
    compare_grouping(scenes)
    compare_columns((2, 5, 12, 25, 50))


if __name__ == "__main__":
    main()
