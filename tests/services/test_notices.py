"""Privacy notices: versions that never change, and who has agreed to which."""

import pytest
from sqlmodel import col, select

from app.db import DbSession
from app.domain.errors import Invalid, NotFound, Stale
from app.models import Consent, PrivacyNotice
from app.schemas.cycle import CycleChange
from app.schemas.enrolment import EnrolmentIn
from app.services import cycles, enrolments, merging, notices
from app.services.actor import SYSTEM, Actor
from tests.factories import NOW, Make

OLGA = Actor(id="olga", name="Olga")


def ana(**values: object) -> EnrolmentIn:
    given = {"name": "Ana Ruiz", "email": "ana@example.org", "consent": True, **values}
    return EnrolmentIn.model_validate(given)


def kept(db: DbSession) -> list[tuple[int, dict[str, str], str]]:
    query = select(PrivacyNotice).order_by(col(PrivacyNotice.version))
    return [(row.version, row.texts, row.recorded_by) for row in db.exec(query)]


def agreed(db: DbSession) -> list[tuple[int, str]]:
    query = select(Consent.version, Consent.language).order_by(col(Consent.id))
    return list(db.exec(query).all())


def test_each_change_is_a_version_and_none_changes(db: DbSession, make: Make) -> None:
    cycle = make.cycle(status="published", privacy_notice={"es": "Un año."})
    enrolments.enrol(db, cycle.slug, ana(), NOW, read_in="en")
    assert kept(db) == [(1, {"es": "Un año."}, "")]
    # It was read in the language in which there is one.
    assert agreed(db) == [(1, "es")]
    texts = {"es": "Dos años.", "en": "Two years."}
    change = CycleChange(privacy_notice=texts)
    cycles.change_cycle(db, OLGA, cycle.id, change, at=NOW)
    cycles.change_cycle(db, OLGA, cycle.id, change, at=NOW)
    assert kept(db) == [(1, {"es": "Un año."}, ""), (2, texts, "Olga")]
    assert notices.notice_of_version(db, cycle, 1).in_language("en") == ("Un año.", "es")
    assert notices.notice_of_version(db, cycle, 2).in_language("en") == ("Two years.", "en")
    for version in (0, 3, 2**40):
        with pytest.raises(NotFound):
            notices.notice_of_version(db, cycle, version)


def test_who_enrolled_agrees_to_the_new_one_once(db: DbSession, make: Make) -> None:
    cycle = make.cycle(status="published")
    row = enrolments.enrol(db, cycle.slug, ana(), NOW, shown=1, read_in="en")
    cycles.change_cycle(db, OLGA, cycle.id, CycleChange(privacy_notice={"pt": "Dois anos."}))
    with pytest.raises(Stale):
        notices.agree(db, row, 1, "en", NOW)
    for _ in range(2):
        notices.agree(db, row, 2, "en", NOW)
    db.expire_all()
    assert (row.consent_version, row.consent_language, row.consent_at) == (2, "pt", NOW)
    assert agreed(db) == [(1, "en"), (2, "pt")]


def test_what_was_not_read_was_not_agreed_to(db: DbSession, make: Make) -> None:
    cycle = make.cycle(status="published", privacy_version=2)
    with pytest.raises(Invalid) as error:
        enrolments.enrol(db, cycle.slug, ana(), NOW, shown=1)
    assert [(e.field, e.code) for e in error.value.fields] == [("consent", "notice_changed")]
    assert (kept(db), agreed(db)) == ([], [])


@pytest.mark.parametrize("months", [None, 6])
def test_without_a_text_the_houses_holds(db: DbSession, make: Make, months: int | None) -> None:
    cycle = make.cycle(status="published", privacy_notice={}, retention_months=months)
    shown = notices.notice_of(db, cycle)
    assert (shown.house, shown.at, shown.version) == (True, None, 1)
    enrolments.enrol(db, cycle.slug, ana(), NOW, read_in="pt")
    assert kept(db) == [(1, notices.house_texts(months), "")]
    assert agreed(db) == [(1, "pt")]
    said = notices.notice_of(db, cycle).in_language("en")[0]
    assert ("6 months after the last session" in said) is (months == 6)
    # Its own text puts it aside, and it stays for those who agreed to it.
    cycles.change_cycle(db, OLGA, cycle.id, CycleChange(privacy_notice={"es": "Un año."}))
    assert not notices.notice_of(db, cycle).house
    assert notices.notice_of_version(db, cycle, 1).texts == notices.house_texts(months)


def test_how_many_agreed_to_which(db: DbSession, make: Make) -> None:
    cycle = make.cycle(status="published", privacy_version=3)
    for number, (version, language) in enumerate([(3, "es"), (3, "en"), (3, "es"), (1, "")]):
        values = {"consent_at": NOW, "consent_version": version, "consent_language": language}
        make.enrolment(cycle, make.person(name=f"Person {number}"), **values)
    make.enrolment(cycle)
    make.enrolment(make.cycle(), consent_at=NOW, consent_version=3)
    found = notices.versions(db, SYSTEM, cycle.id)
    assert [(each.notice.version, each.count, each.by_language) for each in found] == [
        (3, 3, {"es": 2, "en": 1}),
        (1, 1, {"": 1}),
    ]
    assert found[1].notice.texts == {}
    assert notices.not_agreed(db, cycle.id) == 1
    with pytest.raises(NotFound):
        notices.versions(db, SYSTEM, "nothing")


def test_two_who_are_one_have_agreed_to_both(db: DbSession, make: Make) -> None:
    cycle = make.cycle(status="published")
    first = enrolments.enrol(db, cycle.slug, ana(), NOW)
    other = enrolments.enrol(db, cycle.slug, ana(email="a.ruiz@example.org"), NOW)
    merging.merge_people(db, SYSTEM, first.person_id, other.person_id, at=NOW)
    rows = db.exec(select(Consent.enrolment_id)).all()
    assert rows == [first.id, first.id]
