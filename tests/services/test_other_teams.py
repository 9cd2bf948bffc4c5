"""People whom several teams know: who sees them, and who may change them."""

from collections.abc import Callable

import pytest
from sqlmodel import select

from app.db import DbSession
from app.domain.errors import Invalid, NotAllowed, NotFound
from app.domain.permissions import AccountStanding, Role
from app.models import Cycle, Message, Person, TeamMember
from app.schemas.directory import InstitutionChange, PersonChange, PersonIn
from app.schemas.enrolment import EnrolmentIn
from app.schemas.part import GuestDetailsIn
from app.services import (
    accounts,
    casting,
    enrolments,
    institutions,
    merging,
    outbox,
    part_details,
    people,
    teams,
)
from app.services.access import kin_of
from app.services.actor import SYSTEM, Actor
from app.services.guests import guest_of
from tests.factories import NOW, Make

MAIL = "minister@example.org"
CHANGE = PersonChange(email="another@example.org")


def organizer(
    db: DbSession,
    name: str,
    *cycles: Cycle,
    role: Role = Role.OWNER,
    standing: AccountStanding = AccountStanding.ORGANIZER,
) -> Actor:
    user = accounts.add_user(db, name, f"{name}@example.org", standing=standing)
    for cycle in cycles:
        db.add(TeamMember(cycle_id=cycle.id, user_id=user.id, role=role))
    db.flush()
    return accounts.actor_of_user(db, user)


def written_down(db: DbSession, actor: Actor, email: str = MAIL) -> Person:
    return people.create_person(db, actor, PersonIn(name="The Minister", email=email))


@pytest.fixture
def ours(make: Make) -> Cycle:
    return make.cycle()


@pytest.fixture
def theirs(make: Make) -> Cycle:
    return make.cycle()


@pytest.mark.parametrize("enrolled", [False, True], ids=["in no cycle", "in ours"])
def test_whom_another_team_has_written_down_is_not_ours_to_change(
    db: DbSession, ours: Cycle, theirs: Cycle, enrolled: bool
) -> None:
    """They are going to write to the address that they have written down."""
    they, we = organizer(db, "they", theirs), organizer(db, "we", ours)
    person = written_down(db, they)
    assert written_down(db, we).id == person.id
    if enrolled:
        given = EnrolmentIn(name="M", email=MAIL, consent=True)
        enrolments.add_enrolment(db, we, ours.id, given, NOW)
    for each in (they, we):
        with pytest.raises(NotAllowed) as refused:
            people.change_person(db, each, person.id, CHANGE, now=NOW)
        assert refused.value.code == "shared"
    mine = written_down(db, we, "mine@example.org")
    for pair in ((person.id, mine.id), (mine.id, person.id)):
        with pytest.raises(NotAllowed):
            merging.merge_people(db, we, *pair, at=NOW)
    admin = organizer(db, "admin", standing=AccountStanding.ADMINISTRATOR)
    assert people.change_person(db, admin, person.id, CHANGE, now=NOW).email == CHANGE.email


def test_nor_is_where_they_work(db: DbSession, make: Make, ours: Cycle, theirs: Cycle) -> None:
    """What it is called, and which it is, stands with whom they have written down."""
    they, we = organizer(db, "they", theirs), organizer(db, "we", ours)
    there, mine = make.institution().id, make.institution().id
    person = people.create_person(db, they, PersonIn(name="The Minister", institution_id=there))
    change = InstitutionChange(name="Another")
    deeds: list[Callable[[Actor], object]] = [
        lambda actor: institutions.change_institution(db, actor, there, change),
        lambda actor: merging.merge_institutions(db, actor, mine, there),
    ]
    for deed in deeds:
        with pytest.raises(NotAllowed) as refused:
            deed(we)
        assert refused.value.code == "shared"
    for deed in deeds:
        deed(they)
    assert person.institution_id == mine


