"""the room: words that rotate, and when people with parts came"""

import sqlalchemy as sa
from alembic import op

revision: str = "0013"
down_revision: str | None = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "part_arrival",
        sa.Column("guest_id", sa.String(), nullable=False),
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["guest_id"],
            ["guest.id"],
            name=op.f("fk_part_arrival_guest_id_guest"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["session.id"],
            name=op.f("fk_part_arrival_session_id_session"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("guest_id", "session_id", name=op.f("pk_part_arrival")),
    )
    with op.batch_alter_table("part_arrival", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_part_arrival_session_id"), ["session_id"], unique=False
        )

    # What it is found by when a session is watched; it serves what the narrower one served.
    op.create_index(
        op.f("ix_evidence_session_id_kind_at"), "evidence", ["session_id", "kind", "at"]
    )
    op.drop_index(op.f("ix_evidence_session_id"), table_name="evidence")

    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "check_in_word_rotates", sa.Boolean(), nullable=False, server_default=sa.false()
            )
        )


def downgrade() -> None:
    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.drop_column("check_in_word_rotates")

    op.create_index(op.f("ix_evidence_session_id"), "evidence", ["session_id"])
    op.drop_index(op.f("ix_evidence_session_id_kind_at"), table_name="evidence")

    with op.batch_alter_table("part_arrival", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_part_arrival_session_id"))

    op.drop_table("part_arrival")
