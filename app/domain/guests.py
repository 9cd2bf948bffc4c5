"""How somebody is written to: one rule for every mail and every calendar of theirs."""

from typing import NamedTuple

from app.domain.text import LANGUAGES
from app.domain.zones import zone_names


class Manner(NamedTuple):
    """A name, a language and an IANA zone, as one place has them; empty: it was never said."""

    name: str = ""
    language: str = ""
    zone: str = ""


def written_to(
    person: Manner, enrolment: Manner | None, cycle: Manner, *, participates: bool
) -> Manner:
    """How a guest is written to, each of the three by itself: as they said on enrolling, else as
    they are in the directory, else as the cycle has it. Anybody can enrol an address, so before
    that is confirmed, and after they withdrew, the directory goes first, and it alone has their
    name. What is no language or zone of ours counts as not said.
    """
    said = enrolment or Manner()
    if not participates:
        said = said._replace(name="")
    places = (said, person, cycle) if participates else (person, said, cycle)
    return Manner(
        name=next((place.name for place in places if place.name), ""),
        language=next((p.language for p in places if p.language in LANGUAGES), LANGUAGES[0]),
        zone=next((p.zone for p in places if p.zone in zone_names()), "UTC"),
    )
