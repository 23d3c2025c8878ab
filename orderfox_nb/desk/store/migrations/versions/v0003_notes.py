"""Why a bot was stopped."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add notes to bots."""
    op.add_column("orderfox_bots", sa.Column("note", sa.Text, nullable=False, server_default=""))


def downgrade() -> None:
    """Remove them."""
    op.drop_column("orderfox_bots", "note")
