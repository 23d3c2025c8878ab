"""The user-data streams: listen keys, and the frames of orders and accounts as the venue sends them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from orderfox_nb.core.timeframes import MINUTE_US
from orderfox_nb.sim.server.account_rows import money
from orderfox_nb.sim.server.names import ServedStream, parse_stream
from orderfox_nb.sim.server.numbers import Numbers
from orderfox_nb.sim.server.order_rows import side_text
from orderfox_nb.sim.server.source import Publish
from orderfox_nb.sim.trading.orders import AccountEvent, ConfigurationEvent, OrderEvent, TradingEvent
from orderfox_nb.sim.trading.venue import TradingVenue
from orderfox_nb.sim.venue_error import VenueError

KEY_LIFE_US: Final = 60 * MINUTE_US
"""How long a listen key lives after it was last asked for."""


class _ListenKey(msgspec.Struct):
    stream: ServedStream
    expires_us: int


class UserStreams:
    """Gives out listen keys and publishes the events of accounts under them.

    Args:
        trading: The accounts.
        numbers: How each symbol's numbers are written.
        publish: Sends a payload to the subscribers of a stream.
        now_us: The venue's time.
    """

    def __init__(
        self,
        trading: TradingVenue,
        numbers: Mapping[str, Numbers],
        publish: Publish,
        now_us: Callable[[], int],
    ) -> None:
        self._trading = trading
        self._numbers = numbers
        self._publish = publish
        self._now_us = now_us
        self._keys: dict[str, _ListenKey] = {}
        """By account: each has one at a time."""
        self._issued = 0
        trading.publish = self._handle

    def open_key(self, account: str) -> dict[str, str]:
        """Return the listen key of an account, a new one where it has none, good for an hour."""
        key = self._keys.get(account)
        if key is None:
            self._issued += 1
            text = hashlib.sha256(f"{account} {self._issued} {self._now_us()}".encode()).hexdigest()
            stream = parse_stream(text)
            assert stream is not None
            key = self._keys[account] = _ListenKey(stream, 0)
        key.expires_us = self._now_us() + KEY_LIFE_US
        return {"listenKey": key.stream.text}

    def keep_key(self, account: str) -> dict[str, str]:
        """Extend the life of a listen key by an hour.

        Raises:
            VenueError: The account has none (-1125).
        """
        if account not in self._keys:
            raise VenueError(-1125, "This listenKey does not exist.")
        return self.open_key(account)

    def close_key(self, account: str) -> dict[str, str]:
        """Close the stream of an account."""
        self._keys.pop(account, None)
        return {}

    def expire(self) -> None:
        """Drop the keys that have expired and send their listeners the event of it."""
        now_us = self._now_us()
        for account, key in list(self._keys.items()):
            if key.expires_us <= now_us:
                del self._keys[account]
                body = {"e": "listenKeyExpired", "E": now_us // 1000, "listenKey": key.stream.text}
                self._publish(key.stream, msgspec.json.encode(body))

    def _handle(self, event: TradingEvent) -> None:
        account = event.order.account if isinstance(event, OrderEvent) else event.account
        key = self._keys.get(account)
        if key is None:
            return
        if isinstance(event, OrderEvent):
            body = self._order_update(event)
        elif isinstance(event, AccountEvent):
            body = self._account_update(event)
        else:
            body = self._configuration_update(event)
        self._publish(key.stream, msgspec.json.encode(body))

    def _order_update(self, event: OrderEvent) -> dict[str, Any]:
        order, fill, numbers = event.order, event.fill, self._numbers[event.order.symbol]
        row: dict[str, Any] = {
            "s": order.symbol,
            "c": order.client_id,
            "S": side_text(order.side),
            "o": order.kind,
            "f": order.time_in_force,
            "q": numbers.size(order.lots),
            "p": numbers.price(order.ticks),
            "ap": numbers.average_of(order.quote, order.filled),
            "sp": numbers.price(0),
            "x": event.execution,
            "X": order.status,
            "i": order.order_id,
            "l": numbers.size(fill.lots if fill else 0),
            "z": numbers.size(order.filled),
            "L": numbers.price(fill.ticks if fill else 0),
            "N": "USDT",
            "n": money(fill.fee) if fill else "0",
            "T": event.time_us // 1000,
            "t": fill.trade_id if fill else 0,
            "b": "0",
            "a": "0",
            "m": fill.maker if fill else False,
            "R": order.reduce_only,
            "wt": "CONTRACT_PRICE",
            "ot": order.kind,
            "ps": "BOTH",
            "cp": False,
            "rp": money(fill.realised) if fill else "0",
            "pP": False,
            "si": 0,
            "ss": 0,
            "V": "EXPIRE_MAKER",
            "pm": "NONE",
            "gtd": order.good_till_us // 1000,
            "er": "0",
        }
        return {"e": "ORDER_TRADE_UPDATE", "T": event.time_us // 1000, "E": self._event_ms(), "o": row}

    def _account_update(self, event: AccountEvent) -> dict[str, Any]:
        account = self._trading.accounts[event.account]
        positions: list[dict[str, Any]] = []
        for symbol in event.symbols:
            position, listing = account.position(symbol), self._trading.listing(symbol)
            positions.append(
                {
                    "s": symbol,
                    "pa": self._numbers[symbol].size(position.lots),
                    "ep": listing.reference_text(position.entry(listing)),
                    "cr": money(position.realised),
                    "up": money(position.unrealised(listing, self._trading.mark(symbol))),
                    "mt": "isolated" if position.isolated else "cross",
                    "iw": money(position.isolated_wallet),
                    "ps": "BOTH",
                    "bep": listing.reference_text(position.entry(listing)),
                }
            )
        balance = {
            "a": "USDT",
            "wb": money(account.wallet),
            "cw": money(account.cross_wallet),
            "bc": money(event.change),
        }
        body = {"m": event.reason, "B": [balance], "P": positions}
        return {"e": "ACCOUNT_UPDATE", "T": event.time_us // 1000, "E": self._event_ms(), "a": body}

    def _configuration_update(self, event: ConfigurationEvent) -> dict[str, Any]:
        body = {"s": event.symbol, "l": event.leverage}
        return {"e": "ACCOUNT_CONFIG_UPDATE", "E": self._event_ms(), "T": event.time_us // 1000, "ac": body}

    def _event_ms(self) -> int:
        return self._now_us() // 1000
