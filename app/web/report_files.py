"""Providers' reports on their way in: read before there is a transaction, file by file.

Reading takes up to seconds, and whoever sends slowly takes minutes; in neither does anybody hold
the database. So what it takes (the session, who may be meant) is looked up in a transaction that
reads only; what was read is then written in that of the request.
"""

import hashlib
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from app.db import Database, DbSession
from app.domain.errors import (
    N_,
    Clash,
    DomainError,
    Full,
    Invalid,
    NotFound,
)
from app.domain.permissions import Permission
from app.meetings.refusals import LIMIT, too_large
from app.models import Session
from app.models.trail import act_as
from app.schemas.report import AnswersIn
from app.services import cycles, reports, sessions
from app.services.actor import SYSTEM, Actor
from app.services.files import FileStore
from app.services.measures import measure_of
from app.services.report_freshness import OUTDATED
from app.services.report_reading import Ground, Reading, answered, answers_again, ground, read
from app.services.rows import find
from app.web.access.gate import organizer_for, program_for
from app.web.api_bodies import REPORTS
from app.web.dependencies import transaction
from app.web.forms import Form, form_data, read_form
from app.web.report_form import answers_of
from app.web.uploads import told_if_full

MOST_FILES = 10


@dataclass(frozen=True, slots=True)
class Sent:
    """A file that was sent: what was read, or why nothing was. `before` are the answers that it
    was read with last, if it waits there; it was read with fewer where the session was moved."""

    filename: str
    digest: str = ""
    reading: Reading | None = None
    error: DomainError | None = None
    before: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Anew:
    """A report read again with more answers. `before` are those that it was read with last."""

    before: dict[str, Any]
    reading: Reading | None = None
    error: DomainError | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What a file is read with: what is known of the session, and what was answered `before` of
    this very file, which waits there, as far as it still holds."""

    known: Ground
    filename: str
    answers: dict[str, Any]
    before: dict[str, Any] | None = None


def asked_of(db: DbSession, known: Ground, filename: str, data: bytes) -> Asked:
    """What to read a file with that was sent for a session. One query."""
    row = reports.waiting(db, known.session_id, hashlib.sha256(data).hexdigest())
    if row is None:
        return Asked(known, filename, {})
    before = row.reading.get("answers", {})
    return Asked(known, row.filename, answers_again(row.reading, known), before)


def read_and_keep(files: FileStore, asked: Asked, filename: str, data: bytes) -> Sent:
    """Reads a file, and keeps it until its questions are answered."""
    try:
        reading = read(asked.known, data, asked.filename, asked.answers)
        with told_if_full():
            digest = files.keep(data)
    except DomainError as error:
        return Sent(filename, error=error)
    return Sent(filename, digest, reading, before=asked.before)


def read_again(
    db: DbSession, files: FileStore, session_id: str, import_id: str, more: AnswersIn | None
) -> tuple[dict[str, Any], dict[str, Any], bytes, str, Ground]:
    """What it takes to read a report anew: its answers before and with these, bytes, name. Without
    more answers it is matched again by what is known by now.

    Raises NotFound; Clash ``not_in_preview``; Invalid where the file is not kept any more.
    """
    row = reports.get_report(db, SYSTEM, session_id, import_id)
    reports.needs_preview(row)
    before = row.reading.get("answers", {})
    try:
        data = files.path(row.digest).read_bytes()
    except NotFound:
        raise Invalid.one(
            "", N_("The file is not kept any more. Upload it again."), code="file_gone"
        ) from None
    known = ground(db, SYSTEM, session_id)
    answers = answers_again(row.reading, known)
    if more is not None:
        answers = answered(answers, more)
    return before, answers, data, row.filename, known


def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


def _store(request: Request) -> FileStore:
    files: FileStore = request.app.state.files
    return files


def _of_page(request: Request, db: DbSession) -> Session:
    """The session that a page's address names, for an organizer."""
    actor = organizer_for(request, db, Permission.ATTENDANCE_EDIT)
    asked = request.path_params
    number = asked["number"]
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        raise NotFound
    cycle = cycles.cycle_for_slug(db, actor, asked["slug"])
    return sessions.session_by_number(db, actor, cycle.id, int(number))


def _of_program(request: Request, db: DbSession) -> Session:
    """The session that an address of the API names, for a program that may."""
    program_for(request, db, Permission.ATTENDANCE_EDIT)
    return find(db, Session, request.path_params["session_id"])


def _may_send(request: Request) -> None:
    with _database(request).begin(writes=False) as db:
        _of_page(request, db)
    if not _store(request).has_space():
        raise Full


async def _received(request: Request) -> AsyncIterator[list[tuple[str, bytes | None]] | Invalid]:
    """The files of a form by name; None in place of the bytes of one that is too large."""
    await run_in_threadpool(_may_send, request)
    try:
        with told_if_full():
            form = await form_data(request, max_files=MOST_FILES, max_fields=10)
    except HTTPException as error:
        if error.status_code != 400:
            raise
        yield Invalid.one(
            "file",
            N_("Choose at most %(count)s files at once."),
            code="too_many",
            count=MOST_FILES,
        )
        return
    try:
        found: list[tuple[str, bytes | None]] = []
        for name, value in form.multi_items():
            if name == "file" and isinstance(value, UploadFile) and value.filename:
                large = value.size is None or value.size > LIMIT
                found.append((value.filename, None if large else await value.read()))
        yield found
    finally:
        await form.close()


_Received = Annotated[list[tuple[str, bytes | None]] | Invalid, Depends(_received)]


