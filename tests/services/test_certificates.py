"""Certificates of one participant: given once, refused, taken back, replaced, flagged."""

from datetime import timedelta
from threading import Event

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from app.certificates.values import Unprintable
from app.db import Database, DbSession
from app.domain.attendance import Status
from app.domain.certificates import Change
from app.domain.errors import Clash, Invalid, NotFound
from app.models import Certificate, Enrolment, Message
from app.schemas.certificate import IssueIn, RevokeIn, SupersedeIn
from app.schemas.completion import CompletionRule
from app.services import certificate_issuing as issuing
from app.services import certificate_life as life
from app.services import completion_rules, enrolments, merging
from app.services.certificate_drafts import NotEligible, changes_since, drafting, frozen
from app.services.completion import against
from app.services.enrolment_lists import named
from app.services.rows import enrolment_key
from tests.services.at_once import PATIENCE, Many
from tests.services.attendance_world import OVER
from tests.services.certificate_world import OLGA, Certified

LATER = OVER + timedelta(days=3)


@pytest.fixture
def world(db: DbSession) -> Certified:
    return Certified(db)


def changed(world: Certified, row: Certificate) -> tuple[Change, ...]:
    plan = drafting(world.db, against(world.db, world.cycle.id, LATER))
    return changes_since(world.db, plan, [row], LATER).get(row.id, ())


def mails(world: Certified) -> list[tuple[str, str]]:
    world.db.flush()
    rows = world.db.exec(select(Message).where(Message.kind == "certificate"))
    return sorted((row.to_address, row.language) for row in rows)


def test_what_is_frozen(world: Certified) -> None:
    world.eva.language = "en"
    row = world.issue(world.eva)
    said = frozen(row)
    assert (said.holder, said.language, said.cycle) == ("Eva", "en", "Cycle 1")
    assert (said.first_day.isoformat(), said.last_day.isoformat()) == ("2026-12-01", "2026-12-22")
    assert (said.minutes, said.sessions, said.of) == (315, 3, 4)
    assert said.rule == "At least 3 of 4 sessions, and 70 % of each of these"
    assert (row.rule_version, row.issued_by, row.issued_at) == (1, "Olga", OVER)
    assert (row.status, row.document["identity"][:7]) == ("live", "sha256$")
    assert mails(world) == [(world.eva.person.email, "en")]


def test_twice_is_the_same(world: Certified) -> None:
    row = world.issue(world.ana)
    command = IssueIn(enrolment_id=world.ana.id)
    assert issuing.issue_to(world.db, OLGA, world.cycle.id, command, LATER) == (row, False)
    assert len(mails(world)) == 1


def test_who_has_not_completed_gets_none_and_is_told_what_is_missing(world: Certified) -> None:
    with pytest.raises(NotEligible) as refused:
        world.issue(world.leo)
    assert str(refused.value) == "The cycle is not completed: 2 more sessions are needed."
    assert mails(world) == []


def test_a_session_that_must_not_be_missed_is_named(world: Certified) -> None:
    exam = world.make.session(world.cycle, 10, title={"es": "Examen final"})
    world.cycle.completion_rule = {"min_sessions": 1, "of": 4, "mandatory": [exam.id]}
    world.db.flush()
    with pytest.raises(NotEligible) as refused:
        world.issue(world.ana)
    assert str(refused.value) == (
        "The cycle is not completed: session 10 “Examen final” is needed."
    )


def test_without_a_rule_there_is_none(world: Certified) -> None:
    completion_rules.set_rule(world.db, OLGA, world.cycle.id, None, OVER)
    with pytest.raises(NotEligible) as refused:
        world.issue(world.ana)
    assert refused.value.outcome is None


