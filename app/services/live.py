"""What goes on in a session at this moment, for those who watch it: a few counts, whoever came
last, and who of the people with parts is there.

It is asked for once a second while ten thousand check in, so the database counts and no row is
loaded for each of them. What has to look at all of them, where they are from, is asked apart.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, case, func, or_
from sqlmodel import col, select

from app.db import DbSession
from app.domain.attendance import Kind, counts_at
from app.domain.check_in import WindowState
from app.domain.check_in import state as window_state
from app.domain.enrolment import EnrolmentStatus
from app.domain.room_words import next_word_at
from app.domain.schedule import Part, PartStatus, Segment, state_at
from app.models import (
    Cycle,
    Enrolment,
    Evidence,
    Guest,
    Initiative,
    PartArrival,
    Person,
    Session,
)
from app.models import Part as PartRow
from app.services import room_words
from app.services.check_in import dated_since, window_of
from app.services.evidence import check_ins_taken_back, of_session
from app.services.measures import measure_of
from app.services.rows import find
from app.services.schedules import released_schedule
from app.services.told import in_release, told, told_of

TOP = 8
"""So many countries and initiatives are named, and so many of the last arrivals."""


@dataclass(frozen=True, slots=True)
class Share:
    """How many came of those who count, under one name (a country's code, an initiative)."""

    name: str
    came: int
    of: int


@dataclass(frozen=True, slots=True)
class Shares:
    """The largest, largest first; `others` is all the rest together, made of `other_names`.
    `unnamed`: those who gave none, None where everybody did."""

    top: tuple[Share, ...]
    others: Share
    other_names: int
    unnamed: Share | None


@dataclass(frozen=True, slots=True)
class Arrival:
    """A check-in: whose, from which country (code, may be empty), at which aware instant."""

    name: str
    country: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Speaker:
    """Somebody with parts in the session as it was published. `since`: when they first went there
    by a page of theirs, an aware instant; None: not yet."""

    person_id: str
    name: str
    email: str
    parts: tuple[tuple[Segment, Part], ...]
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Spread:
    """Where those who came are from. `clicked`: how many went to the meeting by their own page,
    `enrolled`: how many count at the session (`domain.attendance.counts_at`): who has a place, and
    who has none any more where it shows that they were there. `left_out`: the check-ins, by id,
    of those who do not count."""

    clicked: int
    enrolled: int
    countries: Shares
    initiatives: Shares
    left_out: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Live:
    """A session at an instant. `phase`: draft, cancelled, scheduled, live or over; `check_in` where
    its window stands, half-open from `opens` to `closes` (aware UTC). `word` is empty where none is
    asked for. `changes_at`: when it is another by the clock alone, if it will be."""

    number: int
    phase: str
    check_in: WindowState
    opens: datetime
    closes: datetime
    starts: datetime
    ends: datetime
    word: str
    checked_in: int
    spread: Spread
    arrivals: tuple[Arrival, ...]
    speakers: tuple[Speaker, ...]
    changes_at: datetime | None


def live(db: DbSession, session_id: str, now: datetime, key: bytes, spread: Spread) -> Live:
    """The session as it is at `now` (aware), with what was last found out of where people are from.
    `key` is what words that rotate follow from. Ten queries, one more where somebody is left out or
    taken back, and none of them reads a row for
    everybody who came. Raises NotFound."""
    row = find(db, Session, session_id)
    language = db.exec(select(Cycle.language).where(Cycle.id == row.cycle_id)).one()
    # Two sets that are one: what was taken back of those who are left out counts once.
    not_counted = check_ins_taken_back(db, row.id) | spread.left_out
    released = in_release(released_schedule(db, row.cycle_id), row.id)
    here = told(row, released)
    opens, closes = window_of(here)
    turns = [opens, closes, here.starts, here.ends]
    if row.check_in_word_rotates:
        turns.append(next_word_at(now))
    return Live(
        number=here.number,
        phase=state_at(now, here.status, here.starts, here.ends),
        check_in=window_state(now, (opens, closes)),
        opens=opens,
        closes=closes,
        starts=here.starts,
        ends=here.ends,
        word=room_words.shown(row, language, now, key),
        checked_in=_checked_in(db, row, dated_since(here), not_counted),
        spread=spread,
        arrivals=_last(db, row, dated_since(here), not_counted),
        speakers=_speakers(db, row, released.segments if released else (), dated_since(here)),
        changes_at=min((turn for turn in turns if turn > now), default=None),
    )


def spread(db: DbSession, session_id: str) -> Spread:
    """Where those are from who have come by now. The database looks at each of them: at ten
    thousand that takes as long as all the rest several times. Seven queries, and two more where
    there is evidence of somebody who has no place. Raises NotFound."""
    row = find(db, Session, session_id)
    enrolled, gone = _enrolled(db, row)
    left_out = _do_not_count(db, row, gone, enrolled) if gone else frozenset()
    since = dated_since(told_of(db, row))
    came = _came(db, row, since, check_ins_taken_back(db, row.id) | left_out)
    names = _names_of_initiatives(db, {initiative for _, initiative in [*came, *enrolled]})
    return Spread(
        clicked=_clicked(db, row, since),
        enrolled=enrolled.total(),
        countries=_shares(_by(came, 0), _by(enrolled, 0)),
        initiatives=_shares(_by(came, 1, names), _by(enrolled, 1, names)),
        left_out=left_out,
    )


Group = tuple[str, str | None]
"""A country's code and an initiative's id."""


def _check_ins(session: Session, since: datetime) -> tuple[ColumnElement[bool], ...]:
    """Those of this date: before, people came to another one."""
    return (
        col(Evidence.session_id) == session.id,
        col(Evidence.kind) == Kind.CHECK_IN,
        col(Evidence.at) >= since,
    )


def _checked_in(
    db: DbSession, session: Session, since: datetime, not_counted: Collection[str]
) -> int:
    count = select(func.count()).select_from(Evidence).where(*_check_ins(session, since))
    everybody = db.exec(count).one()
    if not not_counted:
        return everybody
    # Taken off, rather than left out of the count: those are few, and this is asked every second.
    return everybody - db.exec(count.where(col(Evidence.id).in_(not_counted))).one()


def _came(
    db: DbSession, session: Session, since: datetime, taken_back: Collection[str]
) -> Counter[Group]:
    """Who has checked in, by country and initiative."""
    groups = (col(Enrolment.country), col(Enrolment.initiative_id))
    query = (
        select(*groups, func.count())
        .join(Evidence, col(Evidence.enrolment_id) == col(Enrolment.id))
        .where(*_check_ins(session, since), col(Evidence.id).not_in(taken_back))
        .group_by(*groups)
    )
    return Counter({(country, initiative): n for country, initiative, n in db.exec(query)})


def _clicked(db: DbSession, session: Session, since: datetime) -> int:
    query = select(func.count(func.distinct(col(Evidence.enrolment_id)))).where(
        Evidence.session_id == session.id,
        Evidence.kind == Kind.JOIN_CLICK,
        col(Evidence.at) >= since,
    )
    return db.exec(query).one()


def _enrolled(db: DbSession, session: Session) -> tuple[Counter[Group], dict[str, Group]]:
    """Who has a place, by country and initiative; and of those who have none, by the enrolment's
    id, whoever there is evidence of."""
    has_place = col(Enrolment.status) == EnrolmentStatus.CONFIRMED
    seen = select(Evidence.enrolment_id).where(col(Evidence.session_id) == session.id)
    gone = case((~has_place, col(Enrolment.id)))  # each of them is a group, the others share theirs
    groups = (col(Enrolment.country), col(Enrolment.initiative_id), gone)
    query = (
        select(*groups, func.count())
        .where(Enrolment.cycle_id == session.cycle_id, or_(has_place, col(Enrolment.id).in_(seen)))
        .group_by(*groups)
    )
    counted: Counter[Group] = Counter()
    others: dict[str, Group] = {}
    for country, initiative, one, count in db.exec(query):
        if one is None:
            counted[(country, initiative)] = count
        else:
            others[one] = (country, initiative)
    return counted, others


def _do_not_count(
    db: DbSession, session: Session, gone: Mapping[str, Group], enrolled: Counter[Group]
) -> frozenset[str]:
    """The check-ins of those who have no place and do not count; the others are added."""
    evidence = of_session(db, session.id, gone)
    measure = measure_of(db, session)
    left_out = set()
    for enrolment_id, group in gone.items():
        theirs = evidence.get(enrolment_id, [])
        if counts_at(measure.record(theirs), enrolled=False):
            enrolled[group] += 1
        else:
            left_out |= {each.id for each in theirs if each.kind is Kind.CHECK_IN}
    return frozenset(left_out)


def _names_of_initiatives(db: DbSession, ids: Iterable[str | None]) -> Mapping[str | None, str]:
    query = select(Initiative.id, Initiative.name).where(
        col(Initiative.id).in_(sorted(each for each in ids if each))
    )
    return dict(db.exec(query).all())


def _by(
    groups: Counter[Group], place: int, names: Mapping[str | None, str] | None = None
) -> Counter[str]:
    found: Counter[str] = Counter()
    for group, count in groups.items():
        name = group[place]
        found[(name if names is None else names.get(name)) or ""] += count
    return found


def _shares(came: Counter[str], enrolled: Counter[str]) -> Shares:
    shares = [Share(name, came[name], enrolled[name]) for name in came.keys() | enrolled.keys()]
    named = sorted((s for s in shares if s.name), key=lambda s: (-s.came, -s.of, s.name))
    rest = named[TOP:]
    return Shares(
        top=tuple(named[:TOP]),
        others=Share("", sum(s.came for s in rest), sum(s.of for s in rest)),
        other_names=len(rest),
        unnamed=next((s for s in shares if not s.name), None),
    )


def _last(
    db: DbSession, session: Session, since: datetime, taken_back: Collection[str]
) -> tuple[Arrival, ...]:
    query = (
        select(Enrolment.name, Enrolment.country, Evidence.at)
        .join(Evidence, col(Evidence.enrolment_id) == col(Enrolment.id))
        .where(*_check_ins(session, since), col(Evidence.id).not_in(taken_back))
        .order_by(col(Evidence.at).desc(), col(Evidence.id).desc())
        .limit(TOP)
    )
    return tuple(Arrival(*found) for found in db.exec(query))


def _speakers(
    db: DbSession, session: Session, segments: Sequence[Segment], since: datetime
) -> tuple[Speaker, ...]:
    """In the order of their first part. What they have declined since they need not come for."""
    declined = set(
        db.exec(
            select(PartRow.id).where(
                PartRow.session_id == session.id, PartRow.status == PartStatus.DECLINED
            )
        )
    )
    parts: dict[str, list[tuple[Segment, Part]]] = {}
    for segment in segments:
        for part in segment.parts:
            if part.id not in declined:
                parts.setdefault(part.person_id, []).append((segment, part))
    there = _there(db, session, parts, since)
    emails = dict(db.exec(select(Person.id, Person.email).where(col(Person.id).in_(parts))).all())
    return tuple(
        Speaker(
            person_id=person_id,
            name=theirs[0][1].name,
            email=emails.get(person_id) or "",
            parts=tuple(theirs),
            since=there.get(person_id),
        )
        for person_id, theirs in parts.items()
    )


def _there(
    db: DbSession, session: Session, people: Iterable[str], since: datetime
) -> dict[str, datetime]:
    """Since when each of them is there: by the page of their parts, or as a participant. Before
    `since` they went there on another date."""
    ids = list(people)
    by_part = (
        select(Guest.person_id, PartArrival.at)
        .join(PartArrival, col(PartArrival.guest_id) == col(Guest.id))
        .where(
            PartArrival.session_id == session.id,
            col(Guest.person_id).in_(ids),
            col(PartArrival.at) >= since,
        )
    )
    found = dict(db.exec(by_part).all())
    # All of theirs: few, and found by their enrolments rather than among those of everybody.
    as_participants = (
        select(Enrolment.person_id, Evidence.session_id, Evidence.kind, Evidence.at)
        .join(Evidence, col(Evidence.enrolment_id) == col(Enrolment.id))
        .where(Enrolment.cycle_id == session.cycle_id, col(Enrolment.person_id).in_(ids))
    )
    for person_id, session_id, kind, at in db.exec(as_participants):
        if session_id == session.id and kind == Kind.JOIN_CLICK and at >= since:
            found[person_id] = min(at, found.get(person_id, at))
    return found
