"""For everybody: whether a certificate is real, and its badge with all that verifies it."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from app.db import DbSession
from app.domain.certificates import certificate_code, shown_code
from app.domain.errors import Invalid, NotFound
from app.domain.permissions import Permission
from app.domain.text import LANGUAGES
from app.services import badges
from app.services.certificate_drafts import frozen
from app.services.certificate_life import certificate_of_code, refuse_nameless
from app.web.access.gate import declares
from app.web.badges import CREDENTIAL, JWK, JWK_SET, AddressesDep, KeysDep, served
from app.web.dependencies import Db
from app.web.forms import errors_of
from app.web.templating import gettext_for, page

router = APIRouter(dependencies=[declares(Permission.PUBLIC)])

_HEADERS = {"x-robots-tag": "noindex"}


@router.get("/verify")
def ask(request: Request, code: str = "") -> Response:
    """The form for a code that was typed off a paper."""
    if not code.strip():
        return _form(request, "", None, 200)
    try:
        return _to(request, certificate_code(code), 303)
    except Invalid as error:
        return _form(request, code[:200], error, 422)


@router.get("/verify/{code}")
def verify(request: Request, db: Db, at: AddressesDep, code: str) -> Response:
    """What was certified, and whether it still holds."""
    try:
        plain = certificate_code(code)
    except Invalid as error:
        return _form(request, code[:200], error, 404)
    if plain != code:
        return _to(request, plain, 308)
    return _certificate(request, db, at, plain)


def _to(request: Request, code: str, status: int) -> Response:
    """Leads to the page of a code, in the language that was asked for."""
    language = request.query_params.get("lang", "")
    asked = f"?lang={language}" if language in LANGUAGES else ""
    return RedirectResponse(f"/verify/{code}{asked}", status)


def _certificate(request: Request, db: DbSession, at: badges.Addresses, code: str) -> Response:
    try:
        row = certificate_of_code(db, code)
    except NotFound:
        unknown = {"code": shown_code(code)}
        return page(request, "public/verify_unknown.html", unknown, status=404, headers=_HEADERS)
    context: dict[str, Any] = {
        "row": row,
        "said": frozen(row),
        "code": shown_code(row.code),
        "address": at.verify(row.code),
        "badge": f"/verify/{row.code}/badge.jwt",
    }
    return page(request, "public/verify.html", context, headers=_HEADERS)


def _form(request: Request, code: str, error: Invalid | None, status: int) -> Response:
    context = {"typed": code, "errors": errors_of(error, gettext_for(request))}
    return page(request, "public/verify_ask.html", context, status=status, headers=_HEADERS)


@router.get("/verify/{code}/badge.jwt")
def badge(db: Db, at: AddressesDep, keys: KeysDep, code: str) -> Response:
    """The signed badge."""
    row = certificate_of_code(db, code)
    refuse_nameless(row)
    name = f"badge-{row.code[:8]}.jwt"
    return served(badges.badge(row, keys.ring(), at), CREDENTIAL, file_name=name)


@router.get("/badges/keys")
def all_keys(at: AddressesDep, keys: KeysDep) -> Response:
    """All public keys, old ones too."""
    return served(badges.key_set(keys.ring(), at), JWK_SET)


@router.get("/badges/keys/{key_id}")
def one_key(at: AddressesDep, keys: KeysDep, key_id: str) -> Response:
    """One public key: a badge's header leads here."""
    return served(badges.key(keys.ring(), key_id, at), JWK)


@router.get("/badges/{cycle_id}/issuer")
def issuer(db: Db, at: AddressesDep, cycle_id: str) -> Response:
    """Who issues a cycle's badges."""
    return served(badges.issuer(db, cycle_id, at))


@router.get("/badges/{cycle_id}/achievements/{version}/{language}")
def achievement(db: Db, at: AddressesDep, cycle_id: str, version: str, language: str) -> Response:
    """What a cycle's badges are awarded for."""
    return served(badges.achievement(db, cycle_id, _number(version), language, at))


@router.get("/badges/{cycle_id}/status/{number}")
def status(db: Db, at: AddressesDep, keys: KeysDep, cycle_id: str, number: str) -> Response:
    """Which of a cycle's badges do not hold any more."""
    content = badges.status(db, cycle_id, _number(number), keys.ring(), at)
    return served(content, CREDENTIAL, seconds=60)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < len(text) < 6):
        raise NotFound
    return int(text)
