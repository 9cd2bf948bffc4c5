"""Another address for an account: who confirms it, who is told, who can undo it."""

import re
from collections.abc import Callable
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pyotp
import pytest
from sqlmodel import col, select

from app.db import DbSession
from app.domain.errors import Clash, Gone, Invalid, NotFound
from app.domain.permissions import Role
from app.mail.failures import SendError
from app.mail.values import Sender
from app.models import (
    AddressChange,
    ApiToken,
    AuditEntry,
    Message,
    OutsideIdentity,
    SignIn,
    SignInLink,
    User,
)
from app.models import now as present
from app.schemas.team import AccountInvitationIn, TeamInvitationIn
from app.services import accounts, address_changes, installation, second_factor, teams, tokens
from app.services.actor import SYSTEM, AccountStanding
from app.services.links import Links, Purpose
from app.services.sign_ins import end_others
from app.worker.compose import compose
from tests.factories import NOW, Make

SENDER = Sender(name="Convoca", address="convoca@example.org")
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def olga(db: DbSession) -> User:
    return accounts.add_user(db, "Olga Ruiz", "olga@example.org", language="en")


def _mails(db: DbSession) -> list[tuple[str, str]]:
    return [(m.kind, m.to_address) for m in db.exec(select(Message).order_by(col(Message.id)))]


def _text(db: DbSession, links: Links, message: Message) -> tuple[str, str]:
    raw = compose(db, links, SENDER, message, NOW).raw
    mail = message_from_bytes(raw, EmailMessage, policy=default)
    plain = mail.get_body(("plain",))
    assert plain is not None
    return mail["Subject"], plain.get_content()


def _asked(db: DbSession, user: User, email: str = "new@example.org") -> AddressChange:
    email = address_changes.ask(db, user, email, NOW)
    return db.exec(select(AddressChange).where(AddressChange.new_email == email)).one()


def _to_new(links: Links, change: AddressChange) -> str:
    return links.token(Purpose.NEW_ADDRESS, change.id)


def _to_old(links: Links, change: AddressChange) -> str:
    return links.token(Purpose.OLD_ADDRESS, change.id)


def test_the_new_mailbox_confirms_and_the_old_one_is_told(
    db: DbSession, links: Links, olga: User
) -> None:
    accounts.request_link(db, olga.email, NOW)
    change = _asked(db, olga, "New@Example.org")
    assert (olga.email, olga.email_key) == ("olga@example.org", "olga@example.org")
    assert _mails(db)[1:] == [("new-address", "New@example.org")]
    address_changes.confirm(db, links, _to_new(links, change), LATER)
    assert (olga.email, olga.email_key) == ("New@example.org", "new@example.org")
    assert _mails(db)[2:] == [("address-changed", "olga@example.org")]
    assert accounts.find_user(db, "olga@example.org") is None
    link_id = db.exec(select(SignInLink.id)).one()
    with pytest.raises(Gone):  # it lies in the old mailbox
        accounts.use_link(db, links, links.token(Purpose.SIGN_IN, link_id), NOW)


def test_the_mails_say_what_happens_and_lead_to_it(db: DbSession, links: Links, olga: User) -> None:
    change = _asked(db, olga)
    asking = db.exec(select(Message)).one()
    subject, text = _text(db, links, asking)
    assert subject == "Confirm your new address"
    assert re.findall(r"http\S+", text) == [address_changes.confirm_link(links, change.id)]
    address_changes.confirm(db, links, _to_new(links, change), NOW)
    with pytest.raises(SendError):
        compose(db, links, SENDER, asking, NOW)
    telling = db.exec(select(Message).where(Message.kind == "address-changed")).one()
    subject, text = _text(db, links, telling)
    assert subject == "Your address was changed"
    assert re.findall(r"http\S+", text) == [address_changes.undo_link(links, change.id)]
    with pytest.raises(SendError):
        compose(db, links, SENDER, telling, NOW + address_changes.UNDO_WITHIN)


