"""Shows what the rules found: conflicts and changes in the reader's language and zone."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from babel import dates

from app.domain import words
from app.domain.change_values import IN_LANGUAGE, NOTHING, Change
from app.domain.conflict_values import Conflict, Ref, RefKind
from app.domain.errors import N_
from app.domain.schedule import InstitutionRole
from app.domain.sentences import Country, Language, Moment, Value, Words, fill
from app.languages import (
    babel_locale,
    country_name,
    date_long,
    time_of_day,
    translations,
    zone_label,
)
from app.schemas.cycle import ConflictOut

NAMES: Mapping[Any, str] = {
    **words.ROLES,
    **words.SEGMENTS,
    **words.SESSIONS,
    InstitutionRole.ORGANIZER: N_("organizer"),
    InstitutionRole.PARTNER: N_("partner"),
    InstitutionRole.SUPPORTER: N_("supporter"),
}


def _institution(role: InstitutionRole, language: str) -> str:
    """An institution's role; as a host it is named otherwise than a person who is one."""
    speak = translations(language)
    if role is InstitutionRole.HOST:
        return speak.pgettext("institution", "host")
    return speak.gettext(NAMES[role])


@dataclass(frozen=True, slots=True)
class Presenter:
    """Puts values into sentences for one reader. Times are told by the clock of their `zone` first,
    where one is given; else only by that of the zone that stands with the time."""

    language: str
    zone: str = ""

    def gettext(self, text: str) -> str:
        """The reader's gettext."""
        return translations(self.language).gettext(text)

    def ngettext(self, one: str, many: str, number: int) -> str:
        """The reader's ngettext."""
        return translations(self.language).ngettext(one, many, number)

    def say(self, thing: Conflict | Change) -> str:
        """The sentence about a conflict or a change. What changed only in other languages than the
        reader's is said of each of those."""
        if isinstance(thing, Change) and not self.concerns(thing):
            message = self.gettext(IN_LANGUAGE[thing.code])
            told: list[dict[str, Value]] = [
                {"language": Language(code), "was": was or NOTHING, "now": now or NOTHING}
                for code, was, now in thing.texts_in(self.language)
            ]
            return " ".join(fill(message, {**thing.params, **each}, self.present) for each in told)
        return fill(self.gettext(thing.message), thing.params, self.present)

    def concerns(self, change: Change) -> bool:
        """Whether those who read in this language see a difference."""
        return all(not code for code, _, _ in change.texts_in(self.language))

    def present(self, value: Value) -> str:
        """One value as the reader says it."""
        match value:
            case InstitutionRole():
                return _institution(value, self.language)
            case StrEnum():
                return self.gettext(NAMES[value]) if value in NAMES else str(value)
            case Words():
                return value.in_language(self.language)
            case Moment():
                return self._moment(value)
            case Country():
                return country_name(value.code, self.language) if value.code else NOTHING
            case Language():
                return str(babel_locale(self.language).languages.get(value.code, value.code))
            case timedelta():
                minutes = value // timedelta(minutes=1)
                words = self.ngettext("%(minutes)s minute", "%(minutes)s minutes", minutes)
                return words % {"minutes": minutes}
            case date():
                return dates.format_date(value, "long", locale=babel_locale(self.language))
            case _:
                return str(value)

    def _moment(self, moment: Moment) -> str:
        home = moment.zone
        here = home if moment.only else self.zone or home
        first, said = self._hours(moment, here)
        home_first, at_home = self._hours(moment, home)
        label = zone_label(here, self.language)
        if (first, said) == (home_first, at_home):
            return f"{first}, {said}, {label}"
        day = "" if first == home_first else f"{home_first}, "
        return f"{first}, {said}, {label} / {day}{at_home}, {zone_label(home, self.language)}"

    def _hours(self, moment: Moment, zone: str) -> tuple[str, str]:
        first = date_long(moment.starts, self.language, zone)
        last = date_long(moment.ends, self.language, zone)
        until = time_of_day(moment.ends, zone)
        hours = f"{time_of_day(moment.starts, zone)}–{until if first == last else ''}"
        return first, hours if first == last else f"{hours}{last}, {until}"

    def conflict(self, conflict: Conflict, cycle_href: str) -> dict[str, Any]:
        """What components/conflict.html takes; the link leads to the row."""
        anchor = f"#segment-{conflict.segment_id}" if conflict.segment_id else ""
        return {
            "severity": conflict.severity.value,
            "sentence": self.say(conflict),
            "hint": self.gettext(conflict.hint),
            "href": f"{cycle_href}/sessions/{conflict.session_number}{anchor}",
            "link": "",
        }

    def conflict_out(self, conflict: Conflict) -> ConflictOut:
        """A conflict for programs."""
        sessions = [
            ref.id
            for ref in (conflict.subject, conflict.other)
            if ref is not None and ref.kind is RefKind.SESSION
        ]
        return ConflictOut(
            code=conflict.code.value,
            severity=conflict.severity.value,
            message=self.say(conflict),
            hint=self.gettext(conflict.hint),
            session_number=conflict.session_number,
            session_id=sessions[0] if sessions else None,
            segment_id=conflict.segment_id,
            subject=self._ref(conflict.subject),
            other=self._ref(conflict.other) if conflict.other else None,
        )

    def _ref(self, ref: Ref) -> dict[str, str]:
        return {"kind": ref.kind.value, "id": ref.id, "name": self.present(ref.label)}
