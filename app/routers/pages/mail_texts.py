"""Organizers' pages: the words of a cycle's mails, looked at before they are saved."""

from collections.abc import Sequence

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.db import DbSession
from app.domain.errors import N_, DomainError, NotFound
from app.domain.text import LANGUAGES
from app.mail.values import Content
from app.models import Cycle, now
from app.schemas.mail_text import MailTextIn
from app.services import cycles, mail_previews, mail_texts
from app.services.links import Links
from app.web.access.pages import MayEditMail
from app.web.dependencies import Db, LinksDep
from app.web.forms import FormData, errors_of
from app.web.mail_words import OWN_WORDS, TWO_READERS, WHERE
from app.web.organize import cycle_bar
from app.web.problems import status_of, validate
from app.web.security import policy
from app.web.templating import current_reader, gettext_for, page, see_other

router = APIRouter(prefix="/organize/c/{slug}/texts")


@router.get("")
def list_texts(request: Request, db: Db, actor: MayEditMail, slug: str) -> Response:
    """Which mails there are, and in which languages the cycle has its own words for them."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    context = {
        "cycle": cycle,
        "cycle_bar": cycle_bar(cycle, current_reader(request).language),
        "kinds": [(kind, *OWN_WORDS[kind]) for kind in mail_texts.KINDS],
        "own": mail_texts.list_texts(db, actor, cycle.id),
    }
    return page(request, "organize/mail_texts.html", context)


def _editor(
    request: Request,
    db: DbSession,
    links: Links,
    cycle: Cycle,
    kind: str,
    language: str,
    values: dict[str, str],
    *,
    own: bool,
    error: DomainError | None = None,
    seen: Sequence[tuple[str, Content]] = (),
) -> Response:
    subject, opening = mail_previews.house_words(db, links, cycle, kind, language, now())
    name, when = OWN_WORDS[kind]
    context = {
        "cycle": cycle,
        "cycle_bar": cycle_bar(cycle, current_reader(request).language),
        "kind": kind,
        "kind_name": name,
        "kind_when": when,
        "where": WHERE.get(kind, ""),
        "language": language,
        "values": values,
        "own": own,
        "errors": errors_of(error, gettext_for(request)),
        "placeholders": mail_texts.placeholders(kind),
        "house_subject": subject,
        "house_opening": opening,
        "previews": seen,
    }
    # The mail in its frame has its styles inline, as mail programs want them.
    headers = {"content-security-policy": policy(inline_styles=True)} if seen else {}
    status = status_of(error) if error else 200
    return page(request, "organize/mail_text.html", context, status=status, headers=headers)


def _checked(kind: str, language: str) -> None:
    if kind not in mail_texts.KINDS or language not in LANGUAGES:
        raise NotFound


def _seen(
    db: DbSession, links: Links, cycle: Cycle, kind: str, language: str, new: MailTextIn
) -> list[tuple[str, Content]]:
    """What the mail looks like, for each kind of reader that there is a version for."""
    readers = [(N_("To a participant"), False), (N_("To somebody with a part in it"), True)]
    if kind not in TWO_READERS:
        readers = [("", False)]
    at = now()
    return [
        (
            whom,
            mail_previews.preview(db, links, cycle, kind, language, new, at, speaks=speaks),
        )
        for whom, speaks in readers
    ]


@router.get("/{kind}/{language}")
def edit(
    request: Request,
    db: Db,
    actor: MayEditMail,
    links: LinksDep,
    slug: str,
    kind: str,
    language: str,
) -> Response:
    """The words of one kind of mail in one language."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    row = mail_texts.get_text(db, actor, cycle.id, kind, language)
    values = {"subject": row.subject if row else "", "text": row.text if row else ""}
    return _editor(request, db, links, cycle, kind, language, values, own=row is not None)


@router.post("/{kind}/{language}")
def save(
    request: Request,
    db: Db,
    actor: MayEditMail,
    links: LinksDep,
    slug: str,
    kind: str,
    language: str,
    form: FormData,
) -> Response:
    """Shows the whole mail with these words, or keeps them."""
    _checked(kind, language)
    cycle = cycles.cycle_for_slug(db, actor, slug)
    typed = {"subject": form.text("subject"), "text": form.text("text")}
    own = mail_texts.get_text(db, actor, cycle.id, kind, language) is not None
    try:
        new = validate(MailTextIn, typed)
        if form.text("act") == "preview":
            seen = _seen(db, links, cycle, kind, language, new)
            return _editor(request, db, links, cycle, kind, language, typed, own=own, seen=seen)
        mail_texts.set_text(db, actor, cycle.id, kind, language, new)
    except DomainError as error:
        db.rollback()
        return _editor(request, db, links, cycle, kind, language, typed, own=own, error=error)
    return _back(request, slug, N_("The words are saved. Mails that go out from now on have them."))


@router.post("/{kind}/{language}/reset")
def reset(
    request: Request, db: Db, actor: MayEditMail, slug: str, kind: str, language: str
) -> Response:
    """Back to the house's words."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    mail_texts.reset_text(db, actor, cycle.id, kind, language)
    return _back(request, slug, N_("The mail has the house's words again."))


def _back(request: Request, slug: str, said: str) -> Response:
    return see_other(request, f"/organize/c/{slug}/texts", gettext_for(request)(said))
