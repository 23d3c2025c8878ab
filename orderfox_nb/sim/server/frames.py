"""Payloads of streams: field order and number formats as the venue sends them in 2026.

``st`` is 1 for USD-M contracts, ``ps`` the pair. Times are milliseconds, prices and sizes are text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from orderfox_nb.sim.facts import BarRow, DayRow, LiquidationFact, MarkFact, TradeFact
from orderfox_nb.sim.listings import ListedContract
from orderfox_nb.sim.server.numbers import Numbers


def aggregate_trade(symbol: str, trade: TradeFact, numbers: Numbers, event_ms: int) -> bytes:
    """Encode ``aggTrade``."""
    size = numbers.size(trade.lots)
    return (
        f'{{"e":"aggTrade","E":{event_ms},"a":{trade.agg_id},"s":"{symbol}","p":"{numbers.priced(trade.time_us)(trade.price)}",'
        f'"q":"{size}","nq":"{size}","f":{trade.first_trade_id},"l":{trade.last_trade_id},'
        f'"T":{trade.time_us // 1000},"m":{_bool(trade.buyer_is_maker)},"st":1}}'
    ).encode()


def single_trades(symbol: str, trade: TradeFact, numbers: Numbers, event_ms: int) -> Iterator[bytes]:
    """Encode ``trade``, a frame for each fill."""
    price = numbers.priced(trade.time_us)(trade.price)
    for trade_id, lots in enumerate(trade.fills, trade.first_trade_id):
        yield (
            f'{{"e":"trade","E":{event_ms},"T":{trade.time_us // 1000},"s":"{symbol}","t":{trade_id},"p":"{price}",'
            f'"q":"{numbers.size(lots)}","X":"MARKET","m":{_bool(trade.buyer_is_maker)}}}'
        ).encode()


def levels_text(levels: Iterable[tuple[int, int]], numbers: Numbers) -> str:
    """Encode levels as ``[["price","size"],…]``."""
    price, size = numbers.price, numbers.size
    return "[" + ",".join([f'["{price(ticks)}","{size(lots)}"]' for ticks, lots in levels]) + "]"


def depth_update(
    symbol: str,
    *,
    first_id: int,
    last_id: int,
    previous_id: int,
    bids: str,
    asks: str,
    event_ms: int,
    time_ms: int,
) -> bytes:
    """Encode ``depthUpdate``, of the diff and of the partial streams."""
    return (
        f'{{"e":"depthUpdate","E":{event_ms},"T":{time_ms},"s":"{symbol}","ps":"{symbol}","U":{first_id},'
        f'"u":{last_id},"pu":{previous_id},"b":{bids},"a":{asks},"st":1}}'
    ).encode()


def kline(
    symbol: str, interval: str, row: BarRow, numbers: Numbers, *, ids: tuple[int, int], closed: bool, event_ms: int
) -> bytes:
    """Encode ``kline``; ``ids`` are the first and last trade's, -1 where there was none."""
    price, size, quote = numbers.priced(row.close_us), numbers.size, numbers.quote
    return (
        f'{{"e":"kline","E":{event_ms},"s":"{symbol}","k":{{"t":{row.open_us // 1000},"T":{row.close_us // 1000 - 1},'
        f'"s":"{symbol}","i":"{interval}","f":{ids[0]},"L":{ids[1]},"o":"{price(row.open)}","c":"{price(row.close)}",'
        f'"h":"{price(row.high)}","l":"{price(row.low)}","v":"{size(row.lots)}","n":{row.trades},'
        f'"x":{_bool(closed)},"q":"{quote(row.quote)}","V":"{size(row.taker_lots)}",'
        f'"Q":"{quote(row.taker_quote)}","B":"0"}}}}'
    ).encode()


def mark_price(listing: ListedContract, mark: MarkFact, event_ms: int) -> bytes:
    """Encode ``markPriceUpdate``."""
    price, index, settle = map(listing.reference_text, (mark.mark, mark.index, mark.settle))
    return (
        f'{{"e":"markPriceUpdate","E":{event_ms},"s":"{listing.symbol}","p":"{price}","ap":"{price}",'
        f'"P":"{settle}","i":"{index}","r":"{mark.funding_rate:.8f}",'
        f'"T":{mark.next_funding_us // 1000},"st":1}}'
    ).encode()


