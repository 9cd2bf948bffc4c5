"""Privacy notices: what a cycle's says, its versions, and who has agreed to which.

A version is written down when it begins to hold, or, for a cycle that was made without, when
somebody first agrees to it. It never changes. What holds is the organizers' own text, or, where
there is none, the house's, which says what this program does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col, func, select

from app.db import DbSession, insert_unless_there
from app.domain.errors import N_, NotFound, Stale
from app.domain.text import LANGUAGES, Localized, localized
from app.languages import translations
from app.models import Consent, Cycle, Enrolment, PrivacyNotice
from app.services.actor import SYSTEM, Actor
from app.services.rows import find, hold

_HOUSE = (
    N_(
        "The organizers of this cycle, who are named on its page, decide what is done with your "
        "data. Write to them with any question."
    ),
    N_(
        "When you enrol, we keep your name and e-mail address, the language and the time zone that "
        "you choose, and, if you give them, your country, institution, initiative and gender. We "
        "keep which version of this notice you agreed to, when, and in which language."
    ),
    N_(
        "While the cycle runs, we keep what you answer to invitations, when you join and check in, "
        "what organizers note of your attendance, what the meeting's report says of you (the name "
        "and address shown there, and when you came and left), your feedback (without your name "
        "where the form says so), your certificates, which mails we sent you, and mails that you "
        "send in answer to them."
    ),
    N_(
        "If you have a part in a session, your name, position and institution stand on the public "
        "programme, and participants see the slides that you give. Your biography, your photo and "
        "the hours when you cannot are for the organizers."
    ),
    N_(
        "We use it to hold the sessions, keep your calendar right, know who attended, issue "
        "certificates, and report numbers to those who carry the cycle. Nobody is shown "
        "advertising, and nothing is sold."
    ),
    N_(
        "The organizers and those who run this server see it. Others see your name on a "
        "certificate if they have its code, and otherwise numbers only."
    ),
)
_LIMITED = N_(
    "%(months)s months after the last session your details are erased; numbers stay, without your "
    "name, and so do certificates that hold, with the name on them."
)
_UNLIMITED = N_("Your details are kept until you or the organizers erase them.")
_RIGHTS = N_(
    "On your own page you can see all that is held about you, download it, and erase it at any "
    "time. Numbers stay then, without your name. You choose whether your certificate stays."
)


@dataclass(frozen=True, slots=True)
class Notice:
    """A version of a notice. `house`: the organizers have not written one of their own."""

    version: int
    texts: Localized
    fallback: str  # the cycle's language
    at: datetime | None = None  # since when it holds; None: not written down yet
    house: bool = False

    def in_language(self, language: str) -> tuple[str, str]:
        """The text for a reader, and the language in which it is."""
        text = localized(self.texts, language, self.fallback)
        codes = (language, self.fallback, *self.texts)
        return text, next((code for code in codes if self.texts.get(code)), self.fallback)


@dataclass(frozen=True, slots=True)
class Agreed:
    """A version, and how many of those enrolled have agreed to it and to no later one, by the
    language in which they read it."""

    notice: Notice
    by_language: Mapping[str, int]

    @property
    def count(self) -> int:
        """How many, in any language."""
        return sum(self.by_language.values())


def house_texts(months: int | None) -> dict[str, str]:
    """The house's notice in every language; `months` as in `Cycle.retention_months`."""
    found = {}
    for language in LANGUAGES:
        gettext = translations(language).gettext
        kept = gettext(_LIMITED) % {"months": months} if months else gettext(_UNLIMITED)
        said = [*(gettext(each) for each in _HOUSE), kept, gettext(_RIGHTS)]
        found[language] = "\n\n".join(said)
    return found


def notice_of(db: DbSession, cycle: Cycle) -> Notice:
    """The notice that holds. One query."""
    row = _row(db, cycle.id, cycle.privacy_version)
    texts, at = (row.texts, row.at) if row else (_texts(cycle), None)
    house = not any(cycle.privacy_notice.values())
    return Notice(cycle.privacy_version, texts, cycle.language, at, house)


def _texts(cycle: Cycle) -> dict[str, str]:
    own = {code: text for code, text in cycle.privacy_notice.items() if text}
    return own or house_texts(cycle.retention_months)


