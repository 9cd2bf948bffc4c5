"""Pages: nothing is sent since a restore; which mails wait, and what a person says of it."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.domain.errors import N_
from app.languages import translations
from app.models import now
from app.services import outbox, sending
from app.web.access.pages import MayAdminister
from app.web.dependencies import Db
from app.web.forms import FormData
from app.web.mail_words import KINDS
from app.web.templating import current_reader, gettext_for, page, see_other

router = APIRouter(prefix="/organize/sending")


@router.get("")
def show_sending(request: Request, db: Db, actor: MayAdminister) -> Response:
    """Whether mails go out; if not, since when and which wait."""
    held = sending.current(db)
    groups = sending.waiting(db, actor) if held is not None else []
    context = {
        "held": held,
        "older": [w for w in groups if w.repeats],
        "newer": [w for w in groups if not w.repeats],
        "requests": sending.webhooks_waiting(db) if held is not None else 0,
        "count": sum(w.count for w in groups),
        "titles": outbox.cycle_titles_by_id(db, {w.cycle_id for w in groups if w.cycle_id}),
        "kinds": KINDS,
        "zone": current_reader(request).zone or "UTC",
    }
    return page(request, "organize/sending.html", context)


@router.post("/leave-out")
def leave_out(request: Request, db: Db, actor: MayAdminister, form: FormData) -> Response:
    """Lets those of one kind about one cycle not go out."""
    count = sending.drop(
        db,
        actor,
        cycle_id=form.text("cycle") or None,
        kind=form.text("kind"),
        repeats=form.text("repeats") == "yes",
    )
    return _left_out(request, count)


@router.post("/leave-out-all")
def leave_out_all(request: Request, db: Db, actor: MayAdminister) -> Response:
    """The same of all that may have gone out already."""
    return _left_out(request, sending.drop_all_that_repeats(db, actor))


def _left_out(request: Request, count: int) -> Response:
    speak = translations(current_reader(request).language)
    said = speak.ngettext("%(count)s mail is left out.", "%(count)s mails are left out.", count)
    return see_other(request, "/organize/sending", said % {"count": count})


@router.post("/resume")
def resume(request: Request, db: Db, actor: MayAdminister) -> Response:
    """Lets everything go that waits."""
    sending.resume(db, actor, now())
    said = gettext_for(request)(N_("Mails go out again."))
    return see_other(request, "/organize/mail", said)


@router.post("/{message_id}/leave-out")
def leave_one_out(request: Request, db: Db, actor: MayAdminister, message_id: str) -> Response:
    """Lets one mail not go out."""
    message = sending.drop_one(db, actor, message_id)
    said = gettext_for(request)(N_("The mail to %(address)s is left out."))
    return see_other(
        request, f"/organize/mail/{message.id}", said % {"address": message.to_address}
    )
