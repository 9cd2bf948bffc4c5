"""Enrolling on the public page, by hand, changing, withdrawing."""

from contextlib import suppress
from datetime import timedelta
from threading import Barrier, BrokenBarrierError, Thread

import pytest
from sqlmodel import select

from app.db import Database, DbSession
from app.domain.enrolment import EnrolmentStatus
from app.domain.errors import Clash, DomainError, Gone, Invalid, NotFound, Stale
from app.models import Cycle, Enrolment, Initiative, Message, Person
from app.schemas.enrolment import EnrolmentChange, EnrolmentIn
from app.services import enrolment_lists, enrolments, places
from app.services.actor import SYSTEM
from app.services.links import Links, Purpose
from tests.factories import NOW, Make

LATER = NOW + timedelta(minutes=11)


def ana(**values: object) -> EnrolmentIn:
    given = {"name": "Ana Ruiz", "email": "ana@example.org", "consent": True, **values}
    return EnrolmentIn.model_validate(given)


def kinds(db: DbSession) -> list[str]:
    """The kinds of mail that were queued, in order of time."""
    return [m.kind for m in db.exec(select(Message).order_by(Message.created_at, Message.id))]  # type: ignore[arg-type]


def code_of(error: pytest.ExceptionInfo[DomainError]) -> str:
    found = error.value.fields[0].code if isinstance(error.value, Invalid) else error.value.code
    return str(found)


def test_enrols_and_mails_the_link(db: DbSession, make: Make) -> None:
    cycle = make.cycle(status="published", privacy_version=3)
    row = enrolments.enrol(
        db,
        cycle.slug,
        ana(country="CL", institution="CORFO", initiative="Clúster Ñuble", zone="America/Santiago"),
        NOW,
    )
    db.expire_all()
    row = enrolments.get_enrolment(db, SYSTEM, row.id)
    assert (row.status, row.status_at, row.created_at) == ("confirmed", NOW, NOW)
    assert (row.name, row.country, row.institution) == ("Ana Ruiz", "CL", "CORFO")
    assert (row.language, row.zone) == ("es", "America/Santiago")
    assert (row.consent_at, row.consent_version) == (NOW, 3)
    assert row.initiative is not None
    assert (row.initiative.name, row.initiative.country) == ("Clúster Ñuble", "CL")
    assert (row.person.email, row.person.name) == ("ana@example.org", "Ana Ruiz")
    assert row.search_key == "ana ruiz ana@example.org corfo cluster nuble"
    mail = db.exec(select(Message)).one()
    assert (mail.kind, mail.to_address, mail.to_name) == (
        "enrolment-confirmed",
        "ana@example.org",
        "Ana Ruiz",
    )
    assert (mail.context, mail.cycle_id, mail.language) == (
        {"enrolment_id": row.id},
        cycle.id,
        "es",
    )


@pytest.mark.parametrize(
    ("capacity", "approval", "status", "kind"),
    [
        (None, False, "confirmed", "enrolment-confirmed"),
        (None, True, "pending", "enrolment-pending"),
        (2, False, "confirmed", "enrolment-confirmed"),
        (1, False, "waitlisted", "enrolment-waitlisted"),
        (1, True, "waitlisted", "enrolment-waitlisted"),
    ],
)
def test_status_follows_from_places_and_approval(
    db: DbSession, make: Make, capacity: int | None, approval: bool, status: str, kind: str
) -> None:
    cycle = make.cycle(status="published", capacity=capacity, approval=approval)
    make.enrolment(cycle)
    assert enrolments.enrol(db, cycle.slug, ana(), NOW).status == status
    assert kinds(db) == [kind]


def test_the_same_address_again_changes_nothing(db: DbSession, make: Make) -> None:
    cycle = make.cycle(status="published")
    first = enrolments.enrol(db, cycle.slug, ana(country="CL"), NOW)
    revision = first.revision
    again = enrolments.enrol(
        db,
        cycle.slug,
        ana(name="Somebody Else", email="  ANA@Example.org ", country="AR", initiative="Other"),
        LATER,
    )
    assert again is first
    db.expire_all()
    row = enrolments.get_enrolment(db, SYSTEM, first.id)
    assert (row.name, row.country, row.initiative, row.revision) == (
        "Ana Ruiz",
        "CL",
        None,
        revision,
    )
    assert row.person.name == "Ana Ruiz"
    assert len(db.exec(select(Person)).all()) == 1
    assert db.exec(select(Initiative)).all() == []


