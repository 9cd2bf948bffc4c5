"""Pages: one's own account: sign-ins, tokens for programs. Beside it: `account_security` (password,
second step), `account_address`."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.db import DbSession
from app.domain.errors import N_, SHUT_OUT, DomainError, Invalid, NotFound
from app.domain.permissions import Permission
from app.domain.text import localized
from app.domain.zones import wall_time, zone
from app.models import User, now
from app.openid import OpenId
from app.services import accounts, outside, second_factor, tokens
from app.services.actor import Actor, Scope
from app.services.proofs import what_proves
from app.services.sign_ins import end_others
from app.web.access.apart import SignedInApart, proven, still_here
from app.web.access.gate import keeps
from app.web.access.pages import SignedIn
from app.web.dependencies import PLACE, Db, transaction
from app.web.forms import FormData, errors_of
from app.web.problems import headers_of, status_of
from app.web.security import session_cookie
from app.web.templating import current_reader, gettext_for, page, see_other

router = APIRouter(prefix="/organize/account")

HOME = "/organize/account"


_NAMED: Mapping[str, Callable[[str], str]] = {
    "token": lambda name: "token-current" if name == "current" else name
}
"""The proof of who one is stands in two forms of the page."""


def _zone(request: Request) -> str:
    return current_reader(request).zone or "UTC"


def account_page(
    request: Request,
    db: DbSession,
    actor: Actor,
    error: DomainError | None = None,
    *,
    form: str = "",
    **more: Any,
) -> Response:
    """The account, with what was wrong with one of its forms (`form`)."""
    user = db.get(User, actor.id)
    if user is None:
        raise NotFound
    openid: OpenId | None = request.app.state.openid
    context = {
        "user": user,
        "provider": openid.provider if openid else None,
        "identities": outside.identities_of(db, actor) if openid else [],
        "second_step": second_factor.is_on(user),
        "proof": what_proves(user),
        "zone": _zone(request),
        "now": now(),
        "sign_ins": accounts.list_sign_ins(db, actor, now()),
        "current": tokens.digest(session_cookie(request)),
        "tokens": tokens.list_tokens(db, actor),
        "cycles": _cycles(request, db, actor),
        "usual_end": _usual_end(_zone(request)),
        "least": accounts.MIN_PASSWORD,
        "errors": errors_of(error, gettext_for(request), _NAMED.get(form, str)),
        "form": form,
        "values": {},
        "secret": "",
        **more,
    }
    status, headers = status_of(error) if error else 200, headers_of(error)
    return page(request, "organize/account.html", context, status=status, headers=headers)


@router.get("")
def show_account(request: Request, db: Db, actor: SignedIn) -> Response:
    """The account."""
    return account_page(request, db, actor)


@router.post("/sign-ins/end-others")
def end_other_sign_ins(request: Request, db: Db, actor: SignedIn) -> Response:
    """Signs out every other browser."""
    end_others(db, actor.id, session_cookie(request))
    said = gettext_for(request)(N_("Every other browser is signed out."))
    return see_other(request, HOME, said)


@router.post("/outside/{identity_id}/end")
def disconnect(request: Request, db: Db, actor: SignedIn, identity_id: str) -> Response:
    """Ends signing in from elsewhere."""
    outside.disconnect(db, actor, identity_id, now())
    said = gettext_for(request)(N_("You no longer sign in from there."))
    return see_other(request, HOME, said)


@router.post("/sign-ins/{sign_in_id}/end")
def end_sign_in(request: Request, db: Db, actor: SignedIn, sign_in_id: str) -> Response:
    """Signs out another browser."""
    accounts.end_sign_in(db, actor, sign_in_id)
    return see_other(request, HOME, gettext_for(request)(N_("That browser is signed out.")))


def _cycles(request: Request, db: DbSession, actor: Actor) -> dict[str, str]:
    """The titles of the cycles that a token can be for, by their ids."""
    language = current_reader(request).language
    return {
        cycle.id: localized(cycle.title, language, cycle.language)
        for cycle in tokens.cycles_for_tokens(db, actor)
    }


def _usual_end(zone_name: str) -> str:
    """The last day that is offered, where the reader lives."""
    return (wall_time(now(), zone_name) + timedelta(days=tokens.USUAL_DAYS)).date().isoformat()


def _expiry(text: str, zone_name: str) -> datetime:
    """The end of the day that was chosen, or else of the usual one, where the reader lives."""
    try:
        day = date.fromisoformat(text or _usual_end(zone_name)) + timedelta(days=1)
        return datetime.combine(day, time(), tzinfo=zone(zone_name))
    except (ValueError, OverflowError):
        raise Invalid.one("expires", N_("Enter a date like 2026-11-26.")) from None


@router.post("/tokens", dependencies=[keeps(Permission.ACCOUNT), PLACE])
def create_token(request: Request, actor: SignedInApart, form: FormData) -> Response:
    """A token for a program. Its secret is on this page and never again. Who one is is to be shown
    once more: it stays when every browser is signed out, and may have no end."""
    scopes = [scope.value for scope in Scope if form.checked(f"scope-{scope.value}")]
    try:
        endless = form.checked("endless")
        expires = None if endless else _expiry(form.text("expires"), _zone(request))
        user = proven(request, actor, form)
        with transaction(request, writes=True) as db:
            still_here(request, db, user)
            token, secret = tokens.create_token(
                db, actor, form.text("name"), scopes, expires, form.text("cycle") or None
            )
            return account_page(request, db, actor, secret=secret, made=token)
    except SHUT_OUT:
        raise
    except DomainError as error:
        with transaction(request, writes=False) as db:
            return account_page(request, db, actor, error, form="token", values=form.values)


@router.post("/tokens/{token_id}/revoke")
def revoke_token(request: Request, db: Db, actor: SignedIn, token_id: str) -> Response:
    """Ends a token."""
    tokens.revoke_token(db, actor, token_id, now())
    said = gettext_for(request)(N_("The token is revoked: whoever has it can do nothing with it."))
    return see_other(request, HOME, said)
