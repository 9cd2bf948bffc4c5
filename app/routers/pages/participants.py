"""Organizers' pages: the participants of a cycle."""

from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.db import DbSession
from app.domain.enrolment import EnrolmentStatus, Gender
from app.domain.errors import N_, Clash, DomainError, NotFound
from app.models import Cycle, Enrolment, now
from app.schemas.countries import COUNTRIES
from app.schemas.enrolment import EnrolmentChange, EnrolmentIn
from app.schemas.privacy import EraseIn
from app.services import enrolment_lists, enrolments, erasure, exports
from app.services.actor import Actor
from app.services.cycles import cycle_for_slug
from app.services.enrolment_lists import Given
from app.web.access.pages import (
    MayEditPeople,
    MayExportPeople,
    MayManagePrivacy,
    MayReadPeople,
)
from app.web.choices import country_choices, gender_choices, language_choices, zone_choices
from app.web.dependencies import Db
from app.web.disk import and_take_away
from app.web.downloads import download
from app.web.forms import Form, FormData, errors_of, revision_of
from app.web.organize import PageNumber, address, cycle_bar, page_number, short_date
from app.web.problems import status_of, validate
from app.web.templating import current_reader, gettext_for, page, see_other

router = APIRouter(prefix="/organize/c/{slug}/participants")

FIELDS = ("name", "email", "country", "institution", "initiative", "gender", "language", "zone")
CHANGED = tuple(name for name in FIELDS if name != "email")


@router.get("")
def list_participants(
    request: Request,
    db: Db,
    actor: MayReadPeople,
    slug: str,
    q: str = "",
    status: str = "",
    sort: str = "name",
    country: str = "",
    gender: str = "",
    number: PageNumber = "1",
) -> Response:
    """A page of them, searched, filtered and sorted."""
    cycle = cycle_for_slug(db, actor, slug)
    chosen = _status(status)
    order = next((o for o in enrolment_lists.Order if o == sort), enrolment_lists.Order.NAME)
    given = _given(cycle, country, gender)
    found = enrolment_lists.page_of_enrolments(
        db, actor, cycle.id, q, chosen, order, page_number(number), given=given
    )
    path = f"/organize/c/{slug}/participants"
    kept = {"q": q, "status": chosen.value if chosen else "", "sort": order.value}
    kept |= {"country": given.country, "gender": given.gender}
    context = {
        **_about(request, cycle),
        "found": found,
        "counts": enrolments.counts(db, cycle.id),
        "q": q,
        "status": kept["status"],
        "order": order.value,
        "given": given,
        "short": short_date(request, cycle.zone),
        "at": address(path, **kept),
        "files": {kind: f"{path}.{kind}?{urlencode(kept)}" for kind in ("csv", "xlsx")},
    }
    return page(request, "organize/participants.html", context)


@router.get(".csv")
def participants_csv(
    request: Request,
    db: Db,
    actor: MayExportPeople,
    slug: str,
    q: str = "",
    status: str = "",
    country: str = "",
    gender: str = "",
) -> Response:
    """Those shown, as CSV."""
    cycle = cycle_for_slug(db, actor, slug)
    given = _given(cycle, country, gender)
    rows = enrolment_lists.all_enrolments(db, actor, cycle.id, q, _status(status), given)
    asks = cycle.asks_gender
    data = exports.participants_csv(rows, gettext_for(request), cycle.zone, gender=asks)
    return download(data, exports.CSV_TYPE, f"{slug}-participants.csv")


@router.get(".xlsx")
def participants_xlsx(
    request: Request,
    db: Db,
    actor: MayExportPeople,
    slug: str,
    q: str = "",
    status: str = "",
    country: str = "",
    gender: str = "",
) -> Response:
    """Those shown, as XLSX."""
    cycle = cycle_for_slug(db, actor, slug)
    given = _given(cycle, country, gender)
    rows = enrolment_lists.all_enrolments(db, actor, cycle.id, q, _status(status), given)
    asks = cycle.asks_gender
    data = exports.participants_xlsx(rows, gettext_for(request), cycle.zone, gender=asks)
    return download(data, exports.XLSX_TYPE, f"{slug}-participants.xlsx")


@router.get("/new")
def new_participant(request: Request, db: Db, actor: MayEditPeople, slug: str) -> Response:
    """The form to add somebody by hand."""
    cycle = cycle_for_slug(db, actor, slug)
    values = dict.fromkeys(FIELDS, "") | {"language": cycle.language, "zone": cycle.zone}
    return _form(request, cycle, values)


