"""A bot's resting orders by price, each with its place in the level's queue."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import Final

from orderfox_nb.bots.orders import OrderRequest
from orderfox_nb.core.book import BookSide
from orderfox_nb.core.events import Side

NEVER: Final = 1 << 62
"""A key that no price reaches."""


class PaperOrder:
    """An order that the venue has accepted and that is not done."""

    __slots__ = ("ahead", "filled", "left", "number", "request", "side", "since_us", "ticks", "traded")

    def __init__(self, number: int, request: OrderRequest, since_us: int) -> None:
        self.number = number
        self.request = request
        self.side: Side = request.side
        self.ticks = request.ticks or 0
        self.left = request.lots
        self.filled = 0
        self.since_us = since_us
        """When it reached the book, by the venue's time: events from before do not concern it."""
        self.ahead: float = 0
        """Lots of the market in front of it; below zero only within a trade."""
        self.traded = 0
        """Lots traded at its price since the level's last change."""


class OwnLevel:
    """Own orders at one price, first come first."""

    __slots__ = ("market_lots", "orders", "ticks")

    def __init__(self, ticks: int, market_lots: int) -> None:
        self.ticks = ticks
        self.market_lots = market_lots
        """The level's size in the market after its last change."""
        self.orders: list[PaperOrder] = []


class OwnSide:
    """One side's resting orders.

    Prices are compared by key, where a smaller key is a better price: ticks for asks, negated ticks for bids.
    """

    def __init__(self, side: Side) -> None:
        self.side: Side = side
        self.book_side: BookSide = "bid" if side == "buy" else "ask"
        self.sign = -1 if side == "buy" else 1
        self.levels: dict[int, OwnLevel] = {}
        """By ticks."""
        self.best_key = NEVER

    def __iter__(self) -> Iterator[PaperOrder]:
        for level in self.levels.values():
            yield from level.orders

    @property
    def best(self) -> float:
        """Ticks of the best own price, as a number beyond every price if there is none."""
        return self.sign * self.best_key if self.levels else self.sign * inf

    @property
    def worst(self) -> int:
        """Ticks of the worst own price; there has to be one."""
        return self.sign * max(self.sign * ticks for ticks in self.levels)

    def add(self, order: PaperOrder, market_lots: int) -> None:
        """Put an order behind its level."""
        level = self.levels.get(order.ticks)
        if level is None:
            level = self.levels[order.ticks] = OwnLevel(order.ticks, market_lots)
            self.best_key = min(self.best_key, self.sign * order.ticks)
        level.orders.append(order)

    def remove(self, order: PaperOrder) -> None:
        """Take an order out."""
        level = self.levels[order.ticks]
        level.orders.remove(order)
        if not level.orders:
            del self.levels[order.ticks]
            if self.sign * order.ticks == self.best_key:
                self.best_key = min((self.sign * ticks for ticks in self.levels), default=NEVER)

    def reached(self, key: int) -> list[OwnLevel]:
        """Return the levels at or better than a key, best first."""
        if key < self.best_key:
            return []
        keys = sorted(own for own in (self.sign * ticks for ticks in self.levels) if own <= key)
        return [self.levels[self.sign * own] for own in keys]
