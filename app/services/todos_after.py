"""What needs doing after a session: reports, attendance, and whom a warning can still help."""

from collections.abc import Iterable, Iterator

from app.domain.enrolment import EnrolmentStatus
from app.domain.errors import N_
from app.domain.retention import SEEN_BEFORE
from app.domain.schedule import Session, SessionStatus
from app.domain.zones import wall_time
from app.services.todo_values import FRESH, Standing, Todo


def after_sessions(standing: Standing) -> Iterator[Todo]:
    """In the order in which one would do them."""
    yield from _reports(standing)
    yield from _retention(standing)
    yield from _completion(standing)
    yield from _attendance(standing)


def _by_time(sessions: Iterable[Session]) -> list[Session]:
    return sorted(sessions, key=lambda s: (s.starts, s.number))


def _attendance(standing: Standing) -> Iterator[Todo]:
    """By what was published: that is what people came to. Its page has the draft's number."""
    confirmed = standing.enrolments.get(EnrolmentStatus.CONFIRMED, 0)
    numbers = {each.id: each.number for each in standing.draft.sessions}
    released = standing.preview.before
    for session in _by_time(released.sessions if released else ()):
        over = session.ends <= standing.now < session.ends + FRESH
        if not over or session.status is not SessionStatus.SCHEDULED:
            continue
        if session.id in standing.closed or session.id not in numbers:
            continue
        unknown = standing.unknown.get(session.id, 0)
        if unknown:
            yield Todo(
                "attendance_open",
                "later",
                N_("Session %(number)s is over. Participants without attendance: %(count)s."),
                {"number": session.number, "count": unknown},
                numbers[session.id],
                "attendance",
            )
        elif confirmed:
            yield Todo(
                "session_unclosed",
                "later",
                N_("Session %(number)s is over and everybody is accounted for. Close it."),
                {"number": session.number},
                numbers[session.id],
                "closing",
            )


def _reports(standing: Standing) -> Iterator[Todo]:
    for session in _by_time(standing.draft.sessions):
        waiting, rows = standing.reports.get(session.id, (0, 0))
        if waiting:
            yield Todo(
                "report_waiting",
                "soon",
                N_("A report of session %(number)s was read and not applied."),
                {"number": session.number},
                session.number,
                "reports",
            )
        if rows:
            yield Todo(
                "rows_unmatched",
                "soon",
                N_("Rows of session %(number)s’s report that match nobody: %(count)s."),
                {"number": session.number, "count": rows},
                session.number,
                "reports",
            )


def _retention(standing: Standing) -> Iterator[Todo]:
    due = standing.details_go
    if due is not None and due <= standing.now + SEEN_BEFORE:
        yield Todo(
            "details_go",
            "soon",
            N_("Details of participants are erased on %(day)s. You can put it off."),
            {"day": wall_time(due, standing.cycle.zone).date()},
            where="privacy",
        )


def _completion(standing: Standing) -> Iterator[Todo]:
    if standing.at_risk:
        yield Todo(
            "completion_at_risk",
            "soon",
            N_("Participants who may miss nothing more if they are to complete: %(count)s."),
            {"count": standing.at_risk},
            where="completion",
        )
