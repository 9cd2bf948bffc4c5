"""Releases for people: what would change, session by session, in sentences."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.domain.change_values import Change, Code
from app.domain.conflict_values import Code as ConflictCode
from app.domain.conflict_values import Conflict
from app.domain.errors import N_
from app.domain.invitations import Why
from app.domain.schedule import Schedule
from app.domain.text import LANGUAGES, localized
from app.domain.zone_shifts import shifts
from app.domain.zones import zone_data_version
from app.languages import OWN_NAMES
from app.services.concerned import Concerned, concerned_by, untold
from app.services.invitations import tally
from app.services.ledger import Plan
from app.services.outbox import INVITATION
from app.services.publishing import Preview
from app.services.releases import Outcome
from app.web.sentences import Presenter
from app.web.zone_shifts import shift_lines


@dataclass(frozen=True, slots=True)
class Texts:
    """A long text before and now; `language`: which one, "" for the reader's."""

    language: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Told:
    """A change in words; of a long text, also the text."""

    sentence: str
    texts: tuple[Texts, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """What changes in one session; `number` None: in the cycle itself."""

    number: int | None
    title: str
    told: tuple[Told, ...]


_LONG = (Code.CYCLE_DESCRIPTION, Code.SESSION_DESCRIPTION)


def groups(
    changes: Iterable[Change],
    schedule: Schedule,
    presenter: Presenter,
    *,
    every_language: bool = True,
) -> list[Group]:
    """The changes in words, those of one session together, in the order in which they come.

    Without `every_language` those are left out that readers of the presenter's do not see."""
    found: dict[int | None, list[Told]] = {}
    for change in changes:
        if every_language or presenter.concerns(change):
            found.setdefault(change.session_number, []).append(_told(change, presenter))
    titles = {
        s.number: localized(s.title, presenter.language, schedule.language)
        for s in schedule.sessions
    }
    return [
        Group(number, titles.get(number, "") if number is not None else "", tuple(told))
        for number, told in found.items()
    ]


def _told(change: Change, presenter: Presenter) -> Told:
    texts = change.texts_in(presenter.language) if change.code in _LONG else ()
    shown = [Texts(code, was, now) for code, was, now in texts]
    return Told(presenter.say(change), tuple(shown))


def conflict_items(
    conflicts: Iterable[Conflict], presenter: Presenter, cycle_href: str
) -> list[dict[str, Any]]:
    """What components/conflict.html takes, each with the way to where it is mended."""
    gettext = presenter.gettext
    found = []
    for conflict in conflicts:
        item = presenter.conflict(conflict, cycle_href)
        item["link"] = gettext("Open session %(number)s") % {"number": conflict.session_number}
        if conflict.code is ConflictCode.LINK_MISSING:
            item["href"] += "#meeting_url"
        found.append(item)
    return found


def context(
    preview: Preview, language: str, zone: str, cycle_href: str, now: datetime
) -> dict[str, Any]:
    """What templates/organize/publish.html shows of what publishing would do; `zone` is the
    reader's, "" where it is not known."""
    presenter = Presenter(language)
    over = {s.number for s in preview.next_schedule.sessions if s.ends <= now}
    to_come = [c for c in preview.conflicts if c.session_number not in over]
    return {
        "preview": preview,
        "zone_shifts": shift_lines(shifts(preview.before, now), presenter),
        "zone_data": zone_data_version(),
        "groups": groups(preview.changes, preview.next_schedule, Presenter(language, zone)),
        "to_come": conflict_items(to_come, presenter, cycle_href),
        "conflict_errors": conflict_items(preview.errors, presenter, cycle_href),
        "conflict_warnings": conflict_items(preview.warnings, presenter, cycle_href),
    }


@dataclass(frozen=True, slots=True)
class Line:
    """Somebody whom a release concerns: what they get for which sessions, in words, each with the
    session's id."""

    person_id: str
    name: str
    address: str
    says: tuple[tuple[str, str], ...]
    wrong: bool  # without it their calendar would say something that is not so


WHY = {
    Why.NEW: N_("Session %(number)s: invitation"),
    Why.CHANGED: N_("Session %(number)s: update"),
    Why.BACK: N_("Session %(number)s: invitation again"),
    Why.ADDRESS: N_("Session %(number)s: to the new address"),
    Why.CANCELLED: N_("Session %(number)s: cancelled"),
    Why.LEFT: N_("Session %(number)s: no longer in it"),
}
KINDS = {
    "invitation": N_("Invitations"),
    "invitation-update": N_("Updates"),
    "invitation-cancel": N_("Cancellations"),
}
MOST_NAMED = 100
"""So many of those concerned are named on the page; others are left out by address."""


def reach_context(
    planned: Plan, schedule: Schedule, language: str, now: datetime
) -> dict[str, Any]:
    """What templates/organize/_reach.html shows of who is told what."""
    concerned = concerned_by(planned)
    counts = tally(planned)
    return {
        "mails": counts.total(),
        "only_invitations": all(kind == INVITATION for kind, _ in counts),
        "kinds": kind_counts(counts, language),
        "concerned": lines(concerned[:MOST_NAMED], language),
        "concerned_count": len(concerned),
        "wrong_count": sum(who.wrong for who in concerned),
        "without_address": [reader.name for reader in untold(planned, schedule, now)],
    }


def kinds_of(planned: Plan, language: str) -> list[tuple[str, int, list[tuple[str, int]]]]:
    """How many mails a plan takes, of which kind, in which language, in words."""
    return kind_counts(tally(planned), language)


def lines(concerned: Iterable[Concerned], language: str) -> list[Line]:
    """What each of them gets, in words."""
    gettext = Presenter(language).gettext
    return [
        Line(
            who.reader.guest.person_id,
            who.reader.name,
            who.reader.guest.address,
            tuple(
                (gettext(WHY[due.why]) % {"number": due.session.number}, due.session.id)
                for due in who.due
                if not due.to_old_address
            ),
            who.wrong,
        )
        for who in concerned
    ]


def outcome_words(outcome: Outcome, language: str) -> str:
    """What publishing has done: so many changes, mails, people left out."""
    say = Presenter(language)
    changes, mails, left_out = outcome.changes, outcome.mails, outcome.left_out
    said = say.ngettext(
        "%(count)s change is published. Everybody sees it now.",
        "%(count)s changes are published. Everybody sees them now.",
        changes,
    ) % {"count": changes}
    if outcome.number == 1:
        said = say.gettext("The cycle is published. Everybody sees it now.")
    if mails:
        words = say.ngettext(
            "%(count)s mail is on its way.", "%(count)s mails are on their way.", mails
        )
        said += " " + words % {"count": mails}
    if left_out:
        words = say.ngettext(
            "%(count)s person was left out.", "%(count)s people were left out.", left_out
        )
        said += " " + words % {"count": left_out}
    return said


def kind_counts(
    counts: Counter[tuple[str, str]], language: str
) -> list[tuple[str, int, list[tuple[str, int]]]]:
    """How many mails of which kind in which language, in words."""
    gettext = Presenter(language).gettext
    found = []
    for kind, words in KINDS.items():
        total = sum(n for (each, _), n in counts.items() if each == kind)
        by_language = [
            (OWN_NAMES[code], counts[kind, code]) for code in LANGUAGES if counts[kind, code]
        ]
        if total:
            found.append((gettext(words), total, by_language))
    return found
