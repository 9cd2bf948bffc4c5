"""Organizers' pages: what a cycle's certificates look like."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.certificates.designs import PLACEHOLDERS
from app.certificates.values import MOST_LOGOS, MOST_SIGNATORIES, TEMPLATES
from app.certificates.words import STATEMENT, TITLE
from app.db import DbSession
from app.domain.errors import N_, DomainError, Invalid, NotFound, Stale
from app.domain.text import LANGUAGES
from app.languages import translations
from app.models import Cycle, now
from app.routers.pages.certificates import about
from app.schemas.certificate import DesignIn, LogoIn
from app.services import certificate_designs, certificate_files
from app.services.actor import Actor
from app.services.certificate_designs import Kept
from app.services.cycles import cycle_for_slug
from app.web import certificate_form
from app.web.access.pages import MayEditCertificates
from app.web.badges import AddressesDep
from app.web.dependencies import Db
from app.web.forms import FormData, errors_of, revision_of
from app.web.problems import status_of, validate
from app.web.templating import current_reader, gettext_for, page, see_other
from app.web.uploads import DesignPicture, DesignUpload, Files

router = APIRouter(prefix="/organize/c/{slug}/certificates/design")


@router.get("")
def design(
    request: Request, db: Db, actor: MayEditCertificates, slug: str, language: str = ""
) -> Response:
    """The form, beside what it looks like."""
    return _form(request, db, actor, cycle_for_slug(db, actor, slug), language=language)


@router.post("")
def save(
    request: Request, db: Db, actor: MayEditCertificates, slug: str, form: FormData
) -> Response:
    """Keeps it, for the certificates that are issued from now on."""
    cycle = cycle_for_slug(db, actor, slug)
    typed = certificate_form.read(form)
    try:
        command = validate(DesignIn, typed)
        version = revision_of(form.text("version"))
        certificate_designs.set_design(db, actor, cycle.id, command, version)
    except DomainError as error:
        db.rollback()
        cycle = cycle_for_slug(db, actor, slug)
        return _form(request, db, actor, cycle, typed, error)
    said = gettext_for(request)(N_("The design is saved. It holds for the next certificates."))
    return see_other(request, f"/organize/c/{slug}/certificates/design", said)


@router.get("/preview.png")
def preview(
    request: Request,
    db: Db,
    actor: MayEditCertificates,
    files: Files,
    at: AddressesDep,
    slug: str,
    language: str = "",
) -> Response:
    """What it looks like, saved or as it is just being typed, with a holder made up."""
    cycle = cycle_for_slug(db, actor, slug)
    code = language if language in LANGUAGES else cycle.language
    tried = certificate_form.tried(request.query_params)
    data = certificate_files.sample_image(db, cycle, files, at, code, now(), **tried)
    return Response(data, media_type="image/png", headers={"cache-control": "private, no-store"})


@router.get("/picture/{file}")
def picture(db: Db, actor: MayEditCertificates, files: Files, slug: str, file: str) -> Response:
    """A logo or a signature, as it was taken."""
    cycle = cycle_for_slug(db, actor, slug)
    found = certificate_designs.picture_of(db, cycle.id, file)
    media_type = {"png": "image/png", "jpg": "image/jpeg", "svg": "image/svg+xml"}[found]
    headers = {
        "cache-control": "private, max-age=3600",
        "content-security-policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'",
    }
    return Response(files.path(file).read_bytes(), media_type=media_type, headers=headers)


@router.post("/logo/upload")
def add_logo(
    request: Request,
    upload: DesignUpload,
    kept: DesignPicture,
    db: Db,
    actor: MayEditCertificates,
    slug: str,
) -> Response:
    """A logo more."""
    cycle = cycle_for_slug(db, actor, slug)
    alt = upload.form.text("alt")
    try:
        picture = _taken(kept)
        logo = validate(LogoIn, {"file": picture.file, "alt": alt})
        certificate_designs.add_logo(db, actor, cycle.id, picture, logo.alt)
    except DomainError as error:
        db.rollback()
        cycle = cycle_for_slug(db, actor, slug)
        return _form(request, db, actor, cycle, error=error, picture="logo", alt=alt)
    said = gettext_for(request)(N_("The logo is there."))
    return see_other(request, f"/organize/c/{slug}/certificates/design#logos", said)


@router.post("/signature/upload")
def add_signature(
    request: Request,
    upload: DesignUpload,
    kept: DesignPicture,
    db: Db,
    actor: MayEditCertificates,
    slug: str,
) -> Response:
    """The signature of one of those who sign."""
    cycle = cycle_for_slug(db, actor, slug)
    place = upload.form.text("place")
    try:
        number = int(place) if place.isascii() and place.isdecimal() and len(place) < 3 else -1
        certificate_designs.add_signature(db, actor, cycle.id, _taken(kept), number)
    except NotFound:
        raise
    except DomainError as error:
        db.rollback()
        cycle = cycle_for_slug(db, actor, slug)
        return _form(request, db, actor, cycle, error=error, picture="signature")
    said = gettext_for(request)(N_("The signature is there."))
    return see_other(request, f"/organize/c/{slug}/certificates/design#signatories", said)


def _taken(kept: Kept | Invalid) -> Kept:
    if isinstance(kept, Invalid):
        raise kept
    return kept


def _form(
    request: Request,
    db: DbSession,
    actor: Actor,
    cycle: Cycle,
    values: dict[str, Any] | None = None,
    error: DomainError | None = None,
    *,
    language: str = "",
    picture: str = "",
    alt: str = "",
) -> Response:
    row = certificate_designs.newest(db, cycle.id)
    code = language if language in LANGUAGES else cycle.language
    errors = errors_of(None if isinstance(error, Stale) else error, gettext_for(request))
    named = errors_of(
        None if isinstance(error, Stale) or picture else error,
        gettext_for(request),
        certificate_form.in_form,
    )
    context = {
        **about(request, cycle),
        "values": values or certificate_form.shown(row, cycle.accent),
        "version": row.version if row else 0,
        "stale": isinstance(error, Stale),
        "errors": named,
        "picture_errors": errors if picture else {},
        "picture": picture,
        "alt": alt,
        "templates": list(TEMPLATES.items()),
        "placeholders": PLACEHOLDERS,
        "house": {
            each: {
                "title": translations(each).gettext(TITLE),
                "statement": translations(each).gettext(STATEMENT),
            }
            for each in LANGUAGES
        },
        "most_logos": MOST_LOGOS,
        "most_signatories": MOST_SIGNATORIES,
        "shown_in": code,
        "reads": current_reader(request).language,
    }
    status = status_of(error) if error else 200
    return page(request, "organize/certificate_design.html", context, status=status)
