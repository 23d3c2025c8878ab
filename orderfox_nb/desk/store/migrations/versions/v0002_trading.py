"""What a bot trades with, and its orders, fills, equity and session."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from orderfox_nb.desk.store.tables import ExactNumber

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add strategies to bots, and the tables of what they did."""
    op.add_column("orderfox_bots", sa.Column("venue", sa.String(100), nullable=False, server_default=""))
    op.add_column("orderfox_bots", sa.Column("description", sa.String(200)))
    op.add_column("orderfox_bots", sa.Column("strategy", sa.String(100)))
    op.add_column("orderfox_bots", sa.Column("params", sa.JSON, nullable=False, server_default="{}"))
    op.create_table(
        "orderfox_orders",
        _bot_key(),
        sa.Column("number", sa.BigInteger, primary_key=True),
        sa.Column("time_us", sa.BigInteger, nullable=False),
        sa.Column("updated_us", sa.BigInteger, nullable=False),
        sa.Column("side", sa.String(4), nullable=False),
        sa.Column("kind", sa.String(30), nullable=False),
        sa.Column("price", ExactNumber),
        sa.Column("trigger_price", ExactNumber),
        sa.Column("size", ExactNumber, nullable=False),
        sa.Column("filled", ExactNumber, nullable=False),
        sa.Column("time_in_force", sa.String(3), nullable=False),
        sa.Column("reduce_only", sa.Boolean, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("code", sa.Integer),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_table(
        "orderfox_fills",
        _bot_key(),
        sa.Column("number", sa.BigInteger, primary_key=True),
        sa.Column("order", sa.BigInteger, nullable=False),
        sa.Column("time_us", sa.BigInteger, nullable=False),
        sa.Column("side", sa.String(4), nullable=False),
        sa.Column("price", ExactNumber, nullable=False),
        sa.Column("size", ExactNumber, nullable=False),
        sa.Column("fee", ExactNumber, nullable=False),
        sa.Column("maker", sa.Boolean, nullable=False),
        sa.Column("liquidation", sa.Boolean, nullable=False),
    )
    op.create_table(
        "orderfox_equity",
        _bot_key(),
        sa.Column("time_us", sa.BigInteger, primary_key=True),
        sa.Column("equity", ExactNumber, nullable=False),
        sa.Column("cash", ExactNumber, nullable=False),
        sa.Column("position", ExactNumber, nullable=False),
    )
    op.create_table(
        "orderfox_sessions",
        _bot_key(),
        sa.Column("saved_us", sa.BigInteger, nullable=False),
        sa.Column("snapshot", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    """Remove what bots traded."""
    for name in ("sessions", "equity", "fills", "orders"):
        op.drop_table(f"orderfox_{name}")
    for name in ("params", "strategy", "description", "venue"):
        op.drop_column("orderfox_bots", name)


def _bot_key() -> sa.Column[int]:
    key = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    return sa.Column("bot", key, sa.ForeignKey("orderfox_bots.number", ondelete="CASCADE"), primary_key=True)
