"""What a change between two schedules is, and what is said about each kind of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from app.domain.errors import N_
from app.domain.sentences import Params, Words


class Code(StrEnum):
    """Every kind of change that somebody who reads the schedule can see."""

    CYCLE_RETITLED = "cycle_retitled"
    CYCLE_DESCRIPTION = "cycle_description"
    CYCLE_ZONE = "cycle_zone"
    INSTITUTION_ADDED = "institution_added"
    INSTITUTION_REMOVED = "institution_removed"
    SESSION_ADDED = "session_added"
    SESSION_REMOVED = "session_removed"
    SESSION_CANCELLED = "session_cancelled"
    SESSION_REINSTATED = "session_reinstated"
    SESSION_RENUMBERED = "session_renumbered"
    SESSION_MOVED = "session_moved"
    SESSION_LENGTH = "session_length"
    SESSION_ZONE = "session_zone"
    SESSION_CLOCK = "session_clock"
    SESSION_SHIFTED = "session_shifted"
    SESSION_RETITLED = "session_retitled"
    SESSION_DESCRIPTION = "session_description"
    AGENDA_REORDERED = "agenda_reordered"
    SEGMENT_ADDED = "segment_added"
    SEGMENT_REMOVED = "segment_removed"
    SEGMENT_MOVED = "segment_moved"
    SEGMENT_LENGTHENED = "segment_lengthened"
    SEGMENT_SHORTENED = "segment_shortened"
    SEGMENT_RETITLED = "segment_retitled"
    SEGMENT_KIND = "segment_kind"
    PARTS_REORDERED = "parts_reordered"
    PART_ADDED = "part_added"
    PART_REMOVED = "part_removed"
    PART_ROLE = "part_role"
    PART_NAME = "part_name"
    PART_POSITION = "part_position"
    PART_INSTITUTION = "part_institution"
    PART_COUNTRY = "part_country"


SENTENCES: Mapping[Code, str] = {
    Code.CYCLE_RETITLED: N_("The cycle is now called “%(now)s” (before: “%(was)s”)."),
    Code.CYCLE_DESCRIPTION: N_("The cycle has a new description."),
    Code.CYCLE_ZONE: N_("The cycle's home time zone is now %(now)s (before: %(was)s)."),
    Code.INSTITUTION_ADDED: N_("%(institution)s is now in the cycle as %(role)s."),
    Code.INSTITUTION_REMOVED: N_("%(institution)s is no longer in the cycle as %(role)s."),
    Code.SESSION_ADDED: N_("Session %(number)s, “%(session)s”, is new: %(when)s."),
    Code.SESSION_REMOVED: N_("Session %(number)s, “%(session)s”, %(when)s, is no longer there."),
    Code.SESSION_CANCELLED: N_("Session %(number)s, “%(session)s”, %(when)s, is cancelled."),
    Code.SESSION_REINSTATED: N_(
        "Session %(number)s, “%(session)s”, takes place after all: %(when)s."
    ),
    Code.SESSION_RENUMBERED: N_("“%(session)s” is now session %(number)s (before: %(was)s)."),
    Code.SESSION_MOVED: N_("Session %(number)s is now on %(now)s (before: %(was)s)."),
    Code.SESSION_LENGTH: N_("Session %(number)s now takes %(now)s (before: %(was)s)."),
    Code.SESSION_ZONE: N_(
        "Session %(number)s is now planned in the time zone %(now)s (before: %(was)s)."
    ),
    Code.SESSION_CLOCK: N_(
        "The clock time of session %(number)s is written anew; the moment stays the same."
    ),
    Code.SESSION_SHIFTED: N_(
        "The rules for the clocks in %(zone)s have changed. Session %(number)s stays at its hour "
        "there; elsewhere it is now on %(now)s (before: %(was)s)."
    ),
    Code.SESSION_RETITLED: N_("Session %(number)s is now called “%(now)s” (before: “%(was)s”)."),
    Code.SESSION_DESCRIPTION: N_("Session %(number)s has a new description."),
    Code.AGENDA_REORDERED: N_("The agenda of session %(number)s has another order."),
    Code.SEGMENT_ADDED: N_("Session %(number)s: “%(segment)s” is new, %(when)s."),
    Code.SEGMENT_REMOVED: N_("Session %(number)s: “%(segment)s” is no longer in the agenda."),
    Code.SEGMENT_MOVED: N_(
        "Session %(number)s: “%(segment)s” is now at %(now)s (before: %(was)s)."
    ),
    Code.SEGMENT_LENGTHENED: N_(
        "Session %(number)s: “%(segment)s” is longer, %(now)s (before: %(was)s)."
    ),
    Code.SEGMENT_SHORTENED: N_(
        "Session %(number)s: “%(segment)s” is shorter, %(now)s (before: %(was)s)."
    ),
    Code.SEGMENT_RETITLED: N_("Session %(number)s: “%(was)s” is now called “%(now)s”."),
    Code.SEGMENT_KIND: N_(
        "Session %(number)s: “%(segment)s” is now of the kind %(now)s (before: %(was)s)."
    ),
    Code.PARTS_REORDERED: N_(
        "Session %(number)s: the people in “%(segment)s” are named in another order."
    ),
    Code.PART_ADDED: N_("Session %(number)s: %(person)s is now in “%(segment)s” as %(role)s."),
    Code.PART_REMOVED: N_(
        "Session %(number)s: %(person)s is no longer in “%(segment)s” as %(role)s."
    ),
    Code.PART_ROLE: N_(
        "Session %(number)s: %(person)s is now %(now)s in “%(segment)s” (before: %(was)s)."
    ),
    Code.PART_NAME: N_("Session %(number)s: %(was)s in “%(segment)s” is now called %(now)s."),
    Code.PART_POSITION: N_(
        "Session %(number)s: the position of %(person)s in “%(segment)s” is now “%(now)s” "
        "(before: “%(was)s”)."
    ),
    Code.PART_INSTITUTION: N_(
        "Session %(number)s: the institution of %(person)s in “%(segment)s” is now “%(now)s” "
        "(before: “%(was)s”)."
    ),
    Code.PART_COUNTRY: N_(
        "Session %(number)s: the country of %(person)s in “%(segment)s” is now %(now)s "
        "(before: %(was)s)."
    ),
}
"""What is said, to be filled in with the change's `params`."""