@router.post("/new")
def add_participant(
    request: Request, db: Db, actor: MayEditPeople, slug: str, form: FormData
) -> Response:
    """Adds somebody by hand."""
    cycle = cycle_for_slug(db, actor, slug)
    try:
        command = validate(EnrolmentIn, form.pick(*FIELDS))
        row = enrolments.add_enrolment(db, actor, cycle.id, command, now())
    except DomainError as error:
        db.rollback()
        return _form(request, cycle_for_slug(db, actor, slug), form.pick(*FIELDS), None, error)
    gettext = gettext_for(request)
    said = gettext("%(name)s is enrolled. The mail with the personal link is on its way.")
    if row.status == EnrolmentStatus.WAITLISTED:
        said = gettext("All places are taken: %(name)s is on the waiting list and gets a mail.")
    return see_other(request, f"/organize/c/{slug}/participants", said % {"name": row.name})


@router.get("/{enrolment_id}")
def show_participant(
    request: Request, db: Db, actor: MayReadPeople, slug: str, enrolment_id: str
) -> Response:
    """What was given on enrolling, to be corrected, and what can be decided."""
    cycle, row = _open(db, actor, slug, enrolment_id)
    return _form(request, cycle, _values(row), row)


@router.post("/{enrolment_id}")
def change_participant(
    request: Request, db: Db, actor: MayEditPeople, slug: str, enrolment_id: str, form: FormData
) -> Response:
    """Corrects it, unless somebody else did in the meantime."""
    cycle, row = _open(db, actor, slug, enrolment_id)
    try:
        change = validate(EnrolmentChange, form.pick(*_changed(cycle)))
        enrolments.change_enrolment(db, actor, row.id, change, form.revision(), now=now())
    except DomainError as error:
        db.rollback()
        cycle, row = _open(db, actor, slug, enrolment_id)
        values = _values(row) | form.pick(*_changed(cycle))
        return _form(request, cycle, values, row, error)
    gettext = gettext_for(request)
    path = f"/organize/c/{slug}/participants/{enrolment_id}"
    return see_other(request, path, gettext("Saved."))


@router.get("/{enrolment_id}/new-link")
def ask_for_new_link(
    request: Request, db: Db, actor: MayEditPeople, slug: str, enrolment_id: str
) -> Response:
    """What a new personal link brings about, before the present one ends."""
    cycle, row = _open(db, actor, slug, enrolment_id)
    context = {**_about(request, cycle), "row": row}
    return page(request, "organize/participants_link.html", context)


@router.get("/{enrolment_id}/erase")
def ask_to_erase(
    request: Request, db: Db, actor: MayManagePrivacy, slug: str, enrolment_id: str
) -> Response:
    """What erasing somebody's data brings about, before it is done."""
    cycle, row = _open(db, actor, slug, enrolment_id)
    return _erasing(request, cycle, row)


@router.post("/{enrolment_id}/erase")
def erase(
    request: Request, db: Db, actor: MayManagePrivacy, slug: str, enrolment_id: str, form: FormData
) -> Response:
    """Erases what the cycle holds about somebody who asked for it."""
    cycle, row = _open(db, actor, slug, enrolment_id)
    try:
        given = {"reason": form.text("reason"), "keep_certificates": form.checked("keep")}
        erasure.erase_enrolled(db, actor, row.id, validate(EraseIn, given), now())
    except DomainError as error:
        db.rollback()
        cycle, row = _open(db, actor, slug, enrolment_id)
        return _erasing(request, cycle, row, form, error)
    said = gettext_for(request)(N_("What this cycle held about them is erased."))
    back = see_other(request, f"/organize/c/{slug}/participants", said)
    return and_take_away(request, back)


@router.get("/{enrolment_id}/{status}")
def ask_for_status(
    request: Request, db: Db, actor: MayEditPeople, slug: str, enrolment_id: str, status: str
) -> Response:
    """What confirming, waitlisting or withdrawing somebody brings about, before it is done."""
    cycle, row = _open(db, actor, slug, enrolment_id)
    return _decision(request, db, cycle, row, _wanted(status))


@router.post("/{enrolment_id}/link")
def send_link(
    request: Request, db: Db, actor: MayEditPeople, slug: str, enrolment_id: str
) -> Response:
    """Sends the personal link again."""
    _, row = _open(db, actor, slug, enrolment_id)
    sent = enrolments.send_link(db, actor, row.id, now())
    gettext = gettext_for(request)
    path = f"/organize/c/{slug}/participants/{enrolment_id}"
    if sent is None:
        said = gettext("A mail with the link went out in the last ten minutes. Please wait for it.")
        if row.status == EnrolmentStatus.WITHDRAWN:
            said = gettext("No mail goes out: %(name)s has left the cycle.") % {"name": row.name}
        return see_other(request, path, said, kind="info")
    said = gettext("The link is on its way to %(address)s.") % {"address": sent.to_address}
    return see_other(request, path, said)


@router.post("/{enrolment_id}/new-link")
def replace_links(
    request: Request, db: Db, actor: MayEditPeople, slug: str, enrolment_id: str, form: FormData
) -> Response:
    """Ends the personal link and the calendar's address; a new link is sent."""
    _, row = _open(db, actor, slug, enrolment_id)
    generation = revision_of(form.text("generation"))
    sent = enrolments.replace_links(db, actor, row.id, generation, now())
    gettext = gettext_for(request)
    path = f"/organize/c/{slug}/participants/{enrolment_id}"
    if sent is None:
        return see_other(request, path, gettext("The old link no longer works."))
    said = gettext("The old link no longer works. The new one is on its way to %(address)s.")
    return see_other(request, path, said % {"address": sent.to_address})


