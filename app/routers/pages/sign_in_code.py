"""Pages: the second step of signing in."""

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from app.domain.errors import DomainError, Invalid, TooOften
from app.domain.limits import SECOND_STEP
from app.domain.permissions import Permission
from app.models import User, now
from app.routers.pages.sign_in import safe_next
from app.services import second_factor
from app.services.account_rows import hold_user
from app.services.limits import Limiter
from app.web.access.gate import declares
from app.web.dependencies import PLACE, Db, transaction
from app.web.forms import FormData, errors_of
from app.web.problems import headers_of, status_of
from app.web.sign_ins import CODE, SIGN_IN, half, let_in
from app.web.templating import gettext_for, page

# Before the links' addresses, which would take this one for a token.
router = APIRouter(dependencies=[declares(Permission.PUBLIC), PLACE])


def _page(request: Request, user: User, error: DomainError | None = None) -> Response:
    request.state.person_language = user.language
    context = {"errors": errors_of(error, gettext_for(request))}
    status = status_of(error) if error else 200
    return page(request, "account/code.html", context, status=status, headers=headers_of(error))


@router.get(CODE)
def code_form(request: Request, db: Db) -> Response:
    """Asks for a code, in the browser in which the first step was done."""
    user, _ = half(request, db)
    return _page(request, user) if user else RedirectResponse(SIGN_IN, 303)


@router.post(CODE)
def use_code(request: Request, form: FormData) -> Response:
    """Signs in with a code, once."""
    limiter: Limiter = request.app.state.limiter
    with transaction(request, writes=False) as db:
        user, path = half(request, db)
    if user is None:
        return RedirectResponse(SIGN_IN, 303)
    try:
        # Counted before it is looked at: of a million codes three are right at any time.
        taken = limiter.take(now(), (SECOND_STEP, user.id))
        with transaction(request, writes=True) as db:
            hold_user(db, user.id)
            if half(request, db)[0] is None:  # what the first step was done by is another by now
                return RedirectResponse(SIGN_IN, 303)
            links = request.app.state.links
            second_factor.spend_code(db, links, user, form.text("code"), now())
            limiter.give_back(db, taken)
            return let_in(request, db, user, safe_next(path))
    except (Invalid, TooOften) as error:
        return _page(request, user, error)
