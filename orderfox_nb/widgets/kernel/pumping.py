# ipywidgets has no stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
"""The pump's side in the engine thread: it carries a page's live session over the comm, in batches.

The kernel's main thread only passes on what the page says; messages go out from the engine's thread, so that they keep
coming while a cell computes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from typing import Any, Final
from weakref import WeakKeyDictionary

from ipywidgets import Widget

from orderfox_nb.config import load_settings
from orderfox_nb.core.wire import Heartbeat
from orderfox_nb.desk.session import LiveSession
from orderfox_nb.desk.shared_playhead import SharedPlayhead
from orderfox_nb.engine import Engine, shared_engine
from orderfox_nb.market.rewound import PastEngine
from orderfox_nb.views.stamp import encode

_log = logging.getLogger(__name__)

BATCH_S: Final = 0.05
"""At most 20 messages a second, whatever is on the page: Jupyter's limit is 1,000 for the whole kernel."""
_HEARTBEAT_BATCHES: Final = 300


class CommClosed(Exception):
    """The page's comm is gone, and the session with it."""


class Pumping:
    """One pump widget's session. Everything but ``receive`` runs on the engine's loop."""

    def __init__(self, widget: Widget, engine: Engine) -> None:
        self._widget = widget
        self._engine = engine
        self._task: asyncio.Task[None] | None = None
        self._session: LiveSession | None = None
        self._batch: list[bytes] = []
        self._gone = asyncio.Event()
        self._order = asyncio.Lock()

    def receive(self, content: dict[str, Any]) -> None:
        """Pass on what the page sent; called on the kernel's thread."""
        self._engine.submit(self._handle(content))

    async def _handle(self, content: dict[str, Any]) -> None:
        # One after the other: an unsubscription must not overtake its subscription.
        async with self._order:
            if self._session is None or self._task is None or self._task.done():
                # It ends with the comm, and the pump may be opened again.
                self._session = self._new_session()
                self._task = asyncio.create_task(self._carry(self._session), name="orderfox pump")
            try:
                await self._session.handle(content)
            except CommClosed:
                pass
            except Exception:  # noqa: BLE001 - this task is not awaited
                _log.exception("a page's message was not handled")

    def _new_session(self) -> LiveSession:
        engine = self._engine
        shared = partial(SharedPlayhead, engine.playback) if isinstance(engine, PastEngine) else None
        return LiveSession(engine.desks, self._send, playhead=shared)

    async def _send(self, texts: Sequence[bytes]) -> None:
        """Put messages into the next batch and wait until it has gone, so that a key's next frame is its newest."""
        self._batch.extend(texts)
        await self._gone.wait()
        if self._widget.comm is None:
            raise CommClosed

    async def _carry(self, session: LiveSession) -> None:
        running = asyncio.create_task(session.run(), name="orderfox session")
        batches = 0
        try:
            while self._widget.comm is not None and not running.done():
                await asyncio.sleep(BATCH_S)
                batches += 1
                if batches % _HEARTBEAT_BATCHES == 0:
                    self._batch.append(encode(Heartbeat()))
                self._flush()
        finally:
            running.cancel()
            await asyncio.wait({running})
            self._flush()
        if not running.cancelled() and (error := running.exception()) is not None:
            # The page receives no more messages, and starts again.
            _log.error("the session of a page failed", exc_info=error)

    def _flush(self) -> None:
        batch, self._batch = [text.decode() for text in self._batch], []
        self._gone.set()
        self._gone = asyncio.Event()
        if batch and self._widget.comm is not None:
            self._widget.send({"messages": batch})


_pumpings: WeakKeyDictionary[Widget, Pumping] = WeakKeyDictionary()


def pumping_for(widget: Widget, engine: Engine | None = None) -> Pumping:
    """Return the pumping of a pump, starting the kernel's engine with the first one that has no other."""
    pumping = _pumpings.get(widget)
    if pumping is None:
        pumping = _pumpings[widget] = Pumping(widget, engine or shared_engine(load_settings()))
    return pumping
