"""The markets of a view over venues: which of them count, which do not, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, TypeAlias

import msgspec

from orderfox_nb.core.events import Coverage
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.quality import StateName

Currency: TypeAlias = str
"""``APART``, ``JOINED``, or a quote currency by its name."""

APART: Final = "apart"
"""One quote currency at a time: by default that of the first market."""
JOINED: Final = "joined"
"""All quote currencies counted as one, at par."""

_WORDS: Final[Mapping[str, str]] = {
    "syncing": "loading",
    "stale": "stale",
    "gap": "rebuilding",
    "skewed": "its clock jumped",
    "down": "down",
}


class MemberQuality(msgspec.Struct, frozen=True, kw_only=True):
    """Quality of one market's data at a moment of its venue's clock."""

    state: StateName = "syncing"
    reason: str = ""
    whole: bool = False
    """Whether its fold has everything of its prelude."""
    since_us: int = 0
    """When the state began."""
    last_us: int = 0
    """Exchange time of its last event, 0 before the first one."""
    now_us: int = 0
    """The venue's time now."""
    coverage: Coverage | Literal["none"] = "complete"
    """``none``: its venue has no such data."""
    closed: bool = False
    """Whether its trading session is closed, so that silence means nothing."""
    unverified: bool = False
    """Whether a lost event may go unnoticed (``Origin.unverified``): it is shown, and confirms no opportunity."""
    silence_us: int | None = None
    """How long it may be silent before it is dropped; None forever, as in a recording."""
    clock_offset_us: int = 0
    """The venue's clock minus ours."""

    @property
    def age_us(self) -> int:
        """How old its last event is."""
        return max(0, self.now_us - self.last_us)

    @property
    def dropped(self) -> str:
        """Why its data does not count, as a text to show; empty if it counts."""
        if self.coverage == "none":
            return self.reason or "its venue has no such data"
        if self.state != "live" or not self.whole:
            state = "syncing" if self.state == "live" else self.state
            return _WORDS[state] + (f": {self.reason}" if self.reason else "")
        # The topic itself notices silence too, but only where its venue's tick runs.
        if self.silence_us is not None and not self.closed and self.age_us > self.silence_us:
            return f"stale: nothing for {self.age_us / 1e6:.3g} s"
        return ""

    def is_fresh(self, within_us: int) -> bool:
        """Return whether it counts, trades, and its last event is not older than a bound."""
        return not self.dropped and not self.closed and self.age_us <= within_us


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One market of a view, with what is known of it beside its data."""

    market: str
    """``venue:symbol``."""
    instrument: Instrument | None = None
    """None before its venue has listed it."""
    quality: MemberQuality = MemberQuality()

    @property
    def quote(self) -> str:
        return "" if self.instrument is None else self.instrument.quote

    @property
    def kind(self) -> str:
        """See ``kind_of``; empty while its instrument is unknown."""
        return "" if self.instrument is None else kind_of(self.instrument.unified)


def kind_of(unified: str) -> str:
    """Return ``spot``, ``swap`` or the expiry of a dated contract, by the unified name of an instrument."""
    _, colon, contract = unified.partition(":")
    return contract.partition("-")[2] or "swap" if colon else "spot"


def same_elsewhere(unified: str, listed: Iterable[Instrument]) -> Instrument | None:
    """Return the same market of another venue: of one base and kind, in the same currency where there is one.

    Args:
        unified: Its unified name at its own venue.
        listed: What the other venue lists, largest volume first.
    """
    base, _, quote = (part.upper() for part in unified.partition(":")[0].partition("/"))
    kind = kind_of(unified)
    found = [one for one in listed if one.base.upper() == base and kind_of(one.unified) == kind]
    return next((one for one in found if one.quote.upper() == quote), next(iter(found), None))


def currencies(members: Sequence[Member]) -> list[str]:
    """Return the quote currencies of the markets, each once, in their order."""
    return list(dict.fromkeys(member.quote for member in members if member.quote))


def currency_in_force(members: Sequence[Member], asked: Currency) -> Currency:
    """Return the currency that a view shows: ``JOINED`` or the name of one, empty while no market is listed."""
    return next(iter(currencies(members)), "") if asked == APART else asked


def left_out(members: Sequence[Member], currency: Currency) -> list[str]:
    """Return why each market does not count in a view of one currency; empty if it does.

    Args:
        members: All markets, in their order; the first one that is listed gives the base.
        currency: As ``currency_in_force`` returns it.
    """
    base = next((member.instrument.base for member in members if member.instrument is not None), "")
    return [_left_out(member, base, currency) for member in members]


def _left_out(member: Member, base: str, currency: Currency) -> str:
    instrument = member.instrument
    if instrument is None:
        return member.quality.dropped or "not listed yet"
    if instrument.base != base:
        # 1000PEPE is not PEPE: neither price nor size can be compared.
        return f"another instrument: its base is {instrument.base}, not {base}"
    if currency not in (JOINED, instrument.quote):
        return f"apart: quoted in {instrument.quote}"
    return member.quality.dropped


def market_text(venue: str, symbol: str) -> str:
    """Return the one text of a market."""
    return f"{venue}:{symbol}"
