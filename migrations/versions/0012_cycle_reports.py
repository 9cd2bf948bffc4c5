"""cycle reports

Revision ID: 0012
Revises: 0011
Create Date: 2026-11-29 11:00:00

"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0012"
down_revision: str | Sequence[str] | None = "0011"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column(
        "cycle", sa.Column("asks_gender", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("enrolment", sa.Column("gender", sa.String(8), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("enrolment", schema=None) as batch_op:
        batch_op.drop_column("gender")
    with op.batch_alter_table("cycle", schema=None) as batch_op:
        batch_op.drop_column("asks_gender")
