"""What can go wrong in the words of the trade; one table in `web.problems` maps each to a status.

Sentences are English and marked for translation; whoever shows them translates first and fills the
placeholders afterwards, so a name with a ``%`` in it stays a name.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass


def N_(sentence: str) -> str:  # noqa: N802 (gettext's name for "translate later")
    """Marks a sentence for translation where it is written but not yet shown."""
    return sentence


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field that was not right. `field` is a path: ``title.es``, ``segments.2.minutes``."""

    field: str
    sentence: str
    params: Mapping[str, object] = dataclasses.field(default_factory=dict)
    code: str = "invalid"


class DomainError(Exception):
    """Something that a person or a program can understand and mend."""

    code = "error"
    sentence = N_("That did not work.")

    def __init__(self, sentence: str = "", *, code: str = "", **params: object) -> None:
        self.sentence = sentence or type(self).sentence
        self.code = code or type(self).code
        self.params = params
        super().__init__(self.sentence % params if params else self.sentence)


class Invalid(DomainError):
    """Input that cannot be taken, field by field."""

    code = "invalid"
    sentence = N_("Some of what was entered is not right.")

    def __init__(self, *fields: FieldError, sentence: str = "", code: str = "") -> None:
        super().__init__(sentence, code=code)
        self.fields = fields

    @classmethod
    def one(cls, name: str, sentence: str, *, code: str = "invalid", **params: object) -> "Invalid":
        """The usual case: one field."""
        return cls(FieldError(name, sentence, params, code))


class NotFound(DomainError):
    """There is no such thing, or it is not this actor's business."""

    code = "not_found"
    sentence = N_("There is nothing at this address.")


class Gone(DomainError):
    """There was such a thing; it has expired or was revoked."""

    code = "gone"
    sentence = N_("This link has expired.")
    way = ""  # the path of a page that sends another


class Clash(DomainError):
    """It cannot be done while something else is as it is (a slug taken, errors in a schedule)."""

    code = "conflict"
    sentence = N_("This cannot be done as things stand.")


class Stale(DomainError):
    """Somebody else changed it in the meantime."""

    code = "stale"
    sentence = N_("Somebody changed this in the meantime.")


class TooOften(DomainError):
    """It was tried too often; after so many seconds (the parameter ``seconds``) it may be again."""

    code = "too_many"
    sentence = N_("That was tried too often. Please wait a little.")


class NotSignedIn(DomainError):
    """Nobody is signed in, or the token is not known."""

    code = "not_signed_in"
    sentence = N_("Please sign in.")


class NotAllowed(DomainError):
    """Signed in, but not for this."""

    code = "not_allowed"
    sentence = N_("You may not do this.")
    role = ""  # that they have in the cycle it is about, if any
    owners: tuple[str, ...] = ()  # the names of those to ask


SHUT_OUT = (NotSignedIn, NotAllowed)
"""Where these come out of a deed, whoever began it was let in and is shut out by now: they are not
answered with the page that it was begun on."""


class Full(DomainError):
    """The disk has no space left."""

    code = "no_space"
    sentence = N_(
        "There is no space left on this server, so nothing of this was kept. "
        "Please tell the organizers, and try again later."
    )


class Unwritable(Full):
    """The disk, or our folder on it, cannot be written to."""

    code = "cannot_write"
    sentence = N_(
        "Nothing can be kept on this server at the moment, so nothing of this was. "
        "Please tell the organizers, and try again later."
    )


class Busy(DomainError):
    """The database is locked or away; trying again helps."""

    code = "busy"
    sentence = N_("Convoca is busy at the moment. Please try again in a few seconds.")
