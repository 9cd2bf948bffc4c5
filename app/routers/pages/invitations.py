"""Organizers' pages: whose calendar says what is published, what was answered, sending again."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.db import DbSession
from app.domain.answers import Answer
from app.domain.errors import N_, Clash, DomainError, Invalid
from app.languages import translations
from app.models import Cycle, now
from app.schemas.cycle import NoteIn
from app.services import cycles, invitations
from app.services.actor import Actor
from app.services.failed_mail import failed_by_reason
from app.services.guest_answers import people_asked
from app.services.invitations import Stale
from app.services.mail_progress import progress
from app.web import convertors as convertors  # makes {number:number} known
from app.web.access.pages import MayEditMail, MayReadMail
from app.web.dependencies import Db
from app.web.forms import FormData, errors_of
from app.web.mail_words import REASONS, delivery
from app.web.organize import cycle_bar, short_date
from app.web.problems import status_of, validate
from app.web.publish_page import kind_counts
from app.web.templating import current_reader, gettext_for, page, see_other

router = APIRouter(prefix="/organize/c/{slug}/invitations")

MOST_STALE = 100
"""So many rows are shown; they are mended together or one by one, and the next come up."""

WHY = {
    Stale.NEW: N_("Not invited yet."),
    Stale.CHANGED: N_("Has not been told of the latest change."),
    Stale.BACK: N_("Was told that it is off, and it is on."),
    Stale.ADDRESS: N_("Was invited at another address."),
    Stale.CANCELLED: N_("Has not been told that it is cancelled."),
    Stale.LEFT: N_("Is no longer in it and has not been told."),
    Stale.LEFT_OUT: N_("Was left out of release %(release)s."),
    Stale.NO_ADDRESS: N_("We have no address."),
    Stale.WAITING: N_("The mail is on its way."),
    Stale.FAILED: N_("The mail could not be delivered."),
    Stale.BOUNCED: N_("The mail came back. Check the address."),
    Stale.EXPIRED: N_("The mail came too late: the session was over."),
}
SOURCES = {
    "link": N_("by the link in the mail"),
    "page": N_("on their page"),
    "mail": N_("by mail"),
    "organizer": N_("noted by an organizer"),
}


def _context(request: Request, cycle: Cycle) -> dict[str, Any]:
    return {"cycle": cycle, "cycle_bar": cycle_bar(cycle, current_reader(request).language)}


def _progress(request: Request, db: DbSession, cycle: Cycle, moment: datetime) -> dict[str, Any]:
    limits = request.app.state.mail_limits
    return {
        "progress": progress(db, cycle.id, cycle.release_number, moment, limits),
        "reasons": REASONS,
        "zone": current_reader(request).zone or cycle.zone,
        "per_hour": limits.each_hour(),
        "now": moment,
    }


@router.get("")
def show(request: Request, db: Db, actor: MayReadMail, slug: str) -> Response:
    """Where everybody's calendar stands."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    if not cycle.release_number:
        return page(
            request, "organize/invitations.html", {**_context(request, cycle), "seen": None}
        )
    moment = now()
    seen = invitations.overview(db, actor, cycle.id, moment)
    waiting = sum(row.why is Stale.WAITING for row in seen.stale)
    stale = [row for row in seen.stale if row.why not in (Stale.WAITING, Stale.NEW)]
    uninvited = [row for row in seen.stale if row.why is Stale.NEW]
    context = {
        **_context(request, cycle),
        "seen": seen,
        "stale": stale[:MOST_STALE],
        "stale_count": len(stale),
        "uninvited": uninvited[:MOST_STALE],
        "uninvited_count": len(uninvited),
        "waiting": waiting,
        "why": WHY,
        **_progress(request, db, cycle, moment),
        "given_up": failed_by_reason(db, actor, moment, cycle.id).total(),
        "kinds": kind_counts(seen.missing, current_reader(request).language),
    }
    return page(request, "organize/invitations.html", context)


