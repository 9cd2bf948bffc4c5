"""Pages: one's own account: password, sign-ins, tokens for programs."""

from datetime import date, datetime, time, timedelta
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.db import DbSession
from app.domain.errors import N_, DomainError, Invalid
from app.domain.zones import zone
from app.models import User, now
from app.services import accounts, tokens
from app.services.actor import Actor, Scope
from app.web.access.pages import SignedIn
from app.web.dependencies import Db
from app.web.forms import FormData, errors_of
from app.web.problems import status_of
from app.web.security import COOKIE
from app.web.templating import current_reader, gettext_for, page, see_other

router = APIRouter(prefix="/organize/account")

HOME = "/organize/account"


def _zone(request: Request) -> str:
    return current_reader(request).zone or "UTC"


def _account(
    request: Request,
    db: DbSession,
    actor: Actor,
    error: DomainError | None = None,
    **more: Any,
) -> Response:
    user = db.get(User, actor.id)
    context = {
        "user": user,
        "zone": _zone(request),
        "now": now(),
        "sign_ins": accounts.list_sign_ins(db, actor, now()),
        "current": tokens.digest(request.cookies.get(COOKIE, "")),
        "tokens": tokens.list_tokens(db, actor),
        "least": accounts.MIN_PASSWORD,
        "errors": errors_of(error, gettext_for(request)),
        "form": "",
        "values": {},
        "secret": "",
        **more,
    }
    status = status_of(error) if error else 200
    return page(request, "organize/account.html", context, status=status)


@router.get("")
def show_account(request: Request, db: Db, actor: SignedIn) -> Response:
    """The account."""
    return _account(request, db, actor)


@router.post("/password")
def change_password(request: Request, db: Db, actor: SignedIn, form: FormData) -> Response:
    """A new password; every other browser is signed out."""
    password = form.values.get("password", "")
    try:
        if password != form.values.get("repeat", ""):
            raise Invalid.one("repeat", N_("This is not the same as above."), code="differs")
        accounts.change_password(
            db,
            actor,
            form.values.get("current", ""),
            password,
            keep_cookie=request.cookies.get(COOKIE, ""),
        )
    except DomainError as error:
        db.rollback()
        return _account(request, db, actor, error, form="password")
    said = gettext_for(request)(N_("Your password is changed. Other browsers were signed out."))
    return see_other(request, HOME, said)


@router.post("/sign-ins/{sign_in_id}/end")
def end_sign_in(request: Request, db: Db, actor: SignedIn, sign_in_id: str) -> Response:
    """Signs out another browser."""
    accounts.end_sign_in(db, actor, sign_in_id)
    return see_other(request, HOME, gettext_for(request)(N_("That browser is signed out.")))


def _expiry(text: str, zone_name: str) -> datetime | None:
    """The end of the day that was chosen, where the reader lives."""
    if not text:
        return None
    try:
        day = date.fromisoformat(text) + timedelta(days=1)
        return datetime.combine(day, time(), tzinfo=zone(zone_name))
    except (ValueError, OverflowError):
        raise Invalid.one("expires", N_("Enter a date like 2026-11-26.")) from None


@router.post("/tokens")
def create_token(request: Request, db: Db, actor: SignedIn, form: FormData) -> Response:
    """A token for a program. Its secret is on this page and never again."""
    scopes = [scope.value for scope in Scope if form.checked(f"scope-{scope.value}")]
    try:
        expires = _expiry(form.text("expires"), _zone(request))
        token, secret = tokens.create_token(db, actor, form.text("name"), scopes, expires)
    except DomainError as error:
        db.rollback()
        return _account(request, db, actor, error, form="token", values=form.values)
    return _account(request, db, actor, secret=secret, made=token)


@router.post("/tokens/{token_id}/revoke")
def revoke_token(request: Request, db: Db, actor: SignedIn, token_id: str) -> Response:
    """Ends a token."""
    tokens.revoke_token(db, actor, token_id, now())
    said = gettext_for(request)(N_("The token is revoked: whoever has it can do nothing with it."))
    return see_other(request, HOME, said)
