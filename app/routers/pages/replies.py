"""Pages: mails that came in."""

from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.db import DbSession
from app.domain import words
from app.domain.answers import Answer
from app.domain.errors import N_, Clash
from app.languages import translations
from app.mail.inbound import printable
from app.models import InboundMail, now
from app.services import cycles, inbound_lists
from app.services.actor import Actor
from app.web.access.pages import MayEditMail, MayReadMail
from app.web.dependencies import Db
from app.web.downloads import download
from app.web.forms import FormData
from app.web.problems import translate
from app.web.templating import current_reader, gettext_for, page, see_other

router = APIRouter(prefix="/organize/replies")

KINDS = {
    "reply": N_("Answer to an invitation"),
    "bounce": N_("Returned mail"),
    "automatic": N_("Automatic mail"),
    "other": N_("Letter"),
}
REASONS = {
    "stranger": N_("It was not sent from an address of the person who was invited."),
    "untagged": N_(
        "It was not sent to the address in the invitation: anybody can write such a sender."
    ),
    "ambiguous": N_("It may be the answer of several people."),
    "unknown-guest": N_("Nobody who was invited has this address."),
    "unknown-session": N_("It answers a session that the person was not invited to."),
    "delegated": N_("Somebody else is to come instead."),
    "proposes": N_("They propose another time."),
    "no-answer": N_("It says neither yes, perhaps nor no."),
    "unknown-bounce": N_("A mail came back that is not known here."),
    "letter": N_("Somebody has written: read it, and answer from your own mail program."),
    "too-large": N_("It is too large to be read here: look at it in the mailbox."),
    "unreadable": N_("It could not be read."),
    "unfetched": N_("The mail server does not hand it over: look at it in the mailbox."),
    "automatic": N_("A machine has written it."),
}
BECAME = {
    "taken": N_("Taken"),
    "older": N_("A newer answer is held"),
}
ANSWERS = {
    **{answer.upper(): word for answer, word in words.ANSWERS.items()},
    "DELEGATED": N_("Somebody else comes"),
}
_MOST_RAW = 64 * 1024  # characters that are shown; the download has all


@router.get("")
def list_replies(
    request: Request,
    db: Db,
    actor: MayReadMail,
    status: str = "open",
    cycle: str = "",
    after: str = "",
) -> Response:
    """What came in, the newest first: what waits for a person, unless something else is wanted."""
    chosen = status if status in (*inbound_lists.STATUSES, "all") else "open"
    cycle_id = cycles.cycle_for_slug(db, actor, cycle).id if cycle else None
    wanted = None if chosen == "all" else chosen
    mails, following = inbound_lists.list_inbound(db, actor, wanted, cycle_id, after)
    kept = {"cycle": cycle} if cycle else {}

    def link(**values: str) -> str:
        query = urlencode({**kept, **values})
        return "/organize/replies" + (f"?{query}" if query else "")

    context = {
        "mails": mails,
        "about": inbound_lists.about(db, mails),
        "chosen": chosen,
        "cycle": cycle,
        "link": link,
        "first": not after,
        "following": following,
        "kinds": KINDS,
        "reasons": REASONS,
        "zone": current_reader(request).zone or "UTC",
    }
    return page(request, "organize/replies.html", context)


@router.get("/{mail_id}")
def show_reply(request: Request, db: Db, actor: MayReadMail, mail_id: str, q: str = "") -> Response:
    """One mail: what was read out of it, and all of it; where it waits, whose it may be."""
    mail = inbound_lists.get_inbound(db, actor, mail_id)
    return page(request, "organize/reply.html", _context(request, db, actor, mail, q))


