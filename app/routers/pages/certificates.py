"""Organizers' pages: the certificates of a cycle, issuing them, one with all behind it."""

from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.db import DbSession
from app.domain.certificates import State, shown_code
from app.domain.errors import N_, DomainError, Invalid, NotFound
from app.models import Certificate, Cycle, now
from app.schemas.certificate import IssueIn, RevokeIn, SupersedeIn
from app.services import (
    certificate_files,
    certificate_issuing,
    certificate_life,
    certificate_lists,
    certificate_runs,
    exports,
)
from app.services.actor import Actor
from app.services.certificate_drafts import NotEligible, frozen
from app.services.certificate_issuing import live_of
from app.services.cycles import cycle_for_slug
from app.services.enrolment_lists import named
from app.web.access.pages import MayEditCertificates, MayExportPeople, MayReadCertificates
from app.web.badges import AddressesDep
from app.web.certificate_words import CHANGES
from app.web.dependencies import Db
from app.web.downloads import download
from app.web.forms import Form, FormData, errors_of
from app.web.organize import PageNumber, address, cycle_bar, page_number, short_date
from app.web.problems import status_of, validate
from app.web.templating import current_reader, gettext_for, page, see_other
from app.web.uploads import Files

router = APIRouter(prefix="/organize/c/{slug}/certificates")

_SHOWN = 50
"""So many names stand in a list of the page before issuing."""


def about(request: Request, cycle: Cycle) -> dict[str, Any]:
    """What these pages share."""
    bar = cycle_bar(cycle, current_reader(request).language)
    return {"cycle": cycle, "cycle_bar": bar, "base": f"{bar['href']}/certificates"}


@router.get("")
def list_certificates(
    request: Request,
    db: Db,
    actor: MayReadCertificates,
    slug: str,
    q: str = "",
    state: str = "",
    number: PageNumber = "1",
) -> Response:
    """A page of them, searched and filtered, and how far issuing has got."""
    cycle = cycle_for_slug(db, actor, slug)
    chosen = state if state in tuple(State) else ""
    found = certificate_lists.certificate_page(
        db, actor, cycle.id, now(), q, chosen, page_number(number)
    )
    context = about(request, cycle)
    kept = {"q": q, "state": chosen}
    context |= {
        "found": found,
        "everything": sum(found.counts.values()),
        "run": certificate_runs.last_run(db, cycle.id),
        "q": q,
        "state": chosen,
        "at": address(context["base"], **kept),
        "changes": CHANGES,
        "short": short_date(request, cycle.zone),
        "files": {kind: f"{context['base']}.{kind}?{urlencode(kept)}" for kind in ("csv", "xlsx")},
    }
    return page(request, "organize/certificates.html", context)


@router.get(".{kind}")
def files(
    request: Request,
    db: Db,
    actor: MayExportPeople,
    slug: str,
    kind: str,
    q: str = "",
    state: str = "",
) -> Response:
    """Those shown, as CSV or XLSX."""
    if kind not in ("csv", "xlsx"):
        raise NotFound
    cycle = cycle_for_slug(db, actor, slug)
    chosen = state if state in tuple(State) else ""
    rows = certificate_lists.all_of_cycle(db, actor, cycle.id, now(), q, chosen)
    make = exports.certificates_csv if kind == "csv" else exports.certificates_xlsx
    media_type = exports.CSV_TYPE if kind == "csv" else exports.XLSX_TYPE
    data = make(rows, gettext_for(request), cycle.zone)
    return download(data, media_type, f"{slug}-certificates.{kind}")


@router.get("/progress")
def progress(request: Request, db: Db, actor: MayReadCertificates, slug: str) -> Response:
    """How far issuing has got, for the page that asks again and again."""
    cycle = cycle_for_slug(db, actor, slug)
    context = {**about(request, cycle), "run": certificate_runs.last_run(db, cycle.id)}
    return page(request, "organize/_certificates_progress.html", context)


@router.get("/issue")
def before_issuing(request: Request, db: Db, actor: MayEditCertificates, slug: str) -> Response:
    """What it would do, and one button."""
    return _preview(request, db, actor, slug)


