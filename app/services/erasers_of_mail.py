"""What becomes of mails, reports and kept answers when somebody's data goes: see `erasers`."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import delete, func, or_
from sqlmodel import col, select

from app.db import DbSession
from app.domain.addresses import address_key
from app.domain.erased import names_any
from app.domain.ids import new_code
from app.domain.matching import name_key
from app.domain.report_states import ReportStatus, RowState
from app.models import InboundMail, KeptAnswer, Message, ReportImport, ReportRow, Session
from app.services.erasure_subject import Subject
from app.services.outbox import ACCOUNT_KINDS

_KEPT_DETAILS = ("table", "numbers", "open", "role", "markers", "why", "unreadable")
"""Of the details of a report's row, what says nothing of who it is."""

_UNDECIDED = (RowState.AMBIGUOUS, RowState.SUGGESTED, RowState.UNMATCHED)
_CHUNK = 200  # rows with whole mails in them that are looked at together


def messages(db: DbSession, who: Subject) -> int:
    """Mails to them, sent or waiting, go altogether: a waiting one is not sent. When the time of a
    cycle is over, all its mails go at once (`retention`), and only theirs by guest are looked for
    here."""
    context = col(Message.context)
    theirs: list[Any] = [col(Message.guest_id).in_(who.guest_ids)]
    if not who.by_time:
        lower = {each.lower() for each in who.addresses}
        theirs += [
            col(Message.to_address).in_(who.addresses),
            func.lower(col(Message.to_address)).in_(lower),
            context["enrolment_id"].as_string().in_(who.enrolment_ids),
            context["guest_id"].as_string().in_(who.guest_ids),
            context["certificate_id"].as_string().in_(who.certificates),
            context["person_id"].as_string() == who.person.id,
        ]
    here = col(Message.cycle_id).in_(who.cycles)
    # Whose data goes may have an account too: its mails are the account's.
    no_cycle = col(Message.cycle_id).is_(None) & col(Message.kind).not_in(ACCOUNT_KINDS)
    where = or_(*theirs), or_(here, no_cycle) if who.whole else here
    query = select(Message.id).where(*where).order_by(col(Message.id)).with_for_update()
    return delete_messages(db, who.files, db.exec(query).all())


def delete_messages(db: DbSession, files: set[str], ids: Iterable[str]) -> int:
    """Deletes mails by their ids, with their files where they were written as such."""
    found = list(ids)
    files.update(f"mail:{each}" for each in found)
    for start in range(0, len(found), 500):
        chunk = col(Message.id).in_(found[start : start + 500])
        db.connection().execute(delete(Message).where(chunk))
    return len(found)


def inbound(db: DbSession, who: Subject) -> int:
    """Mails that came in: theirs, and every other one in which one of their addresses stands."""
    mine = col(InboundMail.guest_id).in_(who.guest_ids)
    ids = set(db.exec(select(InboundMail.id).where(mine)).all())
    others = select(InboundMail.id).where(~mine | col(InboundMail.guest_id).is_(None))
    if who.near is not None and not who.proven:
        here = col(InboundMail.cycle_id).in_(who.near) | col(InboundMail.cycle_id).is_(None)
        others = others.where(here)
    if who.addresses and not who.by_time:
        waiting = list(db.exec(others.order_by(col(InboundMail.id))).all())
        for start in range(0, len(waiting), _CHUNK):
            chunk = select(InboundMail).where(
                col(InboundMail.id).in_(waiting[start : start + _CHUNK])
            )
            for row in db.exec(chunk).all():
                if _mentions(row, who):
                    ids.add(row.id)
                db.expunge(row)
    for each in sorted(ids):
        db.connection().execute(delete(InboundMail).where(col(InboundMail.id) == each))
    return len(ids)


def _mentions(row: InboundMail, who: Subject) -> bool:
    wanted = who.addresses if row.cycle_id is None else who.addresses_in(row.cycle_id)
    if address_key(row.sender) in wanted:
        return True
    if row.cycle_id is None and not (who.near is None or who.proven):
        # In mails to the installation its own address stands, which can be enrolled like any other.
        return False
    said = (row.subject, row.key, _texts(row.details), _texts(row.shown))
    raw = row.raw.decode("utf-8", "replace")
    return names_any("\n".join((*said, raw)), wanted)