def _context(
    request: Request, db: DbSession, actor: Actor, mail: InboundMail, q: str
) -> dict[str, Any]:
    about = inbound_lists.about(db, [mail])
    answers = mail.details.get("answers", [])
    waits = mail.status == "open" and mail.kind in ("reply", "other")
    guest = inbound_lists.likely(db, actor, mail) if waits else None
    held = inbound_lists.held_answers(db, actor, mail, guest.guest_id) if guest else []
    cycle = about.cycles.get(mail.cycle_id or "")
    return {
        "mail": mail,
        "shown": {"headers": [], "text": "", "calendar": "", **mail.shown},
        "about": about,
        "answers": answers,
        "failed": mail.details.get("failed", []),
        "waits": waits,
        "guest": guest,
        "held": held,
        "found": inbound_lists.candidates(db, actor, mail, q) if waits else [],
        "q": q,
        "raw": printable(mail.raw, _MOST_RAW),
        "kinds": KINDS,
        "reasons": REASONS,
        "became": REASONS | BECAME,
        "partstats": ANSWERS,
        "zone": cycle.zone if cycle else current_reader(request).zone or "UTC",
    }


@router.get("/{mail_id}/whose")
def confirm_guest(
    request: Request, db: Db, actor: MayEditMail, mail_id: str, guest: str = ""
) -> Response:
    """What counting it as somebody's answer, or noting one, will change, and one button."""
    mail = inbound_lists.get_inbound(db, actor, mail_id)
    found = inbound_lists.candidate(db, actor, mail, guest)
    held = inbound_lists.held_answers(db, actor, mail, found.guest_id)
    context = {"mail": mail, "guest": found, "held": held, "partstats": ANSWERS}
    return page(request, "organize/reply_whose.html", context)


@router.get("/{mail_id}/file")
def download_reply(request: Request, db: Db, actor: MayReadMail, mail_id: str) -> Response:
    """The mail as it came, for a mail program; never shown in the browser."""
    mail = inbound_lists.get_inbound(db, actor, mail_id)
    return download(mail.raw, "message/rfc822", f"{mail.id}.eml")


@router.post("/{mail_id}/place")
def place_reply(
    request: Request, db: Db, actor: MayEditMail, mail_id: str, form: FormData
) -> Response:
    """This is the answer of …"""
    gettext = gettext_for(request)
    try:
        _, name = inbound_lists.place(db, actor, mail_id, form.text("guest"), now())
    except Clash as error:
        db.rollback()
        said = translate(error, gettext)
        return see_other(request, f"/organize/replies/{mail_id}", said, kind="error")
    said = gettext(N_("It counts as the answer of %(name)s.")) % {"name": name}
    return see_other(request, "/organize/replies", said)


@router.post("/{mail_id}/note")
def note_answer(
    request: Request, db: Db, actor: MayEditMail, mail_id: str, form: FormData
) -> Response:
    """Writes down what a letter answers."""
    gettext = gettext_for(request)
    here = f"/organize/replies/{mail_id}"
    typed = form.text("answer")
    if typed not in set(Answer):
        return see_other(request, here, gettext(N_("Choose an answer first.")), kind="warning")
    guest, session = form.text("guest"), form.text("session")
    try:
        name = inbound_lists.note(db, actor, mail_id, guest, session, Answer(typed), now())
    except Clash as error:
        db.rollback()
        return see_other(request, here, translate(error, gettext), kind="error")
    said = gettext(N_("Noted as the answer of %(name)s.")) % {"name": name}
    return see_other(request, "/organize/replies", said)


@router.post("/settle")
def settle_replies(request: Request, db: Db, actor: MayEditMail, form: FormData) -> Response:
    """There is nothing to do about any of these."""
    chosen = [name.removeprefix("mail-") for name in form.values if name.startswith("mail-")]
    count = inbound_lists.settle_many(db, actor, chosen)
    words = translations(current_reader(request).language).ngettext(
        "%(count)s mail was put away.", "%(count)s mails were put away.", count
    )
    said = words % {"count": count} if count else gettext_for(request)(N_("Nothing was chosen."))
    return see_other(request, "/organize/replies", said)


@router.post("/{mail_id}/settle")
def settle_reply(request: Request, db: Db, actor: MayEditMail, mail_id: str) -> Response:
    """There is nothing to do about it."""
    gettext = gettext_for(request)
    try:
        inbound_lists.settle(db, actor, mail_id)
    except Clash as error:
        db.rollback()
        said = translate(error, gettext)
        return see_other(request, f"/organize/replies/{mail_id}", said, kind="error")
    return see_other(request, "/organize/replies", gettext(N_("Put away.")))
