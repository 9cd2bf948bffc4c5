"""Organizers' pages: a cycle's privacy notice, who agreed to it, how long details are kept."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.domain.errors import N_, Clash, NotFound
from app.domain.permissions import Permission
from app.domain.retention import CHOICES
from app.models import now
from app.schemas.privacy import RetentionIn
from app.services import notices, retention
from app.services.cycles import cycle_for_slug
from app.services.schedules import released_schedule
from app.web.access.pages import MayManagePrivacy, MayReadPeople
from app.web.dependencies import Db
from app.web.forms import FormData
from app.web.organize import cycle_bar
from app.web.templating import current_reader, gettext_for, page, see_other

router = APIRouter(prefix="/organize/c/{slug}/privacy")


@router.get("")
def privacy(request: Request, db: Db, actor: MayReadPeople, slug: str) -> Response:
    """The notice that holds, how many have agreed to which version, how long details are kept."""
    cycle = cycle_for_slug(db, actor, slug)
    language = current_reader(request).language
    found = notices.versions(db, actor, cycle.id)
    schedule = released_schedule(db, cycle.id)
    text, text_language = found[0].notice.in_language(language)
    context = {
        "cycle": cycle,
        "cycle_bar": cycle_bar(cycle, language),
        "base": f"/organize/c/{slug}",
        "versions": found,
        "notice": found[0].notice,
        "words": text,
        "text_language": text_language,
        "may_change": actor.may(Permission.PRIVACY, cycle.id),
        "choices": CHOICES,
        "ended": retention.end_of(schedule),
        "due": retention.due_of(cycle, schedule),
        "without": notices.not_agreed(db, cycle.id),
    }
    return page(request, "organize/privacy.html", context)


@router.post("/retention")
def keep_for(
    request: Request, db: Db, actor: MayManagePrivacy, slug: str, form: FormData
) -> Response:
    """For how long details are kept."""
    cycle = cycle_for_slug(db, actor, slug)
    typed = form.text("months")
    months = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 4 else None
    if typed and months not in CHOICES:
        raise NotFound
    retention.set_retention(
        db, actor, cycle.id, RetentionIn.model_validate({"months": months}), now()
    )
    said = gettext_for(request)(N_("Saved. Below is what happens when."))
    return see_other(request, f"/organize/c/{slug}/privacy#retention", said)


@router.post("/postpone")
def put_off(request: Request, db: Db, actor: MayManagePrivacy, slug: str) -> Response:
    """Puts the day off by three months."""
    gettext = gettext_for(request)
    back = f"/organize/c/{slug}/privacy#retention"
    try:
        retention.postpone(db, actor, cycle_for_slug(db, actor, slug).id, now())
    except Clash as error:
        db.rollback()
        return see_other(request, back, gettext(error.sentence), kind="warning")
    return see_other(request, back, gettext(N_("It is put off by three months.")))
