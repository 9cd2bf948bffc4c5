"""Two cycles of two teams, somebody of each kind, and a way to ask without leaving a trace."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from sqlalchemy import Connection, Transaction
from sqlmodel import select

from app.db import Database, DbSession
from app.domain.permissions import AccountStanding, Permission, Role, Scope
from app.models import (
    ApiToken,
    Enrolment,
    Guest,
    InboundMail,
    Invitation,
    Message,
    Part,
    Reminder,
    SignIn,
    TeamInvitation,
    TeamMember,
    User,
    Webhook,
    WebhookDelivery,
    WebhookEvent,
    now,
)
from app.services.links import Links, Purpose
from app.web.access.gate import declared
from tests.api.seeded import Seeded, seed

VISITORS = (
    "nobody",
    "participant",
    "speaker",
    "stranger",
    "viewer",
    "desk",
    "editor",
    "owner",
    "administrator",
)
"""Who comes: without an account; a participant and a speaker with their links; the owner of another
cycle; the four roles; an administrator."""


class Forgetful(Database):
    """A database in which everything is done and nothing kept, so that all can be asked of one
    world."""

    @staticmethod
    def _commit(transaction: DbSession | Transaction, connection: Connection) -> None:
        transaction.rollback()


@dataclass(frozen=True)
class World:
    """Ids and links of the cycle that is asked about (`mine`), and of another."""

    mine: Seeded
    other: Seeded
    cookies: dict[str, str]
    bearers: dict[str, str]
    more: dict[str, str]
    others_more: dict[str, str]

    def values(self, *, other: bool = False) -> dict[str, str]:
        """What stands in addresses, by name."""
        seeded, more = (self.other, self.others_more) if other else (self.mine, self.more)
        return {**vars(seeded), **more}


def build_world(database: Database, links: Links) -> World:
    """Both cycles, published, with somebody of each kind."""
    mine, other = seed(database, published=True), seed(database, published=True, number=1_000)
    cookies, bearers = {}, {}
    with database.begin(writes=True) as db:
        for visitor in VISITORS[3:]:
            cookies[visitor], bearers[visitor] = _account(db, visitor, mine, other)
        my = db.exec(select(Enrolment).where(Enrolment.id == mine.enrolment_id)).one()
        more, theirs = _more(db, links, mine, 1), _more(db, links, other, 2)
        cookies["participant"] = bearers["participant"] = links.token(Purpose.MY, my.id)
        cookies["speaker"] = bearers["speaker"] = more["part_token"]
    return World(mine, other, cookies, bearers, more, theirs)


def _account(db: DbSession, visitor: str, mine: Seeded, other: Seeded) -> tuple[str, str]:
    standing = {
        "administrator": AccountStanding.ADMINISTRATOR,
        "stranger": AccountStanding.ORGANIZER,
    }
    user = User(
        name=visitor.title(),
        email=f"{visitor}@example.org",
        email_key=f"{visitor}@example.org",
        standing=standing.get(visitor, AccountStanding.MEMBER),
    )
    db.add(user)
    db.flush()
    cycle_id, role = mine.cycle_id, visitor
    if visitor == "stranger":
        cycle_id, role = other.cycle_id, Role.OWNER
    if visitor != "administrator":
        db.add(TeamMember(cycle_id=cycle_id, user_id=user.id, role=role))
    cookie, bearer = f"cookie-of-{visitor}", f"convoca_{visitor}"
    ends = now() + timedelta(days=1)
    db.add(SignIn(id=_digest(cookie), user_id=user.id, expires_at=ends))
    scopes = [scope.value for scope in Scope]
    db.add(ApiToken(user_id=user.id, name="x", digest=_digest(bearer), scopes=scopes))
    db.flush()
    return cookie, bearer


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _more(db: DbSession, links: Links, seeded: Seeded, number: int) -> dict[str, str]:
    """What else stands in addresses: rows that `seed` does not make, and links."""
    guest = Guest(cycle_id=seeded.cycle_id, person_id=seeded.person_id)
    owner = TeamMember.role == Role.OWNER
    member = db.exec(select(TeamMember).where(TeamMember.cycle_id == seeded.cycle_id, owner)).one()
    reminder = Reminder(cycle_id=seeded.cycle_id, anchor="start", minutes=60, audience="all")
    message = Message(
        intent=f"test:{number}",
        message_id=f"m{number}",
        kind="enrolment-link",
        cycle_id=seeded.cycle_id,
        to_name="Ana",
        to_address="ana@example.org",
        language="en",
        context={"enrolment_id": seeded.enrolment_id},
        status="failed",
    )
    inbound = InboundMail(
        key=f"<{number}@example.org>",
        cycle_id=seeded.cycle_id,
        sender="ana@example.org",
        subject="No",
        kind="other",
        status="open",
        raw=b"From: ana@example.org\r\n\r\nNo.\r\n",
    )
    asked = TeamInvitation(
        cycle_id=seeded.cycle_id,
        email="new@example.org",
        email_key=f"new{number}@example.org",
        role=Role.EDITOR,
        expires_at=now() + timedelta(days=1),
    )
    asked_in = TeamInvitation(
        email="account@example.org",
        email_key=f"account{number}@example.org",
        standing=AccountStanding.MEMBER,
        expires_at=now() + timedelta(days=1),
    )
    webhook = Webhook(cycle_id=seeded.cycle_id, address="https://example.org/hook", seed="x")
    event = WebhookEvent(cycle_id=seeded.cycle_id, key=f"k{number}", type="release.published")
    db.add_all((webhook, event))
    db.flush()
    delivery = WebhookDelivery(webhook_id=webhook.id, event_id=event.id, status="delivered")
    part = db.exec(select(Part).where(Part.session_id == seeded.session_id)).one()
    invitation = db.exec(select(Invitation).where(Invitation.id == seeded.invitation_id)).one()
    for row in (guest, reminder, message, inbound, asked, asked_in, delivery):
        db.add(row)
    db.flush()
    return {
        "number": "1",
        "file_kind": "csv",
        "status": "withdrawn",
        "kind": "enrolment-confirmed",
        "language": "en",
        "reminder_id": reminder.id,
        "message_id": message.id,
        "mail_id": inbound.id,
        "user_id": member.user_id,
        "guest_id": invitation.guest_id,
        "webhook_id": webhook.id,
        "delivery_id": delivery.id,
        "version": "1",
        "part_id": part.id,
        "team_invitation_id": asked.id,
        "account_invitation_id": asked_in.id,
        "join_token": links.token(Purpose.TEAM, asked.id),
        "token": links.token(Purpose.MY, seeded.enrolment_id),
        "part_token": links.token(Purpose.PART, guest.id),
        "feed_token": links.token(Purpose.FEED, seeded.enrolment_id),
    }


@dataclass(frozen=True)
class Way:
    """A method at a path, and the permissions that it declares."""

    method: str
    path: str
    name: str
    permissions: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def is_api(self) -> bool:
        """Whether programs ask here."""
        return self.path.startswith("/api/")


def ways_of(app: FastAPI) -> list[Way]:
    """Every route of the application; HEAD is GET without the body."""
    return [*_ways(app)]


def _ways(app: FastAPI) -> Iterator[Way]:
    for route in iter_route_contexts(app.routes):
        endpoint: Any = getattr(route, "endpoint", None)
        found = {*declared(getattr(route, "dependant", None))}
        own: Permission | None = getattr(endpoint, "permission", None)
        found |= {own} if own else set()
        found |= {Permission.PUBLIC} if route.path == app.openapi_url else set()  # FastAPI's own
        path = str(route.path).replace(":slug}", "}").replace(":number}", "}")
        name = str(getattr(endpoint, "__name__", ""))
        for method in sorted((route.methods or set()) - {"HEAD"}):
            yield Way(method, path, name, tuple(sorted(found)))


@contextmanager
def forgetful(url: str) -> Iterator[Forgetful]:
    """A forgetful database at this address."""
    database = Forgetful(url)
    try:
        yield database
    finally:
        database.close()
