"""The venue's trading interface, through ccxt: orders, trades and the account of one symbol."""

from __future__ import annotations

import asyncio
import logging
import re
import sys
from collections.abc import AsyncGenerator
from contextlib import suppress
from decimal import Decimal
from typing import Any, Final

import msgspec

from orderfox_nb.bots.live.orders import VenueOrder, VenueTrade
from orderfox_nb.bots.orders import OrderRequest, OrderState, Rejection
from orderfox_nb.config import Settings
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.errors import BrokerRefused, MissingExtra, VenueUnreachable

_log = logging.getLogger(f"{__name__}.ccxt")
# It logs each request with the key and the signature when everything is logged.
_log.setLevel(logging.WARNING)

ANSWER_S: Final = 8.0
"""How long an answer is waited for."""
WINDOW_MS: Final = 5_000
"""A request that reaches the venue later than this after it was signed is refused by it (``recvWindow``)."""
CLIENTS: Final = {"binance": "binanceusdm"}
"""Venues that real orders can go to, and their names in ccxt."""
_STATES: Final[dict[str, OrderState]] = {
    "open": "open",
    "closed": "filled",
    "canceled": "cancelled",
    "expired": "expired",
    "rejected": "rejected",
}
_UNKNOWN_OUTCOME: Final = frozenset({-1000, -1001, -1006, -1007})
"""Codes with which the venue says that it does not know what became of a request."""
_WRONG_TIME: Final = -1021
_CODE: Final = re.compile(r'"code"\s*:\s*(-[0-9]+)')
_TEXT: Final = re.compile(r'"msg"\s*:\s*"([^"]{0,300})')


class RefusedByVenue(Exception):
    """The venue has refused a request: it has certainly not been carried out."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(f"{rejection.message} ({rejection.code})")
        self.rejection = rejection


class NoSuchOrder(RefusedByVenue):
    """The venue does not know the order, or it is done."""


class OutcomeUnknown(Exception):
    """There was no answer, or none that says what became of a request."""


class AccountFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Account and one symbol, as the venue reports them."""

    cash: Decimal
    """Wallet balance in the quote currency."""
    position_lots: int
    maker: Decimal
    taker: Decimal


