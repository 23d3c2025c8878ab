"""Faults on request: what can go wrong at a venue, one named case at a time."""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal, TypeAlias

import msgspec

Kind: TypeAlias = Literal[
    "drop",
    "duplicate",
    "reorder",
    "delay",
    "freeze",
    "malformed",
    "cut",
    "half_open",
    "stale_snapshot",
    "clock_jump",
    "status",
    "contract",
    "restart",
    "renumber",
]
_STREAM_KINDS = frozenset({"drop", "duplicate", "reorder", "delay", "freeze", "malformed"})
_REST_KINDS = frozenset({"status", "malformed", "delay", "stale_snapshot"})


class Fault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One fault, its scope, and how often it applies.

    A fault with a ``path`` applies to REST requests, any other to frames of streams (``status`` and
    ``stale_snapshot`` always apply to REST). Scopes left empty match everything. ``clock_jump``, ``cut``,
    ``half_open``, ``contract``, ``restart`` and ``renumber`` apply at once. Seconds are of the server's clock. A
    ``stream`` is named as its protocol does (``btcusdt@depth@100ms``, ``orderbook.200.BTCUSDT``,
    ``books:BTC-USDT-SWAP``), a ``symbol`` as the exchange does (``BTCUSDT``), whatever the protocol.

    - ``drop``, ``duplicate``: a frame is left out, sent twice;
    - ``reorder``: a frame is sent after the next one of its stream;
    - ``delay``: a frame, and all behind it on its connection, waits ``seconds``; a REST answer waits so long;
    - ``freeze``: the stream stays silent while the socket lives (``count`` frames, or forever with -1);
    - ``malformed``: the text is cut in the middle of its JSON;
    - ``cut``: the connection is dropped without a close frame;
    - ``half_open``: the connection stays open without any traffic, in either direction;
    - ``stale_snapshot``: ``depth`` answers with the book of the moment when the fault was added; with a ``stream``
      (Bybit, OKX), the snapshot with which it opens is that book;
    - ``clock_jump``: the server's time and every event time jump by ``seconds`` and stay there;
    - ``status``: REST answers with ``status`` (429, 418, 451, 5xx) and ``Retry-After: seconds``; with a ``path``
      such as ``/market/stream`` a new socket is refused with it;
    - ``contract``: the contract of ``symbol`` changes: ``tick_size`` (that of the listing, or one that is 10 or 100
      times as fine), ``lot_size`` (in ``exchangeInfo`` alone), ``trading`` (its status, such as ``SETTLING``: its
      streams are silent and REST answers -4141, until it is ``TRADING`` again; ``UNLISTED``: it is in no list, and
      REST answers -1121), ``contract_type``, ``session``
      (``closed`` or ``open``: nothing is traded while it is closed);
    - ``restart``: the ids of the books start over with a snapshot, as after a restart of the venue's service (Bybit:
      ``u`` is 1; OKX: ``prevSeqId`` is -1);
    - ``renumber``: the ids of the books continue from a small number within the chain (OKX's maintenance: ``seqId`` is
      smaller than ``prevSeqId``).
    """

    kind: Kind
    stream: str = ""
    symbol: str = ""
    connection: int = 0
    """Number of a connection as ``/sim/statistics`` lists them."""
    path: str = ""
    """Start of a REST path such as ``/fapi/v1/depth``."""
    count: int = 1
    """How many times, -1 without end."""
    seconds: float = 0.0
    status: int = 503
    tick_size: str = ""
    lot_size: str = ""
    trading: str = ""
    contract_type: str = ""
    session: Literal["", "open", "closed"] = ""
    id: int = 0


class Faults:
    """The faults in force, oldest first; each is gone once its count is used up."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._issued = 0
        self.applied: Counter[str] = Counter()
        """How often each kind has been applied."""

    def __len__(self) -> int:
        return len(self._faults)

    def add(self, kind: Kind | Fault, **options: Any) -> Fault:
        """Add a fault.

        Raises:
            TypeError: No such option.
        """
        fault = kind if isinstance(kind, Fault) else Fault(kind=kind, **options)
        self._issued += 1
        fault.id = self._issued
        self._faults.append(fault)
        return fault

    def remove(self, fault_id: int) -> bool:
        """End a fault before its count is used up."""
        before = len(self._faults)
        self._faults = [fault for fault in self._faults if fault.id != fault_id]
        return len(self._faults) < before

    def clear(self) -> None:
        """End every fault."""
        self._faults.clear()

    def listed(self) -> list[Fault]:
        """Return the faults in force."""
        return list(self._faults)

    def for_frame(self, stream: str, symbol: str, connection: int) -> Fault | None:
        """Return the fault that applies to a frame, if any, and count it."""
        for fault in self._faults:
            if (
                fault.kind in _STREAM_KINDS
                and not fault.path
                and (not fault.stream or fault.stream == stream)
                and (not fault.symbol or fault.symbol.upper() == symbol)
                and (not fault.connection or fault.connection == connection)
            ):
                return self._use(fault)
        return None

    def for_snapshot(self, stream: str) -> Fault | None:
        """Return the fault that applies to the snapshot with which a stream opens, if any, and count it."""
        for fault in self._faults:
            if fault.kind == "stale_snapshot" and fault.stream == stream:
                return self._use(fault)
        return None

    def for_request(self, path: str, symbol: str) -> Fault | None:
        """Return the fault that applies to a REST request, if any, and count it."""
        for fault in self._faults:
            if (
                fault.kind not in _REST_KINDS
                or fault.stream
                or (not fault.path and fault.kind not in ("status", "stale_snapshot"))
            ):
                continue
            if fault.kind == "stale_snapshot" and not path.endswith("/depth"):
                continue
            if path.startswith(fault.path) and (not fault.symbol or fault.symbol.upper() == symbol):
                return self._use(fault)
        return None

    def consume(self, kind: Kind) -> Fault | None:
        """Return the first fault of a kind that applies to neither frames nor requests, and count it."""
        for fault in self._faults:
            if fault.kind == kind:
                return self._use(fault)
        return None

    def _use(self, fault: Fault) -> Fault:
        self.applied[fault.kind] += 1
        if fault.count > 0:
            fault.count -= 1
            if fault.count == 0:
                self._faults.remove(fault)
        return fault
