"""A new address for an account: confirmed from the new mailbox, told to the old one, which can undo
it for some days. Nothing is written to but the addresses that are kept here."""

from datetime import datetime, timedelta

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from app.db import DbSession
from app.domain.addresses import address_key
from app.domain.errors import N_, Clash, Gone, Invalid, NotFound
from app.domain.text import LANGUAGES
from app.models import AddressChange, ApiToken, OutsideIdentity, User
from app.models.trail import act_as
from app.schemas.types import Email
from app.services import outbox, second_factor
from app.services.account_rows import find_user, hold_user
from app.services.links import Links, Purpose
from app.services.rows import changes_one
from app.services.sign_in_links import end_links
from app.services.sign_ins import end_others, end_unconfirmed
from app.services.team_invitations import end_asked_since

CONFIRM_WITHIN = timedelta(hours=24)
UNDO_WITHIN = timedelta(days=7)
SUSPECT_BEFORE = timedelta(days=1)
"""What was set up so long before a change that is undone goes with it: whoever breaks in may have
begun with that."""


def ask(db: DbSession, user: User, new_email: str, now: datetime) -> str:
    """Mails a link to the new address, which makes it the account's; the address as it is kept.
    Where it is another account's nothing is mailed, and nothing is said of that: who has an account
    is nobody's business. What was asked for before ends.

    Raises Invalid: at ``email``: no address, or the one that the account has.
    """
    try:
        email: str = TypeAdapter(Email).validate_python(new_email.strip())
    except ValidationError:
        sentence = N_("This does not look like an e-mail address, such as ana@example.org.")
        raise Invalid.one("email", sentence, code="email") from None
    if email == user.email:
        raise Invalid.one("email", N_("This is your address already."), code="same")
    hold_user(db, user.id)
    end_unconfirmed(db, user.id)
    owner = find_user(db, email)
    if owner is not None and owner.id != user.id:
        return email
    change = AddressChange(
        user_id=user.id,
        old_email=user.email,
        new_email=email,
        created_at=now,
        expires_at=now + CONFIRM_WITHIN,
    )
    db.add(change)
    db.flush()
    _queue(db, outbox.NEW_ADDRESS, user, change, email, now)
    return email


def _queue(
    db: DbSession, kind: str, user: User, change: AddressChange, address: str, now: datetime
) -> None:
    outbox.enqueue(
        db,
        kind=kind,
        intent=f"{kind}:{change.id}",
        to_name=user.name,
        to_address=address,
        language=user.language or LANGUAGES[0],
        context={"change_id": change.id},
        expires_at=change.expires_at,
        now=now,
    )


def confirm_link(links: Links, change_id: str) -> str:
    """Where the mail to the new address leads."""
    return links.url(f"/organize/address/{links.token(Purpose.NEW_ADDRESS, change_id)}")


def undo_link(links: Links, change_id: str) -> str:
    """Where the mail to the old address leads."""
    return links.url(f"/organize/address/undo/{links.token(Purpose.OLD_ADDRESS, change_id)}")


def to_confirm(db: DbSession, links: Links, token: str, now: datetime) -> AddressChange:
    """What a link from the new mailbox would do; changes nothing.

    Raises:
        NotFound: not a link of ours, or something else was asked for since.
        Gone: used (``used``), or expired.
    """
    change = db.get(AddressChange, links.read(Purpose.NEW_ADDRESS, token)[0])
    if change is None:
        raise NotFound
    if change.confirmed_at is not None:
        raise Gone(N_("This address was confirmed already."), code="used")
    if change.expires_at <= now:
        raise Gone(N_("This link has expired. Ask for the change again on your account's page."))
    return change


