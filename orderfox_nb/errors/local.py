"""Errors of this process: settings, files, the database, libraries, and limits that are reached."""

from __future__ import annotations

from pathlib import Path

from orderfox_nb.errors.root import OrderFoxError


class SettingError(OrderFoxError):
    """A setting that cannot be used."""

    def __init__(self, variable: str, value: object, expected: str) -> None:
        super().__init__(variable, value, expected)
        self.variable = variable
        self.value = value
        self.expected = expected

    def __str__(self) -> str:
        shown = str(self.value)
        if len(shown) > 200:
            shown = shown[:199] + "…"
        return f"{self.variable}={shown}: expected {self.expected}"


class EventError(OrderFoxError):
    """An event that its fold cannot take, such as one of another symbol."""


class OffStep(EventError):
    """A price or size that is not a multiple of the step of its instrument: the venue has changed that one.

    Args:
        symbol: Symbol of the price or size.
        name: ``price`` or ``size``.
        value: As it came.
        step: The tick or lot size that is known.
    """

    def __init__(self, symbol: str, name: str, value: float, step: object) -> None:
        super().__init__(symbol, name, value, step)
        self.symbol = symbol
        self.name = name
        self.value = value
        self.step = step

    def __str__(self) -> str:
        kind = "tick" if self.name == "price" else "lot"
        return f"a {self.name} of {self.value:.12g} is not a multiple of the {kind} size {self.step} of {self.symbol}"


class RecordingError(OrderFoxError):
    """A recording that cannot be read."""

    def __init__(self, path: Path, expected: str) -> None:
        super().__init__(path, expected)
        self.path = path
        self.expected = expected

    def __str__(self) -> str:
        return f"{self.path}: expected {self.expected}"


class DatabaseUnavailable(OrderFoxError):
    """The database of bots does not answer; market data does not need it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"The database of bots is not available: {self.reason}"


class MissingExtra(OrderFoxError):
    """A library that this needs and that is not installed."""

    def __init__(self, library: str, extra: str) -> None:
        super().__init__(library, extra)
        self.library = library
        self.extra = extra

    def __str__(self) -> str:
        return f'this needs {self.library}: install it with  pip install "orderfox_nb[{self.extra}]"'


class ForkedProcess(OrderFoxError):
    """A market that belongs to the process this one was forked from: its thread and its sockets are not here."""

    def __str__(self) -> str:
        return (
            "This process was forked from the one that reads the market, so nothing here would ever change: "
            "call connect() in this process"
        )


class TooManyFrames(OrderFoxError):
    """More different frames than one client, or all of them together, may have computed."""


class TooManyPlayheads(OrderFoxError):
    """More pages in the past than one client, or all of them together, may have."""


class TooManyKernels(OrderFoxError):
    """A client whose pages have as many kernels as they may."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit

    def __str__(self) -> str:
        return (
            f"The pages of your address have all {self.limit} kernels that one address may have: "
            "close one of them and load this page again"
        )


class SlowReader(OrderFoxError):
    """A reader whose inbox overflowed and that asked to be closed rather than to get a gap.

    Args:
        topic: What it read.
        lost: How many events were waiting for it.
    """

    def __init__(self, topic: object, lost: int) -> None:
        super().__init__(topic, lost)
        self.topic = topic
        self.lost = lost

    def __str__(self) -> str:
        return f"the reader of {self.topic} did not keep up: {self.lost} events were waiting"
