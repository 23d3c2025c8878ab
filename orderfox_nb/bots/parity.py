"""Compares two runs of a bot, such as a live session and its recording replayed: every difference with its cause."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, TypeAlias

import msgspec

from orderfox_nb.bots.handles import SentOrder, SessionOutput
from orderfox_nb.bots.orders import Fill, OrderReport
from orderfox_nb.bots.session import BotSession
from orderfox_nb.core.events import Channel, Event

Cause: TypeAlias = Literal["strategy", "latency", "venue rules", "fill", "follows"]
"""Cause of a difference.

``strategy``: another order was sent, or at another time; ``latency``: the same order arrived at another time;
``venue rules``: the same order was refused in one run only; ``fill``: it was traded or answered differently;
``follows``: it came after an earlier difference, which may be its cause.
"""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that differs between two runs."""

    cause: Cause
    number: int
    """Number of the order."""
    time_us: int
    """Time of the earlier of the two."""
    what: str
    """Description of the difference."""
    first: str
    """Value in the first run; empty if it has none."""
    second: str


class ParityReport(msgspec.Struct, frozen=True, kw_only=True):
    """All differences, the earliest first; none where both runs are the same."""

    orders: int
    """Number of compared orders."""
    fills: int
    differences: list[Difference]

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not self.differences

    def __str__(self) -> str:
        if self.same:
            return f"the same: {self.orders} orders, {self.fills} fills"
        lines = [f"{each.cause}: order {each.number}: {each.what}" for each in self.differences[:20]]
        more = len(self.differences) - len(lines)
        return "\n".join([*lines, f"and {more} more"] if more else lines)


def parity(
    live: SessionOutput,
    events: Iterable[tuple[Event, Channel]],
    replayed: BotSession,
    *,
    ended: Callable[[BotSession], object] = BotSession.finish,
) -> ParityReport:
    """Replay a tape through a new session, and compare what it does with what the live session did.

    Args:
        live: The whole output of the live session.
        events: The events that the live session applied, with the channel of each, in that order.
        replayed: A new session with the arguments of the live one.
        ended: Called with the new session at the end of the tape: repeats what ended the live one.

    Returns:
        Every difference in order, fill and report; with the same settings there is none.
    """
    for event, channel in events:
        replayed.apply(event, channel)
    ended(replayed)
    return compare(live, replayed.drain())


def compare(first: SessionOutput, second: SessionOutput) -> ParityReport:
    """Compare the output of two sessions, order by order."""
    found = [
        *_orders(first.orders, second.orders),
        *_answers("fill", first.fills, second.fills),
        *_answers("report", first.reports, second.reports),
    ]
    found.sort(key=lambda each: (each.time_us, each.number))
    return ParityReport(
        orders=max(len(first.orders), len(second.orders)),
        fills=max(len(first.fills), len(second.fills)),
        differences=_causes(found),
    )


def _causes(found: list[Difference]) -> list[Difference]:
    """Keep the cause of the first difference; later ones may follow from it."""
    if not found:
        return []
    start_us = found[0].time_us
    return [each if each.time_us == start_us else msgspec.structs.replace(each, cause="follows") for each in found]


def _orders(first: Sequence[SentOrder], second: Sequence[SentOrder]) -> list[Difference]:
    found: list[Difference] = []
    others = {order.number: order for order in second}
    for order in first:
        other = others.pop(order.number, None)
        if other is None:
            found.append(_difference("strategy", order.time_us, "sent in the first run only", order, None))
        elif (order.time_us, order.request) != (other.time_us, other.request):
            time_us = min(order.time_us, other.time_us)
            found.append(_difference("strategy", time_us, "sent differently", order, other))
        elif order.arrival_us != other.arrival_us:
            time_us = min(order.arrival_us, other.arrival_us)
            found.append(_difference("latency", time_us, "arrived at another time", order, other))
    unknown = "sent in the second run only"
    found.extend(_difference("strategy", other.time_us, unknown, None, other) for other in others.values())
    return found


def _answers(kind: Literal["fill", "report"], first: Sequence[Any], second: Sequence[Any]) -> list[Difference]:
    """Compare fills or reports: the n-th of an order with the n-th of the same order."""
    found: list[Difference] = []
    left, right = _by_order(first), _by_order(second)
    for number in sorted(left.keys() | right.keys()):
        ones, others = left.get(number, []), right.get(number, [])
        for place in range(max(len(ones), len(others))):
            one = ones[place] if place < len(ones) else None
            other = others[place] if place < len(others) else None
            if one == other:
                continue
            time_us = min(each.time_us for each in (one, other) if each is not None)
            found.append(_difference(_cause(one, other), time_us, _words(kind, one, other), one, other))
    return found


def _by_order(answers: Iterable[Any]) -> dict[int, list[Any]]:
    sorted_out: dict[int, list[Any]] = {}
    for answer in answers:
        sorted_out.setdefault(answer.number, []).append(answer)
    return sorted_out


def _cause(one: OrderReport | Fill | None, other: OrderReport | Fill | None) -> Cause:
    refused = [each.state == "rejected" for each in (one, other) if isinstance(each, OrderReport)]
    return "venue rules" if any(refused) else "fill"


def _words(kind: str, one: Any, other: Any) -> str:
    if one is None or other is None:
        return f"a {kind} in the {'second' if one is None else 'first'} run only"
    names = [name for name in one.__struct_fields__ if getattr(one, name) != getattr(other, name)]
    changes = ", ".join(f"{name} {getattr(one, name)} and {getattr(other, name)}" for name in names)
    return f"a {kind} with another {changes}"


def _difference(cause: Cause, time_us: int, what: str, one: Any, other: Any) -> Difference:
    number = (other if one is None else one).number
    shown = ["" if each is None else repr(each) for each in (one, other)]
    return Difference(cause=cause, number=number, time_us=time_us, what=what, first=shown[0], second=shown[1])
