"""cryptofeed's raw captures: ``<seconds>: <frame>`` lines, with what was asked over REST and sent on the socket."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from orderfox_nb.feeds.http import short
from orderfox_nb.feeds.imports.inputs import Input
from orderfox_nb.feeds.imports.items import Disconnected, Facts, Row, Unreadable
from orderfox_nb.feeds.imports.raw import FrameDecoder

_FRAME: Final = re.compile(rb"([0-9]{9,11}(?:\.[0-9]+)?): (.*)", re.DOTALL)
_ANSWER: Final = re.compile(rb"(https?://\S+) -> ([0-9]{9,11}(?:\.[0-9]+)?): (.*)", re.DOTALL)
_CONNECTED: Final = re.compile(rb"wss?://\S+ <-> ([0-9]{9,11}(?:\.[0-9]+)?)")
_SENT: Final = re.compile(rb"wss?://\S+ <- ")
_SYMBOL: Final = re.compile(rb"[?&]symbol=([A-Za-z0-9_]+)")
_DEPTH: Final = re.compile(rb"/depth\?")


class CryptofeedReader:
    """One file of ``AsyncFileCallback``, of a Binance feed.

    Args:
        source: The file.
        symbol: Not used: the frames name theirs.
    """

    def __init__(self, source: Input, symbol: str) -> None:  # noqa: ARG002
        self._input = source
        self.facts = Facts()

    def rows(self, progress: Callable[[int], None]) -> Iterator[Row]:
        self.facts = facts = Facts()
        decoder = FrameDecoder()
        stamp_us, connected = 0, False
        for number, line in self._input.lines(progress):
            if not line.strip() or line.startswith(b"configuration:") or _SENT.match(line):
                continue
            if found := _CONNECTED.fullmatch(line.strip()):
                stamp_us = _us(found[1])
                if connected:
                    yield Row(stamp_us, Disconnected("the recorder was disconnected", frozenset(decoder.seen)))
                connected = True
                continue
            symbol = b""
            if answer := _ANSWER.fullmatch(line):
                if not _DEPTH.search(answer[1]):
                    continue
                asked = _SYMBOL.search(answer[1])
                symbol, at, text = asked[1] if asked else b"", answer[2], answer[3]
            elif frame := _FRAME.fullmatch(line):
                at, text = frame[1], frame[2]
            else:
                yield Row(stamp_us, Unreadable(number, "neither a frame nor a request"))
                continue
            stamp_us = _us(at)
            try:
                events = decoder.events(text, stamp_us, symbol=symbol.decode())
            except (msgspec.MsgspecError, ValueError) as error:
                yield Row(stamp_us, Unreadable(number, short(str(error))))
                continue
            for event in events:
                yield Row(stamp_us, event)
        decoder.describe(facts)
        facts.corruption, facts.cut_off = self._input.corruption, self._input.cut_off


def looks_cryptofeed(source: Input, sample: Sequence[bytes]) -> bool:  # noqa: ARG001
    """Return whether lines are those of a raw capture."""
    known = (_FRAME, _ANSWER, _CONNECTED)
    return any(pattern.fullmatch(line.strip()) for line in sample[:5] for pattern in known)


def _us(seconds: bytes) -> int:
    whole, _, rest = seconds.partition(b".")
    return int(whole) * 1_000_000 + int(rest[:6].ljust(6, b"0") or b"0")
