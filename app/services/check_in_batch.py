"""Check-ins from personal pages, many in one transaction: the work of the desk's clerk.

The rules are those of `check_in.check_in`, and so is what is written. Only the way to the database
is another: a few statements for all of them instead of several for each.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import compress
from typing import Any, NamedTuple

from sqlalchemy import Connection, Dialect, Row

from app.db import Database
from app.domain import check_in as rules
from app.domain.errors import Clash, DomainError, NotFound
from app.domain.ids import new_id
from app.domain.schedule import CycleStatus
from app.services.check_in import check_in_key, dated_since, key_after, taken_back, window_of
from app.services.check_in_statements import SOURCE, New, Statements, Who
from app.services.evidence import retracted
from app.services.guests import link_replaced
from app.services.reach import heard_from
from app.services.told import told_session
from app.services.webhook_events import checked_in, tell

_MOST_KEPT = 500  # sessions


class Slip(NamedTuple):
    """Somebody pressed the button on their personal page, at an aware instant: the enrolment and
    the generation that their link names, and the number of the session."""

    enrolment_id: str
    generation: int
    number: int
    at: datetime


class Done(NamedTuple):
    """They are checked in. `already`: they had been, since the instant `at`. `language`: theirs."""

    already: bool
    at: datetime
    language: str


@dataclass(frozen=True, slots=True)
class _Session:
    """What check-in has to know of a session, true at a revision of its cycle."""

    revision: int
    id: str
    status: str
    window: rules.Window
    since: datetime


class _Case(NamedTuple):
    """A slip of somebody who is known, for a session that is there."""

    place: int  # among the slips
    slip: Slip
    session: _Session
    who: Who
    key: str

    def after(self, first: Row[Any]) -> bool:
        """Whether the session was moved here after that check-in."""
        return bool(first.at < self.session.since)


Outcomes = dict[int, Done | Exception]
"""By the place of the slip."""


class CheckIns:
    """Does the work. Not for two threads at once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._statements = _statements(database.engine.dialect)
        self._sessions: dict[tuple[str, int], _Session] = {}

    def __call__(self, slips: Sequence[Slip]) -> list[Done | Exception]:
        """An outcome for each slip, committed: `Done`, or the error that `check_in.check_in` raises
        for it, or NotFound and Gone for a link that opens nothing."""
        outcomes: Outcomes = {}
        with self._database.writing() as connection:
            cases = self._cases(connection, slips, outcomes)
            # Two transactions take the same keys in the same order, so that they never wait for
            # each other; and of two slips with one key the first one counts.
            cases.sort(key=lambda case: (case.key, case.place))
            allowed = self._allowed(connection, cases, outcomes)
            self._write(connection, allowed, outcomes)
        return [outcomes[place] for place in range(len(slips))]

    def _cases(
        self, connection: Connection, slips: Sequence[Slip], outcomes: Outcomes
    ) -> list[_Case]:
        """Whose slips they are. They can be reached, whatever becomes of the slips."""
        known = self._statements.who_are(connection, {slip.enrolment_id for slip in slips})
        heard: dict[str, datetime] = {}
        cases = []
        for place, slip in enumerate(slips):
            try:
                who = known[slip.enrolment_id]
                if slip.generation != who.link_generation:
                    with self._database.session_on(connection) as db:
                        raise link_replaced(db, who.cycle_id, of_participant=True)
                session = self._session(connection, who, slip.number)
            except KeyError:
                outcomes[place] = NotFound()
                continue
            except DomainError as error:
                outcomes[place] = error
                continue
            if who.bounced:
                heard[who.person_id] = slip.at
            key = check_in_key(who.id, session.id)
            cases.append(_Case(place, slip, session, who, key))
        if heard:
            with self._database.session_on(connection) as db:
                for person_id in sorted(heard):
                    heard_from(db, person_id, heard[person_id])
        return cases

    def _session(self, connection: Connection, who: Who, number: int) -> _Session:
        """Kept for as long as its cycle's revision is what it was, which every change of a session
        and every release raises (docs/adr/0015). That revision was read before. Raises NotFound."""
        if who.cycle_status == CycleStatus.DRAFT or not who.release_number:
            raise NotFound
        place = (who.cycle_id, number)
        kept = self._sessions.get(place)
        if kept is None or kept.revision != who.revision:
            with self._database.session_on(connection) as db:
                told = told_session(db, who.cycle_id, number)
            kept = _Session(
                who.revision, told.row.id, told.status, window_of(told), dated_since(told)
            )
            if len(self._sessions) >= _MOST_KEPT:
                self._sessions.clear()
            self._sessions[place] = kept
        return kept

    def _allowed(
        self, connection: Connection, cases: Sequence[_Case], outcomes: Outcomes
    ) -> list[_Case]:
        """Those that are to be written. Who comes in time is not looked for: writing finds them."""
        late = [case for case in cases if not _in_time(case)]
        before = dict(self._of_this_date(connection, late))
        allowed = []
        for case in cases:
            first = before.get(case.place)
            try:
                rules.refuse(
                    case.who.status,
                    case.session.status,
                    case.slip.at,
                    case.session.window,
                    done=first is not None,
                )
            except DomainError as error:
                outcomes[case.place] = error
                continue
            if first is not None:
                outcomes[case.place] = self._again(connection, case, first)
            else:
                allowed.append(case)
        return allowed

    def _write(self, connection: Connection, cases: Sequence[_Case], outcomes: Outcomes) -> None:
        if not cases:
            return
        new = [New(new_id(), c.who.id, c.session.id, c.slip.at, c.key) for c in cases]
        for case in cases:
            outcomes[case.place] = Done(False, case.slip.at, case.who.language)
        if self._statements.add(connection, new) == len(new):
            self._tell(connection, cases, new)
            return
        # Some were there: from before, from another process, or twice among these.
        first = self._statements.there(connection, [each.key for each in new])
        moved = []
        written = [first[mine.key].id == mine.id for mine in new]
        self._tell(connection, list(compress(cases, written)), list(compress(new, written)))
        for case, mine in zip(cases, new, strict=True):
            found = first[mine.key]
            if case.after(found):
                moved.append(case._replace(key=key_after(found.id)))
            elif found.id != mine.id:
                outcomes[case.place] = self._again(connection, case, found)
        self._write(connection, sorted(moved, key=lambda case: (case.key, case.place)), outcomes)

    @staticmethod
    def _tell(connection: Connection, cases: Sequence[_Case], new: Sequence[New]) -> None:
        """Tells the webhooks of what was written; where there are none, nothing is asked."""
        tell(
            connection,
            [
                checked_in(case.who.cycle_id, *mine[:4], SOURCE)
                for case, mine in zip(cases, new, strict=True)
                if case.who.has_webhooks
            ],
        )

    def _of_this_date(
        self, connection: Connection, cases: Sequence[_Case]
    ) -> Iterator[tuple[int, Row[Any]]]:
        """What is there of these for the session as it is dated now, by their places."""
        while cases:
            before = self._statements.there(connection, [case.key for case in cases])
            found = [(case, before[case.key]) for case in cases if case.key in before]
            yield from ((c.place, row) for c, row in found if not c.after(row))
            cases = [c._replace(key=key_after(row.id)) for c, row in found if c.after(row)]

    def _again(self, connection: Connection, case: _Case, first: Row[Any]) -> Done | Clash:
        """What becomes of a slip of somebody whose check-in is there from before. Whether it still
        counts is looked up only where something of theirs was retracted, which is seldom."""
        if first.doubtful:
            with self._database.session_on(connection) as db:
                if first.id in retracted(db, case.session.id, [case.who.id]):
                    return taken_back(db, case.who.cycle_id)
        return Done(True, first.at, case.who.language)


@lru_cache(maxsize=8)
def _statements(dialect: Dialect) -> Statements:
    return Statements(dialect)


def _in_time(case: _Case) -> bool:
    return rules.state(case.slip.at, case.session.window) is rules.WindowState.OPEN
