"""What the page to join a session shows beside the button."""

from datetime import datetime
from typing import Any

from app.db import DbSession
from app.domain.enrolment import EnrolmentStatus
from app.domain.faces import announced
from app.domain.materials import Audience
from app.domain.schedule import SessionStatus
from app.languages import time_left
from app.models import Enrolment, Session
from app.services import materials
from app.services.check_in import JOIN_BEFORE
from app.services.my_schedule import MySession
from app.services.rows import find
from app.web.languages import Reader
from app.web.material_view import items

_SOON = 2 * 60 * 60
"""Seconds before the button is there, from which on a page without script looks again."""


def beside(
    db: DbSession, enrolment: Enrolment, my: MySession, context: dict[str, Any], reader: Reader
) -> dict[str, Any]:
    """For my/join.html, whose context has ``now`` and ``my_path``. Two queries at the most.

    `opens`, `turn` and `reload` are for js/join.js: when the button appears, when the page is
    another after that, and after how many seconds a page without script looks again (0: never).
    `leads_to`: where the form may lead, also the one that appears later.
    """
    now: datetime = context["now"]
    session, language = my.session, reader.language
    opens = session.starts - JOIN_BEFORE
    confirmed = enrolment.status == EnrolmentStatus.CONFIRMED
    waits = confirmed and session.status is not SessionStatus.CANCELLED and now < opens
    no_link = my.can_join and not my.meeting_url
    soon = waits and (opens - now).total_seconds() <= _SOON
    there, later = _materials(db, enrolment, my, now, context["my_path"])
    return {
        "speakers": announced(session),
        "waits": waits,
        "no_link": no_link,
        "opens": opens,
        "until_opens": time_left(opens, now, language),
        "until_start": time_left(session.starts, now, language),
        "reload": 30 if no_link else 60 if soon else 0,
        "there": there,
        "later": later,
        "leads_to": [find(db, Session, session.id).meeting_url or "https:"] if waits else [],
    }


def _materials(
    db: DbSession, enrolment: Enrolment, my: MySession, now: datetime, base: str
) -> tuple[list[Any], list[dict[str, Any]]]:
    """What they may see now, and what opens when."""
    audience = materials.audience_of(enrolment)
    if audience is None:
        return [], []
    found = [
        (row, opens)
        for row, opens in materials.for_mail(db, my.session, now)
        if audience is Audience.PARTICIPANTS or row.audience == Audience.PUBLIC
    ]
    there = items((row for row, opens in found if opens is None), base, my.session)
    later = [{"title": row.title, "kind": row.kind, "opens": o} for row, o in found if o]
    return there, sorted(later, key=lambda each: each["opens"])
