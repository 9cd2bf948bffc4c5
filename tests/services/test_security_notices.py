"""Who owns an account is told what a thief would change too, and the trail has it."""

from collections.abc import Callable
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pyotp
import pytest
from sqlmodel import col, select

from app.db import Database, DbSession
from app.domain.account_changes import AccountChange
from app.mail.values import Sender
from app.models import AuditEntry, Message, OutsideIdentity, User
from app.models.trail import Doing, act_as, set_doing
from app.openid import Identity
from app.services import accounts, outside, second_factor, tokens
from app.services.links import Links
from app.worker.compose import compose
from tests.factories import NOW
from tests.services.at_once import in_the_midst

SENDER = Sender(name="Convoca", address="convoca@example.org")
PASSWORD = "three small green boats"
Deed = Callable[[DbSession, Links, User], object]


def _password(db: DbSession, _links: Links, user: User) -> None:
    accounts.set_password(db, user, PASSWORD)


def _turn_on(db: DbSession, links: Links, user: User) -> None:
    second_factor.begin(db, links, user)
    code = pyotp.TOTP(second_factor.pending(links, user)[0]).at(NOW)
    second_factor.confirm(db, links, user, code, NOW)


def _turn_off(db: DbSession, _links: Links, user: User) -> None:
    second_factor.turn_off(db, user)


def _codes(db: DbSession, _links: Links, user: User) -> None:
    second_factor.renew_recovery_codes(db, user)


def _outside(db: DbSession, _links: Links, _user: User) -> None:
    identity = Identity("https://id.example.net/realm", "olga", "olga@example.org", verified=True)
    for _ in range(2):  # the second time it is known
        outside.account_of(db, identity, NOW)


def _outside_ended(db: DbSession, _links: Links, user: User) -> None:
    issuer = "https://id.example.net/realm"
    row = OutsideIdentity(created_at=NOW, user_id=user.id, issuer=issuer, subject="olga")
    db.add(row)
    db.flush()
    for _ in range(2):  # the second time it has ended
        outside.disconnect(db, accounts.actor_of_user(db, user), row.id, NOW)


def _token(db: DbSession, _links: Links, user: User) -> None:
    actor = accounts.actor_of_user(db, user)
    tokens.create_token(db, actor, "Reports at www.evil.example", ["read"])


DEEDS: dict[AccountChange, tuple[Deed, str]] = {
    AccountChange.PASSWORD: (_password, "Your account has another password."),
    AccountChange.SECOND_STEP_ON: (_turn_on, "The second step of signing in was turned on."),
    AccountChange.SECOND_STEP_OFF: (_turn_off, "The second step of signing in was turned off."),
    AccountChange.CODES: (_codes, "New codes for paper were made; those from before end."),
    AccountChange.OUTSIDE: (
        _outside,
        "One can sign in to your account by way of id.example.net now.",
    ),
    AccountChange.OUTSIDE_ENDED: (
        _outside_ended,
        "One can no longer sign in to your account by way of id.example.net.",
    ),
    AccountChange.TOKEN: (
        _token,
        "A token was made with which a program acts in your name (Reports at).",
    ),
}


def _texts(mail: EmailMessage) -> list[str]:
    found = []
    for kind in ("plain", "html"):
        part = mail.get_body((kind,))
        assert part is not None
        found.append(" ".join(part.get_content().split()))
    return found


@pytest.mark.parametrize("change", AccountChange)
def test_the_owner_is_told_by_one_mail(
    db: DbSession, links: Links, change: AccountChange, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (accounts, second_factor, tokens):
        monkeypatch.setattr(module, "now", lambda: NOW)
    olga = accounts.add_user(db, "Olga Ruiz", "Olga@Example.org", language="en")
    deed, sentence = DEEDS[change]
    deed(db, links, olga)
    message = db.exec(select(Message)).one()
    assert (message.kind, message.to_address) == ("account-changed", "Olga@example.org")
    raw = compose(db, links, SENDER, message, NOW).raw
    mail = message_from_bytes(raw, EmailMessage, policy=default)
    assert mail["Subject"] == "Your account was changed"
    for text in _texts(mail):
        assert sentence in text
        assert "at 15:00 UTC. If it was you, there is nothing to do." in text
        assert links.url("/organize/account") in text
        assert "evil" not in text


def test_it_is_told_in_the_language_of_the_account(db: DbSession) -> None:
    for language, expected in (("pt", "pt"), ("", "en")):
        user = accounts.add_user(db, "Ana", f"ana-{language}@example.org", language=language)
        accounts.set_password(db, user, PASSWORD)
        told = select(Message.language).where(Message.to_address == user.email)
        assert db.exec(told).one() == expected


def test_what_two_end_at_once_is_told_once(
    real_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with real_database.begin(writes=True) as db:
        olga = accounts.add_user(db, "Olga Ruiz", "olga@example.org")
        actor = accounts.actor_of_user(db, olga)
        row = OutsideIdentity(created_at=NOW, user_id=olga.id, issuer="https://x", subject="olga")
        db.add(row)
        db.flush()

    def ends(db: DbSession) -> str:
        outside.disconnect(db, actor, row.id, NOW)
        return "done"

    place = (outside, "tell")
    assert in_the_midst(real_database, monkeypatch, place, ends, ends) == ["done", "done"]
    with real_database.begin(writes=False) as db:
        assert len(db.exec(select(Message)).all()) == 1


@pytest.mark.parametrize("change", AccountChange)
def test_what_is_not_done_is_not_told(
    database: Database, links: Links, change: AccountChange
) -> None:
    with database.begin(writes=True) as db:
        olga = accounts.add_user(db, "Olga Ruiz", "olga@example.org")
    with database.begin(writes=True) as db:
        DEEDS[change][0](db, links, db.get_one(User, olga.id))
        db.rollback()
    with database.begin(writes=False) as db:
        assert db.exec(select(Message)).all() == []


def test_the_trail_has_it_and_no_secret(database: Database, links: Links) -> None:
    with database.begin(writes=True) as db:
        olga = accounts.add_user(db, "Olga Ruiz", "olga@example.org")
    for deed in (_password, _password, _outside):
        with database.begin(writes=True) as db:
            set_doing(db, Doing("anybody", channel="page", deed="a_deed"))
            act_as(db, "organizer", olga.id, olga.name)
            deed(db, links, db.get_one(User, olga.id))
    with database.begin(writes=True) as db:
        [identity] = outside.identities_of(db, accounts.actor_of_user(db, olga))
        outside.disconnect(db, accounts.actor_of_user(db, olga), identity.id, NOW)
        assert db.exec(select(OutsideIdentity)).all() == []
    with database.begin(writes=False) as db:
        lines = db.exec(select(AuditEntry).order_by(col(AuditEntry.id))).all()[1:]
        said = [(each.noun, each.change, each.before, each.after) for each in lines]
        who = [each.actor_name for each in lines]
    about = {"user_id": olga.id, "issuer": "https://id.example.net/realm"}
    assert said == [
        ("user_account", "changed", {"password_hash": ""}, {"password_hash": "•••"}),
        ("user_account", "changed", {"password_hash": "•••"}, {"password_hash": "•••"}),
        ("outside_identity", "added", {}, about),
        ("outside_identity", "removed", about, {}),
    ]
    assert who == ["Olga Ruiz"] * 3 + [""]
