"""Parts that clients put into the bucket themselves, by an address that may still be good."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("part", sa.Column("addressed_until", sa.BigInteger))
