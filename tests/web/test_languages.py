"""The languages: complete catalogues, sentences that can be filled in, and who decides."""

import re
from datetime import UTC, date, datetime
from typing import Any

import pytest
from babel.messages import Catalog
from starlette.requests import Request
from starlette.testclient import TestClient

from app.domain.text import LANGUAGES
from app.languages import (
    country_name,
    date_long,
    date_short,
    day,
    duration,
    listed,
    span,
    time_of_day,
    zone_label,
)
from app.languages import translations as catalogue_of
from app.web.languages import reader_of
from tests.checks import translations

OTHERS = [language for language in LANGUAGES if language != "en"]
NOON = datetime(2026, 11, 26, 17, 0, tzinfo=UTC)
"""A Thursday: noon in Bogotá, two in the afternoon in São Paulo, Friday at six in Auckland."""

_PLACE = re.compile(r"%(?!%|\(\w+\)s|s)")
"""A percent sign that begins nothing which can be filled in."""


@pytest.fixture(scope="module")
def wanted() -> Catalog:
    """Every string of the interface."""
    return translations.strings()


def _texts(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


@pytest.mark.parametrize("language", OTHERS)
def test_a_catalogue_is_complete(language: str, wanted: Catalog) -> None:
    assert list(translations.faults(language, wanted)) == []


@pytest.mark.parametrize("language", OTHERS)
def test_every_sentence_can_be_filled_in(language: str) -> None:
    """What the source gives is enough, and all of it that the reader needs is said."""
    failed = []
    for message in translations.read(language):
        if not message.id:
            continue
        source = " ".join(_texts(message.id))
        names = re.findall(r"%\((\w+)\)s", source)
        for text in _texts(message.string):
            if not names:
                # Such a sentence is shown as it is, or filled with a single `%s`.
                if text.count("%s") != source.count("%s") or _PLACE.search(text):
                    failed.append(text)
                continue
            try:
                filled = text % {name: f"<{name}>" for name in names}
            except (KeyError, TypeError, ValueError):
                failed.append(text)
                continue
            if "%(" in filled or text.count("{n}") != source.count("{n}"):
                failed.append(text)
    assert failed == []


@pytest.mark.parametrize("language", OTHERS)
def test_braces_and_tags_are_those_of_the_source(language: str) -> None:
    """Scripts fill `{n}` in, and what is marked up stays marked up, with the same address."""
    other = [
        text
        for message in translations.read(language)
        if message.id
        for text in _texts(message.string)
        if sorted(re.findall(r"\{\w+\}|<[^>]*>", text))
        != sorted(re.findall(r"\{\w+\}|<[^>]*>", _texts(message.id)[-1]))
    ]
    assert other == []


@pytest.mark.parametrize("language", OTHERS)
def test_nothing_begins_or_ends_with_a_blank(language: str) -> None:
    texts = [t for m in translations.read(language) if m.id for t in _texts(m.string)]
    assert [text for text in texts if text != text.strip() or "  " in text] == []


@pytest.mark.parametrize(
    ("language", "one", "many"),
    [
        ("en", "1 session", "4 sessions"),
        ("es", "1 sesión", "4 sesiones"),
        ("pt", "1 sessão", "4 sessões"),
    ],
)
def test_one_and_many(language: str, one: str, many: str) -> None:
    ngettext = catalogue_of(language).ngettext
    said = [
        ngettext("%(count)s session", "%(count)s sessions", count) % {"count": count}
        for count in (1, 4)
    ]
    assert said == [one, many]


@pytest.mark.parametrize(
    ("language", "zone", "words"),
    [
        ("en", "America/Bogota", "Thursday 26 November 2026, 12:00, Bogotá time"),
        ("es", "America/Bogota", "jueves 26 de noviembre de 2026, 12:00, hora de Bogotá"),
        ("pt", "America/Bogota", "quinta-feira, 26 de novembro de 2026, 12:00, horário de Bogotá"),
        ("en", "America/Sao_Paulo", "Thursday 26 November 2026, 14:00, São Paulo time"),
        ("es", "America/Sao_Paulo", "jueves 26 de noviembre de 2026, 14:00, hora de São Paulo"),
        (
            "pt",
            "America/Sao_Paulo",
            "quinta-feira, 26 de novembro de 2026, 14:00, horário de São Paulo",
        ),
        (
            "en",
            "America/Argentina/Buenos_Aires",
            "Thursday 26 November 2026, 14:00, Buenos Aires time",
        ),
        (
            "es",
            "America/Argentina/Buenos_Aires",
            "jueves 26 de noviembre de 2026, 14:00, hora de Buenos Aires",
        ),
        (
            "pt",
            "America/Asuncion",
            "quinta-feira, 26 de novembro de 2026, 14:00, horário de Assunção",
        ),
        ("en", "Pacific/Auckland", "Friday 27 November 2026, 06:00, Auckland time"),
        ("es", "Pacific/Auckland", "viernes 27 de noviembre de 2026, 06:00, hora de Auckland"),
        (
            "pt",
            "Pacific/Auckland",
            "sexta-feira, 27 de novembro de 2026, 06:00, horário de Auckland",
        ),
    ],
)
def test_an_instant_in_the_readers_words(language: str, zone: str, words: str) -> None:
    said = (date_long(NOON, language, zone), time_of_day(NOON, zone), zone_label(zone, language))
    assert ", ".join(said) == words


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        ("America/Asuncion", "Asunción time"),
        ("America/Argentina/Cordoba", "Córdoba time"),
        ("America/Cuiaba", "Cuiabá time"),
        ("America/Cordoba", "Córdoba time"),  # as it was called before
        ("Brazil/East", "São Paulo time"),
        ("America/Havana", "Havana time"),  # English has a word of its own
        ("America/Mexico_City", "Mexico City time"),
        ("America/Los_Angeles", "Los Angeles time"),  # Spanish writes Los Ángeles
        ("America/Indiana/Indianapolis", "Indianapolis time"),
        ("Europe/Zurich", "Zurich time"),
    ],
)
def test_english_keeps_the_accents_of_latin_america(zone: str, words: str) -> None:
    assert zone_label(zone, "en") == words


