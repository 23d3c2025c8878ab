"""Rows that a bot could have written."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from orderfox_nb.desk.store.records import EquityRecord, FillRecord, OrderRecord, SessionRows

START_US = 1_700_000_000_000_000


def bot(name: str = "one", **values: Any) -> dict[str, Any]:
    given = {"venue": "sim", "symbol": "BTCUSDT", "is_active": True, "is_paper_trading": True, "params": {}}
    return {"name": name, "description": None, "strategy": None, **given, **values}


def order(number: int, **values: Any) -> OrderRecord:
    row = OrderRecord(
        number=number,
        time_us=START_US + number,
        updated_us=START_US + number,
        side="buy",
        kind="limit",
        price=Decimal("50000.1"),
        trigger_price=None,
        size=Decimal("0.010"),
        filled=Decimal(0),
        time_in_force="GTX",
        reduce_only=False,
        state="open",
    )
    return msgspec.structs.replace(row, **values)


def fill(number: int, **values: Any) -> FillRecord:
    row = FillRecord(
        number=number,
        order=number,
        time_us=START_US + number,
        side="buy",
        price=Decimal("50000.1"),
        size=Decimal("0.010"),
        fee=Decimal("0.1000002"),
        maker=True,
    )
    return msgspec.structs.replace(row, **values)


def equity(number: int) -> EquityRecord:
    worth = Decimal("10000.123456789012345678") + number
    return EquityRecord(time_us=START_US + number, equity=worth, cash=worth, position=Decimal("-0.010"))


def step(number: int) -> SessionRows:
    """Everything that one step writes."""
    return SessionRows(
        orders=[order(number)], fills=[fill(number)], equity=[equity(number)], snapshot=str(number).encode()
    )
