"""What must be sent so that everybody's calendar says what is published. Pure rules.

The ledger has a row (`Entry`) for each guest and session that was ever sent: what was last issued.
`next_messages` compares it with a release and gives exactly the REQUESTs and CANCELs (RFC 5546,
3.2.2 and 3.2.5) that are needed; issuing them and asking again gives none.

What counts as different is the `face` of a session for a reader (`domain.faces`).
A change of the agenda that no entry shows concerns nobody's calendar.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from app.domain.addresses import address_key
from app.domain.faces import face, face_with_parts, own_segments
from app.domain.schedule import Schedule, Session, SessionStatus


class Method(StrEnum):
    """An iTIP method that we send."""

    REQUEST = "REQUEST"
    CANCEL = "CANCEL"


class Why(StrEnum):
    """Why a message is needed."""

    NEW = "new"  # they have no entry yet
    CHANGED = "changed"  # their entry says something else
    BACK = "back"  # they had a CANCEL, and it concerns them again
    ADDRESS = "address"  # their address is another one, or none
    CANCELLED = "cancelled"  # the session is off
    LEFT = "left"  # they are no longer in it: withdrawn, or taken off


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody whose calendar is kept, in the language that they read. `participates`: as a
    confirmed participant, in every session. `declined`: the ids of parts that they declined; those
    do not bring them in. `dropped`: parts that are published and no longer in the draft, so that
    nobody knows any more whether they were declined; see `next_messages`. `address` empty: nothing
    can be sent."""

    id: str
    person_id: str
    address: str
    participates: bool
    declined: frozenset[str] = frozenset()
    language: str = "en"
    dropped: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Entry:
    """What was last issued to a guest about a session, and in which language (empty: not known).
    Instants are aware UTC."""

    guest_id: str
    session_id: str
    method: Method
    sequence: int
    stamp: datetime
    digest: str
    address: str
    starts: datetime
    ends: datetime
    time_sequence: int = 0
    language: str = ""


@dataclass(frozen=True, slots=True)
class Due:
    """A message that is needed. `entry` is the ledger's row once it is issued; what a CANCEL to
    an address of before says is not kept there (`to_old_address`). `declined`: the ids of the
    reader's parts that it does not speak of."""

    why: Why
    entry: Entry
    session: Session
    to_old_address: bool = False
    declined: frozenset[str] = frozenset()

    @property
    def method(self) -> Method:
        """The iTIP method."""
        return self.entry.method


Said = tuple[int, datetime]
"""SEQUENCE and DTSTAMP of a message."""


def next_messages(
    ledger: Mapping[tuple[str, str], Entry],
    release: Schedule,
    guests: Iterable[Guest],
    now: datetime,
    said: Mapping[tuple[str, str], Said] = MappingProxyType({}),
    also: Schedule | None = None,
) -> list[Due]:
    """What has to be sent so that the calendars of these guests say what `release` says.

    `also`: the same release with other instants. Whoever was told those needs nothing.

    `ledger` is by guest and session id. Guests of whom the ledger knows and who are not among
    `guests` are left alone. A session concerns somebody if it takes place and they participate or
    have a part in it that they did not decline. What is over by `now` (aware), in the release and
    in the calendar, is left as it is: nobody needs a mail about the past. A part that the draft has
    dropped changes nothing before that is published: whoever was told without it is left as told.

    SEQUENCE is the session's own or one more than was last issued to this guest, whichever is
    higher; DTSTAMP is in whole seconds and later than the last one's (RFC 5545, 3.8.7.2 and .4).
    `said`: what a mailbox was last told of a session by way of another guest, by the address's key
    and the session's id; whoever has that address now is told with a higher SEQUENCE, since their
    calendar program still knows the UID. In the order of guests, then of sessions, but what takes a
    session out of a mailbox before what puts it there for somebody else.

    Raises ValueError if `now` is naive.
    """
    if now.tzinfo is None:
        raise ValueError("now must be aware")
    at = now.astimezone(UTC).replace(microsecond=0)
    faces = _Faces(release, also)
    due: list[Due] = []
    for guest in guests:
        for session in release.sessions:
            entry = ledger.get((guest.id, session.id))
            declined = _not_counted(faces, session, guest, entry)
            digest = faces.told(session, guest, guest.language, declined)
            needed = _needed(guest, session, digest, entry, at)
            if entry is not None and [d.why for d in needed] == [Why.CHANGED]:
                # Another language alone is no reason to write to somebody.
                languages = guest.language, entry.language
                same = any(faces.is_told(entry, session, guest, x, declined) for x in languages)
                needed = [] if same else needed
            due += [replace(d, declined=declined) for d in needed] if declined else needed
    return _above_what_was_said(due, said)


class _Faces:
    """The digests of what calendars say of a release, each made once for those who share it."""

    def __init__(self, release: Schedule, also: Schedule | None) -> None:
        self._release = release
        self._also = {s.id: s for s in also.sessions} if also and also is not release else {}
        self._casts = {
            s.id: frozenset(p.person_id for g in s.segments for p in g.parts)
            for s in release.sessions
        }
        self._shared: dict[tuple[str, datetime, str], str] = {}

    def on_programme(self, session: Session, guest: Guest) -> bool:
        """Whether somebody has a part in a session, declined or not."""
        return guest.person_id in self._casts[session.id]

    def told(self, session: Session, guest: Guest, language: str, declined: frozenset[str]) -> str:
        """What a guest's entry says of a session in a language; empty where they have none."""
        if session.status is not SessionStatus.SCHEDULED:
            return ""
        if self.on_programme(session, guest):
            own = own_segments(session, guest.person_id, declined)
            if own:
                return face_with_parts(self._release, session, language, guest.person_id, own)
        if not guest.participates:
            return ""
        key = (session.id, session.starts, language)
        if key not in self._shared:
            self._shared[key] = face(self._release, session, language)
        return self._shared[key]

    def is_told(
        self, entry: Entry, session: Session, guest: Guest, language: str, declined: frozenset[str]
    ) -> bool:
        """Whether an entry says that, at one of the instants that are right."""
        right = (session, self._also.get(session.id))
        told = (self.told(each, guest, language, declined) for each in right if each)
        return entry.digest in told


