"""Pages: one's own password, and the second step of signing in."""

from typing import Any

import segno
from fastapi import APIRouter, Request
from markupsafe import Markup
from starlette.responses import Response

from app.db import DbSession
from app.domain.errors import N_, SHUT_OUT, DomainError, Invalid, NotFound
from app.domain.permissions import Permission
from app.models import User, now
from app.routers.pages.account import HOME, account_page
from app.services import accounts, second_factor
from app.services.actor import Actor
from app.services.proofs import what_proves
from app.web.access.apart import SignedInApart, held_here, proven, still_here
from app.web.access.gate import keeps
from app.web.dependencies import PLACE, transaction
from app.web.forms import FormData, errors_of
from app.web.problems import headers_of, status_of
from app.web.security import session_cookie
from app.web.templating import gettext_for, page, see_other

router = APIRouter(prefix=HOME, dependencies=[keeps(Permission.ACCOUNT), PLACE])

SECOND_STEP = f"{HOME}/second-step"


@router.post("/password")
def change_password(request: Request, actor: SignedInApart, form: FormData) -> Response:
    """A new password; every other browser is signed out."""
    password = form.values.get("password", "")
    try:
        if password != form.values.get("repeat", ""):
            raise Invalid.one("repeat", N_("This is not the same as above."), code="differs")
        user = proven(request, actor, form)
        with transaction(request, writes=True) as db:
            user = still_here(request, db, user)
            accounts.set_password(db, user, password, keep_cookie=session_cookie(request))
    except SHUT_OUT:
        raise
    except DomainError as error:
        with transaction(request, writes=False) as db:
            return account_page(request, db, actor, error, form="password")
    said = gettext_for(request)(N_("Your password is changed. Other browsers were signed out."))
    return see_other(request, HOME, said)


def _page(
    request: Request,
    db: DbSession,
    actor: Actor,
    error: DomainError | None = None,
    **more: Any,
) -> Response:
    user = db.get(User, actor.id)
    if user is None:
        raise NotFound
    context = {
        "user": user,
        "on": second_factor.is_on(user),
        "left": second_factor.recovery_codes_left(db, user.id),
        "proof": what_proves(user),
        "errors": errors_of(error, gettext_for(request)),
        "form": "",
        "secret": "",
        "svg": "",
        "pending": False,
        "begun": "",
        "codes": [],
        **more,
    }
    status = status_of(error) if error else 200
    headers = headers_of(error)
    return page(request, "organize/second_step.html", context, status=status, headers=headers)


@router.get("/second-step")
def second_step(request: Request, actor: SignedInApart) -> Response:
    """Whether signing in takes a second step, and how to turn it on or off."""
    with transaction(request, writes=False) as db:
        return _page(request, db, actor)


@router.post("/second-step/begin")
def begin(request: Request, actor: SignedInApart, form: FormData) -> Response:
    """A secret for the app. It is on this page and never again."""
    try:
        user = proven(request, actor, form)
        with transaction(request, writes=True) as db:
            user = still_here(request, db, user)
            links = request.app.state.links
            second_factor.begin(db, links, user)
            secret, url = second_factor.pending(links, user)
            svg = segno.make(url, error="m").svg_inline(omitsize=True, border=2)
            begun = second_factor.begun_token(links, user, now())
            shown = {"secret": secret, "svg": Markup(svg), "pending": True}  # noqa: S704
            return _page(request, db, actor, None, begun=begun, **shown)
    except SHUT_OUT:
        raise
    except DomainError as error:
        with transaction(request, writes=False) as db:
            return _page(request, db, actor, error, form="begin")


@router.post("/second-step/confirm")
def confirm(request: Request, actor: SignedInApart, form: FormData) -> Response:
    """Turns it on by a first code. The codes for paper are on this page and never again."""
    begun = form.text("begun")
    try:
        with transaction(request, writes=True) as db:
            user = held_here(request, db, actor.id)
            keep, code = session_cookie(request), form.text("code")
            links = request.app.state.links
            second_factor.check_begun(links, user, begun, now())
            codes = second_factor.confirm(db, links, user, code, now(), keep_cookie=keep)
            return _page(request, db, actor, codes=codes)
    except Invalid as error:
        with transaction(request, writes=False) as db:
            # Without the secret: whoever finds the browser must not be shown it for a wrong code.
            return _page(request, db, actor, error, form="confirm", pending=True, begun=begun)


@router.post("/second-step/codes")
def renew_codes(request: Request, actor: SignedInApart, form: FormData) -> Response:
    """New codes for paper; those from before end."""
    try:
        user = proven(request, actor, form)
        with transaction(request, writes=True) as db:
            user = still_here(request, db, user)
            codes = second_factor.renew_recovery_codes(db, user)
            return _page(request, db, actor, codes=codes)
    except SHUT_OUT:
        raise
    except DomainError as error:
        with transaction(request, writes=False) as db:
            return _page(request, db, actor, error, form="codes")


@router.post("/second-step/off")
def turn_off(request: Request, actor: SignedInApart, form: FormData) -> Response:
    """Signing in takes one step again."""
    try:
        user = proven(request, actor, form)
        with transaction(request, writes=True) as db:
            second_factor.turn_off(db, still_here(request, db, user))
    except SHUT_OUT:
        raise
    except DomainError as error:
        with transaction(request, writes=False) as db:
            return _page(request, db, actor, error, form="off")
    said = gettext_for(request)(N_("The second step is off."))
    return see_other(request, SECOND_STEP, said)
