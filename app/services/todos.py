"""What needs doing next in a cycle, the most urgent first."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from app.domain.conflicts import Code, Conflict, Severity
from app.domain.enrolment import TAKES_A_PLACE, EnrolmentStatus
from app.domain.errors import N_
from app.domain.schedule import CycleStatus, PartStatus, Session, SessionStatus
from app.domain.sentences import Params
from app.domain.zone_shifts import shifts
from app.services.todo_values import (
    ASK_BEFORE,
    NEAR,
    NEW,
    SOON,
    URGENCIES,
    Standing,
    Todo,
    Urgency,
    Where,
)
from app.services.todos_after import after_sessions
from app.services.webhooks import FAILING, GONE

__all__ = ["NEW", "Standing", "Todo", "Urgency", "Where", "todos"]

_OF_THEIR_OWN = (Code.LINK_MISSING, Code.PART_DECLINED, Code.PART_UNCONFIRMED)


def todos(standing: Standing) -> list[Todo]:
    """The list, by urgency; where that is equal, in the order in which one would do them, and
    sessions by their time. An archived cycle has nothing to do."""
    if standing.cycle.status == CycleStatus.ARCHIVED:
        return []
    found = [
        *_links(standing),
        *_conflicts(standing, Severity.ERROR),
        *_mails(standing),
        *_webhooks(standing),
        *_parts(standing),
        *_slides(standing),
        *_zones(standing),
        *_publishing(standing),
        *_participants(standing),
        *_beginnings(standing),
        *after_sessions(standing),
        *_conflicts(standing, Severity.WARNING),
    ]
    return sorted(found, key=lambda todo: URGENCIES.index(todo.severity))  # keeps the rest


def _by_time(sessions: Iterable[Session]) -> list[Session]:
    return sorted(sessions, key=lambda s: (s.starts, s.number))


def _links(standing: Standing) -> Iterator[Todo]:
    for conflict in standing.preview.conflicts:
        if conflict.code is Code.LINK_MISSING:
            yield _told("link_missing", "now", conflict)


def _conflicts(standing: Standing, severity: Severity) -> Iterator[Todo]:
    """One line for each session: the conflict itself where it is the only one, else how many."""
    by_session: dict[int, list[Conflict]] = defaultdict(list)
    for conflict in standing.preview.conflicts:
        if conflict.severity is severity and conflict.code not in _OF_THEIR_OWN:
            by_session[conflict.session_number].append(conflict)
    error = severity is Severity.ERROR
    for session in _by_time(standing.draft.sessions):
        found = by_session.pop(session.number, [])
        # An error in the past still keeps the rest from being published; a warning is history.
        if not found or (not error and session.ends <= standing.now):
            continue
        code = "schedule_errors" if error else "schedule_warnings"
        urgency: Urgency = "later"
        if error:
            urgency = "now" if session.starts <= standing.now + NEAR else "soon"
        if len(found) == 1:
            yield _told(code, urgency, found[0])
            continue
        sentence = (
            N_("Session %(number)s has several conflicts: %(count)s.")
            if error
            else N_("Session %(number)s has several things to check: %(count)s.")
        )
        params: Params = {"number": session.number, "count": len(found)}
        yield Todo(code, urgency, sentence, params, session.number)


def _told(code: str, urgency: Urgency, conflict: Conflict) -> Todo:
    return Todo(code, urgency, conflict.message, conflict.params, conflict.session_number)


def _mails(standing: Standing) -> Iterator[Todo]:
    if standing.failed_mails:
        yield Todo(
            "mails_failed",
            "now",
            N_("Mails that could not be delivered: %(count)s."),
            {"count": standing.failed_mails},
            where="mail",
        )
    if standing.returned_mails:
        yield Todo(
            "mails_returned",
            "now",
            N_("Mails that came back: %(count)s. Check the addresses."),
            {"count": standing.returned_mails},
            where="returned",
        )
    if standing.open_replies:
        yield Todo(
            "replies_open",
            "soon",
            N_("Mails that need a person: %(count)s."),
            {"count": standing.open_replies},
            where="replies",
        )


def _webhooks(standing: Standing) -> Iterator[Todo]:
    sentences = {
        FAILING: N_("Webhooks that were disabled, as nothing arrived for three days: %(count)s."),
        GONE: N_("Webhooks that were disabled, as they want nothing more (410): %(count)s."),
    }
    for why, sentence in sentences.items():
        if count := standing.webhooks_ended.get(why, 0):
            yield Todo(f"webhooks_{why}", "soon", sentence, {"count": count}, where="webhooks")


def _parts(standing: Standing) -> Iterator[Todo]:
    """A line for each session and each thing to do about the people on its programme."""
    by_session: dict[tuple[int, Code], set[str]] = defaultdict(set)
    for conflict in standing.preview.conflicts:
        if conflict.code in (Code.PART_DECLINED, Code.PART_UNCONFIRMED):
            by_session[conflict.session_number, conflict.code].add(conflict.subject.id)
    for session in _by_time(standing.draft.sessions):
        if session.ends <= standing.now or session.status is SessionStatus.CANCELLED:
            continue
        near = session.starts <= standing.now + NEAR
        params: Params = {"number": session.number}
        declined = len(by_session[session.number, Code.PART_DECLINED])
        if declined:
            sentence = N_("Session %(number)s: parts that were declined: %(count)s.")
            yield Todo(
                "parts_declined",
                "now" if near else "soon",
                sentence,
                {**params, "count": declined},
                session.number,
            )
        unconfirmed = len(by_session[session.number, Code.PART_UNCONFIRMED])
        if unconfirmed:
            soon = session.starts <= standing.now + SOON
            sentence = N_("Session %(number)s: parts that are not confirmed: %(count)s.")
            yield Todo(
                "parts_unconfirmed",
                "now" if soon else "soon",
                sentence,
                {**params, "count": unconfirmed},
                where="parts",
            )
        unasked = _unasked(session) if session.starts <= standing.now + ASK_BEFORE else 0
        if unasked:
            sentence = N_("Session %(number)s: people who were not asked yet: %(count)s.")
            yield Todo(
                "parts_unasked", "later", sentence, {**params, "count": unasked}, where="parts"
            )


def _unasked(session: Session) -> int:
    parts = (part for segment in session.segments for part in segment.parts)
    return len({part.person_id for part in parts if part.status == PartStatus.PLANNED})


def _slides(standing: Standing) -> Iterator[Todo]:
    for session in _by_time(standing.draft.sessions):
        names = standing.new_slides.get(session.id, ())
        if names and session.status is not SessionStatus.CANCELLED:
            yield Todo(
                "new_slides",
                "later",
                N_("New slides from %(names)s for session %(number)s."),
                {"names": ", ".join(names), "number": session.number},
                session.number,
                "materials",
            )


def _zones(standing: Standing) -> Iterator[Todo]:
    moved = shifts(standing.preview.before, standing.now)
    if moved:
        near = min(shift.was for shift in moved), min(shift.now for shift in moved)
        yield Todo(
            "zones_changed",
            "now" if min(near) <= standing.now + SOON else "soon",
            N_("Time zones changed: sessions moved: %(count)s. Tell those concerned."),
            {"count": len(moved)},
            where="publish",
        )


def _publishing(standing: Standing) -> Iterator[Todo]:
    preview, now = standing.preview, standing.now
    if not preview.next_schedule.sessions:
        return
    if preview.before is None:
        near = any(
            now < s.ends and s.starts <= now + NEAR
            for s in preview.next_schedule.sessions
            if s.status is SessionStatus.SCHEDULED
        )
        yield Todo(
            "not_published",
            "soon" if near else "later",
            N_("The cycle is not published yet: only organizers can see it."),
            where="publish",
        )
    elif preview.changes:
        changed = {change.session_id for change in preview.changes}
        pressing = any(
            s.id in changed and now < s.ends and s.starts <= now + SOON
            for schedule in (preview.before, preview.next_schedule)
            for s in schedule.sessions
        )
        yield Todo(
            "changes_unpublished",
            "now" if pressing else "soon",
            N_("Changes that nobody has been shown yet: %(count)s."),
            {"count": len(preview.changes)},
            where="publish",
        )
    elif not preview.nothing_new:
        yield Todo(
            "look_unpublished",
            "later",
            N_("How the cycle looks to others has changed and is not published yet."),
            where="publish",
        )


def _participants(standing: Standing) -> Iterator[Todo]:
    counts, capacity = standing.enrolments, standing.cycle.capacity
    if pending := counts.get(EnrolmentStatus.PENDING, 0):
        yield Todo(
            "enrolments_pending",
            "soon",
            N_("Enrolments that wait for your answer: %(count)s."),
            {"count": pending},
            where="participants",
        )
    waiting = counts.get(EnrolmentStatus.WAITLISTED, 0)
    taken = sum(counts.get(status, 0) for status in TAKES_A_PLACE)
    if waiting and (capacity is None or taken < capacity):
        free = waiting if capacity is None else min(waiting, capacity - taken)
        yield Todo(
            "waitlist_with_places",
            "soon",
            N_("There is room for people on the waiting list: %(count)s."),
            {"count": free},
            where="participants",
        )


def _beginnings(standing: Standing) -> Iterator[Todo]:
    cycle = standing.cycle
    if not standing.draft.sessions:
        yield Todo("no_sessions", "soon", N_("The cycle has no sessions yet: add the first one."))
    if cycle.enrolment_open and not any(cycle.privacy_notice.values()):
        yield Todo(
            "no_privacy_notice",
            "soon",
            N_("The privacy notice is the house's own: look whether it is true of this cycle."),
            where="privacy",
        )
