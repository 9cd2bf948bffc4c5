"""Everything that a person can type, and a world in which all of it is hostile.

Columns are found in the tables: one that is in neither list below fails a test. What is typed is
written past the schemas, so that each way out has to hold by itself.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import JSON, Table, select, update
from sqlmodel import col
from sqlmodel import select as rows

from app.db import Database, DbSession
from app.domain.attendance import Kind
from app.models import (
    CertificateDesign,
    Erasure,
    Evidence,
    FeedbackAnswer,
    FeedbackForm,
    FeedbackQuestion,
    Guest,
    Invitation,
    MailText,
    ReportAlias,
    SessionClosing,
    User,
    metadata,
    now,
)
from app.services import part_requests
from app.services.actor import SYSTEM
from app.services.links import Links
from app.services.publishing import publish
from tests.access.world import World, build_world

TYPED = tuple(
    """
address_change.new_email address_change.old_email
api_token.name
audit_entry.actor_name audit_entry.after audit_entry.before audit_entry.private_after
audit_entry.private_before
certificate.document certificate.ended_by certificate.holder certificate.issued_by
certificate.reason
certificate_design.recorded_by certificate_design.signatories certificate_design.statement
certificate_design.title
cycle.contact_email cycle.description cycle.privacy_notice cycle.title
cycle_rule.recorded_by
enrolment.institution enrolment.name
erasure.reason erasure.recorded_by
evidence.reason evidence.recorded_by evidence.shown_as
feedback_answer.value
feedback_question.high feedback_question.low feedback_question.options feedback_question.text
guest.aliases guest.biography
inbound_mail.details inbound_mail.raw inbound_mail.sender inbound_mail.settled_by
inbound_mail.shown inbound_mail.subject
initiative.name initiative.sector initiative.territory
institution.acronym institution.name
invitation.address invitation.comment
issue_run.last_error issue_run.recorded_by
mail_pace.detail mail_pace.pause
mail_text.changed_by mail_text.subject mail_text.text
material.file_name material.title material.url
message.last_error message.to_name
outside_identity.subject outside_sign_in.next
part.comment part.institution part.position
person.bounce person.email person.name person.position
privacy_notice.recorded_by privacy_notice.texts
release.document release.note release.published_by
report_alias.key report_alias.recorded_by
report_import.applied_by report_import.filename report_import.layout report_import.reading
report_import.reason report_import.recorded_by report_import.undone_by
report_row.details report_row.email report_row.name report_row.note report_row.who
segment.title
sending_hold.ended_by
session.backstage_url session.check_in_word session.description session.meeting_passcode
session.meeting_url session.title
session_closing.reason session_closing.recorded_by
sign_in.browser sign_in.network
team_invitation.email team_invitation.invited_by
user_account.email user_account.name
webhook.added_by webhook.address webhook.description
webhook_delivery.reason webhook_event.data
""".split()  # noqa: SIM905 (a list to be read)
)
"""Words of people, also of those who write mails and reports, and of servers."""

OURS = tuple(
    """
id uid slug status language zone country kind role state audience anchor standing template accent
code room_code reply_code search_key email_key owner_id person_id row_id
cycle_id deed_id actor_id digest request_digest password_hash totp_secret salt seed
seed_before leased_by source matched_by lane method gender answer answer_source consent_language
channel actor_kind noun change deed provider photo file media_type type intent message_id server
outcome scope
""".split()  # noqa: SIM905 (a list to be read)
)
"""Names of columns that hold ids, choices, digests and secrets of the program's own making."""
OURS_IN = tuple(
    """
api_token.scopes certificate_design.logos cycle.completion_rule cycle_rule.document erasure.counts
erasure.files guest.unavailable inbound_mail.key inbound_mail.reason issue_run.after
kept_answer.body kept_answer.headers kept_answer.key limit_count.key mail_pace.recent
evidence.key message.context message.to_address outside_identity.issuer session_closing.counts
webhook.disabled_why webhook.events webhook_delivery.tries webhook_event.key
""".split()  # noqa: SIM905 (a list to be read)
)
"""The same where other tables have words under such a name; answers and notes of our own."""

BREAKERS = (
    "</title></textarea></script><script>zq()</script><img src=x onerror=zq() zq-at=1>"
    "<zq-el></zq-el><!--'\"><a href=javascript:zq() zq-at=2>`${zq()}` {{7*7}}{% zq %}"
    "\r\nX-Zq: 1\r\nBEGIN:VEVENT\r\nSUMMARY:zqinjected\r\nEND:VEVENT\r\n;,:\\n\\, "
    '#read("/etc/passwd") $ \\ ] #let *_`<zq-label> @zq \x1b[31m\x07 \u202ezq\u202c\u200b\ufeff'
    "\u2028\u0085 😀👩‍💻 ñ漢 %0d%0a %(zq)s {zq} ;=zq(1) " + "x" * 300
)
LINK_BREAKERS = "\"'><zq-el/zq-at=1/onload=zq()>{{7*7}};a=b&c=`${d}`"
MARKDOWN = "[zq](javascript:zq()) ![zq](https://zq.invalid/x.png) <https://zq.invalid> [a]: //zq\n"


def mark(place: str) -> str:
    """By which what was typed at a place is found."""
    return f"zq{TYPED.index(place):03}z"


def typed(place: str) -> str:
    """What somebody types there; it begins as a formula does."""
    return f"=cmd|' /C calc'!A0 {mark(place)} {MARKDOWN}{BREAKERS}"


def link(place: str, number: int = 0) -> str:
    """The worst that the schema takes for a link."""
    return f"https://{mark(place)}.{number}.invalid/{LINK_BREAKERS}"