def test_one_word_in_two_places_is_two_in_another_language() -> None:
    spanish = catalogue_of("es")
    said = [
        spanish.gettext("host"),
        spanish.pgettext("institution", "host"),
        spanish.pgettext("people", "All"),
        spanish.pgettext("mails", "All"),
    ]
    assert said == ["anfitrión/a", "entidad anfitriona", "Todas las personas", "Todos"]


@pytest.mark.parametrize(
    ("language", "long", "short", "country"),
    [
        ("en", "26 November 2026", "27 Nov", "Brazil"),
        ("es", "26 de noviembre de 2026", "27 nov", "Brasil"),
        ("pt", "26 de novembro de 2026", "27 de nov.", "Brasil"),
    ],
)
def test_days_and_countries(language: str, long: str, short: str, country: str) -> None:
    said = (
        day(date(2026, 11, 26), language),
        date_short(NOON, language, "Pacific/Auckland"),
        country_name("BR", language),
    )
    assert said == (long, short, country)


def _request(query: str = "", cookie: str = "", accept: str = "") -> Request:
    headers = [(b"cookie", cookie.encode()), (b"accept-language", accept.encode())]
    return Request(
        {
            "type": "http",
            "method": "GET",
            "path": "/",
            "query_string": query.encode(),
            "headers": [(name, value) for name, value in headers if value],
        }
    )


