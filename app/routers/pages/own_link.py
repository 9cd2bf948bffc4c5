"""For whoever lost their personal link, or has one that was replaced: it is mailed to them."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.db import DbSession
from app.domain.addresses import mailbox_key
from app.domain.errors import N_, DomainError, Invalid, TooOften
from app.domain.limits import OWN_LINK_BY_ADDRESS, OWN_LINK_BY_NETWORK
from app.domain.permissions import Permission
from app.models import now
from app.routers.pages.public import cycle_and_reader
from app.services.limits import Limiter
from app.services.own_links import ask_for_link
from app.web import public_view as view
from app.web.access.gate import declares
from app.web.dependencies import PLACE, Db, transaction
from app.web.forms import FormData, errors_of
from app.web.networks import network_here
from app.web.problems import headers_of, status_of
from app.web.templating import gettext_for, page

router = APIRouter(prefix="/c/{slug}/link", dependencies=[declares(Permission.PUBLIC), PLACE])


def _page(
    request: Request,
    db: DbSession,
    slug: str,
    email: str = "",
    error: DomainError | None = None,
    *,
    sent: bool = False,
) -> Response:
    cycle, reader = cycle_and_reader(db, request, slug)
    context: dict[str, Any] = view.cycle_context(cycle, reader.language, reader.zone)
    context |= {"email": email, "sent": sent, "errors": errors_of(error, gettext_for(request))}
    return page(
        request,
        "public/own_link.html",
        context,
        status=status_of(error) if error else 200,
        headers={"cache-control": "private, no-store", **headers_of(error)},
    )


@router.get("")
def own_link_form(request: Request, db: Db, slug: str) -> Response:
    """Asks for the address."""
    return _page(request, db, slug)


@router.post("")
def send_own_link(request: Request, slug: str, form: FormData) -> Response:
    """Says the same whoever asks. Counted before it is looked at."""
    limiter: Limiter = request.app.state.limiter
    email = form.text("email")
    error: DomainError | None = None
    if not email:
        error = Invalid.one("email", N_("Fill this in."), code="missing")
    else:
        by_network = (OWN_LINK_BY_NETWORK, network_here(request))
        try:
            limiter.take(now(), by_network, (OWN_LINK_BY_ADDRESS, f"{slug} {mailbox_key(email)}"))
        except TooOften as too_often:
            error = too_often
    if error is None:
        with transaction(request, writes=True) as db:
            ask_for_link(db, slug, email, now())
    with transaction(request, writes=False) as db:
        return _page(request, db, slug, email, error, sent=error is None)