def test_somebody_of_another_cycle(world: Certified) -> None:
    other = world.make.enrolment(world.make.cycle())
    for enrolment_id in (other.id, "nobody", f"{world.ana.id[:9]}\0{world.ana.id[10:]}", "ñ"):
        with pytest.raises(Invalid) as refused:
            issuing.issue_to(
                world.db, OLGA, world.cycle.id, IssueIn(enrolment_id=enrolment_id), OVER
            )
        assert [(e.field, e.code) for e in refused.value.fields] == [
            ("enrolment_id", "unknown_enrolment")
        ]
    with pytest.raises(NotFound):
        issuing.issue_to(world.db, OLGA, "nothing", IssueIn(enrolment_id=world.ana.id), OVER)


def test_a_name_that_cannot_be_printed(world: Certified) -> None:
    world.ana.name = "Ana \U0001f4a9"
    with pytest.raises(Unprintable) as refused:
        world.issue(world.ana)
    assert refused.value.characters == "\U0001f4a9"


def test_the_database_keeps_one_live_certificate_of_each(world: Certified) -> None:
    row = world.issue(world.ana)
    values = row.model_dump(exclude={"id", "code", "status_index"})
    world.db.add(Certificate(**values, code="0" * 28, status_index=row.status_index + 1))
    with pytest.raises(IntegrityError, match=r"enrolment_id|ix_certificate_live"):
        world.db.flush()


def test_nobody_measured_the_minutes(world: Certified) -> None:
    rule = CompletionRule(min_sessions=1, of=4, min_percent_of_each=0)
    completion_rules.set_rule(world.db, OLGA, world.cycle.id, rule, OVER)
    kim = world.participant("Kim")
    world.checked_in(kim, 1)
    world.there(kim, 2)
    assert frozen(world.issue(kim)).minutes is None
    lia = world.participant("Lia")
    world.marked(lia, 1, Status.PRESENT)
    world.there(lia, 2, 0, 30)
    assert frozen(world.issue(lia)).minutes == 105 + 30


def test_revoked_and_given_once_more(world: Certified) -> None:
    row = world.issue(world.ana)
    for reason in ("Wrong person.", "again"):
        gone = life.revoke(world.db, OLGA, row.code, RevokeIn(reason=reason), LATER)
    assert (gone.status, gone.ended_at, gone.ended_by, gone.reason) == (
        "revoked",
        LATER,
        "Olga",
        "Wrong person.",
    )
    with pytest.raises(Clash, match="revoked"):
        life.supersede(world.db, OLGA, row.code, SupersedeIn(), LATER)
    with pytest.raises(Clash, match="revoked"):
        life.mail_again(world.db, OLGA, row.code, LATER)
    other = world.issue(world.ana)
    assert (other.status, other.code != row.code) == ("live", True)


def test_another_name_supersedes(world: Certified) -> None:
    row = world.issue(world.ana)
    command = SupersedeIn(holder="Ana María", reason="Misspelt.")
    new = life.supersede(world.db, OLGA, row.code, command, LATER)
    assert (new.holder, world.ana.name, new.status) == ("Ana María", "Ana María", "live")
    assert (row.holder, row.status, row.superseded_by_id) == ("Ana", "superseded", new.id)
    assert (row.ended_at, row.ended_by, row.reason) == (LATER, "Olga", "Misspelt.")
    assert (changed(world, new), changed(world, row)) == ((), ())
    with pytest.raises(Clash, match="in place"):
        life.revoke(world.db, OLGA, row.code, RevokeIn(reason="late"), LATER)
    assert len(mails(world)) == 2


def test_the_mail_once_a_minute_at_the_most(world: Certified) -> None:
    code = world.issue(world.ana).code
    other = world.issue(world.eva).code
    for at in (OVER, OVER + timedelta(seconds=59)):
        with pytest.raises(life.JustMailed):
            life.mail_again(world.db, OLGA, code, at)
    assert life.mail_again(world.db, OLGA, code, LATER) == 1
    with pytest.raises(life.JustMailed):
        life.mail_again(world.db, OLGA, code, LATER + timedelta(seconds=59))
    assert life.mail_again(world.db, OLGA, other, LATER) == 1
    assert life.mail_again(world.db, OLGA, code, LATER + life.MAIL_AGAIN) == 1
    # Who asked a moment before and had to wait for the other.
    with pytest.raises(life.JustMailed):
        life.mail_again(world.db, OLGA, code, LATER + timedelta(seconds=59))
    assert len(mails(world)) == 5


