"""Access of one reader to a desk: everything, or what the limits of a server allow."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from typing import Protocol

from orderfox_nb.core.events import Topic
from orderfox_nb.desk.across.across import Across
from orderfox_nb.desk.desk import Desk
from orderfox_nb.desk.frame_reader import FrameReader
from orderfox_nb.desk.keys import FrameKey
from orderfox_nb.desk.reader import EventReader


class Access(Protocol):
    """Access of one reader to a desk; implements the limits of a server."""

    def frames(self, desk: Desk, key: FrameKey) -> AbstractAsyncContextManager[FrameReader]:
        """Read the frames of a key on this reader's account."""
        ...

    def across(self, across: Across, key: FrameKey) -> AbstractAsyncContextManager[FrameReader]:
        """Read the frames of a key over several venues on this reader's account."""
        ...

    def events(self, desk: Desk, topic: Topic) -> AbstractAsyncContextManager[EventReader]:
        """Read the events of a topic on this reader's account."""
        ...

    def answering(self) -> AbstractContextManager[None]:
        """Answer a request of this reader while this is open."""
        ...

    def rewinding(self) -> AbstractContextManager[None]:
        """Have a playhead on this reader's account while this is open."""
        ...


class FullAccess:
    """The access of a notebook's own page: to everything."""

    def frames(self, desk: Desk, key: FrameKey) -> AbstractAsyncContextManager[FrameReader]:
        return desk.frames(key)

    def across(self, across: Across, key: FrameKey) -> AbstractAsyncContextManager[FrameReader]:
        return across.frames(key)

    def events(self, desk: Desk, topic: Topic) -> AbstractAsyncContextManager[EventReader]:
        return desk.events(topic)

    @contextmanager
    def answering(self) -> Generator[None]:
        yield

    @contextmanager
    def rewinding(self) -> Generator[None]:
        yield
