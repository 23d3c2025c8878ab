"""A page's messages to its kernel, in the v1 form."""

from __future__ import annotations

import itertools
import uuid
from typing import Any

import msgspec

V1 = "v1.kernel.websocket.jupyter.org"


def message(channel: str, kind: str, content: dict[str, Any]) -> bytes:
    header = {
        "msg_id": uuid.uuid4().hex,
        "msg_type": kind,
        "username": "viewer",
        "session": uuid.uuid4().hex,
        "date": "2026-01-01T00:00:00Z",
        "version": "5.3",
    }
    parts = [channel.encode(), *(msgspec.json.encode(part) for part in (header, {}, {}, content))]
    offsets = [8 * (2 + len(parts))]
    for part in parts:
        offsets.append(offsets[-1] + len(part))
    numbers = [len(offsets), *offsets]
    return b"".join(number.to_bytes(8, "little") for number in numbers) + b"".join(parts)


def read(frame: bytes) -> tuple[str, str, dict[str, Any]]:
    """Return channel, kind and content."""
    count = int.from_bytes(frame[:8], "little")
    offsets = [int.from_bytes(frame[8 * (i + 1) : 8 * (i + 2)], "little") for i in range(count)]
    parts = [frame[a:b] for a, b in itertools.pairwise(offsets)]
    return parts[0].decode(), msgspec.json.decode(parts[1])["msg_type"], msgspec.json.decode(parts[4])
