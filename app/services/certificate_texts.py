"""What all certificates of a cycle say besides the holder's name, looked at before any is issued:
a text that no typeface has would be frozen into certificates that nobody can open."""

from collections.abc import Iterable
from dataclasses import dataclass

from app.certificates.setting import unprintable
from app.certificates.values import Unprintable
from app.db import DbSession
from app.domain.erased import NAMELESS
from app.domain.errors import N_
from app.domain.text import localized
from app.models import Enrolment
from app.services.certificate_designs import newest
from app.services.certificate_drafts import Drafting


@dataclass(frozen=True, slots=True)
class Unset:
    """A text of the certificates in one language, and its characters for which there is no
    typeface. `what` is to be translated."""

    language: str
    what: str
    characters: str


def unset(db: DbSession, plan: Drafting, languages: Iterable[str]) -> list[Unset]:
    """What certificates in these languages would say and nobody can print, by language. One
    query."""
    wanted = sorted(set(languages))
    design = newest(db, plan.known.cycle.id) if wanted else None
    found = []
    for language in wanted:
        texts = {
            N_("Training cycle"): plan.title(language),
            N_("Organized by"): "".join(plan.organizers),
            N_("What it took"): plan.rule_in_words(language),
        }
        if design is not None:
            people = design.signatories
            positions = (localized(each["position"], language, "") for each in people)
            texts |= {
                N_("Title"): design.title.get(language, ""),
                N_("What is certified"): design.statement.get(language, ""),
                N_("Who signs"): "".join((*(each["name"] for each in people), *positions)),
            }
        found += [
            Unset(language, what, missing)
            for what, text in texts.items()
            if (missing := unprintable(text))
        ]
    return found


def cannot_bear(name: str) -> str:
    """The characters of a name that cannot be set; of a name that was erased, what stands there."""
    return NAMELESS if name == NAMELESS else unprintable(name)


def refuse_unprintable(db: DbSession, plan: Drafting, enrolment: Enrolment) -> None:
    """Raises Unprintable for a certificate that could not be set: its name, or a text. One
    query."""
    texts = unset(db, plan, [enrolment.language])
    name = cannot_bear(enrolment.name)
    missing = name or unprintable("".join(each.characters for each in texts))
    if missing:
        raise Unprintable(missing)