class VenueClient:
    """Orders of one symbol at a venue.

    Every method but ``open`` and ``close`` raises ``RefusedByVenue`` or ``OutcomeUnknown``.

    Args:
        instrument: What is traded.
        settings: Have the addresses and the keys.
    """

    def __init__(self, instrument: Instrument, settings: Settings) -> None:
        self.instrument = instrument
        self._settings = settings
        self._exchange: Any = None
        self._symbol = ""

    async def open(self) -> AccountFacts:
        """Connect, and read the account.

        Raises:
            BrokerRefused: The venue refuses the keys, or does not list the symbol for trading.
            MissingExtra: ccxt is not installed.
            VenueUnreachable: No answer.
        """
        venue = self.instrument.venue
        try:
            # It takes a second, and only live bots need it.
            module = await asyncio.to_thread(__import__, "ccxt.pro", fromlist=["pro"])
        except ImportError:
            raise MissingExtra("ccxt", "venues") from None
        self._exchange = exchange = getattr(module, CLIENTS[venue])(
            {
                "apiKey": self._settings.binance_api_key.get_secret_value(),
                "secret": self._settings.binance_secret_key.get_secret_value(),
                "logger": _log,
                "timeout": round(ANSWER_S * 1000),
                # Orders a minute are limited before they get here, and a cancel must not wait.
                "enableRateLimit": False,
                "options": {"recvWindow": WINDOW_MS, "fetchCurrencies": False, "adjustForTimeDifference": True},
            }
        )
        self._use_addresses(exchange)
        try:
            await self._asked(exchange.load_markets())
            found = exchange.markets_by_id.get(self.instrument.symbol)
            if not found:
                raise BrokerRefused(venue, f"it has no {self.instrument.symbol}")
            self._symbol = found[0]["symbol"]
            balance = await self._asked(exchange.fetch_balance())
            fee = await self._asked(exchange.fetch_trading_fee(self._symbol))
            cash = balance.get(self.instrument.quote, {}).get("total") or 0
            return AccountFacts(
                cash=Decimal(str(cash)),
                position_lots=await self.position(),
                maker=Decimal(str(fee["maker"])),
                taker=Decimal(str(fee["taker"])),
            )
        except RefusedByVenue as error:
            raise BrokerRefused(venue, str(error)) from None
        except OutcomeUnknown as error:
            raise VenueUnreachable(venue, str(error)) from None

    async def close(self) -> None:
        """End every connection."""
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            await exchange.close()

    async def place(self, client_id: str, request: OrderRequest) -> VenueOrder:
        """Place an order."""
        exact = self.instrument
        params: dict[str, Any] = {"clientOrderId": client_id}
        if request.reduce_only:
            params["reduceOnly"] = True
        price = None
        if request.kind == "limit":
            assert request.ticks is not None
            price = exact.price(request.ticks)
            params |= {"postOnly": True} if request.time_in_force == "GTX" else {"timeInForce": request.time_in_force}
        row = await self._asked(
            self._exchange.create_order(
                self._symbol, request.kind, request.side, exact.size(request.lots), price, params
            )
        )
        return self._order(row)

    async def find(self, client_id: str) -> VenueOrder:
        """Return an order by its client id.

        Raises:
            NoSuchOrder: The venue does not know it.
        """
        params = {"clientOrderId": client_id}
        return self._order(await self._asked(self._exchange.fetch_order(None, self._symbol, params)))

    async def cancel(self, client_id: str) -> VenueOrder:
        """Cancel what is left of an order.

        Raises:
            NoSuchOrder: It is done, or the venue does not know it.
        """
        params = {"clientOrderId": client_id}
        return self._order(await self._asked(self._exchange.cancel_order(None, self._symbol, params)))

    async def open_orders(self) -> list[VenueOrder]:
        """Return the orders that are open, also those that are not the bot's."""
        return [self._order(row) for row in await self._asked(self._exchange.fetch_open_orders(self._symbol))]

    async def trades(self, venue_id: str) -> list[VenueTrade]:
        """Return the trades of an order, oldest first."""
        params = {"orderId": venue_id}
        rows = await self._asked(self._exchange.fetch_my_trades(self._symbol, None, None, params))
        return [self._trade(row) for row in rows]

    async def position(self) -> int:
        """Return the position in lots, negative for a short."""
        rows = await self._asked(self._exchange.fetch_positions([self._symbol]))
        lots = 0
        for row in rows:
            size = self.instrument.lots(float(row["contracts"] or 0) * float(row.get("contractSize") or 1))
            lots += size if row["side"] == "long" else -size
        return lots

    async def watch_orders(self) -> AsyncGenerator[VenueOrder, None]:
        """Yield what the account's stream says of orders."""
        while True:
            for row in await self._asked(self._exchange.watch_orders(self._symbol), wait=False):
                yield self._order(row)

    async def watch_trades(self) -> AsyncGenerator[VenueTrade, None]:
        """Yield what the account's stream says of trades."""
        while True:
            for row in await self._asked(self._exchange.watch_my_trades(self._symbol), wait=False):
                yield self._trade(row)

    async def _asked(self, request: Any, *, wait: bool = True) -> Any:
        """Return an answer, or raise what its error means for the request."""
        errors: Any = sys.modules["ccxt"]
        try:
            async with asyncio.timeout(ANSWER_S if wait else None):
                return await request
        except errors.BaseError as error:
            rejection = _rejection(error)
            if rejection.code == _WRONG_TIME:
                with suppress(errors.BaseError):
                    await self._exchange.load_time_difference()
            if isinstance(error, errors.OrderNotFound):
                raise NoSuchOrder(rejection) from None
            coded = rejection.code != 0 and rejection.code not in _UNKNOWN_OUTCOME
            if coded or (isinstance(error, errors.ExchangeError) and rejection.code == 0):
                raise RefusedByVenue(rejection) from None
            # Its text has the address of the request, which has the signature.
            raise OutcomeUnknown(f"no usable answer ({type(error).__name__})") from None
        except TimeoutError:
            raise OutcomeUnknown(f"no answer within {ANSWER_S:g} s") from None
        except Exception as error:  # noqa: BLE001  (half an answer may raise anything in ccxt)
            raise OutcomeUnknown(f"no usable answer ({type(error).__name__})") from None

    def _order(self, row: Any) -> VenueOrder:
        return VenueOrder(
            client_id=str(row.get("clientOrderId") or ""),
            venue_id=str(row["id"]),
            state=_STATES.get(row.get("status") or "open", "open"),
            filled_lots=self.instrument.lots(float(row.get("filled") or 0)),
            time_us=int(row.get("lastUpdateTimestamp") or row.get("timestamp") or 0) * 1000,
        )

    def _trade(self, row: Any) -> VenueTrade:
        return VenueTrade(
            venue_id=str(row["order"]),
            client_id=str(row["info"].get("c") or ""),
            trade_id=str(row["id"]),
            ticks=self.instrument.ticks(float(row["price"])),
            lots=self.instrument.lots(float(row["amount"])),
            maker=row["takerOrMaker"] == "maker",
            time_us=int(row["timestamp"]) * 1000,
        )

    def _use_addresses(self, exchange: Any) -> None:
        """Have ccxt ask the same addresses as the market data come from."""
        api, rest = exchange.urls["api"], self._settings.binance_api_base_url
        stream = self._settings.binance_ws_base_url
        for name, url in list(api.items()):
            if isinstance(url, str):
                api[name] = url.replace("https://fapi.binance.com", rest)
        if stream != "wss://fstream.binance.com":
            api["ws"]["linear"] = f"{stream}/ws"
        exchange.has["fetchCurrencies"] = False


def _rejection(error: Exception) -> Rejection:
    """Return code and text of the venue, code 0 if there is none."""
    text = str(error)
    code, message = _CODE.search(text), _TEXT.search(text)
    return Rejection(
        int(code.group(1)) if code else 0,
        message.group(1) if message else type(error).__name__,
    )
