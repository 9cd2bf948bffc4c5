"""What a cycle amounts to in numbers, from the evidence, in one pass over everybody.

Nothing of it is stored. Everybody counts who has a place, and whoever has none any more where they
were seen (`domain.attendance.counts_at`), as on the pages of attendance.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlmodel import col

from app.db import DbSession
from app.domain import report as rules
from app.domain.attendance import Record, counts_at
from app.domain.completion import Held
from app.domain.enrolment import EnrolmentStatus
from app.domain.feedback import RATINGS, QuestionKind, withheld
from app.domain.report import Dimension, Group, Row, Tally
from app.models import (
    Cycle,
    Enrolment,
    Evidence,
    FeedbackAnswer,
    FeedbackForm,
    FeedbackQuestion,
    FeedbackReceipt,
    Guest,
    Initiative,
    Invitation,
    Person,
)
from app.services import evidence as stored
from app.services.actor import Actor
from app.services.closing import reports_to_settle
from app.services.completion import Against, against
from app.services.told import Told

Rated = Mapping[str, Counter[int]]
"""How often each rating was given, by the question's id."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What was answered after a session. `ratings`: how many there are to the questions that are
    asked; `mean` of them, None where there is none. Where so few have answered without their names
    that nothing is shown, it is `withheld`; a question that so few have rated is left out of both,
    however many have answered another."""

    answered: int
    anonymous: bool
    ratings: int = 0
    mean: float | None = None
    withheld: bool = False


@dataclass(frozen=True, slots=True)
class SessionReport:
    """A session in numbers. `reports`: provider's reports that were read and not applied; `rows`:
    rows of applied ones that are nobody's so far. `opinion` None: nothing is asked after it."""

    held: Held
    told: Told
    tally: Tally
    reports: int = 0
    rows: int = 0
    opinion: Opinion | None = None

    @property
    def settled(self) -> bool:
        """Whether its numbers stay, unless somebody changes something."""
        return self.held.over and self.held.closed and not (self.reports or self.rows)


@dataclass(frozen=True, slots=True)
class Somebody:
    """One enrolment with what was counted of it."""

    id: str
    name: str
    email: str
    row: Row


@dataclass(frozen=True, slots=True)
class Report:
    """A cycle in numbers at the aware instant `at`. `groups`: by country, institution and
    initiative, and by gender where the cycle asks for it. `people` by name."""

    against: Against
    at: datetime
    whole: Tally
    sessions: tuple[SessionReport, ...]
    groups: Mapping[Dimension, tuple[Group, ...]]
    people: tuple[Somebody, ...]

    @property
    def cycle(self) -> Cycle:
        """The cycle."""
        return self.against.cycle

    @property
    def provisional(self) -> bool:
        """Whether any session's numbers may still change by themselves."""
        return not all(each.settled for each in self.sessions)

    @property
    def unclosed(self) -> list[SessionReport]:
        """Sessions that are over and not closed: whoever was not seen there is not known."""
        return [each for each in self.sessions if each.held.over and not each.held.closed]

    @property
    def to_come(self) -> list[SessionReport]:
        """Sessions that are not over."""
        return [each for each in self.sessions if not each.held.over]

    @property
    def unsettled(self) -> list[SessionReport]:
        """Sessions with reports that are not applied, or with rows that are nobody's."""
        return [each for each in self.sessions if each.reports or each.rows]

    @property
    def unmeasured(self) -> list[SessionReport]:
        """Sessions that people attended of whom nobody knows for how long."""
        return [each for each in self.sessions if each.tally.unverified]


_COLUMNS = (
    col(Enrolment.id),
    col(Enrolment.person_id),
    col(Enrolment.status),
    col(Enrolment.name),
    col(Person.email),
    col(Enrolment.country),
    col(Enrolment.institution),
    func.coalesce(col(Initiative.name), ""),
    col(Enrolment.gender),
)


def report(db: DbSession, actor: Actor, cycle_id: str, now: datetime) -> Report:
    """The report on a cycle. Ten queries, however many people and sessions there are.

    Raises NotFound.
    """
    known = against(db, cycle_id, now)
    ids = [each.id for each in known.held]
    people = tuple(everybody(db, known, ids))
    rows = [each.row for each in people]
    dimensions = [d for d in Dimension if d is not Dimension.GENDER or known.cycle.asks_gender]
    waiting = reports_to_settle(db, *ids)
    opinions = opinions_of(db, ids)
    tallies = rules.by_session(rows, ids)
    return Report(
        against=known,
        at=now,
        whole=rules.tally(rows, ids),
        sessions=tuple(
            SessionReport(
                each,
                known.measures[each.id].told,
                tallies[each.id],
                *waiting.get(each.id, (0, 0)),
                opinion=opinions.get(each.id),
            )
            for each in known.held
        ),
        groups={each: rules.by_dimension(rows, ids, each) for each in dimensions},
        people=people,
    )


