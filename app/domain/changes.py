"""What changed between two schedules, as a person would tell it, and the next release."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from app.domain.change_values import SENTENCES, Change, Code
from app.domain.changes_in_agenda import agenda_changes, visible_segments
from app.domain.schedule import CycleInstitution, Schedule, Session, SessionStatus
from app.domain.sentences import Moment, Value, Words
from app.domain.text import Localized
from app.domain.zone_shifts import at_its_hour, same_clock

__all__ = ["SENTENCES", "Change", "Code", "changes", "release", "visible"]


def visible(session: Session) -> tuple[object, ...]:
    """What of a session somebody who reads the schedule can see; equal exactly if that is equal.

    Not in it: ids, sequence and stamps, the meeting link (no release holds it), people's zones.
    """
    return (
        session.number,
        written(session.title),
        written(session.description),
        session.zone,
        session.wall_start,
        session.starts,
        session.ends,
        session.status,
        visible_segments(session),
    )


def written(text: Localized) -> dict[str, str]:
    """The languages in which there is a text; an empty one is none."""
    return {language: words for language, words in text.items() if words}


def changes(before: Schedule | None, after: Schedule) -> tuple[Change, ...]:
    """The differences, the cycle's first, then session by session in the order of numbers.

    Sessions are matched by id; draft ones are as good as not there. There is a change for a
    session exactly if `visible` differs. `after` may be a draft; what a release of it would tell
    is ``changes(before, release(before, draft, now))``, where what is gone is cancelled instead.
    `before` None: everything is new, and nothing is said about the cycle itself.
    """
    found = [] if before is None else list(_cycle_changes(before, after))
    old = {} if before is None else _published(before)
    new = _published(after)
    both = [(old.get(key), new.get(key)) for key in {**new, **old}]
    both.sort(key=lambda pair: _place(pair[1] or pair[0]))
    language = after.language
    for was, now in both:
        found += _session_changes(was, now, language)
    return tuple(found)


def _published(schedule: Schedule) -> dict[str, Session]:
    return {s.id: s for s in schedule.sessions if s.status is not SessionStatus.DRAFT}


def _place(session: Session | None) -> tuple[int, str]:
    return (session.number, session.id) if session else (0, "")


def _cycle_changes(before: Schedule, after: Schedule) -> Iterator[Change]:
    if written(before.title) != written(after.title):
        was, now = Words(before.title, before.language), Words(after.title, after.language)
        yield Change(Code.CYCLE_RETITLED, params={"was": was, "now": now})
    if written(before.description) != written(after.description):
        was = Words(before.description, before.language)
        now = Words(after.description, after.language)
        yield Change(Code.CYCLE_DESCRIPTION, params={"was": was, "now": now})
    if before.zone != after.zone:
        yield Change(Code.CYCLE_ZONE, params={"was": before.zone, "now": after.zone})
    old = {(each.name, each.role): each for each in before.institutions}
    new = {(each.name, each.role): each for each in after.institutions}
    for key, institution in new.items():
        if key not in old:
            yield Change(Code.INSTITUTION_ADDED, params=_who(institution))
    for key, institution in old.items():
        if key not in new:
            yield Change(Code.INSTITUTION_REMOVED, params=_who(institution))


def _who(institution: CycleInstitution) -> dict[str, Value]:
    return {"institution": institution.name, "role": institution.role}


def _session_changes(was: Session | None, now: Session | None, language: str) -> Iterator[Change]:
    if now is None:
        if was is not None:
            yield _change(Code.SESSION_REMOVED, was, language)
    elif was is None:
        cancelled = now.status is SessionStatus.CANCELLED
        yield _change(Code.SESSION_CANCELLED if cancelled else Code.SESSION_ADDED, now, language)
    else:
        yield from _field_changes(was, now, language)
        yield from agenda_changes(was, now)


def _field_changes(was: Session, now: Session, language: str) -> Iterator[Change]:
    if was.status is not now.status:
        cancelled = now.status is SessionStatus.CANCELLED
        code = Code.SESSION_CANCELLED if cancelled else Code.SESSION_REINSTATED
        yield _change(code, now, language)
    if was.number != now.number:
        yield _change(Code.SESSION_RENUMBERED, now, language, was=was.number)
    yield from _time_changes(was, now, language)
    if written(was.title) != written(now.title):
        titles: dict[str, Value] = {
            "was": Words(was.title, language),
            "now": Words(now.title, language),
        }
        yield _change(Code.SESSION_RETITLED, now, language, **titles)
    if written(was.description) != written(now.description):
        texts: dict[str, Value] = {
            "was": Words(was.description, language),
            "now": Words(now.description, language),
        }
        yield _change(Code.SESSION_DESCRIPTION, now, language, **texts)


def _time_changes(was: Session, now: Session, language: str) -> Iterator[Change]:
    if was.zone != now.zone:
        yield _change(Code.SESSION_ZONE, now, language, was=was.zone, now=now.zone)
    if was.starts != now.starts and same_clock(was, now):
        # What the instant before is on that wall by today's rules is a time that nobody was told.
        yield _change(
            Code.SESSION_SHIFTED,
            now,
            language,
            zone=now.zone,
            was=Moment(was.starts, was.ends, "UTC", only=True),
            now=Moment(now.starts, now.ends, "UTC", only=True),
        )
    elif was.starts != now.starts:
        hour = at_its_hour(was)  # as everybody was told it, whatever zone data has come since
        moments: dict[str, Value] = {
            "was": Moment(hour.starts, hour.ends, hour.zone),
            "now": Moment(now.starts, now.ends, now.zone),
        }
        yield _change(Code.SESSION_MOVED, now, language, **moments)
    elif was.zone == now.zone and was.wall_start != now.wall_start:
        # New zone data read the same clock time as another instant, and somebody corrected it.
        yield _change(Code.SESSION_CLOCK, now, language)
    lengths = was.ends - was.starts, now.ends - now.starts
    if lengths[0] != lengths[1]:
        yield _change(Code.SESSION_LENGTH, now, language, was=lengths[0], now=lengths[1])


def _change(code: Code, session: Session, language: str, **params: Value) -> Change:
    always: dict[str, Value] = {
        "number": session.number,
        "session": Words(session.title, language),
        "when": Moment(session.starts, session.ends, session.zone),
    }
    return Change(code, session.id, session.number, params=always | params)


def release(before: Schedule | None, draft: Schedule, now: datetime) -> Schedule:
    """The schedule to publish: what the last release becomes when this draft is published.

    Draft sessions and meeting links are left out. A session of the last release that is gone from
    the draft (deleted, or set back to draft) stays in as it was, cancelled, in this and every
    later release, so that calendars learn of it and go on knowing. One that was cancelled before
    any release is left out: nobody has heard of it. UID and `created` never change.
    A session that looks the same (`visible`) keeps `sequence` and `stamp`; one that does
    not gets the next sequence (RFC 5545, section 3.8.7.4) and a later stamp, in whole seconds and
    UTC; with another time or status that is also its `time_since`. Releasing the same draft again
    gives the same schedule.

    Raises ValueError if `now` is naive, or if `before` is another cycle's.
    """
    if now.tzinfo is None:
        raise ValueError("now must be aware")
    if before is not None and before.id != draft.id:
        raise ValueError("the last release is another cycle's")
    at = now.astimezone(UTC)
    old = {} if before is None else {s.id: s for s in before.sessions}
    new = {
        s.id: s
        for s in draft.sessions
        if s.status is SessionStatus.SCHEDULED
        or (s.status is SessionStatus.CANCELLED and s.id in old)
    }
    gone = [replace(s, status=SessionStatus.CANCELLED) for s in old.values() if s.id not in new]
    sessions = [_stamped(old.get(s.id), s, at) for s in (*new.values(), *gone)]
    # A number may have been given anew: whoever asks for it gets the session that takes place.
    sessions.sort(key=lambda s: (s.number, s.status is SessionStatus.CANCELLED, s.id))
    return replace(draft, sessions=tuple(sessions)).without_meeting_links()


def _stamped(was: Session | None, now: Session, at: datetime) -> Session:
    if was is None or was.stamp is None:
        moment = at.replace(microsecond=0)
        return replace(now, sequence=0, stamp=moment, created=moment, time_since=moment)
    sequence, stamp = was.sequence, was.stamp
    if visible(was) != visible(now):
        sequence += 1
        stamp = max(at, stamp + timedelta(seconds=1)).replace(microsecond=0)
    same_time = (was.starts, was.ends, was.status) == (now.starts, now.ends, now.status)
    return replace(
        now,
        uid=was.uid,
        created=was.created,
        sequence=sequence,
        stamp=stamp,
        time_since=was.time_since if same_time else stamp,
    )