def notice_of_version(db: DbSession, cycle: Cycle, version: int) -> Notice:
    """A version, by its number. One query.

    Raises NotFound where there is none, or it was not written down: it is from before that was
    done."""
    if version == cycle.privacy_version:
        return notice_of(db, cycle)
    row = _row(db, cycle.id, version)
    if row is None:
        raise NotFound
    return Notice(row.version, row.texts, cycle.language, row.at)


def _row(db: DbSession, cycle_id: str, version: int) -> PrivacyNotice | None:
    query = select(PrivacyNotice).where(
        PrivacyNotice.cycle_id == cycle_id, PrivacyNotice.version == version
    )
    return db.exec(query).one_or_none() if 0 < version < 2**31 else None


def keep_notice(db: DbSession, actor: Actor, cycle: Cycle, at: datetime) -> None:
    """Writes down the version that holds, unless it is. The cycle is held, or new. One
    statement."""
    db.flush()  # the cycle may be as new
    row = PrivacyNotice(
        cycle_id=cycle.id,
        version=cycle.privacy_version,
        texts=_texts(cycle),
        at=at,
        recorded_by=actor.name if actor is not SYSTEM else "",
    )
    statement = insert_unless_there(db, PrivacyNotice, ["cycle_id", "version"])
    db.connection().execute(statement.values(row.model_dump()))


def renew(db: DbSession, actor: Actor, cycle: Cycle, at: datetime) -> None:
    """Makes what the notice says now another version. The cycle is held."""
    cycle.privacy_version += 1
    keep_notice(db, actor, cycle, at)


def consented(
    db: DbSession, cycle: Cycle, enrolment: Enrolment, language: str, at: datetime
) -> None:
    """Notes that somebody agrees to the notice that holds, which they read in this language, or in
    the one in which there is one. The cycle is held; the enrolment may be a new one."""
    notice = notice_of(db, cycle)
    if notice.at is None:
        keep_notice(db, SYSTEM, cycle, at)
    read_in = notice.in_language(language)[1]
    db.add(enrolment)
    enrolment.consent_at = at
    enrolment.consent_version = notice.version
    enrolment.consent_language = read_in
    db.flush()
    db.add(Consent(enrolment_id=enrolment.id, version=notice.version, language=read_in, at=at))
    db.flush()


def agree(
    db: DbSession, enrolment: Enrolment, version: int, language: str, at: datetime
) -> Enrolment:
    """A participant agrees, on their own page, to the version that they were shown. Twice is once.

    Raises Stale where another one holds by now.
    """
    cycle = hold(db, Cycle, enrolment.cycle_id)
    db.refresh(enrolment, ["consent_at", "consent_version", "consent_language"])
    if version != cycle.privacy_version:
        raise Stale
    if enrolment.consent_at is None or enrolment.consent_version != version:
        consented(db, cycle, enrolment, language, at)
    return enrolment


def versions(db: DbSession, actor: Actor, cycle_id: str) -> list[Agreed]:
    """The versions of a cycle's notice, the newest first, each with how many have agreed to it.
    Three queries.

    Those who agreed to a version that was not written down are counted at it, with no text. Raises
    NotFound.
    """
    cycle = find(db, Cycle, cycle_id)
    rows = db.exec(select(PrivacyNotice).where(PrivacyNotice.cycle_id == cycle_id)).all()
    found = {row.version: Notice(row.version, row.texts, cycle.language, row.at) for row in rows}
    holds = cycle.privacy_version
    found[holds] = notice_of(db, cycle)
    counts: dict[int, dict[str, int]] = {version: {} for version in found}
    query = (
        select(Enrolment.consent_version, Enrolment.consent_language, func.count())
        .where(Enrolment.cycle_id == cycle_id, col(Enrolment.consent_at).is_not(None))
        .group_by(col(Enrolment.consent_version), col(Enrolment.consent_language))
    )
    for version, language, count in db.exec(query):
        found.setdefault(version, Notice(version, {}, cycle.language))
        counts.setdefault(version, {})[language] = count
    return [Agreed(found[each], counts[each]) for each in sorted(found, reverse=True)]


def not_agreed(db: DbSession, cycle_id: str) -> int:
    """How many who are enrolled have agreed to no version: they were added by hand. One query."""
    query = select(func.count()).where(
        col(Enrolment.cycle_id) == cycle_id, col(Enrolment.consent_at).is_(None)
    )
    return db.exec(query).one()