def _texts(value: Any) -> str:
    """All texts in what JSON holds."""
    match value:
        case str():
            return value
        case dict():
            return "\n".join(_texts(each) for each in value.values())
        case list() | tuple():
            return "\n".join(_texts(each) for each in value)
        case _:
            return ""


def report_rows(db: DbSession, who: Subject) -> int:
    """Rows of reports that are theirs, by match, address or name: they stay, so that every row of
    the file is accounted for, and say nothing. A preview with such a row goes altogether, since its
    file is still there: the organizers have it, and can upload it again."""
    columns: Any = (ReportImport.id, ReportImport.status, ReportImport.digest, Session.cycle_id)
    reports: Any = select(*columns).join(Session, col(Session.id) == col(ReportImport.session_id))
    if who.near is not None and not who.proven:
        reports = reports.where(col(Session.cycle_id).in_(who.near))
    read = db.exec(reports.order_by(col(ReportImport.id))).all()
    found = {import_id: (status, digest) for import_id, status, digest, _ in read}
    theirs = _their_rows(db, who, {import_id: cycle_id for import_id, _, _, cycle_id in read})
    touched = 0
    for import_id in sorted({import_id for _, import_id in theirs}):
        status, digest = found[import_id]
        who.files.add(f"file:{digest}")
        if status == ReportStatus.PREVIEW:
            gone = delete(ReportImport).where(col(ReportImport.id) == import_id)
            db.connection().execute(gone)
            touched += 1
    names: dict[tuple[str, str], str] = {}
    kept = [row_id for row_id, at in theirs if found[at][0] != ReportStatus.PREVIEW]
    for start in range(0, len(kept), 500):
        chunk = col(ReportRow.id).in_(kept[start : start + 500])
        rows = select(ReportRow).where(chunk).order_by(col(ReportRow.id)).with_for_update()
        for row in db.exec(rows.execution_options(populate_existing=True)).all():
            empty_row(row, names)
            touched += 1
    db.flush()
    return touched


def empty_row(row: ReportRow, names: dict[tuple[str, str], str]) -> None:
    """Takes out of a row who it was. What was said to be one person's in a report stays one's:
    `names` has what stands for them, by report and by what stood for them before."""
    row.name, row.email, row.note = "", "", ""
    row.who = names.setdefault((row.import_id, row.who), new_code(26))
    row.details = {key: row.details[key] for key in _KEPT_DETAILS if key in row.details}
    if row.state in _UNDECIDED:
        row.state, row.left_out, row.enrolment_id = RowState.NOBODY, True, None
        row.matched_by = ""


def _their_rows(db: DbSession, who: Subject, reports: dict[str, str]) -> list[tuple[str, str]]:
    """The ids of the rows that are theirs, each with its report's; of reports by id, each with its
    cycle's."""
    mine = set(who.enrolment_ids)
    columns: Any = (ReportRow.id, ReportRow.import_id, ReportRow.enrolment_id)
    said: Any = (ReportRow.name, ReportRow.email, ReportRow.details)
    found = []
    ids = list(reports)
    for start in range(0, len(ids), 500):
        query: Any = select(*columns, *said).where(
            col(ReportRow.import_id).in_(ids[start : start + 500])
        )
        for row_id, import_id, enrolment_id, name, email, details in db.exec(query):
            candidates = set(details.get("candidates", ()))
            wanted = who.addresses_in(reports[import_id])
            by_name = enrolment_id is None and reports[import_id] in who.cycles
            if (
                enrolment_id in mine
                or (email and address_key(email) in wanted)
                or (by_name and name and name_key(name) in who.names)
                or (enrolment_id is None and candidates and candidates <= mine)
                or names_any(" ".join((name, _texts(details))), wanted)
            ):
                found.append((row_id, import_id))
    return found


def kept_answers(db: DbSession, who: Subject) -> int:
    """Answers of the API that are kept for repeats, in which they stand."""
    if who.by_time:
        return 0
    wanted = [*who.addresses, *who.ids]
    gone = [
        row_id
        for row_id, body, headers in db.exec(
            select(KeptAnswer.id, KeptAnswer.body, KeptAnswer.headers)
        )
        if names_any(f"{body.decode('utf-8', 'replace')}\n{_texts(headers)}", wanted)
    ]
    for each in gone:
        db.connection().execute(delete(KeptAnswer).where(col(KeptAnswer.id) == each))
    return len(gone)