@pytest.mark.parametrize("email", ["", "ana", "a@b@c", "ａna@example.org", "a\0@example.org"])
def test_what_is_no_address(db: DbSession, olga: User, email: str) -> None:
    with pytest.raises(Invalid) as error:
        address_changes.ask(db, olga, email, NOW)
    assert [(f.field, f.code) for f in error.value.fields] == [("email", "email")]
    with pytest.raises(Invalid) as error:
        address_changes.ask(db, olga, " olga@EXAMPLE.org", NOW)
    assert [(f.field, f.code) for f in error.value.fields] == [("email", "same")]


@pytest.mark.parametrize("spelt", ["other@example.org", "OTHER@example.org"])
def test_who_has_an_account_is_not_told(db: DbSession, olga: User, spelt: str) -> None:
    accounts.add_user(db, "Other", "other@example.org")
    assert address_changes.ask(db, olga, spelt, NOW).lower() == "other@example.org"
    assert _mails(db) == []
    assert db.exec(select(AddressChange)).all() == []


def test_only_the_newest_can_be_confirmed(db: DbSession, links: Links, olga: User) -> None:
    first = _to_new(links, _asked(db, olga, "one@example.org"))
    second = _to_new(links, _asked(db, olga, "two@example.org"))
    with pytest.raises(NotFound):
        address_changes.confirm(db, links, first, NOW)
    address_changes.confirm(db, links, second, NOW)
    with pytest.raises(Gone) as error:
        address_changes.confirm(db, links, second, NOW)
    assert error.value.code == "used"
    assert olga.email == "two@example.org"


def _new_password(db: DbSession, links: Links, user: User) -> None:
    accounts.set_password(db, user, "three small green boats", keep_cookie="mine")


def _second_step(db: DbSession, links: Links, user: User) -> None:
    second_factor.begin(db, links, user)
    code = pyotp.TOTP(second_factor.pending(links, user)[0]).at(NOW)
    second_factor.confirm(db, links, user, code, NOW, keep_cookie="mine")


def _signed_out_by_an_administrator(db: DbSession, links: Links, user: User) -> None:
    installation.end_sign_ins(db, accounts.actor_of_user(db, user), user.id)


def _signed_out(db: DbSession, links: Links, user: User) -> None:
    end_others(db, user.id, "mine")


def _that_browser_signed_out(db: DbSession, links: Links, user: User) -> None:
    theirs = accounts.start_sign_in(db, user.id, NOW)
    accounts.end_sign_in(db, accounts.actor_of_user(db, user), tokens.digest(theirs))


_DEEDS = [
    *(_new_password, _second_step, _signed_out_by_an_administrator, _signed_out),
    _that_browser_signed_out,
]


@pytest.mark.parametrize("deed", _DEEDS)
def test_what_a_thief_has_begun_ends_with_the_thiefs_sign_in(
    db: DbSession, links: Links, olga: User, deed: Callable[[DbSession, Links, User], None]
) -> None:
    """Who had the password for a while must not take the account once it is another."""
    theirs = _asked(db, olga, "thief@example.org")
    link = accounts.new_link(db, links, olga, present()).rpartition("/")[2]
    token = _to_new(links, theirs)
    deed(db, links, olga)
    db.expire_all()  # another request
    with pytest.raises(NotFound):
        address_changes.confirm(db, links, token, NOW)
    with pytest.raises(Gone):
        accounts.use_link(db, links, link, present())
    assert olga.email == "olga@example.org"


def test_a_link_is_good_for_a_day(db: DbSession, links: Links, olga: User) -> None:
    token = _to_new(links, _asked(db, olga))
    with pytest.raises(Gone):
        address_changes.confirm(db, links, token, NOW + timedelta(days=1))
    assert olga.email == "olga@example.org"


def test_links_are_for_one_purpose(db: DbSession, links: Links, olga: User) -> None:
    change = _asked(db, olga)
    for wrong in (_to_old(links, change), links.token(Purpose.SIGN_IN, change.id), "x", "a\0"):
        with pytest.raises(NotFound):
            address_changes.confirm(db, links, wrong, NOW)
    address_changes.confirm(db, links, _to_new(links, change), NOW)
    with pytest.raises(NotFound):
        address_changes.undo(db, links, _to_new(links, change), NOW)


def test_an_address_that_became_anothers(db: DbSession, links: Links, olga: User) -> None:
    change = _asked(db, olga)
    accounts.add_user(db, "Faster", "NEW@example.org")
    db.commit()
    with pytest.raises(Clash) as error:
        address_changes.confirm(db, links, _to_new(links, change), NOW)
    assert error.value.code == "taken"


