# ipywidgets has no stubs.
# pyright: reportMissingTypeStubs=false
"""Widgets of a market of the kernel: one that was rewound, or of another source than the page's server.

The page's socket has no frames of it. They come through the kernel, by a pump of that market's own, and the page keeps
a link for each: a rewound market has its own clock and playhead there, whatever the page itself shows.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from orderfox_nb.core.symbols import canonical
from orderfox_nb.errors import OrderFoxError
from orderfox_nb.widgets.kernel.arguments import DEFAULT_SYMBOL, WrongValue, canonical_symbol, is_from_page, shown_value
from orderfox_nb.widgets.kernel.pump import Pump, pump_of

if TYPE_CHECKING:
    from orderfox_nb.market.connection import Market


class Binding(NamedTuple):
    """The market of a widget.

    Args:
        market: The market of the kernel; None: that of the page's server.
        names: The widget's symbol and venue, if they are known.
        traits: Its pump, if it has one of its own.
    """

    market: Market | None
    names: Mapping[str, str]
    traits: Mapping[str, Any]


def bind(market: object, names: Mapping[str, str]) -> Binding:
    """Return the market of a widget from its arguments.

    Args:
        market: A market or one of its symbols, as ``connect()`` and ``rewind()`` return them; None for the page's own.
        names: The arguments ``symbol`` and ``venue``.

    Raises:
        TraitError: Not a market, a closed one, or a symbol that it does not list.
    """
    if market is None:
        return Binding(None, names, {})
    shown, symbol = _parts(market)
    if symbol is None:
        asked = names.get("symbol", DEFAULT_SYMBOL)
        found = asked if asked == "*" else bound_symbol(shown, asked)
    elif names.get("symbol", DEFAULT_SYMBOL) not in (DEFAULT_SYMBOL, symbol):
        raise WrongValue(f"symbol {shown_value(names['symbol'])}: the market given is that of {symbol}")
    else:
        found = symbol
    named = {"symbol": found, "venue": shown.venue}
    if _is_of_page(shown):
        return Binding(None, named, {})
    return Binding(shown, named, {"pump": _open_pump(shown), "own_market": True})


def bound_symbol(market: Market | None, text: Any, venue: str = "") -> str:
    """Return the id of a symbol in the market of a widget, as ``canonical_symbol`` does for that of the page.

    Raises:
        TraitError: Not a text, or not listed.
    """
    if market is None:
        return canonical_symbol(text, venue)
    if not isinstance(text, str) or not canonical(text):
        raise WrongValue(f"symbol {shown_value(text)} must be a name such as 'BTCUSDT'")
    if text == "*" or is_from_page():
        return text  # the page chose from the market's own list
    try:
        return market[text].symbol
    except OrderFoxError as error:
        raise WrongValue(str(error)) from None


def _parts(market: object) -> tuple[Market, str | None]:
    from orderfox_nb.market.connection import Market, Symbol  # noqa: PLC0415 - paid for by who has a market already

    if isinstance(market, Symbol):
        return market.market, market.symbol
    if isinstance(market, Market):
        return market, None
    raise WrongValue(f"market {shown_value(market)} must be a market or a symbol of connect() or rewind()")


def _is_of_page(market: Market) -> bool:
    """Return whether the page's server has the same market: it needs no pump then."""
    from orderfox_nb.config import load_settings  # noqa: PLC0415 - as above

    engines = sys.modules["orderfox_nb.engine"]
    return market.engine is engines.running_engine(load_settings())


def _open_pump(market: Market) -> Pump:
    from orderfox_nb.market.rewound import PastEngine  # noqa: PLC0415 - as above

    engine = market.engine
    if not isinstance(engine, PastEngine):
        return pump_of(engine)
    if engine.closed:
        raise WrongValue("This market of the past is closed: rewind() gives another one")
    pump = pump_of(engine)
    if pump.end not in engine.closing:
        engine.closing.append(pump.end)
    return pump
