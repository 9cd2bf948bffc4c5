"""What an organizer may decide, and the words that come of it."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.certificates.designs import PLACEHOLDERS, check, check_printable, filled, named, sample
from app.certificates.values import Design, Signatory
from app.certificates.words import (
    STATEMENT,
    STATEMENT_WITHOUT_HOURS,
    certificate_words,
    statement,
)
from app.domain.accent import WHITE, contrast, parse
from app.domain.errors import Invalid
from app.domain.text import LANGUAGES
from app.languages import translations
from tests.certificates.build import ADDRESS, LOGO, LUCIA, SHOWN, certificate, design


def faults(found: Design) -> list[tuple[str, str, dict[str, Any]]]:
    with pytest.raises(Invalid) as raised:
        check(found)
    return [(each.field, each.code, dict(each.params)) for each in raised.value.fields]


def test_a_design_of_which_nothing_is_decided_can_be_used() -> None:
    check(Design())
    check(design())


def test_every_placeholder_may_stand_in_a_statement() -> None:
    check(Design(statement={"es": " ".join(f"{{{name}}}" for name in PLACEHOLDERS)}))


def test_texts_that_no_typeface_has_are_refused_at_their_fields() -> None:
    check_printable(design())
    found = Design(
        title={"es": "Diploma 🚀", "en": "Diploma"},
        statement={"pt": "concluiu 💩🚀"},
        signatories=(Signatory("Ana 🚀", {"en": "Minister 💩"}), LUCIA),
        logos=(replace(LOGO, alt="A logo 🚀"),),  # which is heard, not printed
    )
    with pytest.raises(Invalid) as raised:
        check_printable(found)
    assert [(each.field, each.code, dict(each.params)) for each in raised.value.fields] == [
        ("title.es", "unprintable", {"language": "Español", "missing": "🚀"}),
        ("statement.pt", "unprintable", {"language": "Português", "missing": "💩🚀"}),
        ("signatories.0.name", "unprintable", {"characters": "🚀"}),
        (
            "signatories.0.position.en",
            "unprintable",
            {"language": "English", "missing": "💩"},
        ),
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"template": "../classic"}, [("template", "unknown", {})]),
        ({"accent": "red"}, [("accent", "invalid", {})]),
        (
            {"statement": {"es": "{name} {nombre} {}", "en": "{cycle.title}"}},
            [
                ("statement.es", "placeholder", {"name": "nombre"}),
                ("statement.es", "placeholder", {"name": ""}),
                ("statement.en", "placeholder", {"name": "cycle.title"}),
            ],
        ),
        ({"title": {"pt": "{name}"}}, [("title.pt", "placeholder", {"name": "name"})]),
        ({"title": {"fr": "Certificat"}}, [("title.fr", "unknown", {})]),
        ({"title": {"es": "x" * 81}}, [("title.es", "too_long", {"max_length": 80})]),
        ({"statement": {"es": "x" * 601}}, [("statement.es", "too_long", {"max_length": 600})]),
        ({"logos": (LOGO,) * 7}, [("logos", "too_many", {"max_length": 6})]),
        ({"logos": (LOGO, replace(LOGO, alt=" "))}, [("logos.1.alt", "missing", {})]),
        ({"signatories": (LUCIA,) * 5}, [("signatories", "too_many", {"max_length": 4})]),
        ({"signatories": (LUCIA, Signatory(" "))}, [("signatories.1.name", "missing", {})]),
        (
            {"signatories": (Signatory("x" * 121, {"es": "{x}" * 67}),)},
            [
                ("signatories.0.name", "too_long", {"max_length": 120}),
                ("signatories.0.position.es", "too_long", {"max_length": 200}),
            ],
        ),
    ],
)
def test_what_cannot_be_used_is_named(
    changes: dict[str, Any], expected: list[tuple[str, str, dict[str, Any]]]
) -> None:
    assert faults(Design(**changes)) == expected


def test_all_that_is_not_right_is_said_at_once() -> None:
    found = Design("x", {"es": "{a}"}, {"es": "{b}"}, accent="y")
    assert [field for field, *_ in faults(found)] == [
        "template",
        "accent",
        "title.es",
        "statement.es",
    ]


@given(st.text(alphabet="ab{} ", max_size=30), st.text(alphabet="{}ab", max_size=8))
def test_what_is_put_in_is_not_looked_at_again(text: str, value: str) -> None:
    pieces = filled(text, {"a": value})
    assert "".join(piece for piece, _ in pieces) == text.replace("{a}", value)
    assert [piece for piece, name in pieces if name] == [value] * text.count("{a}") * bool(value)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_houses_words_have_the_right_placeholders(language: str) -> None:
    said = translations(language).gettext
    assert sorted(named(said(STATEMENT))) == ["cycle", "dates", "hours"]
    assert sorted(named(said(STATEMENT_WITHOUT_HOURS))) == ["cycle", "dates"]


def told(look: Design, **changes: Any) -> str:
    return "".join(piece for piece, _ in statement(certificate(**changes), look))


def test_an_organizers_words() -> None:
    look = Design(statement={"en": "{name}: {sessions}/{of}, {hours}, {dates}; {organizers}."})
    assert told(look).replace("\u00a0", " ") == (
        "María Fernanda Rodríguez: 8/10, 12 hours and 35 minutes, "
        "from 3 March to 26 November 2026; Ministry of Trade and Latin American Network."
    )


def test_without_hours_what_speaks_of_them_is_not_said() -> None:
    look = Design(statement={"en": "{name} attended {hours}."})
    assert told(look, minutes=None).startswith("completed the training cycle “Cluster leaders”")
    kept = Design(statement={"en": "{name} attended."})
    assert told(kept, minutes=None) == "María Fernanda Rodríguez attended."
    assert told(Design(statement={"en": "{sessions} of {of}"}), sessions=0) == "0 of 10"


def test_words_in_another_language_are_not_taken() -> None:
    look = Design(title={"es": "Diploma"}, statement={"es": "sí"})
    words = certificate_words(certificate(), look, ADDRESS)
    assert words["title"] == "Certificate of completion"
    assert told(look).startswith("completed")
    assert told(look, language="es") == "sí"


def test_what_stands_out() -> None:
    pieces = statement(certificate(), Design())
    assert [piece for piece, important in pieces if important] == [
        "Cluster leaders",
        "12\u00a0hours\u00a0and\u00a035\u00a0minutes",
    ]


def test_one_institution_certifies_and_several_certify() -> None:
    def certify(*names: str) -> str:
        found = certificate(organizers=names)
        return str(certificate_words(found, Design(), ADDRESS)["certify"])

    assert [certify(), certify("A"), certify("A", "B")] == [
        "certifies that",
        "certifies that",
        "certify that",
    ]


def test_a_colour_that_could_not_be_read_is_made_darker() -> None:
    words = certificate_words(certificate(), Design(accent="#ffe600"), ADDRESS)
    assert words["accent"] != "#ffe600"
    assert contrast(parse(words["accent"]), WHITE) >= 4.5
    assert certificate_words(certificate(), Design(), ADDRESS)["accent"] == "#14566b"


def test_where_it_is_verified() -> None:
    words = certificate_words(certificate(), Design(), ADDRESS)
    assert (words["verify_page"], words["code"], words["address"]) == (
        "convoca.example.org/verify",
        SHOWN,
        ADDRESS,
    )


def test_a_sample_is_of_somebody_made_up() -> None:
    found = sample("es", cycle="Líderes", organizers=("Ministerio",), sessions=4)
    assert (found.holder, found.minutes, found.issuer) == (
        "María Fernanda Rodríguez Gutiérrez",
        460,
        "Ministerio",
    )
