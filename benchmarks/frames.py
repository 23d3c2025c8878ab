"""The public order book frame: group, format and encode one, beside the same made from ccxt.pro's book.

Both start from a book at rest of 1,000 levels a side and end with the bytes of an ``orderbook_update``. The ccxt way is
what its users write: group floats in a dict, sort, sum, format each number, ``json.dumps``. Its rows are compared with
ours before any time is taken (a float floor may put a level on the edge into another row, so rounding is the tick's
multiple here and keys are rounded).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from benchmarks.book import BTC, Scene
from benchmarks.table import machine, medians_us, print_table, ratio
from orderfox_nb.core.book import Book
from orderfox_nb.core.ladder import build_ladder
from orderfox_nb.core.quality import QualityView
from orderfox_nb.views.public_book import orderbook_update
from orderfox_nb.views.stamp import Stamp

TITLE = "Public order book frame"

OPTIONS = [Decimal("0.1"), Decimal(1), Decimal(10), Decimal(100), Decimal(1000)]
TIME_US = 1_723_161_256_299_000
QUALITY = QualityView("live", "complete", TIME_US // 1000)


def ours(book: Book, rounding: Decimal, rows: int) -> bytes:
    stamp = Stamp(sequence=7, time_us=TIME_US, quality=QUALITY)
    ladder = build_ladder(book, rounding=rounding, limit=rows)
    return orderbook_update(ladder, stamp, instrument=BTC, options=OPTIONS, time_us=TIME_US, zone=UTC)


def side_rows(
    levels: list[list[float]], rounding: float, rows: int, edge: Callable[[float], int], *, down: bool
) -> list[Any]:
    sums: dict[int, float] = {}
    for price, size in levels:
        key = edge(round(price / rounding, 9))
        sums[key] = sums.get(key, 0.0) + size
    total = 0.0
    made: list[Any] = []
    for key in sorted(sums, reverse=down)[:rows]:
        price, size = key * rounding, sums[key]
        total += size
        made.append(
            {
                "price": price,
                "amount": size,
                "cumulative": total,
                "price_formatted": f"{price:.0f}",
                "amount_formatted": f"{size:.3f}",
                "cumulative_formatted": f"{total:.2f}",
            }
        )
    return made


def theirs(book: Any, rounding: float, rows: int) -> bytes:
    bids = side_rows(book["bids"], rounding, rows, math.floor, down=True)
    asks = side_rows(book["asks"], rounding, rows, math.ceil, down=False)
    asks.reverse()
    message = {
        "type": "orderbook_update",
        "symbol": "BTCUSDT",
        "timestamp": TIME_US // 1000,
        "time_formatted": datetime.fromtimestamp(TIME_US / 1e6, UTC).strftime("%H:%M:%S"),
        "limit": rows,
        "rounding": rounding,
        "bids": bids,
        "asks": asks,
    }
    return json.dumps(message).encode()


def main() -> None:
    rows_of: list[list[object]] = []
    scene = Scene(1_000)
    mine, other = scene.ours(), scene.theirs()
    for count in (20, 50):
        for rounding in ("1", "10"):
            height = Decimal(rounding)
            made, expected = json.loads(ours(mine, height, count)), json.loads(theirs(other, float(height), count))
            for side in ("bids", "asks"):
                assert [row["price"] for row in made[side]] == [row["price"] for row in expected[side]]
            times = medians_us(
                {
                    "orderfox": lambda height=height, count=count: ours(mine, height, count),
                    "ccxt.pro": lambda height=height, count=count: theirs(other, float(height), count),
                }
            )
            name = f"{count} rows a side by {rounding}"
            rows_of.append([name, times["orderfox"], times["ccxt.pro"], ratio(times["ccxt.pro"], times["orderfox"])])
    print_table(
        f"{TITLE}: group, format and encode, µs (target: under 150; {machine()})",
        ["frame", "orderfox", "over ccxt.pro's book", "ratio"],
        rows_of,
    )


if __name__ == "__main__":
    main()
