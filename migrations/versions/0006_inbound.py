"""inbound

Revision ID: 0006
Revises: 0005
Create Date: 2026-11-28 23:25:00

"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | Sequence[str] | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    with op.batch_alter_table("guest", schema=None) as batch_op:
        batch_op.add_column(sa.Column("aliases", sa.JSON(), nullable=False, server_default="[]"))

    with op.batch_alter_table("inbound_mail", schema=None) as batch_op:
        batch_op.add_column(sa.Column("digest", sa.String(64), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("shown", sa.JSON(), nullable=False, server_default="{}"))

    with op.batch_alter_table("invitation", schema=None) as batch_op:
        batch_op.add_column(sa.Column("answer_sent_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("invitation", schema=None) as batch_op:
        batch_op.drop_column("answer_sent_at")

    with op.batch_alter_table("inbound_mail", schema=None) as batch_op:
        batch_op.drop_column("shown")
        batch_op.drop_column("digest")

    with op.batch_alter_table("guest", schema=None) as batch_op:
        batch_op.drop_column("aliases")