@router.get("/progress")
def show_progress(request: Request, db: Db, actor: MayReadMail, slug: str) -> Response:
    """How far the mails of the newest release have got: a piece of the page above."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    context = {**_context(request, cycle), **_progress(request, db, cycle, now())}
    return page(request, "organize/_invitations_progress.html", context)


@router.get("/send")
def confirm_sending(request: Request, db: Db, actor: MayEditMail, slug: str) -> Response:
    """How many mails of which kind, and one button."""
    return _sending(request, db, actor, slug)


def _sending(
    request: Request,
    db: DbSession,
    actor: Actor,
    slug: str,
    error: DomainError | None = None,
    note: str = "",
) -> Response:
    cycle = cycles.cycle_for_slug(db, actor, slug)
    seen = invitations.overview(db, actor, cycle.id, now())
    context = {
        **_context(request, cycle),
        "seen": seen,
        "kinds": kind_counts(seen.missing, current_reader(request).language),
        "errors": errors_of(error, gettext_for(request)),
        "note": note,
    }
    status = status_of(error) if error else 200
    return page(request, "organize/invitations_send.html", context, status=status)


@router.post("/send")
def send(request: Request, db: Db, actor: MayEditMail, slug: str, form: FormData) -> Response:
    """Sends everybody what is missing; from then on calendars are kept right."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    try:
        note = validate(NoteIn, form.pick("note")).note
        count = invitations.bring_up_to_date(db, actor, cycle.id, now(), note=note)
    except (Clash, Invalid) as error:
        db.rollback()
        return _sending(request, db, actor, slug, error, form.text("note"))
    return see_other(request, f"/organize/c/{slug}/invitations", _said(request, count))


@router.post("/again")
def send_again(request: Request, db: Db, actor: MayEditMail, slug: str, form: FormData) -> Response:
    """Sends one person what their calendar should say of one session."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    back = f"/organize/c/{slug}/invitations"
    if form.text("number"):
        back += f"/{form.text('number')[:6]}" if form.text("number").isdigit() else ""
    try:
        count = invitations.send_again(
            db, actor, cycle.id, form.text("person"), form.text("session"), now()
        )
    except Clash as error:
        db.rollback()
        said = gettext_for(request)(error.sentence) % error.params
        return see_other(request, back, said, kind="warning")
    return see_other(request, back, _said(request, count))


@router.get("/stop")
def confirm_stopping(request: Request, db: Db, actor: MayEditMail, slug: str) -> Response:
    """What will not happen any more, and one button."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    return page(request, "organize/invitations_stop.html", _context(request, cycle))


@router.post("/stop")
def stop(request: Request, db: Db, actor: MayEditMail, slug: str) -> Response:
    """Sends nothing more by itself."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    invitations.stop_inviting(db, actor, cycle.id)
    said = gettext_for(request)(N_("From now on no calendar mail is sent by itself."))
    return see_other(request, f"/organize/c/{slug}/invitations", said)


@router.get("/{number:number}")
def of_session(
    request: Request,
    db: Db,
    actor: MayReadMail,
    slug: str,
    number: int,
    answer: str = "",
    after: str = "",
) -> Response:
    """Who was invited to a session and what they answered."""
    return _of_session(request, db, actor, slug, number, answer, after)


def _of_session(
    request: Request, db: DbSession, actor: Actor, slug: str, number: int, answer: str, after: str
) -> Response:
    cycle = cycles.cycle_for_slug(db, actor, slug)
    chosen = answer if answer in {*Answer, "none", "again"} else ""
    seen = people_asked(db, actor, cycle.id, number, chosen, after or None)
    context = {
        **_context(request, cycle),
        "asked": seen,
        "number": number,
        "chosen": chosen,
        "first": not after,
        "sources": SOURCES,
        "delivery": delivery,
        "short": short_date(request, cycle.zone),
    }
    return page(request, "organize/invitations_session.html", context)


@router.post("/{number:number}/answer")
def note_answer(
    request: Request, db: Db, actor: MayEditMail, slug: str, number: int, form: FormData
) -> Response:
    """Writes down what somebody told an organizer."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    back = f"/organize/c/{slug}/invitations/{number}"
    typed = form.text("answer")
    if typed not in set(Answer):
        said = gettext_for(request)(N_("Choose an answer first."))
        return see_other(request, back, said, kind="warning")
    invitations.set_answer(
        db, actor, cycle.id, form.text("person"), form.text("session"), Answer(typed), now()
    )
    return see_other(request, back, gettext_for(request)(N_("Noted.")))


def _said(request: Request, count: int) -> str:
    speak = current_reader(request).language
    if not count:
        return translations(speak).gettext("Nothing had to be sent.")
    words = translations(speak).ngettext(
        "%(count)s mail is on its way.", "%(count)s mails are on their way.", count
    )
    return words % {"count": count}