@router.post("/issue")
def issue(request: Request, db: Db, actor: MayEditCertificates, slug: str) -> Response:
    """Begins; the worker does it."""
    cycle = cycle_for_slug(db, actor, slug)
    try:
        certificate_runs.begin(db, actor, cycle.id, now())
    except DomainError as error:
        db.rollback()
        return _preview(request, db, actor, slug, error)
    said = gettext_for(request)(N_("The certificates are being issued."))
    return see_other(request, f"/organize/c/{slug}/certificates", said)


def _preview(
    request: Request, db: DbSession, actor: Actor, slug: str, error: DomainError | None = None
) -> Response:
    cycle = cycle_for_slug(db, actor, slug)
    found = certificate_issuing.preview(db, actor, cycle.id, now())
    rows = {
        name: named(db, [far.enrolment_id for far in getattr(found, name)[:_SHOWN]])
        for name in ("revoked", "lacking")
    }
    context = {
        **about(request, cycle),
        "found": found,
        "lacking": [(row, far) for row, far in zip(rows["lacking"], found.lacking, strict=False)],
        "revoked": rows["revoked"],
        "error": error,
        "running": certificate_runs.under_way(db, cycle.id),
        "shown": _SHOWN,
    }
    status = status_of(error) if error else 200
    return page(request, "organize/certificates_issue.html", context, status=status)


@router.get("/for/{enrolment_id}")
def before_issuing_to(
    request: Request, db: Db, actor: MayReadCertificates, slug: str, enrolment_id: str
) -> Response:
    """Of one participant: the certificate, what is missing, or the button."""
    return _for(request, db, actor, slug, enrolment_id)


@router.post("/for/{enrolment_id}")
def issue_to(
    request: Request, db: Db, actor: MayEditCertificates, slug: str, enrolment_id: str
) -> Response:
    """Issues it; who has one keeps it."""
    cycle = cycle_for_slug(db, actor, slug)
    try:
        command = validate(IssueIn, {"enrolment_id": enrolment_id})
        row, _ = certificate_issuing.issue_to(db, actor, cycle.id, command, now())
    except DomainError as error:
        if isinstance(error, NotFound):
            raise
        db.rollback()
        return _for(request, db, actor, slug, enrolment_id, error)
    said = gettext_for(request)(N_("The certificate is issued."))
    return see_other(request, f"/organize/c/{slug}/certificates/{row.code}", said)


def _for(
    request: Request,
    db: DbSession,
    actor: Actor,
    slug: str,
    enrolment_id: str,
    error: DomainError | None = None,
) -> Response:
    cycle = cycle_for_slug(db, actor, slug)
    enrolment = certificate_issuing.enrolment_in(db, cycle.id, enrolment_id)
    row = live_of(db, enrolment.id)
    if row is not None:
        return see_other(request, f"/organize/c/{slug}/certificates/{row.code}")
    if error is None:
        try:
            certificate_issuing.can_be_issued(db, cycle.id, enrolment, now())
        except DomainError as found:
            error = found
    context = {
        **about(request, cycle),
        "enrolment": enrolment,
        "error": error,
        "outcome": error.outcome if isinstance(error, NotEligible) else None,
        "before": certificate_life.newest_of(db, enrolment.id),
    }
    status = status_of(error) if error and request.method == "POST" else 200
    return page(request, "organize/certificate_for.html", context, status=status)


@router.get("/{code}")
def one(
    request: Request, db: Db, actor: MayReadCertificates, at: AddressesDep, slug: str, code: str
) -> Response:
    """What it says, what it rests on, what became of it."""
    cycle, row = _open(db, actor, slug, code)
    found = certificate_lists.whole(db, actor, row.code, now())
    codes = certificate_lists.codes_of(db, found.history)
    context = {
        **about(request, cycle),
        "found": found,
        "row": row,
        "standing": found.standing,
        "said": frozen(row),
        "code": shown_code(row.code),
        "shown_code": shown_code,
        "codes": codes,
        "changes": CHANGES,
        "address": at.verify(row.code),
    }
    return page(request, "organize/certificate.html", context)


