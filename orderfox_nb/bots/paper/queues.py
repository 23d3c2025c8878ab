"""Queue models: the part of a price level ahead of an own order, estimated from trades and size changes.

A venue publishes sizes by price, not the order of the queue. Every model takes traded volume from the front. They
differ in where the rest of a decrease was cancelled: behind the order (risk-averse), or on both sides in proportions
that depend on the position of the order. The definitions are those of hftbacktest, so that results can be compared.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, isnan, log1p, nan
from typing import Literal, TypeAlias, get_args

import msgspec

from orderfox_nb.errors import BadValue

QueueName: TypeAlias = Literal["risk_averse", "log", "log2", "power", "power2", "power3"]
DepthRule: TypeAlias = Callable[[float, int, int, int], float]
"""From lots ahead, lots traded since the level's last change, its size before and its size now, to lots ahead now."""
_Share: TypeAlias = Callable[[float, float], float]
"""From lots ahead and behind to the part of a decrease that is cancelled behind."""

QUEUE_NAMES: tuple[QueueName, ...] = get_args(QueueName)


class QueueModel(msgspec.Struct, frozen=True):
    """Model that estimates queue positions, and how an order at the front is filled.

    Raises:
        BadValue: An unknown model, or a power that is not positive.
    """

    name: QueueName = "risk_averse"
    power: float = 3.0
    """Exponent of the power models; the others have none."""
    partial: bool = True
    """Whether a trade fills an order only as far as it exceeds the queue; False fills the whole order, as
    ``no_partial_fill_exchange`` of hftbacktest does."""
    monotone: bool = True
    """Whether an order never moves back. Within a lot of the front the formulas of hftbacktest may move it back, most
    often ``power2``; False follows them exactly."""

    def __post_init__(self) -> None:
        if self.name not in QUEUE_NAMES:
            raise BadValue("queue model", self.name, f"one of {', '.join(QUEUE_NAMES)}")
        if not 0 < self.power < inf:
            raise BadValue("power", self.power, "a positive number")

    def depth_rule(self, lot: float) -> DepthRule:
        """Return how a change of the level's size moves the order.

        Args:
            lot: Size of a lot in the base asset: the logarithmic models depend on the unit.
        """
        if self.name == "risk_averse":
            return _behind_only
        return _shared(_share(self.name, self.power, lot), 1.0 if self.monotone else inf)


def _behind_only(ahead: float, _traded: int, _before: int, now: int) -> float:
    return min(ahead, now)


def _shared(share: _Share, largest: float) -> DepthRule:
    def rule(ahead: float, traded: int, before: int, now: int) -> float:
        # What was traded has already been taken from the front.
        cancelled = before - now - traded
        if cancelled > 0:
            behind = before - ahead
            part = share(ahead, behind)
            if isnan(part) or part == inf:
                part = 1.0
            elif part > largest:
                # With less than nothing ahead, within the rounding of a lot, more than all would be behind.
                part = largest
            ahead -= (1 - part) * cancelled
            missing = behind - part * cancelled
            if missing < 0:
                ahead += missing
        return min(ahead, now)

    return rule


def _share(name: QueueName, power: float, lot: float) -> _Share:
    # Called for every change of a level with own orders: each is one function of plain arithmetic.
    whole_power = float(power).is_integer()

    def weight(lots: float) -> float:
        if name in ("log", "log2"):
            size = lots * lot
            return log1p(size) if size > -1 else nan
        return lots**power if lots >= 0 or whole_power else nan

    def of_both(ahead: float, behind: float) -> float:
        back = weight(behind)
        both = back + weight(ahead)
        return back / both if both else nan

    def of_sum(ahead: float, behind: float) -> float:
        both = weight(behind + ahead)
        return weight(behind) / both if both else nan

    def of_front(ahead: float, behind: float) -> float:
        both = ahead + behind
        return 1 - weight(ahead / both) if both else nan

    if name == "power3":
        return of_front
    return of_both if name in ("log", "power") else of_sum
