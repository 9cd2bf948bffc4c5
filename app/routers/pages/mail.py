"""Pages: what became of the mails."""

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.domain.errors import N_, Clash, NotFound
from app.mail.failures import Reason
from app.models import Message, now
from app.services import inbound_lists, outbox
from app.web.dependencies import Db, Organizer
from app.web.mail_words import OWN_WORDS, delivery
from app.web.problems import translate
from app.web.templating import current_reader, gettext_for, page, see_other

router = APIRouter(prefix="/organize/mail")

KINDS = {
    "enrolment-confirmed": N_("Enrolment confirmed"),
    "enrolment-pending": N_("Enrolment received"),
    "enrolment-waitlisted": N_("On the waiting list"),
    "enrolment-link": N_("Personal link"),
    "sign-in": N_("Sign-in link"),
    "part-reminder": N_("Reminder to confirm a part"),
} | {kind: name for kind, (name, _) in OWN_WORDS.items()}
REASONS = {
    Reason.UNREACHABLE: N_("The mail server cannot be reached."),
    Reason.NO_TLS: N_("The connection to the mail server cannot be made secure."),
    Reason.LOGIN: N_("The mail server does not accept our user and password."),
    Reason.DROPPED: N_("The mail server ended the connection."),
    Reason.TIMEOUT: N_("The mail server did not answer in time."),
    Reason.DELAYED: N_("The mail server asks us to try later."),
    Reason.REFUSED: N_("The mail server refused it. Check the address."),
    Reason.HELD: N_(
        "The mail server refuses whatever we send: a limit or a rule of its own. It is tried again."
    ),
    Reason.SIZE: N_("The mail server does not take mails of this size."),
    Reason.SENDER: N_("The mail server does not let us send under our address."),
    Reason.ADDRESS: N_("Mail cannot be sent to this address. Check it."),
    Reason.FILE: N_("The file could not be written."),
    Reason.GONE: N_("What it was about is no longer there."),
    Reason.MOOT: N_("It no longer held: the person had withdrawn, or the session had changed."),
    Reason.MOVED: N_(
        "The session had been moved or cancelled. If it has a new time, there is a new reminder."
    ),
    Reason.EXPIRED: N_("The link in it had expired before it could be sent."),
    Reason.OVER: N_("It could not be sent before its session was over."),
    Reason.WRITING: N_("Its text could not be made. This is a fault of the program."),
}


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
    request: Request, db: Db, actor: Organizer, status: str = "", after: str = ""
) -> Response:
    """The mails, the newest first."""
    chosen = status if status in outbox.STATUSES else ""
    messages, following = outbox.list_messages(db, actor, None, chosen or None, after)
    context = {
        "rows": [(m, state_of(m), _error(m)[0]) for m in messages],
        "titles": outbox.cycle_titles(db, messages),
        "chosen": chosen,
        "first": not after,
        "following": following,
        "kinds": KINDS,
        "replies": inbound_lists.waiting(db, actor),
        "mail_is_sent": request.app.state.mail_is_sent,
        "mail_dir": request.app.state.mail_dir,
        "zone": current_reader(request).zone or "UTC",
    }
    return page(request, "organize/mail.html", context)


def _readable(request: Request, message: Message) -> bool:
    """A sign-in link lets in whoever reads it, so it is for its owner's eyes alone."""
    return message.kind != outbox.SIGN_IN or bool(request.app.state.development)


def _file(request: Request, message: Message) -> Path | None:
    path = Path(request.app.state.mail_dir, f"{message.id}.eml")
    return path if _readable(request, message) and path.is_file() else None


@router.get("/{message_id}")
def show_mail(request: Request, db: Db, actor: Organizer, message_id: str) -> Response:
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
def download_mail(request: Request, db: Db, actor: Organizer, message_id: str) -> Response:
    """The file, for a mail program; never shown in the browser."""
    message = outbox.get_message(db, actor, message_id)
    path = _file(request, message)
    if path is None:
        raise NotFound
    headers = {"content-disposition": f'attachment; filename="{message.id}.eml"'}
    return Response(path.read_bytes(), media_type="message/rfc822", headers=headers)


@router.post("/{message_id}/again")
def send_again(request: Request, db: Db, actor: Organizer, message_id: str) -> Response:
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
