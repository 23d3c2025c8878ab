from __future__ import annotations

import msgspec
import pytest

from orderfox_nb.core.events import MarkPrice, OpenInterest, Ticker
from orderfox_nb.core.market_state import Latest
from orderfox_nb.errors import EventError
from tests.core.facts import BTC, applied, trade

pytestmark = pytest.mark.core


def mark(time_us: int, price: float) -> MarkPrice:
    return MarkPrice(
        symbol="BTCUSDT", time_us=time_us, mark_price=price, index_price=price, funding_rate=1e-4, next_funding_us=99
    )


TICKER = Ticker(symbol="BTCUSDT", time_us=1, last=1.0, open=1.0, high=2.0, low=0.5, volume=3.0, quote_volume=3.0)
INTEREST = OpenInterest(symbol="BTCUSDT", time_us=1, open_interest=12.5)


def test_only_the_newest_event_counts():
    latest = applied(Latest(BTC, MarkPrice), [mark(2, 20.0), mark(1, 10.0), trade(1, 5)])
    assert latest.view() == mark(2, 20.0)
    assert latest.version == 1


@pytest.mark.parametrize(("kind", "event"), [(MarkPrice, mark(2, 20.0)), (Ticker, TICKER), (OpenInterest, INTEREST)])
def test_prelude_is_the_newest_event(kind: type, event: MarkPrice | Ticker | OpenInterest):
    latest = Latest(BTC, kind)
    assert latest.prelude() == ()
    empty = latest.digest()
    latest.apply(event)
    assert latest.prelude() == (event,)
    again = applied(Latest(BTC, kind), latest.prelude())
    assert again.digest() == latest.digest() != empty


def test_an_event_of_another_symbol_is_refused():
    with pytest.raises(EventError, match="ETHUSDT"):
        Latest(BTC, Ticker).apply(msgspec.structs.replace(TICKER, symbol="ETHUSDT"))
