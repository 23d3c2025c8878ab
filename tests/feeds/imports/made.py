"""Files of other recorders that a test writes, and what an import made of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from orderfox_nb.core.book import Book
from orderfox_nb.core.events import Candle, Event, Gap, Liquidation, Status, Topic, Trade
from orderfox_nb.core.quality import QualityTracker
from orderfox_nb.feeds.imports.importing import Imported, import_files
from orderfox_nb.recording.recording import Recording, open_recording

START_MS = 1_760_000_000_000
Ladder = dict[float, float]


def diff(
    first: int, last: int, previous: int | None, *, bids: Any = (), asks: Any = (), at_ms: int = 0, s: str = "ABCUSDT"
) -> Any:
    """Return a depth update; without ``previous`` as spot sends it."""
    now = START_MS + at_ms
    frame = {"e": "depthUpdate", "E": now, "s": s, "U": first, "u": last, "b": list(bids), "a": list(asks)}
    return frame if previous is None else frame | {"T": now, "pu": previous}


def body(update_id: int, bids: Any, asks: Any) -> Any:
    return {"lastUpdateId": update_id, "bids": list(bids), "asks": list(asks)}


def fill(number: int, price: str, size: str, *, at_ms: int = 0, maker: bool = False, kind: str = "MARKET") -> Any:
    now = START_MS + at_ms
    frame = {"e": "trade", "E": now, "T": now, "s": "ABCUSDT", "t": number, "p": price, "q": size}
    return frame | {"X": kind, "m": maker}


def forced(side: str, size: str, average: str, *, at_ms: int = 0, s: str = "ABCUSDT") -> Any:
    order = {"s": s, "S": side, "o": "LIMIT", "f": "IOC", "q": size, "p": average, "ap": average, "X": "FILLED"}
    order |= {"l": size, "z": size, "T": START_MS + at_ms}
    return {"e": "forceOrder", "E": START_MS + at_ms + 6, "o": order}


def stamped(frames: Iterable[tuple[int, Any]]) -> bytes:
    """Return lines of frames, stamped in nanoseconds."""
    return b"".join(
        b"%d %b\n" % ((START_MS + at_ms) * 1_000_000, json.dumps(frame, separators=(",", ":")).encode())
        for at_ms, frame in frames
    )


class Made:
    """An import and what is in it."""

    def __init__(self, imported: Imported) -> None:
        self.imported = imported
        self.recording: Recording = open_recording(imported.folder)

    def topic(self, channel: str, symbol: str = "ABCUSDT", interval: str = "") -> Topic:
        return Topic(self.recording.origin.venue, symbol, channel, interval)

    def events(self, topic: Topic) -> list[Event]:
        return [found.event for found in self.recording.events() if found.topic == topic]

    def book(self, symbol: str = "ABCUSDT") -> tuple[Ladder, Ladder]:
        """Return both sides of the final book; empty where it is not that of the venue."""
        state = self.recording.state(self.topic("book", symbol))
        assert state is not None
        fold = state.fold
        assert isinstance(fold, Book)
        if not fold.synced:
            return {}, {}
        sides = fold.levels("bid"), fold.levels("ask")
        price, size = state.instrument.price, state.instrument.size
        bids, asks = ({price(int(t)): size(int(n)) for t, n in zip(*side, strict=True)} for side in sides)
        return bids, asks

    def quality(self, topic: Topic) -> tuple[str, str]:
        """Return state and coverage at the end."""
        tracker = QualityTracker(topic.channel, recorded=True)
        for event in self.events(topic):
            tracker.apply(event)
        return tracker.state.value, tracker.coverage

    def gaps(self, topic: Topic) -> list[Gap]:
        return [event for event in self.events(topic) if isinstance(event, Gap)]

    def trades(self, symbol: str = "ABCUSDT") -> list[Trade]:
        return [event for event in self.events(self.topic("trades", symbol)) if isinstance(event, Trade)]

    def orders(self, symbol: str = "ABCUSDT") -> list[Liquidation]:
        return [event for event in self.events(self.topic("liquidations", symbol)) if isinstance(event, Liquidation)]

    def bars(self, interval: str = "1m", symbol: str = "ABCUSDT") -> dict[int, Candle]:
        """Return the last state of each bar."""
        found = self.events(self.topic("candles", symbol, interval))
        return {event.open_us: event for event in found if isinstance(event, Candle)}

    def ever_wrong(self, right: Sequence[tuple[Ladder, Ladder]], symbol: str = "ABCUSDT") -> list[Any]:
        """Return every book that was live and complete and is none of the right ones."""
        topic = self.topic("book", symbol)
        book = Book(self.recording.instruments[symbol])
        tracker = QualityTracker("book", recorded=True)
        whole = False
        wrong: list[Any] = []
        for event in self.events(topic):
            tracker.apply(event)
            book.apply(event)
            whole = whole or (isinstance(event, Status) and event.ends_prelude)
            if whole and book.synced and (tracker.state.value, tracker.coverage) == ("live", "complete"):
                price, size = book.instrument.price, book.instrument.size
                sides = book.levels("bid"), book.levels("ask")
                shown = tuple({price(int(t)): size(int(n)) for t, n in zip(*side, strict=True)} for side in sides)
                if shown not in right:
                    wrong.append(shown)
        return wrong


def made_of(folder: Path, *files: bytes | Path, names: Sequence[str] = (), symbol: str = "") -> Made:
    """Import contents, or files that are there."""
    folder.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    for number, content in enumerate(files):
        if isinstance(content, Path):
            paths.append(content)
            continue
        paths.append(folder / (names[number] if number < len(names) else f"file{number}"))
        paths[-1].write_bytes(content)
    return Made(import_files(paths, folder / "out", symbol=symbol))


BIDS = [["10.02", "1"], ["10.01", "2"], ["10.00", "5"]]
ASKS = [["10.05", "2"], ["10.06", "3"]]
# What the body has, and the three updates of `joined` make of it by the venue's rule.
AT_BODY: tuple[Ladder, Ladder] = ({10.02: 1.0, 10.01: 2.0, 10.0: 5.0}, {10.05: 2.0, 10.06: 3.0})
AT_110: tuple[Ladder, Ladder] = ({10.02: 3.0, 10.01: 2.0, 10.0: 5.0}, {10.05: 2.0, 10.06: 3.0})
AT_120: tuple[Ladder, Ladder] = ({10.02: 3.0, 10.01: 2.0, 10.0: 5.0, 9.0: 8.0}, {10.05: 2.0, 10.06: 3.0})
RIGHT = [AT_BODY, AT_110, AT_120]

BEFORE = (0, diff(100, 105, 99, bids=[["9.90", "7"]]))
BODY = (5, body(105, BIDS, ASKS))
AFTER = (10, diff(106, 110, 105, bids=[["10.02", "3"]], at_ms=10))
LATER = (4_000, diff(111, 120, 110, bids=[["9.0", "8"]], at_ms=4_000))
