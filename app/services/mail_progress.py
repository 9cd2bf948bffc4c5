"""How far mails have got, when they will have gone, and why they do not go."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import col, func, select

from app.db import DbSession
from app.models import MailPace, Message
from app.services.mail_limits import Limits, free_from, of_the_hour

HOUR = "hour"
"""The pause where an hour's number of mails is reached."""
_LATELY = timedelta(minutes=5)
_BELIEVED = timedelta(minutes=2)  # after its end a pause is not said any more


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing goes now. `why`: a reason of `mail.failures`, HOUR, or empty where nobody knows:
    perhaps no worker runs. `since` is when that began, `until` when it is tried again."""

    why: str
    detail: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far mails have got. What was replaced before it went is not counted; `failed` includes
    those that came back. `per_minute` is the pace of late; `ends_at` is when all will have gone, by
    that pace, by what the server takes in an hour and by when each is tried again: None where
    nothing waits, or nobody can say."""

    total: int
    sent: int
    waiting: int
    failed: int
    expired: int
    per_minute: float
    ends_at: datetime | None
    pause: Pause | None = None


def progress(
    db: DbSession,
    cycle_id: str,
    release_number: int | None,
    now: datetime,
    limits: Limits | None = None,
) -> Progress:
    """Of the mails that tell of a release, or None: of all mails of the cycle. Two queries; two
    more where something waits and `limits`, what goes over the server, are given."""
    mine: list[Any] = [Message.cycle_id == cycle_id]
    if release_number is not None:
        mine.append(Message.release_number == release_number)
    by_status: Any = (
        select(Message.status, func.count(), func.max(Message.due_at))
        .where(*mine)
        .group_by(Message.status)
    )
    found = db.exec(by_status).all()
    count = {status: number for status, number, _ in found}
    last_due = next((due for status, _, due in found if status == "queued"), None)
    waiting = count.get("queued", 0)
    lately = select(func.count(), func.min(Message.sent_at)).where(
        *mine, col(Message.sent_at) > now - _LATELY
    )
    moved, since = db.exec(lately).one()
    per_minute = 0.0
    if since is not None:
        per_minute = moved * timedelta(minutes=1) / max(now - since, timedelta(seconds=1))
    pause, ends_at = None, None
    if waiting:
        ends_at = now + timedelta(minutes=waiting / per_minute) if per_minute else None
        if limits is not None:
            pause, ends_at = _on_the_way(db, limits, now, waiting, ends_at)
        if ends_at is not None and last_due is not None:
            ends_at = max(ends_at, last_due)
    return Progress(
        total=sum(count.values()) - count.get("superseded", 0),
        sent=count.get("sent", 0),
        waiting=waiting,
        failed=count.get("failed", 0) + count.get("bounced", 0),
        expired=count.get("expired", 0),
        per_minute=per_minute,
        ends_at=ends_at,
        pause=pause,
    )


def _on_the_way(
    db: DbSession, limits: Limits, now: datetime, waiting: int, ends_at: datetime | None
) -> tuple[Pause | None, datetime | None]:
    """Why nothing goes now, and when what waits will have gone by what the server takes. What
    waits for others goes over it too."""
    queued = select(func.count(), func.min(Message.due_at)).where(Message.status == "queued")
    everything, first_due = db.exec(queued).one()
    row = db.exec(select(MailPace).where(MailPace.server == limits.server)).one_or_none()
    pause = _pause(row, now, first_due)
    if pause is None and ends_at is None and first_due is not None and first_due < now - _LATELY:
        pause = Pause("", since=first_due)
    if pause is not None and pause.why != HOUR:
        return pause, None  # nobody knows for how long
    if limits.per_second is not None:
        quickest = now + timedelta(seconds=waiting / limits.per_second)
        ends_at = quickest if ends_at is None else max(ends_at, quickest)
    allowed = limits.each_hour()
    if allowed is not None:
        recent = {int(minute): n for minute, n in row.recent.items()} if row else {}
        recent = of_the_hour(recent, now)
        beyond = everything - max(0, allowed - sum(recent.values()))
        if beyond > 0:
            again = free_from(recent, allowed) or now + timedelta(hours=1)
            by_the_hour = max(again, now) + timedelta(hours=(beyond - 1) // allowed)
            ends_at = by_the_hour if ends_at is None else max(ends_at, by_the_hour)
    return pause, ends_at


def _pause(row: MailPace | None, now: datetime, first_due: datetime | None) -> Pause | None:
    if row is None or not row.pause or row.until is None:
        return None
    if row.until >= now - _BELIEVED:
        return Pause(row.pause, row.detail, row.since, row.until)
    # No mail has gone since, or that would have ended it; and all that waits was put off.
    put_off = row.pause != HOUR and first_due is not None and first_due > now
    return Pause(row.pause, row.detail, row.since, first_due) if put_off else None
