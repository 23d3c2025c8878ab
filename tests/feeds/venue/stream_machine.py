"""One stream of two sockets and a REST server under hypothesis' hand: what is drawn is what happens next.

No network and no loop: a frame is sent, lost, sent twice or overtaken, received, and read whenever the machine says so,
and so are a request's answer, its arrival and its failure. A subclass is the venue, and says what must be so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, ClassVar, cast

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from orderfox_nb.core.events import Event, Gap, Status, Topic, is_restart
from orderfox_nb.core.timeframes import SECOND_US
from orderfox_nb.errors import VenueUnreachable
from orderfox_nb.feeds.inbox import Inbox
from orderfox_nb.feeds.venue.fetches import Fetches
from orderfox_nb.feeds.venue.follower import Follower, StatusReporter
from orderfox_nb.feeds.venue.handover import Route
from orderfox_nb.feeds.venue.items import Failed, Fetched, Item, Live, Lost, Overflowed, is_event
from tests.core.facts import MONTH_US

Answer = Callable[[], Awaitable[Sequence[Event]]]
FATES = st.tuples(*[st.sampled_from(["sent", "sent", "dropped", "twice", "first"])] * 2)
"""What becomes of a frame on the present socket and on its successor, if there is one."""


_MAX_TURNS = 500
_MAX_UNREAD = 20
"""So late a frame may come, and no later: what is later still is no longer taken for late."""


class LaidOutFetches:
    """Requests that are answered when a test says so: asked again, one that is under way is given up."""

    def __init__(self, now_us: Callable[[], int]) -> None:
        self._now_us = now_us
        self.asked: dict[str, tuple[int, Answer, int | None]] = {}
        self.under_way: dict[str, Sequence[Event]] = {}
        self._answered: dict[str, tuple[int, Answer, int | None]] = {}

    def ask(self, name: str, request: Answer, *, attempts: int | None = None, after_s: float = 0.0) -> None:
        self.under_way.pop(name, None)
        self.asked[name] = (self._now_us() + round(after_s * 1e6), request, attempts)

    def pending(self, name: str) -> bool:
        return name in self.asked or name in self.under_way

    def soon(self, name: str) -> bool:
        return False

    def cancel(self, name: str) -> None:
        self.asked.pop(name, None)
        self.under_way.pop(name, None)

    @property
    def due(self) -> list[str]:
        return [name for name, (due_us, _, _) in self.asked.items() if due_us <= self._now_us()]

    def answer(self, name: str) -> None:
        """Let the other side answer with what it knows now; the answer is still on its way."""
        self._answered[name] = self.asked.pop(name)
        _, request, _ = self._answered[name]
        self.under_way[name] = at_once(cast("Coroutine[Any, Any, Sequence[Event]]", request()))

    def break_off(self) -> None:
        """Lose all answers that are on their way: they are asked for again."""
        for name in self.under_way:
            self.asked[name] = self._answered[name]
        self.under_way.clear()

    def fail(self, name: str) -> bool:
        """Let an attempt fail; returns whether it was the last one."""
        due_us, request, attempts = self.asked.pop(name)
        if attempts == 1:
            return True
        self.asked[name] = (due_us + SECOND_US, request, None if attempts is None else attempts - 1)
        return False


def at_once(coroutine: Coroutine[Any, Any, Sequence[Event]]) -> Sequence[Event]:
    """Return what a coroutine returns that waits for nothing but its turn."""
    try:
        while coroutine.send(None) is None:
            continue
    except StopIteration as stopped:
        return stopped.value
    raise AssertionError("it waits")


class SentFrames:
    """What one socket has sent and the follower has not read."""

    def __init__(self) -> None:
        self.frames: deque[Event] = deque()

    def send(self, frame: Event, fate: str) -> None:
        """Send a frame: ``sent``, ``dropped``, ``twice``, or ``first``, before those that wait."""
        if fate == "first":
            self.frames.appendleft(frame)
        elif fate != "dropped":
            self.frames.extend([frame] * (2 if fate == "twice" else 1))


class StreamMachine(RuleBasedStateMachine):
    """The sockets, the reader and the requests of one stream."""

    online = False
    """Whether the follower has got a connection."""
    bound: ClassVar[int] = 12
    """Of the inbox: so that it overflows now and then."""

    def begin(self, topic: Topic, follower: Callable[[StatusReporter, Fetches], Follower]) -> None:
        """Begin to follow a topic; called by the subclass as it is initialized."""
        self.now_us = MONTH_US
        self.route = Route()
        self.inbox: Inbox[Item] = Inbox(self.bound, overflow=Overflowed)
        self.route.readers.append(self.inbox)
        self.current: SentFrames | None = None
        self.successor: SentFrames | None = None
        self.gaps = 0
        self.fetches = LaidOutFetches(lambda: self.now_us)
        self.follower = follower(StatusReporter(topic, self.reader_us), cast("Fetches", self.fetches))
        self.follower.start()

    def reader_us(self) -> int:
        """Return the venue's time as the reader estimates it."""
        return self.now_us

    def took(self, event: Event) -> None:
        """Take an event that was delivered."""
        raise NotImplementedError

    def send(self, frame: Event, fates: tuple[str, str]) -> None:
        """Send a frame on every socket."""
        for socket, fate in zip((self.current, self.successor), fates, strict=True):
            if socket is not None:
                while len(socket.frames) > _MAX_UNREAD:
                    self._receive(socket)
                socket.send(frame, fate)

    # Its sockets.

    @precondition(lambda self: self.current is None)
    @rule()
    def connect(self) -> None:
        self.current = SentFrames()
        self.route.open(self.current)

    @precondition(lambda self: self.current is not None)
    @rule()
    def cut(self) -> None:
        if self.successor is not None:
            self.end_handover(succeeds=False)
        self.route.disconnect(self.current, "cut")
        self.current = None

    @precondition(lambda self: self.current is not None and self.successor is None)
    @rule()
    def begin_handover(self) -> None:
        self.successor = SentFrames()
        self.route.expect(self.successor)
        self.route.open(self.successor)

    @precondition(lambda self: self.successor is not None)
    @rule(succeeds=st.booleans())
    def end_handover(self, succeeds: bool) -> None:
        if succeeds:
            self.route.end(self.current)
            self.current = self.successor
        else:
            self.route.give_up(self.successor)
        self.successor = None

    @precondition(lambda self: bool(self.unread()))
    @rule(data=st.data())
    def receive(self, data: st.DataObject) -> None:
        self._receive(data.draw(st.sampled_from(self.unread())))

    def unread(self) -> list[SentFrames]:
        """Return the sockets with frames that were not received."""
        return [socket for socket in (self.current, self.successor) if socket is not None and socket.frames]

    def _receive(self, socket: SentFrames) -> None:
        self.route.handle(socket, socket.frames.popleft())

    @precondition(lambda self: self.current is not None)
    @rule()
    def malformed(self) -> None:
        self.route.malformed("malformed frame")

    # Its reader.

    @rule(seconds=st.sampled_from([1, 6, 31]))
    def wait(self, seconds: int) -> None:
        self.now_us += seconds * SECOND_US

    @precondition(lambda self: bool(len(self.inbox)))
    @rule()
    def read(self) -> None:
        item = self.inbox.get_nowait()
        assert item is not None
        self.handle(item)

    def handle(self, item: Item) -> None:
        """Let the follower handle an item."""
        self.online = isinstance(item, Live) or (self.online and not isinstance(item, Lost))
        for event in (item,) if is_event(item) and self.follower.follows(item) else self.follower.handle(item):
            self.gaps += isinstance(event, Gap)
            live = isinstance(event, Status) and event.state == "live"
            assert self.online or not live, "live, and there is no connection"
            self.took(event)

    @precondition(lambda self: bool(self.fetches.due))
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        self.fetches.answer(data.draw(st.sampled_from(self.fetches.due)))

    @precondition(lambda self: bool(self.fetches.due))
    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(self.fetches.due))
        final = self.fetches.fail(name)
        self.inbox.put_first(Failed(name, VenueUnreachable("the venue", "HTTP 503"), final))

    @precondition(lambda self: bool(self.fetches.under_way))
    @rule(data=st.data())
    def arrive(self, data: st.DataObject) -> None:
        self._arrive(data.draw(st.sampled_from(list(self.fetches.under_way))))

    def _arrive(self, name: str) -> None:
        self.inbox.put_first(Fetched(name, self.fetches.under_way.pop(name)))

    # The end of all trouble.

    @rule()
    def calm(self) -> None:
        """Let everything arrive for once, so that what follows meets a stream that is whole."""
        if self.current is None:
            self.connect()
        self.settle()

    def recover(self) -> None:
        """Go on with one socket that works."""
        if self.current is None:
            self.connect()
        if self.successor is not None:
            self.end_handover(succeeds=True)
        self.settle()

    def settle(self) -> None:
        """Receive, answer and read until there is nothing more."""
        for _ in range(_MAX_TURNS):
            if not (self.unread() or len(self.inbox) or self.fetches.due or self.fetches.under_way):
                return
            for socket in self.unread():
                self._receive(socket)
                self._read_all()
            for name in self.fetches.due:
                self.fetches.answer(name)
            for name in list(self.fetches.under_way):
                self._arrive(name)
            self._read_all()
        raise AssertionError("it asks without end")

    def _read_all(self) -> None:
        while len(self.inbox):
            self.read()


