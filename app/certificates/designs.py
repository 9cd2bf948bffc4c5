"""What an organizer may decide about a certificate, checked; and one to look at beforehand."""

import re
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime

from app.certificates.setting import unprintable
from app.certificates.values import (
    LONGEST_NAME,
    LONGEST_POSITION,
    LONGEST_STATEMENT,
    LONGEST_TITLE,
    MOST_LOGOS,
    MOST_SIGNATORIES,
    TEMPLATES,
    Design,
    Unprintable,
)
from app.domain.certificates import Certificate
from app.domain.errors import N_, FieldError, Invalid
from app.domain.text import LANGUAGES
from app.languages import OWN_NAMES

PLACEHOLDERS: Mapping[str, str] = {
    "name": N_("the holder's name"),
    "cycle": N_("the cycle's title"),
    "hours": N_("how long they attended"),
    "sessions": N_("how many sessions they attended"),
    "of": N_("how many sessions there were"),
    "dates": N_("from when to when the cycle went"),
    "organizers": N_("the organizing institutions"),
}
"""What may stand in braces in a statement, and what is put in its place."""

OF_ONES_OWN = frozenset({"hours", "sessions"})
"""Those that say nothing where nobody measured the minutes, or where no sessions are counted."""

_PLACE = re.compile(r"\{([^{}]*)\}")
_ACCENT = re.compile(r"#[0-9a-fA-F]{6}")


def filled(text: str, values: Mapping[str, str]) -> list[tuple[str, str]]:
    """The text in pieces, each with the name of the placeholder that it came from, or none. One
    pass: what is put in is never looked at again, so that a name like `{cycle}` stays a name."""
    pieces, done = [], 0
    for found in _PLACE.finditer(text):
        value = values.get(found[1])
        if value is not None:
            pieces += [(text[done : found.start()], ""), (value, found[1])]
            done = found.end()
    pieces.append((text[done:], ""))
    return [piece for piece in pieces if piece[0]]


def named(text: str) -> list[str]:
    """The names in braces, each once, in the order in which they come."""
    return list(dict.fromkeys(_PLACE.findall(text)))


def check(design: Design) -> None:
    """Refuses a design that cannot be used.

    Raises:
        Invalid: every field that is not right: ``template``, ``accent``, ``title.es``,
            ``statement.es``, ``logos``, ``logos.0.alt``, ``signatories``,
            ``signatories.0.name``, ``signatories.0.position.es``; with the codes ``unknown``,
            ``invalid``, ``placeholder``, ``too_long``, ``too_many``, ``missing``.
    """
    wrong = []
    if design.template not in TEMPLATES:
        wrong.append(FieldError("template", N_("There is no such design."), code="unknown"))
    if design.accent and not _ACCENT.fullmatch(design.accent):
        wrong.append(FieldError("accent", N_("Enter a colour like #14566b.")))
    wrong += _texts("title", design.title, LONGEST_TITLE, ())
    wrong += _texts("statement", design.statement, LONGEST_STATEMENT, PLACEHOLDERS)
    for name, given, most in (
        ("logos", len(design.logos), MOST_LOGOS),
        ("signatories", len(design.signatories), MOST_SIGNATORIES),
    ):
        if given > most:
            sentence = N_("These are too many: at most %(max_length)s.")
            wrong.append(FieldError(name, sentence, {"max_length": most}, "too_many"))
    wrong += [
        FieldError(f"logos.{at}.alt", N_("Say whose logo it is."), code="missing")
        for at, logo in enumerate(design.logos)
        if not logo.alt.strip()
    ]
    for at, each in enumerate(design.signatories):
        field = f"signatories.{at}"
        if not each.name.strip():
            wrong.append(FieldError(f"{field}.name", N_("Fill this in."), code="missing"))
        wrong += _too_long(f"{field}.name", each.name, LONGEST_NAME)
        wrong += _texts(f"{field}.position", each.position, LONGEST_POSITION, None)
    if wrong:
        raise Invalid(*wrong)


def check_printable(design: Design) -> None:
    """Refuses texts for which there is no typeface. To be asked before a design is kept; whether a
    certificate that was issued can be set is asked when it is.

    Raises:
        Invalid: with the code ``unprintable``, the fields as `check` names them.
    """
    texts = [(f"title.{code}", code, text) for code, text in design.title.items()]
    texts += [(f"statement.{code}", code, text) for code, text in design.statement.items()]
    for at, each in enumerate(design.signatories):
        texts.append((f"signatories.{at}.name", "", each.name))
        field = f"signatories.{at}.position"
        texts += [(f"{field}.{code}", code, text) for code, text in each.position.items()]
    in_language = N_("No typeface on this server has these characters (%(language)s): %(missing)s")
    wrong = []
    for field, code, text in texts:
        missing = unprintable(text)
        if missing and code:
            params = {"language": OWN_NAMES.get(code, code), "missing": missing}
            wrong.append(FieldError(field, in_language, params, Unprintable.code))
        elif missing:
            params = {"characters": missing}
            wrong.append(FieldError(field, Unprintable.sentence, params, Unprintable.code))
    if wrong:
        raise Invalid(*wrong)


def _texts(
    name: str, texts: Mapping[str, str], longest: int, known: Collection[str] | None
) -> list[FieldError]:
    """What is not right with a text in several languages; `known` None: braces mean nothing."""
    wrong = []
    for language, text in texts.items():
        field = f"{name}.{language}"
        if language not in LANGUAGES:
            wrong.append(FieldError(field, N_("There is no such language."), code="unknown"))
        wrong += _too_long(field, text, longest)
        wrong += [
            FieldError(
                field,
                N_("There is no placeholder {%(name)s}."),
                {"name": placeholder},
                "placeholder",
            )
            for placeholder in (named(text) if known is not None else ())
            if placeholder not in (known or ())
        ]
    return wrong


def _too_long(field: str, text: str, longest: int) -> list[FieldError]:
    if len(text) <= longest:
        return []
    sentence = N_("This is too long: at most %(max_length)s characters.")
    return [FieldError(field, sentence, {"max_length": longest}, "too_long")]


SAMPLE_CODE = "0" * 28
"""A code that nobody ever gets: its page says that there is no such certificate."""


def sample(
    language: str,
    *,
    cycle: str,
    organizers: tuple[str, ...] = (),
    first_day: date = date(2026, 3, 3),
    last_day: date = date(2026, 11, 26),
    rule: str = "",
    sessions: int = 10,
    holder: str = "",
    issued_at: datetime = datetime(2026, 12, 1, 15, 0, tzinfo=UTC),
) -> Certificate:
    """A certificate of somebody made up, to look at a design with before any is issued."""
    names = {"es": "María Fernanda Rodríguez Gutiérrez", "pt": "João Antônio da Conceição Araújo"}
    return Certificate(
        code=SAMPLE_CODE,
        holder=holder or names.get(language, "Catherine Eleanor Whitfield-Johnson"),
        language=language,
        cycle=cycle,
        first_day=first_day,
        last_day=last_day,
        issued_at=issued_at,
        minutes=sessions * 115,
        sessions=sessions,
        of=sessions,
        rule=rule,
        organizers=organizers,
        issuer=organizers[0] if organizers else "",
    )
