"""Delivers streams to the connections that subscribed to them; each payload is encoded once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from orderfox_nb.sim.server.connections import StreamConnection
from orderfox_nb.sim.server.faults import Fault, Faults
from orderfox_nb.sim.server.limits import Limits
from orderfox_nb.sim.server.names import ServedStream


class Switchboard:
    """The subscribed connections of each stream, and the faults on the way to them.

    Args:
        opened: Called when a stream gets its first listener.
        closed: Called when it loses its last.
        first: Returns the frame with which a stream begins for each listener, empty if it has none.
    """

    def __init__(
        self,
        faults: Faults,
        limits: Limits,
        *,
        opened: Callable[[ServedStream], None],
        closed: Callable[[ServedStream], None],
        first: Callable[[ServedStream], bytes],
    ) -> None:
        self._faults = faults
        self._limits = limits
        self._opened = opened
        self._closed = closed
        self._first = first
        self._listeners: dict[str, dict[int, StreamConnection]] = {}
        self._names: dict[str, ServedStream] = {}
        self._held_back: dict[tuple[int, str], bytes] = {}
        self._stale: dict[int, bytes] = {}
        """Snapshots that are sent again, by the id of the fault."""
        self.connections: dict[int, StreamConnection] = {}
        self.published = 0

    def join(self, connection: StreamConnection) -> None:
        """Add a connection with the streams of its URL."""
        self.connections[connection.number] = connection
        self.update(connection)

    def leave(self, connection: StreamConnection) -> None:
        """Remove a connection with all of its streams."""
        self.connections.pop(connection.number, None)
        for text in [text for text, listeners in self._listeners.items() if connection.number in listeners]:
            self._detach(text, connection)

    def update(self, connection: StreamConnection) -> None:
        """Update the listeners to the subscriptions of a connection."""
        wanted = connection.delivered()
        for text in [text for text, them in self._listeners.items() if connection.number in them]:
            if text not in wanted:
                self._detach(text, connection)
        for text, name in wanted.items():
            listeners = self._listeners.setdefault(text, {})
            if not listeners:
                self._names[text] = name
                self._opened(name)
            new = connection.number not in listeners
            listeners[connection.number] = connection
            if new and (first := self._first(name)):
                self._send(connection, name, self._stale_first(name) or first)

    def remember(self, fault: Fault) -> None:
        """Keep the present snapshot of an open stream for a ``stale_snapshot``.

        Raises:
            ValueError: Nobody reads it, or it does not open with a snapshot.
        """
        name = self._names.get(fault.stream)
        first = self._first(name) if name is not None else b""
        if not first:
            raise ValueError(f"{fault.stream!r} is not an open stream that opens with a snapshot")
        self._stale[fault.id] = first

    def _stale_first(self, name: ServedStream) -> bytes:
        fault = self._faults.for_snapshot(name.text) if self._stale else None
        return self._stale.get(fault.id, b"") if fault is not None else b""

    def publish(self, name: ServedStream, payload: bytes) -> None:
        """Send a payload to every listener of its stream."""
        listeners = self._listeners.get(name.text)
        if not listeners:
            return
        self.published += 1
        wrapped: bytes | None = None
        for connection in list(listeners.values()):
            if connection.subscriptions.combined:
                if wrapped is None:
                    wrapped = b'{"stream":"' + name.text.encode() + b'","data":' + payload + b"}"
                frame = wrapped
            else:
                frame = payload
            self._send(connection, name, frame)

    async def flushed(self, *, held: bool) -> None:
        """Wait until every connection that reads has been sent all; one that does not read is waited for only once.

        Args:
            held: Wait also for those whose frames a fault holds back.
        """
        for connection in self.connections.values():
            connection.stalled = connection.stalled and connection.behind
        waiting = {
            asyncio.ensure_future(connection.drained()): connection
            for connection in self.connections.values()
            if connection.behind and not connection.stalled and (held or not connection.held)
        }
        if not waiting:
            return
        _, late = await asyncio.wait(waiting, timeout=self._limits.stalled_s)
        for task in late:
            task.cancel()
            waiting[task].stalled = True
        if late:
            await asyncio.wait(late)

    def cut(self, connections: Iterable[StreamConnection] | None = None) -> None:
        """Drop connections, by default all of them."""
        for connection in list(connections if connections is not None else self.connections.values()):
            connection.cut()

    def silence(self, connections: Iterable[StreamConnection]) -> None:
        """Stop all traffic of connections that stay open."""
        for connection in connections:
            connection.half_open = True

    def _detach(self, text: str, connection: StreamConnection) -> None:
        listeners = self._listeners[text]
        del listeners[connection.number]
        self._held_back.pop((connection.number, text), None)
        if not listeners:
            del self._listeners[text]
            self._closed(self._names.pop(text))

    def _send(self, connection: StreamConnection, name: ServedStream, frame: bytes) -> None:
        if not self._faults and not self._held_back:
            connection.send(frame)
            return
        fault = self._faults.for_frame(name.text, name.symbol, connection.number)
        held_back = self._held_back.pop((connection.number, name.text), None)
        if fault is not None:
            self._apply(fault, connection, name, frame)
        else:
            connection.send(frame)
        if held_back is not None:
            connection.send(held_back)

    def _apply(self, fault: Fault, connection: StreamConnection, name: ServedStream, frame: bytes) -> None:
        match fault.kind:
            case "duplicate":
                connection.send(frame)
                connection.send(frame)
            case "reorder":
                self._held_back[connection.number, name.text] = frame
            case "delay":
                connection.hold(fault.seconds)
                connection.send(frame)
            case "malformed":
                connection.send(frame[: max(1, len(frame) // 2)])
            case _:
                # drop and freeze: the difference is how long they last.
                return
