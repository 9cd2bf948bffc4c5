"""What a certificate looks like, as plain values; what it says is in `domain.certificates`."""

from dataclasses import dataclass, field

from app.domain.errors import N_
from app.domain.text import Localized
from app.typesetting import Unprintable as Unprintable

TEMPLATES = {"classic": N_("Classic"), "modern": N_("Modern"), "plain": N_("Plain")}
"""The designs that there are, each a file in templates/certificates, with their names."""

MOST_LOGOS = 6
MOST_SIGNATORIES = 4
LONGEST_TITLE = 80  # characters
LONGEST_STATEMENT = 600
LONGEST_NAME = 120  # of somebody who signs
LONGEST_POSITION = 200


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that `pictures.picture_from` looked through. `kind`: png, jpg or svg; `ratio`: its
    width by its height; `alt`: what it shows, in words, for those who do not see it."""

    kind: str
    data: bytes = field(repr=False)
    ratio: float
    alt: str = ""


@dataclass(frozen=True, slots=True)
class Signatory:
    """Somebody who signs; `position` by language."""

    name: str
    position: Localized = field(default_factory=dict)
    signature: Picture | None = None


@dataclass(frozen=True, slots=True)
class Design:
    """How the certificates of a cycle look. `designs.check` says whether it can be used.

    `title` and `statement` by language; where there is none in the holder's, the house's stand
    there. A statement may hold the placeholders of `designs.PLACEHOLDERS`. `accent`: "#rrggbb",
    empty for the house's; made darker where it could not be read on white.
    """

    template: str = "classic"
    title: Localized = field(default_factory=dict)
    statement: Localized = field(default_factory=dict)
    logos: tuple[Picture, ...] = ()
    signatories: tuple[Signatory, ...] = ()
    accent: str = ""
