"""Liquidations of ccxt on one convention, from the venue's own message: ccxt's fields are not unified."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any, Final, NamedTuple, cast

from orderfox_nb.core.events import Liquidation, Side
from orderfox_nb.feeds.ccxt.structures import StructureReader, in_base


class _Names(NamedTuple):
    """Fields of a message."""

    side: str
    size: str
    prices: tuple[str, ...]
    time: str


_OKX: Final = _Names("side", "sz", ("bkPx",), "ts")
_BINANCE: Final = _Names("S", "z", ("ap", "p"), "T")
_UNIFIED: Final = _Names("side", "size", ("price",), "timestamp")
_OTHER_SIDE: Final[Mapping[str, Side]] = {"buy": "sell", "sell": "buy"}


def liquidations_of(row: Mapping[str, Any], reading: StructureReader, *, received_us: int) -> Iterator[Liquidation]:
    """Yield the orders of one of ccxt's liquidations; the side is that of the order.

    ccxt passes on the side as each venue has it (on Bybit that of the position), Binance's last fill as the size,
    and only the first of the orders that OKX sends together.
    """
    info = row.get("info")
    raw: Mapping[str, Any] = info if isinstance(info, Mapping) else {}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(raw.get("details"), list):
        parts: list[Any] = raw["details"]
        for part in parts:
            if isinstance(part, dict):
                yield from _order(reading, cast("dict[str, Any]", part), _OKX, received_us)
    elif "ap" in raw and "z" in raw:
        yield from _order(reading, raw, _BINANCE, received_us)
    else:
        plain = {**row, "size": row.get("contracts") or row.get("baseValue")}
        yield from _order(reading, plain, _UNIFIED, received_us)


def _order(reading: StructureReader, raw: Mapping[str, Any], names: _Names, received_us: int) -> Iterator[Liquidation]:
    side = str(raw.get(names.side) or "").lower()
    size, time_ms = _positive(raw.get(names.size)), _positive(raw.get(names.time))
    price = next((price for name in names.prices if (price := _positive(raw.get(name)))), None)
    if side not in _OTHER_SIDE or not size or not price or not time_ms:
        return
    order: Side = "buy" if side == "buy" else "sell"
    yield Liquidation(
        symbol=reading.symbol,
        time_us=int(time_ms) * 1_000,
        received_us=received_us,
        side=_OTHER_SIDE[order] if reading.facts.liquidated == "position" else order,
        size=in_base(size, reading.unit),
        price=price,
        limit_price=_positive(raw.get("p")) or 0.0,
    )


def _positive(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if isfinite(number) and number > 0 else None
