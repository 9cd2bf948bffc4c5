"""Releases for people: what would change, session by session, in sentences."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.domain.change_values import Change
from app.domain.conflict_values import Code, Conflict
from app.domain.schedule import Schedule
from app.domain.text import localized
from app.domain.zone_shifts import shifts
from app.domain.zones import zone_data_version
from app.services.publishing import Preview
from app.web.sentences import Presenter
from app.web.zone_shifts import shift_lines


@dataclass(frozen=True, slots=True)
class Group:
    """What changes in one session; `number` None: in the cycle itself."""

    number: int | None
    title: str
    sentences: tuple[str, ...]


def groups(changes: Iterable[Change], schedule: Schedule, presenter: Presenter) -> list[Group]:
    """The changes in words, those of one session together, in the order in which they come."""
    found: dict[int | None, list[str]] = {}
    for change in changes:
        found.setdefault(change.session_number, []).append(presenter.say(change))
    titles = {
        s.number: localized(s.title, presenter.language, schedule.language)
        for s in schedule.sessions
    }
    return [
        Group(number, titles.get(number, "") if number is not None else "", tuple(sentences))
        for number, sentences in found.items()
    ]


def conflict_items(
    conflicts: Iterable[Conflict], presenter: Presenter, cycle_href: str
) -> list[dict[str, Any]]:
    """What components/conflict.html takes, each with the way to where it is mended."""
    gettext = presenter.gettext
    found = []
    for conflict in conflicts:
        item = presenter.conflict(conflict, cycle_href)
        item["link"] = gettext("Open session %(number)s") % {"number": conflict.session_number}
        if conflict.code is Code.LINK_MISSING:
            item["href"] += "#meeting_url"
        found.append(item)
    return found


def context(preview: Preview, language: str, cycle_href: str, now: datetime) -> dict[str, Any]:
    """What templates/organize/publish.html shows of what publishing would do."""
    presenter = Presenter(language)
    over = {s.number for s in preview.next_schedule.sessions if s.ends <= now}
    to_come = [c for c in preview.conflicts if c.session_number not in over]
    return {
        "preview": preview,
        "zone_shifts": shift_lines(shifts(preview.before, preview.next_schedule, now), presenter),
        "zone_data": zone_data_version(),
        "groups": groups(preview.changes, preview.next_schedule, presenter),
        "to_come": conflict_items(to_come, presenter, cycle_href),
        "conflict_errors": conflict_items(preview.errors, presenter, cycle_href),
        "conflict_warnings": conflict_items(preview.warnings, presenter, cycle_href),
    }
