"""hftbacktest's npz: one array of events in nanoseconds, without update ids and without a symbol."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np

from orderfox_nb.core.events import BookDelta, BookSnapshot, Trade, raw_levels
from orderfox_nb.core.numerals import MAX_AMOUNT, MAX_PRICE
from orderfox_nb.core.symbols import is_symbol_name
from orderfox_nb.errors import RecordingError
from orderfox_nb.feeds.imports.inputs import ZIP_ERRORS, Input
from orderfox_nb.feeds.imports.items import Disconnected, Facts, Row, Unreadable, UpdateIds

_DEPTH, _TRADE, _CLEAR, _SNAPSHOT = 1, 2, 3, 4
_KIND: Final = 0xFF
_LOCAL, _BUY, _SELL = 1 << 30, 1 << 29, 1 << 28
_FIELDS: Final = ("ev", "exch_ts", "local_ts", "px", "qty")
_SYMBOL: Final = re.compile(r"([a-z0-9]{2,20}(?:usdt|usdc|usd|btc))(?:[^a-z0-9]|$)")
_LACKS: Final = "the format has no update ids, so a missing update cannot be seen"
_NO_IDS: Final = "the format has no trade ids, so a missing trade cannot be seen"


class NpzReader:
    """One array; rows that reach the receiver, in their order.

    Args:
        source: The file.
        symbol: What it is of; otherwise the name of the file says it.
    """

    def __init__(self, source: Input, symbol: str) -> None:
        self._input = source
        found = _SYMBOL.search(source.path.name.lower())
        self._symbol = symbol.upper() or (found[1].upper() if found else "")
        if not is_symbol_name(self._symbol):
            raise RecordingError(source.path, "the symbol of this file: it does not name one, give --symbol")
        self.facts = Facts()

    def rows(self, progress: Callable[[int], None]) -> Iterator[Row]:
        lacks = {"book": _LACKS, "trades": _NO_IDS}
        self.facts = Facts(venue="imported", contiguous_trades=False, has_update_ids=False, lacks=lacks)
        data = self._read()
        progress(self._input.path.stat().st_size)
        kinds = data["ev"] & _KIND
        wanted = ((data["ev"] & _LOCAL) != 0) & (kinds >= _DEPTH) & (kinds <= _SNAPSHOT)
        left_out = int((((data["ev"] & _LOCAL) != 0) & ~wanted).sum())
        if left_out:
            self.facts.notes.append(f"not imported: {left_out:,} rows of other kinds")
        rows, kinds = data[wanted], kinds[wanted]
        if not len(rows):
            return
        # What belongs together: updates of one moment; what clears a side with the snapshot behind it.
        whole = np.where((kinds == _CLEAR) | (kinds == _SNAPSHOT), _SNAPSHOT, kinds)
        differs = (whole[1:] != whole[:-1]) | (
            (whole[1:] != _SNAPSHOT) & (rows["local_ts"][1:] != rows["local_ts"][:-1])
        )
        edges = [0, *(np.flatnonzero(differs | (whole[1:] == _TRADE)) + 1).tolist(), len(rows)]
        ids = UpdateIds()
        for start, end in pairwise(edges):
            group, kind = rows[start:end], int(whole[start])
            stamp_us = int(group["local_ts"][0]) // 1_000
            if kind == _SNAPSHOT:
                group = group[kinds[start:end] == _SNAPSHOT]
            bad = ~(np.isfinite(group["px"]) & np.isfinite(group["qty"]))
            bad |= (group["px"] < 0) | (group["px"] > MAX_PRICE) | (group["qty"] < 0) | (group["qty"] > MAX_AMOUNT)
            if bad.any():
                channel = "trades" if kind == _TRADE else "book"
                yield Row(stamp_us, Unreadable(start + int(bad.argmax()) + 1, "no number", channel))
                continue
            if not len(group):
                yield Row(stamp_us, Disconnected("the book was cleared", frozenset({(self._symbol, "book")})))
                continue
            if kind == _TRADE:
                yield Row(stamp_us, self._trade(group, start, stamp_us))
            else:
                yield Row(stamp_us, self._book(group, kind, ids, stamp_us))

    def _trade(self, group: np.ndarray, number: int, stamp_us: int) -> Trade:
        return Trade(
            symbol=self._symbol,
            time_us=int(group["exch_ts"][0]) // 1_000,
            received_us=stamp_us,
            id=f"row {number}",
            price=float(group["px"][0]),
            size=float(group["qty"][0]),
            aggressor="buy" if int(group["ev"][0]) & _BUY else "sell",
        )

    def _book(self, group: np.ndarray, kind: int, ids: UpdateIds, stamp_us: int) -> BookDelta | BookSnapshot:
        time_us = int(group["exch_ts"][-1]) // 1_000
        previous_id, update_id = ids.follow(self._symbol, stamp_us)
        sides = [
            raw_levels([(float(row["px"]), float(row["qty"])) for row in group[(group["ev"] & side) != 0]])
            for side in (_BUY, _SELL)
        ]
        if kind == _SNAPSHOT:
            return BookSnapshot(
                symbol=self._symbol,
                time_us=time_us,
                received_us=stamp_us,
                raw_bids=sides[0],
                raw_asks=sides[1],
                update_id=update_id,
            )
        return BookDelta(
            symbol=self._symbol,
            time_us=time_us,
            received_us=stamp_us,
            raw_bids=sides[0],
            raw_asks=sides[1],
            first_id=update_id,
            last_id=update_id,
            previous_id=previous_id,
        )

    def _read(self) -> Any:
        try:
            with np.load(self._input.path, allow_pickle=False) as archive:
                data = archive["data"]
        except (*ZIP_ERRORS, MemoryError) as error:
            raise RecordingError(self._input.path, f"an npz with an array called data ({error})") from None
        names = data.dtype.names or ()
        if missing := [name for name in _FIELDS if name not in names]:
            raise RecordingError(self._input.path, f"hftbacktest's columns; {', '.join(missing)} is missing")
        return data


def looks_npz(source: Input, sample: Sequence[bytes]) -> bool:  # noqa: ARG001
    """Return whether a file is an archive of numpy arrays."""
    try:
        with zipfile.ZipFile(source.path) as archive:
            return any(name.endswith(".npy") for name in archive.namelist())
    except ZIP_ERRORS:
        return False