def _read_files(request: Request, received: _Received) -> list[Sent] | Invalid:
    if isinstance(received, Invalid):
        return received
    if not received:
        return Invalid.one("file", N_("Choose a file."), code="missing")
    with _database(request).begin(writes=False) as db:
        known = ground(db, SYSTEM, _of_page(request, db).id)
        asked = [
            None if data is None else asked_of(db, known, name, data) for name, data in received
        ]
    files = _store(request)
    return [
        Sent(name, error=too_large())
        if data is None or each is None
        else read_and_keep(files, each, name, data)
        for (name, data), each in zip(received, asked, strict=True)
    ]


SentFiles = Annotated[list[Sent] | Invalid, Depends(_read_files)]
"""The files of a form, read."""


async def _form(request: Request) -> Form:
    """The form, of which the whole body is kept: the transaction waits for it, too."""
    await request.body()
    return await read_form(request)


def _answer_page(request: Request, form: Annotated[Form, Depends(_form)]) -> Anew:
    try:
        with _database(request).begin(writes=False) as db:
            session = _of_page(request, db)
            row = reports.get_report(db, SYSTEM, session.id, request.path_params["import_id"])
            told = measure_of(db, session).told
            more = answers_of(form, row, told.ends, told.zone)
            taken = read_again(db, _store(request), session.id, row.id, more)
    except (Clash, Invalid) as error:
        return Anew({}, error=error)
    return _anew(*taken)


def _anew(
    before: dict[str, Any], answers: dict[str, Any], data: bytes, filename: str, known: Ground
) -> Anew:
    try:
        return Anew(before, read(known, data, filename, answers))
    except DomainError as error:
        return Anew(before, error=error)


AnsweredPage = Annotated[Anew, Depends(_answer_page)]
"""A report read again with what a form answers."""


def _answer_program(request: Request, command: AnswersIn) -> Anew:
    with _database(request).begin(writes=False) as db:
        session = _of_program(request, db)
        import_id = request.path_params["import_id"]
        taken = read_again(db, _store(request), session.id, import_id, command)
    return _anew(*taken)


AnsweredProgram = Annotated[Anew, Depends(_answer_program)]
"""The same for a program."""


def _again_page(request: Request) -> Anew:
    try:
        with _database(request).begin(writes=False) as db:
            session_id = _of_page(request, db).id
            import_id = request.path_params["import_id"]
            taken = read_again(db, _store(request), session_id, import_id, None)
    except (Clash, Invalid) as error:
        return Anew({}, error=error)
    return _anew(*taken)


AgainPage = Annotated[Anew, Depends(_again_page)]
"""A report read again by what is known by now."""


def _again_program(request: Request) -> Anew:
    with _database(request).begin(writes=False) as db:
        session_id = _of_program(request, db).id
        import_id = request.path_params["import_id"]
        taken = read_again(db, _store(request), session_id, import_id, None)
    return _anew(*taken)


AgainProgram = Annotated[Anew, Depends(_again_program)]
"""The same for a program."""


def match_again(request: Request, actor: Actor, session_id: str, import_id: str) -> None:
    """Makes a preview anew by what is known by now, in transactions of its own: to be called where
    none is open, since reading takes its time.

    Raises:
        NotFound. Clash: ``not_in_preview``. Stale. Invalid: the file is not kept any more.
    """
    database = _database(request)
    with database.begin(writes=False) as db:
        taken = read_again(db, _store(request), session_id, import_id, None)
    anew = _anew(*taken)
    if anew.error is not None:
        raise anew.error
    assert anew.reading is not None
    with transaction(request, writes=True) as db:
        act_as(db, "program" if actor.token_id else "organizer", actor.id, actor.name)
        reports.answer_report(db, actor, session_id, import_id, anew.before, anew.reading)


def not_applied(
    request: Request, db: DbSession, actor: Actor, session_id: str, import_id: str, why: Clash
) -> None:
    """What is to be done once applying was refused: nothing of it is kept, and an outdated preview
    is made anew. Where that does not work either, it is still `why` that is to be told: the next
    who applies it finds the preview as outdated as it is."""
    db.rollback()
    if why.code == OUTDATED:
        with suppress(DomainError):
            match_again(request, actor, session_id, import_id)


async def _body(request: Request) -> bytes:
    """The body of this request, as far as a report may be long. Twice is once."""
    found: bytes | None = getattr(request.state, "report", None)
    if found is None:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in REPORTS:
            raise HTTPException(415)
        kept = bytearray()
        async for piece in request.stream():
            kept += piece
            if len(kept) > LIMIT:
                raise HTTPException(413)
        found = request.state.report = bytes(kept)
    return found


def _program_may(request: Request) -> None:
    with _database(request).begin(writes=False) as db:
        _of_program(request, db)
    if not _store(request).has_space():
        raise Full


async def _sent_body(request: Request, _: Annotated[None, Depends(_program_may)]) -> bytes:
    return await _body(request)


FileName = Annotated[
    str,
    Query(
        max_length=200,
        description="What the file is called: a date in it may settle which day its rows are of.",
    ),
]


def _read_body(
    request: Request,
    data: Annotated[bytes, Depends(_sent_body)],
    filename: FileName = "report.csv",
) -> Sent:
    with _database(request).begin(writes=False) as db:
        known = ground(db, SYSTEM, _of_program(request, db).id)
        asked = asked_of(db, known, filename, data)
    sent = read_and_keep(_store(request), asked, filename, data)
    if sent.error is not None:
        raise sent.error
    return sent


SentBody = Annotated[Sent, Depends(_read_body)]
"""A body that is a report, read."""