def test_undone_it_is_as_after_a_break_in(db: DbSession, links: Links, olga: User) -> None:
    olga.password_hash = "known to the thief"
    old_token, _ = tokens.create_token(db, accounts.actor_of_user(db, olga), "x", ["read"])
    old_token.created_at = NOW - timedelta(days=30)
    second_factor.begin(db, links, olga)
    olga.totp_since = NOW - timedelta(minutes=5)  # with this the thief began
    change = _asked(db, olga)
    address_changes.confirm(db, links, _to_new(links, change), NOW)
    accounts.start_sign_in(db, olga.id, LATER)
    new_token, _ = tokens.create_token(db, accounts.actor_of_user(db, olga), "y", ["read"])
    new_token.created_at = LATER
    db.add(OutsideIdentity(user_id=olga.id, issuer="https://x", subject="y", created_at=LATER))
    for name, at in (("early", NOW - timedelta(days=3)), ("late", LATER)):
        asked = AccountInvitationIn(email=f"{name}@example.org", standing=AccountStanding.MEMBER)
        installation.invite_account(db, SYSTEM, asked, at).invited_by_id = olga.id
    into = TeamInvitationIn(email="friend@example.org", role=Role.VIEWER)
    cycle_id = Make(db).cycle().id
    teams.invite(db, SYSTEM, cycle_id, into, LATER).invited_by_id = olga.id
    further = _asked(db, olga, "further@example.org")
    further.created_at = LATER
    address_changes.confirm(db, links, _to_new(links, further), LATER)
    address_changes.undo(db, links, _to_old(links, change), NOW + timedelta(days=6))
    db.refresh(olga)
    assert (olga.email, olga.password_hash) == ("olga@example.org", "")
    assert not second_factor.is_on(olga)
    assert db.exec(select(SignIn)).all() == []
    assert db.exec(select(OutsideIdentity)).all() == []
    for row in (old_token, new_token):
        db.refresh(row)
    assert [t.revoked_at is None for t in (old_token, new_token)] == [True, False]
    assert len(db.exec(select(ApiToken)).all()) == 2
    left = [
        *installation.open_invitations(db, SYSTEM, LATER),
        *teams.open_invitations(db, SYSTEM, cycle_id, LATER),
    ]
    assert [each.email for each in left] == ["early@example.org"]
    for again in (change, further):  # the thief's mailbox undoes nothing
        with pytest.raises(Gone):
            address_changes.undo(db, links, _to_old(links, again), NOW + timedelta(days=6))


def test_a_token_that_ends_with_a_change_that_is_undone_is_in_the_trail(
    db: DbSession, links: Links, olga: User
) -> None:
    change = _asked(db, olga)
    address_changes.confirm(db, links, _to_new(links, change), NOW)
    token, _ = tokens.create_token(db, accounts.actor_of_user(db, olga), "y", ["read"])
    token.created_at = LATER
    db.commit()
    address_changes.undo(db, links, _to_old(links, change), LATER)
    db.commit()
    line = select(AuditEntry.after).where(
        AuditEntry.row_id == token.id, AuditEntry.change == "changed"
    )
    assert db.exec(line).all() == [{"revoked_at": LATER.isoformat()}]


def test_what_was_set_up_long_before_stays(db: DbSession, links: Links, olga: User) -> None:
    second_factor.begin(db, links, olga)
    olga.totp_since = NOW - timedelta(days=30)
    change = _asked(db, olga)
    address_changes.confirm(db, links, _to_new(links, change), NOW)
    address_changes.undo(db, links, _to_old(links, change), LATER)
    assert second_factor.is_on(olga)


def test_after_seven_days_it_stays(db: DbSession, links: Links, olga: User) -> None:
    change = _asked(db, olga)
    token = _to_old(links, change)
    with pytest.raises(NotFound):  # not confirmed: there is nothing to undo
        address_changes.undo(db, links, token, NOW)
    address_changes.confirm(db, links, _to_new(links, change), NOW)
    with pytest.raises(Gone):
        address_changes.undo(db, links, token, NOW + timedelta(days=7))
    assert olga.email == "new@example.org"
