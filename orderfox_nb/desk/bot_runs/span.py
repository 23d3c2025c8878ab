"""The events that a bot's session has acted on, so that a recording of them can be replayed."""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec

from orderfox_nb.bots.ports import AccountPort
from orderfox_nb.core.events import Event, Status, encode_event
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.desk.desk import Desk
from orderfox_nb.desk.store.records import BotRecord


class Start(msgspec.Struct, frozen=True):
    """Start of a session, among the bot's rows and in time."""

    orders: int = 0
    """Number of the bot's last order before it."""
    fills: int = 0
    """Number of the bot's last fill before it."""
    time_us: int = 0
    """By the venue's clock."""


class RunSpan(msgspec.Struct, kw_only=True):
    """One session of a bot, from its beginning to its last save."""

    strategy: str
    params: dict[str, Any]
    instrument: Instrument
    start: Start
    account: dict[str, Any]
    """As it was at the beginning."""
    opened: Start = Start()
    """Start of the account's first session: another symbol or trading mode has another account."""
    recording: str = ""
    """Name of the recording that was written when the strategy began; empty if there was none."""
    first: str = ""
    """Names the first event that the strategy acted on; see ``event_name``."""
    first_us: int = 0
    acted: int = 0
    """How many events the strategy has acted on."""
    broken: str = ""
    """Why the recording does not have all that the session has seen."""

    def act(self, stream: str, event: Event, folder: Path | None) -> None:
        """Add an event that the strategy has acted on.

        Args:
            stream: Stream of the event.
            event: The next one.
            folder: Folder of the recording that is being written.
        """
        if not self.acted:
            self.first, self.first_us = event_name(stream, event), event.time_us
            self.recording = "" if folder is None else folder.name
        self.acted += 1


def span_from_now(
    record: BotRecord, instrument: Instrument, account: AccountPort, numbers: tuple[int, int], desk: Desk
) -> RunSpan:
    """Return the span of a session that begins now.

    Args:
        record: The bot.
        instrument: What it trades.
        account: As the session begins with it.
        numbers: Numbers of the bot's last order and of its last fill.
        desk: Desk whose events it reads.
    """
    return RunSpan(
        strategy=record.strategy or "",
        params=record.params,
        instrument=instrument,
        start=Start(*numbers, desk.now_us()),
        account=dict(account.snapshot()),
        broken="it trades on a recording that is played" if desk.origin.recorded else "",
    )


def event_name(stream: str, event: Event) -> str:
    """Return a hash that names an event of a stream, the same for a reader, in a prelude and in a recording."""
    if isinstance(event, Status):
        # A prelude says that it is whole, which the venue's own message does not.
        event = msgspec.structs.replace(event, whole=False)
    return blake2b(stream.encode() + encode_event(event), digest_size=16).hexdigest()