@pytest.mark.parametrize(
    ("query", "cookie", "person", "accept", "fallback", "language"),
    [
        ("lang=pt", "lang=es", "en", "en", "en", "pt"),
        ("", "lang=es", "en", "pt", "en", "es"),
        ("", "", "pt", "es", "en", "pt"),
        ("", "", "", "es", "pt", "es"),
        ("", "", "", "", "pt", "pt"),
        ("", "", "", "", "fr", "en"),
        # What is not spoken here is passed over, wherever it stands.
        ("lang=fr", "lang=de", "it", "fr,ja", "es", "es"),
        ("lang=", "lang=es", "", "", "en", "es"),
        ("lang=ES", "", "", "pt", "en", "pt"),
    ],
)
def test_who_decides_on_the_language(
    query: str, cookie: str, person: str, accept: str, fallback: str, language: str
) -> None:
    request = _request(query, cookie, accept)
    assert reader_of(request, language=person, fallback=fallback).language == language


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        ("es-419,es;q=0.9,en;q=0.8", "es"),
        ("pt-BR", "pt"),
        ("PT-br", "pt"),
        ("fr, pt;q=0.4, es;q=0.6", "es"),
        ("es;q=0.5, en;q=0.5", "es"),
        ("en;q=0.1,es;q=0.2,pt;q=0.3", "pt"),
        ("es;q=0, pt;q=0.1", "pt"),
        ("es;q=much, pt;q=0.1", "pt"),
        ("*", "en"),
        (",;,;q=,=", "en"),
        ("x," * 20 + "es", "en"),
    ],
)
def test_what_the_browser_asks_for(accept: str, language: str) -> None:
    assert reader_of(_request(accept=accept)).language == language


@pytest.mark.parametrize(
    ("query", "cookie", "zone"),
    [
        ("zone=Europe/Madrid", "zone=America/Lima", "Europe/Madrid"),
        ("", "zone=America/Lima", "America/Lima"),
        ("zone=Mars/Olympus", "zone=America/Lima", "America/Lima"),
        ("zone=../etc/passwd", "", ""),
        ("", "", ""),
    ],
)
def test_who_decides_on_the_zone(query: str, cookie: str, zone: str) -> None:
    assert reader_of(_request(query, cookie)).zone == zone


def _language_of(html: str) -> str:
    found = re.search(r'<html lang="(\w+)"', html)
    assert found
    return found[1]


def test_a_choice_of_language_is_remembered(client: TestClient) -> None:
    spanish = {"accept-language": "es"}
    said = [
        _language_of(client.get(path, headers=spanish).text)
        for path in ("/", "/?lang=pt", "/", "/?lang=xx", "/?lang=en", "/")
    ]
    assert said == ["es", "pt", "pt", "pt", "en", "en"]


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        (0, ["0 minutes", "0 minutos", "0 minuto"]),
        (60, ["1 hour", "1 hora", "1 hora"]),
        (61, ["1 hour and 1 minute", "1 hora y 1 minuto", "1 hora e 1 minuto"]),
        (755, ["12 hours and 35 minutes", "12 horas y 35 minutos", "12 horas e 35 minutos"]),
    ],
)
def test_how_long_something_took(minutes: int, expected: list[str]) -> None:
    assert [duration(minutes, language) for language in LANGUAGES] == expected


@pytest.mark.parametrize(
    ("language", "first", "last", "begins", "ends"),
    [
        ("en", (2026, 3, 1), (2026, 11, 26), "1 March", "26 November 2026"),
        ("es", (2026, 3, 1), (2026, 11, 26), "1 de marzo", "26 de noviembre de 2026"),
        ("pt", (2026, 3, 1), (2027, 1, 8), "1 de março de 2026", "8 de janeiro de 2027"),
    ],
)
def test_from_when_to_when(
    language: str, first: tuple[int, int, int], last: tuple[int, int, int], begins: str, ends: str
) -> None:
    sentence = catalogue_of(language).gettext("from %(first)s to %(last)s")
    assert span(date(*first), date(*last), language) == sentence % {"first": begins, "last": ends}


def test_a_single_day() -> None:
    assert span(date(2026, 3, 1), date(2026, 3, 1), "en") == "on 1 March 2026"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], ["", "", ""]),
        (["CAF"], ["CAF"] * 3),
        (["A", "B", "C"], ["A, B and C", "A, B y C", "A, B e C"]),
        (["Sena", "Instituto"], ["Sena and Instituto", "Sena e Instituto", "Sena e Instituto"]),
        (["Sena", "Hidro"], ["Sena and Hidro", "Sena e Hidro", "Sena e Hidro"]),
        (["Sena", "Hierro"], ["Sena and Hierro", "Sena y Hierro", "Sena e Hierro"]),
        (["Sena", "Ionia"], ["Sena and Ionia", "Sena y Ionia", "Sena e Ionia"]),
    ],
)
def test_several_names_in_a_sentence(names: list[str], expected: list[str]) -> None:
    assert [listed(names, language) for language in LANGUAGES] == expected