@router.post("/{enrolment_id}/{status}")
def set_status(
    request: Request, db: Db, actor: MayEditPeople, slug: str, enrolment_id: str, status: str
) -> Response:
    """Confirms, waitlists or withdraws."""
    wanted = _wanted(status)
    cycle, row = _open(db, actor, slug, enrolment_id)
    try:
        change = EnrolmentChange(status=wanted)
        row = enrolments.change_enrolment(db, actor, row.id, change, now=now())
    except Clash as error:
        db.rollback()
        cycle, row = _open(db, actor, slug, enrolment_id)
        return _decision(request, db, cycle, row, wanted, error)
    gettext = gettext_for(request)
    said = {
        EnrolmentStatus.CONFIRMED: gettext("%(name)s has a place, and a mail that says so."),
        EnrolmentStatus.WAITLISTED: gettext("%(name)s is on the waiting list."),
        EnrolmentStatus.WITHDRAWN: gettext("%(name)s is withdrawn."),
    }[wanted]
    path = f"/organize/c/{slug}/participants/{enrolment_id}"
    return see_other(request, path, said % {"name": row.name})


def _status(text: str) -> EnrolmentStatus | None:
    return next((status for status in EnrolmentStatus if status == text), None)


def _changed(cycle: Cycle) -> tuple[str, ...]:
    """What the form has: an answer to what is not asked any more stays as it is."""
    return tuple(name for name in CHANGED if name != "gender" or cycle.asks_gender)


def _given(cycle: Cycle, country: str, gender: str) -> Given:
    """What they gave who are asked for; what nobody can have given filters nothing."""
    return Given(
        country if country in COUNTRIES else "",
        gender if cycle.asks_gender and gender in set(Gender) else "",
    )


def _wanted(text: str) -> EnrolmentStatus:
    status = _status(text)
    if status is None or status is EnrolmentStatus.PENDING:
        raise NotFound
    return status


def _open(db: DbSession, actor: Actor, slug: str, enrolment_id: str) -> tuple[Cycle, Enrolment]:
    cycle = cycle_for_slug(db, actor, slug)
    row = enrolments.get_enrolment(db, actor, enrolment_id)
    if row.cycle_id != cycle.id:
        raise NotFound
    return cycle, row


def _about(request: Request, cycle: Cycle) -> dict[str, Any]:
    return {
        "cycle": cycle,
        "cycle_bar": cycle_bar(cycle, current_reader(request).language),
        "base": f"/organize/c/{cycle.slug}/participants",
    }


def _values(row: Enrolment) -> dict[str, str]:
    return {
        "name": row.name,
        "email": row.person.email or "",
        "country": row.country,
        "institution": row.institution,
        "initiative": row.initiative.name if row.initiative else "",
        "gender": row.gender,
        "language": row.language,
        "zone": row.zone,
    }


def _form(
    request: Request,
    cycle: Cycle,
    values: dict[str, Any],
    row: Enrolment | None = None,
    error: DomainError | None = None,
) -> Response:
    language = current_reader(request).language
    errors = errors_of(error, gettext_for(request))
    already = error.params.get("enrolment_id") if error else None
    context = {
        **_about(request, cycle),
        "row": row,
        "values": values,
        "errors": errors,
        "focus": next((name for name in FIELDS if name in errors), ""),
        "already": already,
        "stale": error is not None and error.code == "stale",
        "countries": country_choices(language),
        "zones": zone_choices(language, values["zone"]),
        "language_options": language_choices(),
        "genders": gender_choices(language),
    }
    status = status_of(error) if error else 200
    return page(request, "organize/participants_one.html", context, status=status)


def _erasing(
    request: Request,
    cycle: Cycle,
    row: Enrolment,
    form: Form | None = None,
    error: DomainError | None = None,
) -> Response:
    context = {
        **_about(request, cycle),
        "row": row,
        "name": row.name,
        "everywhere": False,
        "back": f"/organize/c/{cycle.slug}/participants/{row.id}",
        "values": form.values if form else {},
        "errors": errors_of(error, gettext_for(request)),
    }
    status = status_of(error) if error else 200
    return page(request, "organize/erase.html", context, status=status)


def _decision(
    request: Request,
    db: DbSession,
    cycle: Cycle,
    row: Enrolment,
    wanted: EnrolmentStatus,
    error: Clash | None = None,
) -> Response:
    context = {
        **_about(request, cycle),
        "row": row,
        "wanted": wanted,
        "next_one": enrolment_lists.who_moves_up(db, row),
        "error": error,
    }
    status = status_of(error) if error else 200
    return page(request, "organize/participants_status.html", context, status=status)
