"""The minutes that another server has recorded of a venue: what the strip of a rewind shows."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Any, Final

import msgspec

from orderfox_nb.clock import Clock, in_time
from orderfox_nb.errors import MalformedFrame, NoPast, VenueUnreachable
from orderfox_nb.feeds.http import checked, short
from orderfox_nb.feeds.remote_link import MAX_MESSAGE_BYTES
from orderfox_nb.feeds.remote_messages import RemoteError, kind_decoder
from orderfox_nb.feeds.transport import SOCKET_ERRORS, network_reason, open_socket
from orderfox_nb.recording.minutes import StripColumns

_ANSWER_S: Final = 15.0
_KEPT_S: Final = 4.0
"""Pages that ask for the same minutes within that time share an answer."""
_MAX_KEPT: Final = 64


class _StripAnswer(msgspec.Struct, frozen=True):
    data: StripColumns


_answer_decoder = msgspec.json.Decoder(_StripAnswer)
_error_decoder = msgspec.json.Decoder(RemoteError)


class RemoteStrip:
    """Asks a server what it has recorded, one question at a time.

    Args:
        url: Base URL of the server.
        venue: Name of one of the server's venues; its first one if empty.
        name: The venue's name here.
        headers: Sent with the handshake.
        clock: Measures how long an answer is kept.
    """

    def __init__(self, url: str, *, venue: str, name: str, headers: dict[str, str], clock: Clock) -> None:
        self._url = url
        self._venue = venue
        self._name = name
        self._headers = headers
        self._clock = clock
        self._kept: OrderedDict[tuple[str, int | None, int | None], tuple[int, StripColumns]] = OrderedDict()
        self._asking = asyncio.Lock()

    async def columns(self, symbol: str, start_us: int | None, end_us: int | None) -> StripColumns:
        """Return the minutes of a symbol that are recorded.

        Raises:
            NoPast: Nothing is recorded there.
            VenueUnreachable: The server does not answer.
            MalformedFrame: It answers with something else.
        """
        asked = symbol, start_us, end_us
        async with self._asking:
            now_us = self._clock.now_us()
            kept = self._kept.get(asked)
            if kept is not None and 0 <= now_us - kept[0] < _KEPT_S * 1e6:
                return kept[1]
            try:
                found = await in_time(self._clock, _ANSWER_S, self._ask(symbol, start_us, end_us))
            except (*SOCKET_ERRORS, TimeoutError) as error:
                raise VenueUnreachable(
                    self._name, f"{self._url} cannot be reached ({network_reason(error)})"
                ) from error
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                raise MalformedFrame(self._name, f"recorded minutes of {self._url}: {short(str(error))}") from error
            self._kept[asked] = now_us, found
            while len(self._kept) > _MAX_KEPT:
                self._kept.popitem(last=False)
            return found

    async def _ask(self, symbol: str, start_us: int | None, end_us: int | None) -> StripColumns:
        question: dict[str, Any] = {"type": "request", "id": 1, "what": "strip", "symbol": symbol}
        for name, time_us in (("start", start_us), ("end", end_us)):
            if time_us is not None:
                question[name] = time_us // 1000
        if self._venue:
            question["venue"] = self._venue
        live = "ws" + self._url.removeprefix("http") + "/api/v1/ws/live"
        async with open_socket(live, max_bytes=MAX_MESSAGE_BYTES, headers=self._headers) as socket:
            await socket.send(msgspec.json.encode(question).decode())
            while True:
                text = await socket.recv()
                kind = checked(kind_decoder, text).type
                if kind == "error":
                    raise NoPast(self._name, short(checked(_error_decoder, text).message))
                if kind == "response":
                    return _checked_rows(checked(_answer_decoder, text).data)


def _checked_rows(found: StripColumns) -> StripColumns:
    columns = (found.low, found.high, found.volume, found.buy_liquidations, found.sell_liquidations)
    if any(len(column) != len(found.time) for column in columns):
        raise msgspec.ValidationError("its columns are not of one length")
    return found