def everybody(
    db: DbSession, known: Against, session_ids: list[str], *, outcomes: bool = True
) -> Iterator[Somebody]:
    """Everybody who counts at these sessions, by name, each with the records of them: worked out
    once. Three queries. `outcomes`: how far they are, too, for which it takes all sessions."""
    answers = _answers(db, known.cycle.id)
    seen = select(col(Evidence.enrolment_id)).where(col(Evidence.session_id).in_(session_ids))
    query = (
        select(*_COLUMNS)
        .join(Person, col(Person.id) == col(Enrolment.person_id))
        .outerjoin(Initiative, col(Initiative.id) == col(Enrolment.initiative_id))
        .where(
            col(Enrolment.cycle_id) == known.cycle.id,
            or_(col(Enrolment.status) == EnrolmentStatus.CONFIRMED, col(Enrolment.id).in_(seen)),
        )
        .order_by(col(Enrolment.search_key), col(Enrolment.id))
    )
    evidence = stored.of_sessions(db, session_ids)
    blank = {each: known.measures[each].record([]) for each in session_ids}
    for row in db.execute(query):
        enrolment_id, person_id, status, name, email, country, institution, initiative, gender = row
        enrolled = status == EnrolmentStatus.CONFIRMED
        records: dict[str, Record] = {}
        for session_id in session_ids:
            pieces = evidence.get(session_id, {}).get(enrolment_id)
            measure = known.measures[session_id]
            found = measure.record(pieces) if pieces else blank[session_id]
            if counts_at(found, enrolled=enrolled):
                records[session_id] = found
        if not enrolled and not records:
            continue
        yield Somebody(
            enrolment_id,
            name,
            email or "",
            Row(
                country,
                institution,
                initiative,
                gender if known.cycle.asks_gender else "",
                enrolled,
                records,
                answers.get(person_id, {}),
                known.outcome(records) if enrolled and outcomes else None,
            ),
        )


def _answers(db: DbSession, cycle_id: str) -> Mapping[str, Mapping[str, str]]:
    """What was answered to the invitations, by person and session; what was said to another time
    than today's is no answer. One query."""
    query = (
        select(col(Guest.person_id), col(Invitation.session_id), col(Invitation.answer))
        .join(Invitation, col(Invitation.guest_id) == col(Guest.id))
        .where(
            col(Guest.cycle_id) == cycle_id,
            col(Invitation.answer) != "",
            col(Invitation.answer_sequence) >= col(Invitation.time_sequence),
        )
    )
    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for person_id, session_id, answer in db.execute(query):
        found[person_id][session_id] = answer
    return found


def opinions_of(db: DbSession, session_ids: Iterable[str]) -> dict[str, Opinion]:
    """What was answered after these sessions, by the session's id. Two queries."""
    forms = db.execute(
        select(
            col(FeedbackForm.session_id),
            col(FeedbackForm.anonymous),
            func.count(col(FeedbackReceipt.enrolment_id)),
        )
        .outerjoin(FeedbackReceipt, col(FeedbackReceipt.form_id) == col(FeedbackForm.id))
        .where(col(FeedbackForm.session_id).in_(list(session_ids)))
        .group_by(col(FeedbackForm.session_id), col(FeedbackForm.anonymous))
    ).all()
    rated: defaultdict[str, Rated] = defaultdict(lambda: defaultdict(Counter))
    query = (
        select(
            col(FeedbackForm.session_id),
            col(FeedbackQuestion.id),
            col(FeedbackAnswer.value),
            func.count(),
        )
        .join(FeedbackQuestion, col(FeedbackQuestion.form_id) == col(FeedbackForm.id))
        .join(FeedbackAnswer, col(FeedbackAnswer.question_id) == col(FeedbackQuestion.id))
        .where(
            col(FeedbackForm.session_id).in_([row[0] for row in forms]),
            col(FeedbackQuestion.kind) == QuestionKind.RATING,
            col(FeedbackQuestion.retired).is_(False),
            col(FeedbackAnswer.value).in_(RATINGS),
        )
        .group_by(col(FeedbackForm.session_id), col(FeedbackQuestion.id), col(FeedbackAnswer.value))
    )
    for session_id, question_id, value, times in db.execute(query):
        rated[session_id][question_id][int(value)] += times
    return {row[0]: _opinion(row[1], row[2], rated[row[0]]) for row in forms}


def _opinion(anonymous: bool, answered: int, rated: Rated) -> Opinion:
    if withheld(anonymous, answered):
        return Opinion(answered, anonymous, withheld=True)
    told: Counter[int] = Counter()
    for each in rated.values():
        if not withheld(anonymous, each.total()):
            told += each
    ratings = told.total()
    mean = sum(value * times for value, times in told.items()) / ratings if ratings else None
    return Opinion(answered, anonymous, ratings, mean)