@router.get("/{code}/certificate.pdf")
def pdf(
    db: Db, actor: MayReadCertificates, files: Files, at: AddressesDep, slug: str, code: str
) -> Response:
    """The PDF, of one that was taken back too."""
    _, row = _open(db, actor, slug, code)
    data = certificate_files.pdf(db, row, files, at)
    return download(data, "application/pdf", certificate_files.file_name(row))


@router.post("/{code}/mail")
def mail(request: Request, db: Db, actor: MayEditCertificates, slug: str, code: str) -> Response:
    """Sends the mail once more."""
    _, row = _open(db, actor, slug, code)
    speak = gettext_for(request)
    try:
        sent = certificate_life.mail_again(db, actor, row.code, now())
        said = speak(N_("The mail is on its way.")) if sent else speak(N_("No address is known."))
    except certificate_life.JustMailed as error:
        said = speak(error.sentence)
    return see_other(request, f"/organize/c/{slug}/certificates/{row.code}", said)


@router.get("/{code}/revoke")
def before_revoking(
    request: Request, db: Db, actor: MayEditCertificates, slug: str, code: str
) -> Response:
    """What will happen, and one button."""
    return _act(request, db, actor, slug, code, "certificate_revoke", Form({}))


@router.post("/{code}/revoke")
def revoke(
    request: Request, db: Db, actor: MayEditCertificates, slug: str, code: str, form: FormData
) -> Response:
    """Takes it back, with the reason."""
    _, row = _open(db, actor, slug, code)
    try:
        command = validate(RevokeIn, form.pick("reason"))
        certificate_life.revoke(db, actor, row.code, command, now())
    except DomainError as error:
        db.rollback()
        return _act(request, db, actor, slug, code, "certificate_revoke", form, error)
    said = gettext_for(request)(N_("The certificate is revoked. Its page says so."))
    return see_other(request, f"/organize/c/{slug}/certificates/{row.code}", said)


@router.get("/{code}/supersede")
def before_superseding(
    request: Request, db: Db, actor: MayReadCertificates, slug: str, code: str
) -> Response:
    """The name as it is to be, and one button."""
    return _act(request, db, actor, slug, code, "certificate_supersede", Form({}))


@router.post("/{code}/supersede")
def supersede(
    request: Request, db: Db, actor: MayEditCertificates, slug: str, code: str, form: FormData
) -> Response:
    """Issues another one in its place."""
    _, row = _open(db, actor, slug, code)
    try:
        command = validate(SupersedeIn, form.pick("holder", "reason"))
        new = certificate_life.supersede(db, actor, row.code, command, now())
    except DomainError as error:
        db.rollback()
        return _act(request, db, actor, slug, code, "certificate_supersede", form, error)
    said = gettext_for(request)(N_("This is the new certificate. The old one’s page says that."))
    return see_other(request, f"/organize/c/{slug}/certificates/{new.code}", said)


def _open(db: DbSession, actor: Actor, slug: str, code: str) -> tuple[Cycle, Certificate]:
    cycle = cycle_for_slug(db, actor, slug)
    row = certificate_life.certificate_of_code(db, code)
    if row.cycle_id != cycle.id:
        raise NotFound
    return cycle, row


def _act(
    request: Request,
    db: DbSession,
    actor: Actor,
    slug: str,
    code: str,
    name: str,
    form: Form,
    error: DomainError | None = None,
) -> Response:
    cycle, row = _open(db, actor, slug, code)
    enrolment = named(db, [row.enrolment_id])[0]
    context = {
        **about(request, cycle),
        "row": row,
        "enrolment": enrolment,
        "values": {"holder": enrolment.name, **form.values},
        "errors": errors_of(error, gettext_for(request)),
        "error": None if isinstance(error, Invalid) else error,
    }
    status = status_of(error) if error else 200
    return page(request, f"organize/{name}.html", context, status=status)
