"""Organizers' pages: what publishing would change, and the act."""

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from app.db import DbSession
from app.domain.errors import N_, Clash, DomainError, Invalid, Stale
from app.models import Release, now
from app.schemas.cycle import NoteIn
from app.services import (
    casting,
    cycles,
    publishing,
    release_effects,
    releases,
    reopening,
    zone_guard,
)
from app.services.actor import Actor
from app.services.concerned import ever_told
from app.services.invitation_previews import mail_of_release
from app.services.schedules import newest_release, stored_schedule
from app.web import publish_page
from app.web.access.pages import MayPublish
from app.web.dependencies import Db, LinksDep
from app.web.forms import Form, FormData, errors_of
from app.web.organize import cycle_bar
from app.web.problems import status_of, validate
from app.web.security import policy
from app.web.templating import current_reader, gettext_for, page, see_other

router = APIRouter(prefix="/organize/c/{slug}")


def _preview(
    request: Request,
    db: DbSession,
    actor: Actor,
    slug: str,
    error: DomainError | None = None,
    form: Form | None = None,
) -> Response:
    cycle = cycles.cycle_for_slug(db, actor, slug)
    moment = now()
    preview = publishing.preview(db, actor, cycle.id, moment)
    planned = publishing.reach(db, actor, cycle.id, preview.next_schedule, moment)
    of_zones, guarded = None, zone_guard.shifted(preview.before, moment)
    if guarded == preview.next_schedule:
        of_zones = planned
    elif guarded:
        of_zones = publishing.reach(db, actor, cycle.id, guarded, moment)
    # Where somebody has stopped the mails, they do not begin again by a box that was not looked at.
    newest = newest_release(db, cycle.id)
    begin = not cycle.invites and (newest is None or not ever_told(db, cycle.id))
    form = form or Form({"invite": "1"} if begin else {})
    reader = current_reader(request)
    opened = reopening.reopens(db, preview.before, preview.next_schedule)
    context = {
        "cycle": cycle,
        "cycle_bar": cycle_bar(cycle, reader.language, publish=len(preview.changes)),
        "error": error,
        "errors": errors_of(error, gettext_for(request)),
        "form": form,
        "read": form.checked("warnings-read") and not isinstance(error, Stale),
        "left_out": _left_out(form),
        "newest": newest,
        "participants": sum(casting.participants_by_zone(db, actor, cycle.id).values()),
        **publish_page.context(
            preview, reader.language, reader.zone, f"/organize/c/{slug}", moment
        ),
        "zone_mails": publish_page.kinds_of(of_zones, reader.language) if of_zones else [],
        "reopens": opened,
        "moves": release_effects.moves(
            db, preview.before, preview.next_schedule, {each.session_id for each in opened}
        ),
        "off": release_effects.asked_for_no_more(cycle, preview.before, preview.next_schedule),
        **publish_page.reach_context(planned, preview.next_schedule, reader.language, moment),
    }
    status = status_of(error) if error else 200
    return page(request, "organize/publish.html", context, status=status)


@router.get("/publish")
def preview(request: Request, db: Db, actor: MayPublish, slug: str) -> Response:
    """What would change, and what speaks against it."""
    return _preview(request, db, actor, slug)


@router.post("/publish")
def publish(request: Request, db: Db, actor: MayPublish, slug: str, form: FormData) -> Response:
    """Publishes what was shown; if it is not the same any more, shows it anew."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    moment, revision, invite = now(), form.revision(), form.checked("invite")
    out = _left_out(form)
    try:
        note = validate(NoteIn, form.pick("note")).note
        if typed := form.text("leave_out") if invite or cycle.invites else "":
            out |= publishing.left_out_by_address(db, actor, cycle.id, typed, moment)
        release = publishing.publish(
            db,
            actor,
            cycle.id,
            accept_warnings=form.checked("warnings-read"),
            now=moment,
            revision=revision,
            invite=invite,
            leave_out=out,
            note=note,
        )
    except (Clash, Stale, Invalid) as error:
        db.rollback()
        again = None
        if isinstance(error, Stale) or error.code == "nothing_to_publish":
            again = publishing.just_published(db, actor, cycle.id, revision, moment)
        if again is None:
            return _preview(request, db, actor, slug, error, form)
        release = again
    return _done(request, db, slug, release)


@router.post("/publish/time-zones")
def publish_shifts(
    request: Request, db: Db, actor: MayPublish, slug: str, form: FormData
) -> Response:
    """Publishes what newer zone data has moved, and nothing else. A second click does nothing."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    try:
        release = zone_guard.publish_shifts(
            db, actor, cycle.id, now=now(), revision=form.revision()
        )
    except (Clash, Stale) as error:
        db.rollback()
        known = zone_guard.shifted(stored_schedule(db, cycle.id), now()) is None
        if error.code != "cycle_archived" and known:
            said = gettext_for(request)(N_("The new hours are published already."))
            return see_other(request, f"/organize/c/{slug}/publish", said)
        return _preview(request, db, actor, slug, error)
    return _done(request, db, slug, release)


def _done(request: Request, db: DbSession, slug: str, release: Release) -> Response:
    language = current_reader(request).language
    outcome = releases.outcome(db, release)
    link = (f"/organize/c/{slug}/invitations", gettext_for(request)(N_("Invitations")))
    return see_other(
        request,
        f"/organize/c/{slug}/publish",
        publish_page.outcome_words(outcome, language),
        link=link if outcome.mails or outcome.left_out else None,
    )


@router.post("/publish/mail")
def look_at_mail(
    request: Request, db: Db, actor: MayPublish, links: LinksDep, slug: str, form: FormData
) -> Response:
    """One of the mails that publishing would send, with the note that was typed. Changes nothing;
    it is a POST since a note does not belong into an address."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    person_id, _, session_id = form.text("mail").partition(":")
    try:
        note = validate(NoteIn, form.pick("note")).note
        mail = mail_of_release(db, actor, links, cycle.id, person_id, session_id, note, now())
    except Invalid as error:
        return _preview(request, db, actor, slug, error, form)
    context = {
        "cycle": cycle,
        "cycle_bar": cycle_bar(cycle, current_reader(request).language),
        "mail": mail,
    }
    # The mail in its frame has its styles inline, as mail programs want them.
    headers = {"content-security-policy": policy(inline_styles=True)}
    return page(request, "organize/publish_mail.html", context, headers=headers)


@router.get("/publish/mail")
def nothing_to_look_at(actor: MayPublish, slug: str) -> Response:
    """Whoever loads the address of a mail again comes back to where it is opened."""
    return RedirectResponse(f"/organize/c/{slug}/publish", 303)


def _left_out(form: Form) -> set[str]:
    """The people whose box "leave out" is ticked."""
    return {name.removeprefix("leave-") for name in form.values if name.startswith("leave-")}
