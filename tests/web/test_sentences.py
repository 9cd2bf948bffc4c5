"""Values in sentences, as a reader of each language is told them."""

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.change_values import Change, Code
from app.domain.schedule import InstitutionRole, PartRole
from app.domain.sentences import Country, Language, Moment, Value, Words
from app.web.sentences import Presenter


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (timedelta(minutes=1), ["1 minute", "1 minuto", "1 minuto"]),
        (timedelta(minutes=40), ["40 minutes", "40 minutos", "40 minutos"]),
        (PartRole.HOST, ["host", "anfitrión/a", "anfitrião(ã)"]),
        (InstitutionRole.HOST, ["host", "entidad anfitriona", "entidade anfitriã"]),
        (Country("ES"), ["Spain", "España", "Espanha"]),
        (Country(""), ["—", "—", "—"]),
        (Language("es"), ["Spanish", "español", "espanhol"]),
        (InstitutionRole.PARTNER, ["partner", "entidad asociada", "entidade parceira"]),
    ],
)
def test_a_value_in_three_languages(value: Value, said: list[str]) -> None:
    assert [Presenter(language).present(value) for language in ("en", "es", "pt")] == said


def at(hour: int) -> datetime:
    return datetime(2026, 11, 26, 14, tzinfo=UTC) + timedelta(hours=hour)


@pytest.mark.parametrize(
    ("zone", "hours", "said"),
    [
        ("", (0, 1), "Thursday 26 November 2026, 09:00–10:00, Bogotá time"),
        ("America/Lima", (0, 1), "Thursday 26 November 2026, 09:00–10:00, Lima time"),
        (
            "Europe/Madrid",
            (0, 1),
            "Thursday 26 November 2026, 15:00–16:00, Madrid time / 09:00–10:00, Bogotá time",
        ),
        (
            "Pacific/Auckland",
            (0, 1),
            "Friday 27 November 2026, 03:00–04:00, Auckland time / "
            "Thursday 26 November 2026, 09:00–10:00, Bogotá time",
        ),
        (
            "Europe/Madrid",
            (8, 10),
            "Thursday 26 November 2026, 23:00–Friday 27 November 2026, 01:00, Madrid time / "
            "17:00–19:00, Bogotá time",
        ),
    ],
)
def test_the_readers_time_comes_first(zone: str, hours: tuple[int, int], said: str) -> None:
    moment = Moment(at(hours[0]), at(hours[1]), "America/Bogota")
    assert Presenter("en", zone).present(moment) == said


def retitled(code: Code = Code.SESSION_RETITLED) -> Change:
    was = {"es": "Apertura", "en": "Opening", "pt": "Abertura"}
    now = was | {"en": "Welcome", "pt": ""}
    return Change(
        code, "s", 4, params={"number": 4, "was": Words(was, "es"), "now": Words(now, "es")}
    )


def test_a_text_that_changed_in_other_languages_only() -> None:
    change = retitled()
    assert [Presenter(each).concerns(change) for each in ("en", "es", "pt")] == [True, False, True]
    assert Presenter("en").say(change) == ("Session 4 is now called “Welcome” (before: “Opening”).")
    spanish = Presenter("es").say(change)
    assert [
        spanish.count(each) for each in ("Welcome", "Opening", "Abertura", "—", "Apertura")
    ] == [
        1,
        1,
        1,
        1,
        0,
    ]
    assert [spanish.count(each) for each in ("inglés", "portugués")] == [1, 1]
