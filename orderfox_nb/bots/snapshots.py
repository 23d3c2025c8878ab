"""The state of a strategy and of its desk as builtins, and back: what a bot is resumed from after a crash."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from orderfox_nb.bots.desk_view import TradingDesk
from orderfox_nb.bots.gateway import OrderGateway
from orderfox_nb.bots.handles import OrderHandle, Timer
from orderfox_nb.bots.kept_state import StateDecoder, StateEncoder
from orderfox_nb.bots.orders import OrderRequest, OrderState, Rejection
from orderfox_nb.bots.strategy import Strategy
from orderfox_nb.core.events import Event, Liquidation, MarkPrice, Trade, decode_event, encode_event
from orderfox_nb.errors import BadValue


class _Handle(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    request: OrderRequest
    state: OrderState
    filled_lots: int
    rejection: Rejection | None
    reason: str


def encode_all(events: Iterable[Event]) -> list[bytes]:
    """Encode events one by one."""
    return [encode_event(event) for event in events]


def decode_all(texts: Iterable[bytes]) -> list[Event]:
    """Decode what ``encode_all`` made."""
    return [decode_event(text) for text in texts]


def strategy_state(strategy: Strategy, gateway: OrderGateway) -> dict[str, Any]:
    """Return parameters, attributes, and the orders that are open or that an attribute holds.

    Raises:
        BadValue: An attribute that cannot be kept; the error names it.
    """
    values = strategy.values
    encoder = StateEncoder(type(strategy).__name__)
    attributes = {name: encoder.encode(name, value) for name, value in vars(strategy).items() if name not in values}
    orders = {**encoder.handles, **gateway.handles}
    kept = [
        _Handle(
            number=number,
            request=order.request,
            state=order.state,
            filled_lots=order.filled_lots,
            rejection=order.rejection,
            reason=order.reason,
        )
        for number, order in sorted(orders.items())
    ]
    return {
        "name": type(strategy).__name__,
        "values": {name: str(value) for name, value in values.items()},
        "attributes": attributes,
        "orders": msgspec.to_builtins(kept),
        "open": list(gateway.handles),
    }


def restore_strategy(
    strategy: Strategy, gateway: OrderGateway, timers: Mapping[str, Timer], state: Mapping[str, Any]
) -> None:
    """Set what ``strategy_state`` returned.

    Raises:
        BadValue: It is another strategy's, or one's with other parameters.
    """
    values = {name: str(value) for name, value in strategy.values.items()}
    if state["name"] != type(strategy).__name__ or state["values"] != values:
        held = ", ".join(f"{name}={value}" for name, value in state["values"].items())
        raise BadValue("snapshot", f"{state['name']}({held})", f"one of {strategy!r}")
    orders: dict[int, OrderHandle] = {}
    for kept in msgspec.convert(state["orders"], list[_Handle]):
        order = orders[kept.number] = gateway.handle(kept.number, kept.request)
        order.state, order.filled_lots = kept.state, kept.filled_lots
        order.rejection, order.reason = kept.rejection, kept.reason
    gateway.handles = {number: orders[number] for number in state["open"]}
    decoder = StateDecoder(orders.__getitem__, timers.__getitem__)
    for name in vars(strategy).keys() - values.keys():
        delattr(strategy, name)
    for name, value in state["attributes"].items():
        setattr(strategy, name, decoder.decode(value))


def desk_state(desk: TradingDesk) -> dict[str, Any]:
    """Return the clock, what the strategy sees of the market but for the book, timers and log."""
    return {
        "now_us": desk.now_us,
        "recent_trades": encode_all(desk.trades.kept),
        "orders": encode_all(desk.liquidations.kept),
        "mark_events": [] if desk.mark_event is None else encode_all([desk.mark_event]),
        "bars": [] if desk.history is None else encode_all(desk.history.fold.prelude()),
        "timers": [msgspec.to_builtins(timer) for timer in desk.timers.values()],
        "lines": [list(line) for line in desk.lines],
    }


def restore_desk(desk: TradingDesk, state: Mapping[str, Any]) -> None:
    """Set what ``desk_state`` returned, on a new desk."""
    desk.now_us = state["now_us"]
    desk.trades.kept.extend(_only(Trade, state["recent_trades"]))
    for order in _only(Liquidation, state["orders"]):
        desk.liquidations.add(order)
    for mark in _only(MarkPrice, state["mark_events"]):
        desk.mark_event = mark
    for event in decode_all(state["bars"]):
        desk.candles.fold.apply(event)
    desk.restore_timers(msgspec.convert(state["timers"], list[Timer]))
    desk.lines.extend((time_us, text) for time_us, text in state["lines"])


def _only(kind: type[Any], texts: Iterable[bytes]) -> list[Any]:
    return [event for event in decode_all(texts) if type(event) is kind]
