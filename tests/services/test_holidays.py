"""Public holidays."""

from datetime import date, datetime

import pytest

from app.db import DbSession
from app.services.holidays import country_holidays, holidays_for
from app.services.schedules import draft_schedule
from tests.factories import Make


@pytest.mark.parametrize(
    ("country", "language", "name"),
    [
        ("CO", "", "Christmas Day"),
        ("CO", "en", "Christmas Day"),
        ("CO", "es", "Navidad"),
        ("CO", "pt", "Navidad"),
        ("BR", "pt", "Natal"),
        ("BR", "es", "Natal"),
        ("BR", "en", "Christmas Day"),
        ("DE", "es", "Christmas Day"),
        ("DE", "en", "Christmas Day"),
    ],
)
def test_names_come_in_the_readers_language(
    monkeypatch: pytest.MonkeyPatch, country: str, language: str, name: str
) -> None:
    monkeypatch.setenv("LANGUAGE", "th")
    found = country_holidays([country], [2026], language)
    assert found[country][date(2026, 12, 25)] == name


def test_years_and_countries(db: DbSession) -> None:
    found = country_holidays(["co", "CO", "", "XX", "COL"], [2026, 2027])
    assert sorted(found) == ["CO", "COL", "XX"]
    assert found["XX"] == {}
    assert {day.year for day in found["CO"]} == {2026, 2027}
    assert found["CO"][date(2026, 11, 16)] == "Independence of Cartagena (observed)"


def test_who_is_asked_about(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    make.carries(cycle, make.institution(country="CL"), "organizer")
    make.carries(cycle, make.institution(country="ES"), "supporter")
    session = make.session(cycle, wall_start=datetime(2026, 12, 31, 23, 30), minutes=10)
    make.part(make.segment(session), make.person(country="BR"))
    make.part(make.segment(session), make.person(country=""))
    make.person(country="AR")
    found = holidays_for(draft_schedule(db, cycle.id), "es")
    assert sorted(found) == ["BR", "CL"]
    assert {day.year for day in found["BR"]} == {2026, 2027}


def test_a_cycle_without_sessions(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    make.carries(cycle, make.institution(country="CL"))
    assert holidays_for(draft_schedule(db, cycle.id)) == {"CL": {}}


def test_what_is_kept_is_not_what_is_handed_out(db: DbSession) -> None:
    country_holidays(["CO"], [2026])["CO"].clear()
    assert country_holidays(["CO"], [2026])["CO"] != {}
