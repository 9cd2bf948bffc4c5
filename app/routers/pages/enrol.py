"""Enrolling: a form, and one page of thanks that looks the same whoever enrolled."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.db import DbSession
from app.domain.addresses import mailbox_key
from app.domain.errors import DomainError
from app.domain.limits import ENROL_BY_ADDRESS, ENROL_BY_NETWORK
from app.domain.permissions import Permission
from app.models import now
from app.routers.pages.public import cycle_and_reader
from app.schemas.enrolment import OwnEnrolmentIn
from app.services import enrolments, notices
from app.services.limits import Limiter, Taken
from app.web import public_view as view
from app.web.access.gate import declares
from app.web.choices import country_choices, gender_choices, language_choices, zone_choices
from app.web.dependencies import PLACE, Db, transaction
from app.web.forms import Form, FormData, errors_of, revision_of
from app.web.networks import network_here
from app.web.problems import headers_of, status_of, validate
from app.web.templating import current_reader, gettext_for, page, see_other

router = APIRouter(dependencies=[declares(Permission.PUBLIC), PLACE])

FIELDS = (
    "name", "email", "country", "institution", "initiative", "gender", "language", "zone",
    "consent",
)  # fmt: skip
"""In the order in which they stand, so that the first mistake is the first one met."""


@router.get("/c/{slug}/enrol")
def enrol_form(request: Request, db: Db, slug: str) -> Response:
    """The empty form, with what can be guessed."""
    return _form_page(request, db, slug, Form({}))


@router.post("/c/{slug}/enrol")
def enrol(request: Request, slug: str, form: FormData) -> Response:
    """Enrols, and goes where everybody goes. It sends a mail to an address that anybody can type,
    so it is counted, before the transaction begins."""
    limiter: Limiter = request.app.state.limiter
    taken: Taken = ()
    try:
        typed = _read(form)
        by_network = (ENROL_BY_NETWORK, network_here(request))
        taken = limiter.take(now(), by_network, (ENROL_BY_ADDRESS, mailbox_key(typed.email)))
        shown = form.text("notice")
        with transaction(request, writes=True) as db:
            enrolments.enrol(
                db,
                slug,
                typed,
                now(),
                shown=revision_of(shown) if shown else None,
                read_in=current_reader(request).language,
            )
    except DomainError as error:
        with transaction(request, writes=True) as db:
            limiter.give_back(db, taken)  # nothing was sent
        with transaction(request, writes=False) as db:
            return _form_page(request, db, slug, form, error)
    return see_other(request, f"/c/{slug}/enrol/thanks")


@router.get("/c/{slug}/enrol/thanks")
def thanks(request: Request, db: Db, slug: str) -> Response:
    """What happens next; nothing in it depends on who enrolled."""
    cycle, reader = cycle_and_reader(db, request, slug)
    return page(
        request,
        "public/thanks.html",
        view.cycle_context(cycle, reader.language, reader.zone),
        headers={"cache-control": "private, no-cache"},
    )


def _read(form: Form) -> OwnEnrolmentIn:
    data: dict[str, Any] = form.pick(
        "name", "email", "country", "institution", "initiative", "gender"
    )
    for name in ("language", "zone"):
        if form.text(name):
            data[name] = form.text(name)
    return validate(OwnEnrolmentIn, {**data, "consent": form.checked("consent")})


def _form_page(
    request: Request, db: DbSession, slug: str, form: Form, error: DomainError | None = None
) -> Response:
    cycle, reader = cycle_and_reader(db, request, slug)
    context = view.cycle_context(cycle, reader.language, reader.zone)
    errors = errors_of(error, gettext_for(request))
    notice = notices.notice_of(db, cycle.cycle)
    notice_text, notice_language = notice.in_language(reader.language)
    zone = form.text("zone") or reader.zone or cycle.schedule.zone
    values: dict[str, Any] = {name: form.text(name) for name in FIELDS}
    values |= {
        "language": form.text("language") or reader.language,
        "zone": zone,
        "consent": form.checked("consent"),
    }
    context |= {
        "values": values,
        "errors": errors,
        "focus": next((name for name in FIELDS if name in errors), ""),
        "countries": country_choices(reader.language),
        "zones": zone_choices(reader.language, zone),
        "language_choices": language_choices(),
        "genders": gender_choices(reader.language),
        "notice": notice,
        "notice_text": notice_text,
        "notice_language": notice_language,
    }
    status = status_of(error) if error else 200
    return page(request, "public/enrol.html", context, status=status, headers=headers_of(error))
