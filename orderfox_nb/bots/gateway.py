"""The way of orders to the venue and of answers back, with its delays; everything that happened to them is logged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from hashlib import blake2b
from heapq import heappop, heappush
from typing import Any, Final, Literal, TypeAlias

import msgspec

from orderfox_nb.bots.handles import FillReport, OrderHandle, SentOrder
from orderfox_nb.bots.latency import Latency
from orderfox_nb.bots.orders import DONE, Fill, OrderReport, OrderRequest, Rejection
from orderfox_nb.bots.ports import AccountPort, VenuePort
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.errors import BadValue

NEVER_US: Final = 1 << 62
MAX_ORDERS: Final = 1_000_000
"""Orders that a session keeps until they are drained."""

_TIDY: Final = 256
"""Commands that may wait before those about orders that are done are looked for."""

_HASHED_AT_ONCE: Final = 64
"""Records: a hash of each would cost more than the rest of keeping it."""

_UNANSWERED: Final = (0, 0)

CommandKind: TypeAlias = Literal["submit", "cancel", "expire", "cancel_all"]


def _no_cancel(_: OrderHandle) -> None:
    pass


class _Response(msgspec.Struct, array_like=True):
    due_us: int
    message: int
    report: OrderReport | None
    fill: Fill | None
    lots: int
    entry: Decimal | None


def _response(due_us: int, message: int, answer: OrderReport | Fill, lots: int, entry: Decimal | None) -> _Response:
    if isinstance(answer, Fill):
        return _Response(due_us, message, None, answer, lots, entry)
    return _Response(due_us, message, answer, None, lots, entry)


class _GatewayState(msgspec.Struct, kw_only=True):
    sent: list[SentOrder]
    reports: list[OrderReport]
    fills: list[Fill]
    open: dict[int, int]
    known_lots: int
    known_entry: Decimal | None
    commands: list[tuple[int, int, CommandKind, int]]
    responses: list[_Response]
    requests: dict[int, OrderRequest]
    answered: dict[int, tuple[int, int]]
    counts: tuple[int, int, int]
    chain: bytes
    records: list[str] = []


class OrderGateway:
    """Numbers orders, sends them, books their fills and returns the venue's answers when they arrive.

    An order reaches the venue with the first event whose ``time_us`` is at or after its arrival. Fills are booked when
    the venue trades; the strategy learns of them when the answer arrives.
    """

    def __init__(
        self, instrument: Instrument, *, venue: VenuePort, account: AccountPort, latency: Latency, seed: int
    ) -> None:
        self.instrument = instrument
        self.venue = venue
        self.account = account
        self._latency = latency
        self._seed = seed
        self.cancel_order: Callable[[OrderHandle], None] = _no_cancel
        """What ``OrderHandle.cancel`` calls; set by the session, which knows the time."""
        self.sent: list[SentOrder] = []
        self.reports: list[OrderReport] = []
        self.fills: list[Fill] = []
        self.handles: dict[int, OrderHandle] = {}
        """Orders that are not done, as far as the strategy knows."""
        self.open: dict[int, int] = {}
        """Unfilled lots of the orders at the venue, by number."""
        self._open_buys = self._open_sells = 0
        """Their sums, without those that are reduce-only."""
        self.known_lots = 0
        """Position as far as the strategy knows."""
        self.known_entry: Decimal | None = None
        self.command_due_us = NEVER_US
        self.response_due_us = NEVER_US
        self._commands: list[tuple[int, int, CommandKind, int]] = []
        self._tidy_at = _TIDY
        self._responses: list[tuple[int, int, OrderReport | Fill, int, Decimal | None]] = []
        self._requests: dict[int, OrderRequest] = {}
        """Requests of the orders that are on their way or at the venue, by order number."""
        self._arrivals: dict[int, int] = {}
        """When those that are on their way reach the venue."""
        self._answered: dict[int, tuple[int, int]] = {}
        """How many answers each of those has had, and when the last of them arrives."""
        self._orders = 0
        self._messages = 0
        self._liquidations = 0
        self._chain = b""
        self._records: list[str] = []
        """What is not in the chain yet."""

    def send(self, request: OrderRequest, now_us: int, refused: Rejection | None = None) -> OrderHandle:
        """Send an order, or record that a risk limit kept it back.

        Raises:
            BadValue: There are a million orders that nobody has drained.
        """
        if len(self.sent) >= MAX_ORDERS:
            raise BadValue("orders", len(self.sent), f"at most {MAX_ORDERS:,} of one session")
        self._orders += 1
        number = self._orders
        handle = self.handles[number] = self.handle(number, request)
        if refused is not None:
            self.sent.append(SentOrder(number=number, time_us=now_us, arrival_us=0, request=request))
            report = OrderReport(number=number, time_us=now_us, state="rejected", rejection=refused)
            self._log(report)
            self._respond(report, now_us)
            return handle
        arrival_us = now_us + self._latency.entry(self._seed, number, "submit")
        self.sent.append(SentOrder(number=number, time_us=now_us, arrival_us=arrival_us, request=request))
        self._record("sent", number, arrival_us, request.ticks or 0, request.lots)
        self._requests[number] = request
        self._arrivals[number] = arrival_us
        self._command(arrival_us, "submit", number)
        if request.expire_us is not None:
            left_us = max(request.expire_us, arrival_us)
            self._command(left_us + self._latency.entry(self._seed, number, "expire"), "expire", number)
        return handle

    def handle(self, number: int, request: OrderRequest) -> OrderHandle:
        """Return what the strategy holds of an order."""
        return OrderHandle(number, request, self.instrument, self.cancel_order)

    def cancel(self, handle: OrderHandle, now_us: int) -> None:
        """Send a cancel; it never overtakes the order itself."""
        number = handle.number
        if number in self._requests:
            arrival_us = now_us + self._latency.entry(self._seed, number, "cancel")
            self._command(max(arrival_us, self._arrivals.get(number, 0)), "cancel", number)

    def cancel_all(self, now_us: int) -> None:
        """Send a cancel of every order, also of those that are still on their way."""
        arrival_us = now_us + self._latency.entry(self._seed, self._orders, "cancel_all")
        self._command(max((arrival_us, *self._arrivals.values())), "cancel_all", 0)

    def _command(self, arrival_us: int, kind: CommandKind, number: int) -> None:
        if len(self._commands) >= self._tidy_at:
            self._tidy()
        self._messages += 1
        heappush(self._commands, (arrival_us, self._messages, kind, number))
        self.command_due_us = self._commands[0][0]

    def _tidy(self) -> None:
        """Forget commands about orders that are done, such as the ends of orders that were filled before."""
        kept = [each for each in self._commands if each[2] == "cancel_all" or each[3] in self._requests]
        # A sorted list is a heap.
        self._commands[:] = sorted(kept)
        self._tidy_at = 2 * len(kept) + _TIDY

    def arrive(self, time_us: int) -> None:
        """Pass the commands that have arrived by the venue's time to it, in the order of their arrival."""
        commands, venue = self._commands, self.venue
        while commands and commands[0][0] <= time_us:
            arrival_us, _, kind, number = heappop(commands)
            if kind == "submit":
                request = self._requests[number]
                venue.submit(number, request, arrival_us)
                del self._arrivals[number]
                self.open[number] = request.lots
                self._count(request, request.lots)
            elif kind == "cancel_all":
                venue.cancel_all(arrival_us)
            elif number in self.open:
                venue.cancel(number, arrival_us)
            self.collect()
        self.command_due_us = commands[0][0] if commands else NEVER_US

    def collect(self) -> None:
        """Book what the venue has done, and send its answers on their way."""
        for answer in self.venue.drain():
            self._book(answer)

    def _book(self, answer: OrderReport | Fill) -> None:
        number = answer.number
        self._log(answer)
        count, last_us = self._answered.get(number, _UNANSWERED)
        due_us = answer.time_us + self._latency.response(self._seed, number, count)
        # Answers about one order come on one connection: they do not overtake each other.
        due_us = max(due_us, last_us)
        if isinstance(answer, Fill):
            self.account.apply_fill(answer)
            if number in self.open:
                self.open[number] -= answer.lots
                self._count(self._requests[number], -answer.lots)
        elif answer.state in DONE:
            left = self.open.pop(number, 0)
            request = self._requests.pop(number, None)
            if left and request is not None:
                self._count(request, -left)
            self._answered.pop(number, None)
            self._respond(answer, due_us)
            return
        self._answered[number] = count + 1, due_us
        self._respond(answer, due_us)

    def _count(self, request: OrderRequest, lots: int) -> None:
        """Add lots of an order to those at the venue."""
        if request.reduce_only:
            return
        if request.side == "buy":
            self._open_buys += lots
        else:
            self._open_sells += lots

    def _respond(self, answer: OrderReport | Fill, due_us: int) -> None:
        self._messages += 1
        lots, entry = 0, None
        if isinstance(answer, Fill):
            # Only a fill changes the position that the strategy knows.
            lots, entry = self.account.position_lots, self.account.entry
        heappush(self._responses, (due_us, self._messages, answer, lots, entry))
        self.response_due_us = self._responses[0][0]

    def _log(self, answer: OrderReport | Fill) -> None:
        if isinstance(answer, Fill):
            self.fills.append(answer)
            self._record("fill", answer.number, answer.time_us, answer.ticks, answer.lots)
        else:
            self.reports.append(answer)
            self._record(answer.state, answer.number, answer.time_us, 0, 0)

    def responses(self, now_us: int) -> Iterator[FillReport | OrderHandle]:
        """Yield what the strategy learns by now: the handle or the execution, whose handle is up to date."""
        while self._responses and self._responses[0][0] <= now_us:
            _, _, answer, lots, entry = heappop(self._responses)
            self.response_due_us = self._responses[0][0] if self._responses else NEVER_US
            handle = self.handles.get(answer.number)
            if isinstance(answer, Fill):
                self.known_lots, self.known_entry = lots, entry
                if handle is not None:
                    handle.filled_lots += answer.lots
                yield self._fill_report(answer, handle)
            elif handle is not None:
                handle.apply(answer)
                if handle.done:
                    del self.handles[handle.number]
                yield handle

    def read_position(self) -> None:
        """Report the account's position to the strategy: a new session may get an account that has one."""
        self.known_lots, self.known_entry = self.account.position_lots, self.account.entry

    def _fill_report(self, fill: Fill, handle: OrderHandle | None) -> FillReport:
        return FillReport(
            order=handle,
            time_us=fill.time_us,
            side=fill.side,
            price=self.instrument.price(fill.ticks),
            size=self.instrument.size(fill.lots),
            ticks=fill.ticks,
            lots=fill.lots,
            maker=fill.maker,
            liquidation=fill.liquidation,
        )

    def open_lots(self, *, at_venue: bool = False, without: int = 0) -> tuple[int, int]:
        """Return the unfilled lots of buys and sells that are not reduce-only, at the venue and on their way there.

        Args:
            at_venue: Leave out those that are on their way.
            without: Number of an order at the venue to leave out.
        """
        underway = [] if at_venue else [self._requests[number] for number in self._arrivals]
        counted = [(request, request.lots) for request in underway]
        if without in self.open:
            counted.append((self._requests[without], -self.open[without]))
        buys, sells = self._open_buys, self._open_sells
        for request, lots in counted:
            if not request.reduce_only:
                buys, sells = (buys + lots, sells) if request.side == "buy" else (buys, sells + lots)
        return buys, sells

    def liquidate(self, request: OrderRequest, now_us: int, remainder_ticks: int) -> None:
        """Close a position as the venue does: cancel all, trade what the book has, and take over the rest.

        Args:
            request: The venue's own order, immediate or cancel.
            now_us: The venue's time.
            remainder_ticks: Price at which what is left changes hands.
        """
        self.venue.cancel_all(now_us)
        self.collect()
        self._liquidations += 1
        number = -self._liquidations
        self.venue.submit(number, request, now_us)
        left = request.lots
        for answer in self.venue.drain():
            if isinstance(answer, Fill):
                left -= answer.lots
                self._book(msgspec.structs.replace(answer, liquidation=True))
        if left:
            rest = Fill(
                number=number,
                time_us=now_us,
                side=request.side,
                ticks=remainder_ticks,
                lots=left,
                maker=False,
                liquidation=True,
            )
            self._book(rest)
        self._answered.pop(number, None)

    def _record(self, kind: str, number: int, time_us: int, ticks: int, lots: int) -> None:
        self._records.append(f"('{kind}', {number}, {time_us}, {ticks}, {lots})")
        if len(self._records) == _HASHED_AT_ONCE:
            self._chain = self.chain
            self._records.clear()

    @property
    def chain(self) -> bytes:
        """A hash over everything that was sent, reported and filled."""
        return blake2b(self._chain + "".join(self._records).encode(), digest_size=16).digest()

    def drain(self) -> tuple[list[SentOrder], list[OrderReport], list[Fill]]:
        """Return orders, reports and fills since the last call, and clear them."""
        drained = self.sent, self.reports, self.fills
        self.sent, self.reports, self.fills = [], [], []
        return drained

    def snapshot(self) -> dict[str, Any]:
        """Return the state without the handles, as builtins."""
        state = _GatewayState(
            sent=self.sent,
            reports=self.reports,
            fills=self.fills,
            open=self.open,
            known_lots=self.known_lots,
            known_entry=self.known_entry,
            commands=self._commands,
            responses=[
                _response(due_us, message, answer, lots, entry)
                for due_us, message, answer, lots, entry in self._responses
            ],
            requests=self._requests,
            answered=self._answered,
            counts=(self._orders, self._messages, self._liquidations),
            chain=self._chain,
            records=self._records,
        )
        return msgspec.to_builtins(state, builtin_types=(bytes,))

    def restore(self, plain: Mapping[str, Any]) -> None:
        """Continue from what ``snapshot`` returned."""
        state = msgspec.convert(plain, _GatewayState, builtin_types=(bytes,))
        self.sent, self.reports, self.fills = state.sent, state.reports, state.fills
        self.open, self._requests, self._answered = state.open, state.requests, state.answered
        self.known_lots, self.known_entry = state.known_lots, state.known_entry
        # A heap's list is a heap again.
        self._commands = state.commands
        self._responses = [
            (each.due_us, each.message, answer, each.lots, each.entry)
            for each in state.responses
            if (answer := each.report or each.fill) is not None
        ]
        self._orders, self._messages, self._liquidations = state.counts
        self._chain, self._records = state.chain, state.records
        self._arrivals = {number: due_us for due_us, _, kind, number in self._commands if kind == "submit"}
        self._open_buys = self._open_sells = 0
        for number, lots in self.open.items():
            self._count(self._requests[number], lots)
        self.command_due_us = self._commands[0][0] if self._commands else NEVER_US
        self.response_due_us = self._responses[0][0] if self._responses else NEVER_US
