"""Whoever changes the same things as somebody else comes before or after, and neither is ended.

The first stops where it holds something, until the second has gone as far as it gets: any two of
these would wait for each other if one of them took hold in another order than is said in
`services.schedules`. On SQLite a transaction that writes is alone anyway.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from threading import Event, get_ident
from typing import Any

import pytest
from sqlalchemy import event

from app.db import Database, DbSession
from app.domain.matching import Match, alias_keys
from app.models import Initiative, Message, ReportAlias, ReportRow
from app.schemas.cycle import CycleInstitutionsIn
from app.schemas.directory import InitiativeChange, InstitutionChange, PersonChange
from app.schemas.enrolment import EnrolmentChange, EnrolmentIn
from app.schemas.part import GuestDetailsIn
from app.schemas.report import DecisionIn
from app.schemas.session import SessionChange
from app.services import (
    cycles,
    enrolments,
    inbound,
    inbound_lists,
    institutions,
    invitations,
    merging,
    outbox,
    part_details,
    part_join,
    people,
    publishing,
    report_decisions,
    report_reading,
    reports,
    sessions,
)
from app.services.guests import guest_of
from app.services.rows import initiative_key
from app.services.zone_guard import read_zones_again
from tests.factories import NOW, Make
from tests.mail import inbound_corpus as corpus
from tests.services.at_once import PATIENCE, Many
from tests.services.mailing_world import LATER, OLGA, invited_world
from tests.services.reports_world import add, row, row_at, states, zoom
from tests.services.zones_world import as_if_an_hour_earlier

ORIGINAL = "<m1@example.org>"
ENROLMENTS = r"enrolment\s+WHERE enrolment.person_id IN \(.*\) ORDER BY enrolment.id"
EITHER = "One of two"
REPORT = zoom(row("Beto", "beto@example.org"), row(EITHER))


@dataclass
class There:
    """Ana and Beto are invited to a session that Hugo hosts. Hugo, the institution that carries the
    cycle and the initiative that Ana stands for are in the directory twice; as the other one Hugo
    has a part in a session that is not published. In the report of the session are Beto and
    somebody who may be Ana or Beto."""

    cycle: str
    slug: str
    session: str
    hugo: str
    ana: str
    beto: str
    enrolment_of_beto: str
    report: str
    either: str  # the row of the one who may be both
    enrolment: str  # Ana's, as all of the following
    mail: str
    reply_to: str
    uid: str
    proposal: str
    twice: dict[str, tuple[str, str]]
    draft: str  # another cycle, which nobody has seen
    draft_session: str


@pytest.fixture
def there(real_database: Database) -> There:
    with real_database.begin(writes=True) as db:
        hugo_again = Make(db).person()  # known longer, so held first of the two
        world = invited_world(db)
        make = world.make
        office, office_again = make.institution(name="Ministry"), make.institution()
        make.carries(world.cycle, office_again)
        world.hugo.institution = office_again
        cluster, cluster_again = Initiative(name="Café"), Initiative(name="Coffee")
        for each in (cluster, cluster_again):
            each.search_key = initiative_key(each)
            db.add(each)
        enrolment = world.enrolment(world.ana)
        enrolment.initiative = cluster_again
        row = world.row(world.ana)
        assert row.message_id
        db.get_one(Message, row.message_id).message_id = ORIGINAL
        reply_to = f"convoca+{guest_of(db, world.cycle.id, world.ana.id).reply_code}@example.org"
        proposal = corpus.outlook_counter(row.uid, to=reply_to, message_id="<p@example.org>")
        make.part(make.segment(make.session(world.cycle, 2, minutes=30)), hugo_again)
        draft = make.cycle()
        draft_session = make.session(draft)
        as_if_an_hour_earlier(draft_session)
        world.enrolment(world.beto).created_at -= timedelta(hours=1)  # it stays
        for person in (world.ana, world.beto):
            key = alias_keys(EITHER, "")[0]
            db.add(ReportAlias(cycle_id=world.cycle.id, person_id=person.id, key=key))
        report = add(db, world.session, REPORT)
        assert states(db, report) == {2: "matched", 3: "ambiguous"}
        return There(
            cycle=world.cycle.id,
            slug=world.cycle.slug,
            session=world.session.id,
            hugo=world.hugo.id,
            ana=world.ana.id,
            beto=world.beto.id,
            enrolment_of_beto=world.enrolment(world.beto).id,
            report=report.id,
            either=row_at(db, report, 3).id,
            enrolment=enrolment.id,
            mail=row.message_id,
            reply_to=reply_to,
            uid=row.uid,
            proposal=inbound.receive(db, proposal, LATER).id,
            twice={
                "people": (world.hugo.id, hugo_again.id),
                "institutions": (office.id, office_again.id),
                "initiatives": (cluster.id, cluster_again.id),
            },
            draft=draft.id,
            draft_session=draft_session.id,
        )


# What somebody does; each says in a word what came of it.


def sends_again(db: DbSession, there: There) -> object:
    return invitations.send_again(db, OLGA, there.cycle, there.ana, there.session, LATER)


def sends_the_mail_again(db: DbSession, there: There) -> object:
    return outbox.retry(db, OLGA, there.mail, LATER).status


def makes_two_guests_one(db: DbSession, there: There) -> object:
    return merging.merge_people(db, OLGA, there.beto, there.ana, at=LATER).name


def makes_two_people_one(db: DbSession, there: There) -> object:
    return merging.merge_people(db, OLGA, *there.twice["people"], at=LATER).name


def makes_two_institutions_one(db: DbSession, there: There) -> object:
    return merging.merge_institutions(db, OLGA, *there.twice["institutions"]).name


def makes_two_initiatives_one(db: DbSession, there: There) -> object:
    return merging.merge_initiatives(db, OLGA, *there.twice["initiatives"]).name


def enrols(db: DbSession, there: There) -> object:
    given = EnrolmentIn(name="Hugo", email="hugo@example.org", consent=True)
    return enrolments.enrol(db, there.slug, given, LATER).status


def publishes(db: DbSession, there: There) -> object:
    return publishing.publish(db, OLGA, there.cycle, accept_warnings=True, now=LATER).number


def moves(db: DbSession, there: There) -> object:
    change = PersonChange(email="new@example.org")
    return people.change_person(db, OLGA, there.hugo, change, now=LATER).email


def moves_to_the_other_institution(db: DbSession, there: There) -> object:
    change = PersonChange(institution_id=there.twice["institutions"][0])
    return people.change_person(db, OLGA, there.hugo, change, now=LATER).name


def says_who_they_are(db: DbSession, there: There) -> object:
    given = GuestDetailsIn(name="Hugo Paz", zone="UTC", language="en")
    guest = guest_of(db, there.cycle, there.hugo)
    part_details.save_details(db, guest, given, LATER)
    return "said"


def puts_an_institution_to_the_cycle(db: DbSession, there: There) -> object:
    rows = [{"institution_id": each, "role": "host"} for each in there.twice["institutions"]]
    command = CycleInstitutionsIn.model_validate({"institutions": rows})
    return len(cycles.set_institutions(db, OLGA, there.cycle, command).institutions)


def renames_the_institution(db: DbSession, there: There) -> object:
    change = InstitutionChange(acronym="I")
    return institutions.change_institution(db, OLGA, there.twice["institutions"][1], change).acronym


def renames_the_initiative(db: DbSession, there: There) -> object:
    change = InitiativeChange(name="Coffees")
    return institutions.change_initiative(db, OLGA, there.twice["initiatives"][1], change).name


def stands_for_the_other_initiative(db: DbSession, there: There) -> object:
    change = EnrolmentChange(initiative="Café")
    return enrolments.change_enrolment(db, OLGA, there.enrolment, change, now=LATER).status


def deletes_the_draft(db: DbSession, there: There) -> object:
    cycles.delete_cycle(db, OLGA, there.draft)
    return "gone"


def changes_its_session(db: DbSession, there: There) -> object:
    change = SessionChange(minutes=45)
    return sessions.change_session(db, OLGA, there.draft_session, change).minutes


def follows_the_zones(db: DbSession, there: There) -> object:
    return sum(map(len, read_zones_again(db, NOW).values()))


def bounces(db: DbSession, there: There) -> object:
    return inbound.receive(db, corpus.notification(original=ORIGINAL), LATER).status


def answers_by_mail(db: DbSession, there: There) -> object:
    raw = corpus.google(there.uid, to=there.reply_to, message_id="<r@example.org>")
    return inbound.receive(db, raw, LATER).status


def says_whose_mail_it_is(db: DbSession, there: There) -> object:
    guest = guest_of(db, there.cycle, there.beto)
    return inbound_lists.place(db, OLGA, there.proposal, guest.id, LATER)[1]


def says_who_a_row_is(db: DbSession, there: There) -> object:
    whose = DecisionIn(row_id=there.either, enrolment_id=there.enrolment_of_beto, remember=True)
    report = report_decisions.decide(db, OLGA, there.session, there.report, [whose], LATER)
    return sorted({*states(db, report).values()})


def matches_again(db: DbSession, there: There) -> object:
    before = reports.get_report(db, OLGA, there.session, there.report).reading["answers"]
    ground = report_reading.ground(db, OLGA, there.session)
    anew = report_reading.read(ground, REPORT, "report.csv", before)
    report = reports.answer_report(db, OLGA, there.session, there.report, before, anew)
    return len(states(db, report))


Act = Callable[[DbSession, There], object]


def at_once(database: Database, there: There, first: Act, held: str, second: Act) -> list[str]:
    """The first stops as soon as it holds a row of the table `held`."""
    stops, go_on = Event(), Event()
    by: list[int] = []
    holds = re.compile(rf"FROM {held}\b.* FOR ((NO KEY )?UPDATE|KEY SHARE)", re.DOTALL)

    def stop(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if by == [get_ident()] and not stops.is_set() and holds.search(statement):
            stops.set()
            go_on.wait(PATIENCE)

    def run_first(db: DbSession) -> object:
        by.append(get_ident())
        try:
            return first(db, there)
        finally:
            stops.set()

    event.listen(database.engine, "after_cursor_execute", stop)
    try:
        many = Many(database)
        many.start(run_first)
        assert stops.wait(30)
        many.start(lambda db: second(db, there))
        return many.wait()
    finally:
        event.remove(database.engine, "after_cursor_execute", stop)


@pytest.mark.parametrize(
    ("first", "held", "second", "results"),
    [
        (sends_the_mail_again, "message", sends_again, ["1", "queued"]),
        (makes_two_guests_one, "invitation", sends_the_mail_again, ["Beto", "replaced"]),
        (makes_two_people_one, "person", enrols, ["Hugo", "confirmed"]),
        (makes_two_people_one, "person", publishes, ["2", "Hugo"]),
        (makes_two_people_one, "person", moves, ["Hugo", "new@example.org"]),
        (moves, "person", makes_two_people_one, ["Hugo", "new@example.org"]),
        (says_who_they_are, "person", makes_two_people_one, ["Hugo Paz", "said"]),
        (says_who_they_are, "person", publishes, ["2", "said"]),
        (
            makes_two_institutions_one,
            "institution",
            puts_an_institution_to_the_cycle,
            ["Ministry", "invalid"],
        ),
        (
            makes_two_institutions_one,
            "institution",
            moves_to_the_other_institution,
            ["Hugo", "Ministry"],
        ),
        (renames_the_institution, "institution", makes_two_institutions_one, ["I", "Ministry"]),
        (
            makes_two_initiatives_one,
            "initiative",
            stands_for_the_other_initiative,
            ["Café", "confirmed"],
        ),
        (renames_the_initiative, "initiative", makes_two_initiatives_one, ["Café", "Coffees"]),
        (deletes_the_draft, "cycle", changes_its_session, ["gone", "not_found"]),
        (follows_the_zones, "cycle", changes_its_session, ["1", "45"]),
        (bounces, "message", makes_two_guests_one, ["Beto", "placed"]),
        (answers_by_mail, "invitation", makes_two_guests_one, ["Beto", "placed"]),
        (says_whose_mail_it_is, "inbound_mail", makes_two_guests_one, ["Beto", "Beto"]),
        (makes_two_guests_one, "report_row", says_who_a_row_is, ["Beto", "['matched']"]),
        (says_who_a_row_is, "person", makes_two_guests_one, ["Beto", "['matched']"]),
        (matches_again, "report_row", makes_two_guests_one, ["2", "Beto"]),
    ],
)
def test_neither_waits_for_the_other(
    real_database: Database, there: There, first: Act, held: str, second: Act, results: list[str]
) -> None:
    assert at_once(real_database, there, first, held, second) == results


def test_whose_a_row_is_is_said_while_two_become_one(real_database: Database, there: There) -> None:
    """Both are held, and the row not yet, by which they may be meant."""
    found = at_once(real_database, there, makes_two_guests_one, ENROLMENTS, says_who_a_row_is)
    assert found == ["Beto", "['matched']"]
    with real_database.begin(writes=False) as db:
        row = db.get_one(ReportRow, there.either)
        assert (row.enrolment_id, row.matched_by) == (there.enrolment_of_beto, Match.HAND)


def test_a_report_is_matched_again_while_two_become_one(
    real_database: Database, there: There
) -> None:
    found = at_once(real_database, there, makes_two_guests_one, ENROLMENTS, matches_again)
    assert found == ["2", "Beto"]


@pytest.mark.parametrize("first", ["goes in", "becomes one"])
def test_somebody_goes_in_while_they_become_another(real_database: Database, first: str) -> None:
    """Going in refers to the enrolment and then to the guest; making two people one holds both."""
    url = "https://meet.example.org/1"
    with real_database.begin(writes=True) as db:
        make = Make(db)
        cycle = make.cycle()
        session = make.session(cycle, 1, minutes=60, meeting_url=url)
        segment = make.segment(session)
        stays, goes = make.person(), make.person()
        for person in (stays, goes):
            make.part(segment, person)
            make.enrolment(cycle, person)
            guest_of(db, cycle.id, person.id)
        ids = cycle.id, stays.id, goes.id
        start = session.starts_at
    stops = Event()
    by: list[int] = []
    # The first row that either of them holds of the two tables.
    holds = re.compile(
        r"INSERT INTO (evidence|part_arrival)|FROM (enrolment|guest)\b.* FOR UPDATE", re.DOTALL
    )

    def stop(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if by == [get_ident()] and not stops.is_set() and holds.search(statement):
            stops.set()
            Event().wait(PATIENCE)

    def goes_in(db: DbSession) -> object:
        return part_join.join(db, guest_of(db, ids[0], ids[2]), 1, start)

    def becomes_one(db: DbSession) -> object:
        return merging.merge_people(db, OLGA, ids[1], ids[2], at=LATER).id == ids[1]

    def begins(db: DbSession) -> object:
        by.append(get_ident())
        try:
            return acts[0](db)
        finally:
            stops.set()

    acts = [goes_in, becomes_one] if first == "goes in" else [becomes_one, goes_in]
    event.listen(real_database.engine, "after_cursor_execute", stop)
    try:
        many = Many(real_database)
        many.start(begins)
        assert stops.wait(30)
        many.start(acts[1])
        results = {each.partition("(")[0] for each in many.wait()}
    finally:
        event.remove(real_database.engine, "after_cursor_execute", stop)
    # Who comes as somebody who is gone by then is told to try again (`web.problems`).
    assert results == {"True", url if first == "goes in" else "IntegrityError"}
