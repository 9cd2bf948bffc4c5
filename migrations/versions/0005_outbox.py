"""outbox"""

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels = None
depends_on = None

_SOME_MESSAGES = {
    "ix_message_expiring": (["expires_at", "id"], "status = 'queued'"),
    "ix_message_single": (
        ["due_at", "id"],
        "status = 'queued' AND kind <> 'invitation' AND kind <> 'invitation-update'",
    ),
}
# Of an invitation it is the SEQUENCE.
_RANKS = {
    "sqlite": "UPDATE message SET rank = json_extract(context, '$.sequence') "
    "WHERE lane <> '' AND json_extract(context, '$.sequence') IS NOT NULL",
    "postgresql": "UPDATE message SET rank = CAST(context ->> 'sequence' AS integer) "
    "WHERE lane <> '' AND context ->> 'sequence' IS NOT NULL",
}


def upgrade() -> None:
    # Not in a batch, which would make the table anew and forget what its indexes are for.
    op.add_column("message", sa.Column("rank", sa.Integer(), nullable=False, server_default="0"))
    op.create_index("ix_message_written", "message", ["created_at", "id"])
    for name, (columns, condition) in _SOME_MESSAGES.items():
        where = sa.text(condition)
        op.create_index(name, "message", columns, sqlite_where=where, postgresql_where=where)
    op.execute(_RANKS[op.get_bind().dialect.name])

    op.add_column("mail_pace", sa.Column("pause", sa.String(16), nullable=False, server_default=""))
    op.add_column(
        "mail_pace", sa.Column("detail", sa.String(500), nullable=False, server_default="")
    )
    op.add_column("mail_pace", sa.Column("since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("mail_pace", sa.Column("until", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    for name in ("until", "since", "detail", "pause"):
        op.drop_column("mail_pace", name)
    for name in ("ix_message_written", *_SOME_MESSAGES):
        op.drop_index(name, table_name="message")
    op.drop_column("message", "rank")
