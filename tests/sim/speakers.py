"""How a client speaks to the imitations of Bybit and OKX, for tests that are the same for both."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from tests.sim.client import SimClient, SimSocket


@dataclass
class Speaker:
    """One open socket of a client.

    Args:
        client: Opens it.
        path: Where.
        book: The stream of a book, and those of trades and bars.
    """

    client: SimClient
    path: str
    book: str
    trades: str
    bars: str
    socket: SimSocket | None = None

    async def open(self, *streams: str) -> Self:
        self.socket = await self.client.socket(self.path)
        if streams:
            await self.say(self.subscription("subscribe", *streams))
        return self

    async def say(self, message: Any) -> None:
        assert self.socket is not None
        await self.socket.raw.send_str(message if isinstance(message, str) else json.dumps(message))

    async def received(self) -> list[Any]:
        """Return every frame that was sent before the answer to a ping."""
        assert self.socket is not None
        await self.say(self.ping)
        frames: list[Any] = []
        while not self.is_pong(frame := await self.socket.receive()):
            assert frame is not None, "the connection was closed"
            frames.append(frame)
        return frames

    async def data(self, stream: str) -> list[Any]:
        """Return the frames of a stream among those received."""
        return [frame for frame in await self.received() if self.stream_of(frame) == stream]

    def other(self) -> Self:
        """Return another client of the same kind, whose socket is not open yet."""
        return replace(self, socket=None)

    # By protocol

    ping: ClassVar[Any] = None

    def subscription(self, op: str, *streams: str) -> Any:
        raise NotImplementedError

    def is_pong(self, frame: Any) -> bool:
        raise NotImplementedError

    def stream_of(self, frame: Any) -> str:
        raise NotImplementedError

    def chain(self, frame: Any) -> tuple[int, int]:
        """Return the id before a frame of the book and its own; -1 before a snapshot."""
        raise NotImplementedError

    def levels(self, frame: Any) -> tuple[list[Any], list[Any]]:
        raise NotImplementedError


def bybit_speaker(client: SimClient) -> BybitSpeaker:
    return BybitSpeaker(client, "/v5/public/linear", "orderbook.200.BTCUSDT", "publicTrade.BTCUSDT", "kline.1.BTCUSDT")


def okx_speaker(client: SimClient, root: str = "public") -> OkxSpeaker:
    return OkxSpeaker(client, f"/ws/v5/{root}", "books:BTC-USDT-SWAP", "trades:BTC-USDT-SWAP", "candle1m:BTC-USDT-SWAP")


class BybitSpeaker(Speaker):
    ping: ClassVar[Any] = {"op": "ping", "req_id": "last"}

    def subscription(self, op: str, *streams: str) -> Any:
        return {"op": op, "req_id": "first", "args": list(streams)}

    def is_pong(self, frame: Any) -> bool:
        return isinstance(frame, dict) and frame.get("req_id") == "last"

    def stream_of(self, frame: Any) -> str:
        return frame.get("topic", "") if isinstance(frame, dict) else ""

    def chain(self, frame: Any) -> tuple[int, int]:
        number = frame["data"]["u"]
        return (-1 if frame["type"] == "snapshot" else number - 1), number

    def levels(self, frame: Any) -> tuple[list[Any], list[Any]]:
        return frame["data"]["b"], frame["data"]["a"]


class OkxSpeaker(Speaker):
    ping: ClassVar[Any] = "ping"

    def subscription(self, op: str, *streams: str) -> Any:
        pairs = [stream.split(":") for stream in streams]
        key = {"liquidation-orders": "instType"}
        return {"op": op, "args": [{"channel": name, key.get(name, "instId"): what} for name, what in pairs]}

    def is_pong(self, frame: Any) -> bool:
        return frame == "pong"

    def stream_of(self, frame: Any) -> str:
        if not isinstance(frame, dict) or "data" not in frame:
            return ""
        argument = frame["arg"]
        return f"{argument['channel']}:{argument.get('instId') or argument['instType']}"

    def chain(self, frame: Any) -> tuple[int, int]:
        (row,) = frame["data"]
        return row["prevSeqId"], row["seqId"]

    def levels(self, frame: Any) -> tuple[list[Any], list[Any]]:
        (row,) = frame["data"]
        return row["bids"], row["asks"]


def fold(speaker: Speaker, frames: list[Any]) -> tuple[dict[float, float], dict[float, float]]:
    """Build a book from frames: the sizes of bids and asks by price."""
    sides: tuple[dict[float, float], dict[float, float]] = ({}, {})
    for frame in frames:
        begins = speaker.chain(frame)[0] == -1
        for side, rows in zip(sides, speaker.levels(frame), strict=True):
            if begins:
                side.clear()
            for price, size, *_ in rows:
                side[round(float(price), 2)] = float(size)
                if not float(size):
                    del side[round(float(price), 2)]
    return sides
