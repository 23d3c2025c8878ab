"""The tables, as the newest migration leaves them. Their names have a prefix, so that a database can be shared."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
)
from sqlalchemy.types import TypeDecorator, TypeEngine

VERSION_TABLE: Final = "orderfox_version"
metadata: Final = MetaData()


class ExactNumber(TypeDecorator[Decimal]):
    """A decimal that comes back as it was stored: SQLite has no such type and keeps its text."""

    impl = Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else Numeric())

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        return f"{value:f}" if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        return None if value is None else Decimal(value)


def row_number() -> BigInteger:
    """Return the type of a key that the database counts: SQLite does so for INTEGER alone."""
    return BigInteger().with_variant(Integer, "sqlite")


def _bot_key() -> Column[int]:
    return Column("bot", row_number(), ForeignKey("orderfox_bots.number", ondelete="CASCADE"), primary_key=True)


bots: Final = Table(
    "orderfox_bots",
    metadata,
    Column("number", row_number(), primary_key=True, autoincrement=True),
    Column("id", String(36), nullable=False, unique=True),
    Column("name", String(100), nullable=False),
    Column("symbol", String(100), nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("is_paper_trading", Boolean, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
    Column("venue", String(100), nullable=False, server_default=""),
    Column("description", String(200)),
    Column("strategy", String(100)),
    Column("params", JSON, nullable=False, server_default="{}"),
    Column("note", Text, nullable=False, server_default=""),
    Index("orderfox_bots_symbol", "symbol"),
    sqlite_autoincrement=True,
)

orders: Final = Table(
    "orderfox_orders",
    metadata,
    _bot_key(),
    Column("number", BigInteger, primary_key=True),
    Column("time_us", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
    Column("side", String(4), nullable=False),
    Column("kind", String(30), nullable=False),
    Column("price", ExactNumber),
    Column("trigger_price", ExactNumber),
    Column("size", ExactNumber, nullable=False),
    Column("filled", ExactNumber, nullable=False),
    Column("time_in_force", String(3), nullable=False),
    Column("reduce_only", Boolean, nullable=False),
    Column("state", String(10), nullable=False),
    Column("code", Integer),
    Column("reason", Text, nullable=False),
)

fills: Final = Table(
    "orderfox_fills",
    metadata,
    _bot_key(),
    Column("number", BigInteger, primary_key=True),
    Column("order", BigInteger, nullable=False),
    Column("time_us", BigInteger, nullable=False),
    Column("side", String(4), nullable=False),
    Column("price", ExactNumber, nullable=False),
    Column("size", ExactNumber, nullable=False),
    Column("fee", ExactNumber, nullable=False),
    Column("maker", Boolean, nullable=False),
    Column("liquidation", Boolean, nullable=False),
)

equity: Final = Table(
    "orderfox_equity",
    metadata,
    _bot_key(),
    Column("time_us", BigInteger, primary_key=True),
    Column("equity", ExactNumber, nullable=False),
    Column("cash", ExactNumber, nullable=False),
    Column("position", ExactNumber, nullable=False),
    Column("low", ExactNumber),
    Column("high", ExactNumber),
)

sessions: Final = Table(
    "orderfox_sessions",
    metadata,
    _bot_key(),
    Column("saved_us", BigInteger, nullable=False),
    Column("snapshot", LargeBinary, nullable=False),
)

lease: Final = Table(
    "orderfox_lease",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("epoch", BigInteger, nullable=False),
)
"""One row: how often the right to run the bots has changed hands."""
