"""Conflicts of sessions: their times, links, agendas and panels."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import unquote, urlsplit

from app.domain.conflict_refs import (
    cycle_label,
    in_time,
    live_sessions,
    moment,
    segment_label,
    segment_ref,
    session_ref,
    settled_sessions,
    together,
)
from app.domain.conflict_values import Code, Conflict
from app.domain.intervals import overlapping_pairs, uncovered
from app.domain.schedule import PartRole, Schedule, Segment, SegmentKind, Session
from app.domain.sentences import Moment

LINK_NEEDED_BEFORE = timedelta(hours=48)
PANELISTS_IN_A_PANEL = 2

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


@dataclass(frozen=True, slots=True)
class _Meeting:
    """A session with the cycle it belongs to."""

    schedule: Schedule
    session: Session

    @property
    def starts(self) -> datetime:
        return self.session.starts

    @property
    def ends(self) -> datetime:
        return self.session.ends


def session_conflicts(
    schedule: Schedule, others: Sequence[Schedule], now: datetime
) -> Iterator[Conflict]:
    """Conflicts of the sessions by themselves, among each other, and with other cycles' links."""
    sessions = live_sessions(schedule)
    for a, b in overlapping_pairs(sessions):
        yield _sessions_overlap(schedule, a, b)
    yield from _shared_links(schedule, others)
    for session in sessions:
        yield from _outside(schedule, session)
        yield from _panels(schedule, session)
        yield from _missing(schedule, session, now)
        yield from _gaps(schedule, session)


def _sessions_overlap(schedule: Schedule, a: Session, b: Session) -> Conflict:
    starts, ends = together(a, b)
    return Conflict(
        Code.SESSIONS_OVERLAP,
        session_ref(schedule, a),
        session_ref(schedule, b),
        a.number,
        None,
        starts,
        ends,
        params={
            "a_number": a.number,
            "b_number": b.number,
            "when": Moment(starts, ends, a.zone),
        },
    )


def same_room(link: str) -> str:
    """A meeting link in a form that is equal for links which lead to the same meeting.

    The host's case, a trailing slash, the default port, and http or https make no difference
    (RFC 3986, section 6.2.2 and 6.2.3); path and query do. What is no link is compared as it is.
    """
    link = link.strip()
    try:
        parts = urlsplit(link)
    except ValueError:  # such as an unfinished IPv6 address
        return link
    if parts.scheme not in _DEFAULT_PORTS:
        return link.rstrip("/")
    user, at, host = parts.netloc.rpartition("@")
    host = host.lower().removesuffix(_DEFAULT_PORTS[parts.scheme])
    query = f"?{parts.query}" if parts.query else ""
    fragment = f"#{parts.fragment}" if parts.fragment else ""
    return f"//{user}{at}{host}{parts.path.rstrip('/')}{query}{fragment}"


def meeting_place(link: str) -> str:
    """The same without query and fragment, a user's name and escapes in the path: equal for all
    links that may lead to one meeting, with a passcode in them or without."""
    room = same_room(link).partition("#")[0].partition("?")[0]
    scheme, slashes, rest = room.partition("//")
    host, slash, path = rest.partition("/")
    host = host.rpartition("@")[2].rstrip(".")
    return f"{scheme}{slashes}{host}{slash}{unquote(path)}".rstrip("/")


def _shared_links(schedule: Schedule, others: Sequence[Schedule]) -> Iterator[Conflict]:
    own: dict[str, list[_Meeting]] = defaultdict(list)
    for session in live_sessions(schedule):
        if room := same_room(session.meeting_url):
            own[room].append(_Meeting(schedule, session))
    foreign: dict[str, list[_Meeting]] = defaultdict(list)
    for other in others:
        for session in settled_sessions(other):
            if (room := same_room(session.meeting_url)) in own:
                foreign[room].append(_Meeting(other, session))
    for room, meetings in own.items():
        for a, b in overlapping_pairs(meetings, foreign[room]):
            yield _shared_link(a, b)