def confirm(db: DbSession, links: Links, token: str, now: datetime) -> AddressChange:
    """Makes the new address the account's. The old one is told, and sign-in links that lie in that
    mailbox end. Of two at once one does it.

    Raises:
        NotFound, Gone: as `to_confirm`.
        Clash: ``taken``: it has become another account's.
    """
    change = to_confirm(db, links, token, now)
    hold_user(db, change.user_id)
    undo_until = now + UNDO_WITHIN
    open_one = (col(AddressChange.id) == change.id, col(AddressChange.confirmed_at).is_(None))
    statement = update(AddressChange).where(*open_one)
    if not changes_one(db, statement.values(confirmed_at=now, expires_at=undo_until)):
        raise Gone(N_("This address was confirmed already."), code="used")
    db.refresh(change)
    user = db.get_one(User, change.user_id)
    act_as(db, "organizer", user.id, user.name)
    _move(db, user, change.new_email)
    end_links(db, user.id, now)
    _queue(db, outbox.ADDRESS_CHANGED, user, change, change.old_email, now)
    return change


def to_undo(db: DbSession, links: Links, token: str, now: datetime) -> AddressChange:
    """What a link from the old mailbox would undo; changes nothing.

    Raises:
        NotFound: not a link of ours.
        Gone: done already (``used``), or too late.
    """
    change = db.get(AddressChange, links.read(Purpose.OLD_ADDRESS, token)[0])
    if change is None or change.confirmed_at is None:
        raise NotFound
    if change.undone_at is not None:
        raise Gone(N_("This change was undone already."), code="used")
    if change.expires_at <= now:
        raise Gone(N_("This can no longer be undone here. Write to whoever runs this Convoca."))
    return change


def undo(db: DbSession, links: Links, token: str, now: datetime) -> AddressChange:
    """Gives the account back to the old address, as after a break-in: every sign-in and the
    password end, and so does what was set up since or shortly before (second step, sign-in
    elsewhere, tokens, open invitations). Its owner signs in by a link to the old address.

    Raises:
        NotFound, Gone: as `to_undo`.
        Clash: ``taken``: the old address has become another account's.
    """
    change = to_undo(db, links, token, now)
    hold_user(db, change.user_id)
    done = (col(AddressChange.id) == change.id, col(AddressChange.undone_at).is_(None))
    if not changes_one(db, update(AddressChange).where(*done).values(undone_at=now)):
        raise Gone(N_("This change was undone already."), code="used")
    db.refresh(change)
    user = db.get_one(User, change.user_id)
    act_as(db, "organizer", user.id, user.name)
    user.password_hash = ""
    _move(db, user, change.old_email)
    since = change.created_at - SUSPECT_BEFORE
    if user.totp_since is not None and user.totp_since > since:
        second_factor.turn_off(db, user)
    end_others(db, user.id)
    db.connection().execute(
        delete(OutsideIdentity).where(
            col(OutsideIdentity.user_id) == user.id, col(OutsideIdentity.created_at) > since
        )
    )
    made_since = (col(ApiToken.user_id) == user.id, col(ApiToken.created_at) > since)
    tokens = select(ApiToken).where(*made_since).order_by(col(ApiToken.id)).with_for_update()
    for each in db.exec(tokens).all():
        each.revoked_at = now  # by way of the row, so that the trail has it
    end_asked_since(db, user.id, since, now)
    later = select(AddressChange).where(
        AddressChange.user_id == user.id,
        AddressChange.id != change.id,
        col(AddressChange.created_at) >= change.created_at,
        col(AddressChange.undone_at).is_(None),
    )
    for row in db.exec(later):  # what the thief's own mailbox could undo
        row.undone_at = now
        db.add(row)
    db.flush()
    return change


def _move(db: DbSession, user: User, email: str) -> None:
    taken = Clash(N_("There is another account with this address by now."), code="taken")
    owner = find_user(db, email)
    if owner is not None and owner.id != user.id:
        raise taken
    try:
        with db.begin_nested():
            user.email, user.email_key = email, address_key(email)
            db.add(user)
    except IntegrityError:
        raise taken from None
