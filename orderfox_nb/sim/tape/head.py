"""The first lines of a recording: symbols with their steps, clock, kinds of events."""

from __future__ import annotations

import math
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final

import msgspec

from orderfox_nb.sim.listings import ListedContract
from orderfox_nb.sim.tape.records import Snapshot, read_records

_HEAD_LINES: Final = 20_000
_ENOUGH_LINES: Final = 2_000
_QUOTES: Final = ("USDT", "USDC", "USD", "BTC")

_decode_levels = msgspec.json.Decoder(list[tuple[str, str]]).decode


class Steps:
    """The smallest step that every number seen is a multiple of."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, int]] = {}

    def add(self, what: str, text: str) -> None:
        """Note a price or a size."""
        whole, _, rest = text.partition(".")
        digits, divisor = self._seen.get(what, (0, 0))
        if len(rest) > digits:
            divisor *= 10 ** (len(rest) - digits)
            digits = len(rest)
        self._seen[what] = (digits, math.gcd(divisor, int(whole + rest.ljust(digits, "0"))))

    def add_levels(self, levels: list[tuple[str, str]]) -> None:
        """Note prices with their sizes."""
        for price, size in levels:
            self.add("price", price)
            self.add("size", size)

    def step(self, what: str) -> Decimal:
        """Return the step; one unit where nothing was seen."""
        digits, divisor = self._seen.get(what, (0, 1))
        return Decimal(max(1, divisor)).scaleb(-digits)


class Head(msgspec.Struct):
    """Contents of the first lines of a recording."""

    start_us: int = 0
    """Receive time of the first frame."""
    skew_us: int = -(2**62)
    """How far the exchange's clock is ahead of the receiver's."""
    kinds: set[str] = msgspec.field(default_factory=set[str])
    """Event types that occur."""
    symbols: dict[str, Steps] = msgspec.field(default_factory=dict[str, Steps])
    snapshots: list[Snapshot] = []

    def listings(self, *, tick_size: str = "", lot_size: str = "") -> list[ListedContract]:
        """Return the symbols; a step that is not given is inferred from the numbers.

        Raises:
            ValueError: Not a step.
        """
        return [
            _listing(symbol, _step(tick_size, steps.step("price")), _step(lot_size, steps.step("size")), rank)
            for rank, (symbol, steps) in enumerate(self.symbols.items())
        ]


def read_head(path: Path) -> Head:
    """Read the first lines of a recording.

    Raises:
        OSError: It cannot be read.
        ValueError: There is no frame in it.
    """
    head = Head()
    for count, record in enumerate(read_records(path)):
        if not count:
            head.start_us = record.received_us
        if record.snapshot is not None:
            head.snapshots.append(record.snapshot)
            steps = next(iter(head.symbols.values()), None)
            if steps is not None:
                steps.add_levels(record.snapshot.bids + record.snapshot.asks)
            continue
        frame = record.frame
        head.kinds.add(frame.e)
        if frame.E:
            head.skew_us = max(head.skew_us, frame.E * 1_000 - record.received_us)
        steps = head.symbols.setdefault(frame.s, Steps())
        if frame.e == "depthUpdate":
            steps.add_levels(_decode_levels(frame.b) + _decode_levels(frame.a))
        elif frame.e in ("trade", "aggTrade"):
            steps.add_levels([(frame.p, frame.q)])
        if count >= _HEAD_LINES or (count >= _ENOUGH_LINES and head.snapshots):
            break
    if not head.symbols:
        raise ValueError(f"{path}: no recorded frame in it")
    return head


def _listing(symbol: str, tick_size: Decimal, lot_size: Decimal, rank: int) -> ListedContract:
    quote = next((quote for quote in _QUOTES if symbol.endswith(quote)), "")
    return ListedContract(
        symbol=symbol,
        base=symbol.removesuffix(quote) or symbol,
        quote=quote or "USDT",
        tick_size=tick_size,
        lot_size=lot_size,
        onboard_us=0,
        price=float(tick_size) * 1e9,
        daily_notional=0.0,
        volatility=1.0,
        rank=rank,
    )


def _step(given: str, inferred: Decimal) -> Decimal:
    if not given:
        return inferred
    try:
        step = Decimal(given)
    except InvalidOperation:
        raise ValueError(f"{given!r} is not a step such as 0.1") from None
    if not step.is_finite() or step <= 0:
        raise ValueError(f"{given} is not a step above 0")
    return step