def test_whom_ones_own_team_or_an_administrator_wrote_down_is_ours_to_change(
    db: DbSession, ours: Cycle
) -> None:
    one, other = organizer(db, "one", ours), organizer(db, "other", ours, role=Role.EDITOR)
    admin = organizer(db, "admin", standing=AccountStanding.ADMINISTRATOR)
    person = written_down(db, one)
    written_down(db, other)
    written_down(db, admin, "else@example.org")
    assert people.change_person(db, other, person.id, CHANGE, now=NOW).email == CHANGE.email


@pytest.mark.parametrize("how", ["removed", "demoted"])
def test_who_leaves_a_team_sees_its_people_no_more(
    db: DbSession, make: Make, ours: Cycle, theirs: Cycle, how: str
) -> None:
    """Also those whom they wrote down themselves; who is in no cycle they go on to see."""
    boss, leaving = organizer(db, "boss", ours), organizer(db, "leaving", ours, theirs)
    part, enrolled, waiting = (
        written_down(db, leaving, f"{name}@example.org") for name in ("part", "enrolled", "waiting")
    )
    make.part(make.segment(make.session(ours)), part)
    make.enrolment(ours, enrolled)
    if how == "removed":
        teams.remove(db, boss, ours.id, leaving.id, NOW)
    else:
        teams.set_role(db, boss, ours.id, leaving.id, Role.DESK, NOW)
    user = accounts.find_user(db, leaving.email)
    assert user is not None
    now_is = accounts.actor_of_user(db, user)
    for each in (part, enrolled):
        with pytest.raises(NotFound):
            people.get_person(db, now_is, each.id)
    assert people.get_person(db, now_is, waiting.id).id == waiting.id
    assert people.change_person(db, boss, part.id, PersonChange(name="New"), now=NOW).name == "New"


def test_an_address_tells_an_agenda_nothing_of_strangers(
    db: DbSession, make: Make, ours: Cycle, theirs: Cycle
) -> None:
    stranger, known = make.person(email=MAIL), make.person(email="known@example.org")
    make.enrolment(theirs, stranger)
    make.enrolment(ours, known)
    we = organizer(db, "we", ours)
    assert casting.find_person(db, we, MAIL) == casting.Found(None)
    assert casting.find_person(db, we, "known@example.org") == casting.Found(known)
    assert casting.people_with(db, we, [stranger.id, known.id]) == {known.id: known}
    assert casting.add_person(db, we, PersonIn(name="M", email=MAIL), None).id == stranger.id
    assert casting.find_person(db, we, MAIL) == casting.Found(stranger)


@pytest.mark.parametrize("kin", [False, True], ids=["another team", "the same owner"])
def test_a_link_of_one_cycle_renames_nobody_in_anothers(
    db: DbSession, make: Make, ours: Cycle, theirs: Cycle, kin: bool
) -> None:
    """The link is seen by who may edit people in its cycle."""
    organizer(db, "we", ours, *([theirs] if kin else []))
    organizer(db, "they", theirs)
    person = make.person(name="The Minister")
    for cycle in (ours, theirs):
        make.part(make.segment(make.session(cycle)), person)
    guest = guest_of(db, ours.id, person.id)
    same = GuestDetailsIn(name="The Minister", zone="UTC", language="en", biography="Of state.")
    part_details.save_details(db, guest, same, NOW)
    assert guest.biography == "Of state."
    another = same.model_copy(update={"name": "The Clown"})
    if kin:
        part_details.save_details(db, guest, another, NOW)
        assert person.name == "The Clown"
        return
    with pytest.raises(Invalid) as refused:
        part_details.save_details(db, guest, another, NOW)
    assert [(each.field, each.code) for each in refused.value.fields] == [("name", "shared")]
    assert person.name == "The Minister"