def is_text(column: Any) -> bool:
    """Whether words fit into a column."""
    kind = str(column.type).partition("(")[0]
    return kind in ("VARCHAR", "TEXT", "JSON", "BLOB") or isinstance(column.type, JSON)


def columns() -> list[tuple[str, bool]]:
    """Every column that words fit into, and whether it is known here."""
    found = []
    for table in metadata.sorted_tables:
        for column in table.columns:
            if not is_text(column) or column.foreign_keys:
                continue
            place = f"{table.name}.{column.name}"
            known = (place in TYPED) + (place in OURS_IN)
            known = known or (column.name in OURS)
            found.append((place, bool(known)))
    return found


_JSON: dict[str, Any] = {
    "feedback_question.options": lambda p, was: [{**each, "text": {"en": p}} for each in was or []],
    "certificate_design.signatories": lambda p, was: [
        {"name": p, "position": {"en": p}, "signature": None}
    ],
    "guest.aliases": lambda p, was: [f"{mark('guest.aliases')}@example.org"],
}
_KEPT = {"release.document", "report_row.details", "report_import.reading", "inbound_mail.details"}
_KEPT |= {"inbound_mail.shown", "inbound_mail.raw", "report_import.layout", "report_row.who"}
"""Made from the others when they are made anew, or read by the program as it wrote them."""
_LINKS = {"session.meeting_url", "session.backstage_url", "material.url", "webhook.address"}
_ADDRESSES = {"cycle.contact_email", "person.email", "invitation.address", "inbound_mail.sender"}
_ADDRESSES |= {"user_account.email", "team_invitation.email"}


def _value(table: Table, name: str, was: Any, number: int) -> Any:
    place = f"{table.name}.{name}"
    words = typed(place)
    if place in _LINKS:
        return link(place, number)
    if place in _ADDRESSES:
        return f"{mark(place)}'{{7*7}}&{number}=`@example.org"
    if place in _JSON:
        return _JSON[place](words, was)
    if isinstance(table.c[name].type, JSON):
        if place == "certificate.document":
            return {**was, "cycle": words, "rule": words, "organizers": [words], "issuer": words}
        if place.startswith("audit_entry."):
            return {**(was or {}), "name": words, "title": {"en": words}}
        if place == "webhook_event.data":
            return {"words": words}
        return dict.fromkeys(("en", "es", "pt"), words)
    return words


def make_hostile(db: DbSession) -> None:
    """Writes it into every row."""
    for table in metadata.sorted_tables:
        names = [c.name for c in table.columns if f"{table.name}.{c.name}" in TYPED]
        names = [name for name in names if f"{table.name}.{name}" not in _KEPT]
        if not names or "id" not in table.c:
            continue
        found = db.connection().execute(select(table)).mappings().all()
        for number, row in enumerate(found):
            values = {name: _value(table, name, row[name], number) for name in names}
            where = table.c.id == row["id"]
            db.connection().execute(update(table).where(where).values(**values))
    db.expire_all()


def _more(db: DbSession, world: World) -> None:
    """Rows that the other world has none of."""
    cycle_id, session_id = world.mine.cycle_id, world.mine.session_id
    enrolment_id = world.mine.enrolment_id
    form = db.exec(rows(FeedbackForm).where(FeedbackForm.session_id == session_id)).one()
    question = FeedbackQuestion(form_id=form.id, position=1, kind="text", text={"en": "What?"})
    db.add(question)
    db.flush()
    db.add(FeedbackAnswer(question_id=question.id, enrolment_id=enrolment_id, value="x"))
    seen: dict[str, Any] = {"kind": Kind.CHECK_IN, "source": "room", "at": now(), "key": "x"}
    db.add(Evidence(session_id=session_id, enrolment_id=enrolment_id, **seen))
    for kind in ("enrolment-confirmed", "invitation", "reminder", "part-request"):
        db.add(MailText(cycle_id=cycle_id, kind=kind, language="en", text="x"))
    db.add(SessionClosing(session_id=session_id, closed=False))
    db.add(Erasure(scope="cycle", done_at=now()))
    db.add(ReportAlias(cycle_id=cycle_id, person_id=world.mine.person_id, key="n x"))
    for design in db.exec(rows(CertificateDesign)).all():
        design.statement = {"en": "x"}
    for told in db.exec(rows(Invitation)).all():
        told.starts_at, told.ends_at = AT, AT + timedelta(hours=1)
    for guest in db.exec(rows(Guest)).all():
        guest.biography = "x"
    db.flush()


def build_hostile(database: Database, links: Links) -> World:
    """The world of `tests.access`, with more rows, all of them hostile, published again with all
    mails that a release makes."""
    world = build_world(database, links)
    with database.begin(writes=True) as db:
        _more(db, world)
        make_hostile(db)
        note = typed("release.note")
        mine = world.mine.cycle_id
        part_requests.ask(db, SYSTEM, mine, now())
        publish(db, SYSTEM, mine, accept_warnings=True, invite=True, note=note, now=now())
        assert db.exec(rows(User.name).where(col(User.name).contains(mark("user_account.name"))))
    return world


def leaves(value: Any) -> list[str]:
    """Every text in what JSON says."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for pair in value.items() for each in pair for text in leaves(each)]
    return [text for each in value for text in leaves(each)] if isinstance(value, list) else []


def as_json(text: str) -> Any:
    """Strictly: NaN is none."""
    return json.loads(text, parse_constant=lambda name: 1 / 0)


AT = datetime(2026, 11, 23, 15, tzinfo=UTC)