def _not_counted(
    faces: _Faces, session: Session, guest: Guest, entry: Entry | None
) -> frozenset[str]:
    """The parts that do not count: those that were declined; and those that the draft has dropped,
    for whoever was told without them."""
    if not (guest.dropped and entry is not None and faces.on_programme(session, guest)):
        return guest.declined
    without = guest.declined | guest.dropped
    if entry.method is Method.CANCEL:
        alone = faces.told(session, guest, guest.language, without) == ""
    else:
        language = entry.language or guest.language
        alone = faces.is_told(entry, session, guest, language, without)
    return without if alone else guest.declined


def _above_what_was_said(due: list[Due], said: Mapping[tuple[str, str], Said]) -> list[Due]:
    """With SEQUENCE and DTSTAMP above those of what the same mailbox gets, or got, by way of
    another guest."""
    floors: dict[tuple[str, str], Said] = dict(said)
    for each in due:
        if each.method is Method.CANCEL:
            key = (address_key(each.entry.address), each.session.id)
            mine = (each.entry.sequence, each.entry.stamp)
            floors[key] = _highest(mine, floors.get(key, mine))
    if not floors:
        return due
    raised: list[Due] = []
    first: list[Due] = []
    for each in due:
        floor = floors.get((address_key(each.entry.address), each.session.id))
        if each.method is Method.REQUEST and floor and each.entry.sequence <= floor[0]:
            entry = each.entry
            sequence = floor[0] + 1
            anew = entry.time_sequence == entry.sequence
            entry = replace(
                entry,
                sequence=sequence,
                stamp=max(entry.stamp, floor[1] + timedelta(seconds=1)),
                time_sequence=sequence if anew else entry.time_sequence,
            )
            each = replace(each, entry=entry)
        (first if each.method is Method.CANCEL else raised).append(each)
    return first + raised


def _highest(one: Said, other: Said) -> Said:
    return max(one[0], other[0]), max(one[1], other[1])


def _needed(
    guest: Guest, session: Session, digest: str, entry: Entry | None, at: datetime
) -> list[Due]:
    held = entry is not None and entry.method is Method.REQUEST
    # What their calendar shows as still to come has to be right, also if it is over by now.
    matters = session.ends > at or (held and entry is not None and entry.ends > at)
    if not matters:
        return []
    if not (digest and guest.address):
        if entry is None or not held or entry.ends <= at:
            return []
        if session.status is not SessionStatus.SCHEDULED:
            why = Why.CANCELLED
        else:
            why = Why.ADDRESS if digest else Why.LEFT
        return [_cancel(entry, session, why, at)]
    if entry is None:
        return [_request(guest, session, digest, None, Why.NEW, at)]
    if not held:
        return [_request(guest, session, digest, entry, Why.BACK, at)]
    if address_key(entry.address) != address_key(guest.address):
        gone = _cancel(entry, session, Why.ADDRESS, at, to_old_address=True)
        return [gone, _request(guest, session, digest, gone.entry, Why.ADDRESS, at)]
    if entry.digest != digest:
        return [_request(guest, session, digest, entry, Why.CHANGED, at)]
    return []


def _sequence(session: Session, entry: Entry | None) -> int:
    return session.sequence if entry is None else max(session.sequence, entry.sequence + 1)


def _stamp(entry: Entry | None, at: datetime) -> datetime:
    return at if entry is None else max(at, entry.stamp + timedelta(seconds=1))


def _request(
    guest: Guest, session: Session, digest: str, entry: Entry | None, why: Why, at: datetime
) -> Due:
    sequence = _sequence(session, entry)
    same_time = entry is not None and (entry.starts, entry.ends) == (session.starts, session.ends)
    # Whoever was told that it is off is asked anew.
    kept = entry is not None and same_time and why is not Why.BACK
    new = Entry(
        guest_id=guest.id,
        session_id=session.id,
        method=Method.REQUEST,
        sequence=sequence,
        stamp=_stamp(entry, at),
        digest=digest,
        address=guest.address,
        starts=session.starts,
        ends=session.ends,
        time_sequence=entry.time_sequence if kept and entry is not None else sequence,
        language=guest.language,
    )
    return Due(why, new, session)


def taken_back(entry: Entry, session: Session, at: datetime) -> Due:
    """A CANCEL to the address of an entry that stands at REQUEST, since another address of the same
    person has its place. `at` is aware."""
    at = at.astimezone(UTC).replace(microsecond=0)
    return _cancel(entry, session, Why.ADDRESS, at, to_old_address=True)


def _cancel(
    entry: Entry, session: Session, why: Why, at: datetime, *, to_old_address: bool = False
) -> Due:
    new = Entry(
        guest_id=entry.guest_id,
        session_id=entry.session_id,
        method=Method.CANCEL,
        sequence=_sequence(session, entry),
        stamp=_stamp(entry, at),
        digest="",
        address=entry.address,
        starts=entry.starts,
        ends=entry.ends,
        time_sequence=entry.time_sequence,
        language=entry.language,
    )
    return Due(why, new, session, to_old_address)
