"""Pages: what became of the mails."""

from collections import Counter
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.domain.errors import N_, Clash, NotFound
from app.languages import translations
from app.mail.failures import Reason
from app.models import Message, now
from app.services import inbound_lists, outbox
from app.services.failed_mail import failed_by_reason, send_failed_again
from app.services.mail_list import LONGEST_SEARCH, cycles_of_mail, list_messages
from app.web.access.pages import MayEditMail, MayReadMail
from app.web.dependencies import Db
from app.web.forms import FormData
from app.web.mail_words import KINDS, REASONS, delivery
from app.web.problems import translate
from app.web.templating import current_reader, gettext_for, page, see_other

router = APIRouter(prefix="/organize/mail")


def state_of(message: Message) -> str:
    """Where a mail stands, in the words of components/status.html."""
    if message.status == "queued" and message.leased_until and message.leased_until > now():
        return "sending"
    if message.status == "queued" and message.attempts:
        return "failed"
    return delivery(message.status)


def _error(message: Message) -> tuple[str, str]:
    """The sentence for what went wrong last, and what the server said."""
    code, _, detail = message.last_error.partition(": ")
    return (REASONS[Reason(code)] if code in set(Reason) else "", detail)


@router.get("")
def list_mail(
    request: Request,
    db: Db,
    actor: MayReadMail,
    status: str = "",
    cycle: str = "",
    q: str = "",
    after: str = "",
    before: str = "",
) -> Response:
    """The mails, the newest first."""
    titles = cycles_of_mail(db, actor)
    chosen = status if status in outbox.STATUSES else ""
    cycle = cycle if cycle in titles else ""
    seen = list_messages(
        db, actor, cycle_id=cycle, status=chosen, search=q, after=after, before=before
    )
    failed = failed_by_reason(db, actor, now(), cycle or None) if chosen == "failed" else Counter()
    context = {
        "rows": [(m, state_of(m), _error(m)[0]) for m in seen.rows],
        "seen": seen,
        "failed": sorted(failed.items()),
        "reasons": REASONS,
        "titles": titles,
        "chosen": chosen,
        "cycle": cycle,
        "q": q[:LONGEST_SEARCH],
        "at": partial(_address, status=chosen, cycle=cycle, q=q[:LONGEST_SEARCH]),
        "kinds": KINDS,
        "replies": inbound_lists.waiting(db, actor),
        "mail_is_sent": request.app.state.mail_is_sent,
        "mail_dir": request.app.state.mail_dir,
        "zone": current_reader(request).zone or "UTC",
    }
    return page(request, "organize/mail.html", context)


def _address(**query: str) -> str:
    """The list's address with what of these is not empty."""
    given = urlencode({name: value for name, value in query.items() if value})
    return f"/organize/mail?{given}" if given else "/organize/mail"


@router.post("/again")
def send_all_again(request: Request, db: Db, actor: MayEditMail, form: FormData) -> Response:
    """Queues all of a cycle again that were given up, or those for one reason."""
    cycle, count = send_failed_again(db, actor, form.text("cycle"), now(), form.text("reason"))
    back = _address(status="failed", cycle=cycle.id)
    if form.text("from") == "invitations":
        back = f"/organize/c/{cycle.slug}/invitations"
    speak = translations(current_reader(request).language)
    said = speak.ngettext(
        "%(count)s mail is on its way again.", "%(count)s mails are on their way again.", count
    )
    return see_other(request, back, said % {"count": count})


def _readable(request: Request, message: Message) -> bool:
    """A sign-in link lets in whoever reads it, so it is for its owner's eyes alone."""
    return message.kind not in outbox.PRIVATE_KINDS or bool(request.app.state.development)


def _file(request: Request, message: Message) -> Path | None:
    path = Path(request.app.state.mail_dir, f"{message.id}.eml")
    return path if _readable(request, message) and path.is_file() else None


@router.get("/{message_id}")
def show_mail(request: Request, db: Db, actor: MayReadMail, message_id: str) -> Response:
    """One mail: what became of it and, where it is a file, what it says."""
    message = outbox.get_message(db, actor, message_id)
    path = _file(request, message)
    text, headers = "", []
    if path is not None:
        mail = message_from_bytes(path.read_bytes(), EmailMessage, policy=default)
        body = mail.get_body(("plain",))
        text = body.get_content().replace("\r\n", "\n") if body is not None else ""
        headers = [(name, mail[name]) for name in ("From", "To", "Reply-To", "Subject", "Date")]
    context = {
        "message": message,
        "state": state_of(message),
        "error": _error(message),
        "by_server": not message.last_error.startswith(f"{Reason.WRITING}:"),
        "titles": outbox.cycle_titles(db, [message]),
        "kinds": KINDS,
        "text": text,
        "headers": [(name, value) for name, value in headers if value],
        "readable": _readable(request, message),
        "is_file": path is not None,
        "mail_is_sent": request.app.state.mail_is_sent,
        "zone": current_reader(request).zone or "UTC",
    }
    return page(request, "organize/mail_message.html", context)


@router.get("/{message_id}/file")
def download_mail(request: Request, db: Db, actor: MayReadMail, message_id: str) -> Response:
    """The file, for a mail program; never shown in the browser."""
    message = outbox.get_message(db, actor, message_id)
    path = _file(request, message)
    if path is None:
        raise NotFound
    headers = {"content-disposition": f'attachment; filename="{message.id}.eml"'}
    return Response(path.read_bytes(), media_type="message/rfc822", headers=headers)


@router.post("/{message_id}/again")
def send_again(request: Request, db: Db, actor: MayEditMail, message_id: str) -> Response:
    """Queues it again."""
    gettext = gettext_for(request)
    try:
        again = outbox.retry(db, actor, message_id, now())
    except Clash as error:
        db.rollback()
        said = translate(error, gettext)
        return see_other(request, f"/organize/mail/{message_id}", said, kind="error")
    said = gettext(N_("The mail to %(address)s is on its way again.")) % {
        "address": again.to_address
    }
    return see_other(request, f"/organize/mail/{again.id}", said)