def book_ticker(
    symbol: str, best: tuple[int, int, int, int], numbers: Numbers, *, update_id: int, event_ms: int
) -> bytes:
    """Encode ``bookTicker``."""
    bid, bid_lots, ask, ask_lots = best
    return (
        f'{{"e":"bookTicker","u":{update_id},"s":"{symbol}","ps":"{symbol}","b":"{numbers.price(bid)}",'
        f'"B":"{numbers.size(bid_lots)}","a":"{numbers.price(ask)}","A":"{numbers.size(ask_lots)}",'
        f'"T":{event_ms},"E":{event_ms},"st":1}}'
    ).encode()


def ticker(symbol: str, row: DayRow, numbers: Numbers, event_ms: int) -> bytes:
    """Encode ``24hrTicker``."""
    text = ticker_text(row, numbers)
    return (
        f'{{"e":"24hrTicker","E":{event_ms},"s":"{symbol}","p":"{text["priceChange"]}",'
        f'"P":"{text["priceChangePercent"]}","w":"{text["weightedAvgPrice"]}","c":"{text["lastPrice"]}",'
        f'"Q":"{text["lastQty"]}","o":"{text["openPrice"]}","h":"{text["highPrice"]}","l":"{text["lowPrice"]}",'
        f'"v":"{text["volume"]}","q":"{text["quoteVolume"]}","O":{row.open_us // 1000},"C":{row.close_us // 1000},'
        f'"F":{row.first_trade_id},"L":{row.last_trade_id},"n":{row.trades},"ps":"{symbol}","st":1}}'
    ).encode()


def mini_ticker(symbol: str, row: DayRow, numbers: Numbers, event_ms: int) -> bytes:
    """Encode ``24hrMiniTicker``."""
    price = numbers.price
    return (
        f'{{"e":"24hrMiniTicker","E":{event_ms},"s":"{symbol}","ps":"{symbol}","c":"{price(row.last)}",'
        f'"o":"{price(row.open)}","h":"{price(row.high)}","l":"{price(row.low)}","v":"{numbers.size(row.lots)}",'
        f'"q":"{_short(numbers.quote(row.quote))}","st":1}}'
    ).encode()


def force_order(symbol: str, fact: LiquidationFact, numbers: Numbers, event_ms: int) -> bytes:
    """Encode ``forceOrder``."""
    return (
        f'{{"e":"forceOrder","E":{event_ms},"o":{{"s":"{symbol}","S":"{fact.side.upper()}","o":"LIMIT","f":"IOC",'
        f'"q":"{numbers.size(fact.lots_original)}","p":"{numbers.price(fact.limit_ticks)}",'
        f'"ap":"{numbers.average(fact.average_price)}","X":"FILLED","l":"{numbers.size(fact.lots_last)}",'
        f'"z":"{numbers.size(fact.lots_filled)}","T":{fact.time_us // 1000},"ps":"{symbol}","st":1}}}}'
    ).encode()


def ticker_text(row: DayRow, numbers: Numbers) -> Mapping[str, str]:
    """Write the figures of a 24 h ticker under the names of the REST answer, in its order."""
    change = row.last - row.open
    return {
        "priceChange": numbers.price(change),
        "priceChangePercent": f"{100 * change / row.open if row.open else 0.0:.3f}",
        "weightedAvgPrice": numbers.average_of(row.quote, row.lots),
        "lastPrice": numbers.price(row.last),
        "lastQty": numbers.size(row.last_lots),
        "openPrice": numbers.price(row.open),
        "highPrice": numbers.price(row.high),
        "lowPrice": numbers.price(row.low),
        "volume": numbers.size(row.lots),
        "quoteVolume": _short(numbers.quote(row.quote)),
    }


def coin_margined(payload: bytes, symbol: str) -> bytes:
    """Turn a payload into the same of the coin-margined contract of its base: ``st`` 2, sizes in contracts.

    Since the merge of June 2026 the streams over the whole market carry both; a client must distinguish them.
    """
    base = symbol.removesuffix("USDT").encode()
    return (
        payload.replace(b'"s":"%b"' % symbol.encode(), b'"s":"%bUSD_PERP"' % base)
        .replace(b'"ps":"%b"' % symbol.encode(), b'"ps":"%bUSD"' % base)
        .replace(b'"st":1', b'"st":2')
    )


def array(payloads: Iterable[bytes]) -> bytes:
    """Join payloads to the array that ``@arr`` streams send."""
    return b"[" + b",".join(payloads) + b"]"


def _bool(value: bool) -> str:
    return "true" if value else "false"


def _short(quote: str) -> str:
    # 24 h quote volumes come with two digits, those of bars with all.
    whole, _, rest = quote.partition(".")
    return f"{whole}.{rest[:2].ljust(2, '0')}"