class Restarting(StreamMachine):
    """A venue that may restart: its ids start again, its time goes on."""

    fold: Any
    proof: ClassVar[type[Event]]
    """What of the stream is known again."""
    heard = delivered = False
    """Whether anything was, since the last restart that was reported."""
    belied: Sequence[Event] = ()
    """What REST answers instead, while it still knows nothing of the venue that restarted."""
    may_report = must_report = False
    """Whether it restarted after that: what was not delivered need not be corrected."""
    first_id = 1_000_000
    """Of the venue as it is: where a later one's ids continue from here, the two cannot be distinguished."""

    @rule(pause_s=st.sampled_from([1.5, 4.0]), cut=st.booleans())
    def restart(self, pause_s: float, cut: bool) -> None:
        """Restart, as another process or behind the same sockets.

        What was received has been read by then, and what was sent and not received is gone.
        """
        self._read_all()
        self.may_report = self.may_report or self.heard
        self.must_report = self.must_report or self.delivered
        self.first_id -= 1_000
        self.now_us += round(pause_s * SECOND_US)
        for socket in self.unread():
            socket.frames.clear()
        self.fetches.break_off()
        if cut and self.current is not None:
            self.cut()
        self.forget()

    def forget(self) -> None:
        """Have another past, with ids from the beginning."""
        raise NotImplementedError

    def handle(self, item: Item) -> None:
        super().handle(item)
        known = item.events if isinstance(item, Fetched) else (item,)
        self.heard = self.heard or any(isinstance(event, self.proof) for event in known)

    def took(self, event: Event) -> None:
        if is_restart(event):
            assert self.may_report, "reported, and it had not restarted"
            self.may_report = self.must_report = self.heard = self.delivered = False
            self.gaps = 0
        self.delivered = self.delivered or isinstance(event, self.proof)
        self.fold.apply(event)

    @rule()
    def calm(self) -> None:
        super().calm()
        self.go_on()
        self.all_reported()

    def all_reported(self) -> None:
        """Check that by now a restart has been reported."""
        assert not self.must_report, "it restarted, and nothing was reported"
        self.may_report = False

    def teardown(self) -> None:
        """End all faults, and check that the restart was reported and is healed."""
        if not hasattr(self, "follower"):
            return
        self.recover()
        self.go_on()
        self.all_reported()
        self.check()

    def check(self) -> None:
        """Check that what is held is the venue's."""
        raise NotImplementedError

    def go_on(self) -> None:
        """Send what shows how it is, and let it arrive."""
        raise NotImplementedError
