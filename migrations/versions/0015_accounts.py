"""accounts: second factor, changes of address, sign-ins at an OpenID provider, keys of addresses

Addresses are compared as RFC 5891 has domains from now on. Where two rows would get the same key by
that, the older one has it, and the other keeps the one that it had: it is found by nothing that
somebody types, and nobody reaches it who should not. How many there are is said.
"""

import hashlib
import logging
import unicodedata
from collections.abc import Callable

import sqlalchemy as sa
from alembic import op

revision: str = "0015"
down_revision: str | None = "0014"
branch_labels = None
depends_on = None

logger = logging.getLogger("alembic.convoca")


def upgrade() -> None:
    with op.batch_alter_table("user_account", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("totp_secret", sa.String(300), nullable=False, server_default="")
        )
        batch_op.add_column(sa.Column("totp_since", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(
            sa.Column("totp_step", sa.Integer(), nullable=False, server_default="0")
        )

    with op.batch_alter_table("sign_in", schema=None) as batch_op:
        batch_op.add_column(sa.Column("browser", sa.String(60), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("network", sa.String(45), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True))

    op.create_table(
        "recovery_code",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        _of_an_account("recovery_code"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_code")),
        sa.UniqueConstraint("user_id", "digest", name=op.f("uq_recovery_code_user_id_digest")),
    )

    op.create_table(
        "address_change",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("old_email", sa.String(254), nullable=False),
        sa.Column("new_email", sa.String(254), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        _of_an_account("address_change"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_address_change")),
    )
    op.create_index(op.f("ix_address_change_user_id"), "address_change", ["user_id"])

    op.create_table(
        "outside_identity",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("issuer", sa.String(400), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        _of_an_account("outside_identity"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outside_identity")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_outside_identity_issuer_subject")),
    )
    op.create_index(op.f("ix_outside_identity_user_id"), "outside_identity", ["user_id"])

    op.create_table(
        "outside_sign_in",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next", sa.String(500), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outside_sign_in")),
    )
    op.create_index(op.f("ix_outside_sign_in_expires_at"), "outside_sign_in", ["expires_at"])

    for table in ("user_account", "person"):
        _new_keys(table)


def _of_an_account(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["user_id"],
        ["user_account.id"],
        name=op.f(f"fk_{table}_user_id_user_account"),
        ondelete="CASCADE",
    )


def downgrade() -> None:
    for name in ("outside_sign_in", "outside_identity", "address_change", "recovery_code"):
        op.drop_table(name)
    with op.batch_alter_table("sign_in", schema=None) as batch_op:
        for column in ("seen_at", "network", "browser"):
            batch_op.drop_column(column)
    with op.batch_alter_table("user_account", schema=None) as batch_op:
        for column in ("totp_step", "totp_since", "totp_secret"):
            batch_op.drop_column(column)


def _new_keys(table: str) -> None:
    rows = sa.table(
        table,
        sa.column("id", sa.String),
        sa.column("email", sa.String),
        sa.column("email_key", sa.String),
        sa.column("created_at", sa.DateTime(timezone=True)),
    )
    connection = op.get_bind()
    by_age = sa.select(rows.c.id, rows.c.email, rows.c.email_key).where(
        rows.c.email_key.is_not(None)
    )
    found = connection.execute(by_age.order_by(rows.c.created_at, rows.c.id)).all()
    taken = {row.email_key for row in found}
    clashes = 0
    for row_id, email, key in found:
        if email is None or email.isascii():  # nearly all: what was the key is the key
            continue
        new = _key(email)
        if new == key:
            continue
        if new in taken:
            clashes += 1
            continue
        taken.add(new)
        connection.execute(rows.update().where(rows.c.id == row_id).values(email_key=new))
    if clashes:
        logger.warning("%s: %s addresses are the same as another row's", table, clashes)


def _key(address: str) -> str:
    """`app.domain.addresses.address_key` as it was when this was written. What is kept went
    through the check of addresses, which leaves no A-label in a domain."""
    local, at, domain = _settled(address, _plain).strip().rpartition("@")
    key = _settled(local, lambda text: _plain(text).casefold()) + at
    key += _settled(domain, lambda text: _plain(text).lower())
    if len(key) <= 254:
        return key
    return f"{key[:189]}#{hashlib.sha256(key.encode()).hexdigest()}"


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def _settled(text: str, change: Callable[[str], str]) -> str:
    for _ in range(8):
        before, text = text, change(text)
        if text == before:
            break
    return text
