"""The least that fan-out can cost: the same bytes, written to the same number of sockets, without a framework.

A process of its own answers each handshake by hand, and every 100 ms writes the frame of a reader's path to its
transport as it stands: no book, no parameters, no limits, no queue, nothing that is encoded.

    python -m benchmarks.readers_floor FILE     (a JSON list of frames; prints the port)
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import sys
from pathlib import Path

INTERVAL_S = 0.1
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455


def framed(text: str) -> bytes:
    """Return a server's WebSocket frame of one text message."""
    payload = text.encode()
    size = len(payload)
    if size < 126:
        return bytes([0x81, size]) + payload
    if size < 65_536:
        return bytes([0x81, 126]) + size.to_bytes(2) + payload
    return bytes([0x81, 127]) + size.to_bytes(8) + payload


async def serve(frames: list[bytes]) -> None:
    """Serve each frame at the path of its number, ten times a second."""
    readers: list[set[asyncio.StreamWriter]] = [set() for _ in frames]

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        key = hashlib.sha1((fields["sec-websocket-key"] + _GUID).encode()).digest()
        answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        writer.write(f"{answer}Sec-WebSocket-Accept: {base64.b64encode(key).decode()}\r\n\r\n".encode())
        group = readers[int(head[0].split()[1].strip("/"))]
        group.add(writer)
        try:
            with contextlib.suppress(ConnectionError):
                await reader.read()
        finally:
            group.discard(writer)
            writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        for frame, group in zip(frames, readers, strict=True):
            for writer in group:
                writer.write(frame)
        due = max(due + INTERVAL_S, loop.time())
        await asyncio.sleep(due - loop.time())


if __name__ == "__main__":
    asyncio.run(serve([framed(text) for text in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))]))