def test_the_link_is_mailed_again_every_ten_minutes_at_most(db: DbSession, make: Make) -> None:
    cycle = make.cycle(status="published")
    expected = ["enrolment-confirmed"]
    for minutes, mailed in [
        (0, False),
        (3, False),
        (9, False),
        (10, True),
        (12, False),
        (19, False),
    ]:
        at = NOW + timedelta(minutes=minutes)
        enrolments.enrol(db, cycle.slug, ana(), at)
        expected += ["enrolment-link"] * mailed
        assert kinds(db) == expected, minutes
    enrolments.enrol(db, cycle.slug, ana(), NOW + timedelta(minutes=20))
    assert kinds(db) == [*expected, "enrolment-link"]


def test_who_is_known_is_not_renamed(db: DbSession, make: Make) -> None:
    cycle = make.cycle(status="published")
    person = make.person(name="Ana Ruiz Soto", email="ana@example.org", country="CL")
    row = enrolments.enrol(db, cycle.slug, ana(name="Evil", country="AR"), NOW)
    db.expire_all()
    assert (row.person_id, row.name, row.country) == (person.id, "Evil", "AR")
    assert (person.name, person.country) == ("Ana Ruiz Soto", "CL")


def test_who_withdrew_enrols_anew(db: DbSession, make: Make) -> None:
    cycle = make.cycle(status="published", privacy_version=2)
    row = enrolments.enrol(db, cycle.slug, ana(institution="Old"), NOW)
    enrolments.withdraw(db, row, NOW)
    cycle.privacy_version = 3
    db.flush()
    again = enrolments.enrol(db, cycle.slug, ana(institution="New"), LATER)
    assert again.id == row.id
    assert (again.status, again.status_at, again.institution) == ("confirmed", LATER, "New")
    assert (again.consent_at, again.consent_version) == (LATER, 3)
    assert kinds(db) == ["enrolment-confirmed", "enrolment-confirmed"]


@pytest.mark.parametrize(
    ("values", "consent", "code"),
    [
        ({"status": "draft"}, True, "not_found"),
        ({"status": "archived"}, True, "enrolment_closed"),
        ({"status": "published", "enrolment_open": False}, True, "enrolment_closed"),
        ({"status": "published"}, False, "consent_missing"),
    ],
)
def test_refuses(
    db: DbSession, make: Make, values: dict[str, object], consent: bool, code: str
) -> None:
    cycle = make.cycle(**values)
    make.enrolment(cycle, make.person(email="ana@example.org"))
    for address in ("ana@example.org", "new@example.org"):  # known or not: the same answer
        with pytest.raises(DomainError) as error:
            enrolments.enrol(db, cycle.slug, ana(email=address, consent=consent), NOW)
        assert code_of(error) == code
    assert kinds(db) == []


@pytest.mark.parametrize("slug", ["nothing", "nul\0", "ñ"])
def test_no_such_cycle(db: DbSession, slug: str) -> None:
    with pytest.raises(NotFound):
        enrolments.enrol(db, slug, ana(), NOW)


def test_two_at_once_with_one_address_are_one(real_database: Database) -> None:
    with real_database.begin(writes=True) as db:
        slugs = [Make(db).cycle(status="published", slug=f"c-{n}").slug for n in range(4)]

    def enrol_in(slug: str) -> None:
        with real_database.begin(writes=True) as db:
            enrolments.enrol(db, slug, ana(), NOW)

    outcomes = together([lambda s=s: enrol_in(s) for s in slugs * 3])
    assert outcomes == [None] * 12
    with real_database.begin(writes=False) as db:
        assert len(db.exec(select(Person)).all()) == 1
        assert len(db.exec(select(Enrolment)).all()) == 4


