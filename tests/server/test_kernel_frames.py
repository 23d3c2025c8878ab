"""What a page may send to its kernel: messages of Jupyter's protocol, and nothing that its reader fails on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jupyter_server.services.kernels.connection.base import deserialize_msg_from_ws_v1, serialize_msg_to_ws_v1

from orderfox_nb.server.kernel_frames import MAX_PARTS, fault_of
from tests.server.kernel_socket import message

pytestmark = pytest.mark.server

HEADER = b'{"msg_id":"1","msg_type":"comm_msg"}'
GOOD = message("shell", "comm_msg", {"comm_id": "1", "data": {}})


def frame(*parts: bytes, count: int | None = None, shift: int = 0) -> bytes:
    """Return parts as one frame; its number of offsets, or each of its offsets, may be wrong."""
    offsets = [8 * (2 + len(parts))]
    for part in parts:
        offsets.append(offsets[-1] + len(part))
    numbers = [len(offsets) if count is None else count, *(offset + shift for offset in offsets)]
    return b"".join(number.to_bytes(8, "little") for number in numbers) + b"".join(parts)


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ("text", "is binary"),
        (b"", "parts"),
        (b"\0" * 7, "parts"),
        (b"\0" * 64, "parts"),
        # Read as it stands, this one would fill a list with zeros until the memory is full.
        (b"\xff" * 64, "parts"),
        (frame(b"shell", HEADER, b"{}", b"{}", b"{}", count=7), "within it"),
        (frame(b"shell", HEADER, b"{}", b"{}", b"{}", shift=1), "within it"),
        (frame(b"shell", HEADER, b"{}", b"{}", b"{}", shift=2**40), "within it"),
        (frame(b"shell", HEADER, b"{}", b"{}", b"{}", shift=-1), "within it"),
        (frame(b"shell", HEADER, b"{}", b"{}"), "parts"),
        (frame(b"shell", HEADER, b"{}", b"{}", b"{}", *[b""] * MAX_PARTS), "parts"),
        (frame(b"iopub", HEADER, b"{}", b"{}", b"{}"), "on shell"),
        (frame(b"\xff", HEADER, b"{}", b"{}", b"{}"), "on shell"),
        (frame(b"shell", b"{}", b"{}", b"{}", b"{}"), "JSON objects"),
        (frame(b"shell", b'{"msg_id":"1","msg_type":["a"]}', b"{}", b"{}", b"{}"), "JSON objects"),
        (frame(b"shell", b"null", b"{}", b"{}", b"{}"), "JSON objects"),
        (frame(b"shell", b"\xff", b"{}", b"{}", b"{}"), "JSON objects"),
        (frame(b"shell", HEADER, b"{}", b"{}", b"[" * 100_000), "JSON objects"),
        (frame(b"shell", HEADER, b"{}", b"{}", b"[1]"), "JSON objects"),
    ],
)
def test_a_frame_that_is_no_message_has_a_reason(sent: bytes | str, reason: str) -> None:
    fault = fault_of(sent)
    assert reason in fault
    assert len(fault.encode()) <= 123, "a close frame has room for it"


@given(st.sampled_from(["shell", "control", "stdin"]), st.lists(st.binary(max_size=20), max_size=5))
def test_messages_of_jupyter_are_taken(channel: str, buffers: list[bytes]) -> None:
    parts = [HEADER, b"{}", b"{}", b'{"comm_id":"1","data":{"text":"\\u00e9"}}']
    assert fault_of(serialize_msg_to_ws_v1([*parts, *buffers], channel)) == ""
    assert fault_of(GOOD) == ""


@given(
    st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), max_size=4), st.integers(0, len(GOOD) + 1)
)
def test_what_is_taken_can_be_read(changes: list[tuple[int, int]], length: int) -> None:
    changed = bytearray(GOOD + b"x")
    for at, value in changes:
        changed[at] = value
    if not fault_of(sent := bytes(changed[:length])):
        channel, parts = deserialize_msg_from_ws_v1(sent)
        assert channel in ("shell", "control", "stdin")
        assert len(parts) >= 4
        assert sum(map(len, parts)) <= len(sent)
