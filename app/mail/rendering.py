"""Mail texts from templates: one plain, one HTML, in the reader's language.

The templates are ours alone and have an environment of their own, since mail programs want their
styles inline and plain text wants no escaping.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from gettext import NullTranslations

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from jinja2.bccache import Bucket, BytecodeCache
from jinja2.utils import urlize
from markupsafe import Markup

from app.domain.errors import N_
from app.domain.invitations import Why
from app.domain.normal_forms import normal_form
from app.domain.text import looks_like_link, one_line, without_bidi
from app.languages import city, date_long, time_of_day, zone_label
from app.mail.frames import LINK
from app.mail.placeholders import fitting, paragraphs
from app.mail.values import (
    AccountMail,
    AddressMail,
    CertificateMail,
    Content,
    EnrolmentMail,
    InvitationMail,
    PartMail,
    ReminderMail,
    SignInMail,
    TeamMail,
)
from app.paths import TEMPLATES

SUBJECTS = {
    "enrolment-confirmed": N_("You are enrolled: %(cycle)s"),
    "enrolment-pending": N_("We have your enrolment: %(cycle)s"),
    "enrolment-waitlisted": N_("You are on the waiting list: %(cycle)s"),
    "enrolment-link": N_("Your link to %(cycle)s"),
    "sign-in": N_("Your sign-in link"),
    "new-address": N_("Confirm your new address"),
    "address-changed": N_("Your address was changed"),
    "account-changed": N_("Your account was changed"),
    "team-invitation": N_("You are invited: %(cycle)s"),
    "data-link": N_("Your link to your data"),
    "invitation": N_("Invitation: %(session)s, %(date)s, %(time)s"),
    "invitation-update": N_("Updated: %(session)s, %(date)s, %(time)s"),
    "invitation-cancel": N_("Cancelled: %(session)s, %(date)s"),
    "part-request": N_("Please confirm your part in %(cycle)s"),
    "part-reminder": N_("We are waiting for your answer: %(cycle)s"),
    "reminder": N_("Reminder: %(session)s, %(date)s, %(time)s"),
    "follow-up": N_("Thank you: %(session)s"),
    "certificate": N_("Your certificate: %(cycle)s"),
}
_NEW_TIME = N_("New time: %(session)s, %(date)s, %(time)s")
_BEGUN = N_("It has begun: %(session)s, %(date)s, %(time)s")
_TAKEN_OUT = N_("No longer in your calendar: %(session)s, %(date)s")
AnyMail = (
    EnrolmentMail
    | SignInMail
    | AddressMail
    | AccountMail
    | TeamMail
    | InvitationMail
    | ReminderMail
    | PartMail
    | CertificateMail
)
_COMMANDS = re.compile(r"[\x00-\x08\x0e-\x1b\x7f\x80-\x84\x86-\x9f]")
_ACCENT = "#14566b"  # the house's own, as on the pages
_MOST_NAME = 90  # characters
_ENOUGH_CONTRAST = 4.5  # WCAG 2.2, 1.4.3: white letters on the button


def render(
    kind: str,
    mail: AnyMail,
    language: str,
    translations: Callable[[str], NullTranslations],
) -> Content:
    """The mail of this kind. `translations` gives the catalogue of a language.

    Raises ValueError for a kind that there is no text for.
    """
    if kind not in SUBJECTS:
        raise ValueError(f"no such kind of mail: {kind!r}")
    catalogue = translations(language)
    subject = one_line(_subject(kind, mail, language, catalogue))
    env = _environment(language, catalogue)
    values = {"mail": mail, "subject": subject, "accent": button_color(mail.accent)}
    text = env.get_template(f"mail/{kind}.txt").render(values)
    html = env.get_template(f"mail/{kind}.html").render(values)
    return Content(subject, _tidy(text), without_bidi(html).strip() + "\n")


def opening(
    kind: str, mail: AnyMail, language: str, translations: Callable[[str], NullTranslations]
) -> str:
    """The house's opening words alone, in whose place an organizer's own ones stand."""
    template = _environment(language, translations(language)).get_template(f"mail/{kind}.txt")
    context = template.new_context({"mail": mail, "subject": "", "accent": _ACCENT})
    for _ in template.root_render_func(context):
        pass  # only then the context knows which of the inherited blocks hold
    return _tidy("".join(context.blocks["intro"][0](context))).strip()


def _subject(
    kind: str,
    mail: AnyMail,
    language: str,
    catalogue: NullTranslations,
) -> str:
    sentence = SUBJECTS[kind]
    if isinstance(mail, SignInMail | AddressMail | AccountMail):
        return catalogue.gettext(sentence)
    if isinstance(mail, TeamMail):
        return _within(catalogue.gettext(sentence), {"cycle": mail.cycle or "Convoca"})
    if mail.own_subject:
        return mail.own_subject
    if isinstance(mail, EnrolmentMail | PartMail | CertificateMail):
        return _within(catalogue.gettext(sentence), {"cycle": mail.cycle})
    if kind == "invitation-update" and mail.before:
        sentence = _NEW_TIME
    elif isinstance(mail, ReminderMail) and mail.begun:
        sentence = _BEGUN
    elif (
        isinstance(mail, InvitationMail)
        and kind == "invitation-cancel"
        and mail.why != Why.CANCELLED
    ):
        sentence = _TAKEN_OUT  # the session itself takes place
    session = mail.session
    values = {
        "session": session.title,
        "date": date_long(session.starts, language, mail.zone),
        "time": time_of_day(session.starts, mail.zone),
    }
    return _within(catalogue.gettext(sentence), values)


def _within(sentence: str, values: Mapping[str, str]) -> str:
    return fitting(lambda by: sentence % by, values)


class _Compiled(BytecodeCache):
    """What a template is compiled to, for the environments of all languages: it takes longer than
    to write a hundred mails."""

    def __init__(self) -> None:
        self._known: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._known:
            bucket.bytecode_from_string(self._known[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._known[bucket.key] = bucket.bytecode_to_string()


_compiled = _Compiled()


@cache
def _environment(language: str, catalogue: NullTranslations) -> Environment:
    env = Environment(
        loader=FileSystemLoader(TEMPLATES),
        bytecode_cache=_compiled,
        optimized=False,  # or what one language says could be worked out for all
        autoescape=select_autoescape(("html",), default=False),
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.install_gettext_translations(catalogue, newstyle=True)  # type: ignore[attr-defined]
    env.filters |= {
        "date": lambda instant, zone: _capital(date_long(instant, language, zone)),
        "day": lambda instant, zone: date_long(instant, language, zone),  # within a sentence
        "time": time_of_day,
        "paragraphs": paragraphs,
        "linked": _linked,
        "zone_label": lambda name: zone_label(name, language),
        "place": lambda name: city(name, language),
    }
    env.globals["lang"] = language
    return env


def _linked(line: str, accent: str) -> Markup:
    """A line of an organizer's, with what can be followed as links that look like all others."""
    page = f'<a href="{LINK}">{LINK}</a>'  # the reader's own, put in later
    html = page.join(urlize(piece, rel="noopener") for piece in line.split(LINK))
    return Markup(html.replace("<a href=", f'<a class="link" style="color:{accent}" href='))  # noqa: S704 (urlize escapes)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _tidy(text: str) -> str:
    """No blanks at the ends of lines, one empty line at most between paragraphs, and nothing that
    turns their direction round or that a terminal would take for a command."""
    plain = _COMMANDS.sub("", without_bidi(text))
    lines = "\n".join(line.rstrip() for line in plain.splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines).strip() + "\n"


@lru_cache(maxsize=2048)  # a release writes to the same people once for each session
def greeting_name(name: str) -> str:
    """The name, if a mail may repeat it.

    Anybody can enrol any address under any name. What looks like an address, a link or a message
    rather than a name must not reach a stranger through us; then the mail greets without one.
    """
    name = one_line(name)
    plain = normal_form("NFKC", name)
    if len(name) > _MOST_NAME or looks_like_link(name) or re.search(r"[/:<>]|\d{4,}", plain):
        return ""
    return name


def button_color(accent: str) -> str:
    """The cycle's accent where white letters are legible on it, else the house's."""
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", accent):
        return _ACCENT
    channels = [int(accent[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return accent if 1.05 / (luminance + 0.05) >= _ENOUGH_CONTRAST else _ACCENT