def test_the_last_place_is_given_once(
    real_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with real_database.begin(writes=True) as db:
        cycle = Make(db).cycle(status="published", capacity=1)
        cycle_id, slug = cycle.id, cycle.slug
    both_counted = Barrier(2)
    count = places.taken

    def taken(db: DbSession, cycle_id: str) -> int:
        """Counts, then waits for the other to have counted too: without a guard both do."""
        found = count(db, cycle_id)
        with suppress(BrokenBarrierError):
            both_counted.wait(timeout=1)
        return found

    monkeypatch.setattr(places, "taken", taken)

    def enrol_as(address: str) -> None:
        with real_database.begin(writes=True) as db:
            enrolments.enrol(db, slug, ana(email=address), NOW)

    outcomes = together([lambda n=n: enrol_as(f"ana{n}@example.org") for n in range(2)])
    assert outcomes == [None, None]
    with real_database.begin(writes=False) as db:
        found = enrolments.counts(db, cycle_id)
    assert (found[EnrolmentStatus.CONFIRMED], found[EnrolmentStatus.WAITLISTED]) == (1, 1)


def together(acts: list[object]) -> list[BaseException | None]:
    """Does all at once in threads; what each raised."""
    outcomes: list[BaseException | None] = [None] * len(acts)
    start = Barrier(len(acts))

    def run(place: int, act: object) -> None:
        start.wait(timeout=10)
        try:
            act()  # type: ignore[operator]
        except BaseException as error:
            outcomes[place] = error

    threads = [Thread(target=run, args=(n, act)) for n, act in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    return outcomes


def test_adding_by_hand(db: DbSession, make: Make) -> None:
    cycle = make.cycle(status="draft", enrolment_open=False, approval=True, capacity=1)
    row = enrolments.add_enrolment(db, SYSTEM, cycle.id, ana(consent=False), NOW)
    assert (row.status, row.consent_at, row.consent_version) == ("confirmed", None, 0)
    with pytest.raises(Clash) as error:
        enrolments.add_enrolment(db, SYSTEM, cycle.id, ana(email="ANA@example.org"), NOW)
    assert (error.value.code, error.value.params["enrolment_id"]) == ("already_enrolled", row.id)
    second = enrolments.add_enrolment(db, SYSTEM, cycle.id, ana(email="b@example.org"), LATER)
    assert second.status == "waitlisted"
    assert kinds(db) == ["enrolment-confirmed", "enrolment-waitlisted"]
    with pytest.raises(NotFound):
        enrolments.add_enrolment(db, SYSTEM, "nobody", ana(), NOW)


def test_changing_what_was_given(db: DbSession, make: Make) -> None:
    cycle = make.cycle(status="published")
    row = enrolments.enrol(db, cycle.slug, ana(initiative="First", institution="Kept"), NOW)
    revision = row.revision
    change = EnrolmentChange(name="Ana María", initiative="", country="PE")
    changed = enrolments.change_enrolment(db, SYSTEM, row.id, change, revision, now=LATER)
    db.expire_all()
    changed = enrolments.get_enrolment(db, SYSTEM, row.id)
    assert (changed.name, changed.country, changed.institution) == ("Ana María", "PE", "Kept")
    assert (changed.initiative, changed.initiative_id) == (None, None)
    assert changed.search_key == "ana maria ana@example.org kept"
    assert changed.revision == revision + 1
    assert (changed.status, changed.status_at) == ("confirmed", NOW)
    with pytest.raises(Stale):
        enrolments.change_enrolment(db, SYSTEM, row.id, change, revision, now=LATER)
    with pytest.raises(NotFound):
        enrolments.change_enrolment(db, SYSTEM, "nobody", change, now=LATER)


def test_confirming_mails(db: DbSession, make: Make) -> None:
    cycle = make.cycle(status="published", approval=True)
    row = enrolments.enrol(db, cycle.slug, ana(), NOW)
    confirm = EnrolmentChange(status=EnrolmentStatus.CONFIRMED)
    for _ in range(2):
        enrolments.change_enrolment(db, SYSTEM, row.id, confirm, now=LATER)
    assert (row.status, row.status_at) == ("confirmed", LATER)
    assert kinds(db) == ["enrolment-pending", "enrolment-confirmed"]


def test_a_full_cycle_confirms_nobody_more(db: DbSession, make: Make) -> None:
    cycle = make.cycle(status="published", capacity=1)
    make.enrolment(cycle)
    row = enrolments.enrol(db, cycle.slug, ana(), NOW)
    for status in (EnrolmentStatus.CONFIRMED, EnrolmentStatus.PENDING):
        change = EnrolmentChange(status=status)
        with pytest.raises(Clash) as error:
            enrolments.change_enrolment(db, SYSTEM, row.id, change, now=LATER)
        assert (error.value.code, error.value.params) == ("cycle_full", {"capacity": 1})


def test_links_open_one_enrolment_until_renewed(db: DbSession, make: Make, links: Links) -> None:
    row = make.enrolment(make.cycle())
    my = links.token(Purpose.MY, row.id, 1)
    feed = links.token(Purpose.FEED, row.id, 1)
    assert enrolments.enrolment_of_link(db, links, my) is row
    assert enrolments.enrolment_of_feed(db, links, feed) is row
    assert row.person.name == row.name
    for token in (feed, my[:-1], "", "nul\0", links.token(Purpose.MY, "nobody")):
        with pytest.raises(NotFound):
            enrolments.enrolment_of_link(db, links, token)
    with pytest.raises(NotFound):
        enrolments.enrolment_of_feed(db, links, my)
    enrolments.renew_link(db, row)
    with pytest.raises(Gone):
        enrolments.enrolment_of_link(db, links, my)
    assert enrolments.enrolment_of_feed(db, links, feed) is row
    enrolments.renew_feed(db, row)
    with pytest.raises(Gone):
        enrolments.enrolment_of_feed(db, links, feed)
    assert enrolments.enrolment_of_link(db, links, links.token(Purpose.MY, row.id, 2)) is row


def test_sending_the_link_again(db: DbSession, make: Make) -> None:
    row = make.enrolment(make.cycle(), make.person(email="ana@example.org"))
    assert enrolments.send_link(db, SYSTEM, row.id, NOW) is not None
    assert enrolments.send_link(db, SYSTEM, row.id, NOW) is None
    nobody = make.enrolment(make.cycle(), make.person(email=None))
    assert enrolments.send_link(db, SYSTEM, nobody.id, NOW) is None
    assert kinds(db) == ["enrolment-link"]


def test_links_that_came_into_the_wrong_hands(db: DbSession, make: Make, links: Links) -> None:
    row = make.enrolment(make.cycle(), make.person(email="ana@example.org"))
    my, feed = links.token(Purpose.MY, row.id, 1), links.token(Purpose.FEED, row.id, 1)
    assert enrolments.send_link(db, SYSTEM, row.id, NOW) is not None
    sent = enrolments.replace_links(db, SYSTEM, row.id, 1, NOW)  # although one has just been sent
    assert sent is not None
    assert (sent.kind, sent.to_address) == ("enrolment-link", "ana@example.org")
    with pytest.raises(Gone):
        enrolments.enrolment_of_link(db, links, my)
    with pytest.raises(Gone):
        enrolments.enrolment_of_feed(db, links, feed)
    assert enrolments.enrolment_of_link(db, links, links.token(Purpose.MY, row.id, 2)) is row
    again = enrolments.replace_links(db, SYSTEM, row.id, 1, NOW)  # pressed twice
    assert (again, row.link_generation, row.feed_generation) == (sent, 2, 2)
    assert enrolments.replace_links(db, SYSTEM, row.id, 2, NOW) is not None
    assert (row.link_generation, kinds(db)) == (3, ["enrolment-link"] * 3)
    for generation in (1, 4, -1):
        with pytest.raises(Stale):
            enrolments.replace_links(db, SYSTEM, row.id, generation, NOW)
    assert (row.link_generation, kinds(db)) == (3, ["enrolment-link"] * 3)
    nobody = make.enrolment(make.cycle(), make.person(email=None))
    assert enrolments.replace_links(db, SYSTEM, nobody.id, 1, NOW) is None
    assert nobody.link_generation == 2


def test_a_new_link_asked_for_by_several_at_once_is_one(real_database: Database) -> None:
    with real_database.begin(writes=True) as db:
        make = Make(db)
        row_id = make.enrolment(make.cycle(), make.person(email="ana@example.org")).id

    def replace() -> None:
        with real_database.begin(writes=True) as db:
            enrolments.replace_links(db, SYSTEM, row_id, 1, NOW)

    assert together([replace] * 4) == [None] * 4
    with real_database.begin(writes=False) as db:
        row = enrolments.get_enrolment(db, SYSTEM, row_id)
        assert (row.link_generation, row.feed_generation) == (2, 2)
        assert kinds(db) == ["enrolment-link"]


class TestLists:
    @pytest.fixture
    def cycle(self, make: Make) -> Cycle:
        cycle = make.cycle()
        for n, (name, country, status) in enumerate(
            [
                ("Zoé Álvarez", "CO", "confirmed"),
                ("Bruno 100%", "BR", "pending"),
                ("Ana Ruiz", "CL", "confirmed"),
                ("Ana Abad", "CL", "withdrawn"),
            ]
        ):
            made = NOW + timedelta(minutes=n)
            make.enrolment(cycle, make.person(name=name), country=country, status=status,
                           created_at=made)  # fmt: skip
        make.enrolment(make.cycle(), make.person(name="Ana Elsewhere"))
        return cycle

    def test_by_name_in_stretches(self, db: DbSession, cycle: Cycle) -> None:
        found, after = enrolments.list_enrolments(db, SYSTEM, cycle.id, limit=3)
        assert [e.name for e in found] == ["Ana Abad", "Ana Ruiz", "Bruno 100%"]
        found, after = enrolments.list_enrolments(db, SYSTEM, cycle.id, after=after, limit=3)
        assert ([e.name for e in found], after) == (["Zoé Álvarez"], None)
        with pytest.raises(NotFound):
            enrolments.list_enrolments(db, SYSTEM, "nobody")

    @pytest.mark.parametrize(
        ("query", "status", "names"),
        [
            ("ALVAREZ zoe", None, ["Zoé Álvarez"]),
            ("ana", EnrolmentStatus.CONFIRMED, ["Ana Ruiz"]),
            ("%", None, ["Bruno 100%"]),
            ("_", None, []),
            ("ana\0", None, ["Ana Abad", "Ana Ruiz"]),
            ("elsewhere", None, []),
        ],
    )
    def test_search(
        self,
        db: DbSession,
        cycle: Cycle,
        query: str,
        status: EnrolmentStatus | None,
        names: list[str],
    ) -> None:
        found, _ = enrolments.list_enrolments(db, SYSTEM, cycle.id, query, status)
        assert [e.name for e in found] == names
        rows = enrolment_lists.all_enrolments(db, SYSTEM, cycle.id, query, status)
        assert [e.name for e in rows] == names

    @pytest.mark.parametrize(
        ("order", "names"),
        [
            ("name", ["Ana Abad", "Ana Ruiz", "Bruno 100%", "Zoé Álvarez"]),
            ("-name", ["Zoé Álvarez", "Bruno 100%", "Ana Ruiz", "Ana Abad"]),
            ("country", ["Bruno 100%", "Ana Abad", "Ana Ruiz", "Zoé Álvarez"]),
            ("enrolled", ["Zoé Álvarez", "Bruno 100%", "Ana Ruiz", "Ana Abad"]),
            ("-enrolled", ["Ana Abad", "Ana Ruiz", "Bruno 100%", "Zoé Álvarez"]),
        ],
    )
    def test_pages_in_an_order(
        self, db: DbSession, cycle: Cycle, order: str, names: list[str]
    ) -> None:
        by = enrolment_lists.Order(order)
        pages = [
            enrolment_lists.page_of_enrolments(db, SYSTEM, cycle.id, "", None, by, n, 3)
            for n in (1, 2, 99)
        ]
        assert [[e.name for e in p.rows] for p in pages] == [names[:3], names[3:], names[3:]]
        numbers = [p.numbers for p in pages]
        assert [(n.number, n.pages, n.first, n.last, n.total) for n in numbers] == [
            (1, 2, 1, 3, 4),
            (2, 2, 4, 4, 4),
            (2, 2, 4, 4, 4),
        ]
        nothing = enrolment_lists.page_of_enrolments(db, SYSTEM, cycle.id, "nobody", None, by)
        none = nothing.numbers
        assert (nothing.rows, none.first, none.last, none.total) == ([], 0, 0, 0)

    def test_counts(self, db: DbSession, cycle: Cycle) -> None:
        assert enrolments.counts(db, cycle.id) == {
            EnrolmentStatus.PENDING: 1,
            EnrolmentStatus.CONFIRMED: 2,
            EnrolmentStatus.WAITLISTED: 0,
            EnrolmentStatus.WITHDRAWN: 1,
        }