@pytest.mark.parametrize("steps_down", [False, True])
def test_nor_where_another_team_has_only_one_of_its_owners(
    db: DbSession, make: Make, ours: Cycle, theirs: Cycle, steps_down: bool
) -> None:
    """Whoever is in a team is made an owner without being asked, and then the only one."""
    we = organizer(db, "we", ours)
    they = organizer(db, "they", theirs)
    db.add(TeamMember(cycle_id=ours.id, user_id=they.id, role=Role.VIEWER))
    db.flush()
    teams.set_role(db, we, ours.id, they.id, Role.OWNER, NOW)
    if steps_down:
        teams.set_role(db, we, ours.id, we.id, Role.EDITOR, NOW)
    person = make.person(name="The Minister")
    for cycle in (ours, theirs):
        make.part(make.segment(make.session(cycle)), person)
    another = GuestDetailsIn(name="The Clown", zone="UTC", language="en")
    with pytest.raises(Invalid):
        part_details.save_details(db, guest_of(db, ours.id, person.id), another, NOW)
    assert person.name == "The Minister"
    assert (kin_of(db, ours.id), kin_of(db, theirs.id)) == ({ours.id}, {ours.id, theirs.id})
    assert kin_of(db, theirs.id, mutual=True) == {theirs.id}
    teams.set_role(db, SYSTEM, ours.id, they.id, Role.OWNER, NOW)  # by an administrator's word
    assert kin_of(db, ours.id) == ({ours.id, theirs.id} if steps_down else {ours.id})


def test_nor_whom_another_team_has_written_down(
    db: DbSession, make: Make, ours: Cycle, theirs: Cycle
) -> None:
    """Whoever gave the address has the link of their own cycle."""
    we, they = organizer(db, "we", ours), organizer(db, "they", theirs)
    person = written_down(db, they)
    make.part(make.segment(make.session(ours)), written_down(db, we))
    another = GuestDetailsIn(name="The Clown", zone="UTC", language="en")
    with pytest.raises(Invalid):
        part_details.save_details(db, guest_of(db, ours.id, person.id), another, NOW)
    assert person.name == "The Minister"


def test_a_mail_follows_nobody_who_has_the_address_after(
    db: DbSession, make: Make, ours: Cycle, theirs: Cycle
) -> None:
    """An address that was taken from somebody can be another's, of another team, who then moves."""
    given = EnrolmentIn(name="M", email=MAIL, consent=True)
    enrolment = enrolments.add_enrolment(db, SYSTEM, theirs.id, given, NOW)
    people.change_person(db, SYSTEM, enrolment.person_id, PersonChange(email=None), now=NOW)
    mail = db.exec(select(Message)).one()
    mail.status = "failed"
    we = organizer(db, "we", ours)
    people.change_person(db, we, written_down(db, we).id, CHANGE, now=NOW)
    db.refresh(mail)
    assert mail.to_address == MAIL


@pytest.mark.parametrize("status", ["queued", "failed", "sent", "bounced"])
def test_a_link_goes_to_the_address_of_now(db: DbSession, ours: Cycle, status: str) -> None:
    """The one of before was mistyped, and may be somebody's."""
    given = EnrolmentIn(name="M", email=MAIL, consent=True)
    enrolment = enrolments.add_enrolment(db, SYSTEM, ours.id, given, NOW)
    mail = db.exec(select(Message)).one()
    mail.status = status
    db.flush()
    people.change_person(db, SYSTEM, enrolment.person_id, CHANGE, now=NOW)
    db.refresh(mail)
    there = CHANGE.email if status in ("queued", "failed") else MAIL
    assert mail.to_address == there  # what has gone stays as it went
    again = outbox.retry(db, SYSTEM, mail.id, NOW)
    assert (again.to_address, again.status) == (CHANGE.email, "queued")


@pytest.mark.parametrize("kind", ["part-request", "reminder", "certificate", "data-link"])
def test_so_do_other_mails_that_have_links(
    db: DbSession, make: Make, ours: Cycle, kind: str
) -> None:
    person = make.person(email="now@example.org")
    enrolment = make.enrolment(ours, person)
    context = {
        "part-request": {},
        "reminder": {"person_id": person.id},
        "data-link": {"person_id": person.id},
        "certificate": {"certificate_id": make.certificate(enrolment).id},
    }
    mail = outbox.enqueue(
        db,
        kind=kind,
        intent="x",
        to_name="Ana",
        to_address=MAIL,
        language="en",
        context=context[kind],
        cycle_id=ours.id,
        guest_id=guest_of(db, ours.id, person.id).id if kind == "part-request" else None,
        now=NOW,
    )
    mail.status = "sent"
    assert outbox.retry(db, SYSTEM, mail.id, NOW).to_address == person.email
