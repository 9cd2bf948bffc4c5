"""What a certificate says, in the holder's language: strings and numbers for the templates."""

from datetime import UTC
from typing import Any

from app.certificates.designs import OF_ONES_OWN, PLACEHOLDERS, filled, named
from app.certificates.values import Design
from app.domain.accent import readable
from app.domain.certificates import Asked, Certificate, shown_code
from app.domain.errors import N_
from app.domain.text import localized, one_line
from app.domain.zones import zone
from app.languages import day, duration, listed, span, translations

HOUSE_ACCENT = "#14566b"
TITLE = N_("Certificate of completion")
STATEMENT = N_(
    "completed the training cycle “{cycle}”, held {dates}, with an attendance of {hours}."
)
STATEMENT_WITHOUT_HOURS = N_("completed the training cycle “{cycle}”, held {dates}.")
_STANDS_OUT = frozenset({"cycle", "hours", "name"})


def certificate_words(
    certificate: Certificate, design: Design, address: str, *, sample: bool = False
) -> dict[str, Any]:
    """All that a template shows but its pictures. `address`: where the certificate is verified,
    its code at the end."""
    language = certificate.language
    speak = translations(language)
    title = one_line(design.title.get(language, "")) or speak.gettext(TITLE)
    holder = one_line(certificate.holder)
    organizers = [one_line(each) for each in certificate.organizers]
    issued = certificate.issued_at.astimezone(zone(certificate.zone)).date()
    return {
        "language": language,
        "document_title": f"{title} – {holder}",
        "description": one_line(certificate.cycle),
        "keywords": [shown_code(certificate.code)],
        "issued_at": _moment(certificate),
        "accent": readable(design.accent or HOUSE_ACCENT).accent,
        "sample": speak.gettext("Sample") if sample else "",
        "title": title,
        "organizers": organizers,
        "organizers_line": "  ·  ".join(organizers),
        # What goes on with the holder's name: "The Ministry certifies that Ana Ruiz …"
        "certify": speak.ngettext("certifies that", "certify that", len(organizers) or 1),
        "holder": holder,
        "statement": statement(certificate, design),
        "rule": one_line(certificate.rule),
        "issued": speak.gettext("Issued on %(day)s") % {"day": _together(day(issued, language))},
        "verify": speak.gettext("Verify it at"),
        "verify_page": address.rpartition("/")[0].partition("://")[2],
        "address": address,
        "code_label": speak.gettext("with the code"),
        "code": shown_code(certificate.code),
        "signatories": [
            {
                "name": one_line(each.name),
                "position": one_line(localized(each.position, language, "")),
            }
            for each in design.signatories
        ],
    }


def statement(certificate: Certificate, design: Design) -> list[tuple[str, bool]]:
    """What is certified, in pieces, each with whether it stands out. The organizer's words, and the
    house's where there are none in this language, or where they say something of this holder that
    nobody measured."""
    language = certificate.language
    values = _values(certificate)
    text = design.statement.get(language, "").strip()
    if not text or any(not values[name] for name in OF_ONES_OWN.intersection(named(text))):
        text = translations(language).gettext(
            STATEMENT if values["hours"] else STATEMENT_WITHOUT_HOURS
        )
    return [(piece, name in _STANDS_OUT) for piece, name in filled(text, values)]


def _values(certificate: Certificate) -> dict[str, str]:
    language, minutes = certificate.language, certificate.minutes
    values = {
        "name": one_line(certificate.holder),
        "cycle": one_line(certificate.cycle),
        "hours": "" if minutes is None else _together(duration(minutes, language)),
        "sessions": str(certificate.sessions) if certificate.of else "",
        "of": str(certificate.of),
        "dates": _together(span(certificate.first_day, certificate.last_day, language)),
        "organizers": listed([one_line(each) for each in certificate.organizers], language),
    }
    assert values.keys() == PLACEHOLDERS.keys()
    return values


def _moment(certificate: Certificate) -> dict[str, int]:
    at = certificate.issued_at.astimezone(UTC)
    return {
        name: getattr(at, name) for name in ("year", "month", "day", "hour", "minute", "second")
    }


def _together(text: str) -> str:
    """With spaces at which no line breaks."""
    return text.replace(" ", "\u00a0")


def asked_in_words(asked: Asked, language: str) -> str:
    """What it took, in a line, in one of our languages."""
    speak = translations(language)
    said = speak.gettext("At least %(least)s of %(of)s sessions")
    words = said % {"least": asked.least, "of": asked.of}
    if asked.percent_of_each:
        said = speak.gettext(", and %(percent)s %% of each of these")
        words += said % {"percent": asked.percent_of_each}
    parts = [words]
    if asked.percent_of_whole:
        said = speak.gettext("At least %(percent)s %% of all the minutes of the cycle")
        parts.append(said % {"percent": asked.percent_of_whole})
    if asked.mandatory:
        said = speak.ngettext(
            "Session %(which)s must not be missed",
            "Sessions %(which)s must not be missed",
            len(asked.mandatory),
        )
        parts.append(said % {"which": ", ".join(map(str, asked.mandatory))})
    return "; ".join([parts[0], *(each[:1].lower() + each[1:] for each in parts[1:])])