def test_two_who_send_it_again_at_once(real_database: Database) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with real_database.begin(writes=True) as db:
        world = Certified(db)
        code = world.issue(world.ana).code

    def one(_: int) -> int:
        try:
            with real_database.begin(writes=True) as db:
                return life.mail_again(db, OLGA, code, LATER)
        except life.JustMailed:
            return 0

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(one, range(4))) == [0, 0, 0, 1]


def test_later_changes_flag_and_alter_nothing(world: Certified) -> None:
    row = world.issue(world.eva)
    before = row.model_dump()
    assert changed(world, row) == ()
    world.there(world.eva, 4)
    assert changed(world, row) == (Change.MINUTES, Change.SESSIONS, Change.EVIDENCE)
    assert row.model_dump() == before
    new = life.supersede(world.db, OLGA, row.code, SupersedeIn(), LATER)
    assert (frozen(new).sessions, changed(world, new)) == (4, ())


def test_another_rule_flags_nothing(world: Certified) -> None:
    row = world.issue(world.eva)
    rule = CompletionRule(min_sessions=4, of=4, min_percent_of_each=99, late_after=0)
    completion_rules.set_rule(world.db, OLGA, world.cycle.id, rule, OVER)
    assert changed(world, row) == ()
    command = SupersedeIn(holder="Eva Ruiz")
    assert life.supersede(world.db, OLGA, row.code, command, LATER).rule_version == 1


def test_superseding_asks_for_the_rule(world: Certified) -> None:
    row = world.issue(world.eva)
    world.marked(world.eva, 1, Status.ABSENT)
    with pytest.raises(NotEligible):
        life.supersede(world.db, OLGA, row.code, SupersedeIn(), LATER)
    assert row.status == "live"


def test_withdrawing_keeps_it(world: Certified) -> None:
    row = world.issue(world.ana)
    enrolments.withdraw(world.db, world.ana, LATER)
    assert (row.status, changed(world, row)) == ("live", ())


def test_codes_however_they_are_typed(world: Certified) -> None:
    row = world.issue(world.ana)
    typed = f" {row.code[:4].upper()}-{row.code[4:].replace('0', 'o').replace('1', 'l')} "
    assert life.certificate_of_code(world.db, typed) is row
    for wrong in ("", "0" * 28, "\0", "ä"):
        with pytest.raises(NotFound):
            life.certificate_of_code(world.db, wrong)


def test_two_who_become_one_keep_one_live(world: Certified) -> None:
    rows = {who.name: world.issue(who) for who in (world.ana, world.eva)}
    keep, goes = world.ana.person_id, world.eva.person_id
    merging.merge_people(world.db, OLGA, keep, goes, at=LATER)
    found = world.db.exec(select(Certificate).order_by(col(Certificate.holder))).all()
    assert [(r.holder, r.status, r.enrolment_id) for r in found] == [
        ("Ana", "live", world.ana.id),
        ("Eva", "superseded", world.ana.id),
    ]
    assert found[1].superseded_by_id == rows["Ana"].id
    assert (found[1].ended_by, found[1].ended_at) == ("Olga", LATER)


@pytest.mark.parametrize("first", ["Ana", "Eva"])
def test_the_newest_is_the_live_one_where_there_is_one(world: Certified, first: str) -> None:
    """Whether the one that stays live was issued first or last."""
    people = {"Ana": world.ana, "Eva": world.eva}
    assert life.newest_of(world.db, world.leo.id) is None
    rows = [world.issue(people.pop(name)) for name in (first, *people.keys() - {first})]
    merging.merge_people(world.db, OLGA, world.ana.person_id, world.eva.person_id, at=LATER)
    assert sorted((row.holder, row.status) for row in rows) == [
        ("Ana", "live"),
        ("Eva", "superseded"),
    ]
    found = life.newest_of(world.db, world.ana.id)
    assert found is not None
    assert found.holder == "Ana"
    life.revoke(world.db, OLGA, found.code, RevokeIn(reason="Wrong."), LATER)
    assert life.newest_of(world.db, world.ana.id) is max(rows, key=lambda row: row.id)