IN_LANGUAGE: Mapping[Code, str] = {
    Code.CYCLE_RETITLED: N_(
        "The cycle is now called “%(now)s” in %(language)s (before: “%(was)s”)."
    ),
    Code.CYCLE_DESCRIPTION: N_("The cycle has a new description in %(language)s."),
    Code.SESSION_RETITLED: N_(
        "Session %(number)s is now called “%(now)s” in %(language)s (before: “%(was)s”)."
    ),
    Code.SESSION_DESCRIPTION: N_("Session %(number)s has a new description in %(language)s."),
}
"""The same of a text that is as before in the reader's language and another in this one."""

NOTHING = "—"
"""Stands in a sentence where there was no text, or is none now."""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two schedules. Empty ids: it does not concern one.

    `session_number` is the number now, or the last one of a session that is gone.
    """

    code: Code
    session_id: str = ""
    session_number: int | None = None
    segment_id: str = ""
    person_id: str = ""
    params: Params = field(default_factory=dict)

    def texts_in(self, language: str) -> tuple[tuple[str, str, str], ...]:
        """Of a change of texts: languages in which they are different, each with the text before
        and now. Only `language` itself if its readers see a difference, under the empty name;
        empty texts are possible. Nothing where other things than texts have changed.
        """
        was, now = self.params.get("was"), self.params.get("now")
        if not isinstance(was, Words) or not isinstance(now, Words):
            return ()
        seen = was.in_language(language), now.in_language(language)
        if seen[0] != seen[1]:
            return (("", *seen),)
        return tuple(
            (code, was.text.get(code, ""), now.text.get(code, ""))
            for code in dict.fromkeys((*was.text, *now.text))
            if was.text.get(code, "") != now.text.get(code, "")
        )

    @property
    def message(self) -> str:
        """The sentence, English and not filled in: translate it, then fill in `params`."""
        return SENTENCES[self.code]
