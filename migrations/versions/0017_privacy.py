"""privacy: versions of notices, consents, how long details are kept, erasures"""

import json
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision: str = "0017"
down_revision: str | None = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "privacy_notice",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cycle_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("texts", sa.JSON(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.String(200), nullable=False),
        sa.ForeignKeyConstraint(
            ["cycle_id"],
            ["cycle.id"],
            name=op.f("fk_privacy_notice_cycle_id_cycle"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_privacy_notice")),
        sa.UniqueConstraint("cycle_id", "version", name=op.f("uq_privacy_notice_cycle_id_version")),
    )
    op.create_index(op.f("ix_privacy_notice_cycle_id"), "privacy_notice", ["cycle_id"])
    op.create_table(
        "consent",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("enrolment_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("language", sa.String(2), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["enrolment_id"],
            ["enrolment.id"],
            name=op.f("fk_consent_enrolment_id_enrolment"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
    )
    op.create_index(op.f("ix_consent_enrolment_id"), "consent", ["enrolment_id"])
    op.create_table(
        "erasure",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cycle_id", sa.String(), nullable=True),
        sa.Column("scope", sa.String(12), nullable=False),
        sa.Column("recorded_by", sa.String(200), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["cycle_id"],
            ["cycle.id"],
            name=op.f("fk_erasure_cycle_id_cycle"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasure")),
    )
    op.create_index(op.f("ix_erasure_cycle_id"), "erasure", ["cycle_id"])
    op.create_index(op.f("ix_erasure_done_at"), "erasure", ["done_at"])
    op.create_table(
        "data_link",
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["person.id"],
            name=op.f("fk_data_link_person_id_person"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_link")),
    )
    op.create_index(op.f("ix_data_link_person_id"), "data_link", ["person_id"])
    op.create_index(op.f("ix_data_link_expires_at"), "data_link", ["expires_at"])
    with op.batch_alter_table("cycle", schema=None) as batch_op:
        batch_op.add_column(sa.Column("retention_months", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("retention_until", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(
            sa.Column("details_erased_at", sa.DateTime(timezone=True), nullable=True)
        )
    op.add_column("person", sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "enrolment",
        sa.Column("consent_language", sa.String(2), nullable=False, server_default=""),
    )
    _keep_what_is_known()


def _keep_what_is_known() -> None:
    """Of notices before, the newest text is known; of those who agreed, not in which language. A
    cycle without a text of its own has the house's from now on, which nobody has agreed to: that
    is another version."""
    connection, at = op.get_bind(), datetime.now(UTC)
    cycle = sa.table(
        "cycle",
        sa.column("id", sa.String),
        sa.column("privacy_notice", sa.JSON),
        sa.column("privacy_version", sa.Integer),
    )
    notice = sa.table(
        "privacy_notice",
        sa.column("id", sa.String),
        sa.column("created_at", sa.DateTime(timezone=True)),
        sa.column("cycle_id", sa.String),
        sa.column("version", sa.Integer),
        sa.column("texts", sa.JSON),
        sa.column("at", sa.DateTime(timezone=True)),
        sa.column("recorded_by", sa.String),
    )
    found = connection.execute(
        sa.select(cycle.c.id, sa.cast(cycle.c.privacy_notice, sa.Text), cycle.c.privacy_version)
    ).all()
    for cycle_id, text, version in found:
        texts = json.loads(text) if text else {}
        if any(texts.values()):
            connection.execute(
                sa.insert(notice).values(
                    id=cycle_id,  # as unique here as there
                    created_at=at,
                    cycle_id=cycle_id,
                    version=version,
                    texts=texts,
                    at=at,
                    recorded_by="",
                )
            )
        else:
            connection.execute(
                sa.update(cycle).where(cycle.c.id == cycle_id).values(privacy_version=version + 1)
            )
    connection.execute(
        sa.text(
            "INSERT INTO consent (id, created_at, enrolment_id, version, language, at) "
            "SELECT id, consent_at, id, consent_version, '', consent_at FROM enrolment "
            "WHERE consent_at IS NOT NULL"
        )
    )


def downgrade() -> None:
    with op.batch_alter_table("enrolment", schema=None) as batch_op:
        batch_op.drop_column("consent_language")
    with op.batch_alter_table("person", schema=None) as batch_op:
        batch_op.drop_column("erased_at")
    with op.batch_alter_table("cycle", schema=None) as batch_op:
        batch_op.drop_column("details_erased_at")
        batch_op.drop_column("retention_until")
        batch_op.drop_column("retention_months")
    op.drop_table("data_link")
    op.drop_table("erasure")
    op.drop_table("consent")
    op.drop_table("privacy_notice")