def test_the_only_live_one_goes_along(world: Certified) -> None:
    row = world.issue(world.eva)
    merging.merge_people(world.db, OLGA, world.ana.person_id, world.eva.person_id, at=LATER)
    world.db.refresh(row)
    assert (row.status, row.enrolment_id) == ("live", world.ana.id)
    assert world.db.exec(select(Enrolment.id).where(Enrolment.name == "Eva")).all() == []


def test_revoking_while_another_supersedes(real_database: Database) -> None:
    """Whoever comes second sees what the first has done."""
    from concurrent.futures import ThreadPoolExecutor

    with real_database.begin(writes=True) as db:
        world = Certified(db)
        code = world.issue(world.ana).code
        ana = world.ana.id

    def one(act: int) -> str:
        try:
            with real_database.begin(writes=True) as db:
                if act:
                    life.supersede(db, OLGA, code, SupersedeIn(), LATER)
                else:
                    life.revoke(db, OLGA, code, RevokeIn(reason="Wrong."), LATER)
        except Clash as error:
            return error.code
        return ""

    with ThreadPoolExecutor(2) as pool:
        said = set(pool.map(one, (0, 1)))
    assert said in ({"", "revoked"}, {"", "superseded"})
    with real_database.begin(writes=False) as db:
        rows = db.exec(select(Certificate.status).where(Certificate.enrolment_id == ana)).all()
    assert sorted(rows) == (["revoked"] if "revoked" in said else ["live", "superseded"])


def test_two_who_supersede_at_once(real_database: Database) -> None:
    with real_database.begin(writes=True) as db:
        world = Certified(db)
        code = world.issue(world.ana).code
    many = Many(real_database)
    for _ in range(3):
        many.start(lambda db: life.supersede(db, OLGA, code, SupersedeIn(), LATER).status)
    assert many.wait() == ["live", "superseded", "superseded"]
    with real_database.begin(writes=False) as db:
        assert sorted(db.exec(select(Certificate.status))) == ["live", "superseded"]


def test_what_is_changed_while_another_supersedes_stays(real_database: Database) -> None:
    """Who supersedes waits for whoever is changing the enrolment, and reads it then."""
    with real_database.begin(writes=True) as db:
        world = Certified(db)
        code, ana = world.issue(world.ana).code, world.ana.id
    changed, superseding = Event(), Event()

    def change(db: DbSession) -> str:
        (row,) = named(db, [ana])
        row.institution = "Zentrum"
        row.search_key = enrolment_key(row)
        db.flush()
        changed.set()
        if real_database.engine.dialect.name == "postgresql":  # else nobody else writes meanwhile
            assert superseding.wait(10)
            Event().wait(PATIENCE)
        return "changed"

    def supersede(db: DbSession) -> str:
        superseding.set()
        return life.supersede(db, OLGA, code, SupersedeIn(holder="Ana María"), LATER).holder

    many = Many(real_database)
    many.start(change)
    assert changed.wait(10)
    many.start(supersede)
    assert many.wait() == ["Ana María", "changed"]
    with real_database.begin(writes=False) as db:
        (row,) = named(db, [ana])
        assert (row.name, row.institution) == ("Ana María", "Zentrum")
        assert row.search_key == enrolment_key(row)


def test_two_who_issue_at_once(real_database: Database) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with real_database.begin(writes=True) as db:
        world = Certified(db)
        cycle, ana = world.cycle.id, world.ana.id

    def one(_: int) -> tuple[str, bool]:
        with real_database.begin(writes=True) as db:
            row, new = issuing.issue_to(db, OLGA, cycle, IssueIn(enrolment_id=ana), OVER)
            return row.id, new

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(one, range(4)))
    assert len({row_id for row_id, _ in found}) == 1
    assert sorted(new for _, new in found) == [False, False, False, True]
