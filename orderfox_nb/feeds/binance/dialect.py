"""The WebSocket protocol of Binance's USD-M futures."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, Self

import msgspec

from orderfox_nb.core.events import Channel, Coverage, Topic
from orderfox_nb.feeds.binance.messages import StreamFrame, decode_frame, stream_name
from orderfox_nb.feeds.binance.protocol import root_of, stream_of, to_events
from orderfox_nb.feeds.http import short
from orderfox_nb.feeds.venue.dialect import DecodedFrame, Method, SilenceLimits, SocketLimits

MAX_FRAME_BYTES: Final = 1_000_000
"""Largest frame: a diff of 1,000 levels has 30 kB."""

METHODS: Final[Mapping[Method, str]] = {
    "subscribe": "SUBSCRIBE",
    "unsubscribe": "UNSUBSCRIBE",
    "probe": "LIST_SUBSCRIPTIONS",
}


class BinanceDialect:
    """Streams of two roots, each under its name."""

    roots: Collection[str] = ("public", "market")
    channels: Collection[Channel] = (
        "book",
        "trades",
        "candles",
        "liquidations",
        "mark",
        "ticker",
        "open_interest",
    )
    limits = SocketLimits(
        streams=200,
        age_s=23.5 * 3600,
        # Half of the 10 messages a second that the venue allows: pongs are counted too.
        command_pause_s=0.2,
        frame_bytes=MAX_FRAME_BYTES,
    )
    unbroken_trades: bool = True
    ordered_trades: bool = True
    neighbour_checks: Mapping[Channel, int] = {}
    coverage: Mapping[Channel, Coverage] = {}
    quiet: Mapping[Channel, SilenceLimits] = {}
    streams_snapshots: bool = False

    def socket_url(self, base: str, root: str) -> str:
        return f"{base}/{root}/stream"

    def stream_of(self, topic: Topic) -> str:
        return stream_of(topic)

    def root_of(self, stream: str) -> str:
        return root_of(stream)

    def is_heartbeat(self, stream: str) -> bool:
        return stream.endswith("@markPrice@1s")

    def is_shared(self, stream: str) -> bool:  # noqa: ARG002 - none is
        return False

    def codec(self) -> Self:
        # Every frame says all that it means.
        return self

    def command(self, method: Method, number: int, streams: Collection[str]) -> str:
        return command(method, number, streams)

    def decode(self, text: str | bytes, received_us: int) -> DecodedFrame:
        frame = decode_frame(text)
        if frame.data is None:
            return answer_of(frame)
        return DecodedFrame(frame.stream, to_events(frame.data, received_us))

    def stream_name(self, text: str | bytes) -> str:
        return stream_name(text)


def command(method: Method, number: int, streams: Collection[str]) -> str:
    """Write a command of any of Binance's stream hosts."""
    fields: dict[str, object] = {"method": METHODS[method], "id": number}
    if streams:
        fields["params"] = sorted(streams)
    return msgspec.json.encode(fields).decode()


def answer_of(frame: StreamFrame) -> DecodedFrame:
    """Read the answer to a command.

    Raises:
        ValueError: It is not the answer to a command.
    """
    if frame.code or frame.error is not None:
        reason = frame.msg or (frame.error.msg if frame.error is not None else "")
        return DecodedFrame(answered=frame.id, refused=short(reason) or "no reason given")
    if frame.id is None:
        raise ValueError("neither an event nor an answer")
    return DecodedFrame(answered=frame.id)
