"""Checks a page's message to its kernel before Jupyter reads it.

Jupyter trusts the offsets of a frame: one that names billions of parts would hold the event loop until the memory is
full, and any other malformed one would end in a traceback.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

import msgspec

INVALID: Final = 1007
"""Close code of a socket whose peer has sent data of another form than agreed."""
MAX_PARTS: Final = 1_024
"""Parts of a message; each buffer of a widget's state is one."""
_NUMBER: Final = 8
_CHANNELS: Final = (b"shell", b"control", b"stdin")
"""Channels on which a page sends; a message on ``iopub``, the fourth one, would raise in the socket to the kernel."""
_PARTS: Final = 5
"""Channel, header, header of the parent, metadata and content; buffers follow."""


class _SentHeader(msgspec.Struct):
    msg_id: str
    msg_type: str


_KINDS: Final[tuple[Any, ...]] = (_SentHeader, *[dict[str, msgspec.Raw]] * 3)


def fault_of(frame: object) -> str:
    """Return what is wrong with a frame of the ``v1.kernel.websocket.jupyter.org`` protocol, empty if nothing is.

    Args:
        frame: As it was received: bytes, or text, which the protocol does not have.

    Returns:
        A sentence that fits into a close frame.
    """
    if not isinstance(frame, bytes):
        return "A message to a kernel is binary"
    count = _number(frame, 0)
    if not _PARTS < count <= MAX_PARTS + 1 or len(frame) < _NUMBER * (count + 1):
        return f"A message to a kernel has {_PARTS} to {MAX_PARTS} parts"
    offsets = [_number(frame, at) for at in range(1, count + 1)]
    if any(start > end for start, end in pairwise([_NUMBER * (count + 1), *offsets, len(frame)])):
        return "The offsets of a message to a kernel are in order and within it"
    channel, *parts = (frame[start:end] for start, end in pairwise(offsets[: _PARTS + 1]))
    if channel not in _CHANNELS:
        return "A page sends to a kernel on shell, control or stdin"
    try:
        for part, kind in zip(parts, _KINDS, strict=True):
            msgspec.json.decode(part, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "Header, parent header, metadata and content of a message are JSON objects"
    return ""


def _number(frame: bytes, at: int) -> int:
    return int.from_bytes(frame[_NUMBER * at : _NUMBER * (at + 1)], "little")