def _shared_link(a: _Meeting, b: _Meeting) -> Conflict:
    starts, ends = together(a, b)
    same_cycle = a.schedule.id == b.schedule.id
    return Conflict(
        Code.MEETING_LINK_SHARED if same_cycle else Code.MEETING_LINK_SHARED_WITH_CYCLE,
        session_ref(a.schedule, a.session),
        session_ref(b.schedule, b.session),
        a.session.number,
        None,
        starts,
        ends,
        params={
            "a_number": a.session.number,
            "b_number": b.session.number,
            "cycle": cycle_label(b.schedule),
            "when": Moment(starts, ends, a.session.zone),
        },
    )


def _outside(schedule: Schedule, session: Session) -> Iterator[Conflict]:
    for segment in session.segments:
        if segment.starts < session.starts or segment.ends > session.ends:
            yield Conflict(
                Code.SEGMENT_OUTSIDE_SESSION,
                segment_ref(schedule, session, segment),
                session_ref(schedule, session),
                session.number,
                segment.id,
                segment.starts,
                segment.ends,
                params={
                    "segment": segment_label(segment),
                    "number": session.number,
                    "when": moment(segment, session),
                    "session_when": moment(session, session),
                },
            )


def _panels(schedule: Schedule, session: Session) -> Iterator[Conflict]:
    for segment in session.segments:
        if segment.kind is not SegmentKind.PANEL:
            continue
        if not any(part.role is PartRole.MODERATOR for part in segment.parts):
            yield _panel(schedule, session, segment, Code.PANEL_WITHOUT_MODERATOR)
        panelists = {p.person_id for p in segment.parts if p.role is PartRole.PANELIST}
        if len(panelists) < PANELISTS_IN_A_PANEL:
            yield _panel(schedule, session, segment, Code.PANEL_TOO_SMALL)


def _panel(schedule: Schedule, session: Session, segment: Segment, code: Code) -> Conflict:
    return Conflict(
        code,
        segment_ref(schedule, session, segment),
        None,
        session.number,
        segment.id,
        segment.starts,
        segment.ends,
        params={"segment": segment_label(segment)},
    )


def _missing(schedule: Schedule, session: Session, now: datetime) -> Iterator[Conflict]:
    parts = [part for segment in session.segments for part in segment.parts]
    if not any(part.role is PartRole.HOST for part in parts):
        yield _about(schedule, session, Code.SESSION_WITHOUT_HOST, session.starts, session.ends)
    soon = session.starts - LINK_NEEDED_BEFORE <= now < session.ends
    if soon and not session.meeting_url.strip():
        yield _about(schedule, session, Code.LINK_MISSING, session.starts, session.ends)


def _gaps(schedule: Schedule, session: Session) -> Iterator[Conflict]:
    if not session.segments:
        yield _about(schedule, session, Code.AGENDA_EMPTY, session.starts, session.ends)
        return
    for starts, ends in uncovered(session.starts, session.ends, session.segments):
        if starts == session.starts:
            yield _about(schedule, session, Code.AGENDA_STARTS_LATE, starts, ends)
        elif ends == session.ends:
            yield _about(schedule, session, Code.AGENDA_ENDS_EARLY, starts, ends)
        else:
            yield _gap(schedule, session, starts, ends)


def _about(
    schedule: Schedule, session: Session, code: Code, starts: datetime, ends: datetime
) -> Conflict:
    return Conflict(
        code,
        session_ref(schedule, session),
        None,
        session.number,
        None,
        starts,
        ends,
        params={"number": session.number, "when": Moment(starts, ends, session.zone)},
    )


def _gap(schedule: Schedule, session: Session, starts: datetime, ends: datetime) -> Conflict:
    segments = in_time([s for s in session.segments if s.starts < s.ends])
    before = next(s for s in segments if s.ends == starts)
    after = next(s for s in segments if s.starts == ends)
    return Conflict(
        Code.AGENDA_GAP,
        segment_ref(schedule, session, before),
        segment_ref(schedule, session, after),
        session.number,
        after.id,
        starts,
        ends,
        params={
            "a": segment_label(before),
            "b": segment_label(after),
            "when": Moment(starts, ends, session.zone),
        },
    )
