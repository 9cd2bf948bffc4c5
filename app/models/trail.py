"""Writes down who changes what, in the transaction that does it.

No service has to remember it: this looks at every flush, and writes before the commit. What is
changed by bulk statements passes it by; what matters of that has a trail of its own
(`models.audited.NOT_AUDITED`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import event, insert, inspect
from sqlalchemy.orm import Session as OrmSession
from sqlalchemy.orm import SessionTransaction
from sqlmodel import col, select

from app.domain.ids import new_id
from app.models.audit import AuditEntry
from app.models.audited import AUDITED, ONLY_HOSTS, Audited
from app.models.base import now
from app.models.cycle import Cycle
from app.models.enrolment import Enrolment
from app.models.feedback import FeedbackForm, FeedbackQuestion
from app.models.person import Person
from app.models.session import Session

_DOING, _NOTED, _DISCREET = "convoca_doing", "convoca_noted", "convoca_discreet"
_BECAME = "convoca_became"
HIDDEN = "•••"
"""What stands for a value that nobody is to read."""
_LONGEST = 2_000  # characters of a text that are kept


@dataclass(frozen=True, slots=True)
class Doing:
    """Who does something, and by which way. `kind`: organizer, program (its `id` and `name` are
    its owner's), participant (`id`: the enrolment), speaker (the guest), anybody, system."""

    kind: str = "system"
    id: str = ""
    name: str = ""
    channel: str = "system"
    deed: str = ""


def doing(db: OrmSession) -> Doing:
    """Who does something in this session."""
    found: Doing = db.info.get(_DOING, _SYSTEM)
    return found


_SYSTEM = Doing()


def set_doing(db: OrmSession, who: Doing) -> None:
    """Says who does something from here on."""
    db.info[_DOING] = who


def act_as(db: OrmSession, kind: str, row_id: str, name: str = "") -> None:
    """Says who it is, once that is known; the way stays."""
    before = doing(db)
    set_doing(db, Doing(kind, row_id, name, before.channel, before.deed))


def say_nothing_private(db: OrmSession) -> None:
    """Lets this transaction write down what it does, but nothing of whom it is about: it is to
    make them forgotten."""
    db.info[_DISCREET] = True


def is_now(db: OrmSession, before_id: str, person_id: str) -> None:
    """Lets what this transaction writes down of one person be about another, who they turned out to
    be: the first goes, and whoever erases the other one has to find it."""
    db.info.setdefault(_BECAME, {})[before_id] = person_id


@dataclass(frozen=True, slots=True)
class _Noted:
    """A line, and the savepoints within which it was flushed: it is none if one rolls back."""

    values: dict[str, Any]
    within: tuple[SessionTransaction, ...]


def keep_trail(sessions: Any) -> None:
    """Lets these sessions (a maker of them) keep the trail."""
    event.listen(sessions, "after_flush", _note_changes)
    event.listen(sessions, "after_soft_rollback", _forget_rolled_back)
    event.listen(sessions, "before_commit", _write_trail)


def _note_changes(db: OrmSession, _context: object = None) -> None:
    """SQLAlchemy's ``after_flush``."""
    within = _savepoints(db)
    noted: list[_Noted] = db.info.setdefault(_NOTED, [])
    for change, rows in (("added", db.new), ("removed", db.deleted), ("changed", db.dirty)):
        for row in rows:
            audited = AUDITED.get(getattr(row, "__tablename__", ""))
            if audited is not None and (values := _line(row, audited, change)):
                noted += [_Noted(each, within) for each in _by_person(values)]


def _forget_rolled_back(db: OrmSession, over: SessionTransaction) -> None:
    """SQLAlchemy's ``after_soft_rollback``."""
    noted: list[_Noted] = db.info.get(_NOTED, [])
    if not over.nested:
        noted.clear()
        db.info.pop(_DISCREET, None)
        db.info.pop(_BECAME, None)
    else:
        noted[:] = [each for each in noted if over not in each.within]


def _write_trail(db: OrmSession) -> None:
    """SQLAlchemy's ``before_commit``, which is called for savepoints too."""
    if db.get_nested_transaction() is not None:
        return
    db.flush()
    noted: list[_Noted] = db.info.pop(_NOTED, [])
    if not noted:
        return
    who, at, deed_id = doing(db), now(), new_id()
    shared = {
        "at": at,
        "deed_id": deed_id,
        "deed": who.deed[:60],
        "channel": who.channel,
        "actor_kind": who.kind,
        "actor_id": who.id,
        "actor_name": who.name[:200],
    }
    owners = _Owners(db, [each.values["_row"] for each in noted])
    became: dict[str, str] = db.info.pop(_BECAME, {})
    nobody: dict[str, Any] = {}
    if db.info.pop(_DISCREET, False):
        nobody = {key: {} for key in ("before", "after", "private_before", "private_after")}
        nobody["person_id"] = None
    lines = [
        {
            "id": new_id(),
            **shared,
            **{k: v for k, v in each.values.items() if not k.startswith("_")},
            "cycle_id": owners.cycle(each.values["_row"]),
            "person_id": became.get(about, about) if about else None,
            **nobody,
        }
        for each in noted
        for about in [each.values.get("_about") or owners.person(each.values["_row"])]
    ]
    db.connection().execute(insert(AuditEntry), lines)


def _savepoints(db: OrmSession) -> tuple[SessionTransaction, ...]:
    found = []
    each = db.get_nested_transaction()
    while each is not None and each.nested:
        found.append(each)
        each = each.parent
    return tuple(found)


def _line(row: Any, audited: Audited, change: str) -> dict[str, Any]:
    plain, private = (_values(row, columns, change) for columns in (audited.plain, audited.private))
    if change == "changed":
        hidden = _values(row, audited.hidden, change)
        for kept, values in zip(plain, hidden, strict=True):
            kept |= {name: HIDDEN if value else "" for name, value in values.items()}
        if not plain[1] and not private[1]:
            return {}
    return {
        "_row": row,
        "noun": row.__tablename__,
        "row_id": str(row.id),
        "change": change,
        "before": plain[0],
        "after": plain[1],
        "private_before": private[0],
        "private_after": private[1],
    }


def _by_person(values: dict[str, Any]) -> list[dict[str, Any]]:
    """A line; two where something was one person's and becomes another's, so that what is said of
    each of them can be erased, and only that."""
    before = values["private_before"].get("person_id")
    if values["change"] != "changed" or not before:
        return [values]
    nothing: dict[str, Any] = {"before": {}, "after": {}, "private_after": {}}
    return [{**values, **nothing, "_about": before}, {**values, "private_before": {}}]


def _values(
    row: Any, columns: tuple[str, ...], change: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the columns held, and hold; of a change only those that are another."""
    before, after = {}, {}
    attributes = inspect(row).attrs
    for name in columns:
        history = attributes[name].history
        value = getattr(row, name)
        as_kept = _host if (row.__tablename__, name) in ONLY_HOSTS else _plain
        if change == "added":
            if value not in (None, "", {}, []):
                after[name] = as_kept(value)
        elif change == "removed":
            if value not in (None, "", {}, []):
                before[name] = as_kept(value)
        elif history.has_changes() and (old := history.deleted[0] if history.deleted else None) != (
            value
        ):
            before[name], after[name] = as_kept(old), as_kept(value)
    return before, after


def _host(value: Any) -> Any:
    """Of an address, or of None where it was not loaded."""
    return urlsplit(value).netloc if value else value


def _plain(value: Any) -> Any:
    """As JSON takes it; long texts are cut."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, str):
        return value[:_LONGEST]
    return value


class _Owners:
    """The cycles that rows belong to, and whom they are about, looked up once each."""

    def __init__(self, db: OrmSession, rows: Iterable[Any]) -> None:
        """`rows` are known, also those that are gone by now, with what goes with them."""
        self._db = db
        self._known: dict[tuple[str, str], str | None] = {}
        for row in rows:
            if isinstance(row, Session):
                self._known["session", row.id] = row.cycle_id
            elif isinstance(row, FeedbackForm):
                self._known["form", row.id] = row.session_id
            elif isinstance(row, Enrolment):
                self._known["enrolment", row.id] = row.cycle_id
                self._known["person of enrolment", row.id] = row.person_id

    def cycle(self, row: Any) -> str | None:
        """The cycle's id; None where it is of none."""
        if isinstance(row, Cycle):
            return row.id
        if (cycle_id := getattr(row, "cycle_id", None)) is not None:
            return str(cycle_id)
        if isinstance(row, FeedbackQuestion):
            form = select(FeedbackForm.session_id).where(FeedbackForm.id == row.form_id)
            return self._of_session(self._look("form", row.form_id, form) or "")
        if (enrolment_id := getattr(row, "enrolment_id", None)) is not None:
            enrolment = select(Enrolment.cycle_id).where(Enrolment.id == enrolment_id)
            return self._look("enrolment", enrolment_id, enrolment)
        if (session_id := getattr(row, "session_id", None)) is not None:
            return self._of_session(session_id)
        return None

    def person(self, row: Any) -> str | None:
        """The person's id; None where it is about none."""
        if isinstance(row, Person):
            return row.id
        found: str | None = getattr(row, "person_id", None)
        if found is None and (enrolment_id := getattr(row, "enrolment_id", None)) is not None:
            query = select(Enrolment.person_id).where(Enrolment.id == enrolment_id)
            found = self._look("person of enrolment", enrolment_id, query)
        return found

    def _of_session(self, session_id: str) -> str | None:
        query = select(Session.cycle_id).where(col(Session.id) == session_id)
        return self._look("session", session_id, query)

    def _look(self, kind: str, key: str, query: Any) -> str | None:
        if (kind, key) not in self._known:
            self._known[kind, key] = self._db.connection().execute(query).scalar()
        return self._known[kind, key]
